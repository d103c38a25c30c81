/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One worker process seen from its parent: `slipwayd worker KIND` with a
 * channel on its descriptor 3 and its standard error on a pipe.  Lines of its
 * log come through that pipe with their level ("<4>text") and are logged here
 * under its name; whatever else it writes there (a crash, a sanitizer) is
 * logged as a warning and told as its last words.  Loop thread only.
 */
#ifndef CORE_SERVER_WORKERS_WORKER_PROCESS_H
#define CORE_SERVER_WORKERS_WORKER_PROCESS_H

#include "core/util/channel.h"

struct worker_process;

struct worker_process_handlers {
    /* Every message (channel.h says who owns what). */
    void (*on_message)(void *arg, struct channel_message *message);
    /* The process is gone and all its messages were told, once; `why` is a
     * sentence ("ended with status 1, its last words: ...").  `clean` =
     * status 0.  Free it from here. */
    void (*on_ended)(void *arg, bool clean, const char *why);
};

/* Starts `slipwayd worker KIND`; `name` ("import 'debian-12'") is for the
 * log and is copied. */
struct worker_process *
worker_process_start(struct loop *loop, const char *kind, const char *name,
                     const struct worker_process_handlers *handlers, void *arg,
                     struct err *err);
/* Kills it when it still runs; on_ended is not called any more. */
void worker_process_free(struct worker_process *process);
/* channel_send to it. */
int worker_process_send(struct worker_process *process, json_t *head,
                        const void *data, size_t length, const int *fds,
                        size_t fd_count, struct err *err);
struct channel *worker_process_channel(struct worker_process *process);
pid_t worker_process_pid(const struct worker_process *process);

#endif
