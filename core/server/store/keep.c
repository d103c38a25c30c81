/* SPDX-License-Identifier: Apache-2.0 */
#include "core/server/store/keep.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "core/util/json.h"
#include "core/util/log.h"

/* Counted on the loop's thread; the pool's threads only read it. */
struct keeper {
    unsigned references;
    struct pool *pool;
    int state_fd;
    struct objects *objects;
    struct seal_secret secret;
};

struct job {
    struct keeper *keeper;
    char *text; /* plain JSON; put: from the start, get: the outcome */
    size_t length;
    struct object_id id;
    struct err err;
    keep_done *done;
    void *arg;
};

static void keeper_unref(struct keeper *keeper)
{
    if (--keeper->references > 0)
        return;
    objects_free(keeper->objects);
    if (keeper->state_fd >= 0)
        (void)close(keeper->state_fd);
    secret_wipe(&keeper->secret, sizeof(keeper->secret));
    free(keeper);
}

struct keeper *keeper_new(struct pool *pool, const char *state_dir,
                          const struct seal_secret *secret, struct err *err)
{
    struct keeper *keeper = calloc(1, sizeof(*keeper));
    if (!keeper) {
        (void)err_set(err, ERR_NO_MEMORY, "out of memory");
        return NULL;
    }
    keeper->references = 1;
    keeper->pool = pool;
    keeper->secret = *secret;
    keeper->state_fd = open(state_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (keeper->state_fd < 0)
        (void)err_set_errno(err, ERR_IO, errno,
                            "the state folder '%s' cannot be opened",
                            state_dir);
    else
        keeper->objects = objects_open(keeper->state_fd, err);
    if (keeper->objects)
        return keeper;
    keeper_unref(keeper);
    return NULL;
}

void keeper_free(struct keeper *keeper)
{
    if (keeper)
        keeper_unref(keeper);
}

static void job_free(struct job *job)
{
    keeper_unref(job->keeper);
    secret_wipe(&job->id, sizeof(job->id));
    free(job->text);
    free(job);
}

static struct job *job_new(struct keeper *keeper, keep_done *done, void *arg)
{
    struct job *job = calloc(1, sizeof(*job));
    struct err err = ERR_INIT;
    if (!job) {
        (void)err_set(&err, ERR_NO_MEMORY, "out of memory");
        done(arg, NULL, &err);
        return NULL;
    }
    *job = (struct job){.keeper = keeper, .done = done, .arg = arg};
    keeper->references++;
    return job;
}

static void submit(struct job *job, void (*work)(void *arg),
                   void (*over)(void *arg))
{
    if (!job->err.code && pool_submit(job->keeper->pool, work, over, job) == 0)
        return;
    if (!job->err.code)
        (void)err_set(&job->err, ERR_UNAVAILABLE,
                      "too many results are being written; try again");
    job->done(job->arg, NULL, &job->err);
    job_free(job);
}

/* --- put ---------------------------------------------------------------- */

static int seal_and_write(struct job *job, uint8_t *frame, uint8_t *sealed)
{
    struct keeper *keeper = job->keeper;
    size_t frame_bytes;
    enum frame_algorithm algorithm;
    struct frame_packer *packer = frame_packer_new(FRAME_LEVEL_DEFAULT);
    struct objects_batch *batch = objects_batch_new(keeper->objects);
    int code = packer && batch && frame && sealed
                   ? 0
                   : err_set(&job->err, ERR_NO_MEMORY, "out of memory");
    if (!code)
        code = frame_pack(packer, keeper->secret.epoch, job->text, job->length,
                          frame, &frame_bytes, &algorithm, &job->err);
    if (!code)
        code = object_seal(&keeper->secret, frame, frame_bytes, sealed,
                           &job->id, &job->err);
    if (!code)
        code = objects_put(batch, &job->id.name, sealed,
                           frame_bytes + SEAL_TAG_BYTES, &job->err);
    if (!code)
        code = objects_commit(batch, &job->err);
    if (batch)
        objects_batch_free(batch);
    frame_packer_free(packer);
    return code;
}

static void put_work(void *arg)
{
    struct job *job = arg;
    AUTO_FREE uint8_t *frame = malloc(frame_max_bytes(job->length));
    AUTO_FREE uint8_t *sealed = malloc(object_max_bytes(job->length));
    (void)seal_and_write(job, frame, sealed); /* the failure is in job->err */
}

static void put_over(void *arg)
{
    struct job *job = arg;
    char name[DIGEST_HEX_BYTES], key[DIGEST_HEX_BYTES];
    AUTO_JSON *reference = NULL;
    if (!job->err.code) {
        digest_hex(&job->id.name, name);
        hex_format(job->id.key.bytes, sizeof(job->id.key.bytes), key);
        reference = json_pack("{s:s, s:s, s:I}", "object", name, "key", key,
                              "bytes", (json_int_t)job->length);
        if (!reference)
            (void)err_set(&job->err, ERR_NO_MEMORY, "out of memory");
    }
    job->done(job->arg, reference, job->err.code ? &job->err : NULL);
    job_free(job);
}

void keep_put(struct keeper *keeper, const json_t *content, keep_done *done,
              void *arg)
{
    struct job *job = job_new(keeper, done, arg);
    if (!job)
        return;
    job->text = json_text(content);
    job->length = job->text ? strlen(job->text) : 0;
    if (!job->text)
        (void)err_set(&job->err, ERR_NO_MEMORY, "out of memory");
    else if (job->length > KEEP_MAX_BYTES)
        (void)err_set(&job->err, ERR_TOO_BIG,
                      "the result has %zu bytes, more than the %d allowed",
                      job->length, KEEP_MAX_BYTES);
    submit(job, put_work, put_over);
}

/* --- get ---------------------------------------------------------------- */

static void get_work(void *arg)
{
    struct job *job = arg;
    size_t max = object_max_bytes(job->length), length;
    AUTO_FREE uint8_t *sealed = malloc(max);
    AUTO_FREE uint8_t *frame = malloc(max);
    struct frame_unpacker *unpacker = frame_unpacker_new();
    job->text = calloc(1, job->length + 1);
    if (!sealed || !frame || !unpacker || !job->text)
        (void)err_set(&job->err, ERR_NO_MEMORY, "out of memory");
    else if (objects_read(job->keeper->objects, &job->id.name, sealed, max,
                          &length, &job->err) == 0)
        (void)object_open(unpacker, &job->id, sealed, length, frame, job->text,
                          job->length, &job->err);
    frame_unpacker_free(unpacker);
}

static void get_over(void *arg)
{
    struct job *job = arg;
    AUTO_JSON *content = NULL;
    if (!job->err.code)
        content = json_parse(job->text, job->length, KEEP_MAX_BYTES, &job->err);
    job->done(job->arg, content, job->err.code ? &job->err : NULL);
    job_free(job);
}

void keep_get(struct keeper *keeper, const json_t *reference, keep_done *done,
              void *arg)
{
    struct job *job = job_new(keeper, done, arg);
    struct json_reader r;
    if (!job)
        return;
    json_reader_init(&r, reference, "$", &job->err);
    const char *name = json_get_text(&r, "object");
    const char *key = json_get_text(&r, "key");
    job->length = json_get_u64(&r, "bytes", 1, KEEP_MAX_BYTES);
    int code = json_done(&r);
    if (!code && (digest_parse(name, &job->id.name, NULL) ||
                  hex_parse(key, job->id.key.bytes, sizeof(job->id.key.bytes))))
        (void)err_set(&job->err, ERR_CORRUPT,
                      "the reference of a kept result is damaged");
    submit(job, get_work, get_over);
}
