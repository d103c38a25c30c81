/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/engine-server.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "core/profile/plan.h"
#include "core/util/file.h"
#include "core/util/json.h"

#define BEGINS_S 1600000000
#define ENDS_S 2500000000
#define POLL_HOLD_S 2

static void must(bool ok)
{
    if (!ok)
        abort();
}

void engine_server_file(struct engine_server *server, const char *path,
                        struct digest *ret_digest)
{
    struct buf *content = &server->files[server->file_count].content;

    buf_init(content, 8 * 1024 * 1024);
    must(file_read(AT_FDCWD, path, content, NULL) == 0);
    digest_of(content->data, content->length, ret_digest);
    server->files[server->file_count++].digest = *ret_digest;
}

static void make_site(struct engine_server *server)
{
    struct certificate_spec spec = {
        .name = "root", .ca = 1, .begins_s = BEGINS_S, .ends_s = ENDS_S};
    struct signing_key key;

    certificate_make(&spec, &server->root);
    spec.name = "middle";
    spec.issuer = &server->root;
    spec.purpose = GNUTLS_KP_TLS_WWW_SERVER;
    certificate_make(&spec, &server->middle);
    spec.name = "leaf";
    spec.ca = 0;
    spec.issuer = &server->middle;
    spec.uri = "slipway:server:1";
    certificate_make(&spec, &server->leaf);
    (void)snprintf(server->trust.site, sizeof(server->trust.site), "%s",
                   ENGINE_SERVER_SITE);
    certificate_pin(&server->root, &server->trust.ca_pins[0]);
    server->trust.ca_pin_count = 1;
    server->trust.made_s = BEGINS_S;
    must(signing_key_generate(&key, NULL) == 0);
    server->trust.signing_keys[0] = key.public_key;
    server->trust.signing_key_count = 1;
    if (!server->plan)
        return;
    must(plan_sign(server->plan, &key, server->signature, NULL) == 0);
    if (server->damage_plan)
        *strstr(server->plan, "attempt") ^= 1;
}

/* ---- replies ---- */

struct reply {
    unsigned status;
    const void *data;
    size_t length;
    char *text; /* owned, instead of data */
    bool drop;  /* close the connection instead */
};

static void reply_json(struct reply *reply, unsigned status, json_t *json)
{
    reply->status = status;
    reply->text = json_text(json);
    json_decref(json);
}

static void on_session(struct engine_server *server, struct reply *reply)
{
    server->sessions++;
    if (server->refuse) {
        reply_json(reply, server->refuse,
                   json_pack("{s:s}", "detail", "this ticket is not valid"));
        return;
    }
    reply_json(reply, 200,
               json_pack("{s:s, s:s, s:s, s:s, s:{s:s, s:s}, s:s, s:I, s:I, "
                         "s:[s], s:i}",
                         "session", ENGINE_SERVER_SESSION, "token",
                         "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "state",
                         server->state ? server->state : "ready", "code",
                         "four plain english words", "host", "id",
                         ENGINE_SERVER_HOST, "name", "lab-01", "tier",
                         "network", "time_s", (json_int_t)time(NULL), "epoch",
                         (json_int_t)server->epoch, "servers", server->name,
                         "leave_after_s", 600));
}

static void on_plan(struct engine_server *server, struct reply *reply)
{
    bool pending = server->approve_later && server->polls == 0;
    struct timespec until;

    if (server->polls++ > 1) {
        (void)clock_gettime(CLOCK_REALTIME, &until);
        until.tv_sec += POLL_HOLD_S;
        while (!server->stopping && !server->cancel &&
               pthread_cond_timedwait(&server->changed, &server->lock,
                                      &until) == 0)
            continue;
    }
    json_t *json =
        json_pack("{s:I, s:[s], s:b, s:s}", "epoch", (json_int_t)server->epoch,
                  "servers", server->name, "cancel", server->cancel, "state",
                  pending ? "pending" : "ready");
    if (server->plan && !pending) {
        (void)json_object_set_new(json, "plan", json_string(server->plan));
        (void)json_object_set_new(json, "signature",
                                  json_string(server->signature));
    }
    reply_json(reply, 200, json);
}

static void on_report(struct engine_server *server, const char *body,
                      struct reply *reply)
{
    json_t *report = json_loads(body, 0, NULL);
    const char *kind = json_string_value(json_object_get(report, "kind"));

