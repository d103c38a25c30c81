/* SPDX-License-Identifier: Apache-2.0 */
/* Manifests and index pages for engines: read and checked on the pool. */
#include <stdio.h>
#include <string.h>

#include "core/server/images/images-parts.h"
#include "core/util/loop.h"
#include "core/util/pool.h"

struct read_job {
    struct image_files *files;
    /* Of the image, for sentences; of one that is not there its manifest. */
    char id[MAX(IMAGE_ID_BYTES, DIGEST_HEX_BYTES)];
    struct digest manifest;
    struct digest index_root; /* index only */
    struct digest page;       /* index only */
    image_manifest_got *manifest_got;
    image_page_got *page_got;
    void *arg;
    struct buf bytes;
    uint8_t signature[SIGNATURE_BYTES];
    struct err err;
};

static struct read_job *job_new(struct images *images,
                                const struct digest *manifest, void *arg)
{
    const struct image *image = images_by_manifest(images, manifest);
    char hex[DIGEST_HEX_BYTES];
    struct read_job *job = calloc(1, sizeof(*job));
    if (!job)
        return NULL;
    (void)snprintf(job->id, sizeof(job->id), "%s",
                   image ? image->id : digest_hex(manifest, hex));
    job->files = image_files_ref(images->files);
    job->manifest = *manifest;
    job->arg = arg;
    buf_init(&job->bytes,
             MAX(INDEX_MAX_BYTES + SEAL_TAG_BYTES, MANIFEST_MAX_BYTES));
    return job;
}

static void finish(void *arg)
{
    struct read_job *job = arg;
    const struct err *err = job->err.code ? &job->err : NULL;
    if (job->manifest_got)
        job->manifest_got(job->arg, job->bytes.data, job->bytes.length,
                          job->signature, err);
    else
        job->page_got(job->arg, job->bytes.data, job->bytes.length, err);
    if (job->bytes.data)
        secret_wipe(job->bytes.data, job->bytes.length);
    buf_done(&job->bytes);
    image_files_unref(job->files);
    free(job);
}

/* Runs the job, or says on the loop why not. */
static void submit(struct images *images, struct read_job *job,
                   void (*work)(void *arg))
{
    if (!job->err.code && !pool_submit(images->server->pool, work, finish, job))
        return;
    if (!job->err.code)
        (void)err_set(&job->err, ERR_UNAVAILABLE,
                      "the server has too much to read just now");
    if (loop_post(images->server->loop, finish, job))
        finish(job); /* no memory: better inside the call than never */
}

/* The sentence ends up in a task, far from this server's log. */
static void say_how_to_mend(struct read_job *job, const char *how)
{
    struct err why = job->err;
    bool damaged = why.code == ERR_CORRUPT || why.code == ERR_VERIFY;
    (void)err_set(&job->err, why.code, "image '%s': %.300s%s%s", job->id,
                  why.text, damaged ? "; " : "", damaged ? how : "");
}

static void read_manifest(void *arg)
{
    struct read_job *job = arg;
    int rc = objects_manifest_get(job->files->objects, &job->manifest,
                                  &job->bytes, job->signature, &job->err);
    AUTO_FREE struct manifest *m = rc ? NULL : malloc(sizeof(*m));
    if (!rc && !m)
        rc = err_set(&job->err, ERR_NO_MEMORY, "no memory for a manifest");
    if (!rc)
        rc = manifest_open(job->bytes.data, job->bytes.length, job->signature,
                           job->files->keys, ARRAY_LENGTH(job->files->keys), m,
                           &job->err);
    if (rc)
        say_how_to_mend(job, "importing its content again makes a new one");
}

void images_manifest(struct images *images, const struct digest *manifest,
                     image_manifest_got *got, void *arg)
{
    struct read_job *job = job_new(images, manifest, arg);
    if (!job) {
        struct err err;
        (void)err_set(&err, ERR_NO_MEMORY, "no memory to read a manifest");
        got(arg, NULL, 0, NULL, &err);
        return;
    }
    job->manifest_got = got;
    submit(images, job, read_manifest);
}

/* ERR_NOT_FOUND unless the root lists that page. */
static int page_belongs(const struct read_job *job, const struct buf *root,
                        struct err *err)
{
    AUTO_INDEX_ROOT struct index_root *parsed = NULL;
    int rc = index_root_parse(root->data, root->length, &parsed, err);
    if (rc)
        return rc;
    for (uint32_t i = 0; i < parsed->page_count; i++)
        if (digest_equal(&parsed->pages[i].page, &job->page))
            return 0;
    return err_set(err, ERR_NOT_FOUND,
                   "that index page does not belong to the image");
}

/* One that is named but not there is damage, not "no such thing". */
static int get_page(struct read_job *job, const struct digest *page)
{
    const struct image_files *files = job->files;
    char hex[DIGEST_HEX_BYTES];
    int rc = objects_index_get(files->objects, &files->secret, page,
                               &job->bytes, &job->err);
    if (rc == ERR_NOT_FOUND)
        rc = err_set(&job->err, ERR_CORRUPT, "index file %s is missing",
                     digest_hex(page, hex));
    return rc;
}

static void read_page(void *arg)
{
    struct read_job *job = arg;
    int rc = get_page(job, &job->index_root);
    if (!rc && !digest_equal(&job->page, &job->index_root)) {
        rc = page_belongs(job, &job->bytes, &job->err);
        if (!rc)
            rc = get_page(job, &job->page);
    }
    if (rc)
        say_how_to_mend(job, "'slipway image verify' names all that is "
                             "damaged, and importing the same content again "
                             "mends it");
}

void images_index(struct images *images, const struct digest *manifest,
                  const struct digest *page, image_page_got *got, void *arg)
{
    const struct image *image = images_by_manifest(images, manifest);
    struct read_job *job = job_new(images, manifest, arg);
    if (!job) {
        struct err err;
        (void)err_set(&err, ERR_NO_MEMORY, "no memory to read an index");
        got(arg, NULL, 0, &err);
        return;
    }
    job->page_got = got;
    job->page = *page;
    if (image)
        job->index_root = image->index_root;
    else
        (void)err_set(&job->err, ERR_NOT_FOUND, "there is no such image");
    submit(images, job, read_page);
}
