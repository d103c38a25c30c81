/* SPDX-License-Identifier: Apache-2.0 */
/* Judging the chain that a server shows: pin, signatures, purpose, time. */
#include "core/wire/tls.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include <gnutls/x509.h>

#define CHAIN_MAX 6
#define SERVER_URI_PREFIX "slipway:server:"
#define TIME_TEXT_BYTES 32

struct chain {
    gnutls_x509_crt_t certs[CHAIN_MAX];
    unsigned count;
};

static void chain_done(struct chain *chain)
{
    for (unsigned i = 0; i < chain->count; i++)
        gnutls_x509_crt_deinit(chain->certs[i]);
    chain->count = 0;
}

static int chain_import(struct chain *chain, const gnutls_datum_t *der,
                        unsigned count, struct err *err)
{
    if (count < 2 || count > CHAIN_MAX)
        return err_set(err, ERR_DENIED,
                       "the server shows %u certificates where its own and "
                       "the site's are expected; it is not a Slipway server "
                       "of this site",
                       count);
    for (unsigned i = 0; i < count; i++) {
        gnutls_x509_crt_t cert;
        if (gnutls_x509_crt_init(&cert) < 0)
            return err_set(err, ERR_NO_MEMORY,
                           "not enough memory for the server's certificate");
        chain->certs[chain->count++] = cert;
        if (gnutls_x509_crt_import(cert, &der[i], GNUTLS_X509_FMT_DER) < 0)
            return err_set(err, ERR_DENIED,
                           "certificate %u of the server is damaged", i + 1);
    }
    return 0;
}

static bool is_pinned(gnutls_x509_crt_t cert, const struct trust *trust)
{
    struct digest key;
    size_t size = sizeof(key.bytes);

    if (gnutls_x509_crt_get_key_id(cert, GNUTLS_KEYID_USE_SHA256, key.bytes,
                                   &size) < 0 ||
        size != sizeof(key.bytes))
        return false;
    for (size_t i = 0; i < trust->ca_pin_count; i++)
        if (digest_equal(&key, &trust->ca_pins[i]))
            return true;
    return false;
}

/* Looks for a purpose in a certificate's extended key usage (RFC 5280,
 * 4.2.1.12): 1 = listed, 0 = the extension lacks it, -1 = no extension. */
static int has_purpose(gnutls_x509_crt_t cert, const char *wanted)
{
    char oid[128];

    for (unsigned i = 0;; i++) {
        size_t size = sizeof(oid);
        int code =
            gnutls_x509_crt_get_key_purpose_oid(cert, i, oid, &size, NULL);
        if (code == GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE)
            return i == 0 ? -1 : 0;
        if (code < 0)
            return 0; /* longer than any purpose we look for */
        if (strcmp(oid, wanted) == 0)
            return 1;
    }
}

static bool has_server_uri(gnutls_x509_crt_t leaf)
{
    char name[256];

    for (unsigned i = 0;; i++) {
        size_t size = sizeof(name) - 1;
        unsigned type = 0;
        int code = gnutls_x509_crt_get_subject_alt_name2(leaf, i, name, &size,
                                                         &type, NULL);
        if (code == GNUTLS_E_SHORT_MEMORY_BUFFER)
            continue; /* too long to be ours */
        if (code < 0)
            return false;
        name[MIN(size, sizeof(name) - 1)] = '\0';
        if (type == GNUTLS_SAN_URI && strlen(name) == size &&
            strncmp(name, SERVER_URI_PREFIX, strlen(SERVER_URI_PREFIX)) == 0 &&
            size > strlen(SERVER_URI_PREFIX))
            return true;
    }
}

static int check_purpose(const struct chain *chain, struct err *err)
{
    gnutls_x509_crt_t leaf = chain->certs[0];

    if (has_purpose(leaf, GNUTLS_KP_TLS_WWW_SERVER) != 1)
        return err_set(err, ERR_DENIED,
                       "the server shows a certificate that is not for servers "
                       "(an engine's, perhaps); the connection is refused");
    if (!has_server_uri(leaf) || gnutls_x509_crt_get_ca_status(leaf, NULL) > 0)
        return err_set(err, ERR_DENIED,
                       "the server's certificate does not name a Slipway "
                       "server; the connection is refused");
    for (unsigned i = 1; i < chain->count; i++)
        if (has_purpose(chain->certs[i], GNUTLS_KP_TLS_WWW_SERVER) == 0 &&
            has_purpose(chain->certs[i], GNUTLS_KP_ANY) != 1)
            return err_set(err, ERR_DENIED,
                           "the server's certificate was issued by an "
                           "authority that may not make server certificates; "
                           "the connection is refused");
    return 0;
}

