/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Secrets of the site: values that profiles name and nobody reads.  Documents
 * "/v1/secret/NAME" hold them sealed under a key of the site's secret; the
 * value leaves the server in a plan only (core/server/tasks/task-secret.h).  Loop
 * thread only.
 */
#ifndef CORE_SERVER_TASKS_SECRET_H
#define CORE_SERVER_TASKS_SECRET_H

#include <jansson.h>

#include "core/profile/secret.h"
#include "core/util/crypto.h"

#define SECRET_KEY_PREFIX "/v1/secret/"

struct secrets;

/* Keeps a key that derives from the site's secret. */
struct secrets *secrets_new(const struct secret_key *site, struct err *err);
void secrets_free(struct secrets *secrets);

/* The document for a value: {"schema", "min_tier", "nonce", "sealed",
 * "changed_s", "by"}, a new reference; NULL with err: the value has a wrong
 * length, or the name or tier is none. */
struct secret_spec {
    const char *name;
    const char *value;
    const char *min_tier; /* "network" or "console" */
    int64_t changed_s;
    const char *by;
};
json_t *secret_seal(const struct secrets *secrets,
                    const struct secret_spec *spec, struct err *err);
/* Takes over a stored document (at start, or once a change is durable).
 * ERR_VERIFY when it is not this site's or was changed. */
int secrets_apply(struct secrets *secrets, const char *name,
                  const json_t *document, struct err *err);
void secrets_remove(struct secrets *secrets, const char *name);

/* The lowest tier that may have it; NULL = there is no such secret.
 * Borrowed. */
const char *secrets_tier(const struct secrets *secrets, const char *name);
/* The value, for secret_free; NULL with err. */
char *secrets_open(const struct secrets *secrets, const char *name,
                   struct err *err);

#endif
