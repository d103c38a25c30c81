/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/certificate-fixture.h"

#include <stdlib.h>
#include <string.h>

static void must(int code)
{
    if (code < 0)
        abort();
}

void certificate_make(const struct certificate_spec *spec,
                      struct certificate *ret)
{
    uint8_t serial[8];
    const struct certificate *issuer = spec->issuer ? spec->issuer : ret;

    random_bytes(serial, sizeof(serial));
    serial[0] = 1;
    must(gnutls_x509_privkey_init(&ret->key));
    must(gnutls_x509_privkey_generate(
        ret->key, GNUTLS_PK_ECDSA,
        GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0));
    must(gnutls_x509_crt_init(&ret->cert));
    must(gnutls_x509_crt_set_version(ret->cert, 3));
    must(gnutls_x509_crt_set_key(ret->cert, ret->key));
    must(gnutls_x509_crt_set_serial(ret->cert, serial, sizeof(serial)));
    must(gnutls_x509_crt_set_activation_time(ret->cert, spec->begins_s));
    must(gnutls_x509_crt_set_expiration_time(ret->cert, spec->ends_s));
    must(gnutls_x509_crt_set_dn_by_oid(ret->cert, GNUTLS_OID_X520_COMMON_NAME,
                                       0, spec->name,
                                       (unsigned)strlen(spec->name)));
    must(gnutls_x509_crt_set_basic_constraints(ret->cert, (unsigned)spec->ca,
                                               -1));
    must(gnutls_x509_crt_set_key_usage(
        ret->cert,
        spec->ca ? GNUTLS_KEY_KEY_CERT_SIGN : GNUTLS_KEY_DIGITAL_SIGNATURE));
    if (spec->purpose)
        must(gnutls_x509_crt_set_key_purpose_oid(ret->cert, spec->purpose, 0));
    if (spec->uri)
        must(gnutls_x509_crt_set_subject_alt_name(
            ret->cert, GNUTLS_SAN_URI, spec->uri, (unsigned)strlen(spec->uri),
            GNUTLS_FSAN_SET));
    must(gnutls_x509_crt_sign2(ret->cert, issuer->cert, issuer->key,
                               GNUTLS_DIG_SHA256, 0));
    must(gnutls_x509_crt_export2(ret->cert, GNUTLS_X509_FMT_DER, &ret->der));
    /* An object that was made and not read does not know its own names, and a
     * server would not find its chain. */
    gnutls_x509_crt_deinit(ret->cert);
    must(gnutls_x509_crt_init(&ret->cert));
    must(gnutls_x509_crt_import(ret->cert, &ret->der, GNUTLS_X509_FMT_DER));
}

void certificate_free(struct certificate *certificate)
{
    gnutls_x509_crt_deinit(certificate->cert);
    gnutls_x509_privkey_deinit(certificate->key);
    gnutls_free(certificate->der.data);
}

void certificate_pin(const struct certificate *certificate, struct digest *ret)
{
    size_t size = sizeof(ret->bytes);

    must(gnutls_x509_crt_get_key_id(certificate->cert, GNUTLS_KEYID_USE_SHA256,
                                    ret->bytes, &size));
}
