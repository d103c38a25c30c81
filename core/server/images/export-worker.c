/* SPDX-License-Identifier: Apache-2.0 */
/* The export worker: see export-worker.h. */
#include "core/server/images/export-worker.h"

#include <signal.h>
#include <string.h>

#include "core/image/export.h"
#include "core/server/workers/sandbox.h"
#include "core/server/workers/worker-main.h"
#include "core/util/channel.h"
#include "core/util/json.h"

#define MAX_OPEN_FILES 32
#define MAX_MEMORY_BYTES (UINT64_C(1) << 30)

struct job {
    struct export_spec spec;
    struct seal_secret secret;
    int fds[EXPORT_FDS];
};

static int parse(struct job *job, struct channel_message *message,
                 struct err *err)
{
    struct json_reader r;
    json_reader_init(&r, message->head, "", err);
    (void)json_get_text(&r, "type");
    const char *root = json_get_text(&r, "index_root");
    job->secret.epoch = (uint32_t)json_get_u64(&r, "epoch", 0, UINT32_MAX);
    job->spec.framed = json_get_bool(&r, "framed");
    int rc = json_done(&r);
    if (!rc)
        rc = digest_parse(root, &job->spec.index_root, err);
    if (!rc && message->length != sizeof(job->secret.key.bytes))
        rc = err_set(err, ERR_INTERNAL, "the export has no secret");
    for (size_t i = 0; !rc && i < EXPORT_FDS; i++) {
        job->fds[i] = TAKE_FD(message->fds[i]);
        if (job->fds[i] < 0)
            rc = err_set(err, ERR_INTERNAL, "the export lacks a descriptor");
    }
    if (rc)
        return rc;
    memcpy(job->secret.key.bytes, message->data, message->length);
    job->spec.fd = job->fds[EXPORT_FD_PIPE];
    job->spec.secret = &job->secret;
    return 0;
}

/* The one message, then no more privileges than the job needs. */
static int receive(struct job *job, struct err *err)
{
    struct channel_message message;
    int rc = channel_receive(WORKER_CHANNEL_FD, &message, err);
    if (rc)
        return rc;
    rc = parse(job, &message, err);
    channel_message_done(&message);
    if (rc)
        return rc;
    const int dirs[] = {job->fds[EXPORT_FD_OBJECTS], job->fds[EXPORT_FD_INDEX],
                        -1};
    const struct sandbox_spec sandbox = {.read_dirs = dirs,
                                         .max_files = MAX_OPEN_FILES,
                                         .max_memory_bytes = MAX_MEMORY_BYTES};
    return sandbox_enter(&sandbox, err);
}

static int run(struct job *job, struct err *err)
{
    AUTO_OBJECTS struct objects *objects = objects_from_fds(
        job->fds[EXPORT_FD_OBJECTS], job->fds[EXPORT_FD_INDEX], -1, err);
    return objects ? export_run(objects, &job->spec, err) : ERR_NO_MEMORY;
}

int export_worker_main(void)
{
    struct job job = {.fds = {-1, -1, -1}};
    struct err err = ERR_INIT;
    (void)signal(SIGPIPE, SIG_IGN); /* a client that goes away is a failed write */
    int rc = receive(&job, &err);
    if (!rc)
        rc = run(&job, &err);
    secret_wipe(&job.secret, sizeof(job.secret));
    if (!rc)
        return 0;
    return channel_send_now(WORKER_CHANNEL_FD,
                            json_pack("{s:s, s:i, s:s}", "type", "failed",
                                      "code", err.code, "message", err.text),
                            NULL, 0, NULL, 0, NULL) != 0;
}
