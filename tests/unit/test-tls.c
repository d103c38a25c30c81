/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who is believed to be a server of this site: every rule broken once, and
 * connections to a real TLS server in a thread.
 */
#include <netinet/in.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "core/wire/http-client.h"
#include "tests/unit/certificate-fixture.h"

#define SITE_BEGINS_S 1700000000
#define LEAF_ENDS_S 1800000000
#define CA_ENDS_S 2500000000
#define NOW_S 1750000000

struct site {
    struct certificate root, servers, engines, server, engine;
    struct trust trust;
};

static void make(struct certificate *ret, const char *name,
                 const struct certificate *issuer, const char *purpose,
                 const char *uri, int ca)
{
    struct certificate_spec spec = {
        .name = name,
        .issuer = issuer,
        .ca = ca,
        .purpose = purpose,
        .uri = uri,
        .begins_s = SITE_BEGINS_S,
        .ends_s = ca ? CA_ENDS_S : LEAF_ENDS_S,
    };
    certificate_make(&spec, ret);
}

static int site_setup(void **state)
{
    struct site *site = calloc(1, sizeof(*site));

    make(&site->root, "root", NULL, NULL, NULL, 1);
    make(&site->servers, "servers", &site->root, GNUTLS_KP_TLS_WWW_SERVER, NULL,
         1);
    make(&site->engines, "engines", &site->root, GNUTLS_KP_TLS_WWW_CLIENT, NULL,
         1);
    make(&site->server, "server", &site->servers, GNUTLS_KP_TLS_WWW_SERVER,
         "slipway:server:0123", 0);
    make(&site->engine, "engine", &site->engines, GNUTLS_KP_TLS_WWW_CLIENT,
         "slipway:engine:0123", 0);
    certificate_pin(&site->root, &site->trust.ca_pins[0]);
    site->trust.ca_pin_count = 1;
    site->trust.made_s = SITE_BEGINS_S;
    *state = site;
    return 0;
}

static int site_teardown(void **state)
{
    struct site *site = *state;

    certificate_free(&site->root);
    certificate_free(&site->servers);
    certificate_free(&site->engines);
    certificate_free(&site->server);
    certificate_free(&site->engine);
    free(site);
    return 0;
}

static int judge(const struct site *site, const struct certificate *leaf,
                 const struct certificate *middle,
                 const struct certificate *root, int64_t now_s, struct err *err)
{
    gnutls_datum_t chain[3] = {leaf->der, middle->der, root->der};

    return tls_verify_server(chain, 3, &site->trust, now_s, err);
}

static void refuse(const struct site *site, const struct certificate *leaf,
                   const struct certificate *middle,
                   const struct certificate *root, const char *sentence)
{
    struct err err = ERR_INIT;

    assert_int_equal(judge(site, leaf, middle, root, NOW_S, &err), ERR_DENIED);
    if (!strstr(err.text, sentence))
        fail_msg("'%s' does not say '%s'", err.text, sentence);
}

static void test_own_server_is_believed(void **state)
{
    struct site *site = *state;
    struct err err = ERR_INIT;

    assert_int_equal(
        judge(site, &site->server, &site->servers, &site->root, NOW_S, &err),
        0);
}

static void test_standby_pin_is_believed(void **state)
{
    struct site *site = *state;

    site->trust.ca_pins[1] = site->trust.ca_pins[0];
    memset(&site->trust.ca_pins[0], 7, sizeof(site->trust.ca_pins[0]));
    site->trust.ca_pin_count = 2;
    assert_int_equal(
        judge(site, &site->server, &site->servers, &site->root, NOW_S, NULL),
        0);
    site->trust.ca_pins[0] = site->trust.ca_pins[1];
}

static void test_other_authority_is_refused(void **state)
{
    struct site *site = *state;
    struct certificate root, servers, server;

    make(&root, "root", NULL, NULL, NULL, 1);
    make(&servers, "servers", &root, GNUTLS_KP_TLS_WWW_SERVER, NULL, 1);
    make(&server, "server", &servers, GNUTLS_KP_TLS_WWW_SERVER,
         "slipway:server:0123", 0);
    refuse(site, &server, &servers, &root, "belongs to another site");
    /* The pinned root in the chain does not make it sign anything. */
    refuse(site, &server, &servers, &site->root, "not signed");
    certificate_free(&server);
    certificate_free(&servers);
    certificate_free(&root);
}

