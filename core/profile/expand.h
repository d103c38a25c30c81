/* SPDX-License-Identifier: Apache-2.0 */
/* Variables in a profile: {{host.name}}, {{host.id}}, {{host.uuid}},
 * {{host.mac}}, {{host.arch}}, {{host.address}}, {{host.labels.NAME}}.  Secrets
 * stay as they are (core/profile/secret.h).  Pure. */
#ifndef CORE_PROFILE_EXPAND_H
#define CORE_PROFILE_EXPAND_H

#include "core/profile/profile.h"

#define EXPAND_MAX_BYTES 4096 /* of one text after expansion */

struct expand_host {
    const char *id;
    const char *name;
    const char *uuid; /* "" = not known */
    const char *mac;  /* its first, "" = not known */
    const char *arch; /* "" = not known */
    const char *address; /* reserved for it, "" = none */
    const json_t *labels;
};

/* True when the text holds a variable that is no secret. */
bool expand_needed(const char *text);
/* The text with its variables replaced; the caller frees it.  An unknown
 * variable, or one without a value, is an error that names it. */
int expand_text(const char *text, const struct expand_host *host,
                char **ret_text, struct err *err);
/* A profile with every text of every `with` expanded; the errors name the
 * JSON path. */
int expand_profile(const struct profile *profile,
                   const struct expand_host *host, struct profile **ret_profile,
                   struct err *err);

#endif
