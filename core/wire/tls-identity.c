/* SPDX-License-Identifier: Apache-2.0 */
/* The engine's own key and the self-signed certificate that carries it. */
#include "core/wire/tls-identity.h"

#include <gnutls/x509.h>

#include "core/util/crypto.h"

/* The certificate only carries the key, so its times must never matter:
 * 2000-01-01 to the time that RFC 5280, 4.1.2.5 has for "no end". */
#define IDENTITY_BEGINS_S 946684800

static int make_certificate(gnutls_x509_crt_t cert, gnutls_x509_privkey_t key)
{
    uint8_t serial[16];
    static const char name[] = "slipway engine";
    int code;

    random_bytes(serial, sizeof(serial));
    serial[0] &= 0x7f; /* a positive number */
    serial[0] |= 0x01;
    if ((code = gnutls_x509_crt_set_version(cert, 3)) < 0 ||
        (code = gnutls_x509_crt_set_key(cert, key)) < 0 ||
        (code = gnutls_x509_crt_set_serial(cert, serial, sizeof(serial))) < 0 ||
        (code = gnutls_x509_crt_set_activation_time(cert, IDENTITY_BEGINS_S)) <
            0 ||
        (code = gnutls_x509_crt_set_expiration_time(
             cert, GNUTLS_X509_NO_WELL_DEFINED_EXPIRATION)) < 0 ||
        (code = gnutls_x509_crt_set_dn_by_oid(cert, GNUTLS_OID_X520_COMMON_NAME,
                                              0, name, sizeof(name) - 1)) < 0 ||
        (code = gnutls_x509_crt_set_key_usage(
             cert, GNUTLS_KEY_DIGITAL_SIGNATURE)) < 0 ||
        (code = gnutls_x509_crt_set_key_purpose_oid(
             cert, GNUTLS_KP_TLS_WWW_CLIENT, 0)) < 0)
        return code;
    return gnutls_x509_crt_sign2(cert, cert, key, GNUTLS_DIG_SHA256, 0);
}

static int fill_identity(struct tls_identity *identity)
{
    gnutls_x509_privkey_t key = NULL;
    gnutls_x509_crt_t cert = NULL;
    size_t size = sizeof(identity->key.bytes);
    int code;

    if ((code = gnutls_x509_privkey_init(&key)) < 0 ||
        (code = gnutls_x509_crt_init(&cert)) < 0 ||
        (code = gnutls_x509_privkey_generate2(
             key, GNUTLS_PK_ECDSA,
             GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0, NULL, 0)) <
            0 ||
        (code = make_certificate(cert, key)) < 0 ||
        (code = gnutls_x509_crt_get_key_id(cert, GNUTLS_KEYID_USE_SHA256,
                                           identity->key.bytes, &size)) < 0 ||
        (code = gnutls_certificate_allocate_credentials(
             &identity->credentials)) < 0)
        goto out;
    code =
        gnutls_certificate_set_x509_key(identity->credentials, &cert, 1, key);
out:
    if (cert)
        gnutls_x509_crt_deinit(cert);
    if (key)
        gnutls_x509_privkey_deinit(key);
    return code;
}

struct tls_identity *tls_identity_new(struct err *err)
{
    struct tls_identity *identity = calloc(1, sizeof(*identity));

    if (!identity) {
        (void)err_set(err, ERR_NO_MEMORY,
                      "not enough memory for the engine's key");
        return NULL;
    }
    int code = fill_identity(identity);
    if (code < 0) {
        (void)err_set(err, ERR_INTERNAL, "the engine's key cannot be made: %s",
                      gnutls_strerror(code));
        tls_identity_free(identity);
        return NULL;
    }
    return identity;
}

void tls_identity_free(struct tls_identity *identity)
{
    if (!identity)
        return;
    if (identity->credentials)
        gnutls_certificate_free_credentials(identity->credentials);
    free(identity);
}

void tls_identity_key(const struct tls_identity *identity, struct digest *ret)
{
    *ret = identity->key;
}