static void test_engine_certificate_is_no_server(void **state)
{
    struct site *site = *state;
    struct certificate fake;

    refuse(site, &site->engine, &site->engines, &site->root, "not for servers");
    /* An engine authority that makes itself a server leaf. */
    make(&fake, "server", &site->engines, GNUTLS_KP_TLS_WWW_SERVER,
         "slipway:server:0123", 0);
    refuse(site, &fake, &site->engines, &site->root,
           "may not make server certificates");
    certificate_free(&fake);
}

static void test_leaf_must_name_a_server(void **state)
{
    struct site *site = *state;
    struct certificate leaf;

    make(&leaf, "server", &site->servers, GNUTLS_KP_TLS_WWW_SERVER, NULL, 0);
    refuse(site, &leaf, &site->servers, &site->root, "does not name");
    certificate_free(&leaf);
    make(&leaf, "server", &site->servers, GNUTLS_KP_TLS_WWW_SERVER,
         "https://example.org/slipway:server:1", 0);
    refuse(site, &leaf, &site->servers, &site->root, "does not name");
    certificate_free(&leaf);
    make(&leaf, "server", &site->servers, NULL, "slipway:server:1", 0);
    refuse(site, &leaf, &site->servers, &site->root, "not for servers");
    certificate_free(&leaf);
}

static void test_leaf_may_not_sign_a_leaf(void **state)
{
    struct site *site = *state;
    struct certificate leaf;

    make(&leaf, "server", &site->server, GNUTLS_KP_TLS_WWW_SERVER,
         "slipway:server:0123", 0);
    gnutls_datum_t chain[4] = {leaf.der, site->server.der, site->servers.der,
                               site->root.der};
    assert_int_equal(tls_verify_server(chain, 4, &site->trust, NOW_S, NULL),
                     ERR_DENIED);
    certificate_free(&leaf);
}

static void test_clock_of_1970_works(void **state)
{
    struct site *site = *state;

    assert_int_equal(
        judge(site, &site->server, &site->servers, &site->root, 0, NULL), 0);
}

static void test_clock_of_2099_is_named(void **state)
{
    struct site *site = *state;
    struct err err = ERR_INIT;

    assert_int_equal(judge(site, &site->server, &site->servers, &site->root,
                           4070908800, &err),
                     ERR_DENIED);
    assert_non_null(strstr(err.text, "this machine's clock says 2099-01-01"));
}

static void test_damaged_and_short_chains_are_refused(void **state)
{
    struct site *site = *state;
    uint8_t bytes[64] = {0};
    gnutls_datum_t junk = {bytes, sizeof(bytes)};
    gnutls_datum_t chain[3] = {junk, site->servers.der, site->root.der};

    assert_int_equal(tls_verify_server(chain, 3, &site->trust, NOW_S, NULL),
                     ERR_DENIED);
    assert_int_equal(
        tls_verify_server(&site->root.der, 1, &site->trust, NOW_S, NULL),
        ERR_DENIED);
    assert_int_equal(tls_verify_server(NULL, 0, &site->trust, NOW_S, NULL),
                     ERR_DENIED);
}

/* ---- a real server: answers `answers` requests, then ends ---- */

struct server {
    pthread_t thread;
    int fd;
    char name[SERVER_NAME_BYTES];
    const struct certificate *leaf;
    const struct site *site;
    const char *answer;
    bool close_after_each;
    unsigned connections;
    struct digest client_key; /* of the last one */
};

static void serve_one(struct server *server, gnutls_session_t session)
{
    char request[4096];
    unsigned count = 0;
    const gnutls_datum_t *chain = gnutls_certificate_get_peers(session, &count);
    gnutls_x509_crt_t cert;
    size_t size = sizeof(server->client_key.bytes);

    if (chain && gnutls_x509_crt_init(&cert) == 0) {
        (void)gnutls_x509_crt_import(cert, chain, GNUTLS_X509_FMT_DER);
        (void)gnutls_x509_crt_get_key_id(cert, GNUTLS_KEYID_USE_SHA256,
                                         server->client_key.bytes, &size);
        gnutls_x509_crt_deinit(cert);
    }
    while (gnutls_record_recv(session, request, sizeof(request)) > 0) {
        (void)gnutls_record_send(session, server->answer,
                                 strlen(server->answer));
        if (server->close_after_each)
            break;
    }
    (void)gnutls_bye(session, GNUTLS_SHUT_WR);
}

