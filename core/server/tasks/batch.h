/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Batches: the tasks that one request starts.  The document
 * `/v1/batch/<id>` names every host and the id of its task before the first
 * task is written, so that a server that died in between goes on where it was.
 * Loop thread only.
 */
#ifndef CORE_SERVER_TASKS_BATCH_H
#define CORE_SERVER_TASKS_BATCH_H

#include "core/server/tasks/task.h"

#define BATCH_MAX_HOSTS 300 /* so that its document fits the store */

struct batches;

struct batches *batches_new(struct tasks *tasks, struct hosts *hosts,
                            struct err *err);
void batches_free(struct batches *batches);
/* Completes batches that were being started when the server ended. */
void batches_load(struct batches *batches, store_loaded *loaded, void *arg);

/* The batch's document, borrowed, or why not. */
typedef void batch_done(void *arg, const json_t *batch, const struct err *err);

/*
 * Starts `profile` on every host that `select` names: {"hosts": [names]} or
 * {"labels": {"room": "12"}}.  All or nothing is decided before anything is
 * written: unknown hosts, hosts with an active task, a profile that does not
 * fit are refused with all of them named.  `id`: of the new batch.
 */
void batch_start(struct batches *batches, const struct profile *profile,
                 const json_t *select, const char *id, const char *by,
                 batch_done *done, void *arg);
/* Cancels every task of it that is still active. */
void batch_cancel(struct batches *batches, const char *id, const char *by,
                  batch_done *done, void *arg);

#endif