static const char *time_text(int64_t when_s, char out[TIME_TEXT_BYTES])
{
    time_t when = (time_t)when_s;
    struct tm parts;

    if (!gmtime_r(&when, &parts) ||
        strftime(out, TIME_TEXT_BYTES, "%Y-%m-%d %H:%M:%S UTC", &parts) == 0)
        (void)snprintf(out, TIME_TEXT_BYTES, "an impossible time");
    return out;
}

static int check_times(const struct chain *chain, int64_t now_s,
                       struct err *err)
{
    char now[TIME_TEXT_BYTES], limit[TIME_TEXT_BYTES];

    for (unsigned i = 0; i < chain->count; i++) {
        int64_t ends = gnutls_x509_crt_get_expiration_time(chain->certs[i]);
        int64_t begins = gnutls_x509_crt_get_activation_time(chain->certs[i]);
        if (now_s > ends)
            return err_set(err, ERR_DENIED,
                           "this machine's clock says %s, but the server's "
                           "certificate ended on %s; set the clock in the "
                           "firmware setup, or renew the server's certificate",
                           time_text(now_s, now), time_text(ends, limit));
        if (now_s < begins)
            return err_set(err, ERR_DENIED,
                           "this machine's clock says %s, but the server's "
                           "certificate begins on %s; set the clock in the "
                           "firmware setup",
                           time_text(now_s, now), time_text(begins, limit));
    }
    return 0;
}

/* Signatures from the leaf up to certs[root], which is believed as it is. */
static int check_signatures(const struct chain *chain, unsigned root,
                            struct err *err)
{
    gnutls_x509_trust_list_t list;
    unsigned status = GNUTLS_CERT_INVALID;
    gnutls_x509_crt_t anchor = chain->certs[root];
    /* Times are judged by check_times, which can name this machine's clock. */
    unsigned flags = GNUTLS_VERIFY_DISABLE_TIME_CHECKS |
                     GNUTLS_VERIFY_DISABLE_TRUSTED_TIME_CHECKS |
                     GNUTLS_PROFILE_TO_VFLAGS(GNUTLS_PROFILE_MEDIUM);

    if (gnutls_x509_trust_list_init(&list, 1) < 0)
        return err_set(err, ERR_NO_MEMORY,
                       "not enough memory to check the server's certificate");
    int code = gnutls_x509_trust_list_add_cas(list, &anchor, 1, 0) == 1
                   ? gnutls_x509_trust_list_verify_crt(
                         list, (gnutls_x509_crt_t *)chain->certs, chain->count,
                         flags, &status, NULL)
                   : GNUTLS_E_INTERNAL_ERROR;
    /* 0: the anchor belongs to the chain and is freed with it. */
    gnutls_x509_trust_list_deinit(list, 0);
    if (code < 0 || status != 0)
        return err_set(err, ERR_DENIED,
                       "the server's certificate is not signed by this site's "
                       "authority; the connection is refused");
    return 0;
}

int tls_verify_server(const gnutls_datum_t *der, unsigned count,
                      const struct trust *trust, int64_t now_s, struct err *err)
{
    struct chain chain = {.count = 0};
    unsigned root;
    int code = chain_import(&chain, der, count, err);

    if (code < 0)
        goto out;
    /* The leaf itself is never a root, whatever its key. */
    for (root = 1; root < chain.count; root++)
        if (is_pinned(chain.certs[root], trust))
            break;
    if (root == chain.count) {
        code = err_set(err, ERR_DENIED,
                       "the server belongs to another site: its authority is "
                       "not the one this engine was built for; build the "
                       "engine anew on that server, or look for a foreign "
                       "DHCP server on this network");
        goto out;
    }
    code = check_signatures(&chain, root, err);
    if (code == 0)
        code = check_purpose(&chain, err);
    if (code == 0)
        code = check_times(&chain, MAX(now_s, trust->made_s), err);
out:
    chain_done(&chain);
    return code;
}