static void *serve(void *arg)
{
    struct server *server = arg;
    gnutls_certificate_credentials_t credentials;
    gnutls_x509_crt_t chain[3] = {server->leaf->cert,
                                  server->site->servers.cert,
                                  server->site->root.cert};

    (void)gnutls_certificate_allocate_credentials(&credentials);
    (void)gnutls_certificate_set_x509_key(credentials, chain, 3,
                                          server->leaf->key);
    for (;;) {
        int fd = accept(server->fd, NULL, NULL);
        gnutls_session_t session;
        if (fd < 0)
            break;
        (void)gnutls_init(&session, GNUTLS_SERVER | GNUTLS_NO_SIGNAL);
        (void)gnutls_priority_set_direct(session,
                                         "NORMAL:-VERS-ALL:+VERS-TLS1.3", NULL);
        (void)gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE,
                                     credentials);
        gnutls_certificate_server_set_request(session, GNUTLS_CERT_REQUEST);
        gnutls_transport_set_int(session, fd);
        if (gnutls_handshake(session) == 0) {
            server->connections++;
            serve_one(server, session);
        }
        gnutls_deinit(session);
        (void)close(fd);
    }
    gnutls_certificate_free_credentials(credentials);
    return NULL;
}

static void server_start(struct server *server)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(address);

    server->fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(server->fd >= 0);
    assert_int_equal(
        bind(server->fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(server->fd, 8), 0);
    assert_int_equal(
        getsockname(server->fd, (struct sockaddr *)&address, &size), 0);
    (void)snprintf(server->name, sizeof(server->name), "127.0.0.1:%u",
                   ntohs(address.sin_port));
    assert_int_equal(pthread_create(&server->thread, NULL, serve, server), 0);
}

static void server_stop(struct server *server)
{
    (void)shutdown(server->fd, SHUT_RDWR);
    (void)pthread_join(server->thread, NULL);
    (void)close(server->fd);
}

static int64_t fixed_wall_s(void *arg)
{
    (void)arg;
    return NOW_S;
}

struct outcome {
    struct loop *loop;
    unsigned left; /* answers that are still awaited */
    unsigned status;
    char body[64];
    struct err err;
};

static void on_done(void *arg, const struct http_response *response,
                    const struct err *err)
{
    struct outcome *outcome = arg;

    if (response) {
        outcome->status = response->status;
        (void)snprintf(outcome->body, sizeof(outcome->body), "%s",
                       buf_text(&response->body));
    } else {
        outcome->err = *err;
    }
    if (--outcome->left == 0)
        loop_stop(outcome->loop);
}

/* Sends `count` requests and waits for their ends. */
static void talk(struct server *server, unsigned count, size_t max_body,
                 struct outcome *outcome)
{
    struct err err = ERR_INIT;
    struct tls_identity *identity = tls_identity_new(&err);
    struct tls_settings settings = {.trust = &server->site->trust,
                                    .identity = identity,
                                    .wall_s = fixed_wall_s};
    struct loop *loop = loop_new(&seam_real, &err);
    struct http_client *client =
        http_client_new(loop, &settings, server->name, &err);
    struct http_request request = {.method = "GET",
                                   .path = "/x",
                                   .timeout_ms = 20000,
                                   .max_body_bytes = max_body};
    struct digest key;

    assert_non_null(client);
    *outcome = (struct outcome){.loop = loop, .left = count};
    for (unsigned i = 0; i < count; i++)
        assert_int_equal(
            http_client_send(client, &request, on_done, outcome, &err), 0);
    loop_run(loop);
    tls_identity_key(identity, &key);
    http_client_free(client);
    loop_free(loop);
    server_stop(server);
    if (outcome->status)
        assert_true(digest_equal(&key, &server->client_key));
    tls_identity_free(identity);
}

