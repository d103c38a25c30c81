/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the serving workers have in common in the child: loop, channel to the
 * parent, log, and what the first messages bring: folders and the table of
 * boot files.  worker.h lists the messages.
 */
#ifndef CORE_SERVER_WORKERS_WORKER_CHILD_H
#define CORE_SERVER_WORKERS_WORKER_CHILD_H

#include "core/boot/boot-table.h"
#include "core/util/channel.h"

#define WORKER_NAME_BYTES 33

struct worker_child;

struct worker_child_handlers {
    /* A message that is the kind's own ("plugin", "socket", "peer").  A
     * failure ends the worker. */
    int (*on_message)(struct worker_child *child, const char *type,
                      struct channel_message *message, struct err *err);
    /* Everything is there: enter the sandbox and serve. */
    int (*on_start)(struct worker_child *child, struct err *err);
    /* Accept nothing new; worker_child_end(0) when all is served. */
    void (*on_drain)(struct worker_child *child);
};

/* Embedded in each kind's own structure. */
struct worker_child {
    struct loop *loop;
    struct channel *channel;
    const struct worker_child_handlers *handlers;
    char name[WORKER_NAME_BYTES];
    int objects_fd; /* -1 before "configure" */
    int boot_roots[BOOT_ROOTS];
    struct boot_table *boot_table;
    bool draining;
    int exit_status;
};

/* Sends the log to standard error in the form that worker-process.h reads. */
void worker_log_open(void);

int worker_child_init(struct worker_child *child,
                      const struct worker_child_handlers *handlers,
                      struct err *err);
void worker_child_done(struct worker_child *child);
/* Runs until worker_child_end, the parent's end, or a failure. */
int worker_child_run(struct worker_child *child);
void worker_child_end(struct worker_child *child, int exit_status);
/* Steals `json`; an event for the parent. */
void worker_child_event(struct worker_child *child, json_t *json);
/* Below which folders this worker reads: for a sandbox; ends with -1. */
void worker_child_folders(const struct worker_child *child,
                          int ret_dirs[BOOT_ROOTS + 2]);

#endif
