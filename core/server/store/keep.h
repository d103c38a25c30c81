/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON kept as sealed objects: step results and inventories, which are too
 * large and too many for the store.  A document holds only the reference:
 * {"object": name, "key": key, "bytes": plain length}.
 *
 * Loop thread; the work is done in the pool.
 */
#ifndef CORE_SERVER_STORE_KEEP_H
#define CORE_SERVER_STORE_KEEP_H

#include <jansson.h>

#include "core/image/objects.h"
#include "core/util/pool.h"

#define KEEP_MAX_BYTES (128 * 1024)

struct keeper;

/* Opens the object store below `state_dir`; blocks, so only at start. */
struct keeper *keeper_new(struct pool *pool, const char *state_dir,
                          const struct seal_secret *secret, struct err *err);
/* Jobs that still run keep what they need. */
void keeper_free(struct keeper *keeper);

/* The reference or content is borrowed during the call.  What is refused at
 * once is told inside the call. */
typedef void keep_done(void *arg, json_t *json, const struct err *err);
/* Durable when `done` is told.  `content` is borrowed and copied. */
void keep_put(struct keeper *keeper, const json_t *content, keep_done *done,
              void *arg);
/* ERR_CORRUPT when the object is not what it was. */
void keep_get(struct keeper *keeper, const json_t *reference, keep_done *done,
              void *arg);

#endif
