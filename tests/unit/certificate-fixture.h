/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates of every kind, right and wrong, for tests. */
#ifndef TESTS_UNIT_CERTIFICATE_FIXTURE_H
#define TESTS_UNIT_CERTIFICATE_FIXTURE_H

#include <gnutls/gnutls.h>
#include <gnutls/x509.h>

#include "core/util/crypto.h"

struct certificate {
    gnutls_x509_crt_t cert;
    gnutls_x509_privkey_t key;
    gnutls_datum_t der;
};

struct certificate_spec {
    const char *name;
    const struct certificate *issuer; /* NULL = signs itself */
    int ca;
    const char *purpose; /* OID, or NULL = no extension */
    const char *uri;     /* subjectAltName, or NULL */
    int64_t begins_s;
    int64_t ends_s;
};

void certificate_make(const struct certificate_spec *spec,
                      struct certificate *ret);
void certificate_free(struct certificate *certificate);
/* SHA-256 of its SubjectPublicKeyInfo. */
void certificate_pin(const struct certificate *certificate, struct digest *ret);

#endif
