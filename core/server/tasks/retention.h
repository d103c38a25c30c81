/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Forgetting tasks that are over: those that ended too long ago, and the
 * oldest of too many.  A task that has its host's newest inventory stays.
 * A batch goes with the last of its tasks.  What only they named is collected
 * with the images' objects.  On the loop's thread.
 */
#ifndef CORE_SERVER_TASKS_RETENTION_H
#define CORE_SERVER_TASKS_RETENTION_H

#include "core/server/hosts/host.h"
#include "core/server/store/store.h"

struct retention_spec {
    struct store *store;
    const struct hosts *hosts;
    int64_t now_s;
    int64_t max_age_s; /* since the task ended */
    size_t max_tasks;  /* that are over */
    /* `err` NULL: so many documents were deleted.  With an error some may be
     * gone; the others are tried again the next time. */
    void (*done)(void *arg, size_t tasks, size_t batches,
                 const struct err *err);
    void *arg;
};

/* Reads every task page by page, then deletes a few documents at a time, so
 * that nothing waits for it.  Ends with done, also without memory. */
void retention_run(const struct retention_spec *spec);

#endif
