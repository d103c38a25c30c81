/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the pipeline process share; for pipeline-*.c only. */
#ifndef CORE_ENGINE_PIPELINE_PIPELINE_PARTS_H
#define CORE_ENGINE_PIPELINE_PIPELINE_PARTS_H

#include <stdatomic.h>

#include "core/engine/session/fetch-host.h"
#include "core/engine/pipeline/pipeline-start.h"
#include "core/image/pipeline.h"
#include "core/util/channel.h"
#include "core/util/log.h"

#define PIPELINE_MAX_TRANSPORTS 8
#define PIPELINE_MAX_SERVERS 16
#define PIPELINE_SERVER_BYTES 64

struct process {
    struct loop *loop;
    struct channel *channel;
    struct http_gets *gets;
    struct pipeline *pipeline;
    struct transport {
        struct process *process;
        unsigned number; /* its place in the plan */
        struct fetch_host *host;
    } transports[PIPELINE_MAX_TRANSPORTS];
    size_t transport_count;
    char servers[PIPELINE_MAX_SERVERS][PIPELINE_SERVER_BYTES];
    size_t server_count;
    struct pipeline_start start;
    int device_fd;
    struct loop_timer *progress_timer;
    struct loop_timer *checkpoint_timer;
    struct loop_timer *round_timer;
    unsigned rounds; /* without an object accepted in between */
    uint64_t rounds_fetched;
    atomic_bool waking; /* on_wake is posted */
    bool over;
    int exit_status;
};

/* pipeline-tell.c: to PID 1.  Steals `head`. */
void pipeline_tell(struct process *p, json_t *head);
void pipeline_tell_progress(struct process *p);
/* The last message; PID 1 closes the channel when it has read it. */
void pipeline_finish(struct process *p, int code, const char *sentence);
/* Any thread: a line of the log, and a checkpoint; `arg` is the process. */
void pipeline_tell_line(void *arg, enum log_level level, const char *line);
void pipeline_tell_checkpoint(void *arg, const void *data, size_t length);

#endif
