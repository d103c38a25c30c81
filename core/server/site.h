/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The site: its certificate authority, keys and secrets, in STATE_DIR/site.
 * Made once by `slipwayd init`; loaded at start; constant afterwards, so any
 * thread may read it.
 */
#ifndef CORE_SERVER_SITE_H
#define CORE_SERVER_SITE_H

#include <jansson.h>

#include "core/util/crypto.h"

struct config;

struct site {
    char id[33];        /* 32 hex digits */
    char server_id[33]; /* of this server */
    int64_t made_s;     /* notBefore of every certificate of the site */
    uint32_t seal_epoch;      /* epoch of `secret`, from 1 */
    struct secret_key secret; /* object and index keys derive from it */
    struct signing_key signing;       /* signs plans and manifests */
    struct verify_key verify_keys[2]; /* active and standby */
    char *trust;     /* exact text of trust.json, what engines believe in */
    struct digest trust_digest;
    char *chain_pem; /* leaf, server intermediate, root: what TLS presents */
    char *key_pem;   /* the leaf's key; secret */
};

/* ERR_NOT_FOUND names `slipwayd init`. */
int site_load(const struct config *config, struct site **ret_site,
              struct err *err);
void site_free(struct site *site);

/* Makes a site with the server's address in its leaf.  ERR_CONFLICT when
 * there is one already: nothing is overwritten.  Blocks. */
int site_create(const struct config *config, struct err *err);

#endif
