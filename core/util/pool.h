/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A few threads for blocking work.  `work` runs on one of them and must not
 * touch the loop's state; `done` runs on the loop afterwards.
 */
#ifndef CORE_UTIL_POOL_H
#define CORE_UTIL_POOL_H

#include "core/util/loop.h"

struct pool;

/* At most `max_queued` jobs wait. */
struct pool *pool_new(struct loop *loop, unsigned threads, size_t max_queued,
                      struct err *err);
/* Finishes what runs, drops what waits without calling its `done`. */
void pool_free(struct pool *pool);
int pool_submit(struct pool *pool, void (*work)(void *arg),
                void (*done)(void *arg), void *arg);

#endif
