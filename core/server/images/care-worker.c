/* SPDX-License-Identifier: Apache-2.0 */
/* The care worker: see care-worker.h. */
#include "core/server/images/care-worker.h"

#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "core/image/objects-collect.h"
#include "core/image/reader.h"
#include "core/server/workers/sandbox.h"
#include "core/server/workers/worker-job.h"
#include "core/util/file.h"
#include "core/util/json.h"

#define MAX_OPEN_FILES 64
#define MAX_MEMORY_BYTES (UINT64_C(4) << 30) /* names: objects-collect.h */
#define IOPRIO_IDLE (3 << 13)                /* linux/ioprio.h */
#define IOPRIO_WHO_PROCESS 1
#define LOWEST_PRIORITY 19

struct job {
    bool collect;
    bool dry_run;
    int64_t before_s;
    struct seal_secret secret;
    struct care_keys keys;
    int fds[CARE_FDS];
    struct objects *objects;
    unsigned told_permille;
    /* Verifying. */
    const char *image;
    uint64_t before_bytes; /* of the images before this one */
    uint64_t total_bytes;
    uint64_t damaged;
};

static const struct worker_job shape = {
    .name = "care",
    .key_bytes = sizeof(struct care_keys),
    .fds = CARE_FDS,
    .fds_needed = CARE_FDS,
};

/* Without a parent there is nobody to work for. */
static int tell_permille(struct job *job, unsigned permille)
{
    if (permille <= job->told_permille)
        return 0;
    job->told_permille = permille;
    return worker_job_tell(json_pack("{s:s, s:I}", "type", "progress", "permille",
                          (json_int_t)permille));
}

/* ---- verifying ---- */

static void found(void *arg, const struct image_fault *fault)
{
    struct job *job = arg;
    job->damaged++;
    (void)worker_job_tell(json_pack("{s:s, s:s, s:s, s:I, s:I, s:s}", "type", "damage",
                         "image", job->image, "what", fault->what,
                         "offset_bytes", (json_int_t)fault->offset_bytes,
                         "length_bytes", (json_int_t)fault->length_bytes,
                         "message", fault->err.text));
}

static int verify_progress(void *arg, uint64_t done_bytes)
{
    struct job *job = arg;
    uint64_t done = job->before_bytes + done_bytes;
    return tell_permille(
        job, (unsigned)(done / (job->total_bytes / 1000 + 1)));
}

static void found_manifest(struct job *job, const struct err *err)
{
    const struct image_fault fault = {"manifest", 0, 0, *err};
    found(job, &fault);
}

static int verify_image(struct job *job, const char *manifest, struct err *err)
{
    AUTO_BUF text = BUF_INIT(MANIFEST_MAX_BYTES);
    AUTO_FREE struct manifest *m = malloc(sizeof(*m));
    uint8_t signature[SIGNATURE_BYTES];
    struct digest digest;
    struct err what = ERR_INIT;
    struct image_damage damage = {
        .found = found, .progress = verify_progress, .arg = job};
    if (!m)
        return err_set(err, ERR_NO_MEMORY, "no memory to verify an image");
    int rc = digest_parse(manifest, &digest, err);
    if (rc)
        return rc;
    if (objects_manifest_get(job->objects, &digest, &text, signature, &what) ||
        manifest_open(text.data, text.length, signature,
                      job->keys.verify, ARRAY_LENGTH(job->keys.verify), m, &what)) {
        found_manifest(job, &what);
        return 0;
    }
    rc = image_check(job->objects, &job->secret, &m->index_root, &damage, err);
    return rc == ERR_CORRUPT ? 0 : rc;
}

static json_t *verify(struct job *job, const json_t *images, struct err *err)
{
    size_t i;
    json_t *item;
    json_array_foreach (images, i, item)
        job->total_bytes += (uint64_t)json_integer_value(
            json_object_get(item, "size_bytes"));
    json_array_foreach (images, i, item) {
        const char *manifest =
            json_string_value(json_object_get(item, "manifest"));
        job->image = json_string_value(json_object_get(item, "id"));
        if (verify_image(job, manifest ? manifest : "", err))
            return NULL;
        job->before_bytes += (uint64_t)json_integer_value(
            json_object_get(item, "size_bytes"));
    }
    return json_pack("{s:I, s:I, s:I}", "images",
                     (json_int_t)json_array_size(images), "size_bytes",
                     (json_int_t)job->total_bytes, "damaged_pieces",
                     (json_int_t)job->damaged);
}

/* ---- collecting ---- */

static int collect_progress(void *arg, unsigned done, unsigned total)
{
    return tell_permille(arg, 1000 * done / total);
}

