/* SPDX-License-Identifier: Apache-2.0 */
/* The import worker: see import-worker.h. */
#include "core/server/images/import-worker.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "core/server/images/import-convert.h"
#include "core/server/workers/sandbox.h"
#include "core/server/workers/worker-job.h"
#include "core/util/json.h"

#define PROGRESS_INTERVAL_MS 250
#define MAX_OPEN_FILES 128
/* Address space: each of 16 threads has a stack and an arena of malloc's, of
 * which it touches some megabytes. */
#define MAX_MEMORY_BYTES (UINT64_C(8) << 30)

struct job {
    struct import_spec spec;
    enum disk_format format;
    uint64_t sent_bytes; /* what comes through the pipe, in all */
    struct seal_secret secret;
    char name[IMAGE_NAME_BYTES];
    int fds[IMPORT_FDS];
    uint64_t told_ms; /* when the parent last heard of progress */
};

static const struct worker_job shape = {
    .name = "import",
    .key_bytes = sizeof(struct secret_key),
    .fds = IMPORT_FDS,
    .fds_needed = IMPORT_FD_STATE,
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
    return worker_job_tell(json_pack(
        "{s:s, s:I, s:I, s:I}", "type", "progress", "done_bytes",
        (json_int_t)done_bytes, "stored_bytes", (json_int_t)stored_bytes,
        "size_bytes", (json_int_t)job->spec.size_bytes));
}

static int begun(void *arg, uint64_t offset_bytes)
{
    (void)arg;
    return worker_job_tell(json_pack("{s:s, s:I}", "type", "begun",
                                     "offset_bytes",
                                     (json_int_t)offset_bytes));
}

static int parse(struct job *job, const json_t *head, struct err *err)
{
    struct json_reader r;
    json_reader_init(&r, head, "", err);
    (void)json_get_text(&r, "type");
    (void)snprintf(job->name, sizeof(job->name), "%s",
                   json_get_text(&r, "name"));
    const char *kind = json_get_text(&r, "kind");
    const char *format = json_get_text(&r, "format");
    job->sent_bytes = json_get_u64(&r, "size_bytes", 1, IMAGE_BYTES_MAX);
    job->spec.sector_bytes =
        (uint32_t)json_get_u64(&r, "sector_bytes", 1, 65536);
    job->secret.epoch = (uint32_t)json_get_u64(&r, "epoch", 0, UINT32_MAX);
    int rc = json_done(&r);
    if (!rc)
        rc = image_kind_parse(kind, &job->spec.kind, err);
    if (!rc)
        rc = disk_format_parse(format, &job->format, err);
    job->spec.fd = job->fds[IMPORT_FD_PIPE];
    job->spec.size_bytes = job->sent_bytes;
    job->spec.begun = begun;
    job->spec.secret = &job->secret;
    job->spec.progress = progress;
    job->spec.arg = job;
    return rc;
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
    const int dirs[] = {job->fds[IMPORT_FD_OBJECTS], job->fds[IMPORT_FD_INDEX],
                        -1};
    const struct sandbox_spec sandbox = {.read_dirs = dirs,
                                         .write_dirs = dirs,
                                         .threads = true,
                                         .max_files = MAX_OPEN_FILES,
                                         .max_memory_bytes = MAX_MEMORY_BYTES};
    return sandbox_enter(&sandbox, err);
}

static int import_raw(struct job *job, struct objects *objects,
                      struct manifest *m, uint64_t *ret_kept, struct err *err)
{
    AUTO_IMPORT_JOURNAL struct import_journal *journal = NULL;
    int fd = job->fds[IMPORT_FD_STATE];
    if (fd >= 0) {
        journal = import_journal_new(fd, &job->secret, 0, err);
        if (!journal)
            return err->code;
    }
    job->spec.journal = journal;
    int rc = import_run(objects, &job->spec, m, err);
    job->spec.journal = NULL;
    if (journal)
        *ret_kept = MIN(import_journal_bytes(journal), job->sent_bytes);
    return rc;
}

static int import_other(struct job *job, struct objects *objects,
                        struct manifest *m, uint64_t *ret_kept, struct err *err)
{
    int fd = job->fds[IMPORT_FD_STATE];
    struct stat st;
    if (fd < 0)
        return err_set(err, ERR_INTERNAL, "the import has no spool file");
    int rc = import_spool(fd, job->fds[IMPORT_FD_PIPE], job->sent_bytes, begun,
                          job, err);
    if (!fstat(fd, &st))
        *ret_kept = (uint64_t)st.st_size;
    return rc ? rc
              : import_convert(objects, fd, job->format, &job->spec, m, err);
}

static json_t *run(struct job *job, uint64_t *ret_kept, struct err *err)
{
    AUTO_FREE struct manifest *m = calloc(1, sizeof(*m));
    AUTO_OBJECTS struct objects *objects = objects_from_fds(
        job->fds[IMPORT_FD_OBJECTS], job->fds[IMPORT_FD_INDEX], -1, err);
    if (!m || !objects) {
        (void)err_set(err, ERR_NO_MEMORY, "no memory to import an image");
        return NULL;
    }
    if (job->format == DISK_RAW ? import_raw(job, objects, m, ret_kept, err)
                                : import_other(job, objects, m, ret_kept, err))
        return NULL;
    memcpy(m->name, job->name, sizeof(m->name));
    m->revision = 1; /* the parent knows the real one */
    return manifest_json(m);
}

static json_t *outcome(json_t *manifest, uint64_t kept, const struct err *err)
{
    if (manifest)
        return json_pack("{s:s, s:o}", "type", "imported", "manifest",
                         manifest);
    if (err->code == ERR_UNAVAILABLE)
        return json_pack("{s:s, s:I, s:s}", "type", "kept", "offset_bytes",
                         (json_int_t)kept, "message", err->text);
    return worker_job_failure(err);
}

int import_worker_main(void)
{
    struct job job = {.name = "", .fds = {-1, -1, -1, -1}};
    uint64_t kept = 0;
    struct err err = ERR_INIT;
    (void)signal(SIGXFSZ, SIG_IGN); /* a full disk is EFBIG */
    json_t *manifest = NULL;
    if (!receive(&job, &err))
        manifest = run(&job, &kept, &err);
    secret_wipe(&job.secret, sizeof(job.secret));
    return worker_job_tell(outcome(manifest, kept, &err)) != 0;
}
