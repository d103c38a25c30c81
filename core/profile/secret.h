/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Secrets in a profile: "{{secret.NAME}}" inside any text of a step's `with`.
 * Expansion leaves them as they are, so that no stored document ever holds a
 * value; they are filled into the plan at the moment it is handed to a session
 * of a sufficient tier.  Pure.
 */
#ifndef CORE_PROFILE_SECRET_H
#define CORE_PROFILE_SECRET_H

#include <stdbool.h>

#include <jansson.h>

#include "core/util/err.h"

#define SECRET_NAME_BYTES 64 /* [a-z0-9][a-z0-9._-]{0,62} */
/* A value is not shorter, so that it can be told from other text where it
 * must not be seen; and not longer than a text after expansion. */
#define SECRET_MIN_BYTES 8
#define SECRET_MAX_BYTES 4096

bool secret_name_ok(const char *name);

/* The first secret in `text`: where it begins, its name, what follows it; NULL
 * when there is none. */
const char *secret_find(const char *text, char ret_name[SECRET_NAME_BYTES],
                        const char **ret_rest);

/* Called once for each use; a result other than 0 ends the search. */
typedef int secret_each(void *arg, const char *name, struct err *err);
/* Every secret in every text of `json`: 0, or what `each` returned. */
int secret_uses(const json_t *json, secret_each *each, void *arg,
                struct err *err);

/* The value of a secret, in memory of core/util/secret-memory.h which the
 * caller frees; NULL with err. */
typedef char *secret_value(void *arg, const char *name, struct err *err);
/* A copy with every secret replaced; NULL with err. */
json_t *secret_fill(const json_t *json, secret_value *value, void *arg,
                    struct err *err);

/* A copy of `text` in which "[secret]" stands for every `value`; NULL = there
 * is none in it, or no memory.  The caller frees it. */
char *secret_redact_text(const char *text, const char *value);
/* The same in every text and key of `json`, in place of the texts; `json`
 * must not be shared.  ERR_NO_MEMORY. */
int secret_redact(json_t **json, const char *value);

#endif