    (void)json_array_append_new(server->reports, report);
    if (server->cancel_at && kind && strcmp(kind, server->cancel_at) == 0)
        server->cancel = true;
    if (server->drop_reports > 0) {
        server->drop_reports--;
        reply->drop = true;
        return;
    }
    reply_json(reply, 200,
               json_pack("{s:I, s:[s], s:b}", "epoch",
                         (json_int_t)server->epoch, "servers", server->name,
                         "cancel", server->cancel));
}

static void on_content(struct engine_server *server, const char *path,
                       struct reply *reply)
{
    const char *hex = strrchr(path, '/') + 1;
    struct digest digest;

    reply->status = 404;
    if (digest_parse(hex, &digest, NULL) < 0)
        return;
    for (size_t i = 0; i < server->file_count; i++) {
        if (!digest_equal(&digest, &server->files[i].digest))
            continue;
        reply->status = 200;
        reply->data = server->files[i].content.data;
        reply->length =
            server->files[i].content.length - (server->damage_files ? 1 : 0);
    }
}

static void answer(struct engine_server *server, const char *path,
                   const char *body, struct reply *reply)
{
    (void)pthread_mutex_lock(&server->lock);
    if (strcmp(path, "/engine/v1/session") == 0)
        on_session(server, reply);
    else if (strcmp(path, "/engine/v1/plan") == 0)
        on_plan(server, reply);
    else if (strcmp(path, "/engine/v1/report") == 0)
        on_report(server, body, reply);
    else
        on_content(server, path, reply);
    (void)pthread_mutex_unlock(&server->lock);
}

/* ---- connections ---- */

static bool send_all(gnutls_session_t session, const void *data, size_t length)
{
    for (size_t at = 0; at < length;) {
        ssize_t sent = gnutls_record_send(session, (const char *)data + at,
                                          MIN(length - at, (size_t)16384));
        if (sent <= 0)
            return false;
        at += (size_t)sent;
    }
    return true;
}

/* One request; false when the connection is over. */
static bool serve_request(struct engine_server *server,
                          gnutls_session_t session)
{
    AUTO_BUF in = BUF_INIT(1024 * 1024);
    char data[4096], path[256], head[256];
    const char *end, *length_at;
    size_t body = 0;

    for (;;) {
        ssize_t got = gnutls_record_recv(session, data, sizeof(data));
        if (got <= 0)
            return false;
        (void)buf_append(&in, data, (size_t)got);
        end = strstr(buf_text(&in), "\r\n\r\n");
        if (!end)
            continue;
        length_at = strstr(buf_text(&in), "Content-Length: ");
        if (length_at) {
            length_at += 16;
            for (body = 0; *length_at >= '0' && *length_at <= '9'; length_at++)
                body = body * 10 + (size_t)(*length_at - '0');
        }
        if (in.length >= (size_t)(end + 4 - buf_text(&in)) + body)
            break;
    }
    const char *at = strchr(buf_text(&in), ' ') + 1;
    (void)snprintf(path, sizeof(path), "%.*s", (int)strcspn(at, " "), at);
    struct reply reply = {.status = 404};
    answer(server, path, end + 4, &reply);
    if (reply.drop)
        return false;
    AUTO_FREE char *text = reply.text;
    if (text) {
        reply.data = text;
        reply.length = strlen(text);
    }
    int used = snprintf(head, sizeof(head),
                        "HTTP/1.1 %u X\r\nContent-Length: %zu\r\n\r\n",
                        reply.status, reply.length);
    return send_all(session, head, (size_t)used) &&
           send_all(session, reply.data ? reply.data : "", reply.length);
}

struct connection {
    struct engine_server *server;
    int fd;
};

