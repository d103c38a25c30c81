/* SPDX-License-Identifier: Apache-2.0 */
/* The import worker: see import-worker.h. */
#include "core/server/import-worker.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "core/image/import.h"
#include "core/server/sandbox.h"
#include "core/server/worker-main.h"
#include "core/util/channel.h"
#include "core/util/json.h"
#include "core/util/log.h"

#define PROGRESS_INTERVAL_MS 250
#define MAX_OPEN_FILES 128
/* Address space: each of 16 threads has a stack and an arena of malloc's, of
 * which it touches some megabytes. */
#define MAX_MEMORY_BYTES (UINT64_C(8) << 30)

struct job {
    struct import_spec spec;
    struct seal_secret secret;
    char name[IMAGE_NAME_BYTES];
    int fds[IMPORT_FDS];
    uint64_t told_ms; /* when the parent last heard of progress */
};

static uint64_t now_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* Without a parent there is nobody to import for. */
static int progress(void *arg, uint64_t done_bytes, uint64_t stored_bytes)
{
    struct job *job = arg;
    uint64_t now = now_ms();
    if (now - job->told_ms < PROGRESS_INTERVAL_MS)
        return 0;
    job->told_ms = now;
    return channel_send_now(WORKER_CHANNEL_FD,
                            json_pack("{s:s, s:I, s:I}", "type", "progress",
                                      "done_bytes", (json_int_t)done_bytes,
                                      "stored_bytes", (json_int_t)stored_bytes),
                            NULL, 0, NULL, 0, NULL);
}

static int parse(struct job *job, struct channel_message *message,
                 struct err *err)
{
    struct json_reader r;
    json_reader_init(&r, message->head, "", err);
    (void)json_get_text(&r, "type");
    (void)snprintf(job->name, sizeof(job->name), "%s",
                   json_get_text(&r, "name"));
    const char *kind = json_get_text(&r, "kind");
    job->spec.size_bytes = json_get_u64(&r, "size_bytes", 1, IMAGE_BYTES_MAX);
    job->spec.sector_bytes =
        (uint32_t)json_get_u64(&r, "sector_bytes", 1, 65536);
    job->secret.epoch = (uint32_t)json_get_u64(&r, "epoch", 0, UINT32_MAX);
    int rc = json_done(&r);
    if (!rc)
        rc = image_kind_parse(kind, &job->spec.kind, err);
    if (!rc && message->length != sizeof(job->secret.key.bytes))
        rc = err_set(err, ERR_INTERNAL, "the import has no secret");
    for (size_t i = 0; !rc && i < IMPORT_FDS; i++) {
        job->fds[i] = TAKE_FD(message->fds[i]);
        if (job->fds[i] < 0)
            rc = err_set(err, ERR_INTERNAL, "the import lacks a descriptor");
    }
    if (rc)
        return rc;
    memcpy(job->secret.key.bytes, message->data, message->length);
    job->spec.fd = job->fds[IMPORT_FD_PIPE];
    job->spec.secret = &job->secret;
    job->spec.progress = progress;
    job->spec.arg = job;
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
    const int dirs[] = {job->fds[IMPORT_FD_OBJECTS], job->fds[IMPORT_FD_INDEX],
                        -1};
    const struct sandbox_spec sandbox = {.read_dirs = dirs,
                                         .write_dirs = dirs,
                                         .threads = true,
                                         .max_files = MAX_OPEN_FILES,
                                         .max_memory_bytes = MAX_MEMORY_BYTES};
    return sandbox_enter(&sandbox, err);
}

static json_t *run(struct job *job, struct err *err)
{
    AUTO_FREE struct manifest *m = calloc(1, sizeof(*m));
    AUTO_OBJECTS struct objects *objects = objects_from_fds(
        job->fds[IMPORT_FD_OBJECTS], job->fds[IMPORT_FD_INDEX], -1, err);
    if (!m || !objects) {
        (void)err_set(err, ERR_NO_MEMORY, "no memory to import an image");
        return NULL;
    }
    if (import_run(objects, &job->spec, m, err))
        return NULL;
    memcpy(m->name, job->name, sizeof(m->name));
    m->revision = 1; /* the parent knows the real one */
    return manifest_json(m);
}

int import_worker_main(void)
{
    struct job job = {.name = ""};
    struct err err = ERR_INIT;
    /* A parent that dies shows as a failed send, a full disk as EFBIG. */
    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGXFSZ, SIG_IGN);
    json_t *manifest = NULL;
    if (!receive(&job, &err))
        manifest = run(&job, &err);
    secret_wipe(&job.secret, sizeof(job.secret));
    json_t *reply = manifest ? json_pack("{s:s, s:o}", "type", "imported",
                                         "manifest", manifest)
                             : json_pack("{s:s, s:i, s:s}", "type", "failed",
                                         "code", err.code, "message", err.text);
    if (channel_send_now(WORKER_CHANNEL_FD, reply, NULL, 0, NULL, 0, &err)) {
        log_error("the result of an import was lost: %s", err.text);
        return 1;
    }
    return 0;
}
