/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What workers have in common that do one job and end: one message brings it,
 * with the site's keys as its bytes and folders as its descriptors; everything
 * they say goes back over the same channel.  They block and have no loop.
 */
#ifndef CORE_SERVER_WORKERS_WORKER_JOB_H
#define CORE_SERVER_WORKERS_WORKER_JOB_H

#include "core/util/channel.h"

struct worker_job {
    const char *name; /* for sentences: "export" */
    size_t key_bytes; /* that the message must have */
    size_t fds;       /* descriptors, at most CHANNEL_MAX_FDS */
    size_t fds_needed; /* the first so many must be there, others may be -1 */
};

/* Blocks for the message: `keys` gets its bytes, `fds` its descriptors, and the
 * caller its head, which it owns.  From then on a parent or client that goes
 * away is a failed write instead of a signal. */
int worker_job_receive(const struct worker_job *job, void *keys, int *fds,
                       json_t **ret_head, struct err *err);
/* Steals `message`; fails when there is no parent any more. */
int worker_job_tell(json_t *message);
/* {"type": "failed", "code", "message"} */
json_t *worker_job_failure(const struct err *err);

#endif
