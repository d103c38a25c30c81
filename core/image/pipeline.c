/* SPDX-License-Identifier: Apache-2.0 */
/* The owner's side of a pipeline: see pipeline.h. */
#include "core/image/pipeline.h"

#include <inttypes.h>
#include <string.h>

#include "core/image/pipeline-parts.h"
#include "core/util/num.h"

static int check_device(const struct pipeline_spec *spec, struct err *err)
{
    const struct manifest *m = spec->manifest;
    char need[NUM_SIZE_TEXT_BYTES];
    char have[NUM_SIZE_TEXT_BYTES];
    if (m->kind == IMAGE_DISK && spec->sector_bytes &&
        spec->sector_bytes != m->sector_bytes)
        return err_set(err, ERR_INVALID,
                       "%s has sectors of %" PRIu32 " bytes and image '%s' was "
                       "made for %" PRIu32 ": choose another disk or an image "
                       "made for it",
                       spec->device, spec->sector_bytes, m->name,
                       m->sector_bytes);
    if (spec->device_bytes < m->size_bytes)
        return err_set(err, ERR_NO_SPACE,
                       "%s holds %s (%" PRIu64 " bytes) and image '%s' needs "
                       "%s (%" PRIu64 " bytes)",
                       spec->device, num_format_size(spec->device_bytes, have),
                       spec->device_bytes, m->name,
                       num_format_size(m->size_bytes, need), m->size_bytes);
    return 0;
}

/* Threads, and what they leave of the memory for objects on their way. */
static int plan_memory(struct pipeline *p, const struct pipeline_spec *spec,
                       struct err *err)
{
    uint64_t memory =
        spec->memory_bytes ? spec->memory_bytes : PIPELINE_DEFAULT_MEMORY;
    size_t chunk = (size_t)1 << p->chunk_shift;
    uint64_t one_thread = chunk + object_max_bytes(chunk);
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    unsigned threads =
        spec->threads ? spec->threads : (unsigned)MAX(processors, 1L);
    threads = MIN(threads, (unsigned)PIPELINE_MAX_THREADS);
    /* At most half for the threads, so that the network stays busy. */
    while (threads > 1 && threads * one_thread > memory / 2)
        threads--;
    uint64_t used = threads * one_thread + chunk;
    if (memory < used + object_max_bytes(chunk))
        return err_set(err, ERR_INVALID,
                       "%" PRIu64 " bytes of memory are too few for chunks of "
                       "%zu bytes",
                       memory, chunk);
    p->budget_bytes = memory - used;
    p->thread_count = threads;
    return 0;
}

static int copy_spec(struct pipeline *p, const struct pipeline_spec *spec,
                     struct err *err)
{
    p->mode = spec->mode;
    p->device.fd = spec->fd;
    p->device.name = spec->device;
    p->index_root = spec->manifest->index_root;
    p->chunk_shift = spec->manifest->chunk_shift;
    p->size_bytes = spec->manifest->size_bytes;
    p->chunk_count =
        (p->size_bytes + (UINT64_C(1) << p->chunk_shift) - 1) >> p->chunk_shift;
    p->wake = spec->wake;
    p->on_checkpoint = spec->on_checkpoint;
    p->arg = spec->arg;
    p->progress.total_bytes = p->size_bytes;
    p->excluded_count = spec->excluded_count;
    p->excluded = calloc(spec->excluded_count + 1, sizeof(*p->excluded));
    p->zeros = calloc(1, (size_t)1 << p->chunk_shift);
    if (!p->excluded || !p->zeros || chunk_set_init(&p->known, p->chunk_count))
        return err_set(err, ERR_NO_MEMORY, "no memory for a pipeline");
    if (spec->excluded_count)
        memcpy(p->excluded, spec->excluded,
               spec->excluded_count * sizeof(*p->excluded));
    /* A checkpoint that does not fit only means reading more. */
    if (spec->mode == PIPELINE_RESUME && spec->checkpoint)
        (void)checkpoint_parse(spec->checkpoint, spec->checkpoint_length,
                               &p->index_root, &p->known);
    return 0;
}

static int start_threads(struct pipeline *p, struct err *err)
{
    unsigned want = p->thread_count;
    for (p->thread_count = 0; p->thread_count < want; p->thread_count++)
        if (pthread_create(&p->threads[p->thread_count], NULL,
                           pipeline_thread_main, p))
            break;
    return p->thread_count
               ? 0
               : err_set(err, ERR_NO_MEMORY, "cannot start a thread");
}

int pipeline_new(const struct pipeline_spec *spec, struct pipeline **ret,
                 struct err *err)
{
    int rc = check_device(spec, err);
    if (rc)
        return rc;
    struct pipeline *p = calloc(1, sizeof(*p));
    if (!p)
        return err_set(err, ERR_NO_MEMORY, "no memory for a pipeline");
    (void)pthread_mutex_init(&p->lock, NULL);
    (void)pthread_cond_init(&p->work, NULL);
    rc = copy_spec(p, spec, err);
    if (!rc)
        rc = plan_memory(p, spec, err);
    if (rc)
        p->thread_count = 0;
    if (!rc && p->mode != PIPELINE_FRESH)
        device_forget_cache(&p->device);
    if (!rc)
        rc = start_threads(p, err);
    if (rc)
        pipeline_free(p);
    else
        *ret = p;
    return rc;
}

