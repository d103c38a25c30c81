/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates of a new site.  Only `slipwayd init` uses them. */
#ifndef CORE_SERVER_SITE_CA_H
#define CORE_SERVER_SITE_CA_H

#include "core/util/crypto.h"

/* PEM texts; keys are secret.  All owned. */
struct site_ca {
    char *root_pem, *root_key;
    char *standby_key;        /* of a root that does not exist yet */
    char *server_ca_pem, *server_ca_key; /* serverAuth leaves only */
    char *engine_ca_pem, *engine_ca_key; /* clientAuth leaves only */
    char *leaf_pem, *leaf_key;
    struct digest root_pin, standby_pin; /* SHA-256 of the public keys */
};

/* `address`: IPv4 text for the leaf, which also names 127.0.0.1 and
 * localhost.  Every certificate begins at `made_s`. */
int site_ca_make(const char *site_id, const char *server_id,
                 const char *address, int64_t made_s, struct site_ca *ret,
                 struct err *err);
void site_ca_done(struct site_ca *ca);

#endif