static void *serve_connection(void *arg)
{
    struct connection *connection = arg;
    struct engine_server *server = connection->server;
    gnutls_certificate_credentials_t credentials;
    gnutls_x509_crt_t chain[3] = {server->leaf.cert, server->middle.cert,
                                  server->root.cert};
    gnutls_session_t session;

    must(gnutls_certificate_allocate_credentials(&credentials) == 0);
    must(gnutls_certificate_set_x509_key(credentials, chain, 3,
                                         server->leaf.key) == 0);
    must(gnutls_init(&session, GNUTLS_SERVER | GNUTLS_NO_SIGNAL) == 0);
    must(gnutls_priority_set_direct(session, "NORMAL:-VERS-ALL:+VERS-TLS1.3",
                                    NULL) == 0);
    must(gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, credentials) ==
         0);
    gnutls_certificate_server_set_request(session, GNUTLS_CERT_REQUEST);
    gnutls_transport_set_int(session, connection->fd);
    if (gnutls_handshake(session) == 0)
        while (serve_request(server, session))
            continue;
    gnutls_deinit(session);
    gnutls_certificate_free_credentials(credentials);
    (void)shutdown(connection->fd, SHUT_RDWR);
    (void)pthread_mutex_lock(&server->lock);
    server->connections--;
    (void)pthread_cond_broadcast(&server->changed);
    (void)pthread_mutex_unlock(&server->lock);
    free(connection);
    return NULL;
}

static void *accept_all(void *arg)
{
    struct engine_server *server = arg;
    size_t slot = 0;

    for (;;) {
        int fd = accept(server->fd, NULL, NULL);
        pthread_t thread;
        if (fd < 0)
            return NULL;
        struct connection *connection = malloc(sizeof(*connection));
        must(connection);
        *connection = (struct connection){server, fd};
        (void)pthread_mutex_lock(&server->lock);
        server->connections++;
        must(slot < ARRAY_LENGTH(server->open_fds));
        server->open_fds[slot++] = fd;
        (void)pthread_mutex_unlock(&server->lock);
        must(pthread_create(&thread, NULL, serve_connection, connection) == 0);
        (void)pthread_detach(thread);
    }
}

void engine_server_start(struct engine_server *server)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(address);

    make_site(server);
    server->reports = json_array();
    (void)pthread_mutex_init(&server->lock, NULL);
    (void)pthread_cond_init(&server->changed, NULL);
    for (size_t i = 0; i < ARRAY_LENGTH(server->open_fds); i++)
        server->open_fds[i] = -1;
    server->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    must(server->fd >= 0);
    must(bind(server->fd, (struct sockaddr *)&address, sizeof(address)) == 0);
    must(listen(server->fd, 16) == 0);
    must(getsockname(server->fd, (struct sockaddr *)&address, &size) == 0);
    (void)snprintf(server->name, sizeof(server->name), "127.0.0.1:%u",
                   ntohs(address.sin_port));
    must(pthread_create(&server->thread, NULL, accept_all, server) == 0);
}

void engine_server_stop(struct engine_server *server)
{
    (void)shutdown(server->fd, SHUT_RDWR);
    (void)pthread_join(server->thread, NULL);
    (void)close(server->fd);
    (void)pthread_mutex_lock(&server->lock);
    server->stopping = true;
    (void)pthread_cond_broadcast(&server->changed);
    for (size_t i = 0; i < ARRAY_LENGTH(server->open_fds); i++)
        if (server->open_fds[i] >= 0)
            (void)shutdown(server->open_fds[i], SHUT_RDWR);
    while (server->connections > 0)
        (void)pthread_cond_wait(&server->changed, &server->lock);
    (void)pthread_mutex_unlock(&server->lock);
    for (size_t i = 0; i < ARRAY_LENGTH(server->open_fds); i++)
        if (server->open_fds[i] >= 0)
            (void)close(server->open_fds[i]);
    for (size_t i = 0; i < server->file_count; i++)
        buf_done(&server->files[i].content);
    certificate_free(&server->root);
    certificate_free(&server->middle);
    certificate_free(&server->leaf);
    json_decref(server->reports);
    free(server->plan);
}

const json_t *engine_server_report(const struct engine_server *server,
                                   const char *kind)
{
    size_t index;
    json_t *report;

    json_array_foreach(
        server->reports, index,
        report) if (strcmp(json_string_value(json_object_get(report, "kind")),
                           kind) == 0) return report;
    return NULL;
}

size_t engine_server_count(const struct engine_server *server, const char *kind)
{
    json_int_t last = -1;
    size_t index, count = 0;
    json_t *report;

    json_array_foreach(server->reports, index, report)
    {
        json_int_t seq = json_integer_value(json_object_get(report, "seq"));
        if (strcmp(json_string_value(json_object_get(report, "kind")), kind) ==
                0 &&
            seq != last)
            count++;
        last = seq;
    }
    return count;
}