void pipeline_free(struct pipeline *p)
{
    if (!p)
        return;
    (void)pthread_mutex_lock(&p->lock);
    p->stop = true;
    (void)pthread_cond_broadcast(&p->work);
    (void)pthread_mutex_unlock(&p->lock);
    for (unsigned i = 0; i < p->thread_count; i++)
        (void)pthread_join(p->threads[i], NULL);
    for (size_t i = 0; i < PIPELINE_MAX_ENTRIES; i++)
        if (p->entries[i].state != ENTRY_FREE)
            pipeline_entry_free(p, &p->entries[i]);
    for (size_t i = 0; i < PIPELINE_PAGES; i++) {
        index_page_free(p->pages[i].page);
        free(p->pages[i].work);
    }
    index_root_free(p->root);
    chunk_set_done(&p->known);
    free(p->excluded);
    free(p->zeros);
    (void)pthread_mutex_destroy(&p->lock);
    (void)pthread_cond_destroy(&p->work);
    free(p);
}

int pipeline_needs_page(struct pipeline *p, struct digest *ret_digest)
{
    int found = 0;
    (void)pthread_mutex_lock(&p->lock);
    if (p->state != PIPELINE_RUNNING) {
        found = 0;
    } else if (!p->root) {
        found = !p->root_asked;
        p->root_asked = true;
        *ret_digest = p->index_root;
    } else {
        for (size_t i = 0; !found && i < PIPELINE_PAGES; i++) {
            struct open_page *page = &p->pages[i];
            if (!page->used || page->page || page->asked)
                continue;
            page->asked = true;
            *ret_digest = p->root->pages[page->number].page;
            found = 1;
        }
    }
    (void)pthread_mutex_unlock(&p->lock);
    return found;
}

/* With the lock: the open page that waits for this digest, or NULL. */
static struct open_page *find_page(struct pipeline *p,
                                   const struct digest *digest)
{
    for (size_t i = 0; p->root && i < PIPELINE_PAGES; i++) {
        struct open_page *page = &p->pages[i];
        if (page->used && !page->page &&
            digest_equal(digest, &p->root->pages[page->number].page))
            return page;
    }
    return NULL;
}

static int give_root(struct pipeline *p, const void *data, size_t length,
                     struct err *err)
{
    struct digest digest;
    struct index_root *root;
    digest_of(data, length, &digest);
    if (!digest_equal(&digest, &p->index_root))
        return err_set(err, ERR_CORRUPT,
                       "the index root that came is not the one the manifest "
                       "names");
    int rc = index_root_parse(data, length, &root, err);
    if (rc)
        return rc;
    if (root->size_bytes != p->size_bytes ||
        root->chunk_shift != p->chunk_shift) {
        index_root_free(root);
        return err_set(err, ERR_CORRUPT,
                       "index and manifest disagree about the image's size");
    }
    p->root = root;
    p->pages_left = root->page_count;
    pipeline_open_pages(p);
    return 0;
}

int pipeline_give_page(struct pipeline *p, const struct digest *digest,
                       const void *data, size_t length, struct err *err)
{
    int rc = 0;
    (void)pthread_mutex_lock(&p->lock);
    struct open_page *page = find_page(p, digest);
    if (!p->root && digest_equal(digest, &p->index_root))
        rc = give_root(p, data, length, err);
    else if (page)
        rc = index_page_parse(p->root, page->number, data, length, &page->page,
                              err);
    if (!rc && page)
        rc = pipeline_start_page(p, page, err);
    (void)pthread_mutex_unlock(&p->lock);
    if (rc)
        pipeline_page_lost(p, digest);
    return rc;
}

void pipeline_page_lost(struct pipeline *p, const struct digest *digest)
{
    (void)pthread_mutex_lock(&p->lock);
    struct open_page *page = find_page(p, digest);
    if (!p->root && digest_equal(digest, &p->index_root))
        p->root_asked = false;
    else if (page)
        page->asked = false;
    (void)pthread_mutex_unlock(&p->lock);
}

void pipeline_checkpoint(struct pipeline *p)
{
    (void)pthread_mutex_lock(&p->lock);
    p->checkpoint_wanted = p->on_checkpoint && p->mode != PIPELINE_VERIFY;
    (void)pthread_cond_signal(&p->work);
    (void)pthread_mutex_unlock(&p->lock);
}

void pipeline_cancel(struct pipeline *p)
{
    struct err err;
    (void)err_set(&err, ERR_CANCELLED, "writing %s was cancelled",
                  p->device.name);
    pipeline_fail(p, &err);
}

enum pipeline_state pipeline_state(struct pipeline *p, struct err *ret_err)
{
    (void)pthread_mutex_lock(&p->lock);
    enum pipeline_state state = p->state;
    if (state == PIPELINE_FAILED && ret_err)
        *ret_err = p->err;
    (void)pthread_mutex_unlock(&p->lock);
    return state;
}

void pipeline_progress(struct pipeline *p, struct pipeline_progress *ret)
{
    (void)pthread_mutex_lock(&p->lock);
    *ret = p->progress;
    (void)pthread_mutex_unlock(&p->lock);
}

uint64_t pipeline_differences(struct pipeline *p, uint64_t *ret_first)
{
    (void)pthread_mutex_lock(&p->lock);
    uint64_t count = p->differences;
    *ret_first = p->first_difference;
    (void)pthread_mutex_unlock(&p->lock);
    return count;
}
