/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The certificates of a new site (P-256, RFC 5280): a root, and below it one
 * intermediate for servers and one for engines.  The extended key usages of
 * the intermediates see to it that no engine's leaf can pass as a server.
 */
#include "core/server/site-ca.h"

#include <arpa/inet.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "core/util/macros.h"

#define YEAR_S (365 * 24 * 3600ll)
#define ROOT_YEARS 30
#define LEAF_YEARS 10

struct identity {
    gnutls_x509_privkey_t key;
    gnutls_x509_crt_t crt;
};

struct request_for_crt {
    const char *name; /* common name */
    int64_t made_s;
    int years;
    int path_length; /* -1 = a leaf */
    const char *purpose; /* extended key usage, NULL = any */
};

static void identity_done(struct identity *identity)
{
    if (identity->crt)
        gnutls_x509_crt_deinit(identity->crt);
    if (identity->key)
        gnutls_x509_privkey_deinit(identity->key);
}

static int new_key(gnutls_x509_privkey_t *ret)
{
    int result = gnutls_x509_privkey_init(ret);
    if (result < 0)
        return result;
    return gnutls_x509_privkey_generate(
        *ret, GNUTLS_PK_ECDSA,
        GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0);
}

static int set_basics(struct identity *identity,
                      const struct request_for_crt *request)
{
    gnutls_x509_crt_t crt = identity->crt;
    uint8_t serial[16];
    uint8_t key_id[32];
    size_t key_id_size = sizeof(key_id);
    unsigned usage = request->path_length >= 0
                         ? GNUTLS_KEY_KEY_CERT_SIGN | GNUTLS_KEY_CRL_SIGN
                         : GNUTLS_KEY_DIGITAL_SIGNATURE;
    time_t begin = (time_t)request->made_s;
    time_t end = (time_t)(request->made_s + request->years * YEAR_S);
    random_bytes(serial, sizeof(serial));
    serial[0] = (uint8_t)((serial[0] & 0x7f) | 0x40); /* positive */
    int result = gnutls_x509_crt_set_version(crt, 3);
    if (result >= 0)
        result = gnutls_x509_crt_set_serial(crt, serial, sizeof(serial));
    if (result >= 0)
        result = gnutls_x509_crt_set_activation_time(crt, begin);
    if (result >= 0)
        result = gnutls_x509_crt_set_expiration_time(crt, end);
    if (result >= 0)
        result = gnutls_x509_crt_set_dn_by_oid(
            crt, GNUTLS_OID_X520_COMMON_NAME, 0, request->name,
            (unsigned)strlen(request->name));
    if (result >= 0)
        result = gnutls_x509_crt_set_key(crt, identity->key);
    if (result >= 0)
        result = gnutls_x509_crt_get_key_id(crt, 0, key_id, &key_id_size);
    if (result >= 0)
        result = gnutls_x509_crt_set_subject_key_id(crt, key_id, key_id_size);
    if (result >= 0)
        result = gnutls_x509_crt_set_key_usage(crt, usage);
    if (result >= 0)
        result = gnutls_x509_crt_set_basic_constraints(
            crt, request->path_length >= 0, request->path_length);
    if (result >= 0 && request->purpose)
        result = gnutls_x509_crt_set_key_purpose_oid(crt, request->purpose, 0);
    return result;
}

/* A key and an unsigned certificate of it. */
static int identity_new(const struct request_for_crt *request,
                        struct identity *ret)
{
    int result = new_key(&ret->key);
    if (result >= 0)
        result = gnutls_x509_crt_init(&ret->crt);
    if (result >= 0)
        result = set_basics(ret, request);
    return result;
}

static int sign(struct identity *subject, const struct identity *issuer)
{
    return gnutls_x509_crt_sign2(subject->crt, issuer->crt, issuer->key,
                                 GNUTLS_DIG_SHA256, 0);
}

static int name_leaf(struct identity *leaf, const char *server_id,
                     const char *address)
{
    static const char local_name[] = "localhost";
    char uri[64];
    struct in_addr own;
    struct in_addr local = {htonl(INADDR_LOOPBACK)};
    (void)snprintf(uri, sizeof(uri), "slipway:server:%s", server_id);
    if (inet_pton(AF_INET, address, &own) != 1)
        return GNUTLS_E_INVALID_REQUEST;
    int result = gnutls_x509_crt_set_subject_alt_name(
        leaf->crt, GNUTLS_SAN_URI, uri, (unsigned)strlen(uri),
        GNUTLS_FSAN_SET);
    if (result >= 0)
        result = gnutls_x509_crt_set_subject_alt_name(
            leaf->crt, GNUTLS_SAN_IPADDRESS, &own, sizeof(own),
            GNUTLS_FSAN_APPEND);
    if (result >= 0 && own.s_addr != local.s_addr)
        result = gnutls_x509_crt_set_subject_alt_name(
            leaf->crt, GNUTLS_SAN_IPADDRESS, &local, sizeof(local),
            GNUTLS_FSAN_APPEND);
    if (result >= 0)
        result = gnutls_x509_crt_set_subject_alt_name(
            leaf->crt, GNUTLS_SAN_DNSNAME, local_name,
            sizeof(local_name) - 1, GNUTLS_FSAN_APPEND);
    return result;
}

static char *take_datum(gnutls_datum_t *datum)
{
    char *text = strndup((const char *)datum->data, datum->size);
    secret_wipe(datum->data, datum->size);
    gnutls_free(datum->data);
    return text;
}