static void test_requests_share_a_connection(void **state)
{
    struct server server = {
        .site = *state,
        .leaf = &((struct site *)*state)->server,
        .answer = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"};
    struct outcome outcome;

    server_start(&server);
    talk(&server, 3, 100, &outcome);
    assert_int_equal(outcome.status, 200);
    assert_string_equal(outcome.body, "hello");
    assert_int_equal(server.connections, 1);
}

static void test_closed_connections_are_opened_again(void **state)
{
    struct server server = {
        .site = *state,
        .leaf = &((struct site *)*state)->server,
        .close_after_each = true,
        .answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"};
    struct outcome outcome;

    server_start(&server);
    talk(&server, 3, 100, &outcome);
    assert_int_equal(outcome.status, 200);
    assert_int_equal(server.connections, 3);
}

static void test_too_long_answers_are_refused(void **state)
{
    struct server server = {
        .site = *state,
        .leaf = &((struct site *)*state)->server,
        .answer = "HTTP/1.1 200 OK\r\nContent-Length: 101\r\n\r\n"};
    struct outcome outcome;

    server_start(&server);
    talk(&server, 1, 100, &outcome);
    assert_int_equal(outcome.err.code, ERR_TOO_BIG);
}

static void test_connection_to_an_engine_certificate_is_refused(void **state)
{
    struct site *site = *state;
    struct certificate leaf;
    struct server server = {
        .site = site,
        .leaf = &leaf,
        .answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"};
    struct outcome outcome;

    make(&leaf, "engine", &site->servers, GNUTLS_KP_TLS_WWW_CLIENT,
         "slipway:engine:1", 0);
    server_start(&server);
    talk(&server, 1, 100, &outcome);
    assert_int_equal(outcome.err.code, ERR_DENIED);
    assert_non_null(strstr(outcome.err.text, "not for servers"));
    /* Nothing was sent to it, not even who we are. */
    assert_int_equal(server.connections, 0);
    certificate_free(&leaf);
}

static void test_silent_port_is_named(void **state)
{
    struct server server = {
        .site = *state, .leaf = &((struct site *)*state)->server, .answer = ""};
    struct outcome outcome;
    struct err err = ERR_INIT;
    struct tls_identity *identity = tls_identity_new(&err);
    struct tls_settings settings = {.trust = &server.site->trust,
                                    .identity = identity,
                                    .wall_s = fixed_wall_s};

    server_start(&server);
    server_stop(&server); /* its port is closed now */
    outcome = (struct outcome){.loop = loop_new(&seam_real, &err), .left = 1};
    struct http_client *client =
        http_client_new(outcome.loop, &settings, server.name, &err);
    struct http_request request = {.method = "GET",
                                   .path = "/x",
                                   .timeout_ms = 20000,
                                   .max_body_bytes = 10};
    assert_int_equal(
        http_client_send(client, &request, on_done, &outcome, &err), 0);
    loop_run(outcome.loop);
    assert_int_equal(outcome.err.code, ERR_UNAVAILABLE);
    assert_non_null(strstr(outcome.err.text, server.name));
    http_client_free(client);
    loop_free(outcome.loop);
    tls_identity_free(identity);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_own_server_is_believed),
        cmocka_unit_test(test_standby_pin_is_believed),
        cmocka_unit_test(test_other_authority_is_refused),
        cmocka_unit_test(test_engine_certificate_is_no_server),
        cmocka_unit_test(test_leaf_must_name_a_server),
        cmocka_unit_test(test_leaf_may_not_sign_a_leaf),
        cmocka_unit_test(test_clock_of_1970_works),
        cmocka_unit_test(test_clock_of_2099_is_named),
        cmocka_unit_test(test_damaged_and_short_chains_are_refused),
        cmocka_unit_test(test_requests_share_a_connection),
        cmocka_unit_test(test_closed_connections_are_opened_again),
        cmocka_unit_test(test_too_long_answers_are_refused),
        cmocka_unit_test(test_connection_to_an_engine_certificate_is_refused),
        cmocka_unit_test(test_silent_port_is_named),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, site_setup, site_teardown);
}
