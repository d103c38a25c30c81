/* SPDX-License-Identifier: Apache-2.0 */
/* The export worker: see export-worker.h. */
#include "core/server/images/export-worker.h"

#include "core/image/export.h"
#include "core/server/workers/sandbox.h"
#include "core/server/workers/worker-job.h"
#include "core/util/json.h"

#define MAX_OPEN_FILES 32
#define MAX_MEMORY_BYTES (UINT64_C(1) << 30)

struct job {
    struct export_spec spec;
    struct seal_secret secret;
    int fds[EXPORT_FDS];
};

static const struct worker_job shape = {
    .name = "export",
    .key_bytes = sizeof(struct secret_key),
    .fds = EXPORT_FDS,
    .fds_needed = EXPORT_FDS,
};

static int parse(struct job *job, const json_t *head, struct err *err)
{
    struct json_reader r;
    json_reader_init(&r, head, "", err);
    (void)json_get_text(&r, "type");
    const char *root = json_get_text(&r, "index_root");
    job->secret.epoch = (uint32_t)json_get_u64(&r, "epoch", 0, UINT32_MAX);
    job->spec.framed = json_get_bool(&r, "framed");
    job->spec.offset_bytes =
        json_get_u64(&r, "offset_bytes", 0, IMAGE_BYTES_MAX);
    job->spec.length_bytes =
        json_get_u64(&r, "length_bytes", 0, IMAGE_BYTES_MAX);
    job->spec.fd = job->fds[EXPORT_FD_PIPE];
    job->spec.secret = &job->secret;
    int rc = json_done(&r);
    return rc ? rc : digest_parse(root, &job->spec.index_root, err);
}

/* The one message, then no more privileges than the job needs. */
static int receive(struct job *job, struct err *err)
{
    AUTO_JSON *head = NULL;
    int rc = worker_job_receive(&shape, &job->secret.key, job->fds, &head, err);
    if (!rc)
        rc = parse(job, head, err);
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
    int rc = receive(&job, &err);
    if (!rc)
        rc = run(&job, &err);
    secret_wipe(&job.secret, sizeof(job.secret));
    return rc && worker_job_tell(worker_job_failure(&err)) != 0;
}