static char *key_pem(gnutls_x509_privkey_t key)
{
    gnutls_datum_t out;
    if (gnutls_x509_privkey_export2_pkcs8(key, GNUTLS_X509_FMT_PEM, NULL,
                                          GNUTLS_PKCS_PLAIN, &out) < 0)
        return NULL;
    return take_datum(&out);
}

static char *crt_pem(gnutls_x509_crt_t crt)
{
    gnutls_datum_t out;
    if (gnutls_x509_crt_export2(crt, GNUTLS_X509_FMT_PEM, &out) < 0)
        return NULL;
    return take_datum(&out);
}

static int pin(gnutls_x509_privkey_t key, struct digest *ret)
{
    size_t size = sizeof(ret->bytes);
    return gnutls_x509_privkey_get_key_id(key, GNUTLS_KEYID_USE_SHA256,
                                          ret->bytes, &size);
}

struct family {
    struct identity root, servers, engines, leaf;
    gnutls_x509_privkey_t standby;
};

static int make_family(const char *site_id, const char *server_id,
                       const char *address, int64_t made_s,
                       struct family *family)
{
    char names[4][64];
    const char *const formats[] = {"Slipway site %.16s", "Slipway servers %.16s",
                                   "Slipway engines %.16s"};
    for (size_t i = 0; i < ARRAY_LENGTH(formats); i++) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        (void)snprintf(names[i], sizeof(names[i]), formats[i], site_id);
#pragma GCC diagnostic pop
    }
    (void)snprintf(names[3], sizeof(names[3]), "slipwayd %.16s", server_id);
    const struct request_for_crt root = {names[0], made_s, ROOT_YEARS, 1,
                                         NULL};
    const struct request_for_crt servers = {names[1], made_s, ROOT_YEARS, 0,
                                            GNUTLS_KP_TLS_WWW_SERVER};
    const struct request_for_crt engines = {names[2], made_s, ROOT_YEARS, 0,
                                            GNUTLS_KP_TLS_WWW_CLIENT};
    const struct request_for_crt leaf = {names[3], made_s, LEAF_YEARS, -1,
                                         GNUTLS_KP_TLS_WWW_SERVER};
    int result = identity_new(&root, &family->root);
    if (result >= 0)
        result = identity_new(&servers, &family->servers);
    if (result >= 0)
        result = identity_new(&engines, &family->engines);
    if (result >= 0)
        result = identity_new(&leaf, &family->leaf);
    if (result >= 0)
        result = name_leaf(&family->leaf, server_id, address);
    if (result >= 0)
        result = new_key(&family->standby);
    if (result >= 0)
        result = sign(&family->root, &family->root);
    if (result >= 0)
        result = sign(&family->servers, &family->root);
    if (result >= 0)
        result = sign(&family->engines, &family->root);
    if (result >= 0)
        result = sign(&family->leaf, &family->servers);
    return result;
}

static int export_family(const struct family *family, struct site_ca *ca)
{
    ca->root_pem = crt_pem(family->root.crt);
    ca->root_key = key_pem(family->root.key);
    ca->standby_key = key_pem(family->standby);
    ca->server_ca_pem = crt_pem(family->servers.crt);
    ca->server_ca_key = key_pem(family->servers.key);
    ca->engine_ca_pem = crt_pem(family->engines.crt);
    ca->engine_ca_key = key_pem(family->engines.key);
    ca->leaf_pem = crt_pem(family->leaf.crt);
    ca->leaf_key = key_pem(family->leaf.key);
    int result = pin(family->root.key, &ca->root_pin);
    if (result >= 0)
        result = pin(family->standby, &ca->standby_pin);
    bool whole = ca->root_pem && ca->root_key && ca->standby_key &&
                 ca->server_ca_pem && ca->server_ca_key && ca->engine_ca_pem &&
                 ca->engine_ca_key && ca->leaf_pem && ca->leaf_key;
    return whole ? result : GNUTLS_E_MEMORY_ERROR;
}

int site_ca_make(const char *site_id, const char *server_id,
                 const char *address, int64_t made_s, struct site_ca *ret,
                 struct err *err)
{
    struct family family = {0};
    memset(ret, 0, sizeof(*ret));
    int result = make_family(site_id, server_id, address, made_s, &family);
    if (result >= 0)
        result = export_family(&family, ret);
    identity_done(&family.root);
    identity_done(&family.servers);
    identity_done(&family.engines);
    identity_done(&family.leaf);
    if (family.standby)
        gnutls_x509_privkey_deinit(family.standby);
    if (result < 0) {
        site_ca_done(ret);
        return err_set(err, ERR_INTERNAL,
                       "the site's certificates cannot be made: %s",
                       gnutls_strerror(result));
    }
    return 0;
}

static void wipe(char **text)
{
    if (*text)
        secret_wipe(*text, strlen(*text));
    free(*text);
    *text = NULL;
}

void site_ca_done(struct site_ca *ca)
{
    char **const texts[] = {
        &ca->root_pem,      &ca->root_key,      &ca->standby_key,
        &ca->server_ca_pem, &ca->server_ca_key, &ca->engine_ca_pem,
        &ca->engine_ca_key, &ca->leaf_pem,      &ca->leaf_key,
    };
    for (size_t i = 0; i < ARRAY_LENGTH(texts); i++)
        wipe(texts[i]);
}