static json_t *collect(struct job *job, const json_t *named, struct err *err)
{
    size_t count = json_array_size(named);
    struct collect_result result = {0};
    AUTO_FREE struct digest *roots = calloc(count + 1, sizeof(*roots));
    struct collect_spec spec = {.secret = &job->secret,
                                .roots = roots,
                                .before_s = job->before_s,
                                .dry_run = job->dry_run,
                                .progress = collect_progress,
                                .arg = job};
    if (!roots) {
        (void)err_set(err, ERR_NO_MEMORY, "no memory to collect");
        return NULL;
    }
    for (; spec.root_count < count; spec.root_count++)
        if (digest_parse(json_string_value(json_array_get(named,
                                                          spec.root_count)),
                         &roots[spec.root_count], err))
            return NULL;
    if (objects_collect(job->objects, &spec, &result, err))
        return NULL;
    return json_pack("{s:I, s:I, s:I, s:I, s:b}", "kept_files",
                     (json_int_t)result.kept_files, "young_files",
                     (json_int_t)result.young_files, "freed_files",
                     (json_int_t)result.freed_files, "freed_bytes",
                     (json_int_t)result.freed_bytes, "dry_run", job->dry_run);
}

/* ---- the job ---- */

static int parse(struct job *job, const json_t *head, struct err *err)
{
    struct json_reader r;
    json_reader_init(&r, head, "", err);
    job->collect = !strcmp(json_get_text(&r, "type"), "collect");
    job->secret.epoch = (uint32_t)json_get_u64(&r, "epoch", 0, UINT32_MAX);
    job->before_s = (int64_t)json_get_u64(&r, "before_s", 0, INT64_MAX);
    job->dry_run = json_get_bool(&r, "dry_run");
    job->secret.key = job->keys.secret;
    return json_done(&r);
}

static json_t *read_list(const struct job *job, struct err *err)
{
    struct stat st;
    if (fstat(job->fds[CARE_FD_JOB], &st) || st.st_size < 2 ||
        (uint64_t)st.st_size > CARE_JOB_MAX_BYTES) {
        (void)err_set(err, ERR_INTERNAL, "the job of the care worker is lost");
        return NULL;
    }
    AUTO_FREE char *text = malloc((size_t)st.st_size);
    if (!text) {
        (void)err_set(err, ERR_NO_MEMORY, "no memory for the job");
        return NULL;
    }
    if (file_pread_all(job->fds[CARE_FD_JOB], text, (size_t)st.st_size, 0, err))
        return NULL;
    return json_parse(text, (size_t)st.st_size, CARE_JOB_MAX_BYTES, err);
}

/* The one message, then no more privileges than the job needs. */
static int receive(struct job *job, struct err *err)
{
    AUTO_JSON *head = NULL;
    int rc = worker_job_receive(&shape, &job->keys, job->fds, &head, err);
    if (!rc)
        rc = parse(job, head, err);
    if (rc)
        return rc;
    /* Neither failing matters: it is only politeness. */
    (void)setpriority(PRIO_PROCESS, 0, LOWEST_PRIORITY);
    (void)syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, IOPRIO_IDLE);
    const int dirs[] = {job->fds[CARE_FD_OBJECTS], job->fds[CARE_FD_INDEX],
                        job->fds[CARE_FD_MANIFESTS], -1};
    const struct sandbox_spec sandbox = {
        .read_dirs = dirs,
        .write_dirs = job->collect ? dirs : NULL,
        .max_files = MAX_OPEN_FILES,
        .max_memory_bytes = MAX_MEMORY_BYTES};
    return sandbox_enter(&sandbox, err);
}

static json_t *run(struct job *job, struct err *err)
{
    AUTO_JSON *list = read_list(job, err);
    if (!list)
        return NULL;
    job->objects = objects_from_fds(job->fds[CARE_FD_OBJECTS],
                                    job->fds[CARE_FD_INDEX],
                                    job->fds[CARE_FD_MANIFESTS], err);
    if (!job->objects)
        return NULL;
    json_t *result =
        job->collect ? collect(job, list, err) : verify(job, list, err);
    objects_free(job->objects);
    return result;
}

int care_worker_main(void)
{
    struct job job = {.fds = {-1, -1, -1, -1}};
    struct err err = ERR_INIT;
    json_t *result = NULL;
    if (!receive(&job, &err))
        result = run(&job, &err);
    secret_wipe(&job.secret, sizeof(job.secret));
    secret_wipe(&job.keys, sizeof(job.keys));
    return worker_job_tell(result ? json_pack("{s:s, s:o}", "type", "done",
                                              "result", result)
                                  : worker_job_failure(&err)) != 0;
}
