/* SPDX-License-Identifier: Apache-2.0 */
/* What tls.c and tls-identity.c share; everybody else uses tls.h. */
#ifndef CORE_WIRE_TLS_IDENTITY_H
#define CORE_WIRE_TLS_IDENTITY_H

#include "core/wire/tls.h"

struct tls_identity {
    gnutls_certificate_credentials_t credentials;
    struct digest key; /* SHA-256 of the SubjectPublicKeyInfo */
};

#endif
