/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Care for what is stored of images: verifying reads everything and names what
 * is damaged, collecting removes what nothing names.  Each runs in a care worker
 * of low priority, one at a time; the last CARES_KEPT are remembered until the
 * server ends.  One that is interrupted in any way has changed nothing that
 * matters: run it again.
 *
 * Collecting keeps what any document names (care-roots.h), what exports read,
 * and whatever was changed since CARE_MIN_AGE_S ago or since the oldest running
 * import or unfinished upload began.
 *
 * Loop thread only.
 */
#ifndef CORE_SERVER_IMAGES_CARE_H
#define CORE_SERVER_IMAGES_CARE_H

#include <stdbool.h>

#include <jansson.h>

#include "core/util/err.h"

#define CARES_KEPT 8
#define CARE_MIN_AGE_S 600
#define CARE_DAMAGE_TOLD 100 /* pieces listed by name */

struct server;
struct care;
struct cares;

struct care_spec {
    char id[33];
    bool collect;
    bool dry_run;
    const json_t *images; /* verify: array of names, NULL = all; borrowed */
    const char *actor;
};

int cares_new(struct server *server, struct err *err);
void cares_free(struct server *server);

/* ERR_CONFLICT while another runs, ERR_NOT_FOUND for an image.  One with that
 * id that is known already is told as started. */
int care_start(struct cares *cares, const struct care_spec *spec,
               const struct care **ret, struct err *err);
struct care *cares_find(const struct cares *cares, const char *id);
/* Newest first; NULL = no more. */
const struct care *cares_at(const struct cares *cares, size_t index);
json_t *care_json(const struct care *care);
/* Ends it at once when it runs. */
void care_end(struct care *care);

#endif
