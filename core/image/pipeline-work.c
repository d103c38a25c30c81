/* SPDX-License-Identifier: Apache-2.0 */
/* What the threads of a pipeline do: see pipeline-parts.h. */
#include <string.h>

#include "core/image/pipeline-parts.h"

enum job_kind { JOB_NONE, JOB_WRITE, JOB_LOCAL, JOB_CHECKPOINT, JOB_SYNC };

struct job {
    enum job_kind kind;
    struct entry *entry;    /* JOB_WRITE */
    struct open_page *page; /* JOB_LOCAL */
    uint32_t record;
    uint64_t first_chunk;
    uint64_t chunk_count;
};

void pipeline_fail_locked(struct pipeline *p, const struct err *err)
{
    if (p->state != PIPELINE_RUNNING)
        return;
    p->err = *err;
    p->state = PIPELINE_FAILED;
    (void)pthread_cond_broadcast(&p->work);
}

void pipeline_fail(struct pipeline *p, const struct err *err)
{
    (void)pthread_mutex_lock(&p->lock);
    pipeline_fail_locked(p, err);
    (void)pthread_mutex_unlock(&p->lock);
}

/* The next piece of a run that must be zeroed or compared. */
static bool find_local(struct pipeline *p, struct job *job)
{
    for (size_t i = 0; i < PIPELINE_PAGES; i++) {
        struct open_page *page = &p->pages[i];
        uint32_t count = page->work ? page->page->record_count : 0;
        for (; page->local_from < count; page->local_from++) {
            struct record_work *work = &page->work[page->local_from];
            uint64_t run = page->page->records[page->local_from].run;
            if (work->state != RECORD_LOCAL || work->taken_chunks == run)
                continue;
            uint64_t some =
                MIN(run - work->taken_chunks, (uint64_t)PIPELINE_PIECE_CHUNKS);
            *job = (struct job){.kind = JOB_LOCAL,
                                .page = page,
                                .record = page->local_from,
                                .first_chunk =
                                    work->first_chunk + work->taken_chunks,
                                .chunk_count = some};
            work->taken_chunks += some;
            return true;
        }
    }
    return false;
}

static bool find_delivered(struct pipeline *p, struct job *job)
{
    for (size_t i = 0; i < PIPELINE_MAX_ENTRIES; i++)
        if (p->entries[i].state == ENTRY_DELIVERED) {
            p->entries[i].state = ENTRY_WRITING;
            *job = (struct job){.kind = JOB_WRITE, .entry = &p->entries[i]};
            return true;
        }
    return false;
}

/* With the lock: something to do, or JOB_NONE. */
static struct job find_job(struct pipeline *p)
{
    struct job job = {.kind = JOB_NONE};
    if (p->state != PIPELINE_RUNNING)
        return job;
    if (p->checkpoint_wanted && !p->checkpoint_running) {
        p->checkpoint_wanted = false;
        p->checkpoint_running = true;
        job.kind = JOB_CHECKPOINT;
    } else if (p->root && !p->pages_left && !p->sync_taken) {
        p->sync_taken = true;
        job.kind = JOB_SYNC;
    } else if (!find_delivered(p, &job)) {
        (void)find_local(p, &job);
    }
    return job;
}

/* Opens a delivered object and writes it wherever it belongs. */
static int write_entry(struct pipeline *p, struct pipeline_thread *t,
                       const struct entry *entry, struct err *err)
{
    const struct target *first = &entry->targets[0];
    const struct index_record *record =
        &first->page->page->records[first->record];
    size_t plain_bytes = index_chunk_bytes(
        p->root, first->page->work[first->record].first_chunk);
    int rc =
        object_open_checked(t->unpacker, &record->id, entry->data, entry->bytes,
                            t->frame, t->plain, plain_bytes, err);
    for (size_t i = 0; !rc && i < entry->target_count; i++) {
        const struct target *target = &entry->targets[i];
        uint64_t chunk = target->page->work[target->record].first_chunk;
        uint64_t run = target->page->page->records[target->record].run;
        for (; !rc && run; chunk++, run--)
            rc = device_write(&p->device, t->plain, plain_bytes,
                              chunk << p->chunk_shift, err);
    }
    return rc;
}

static void do_write(struct pipeline *p, struct pipeline_thread *t,
                     struct entry *entry)
{
    struct err err = ERR_INIT;
    int rc = write_entry(p, t, entry, &err);
    (void)pthread_mutex_lock(&p->lock);
    if (rc)
        pipeline_fail_locked(p, &err);
    for (size_t i = 0; !rc && i < entry->target_count; i++) {
        const struct target *target = &entry->targets[i];
        const struct record_work *work = &target->page->work[target->record];
        p->progress.written_bytes +=
            pipeline_bytes(p, work->first_chunk,
                           target->page->page->records[target->record].run);
        pipeline_record_right(p, target->page, target->record);
    }
    if (!rc)
        p->progress.fetched_bytes += entry->bytes;
    pipeline_entry_free(p, entry);
    (void)pthread_mutex_unlock(&p->lock);
    p->wake(p->arg);
}

static bool is_excluded(const struct pipeline *p, uint64_t chunk)
{
    uint64_t start = chunk << p->chunk_shift;
    uint64_t bytes = index_chunk_bytes(p->root, chunk);
    for (size_t i = 0; i < p->excluded_count; i++) {
        const struct pipeline_range *range = &p->excluded[i];
        if (range->offset < start + bytes &&
            start < range->offset + range->length)
            return true;
    }
    return false;
}

/* Reads a chunk and compares it with its record. */
static int compare_chunk(struct pipeline *p, struct pipeline_thread *t,
                         const struct index_record *record, uint64_t chunk,
                         bool *ret_equal, struct err *err)
{
    size_t bytes = index_chunk_bytes(p->root, chunk);
    int rc =
        device_read(&p->device, t->plain, bytes, chunk << p->chunk_shift, err);
    if (rc && p->mode == PIPELINE_RESUME) {
        *ret_equal = false; /* writing may mend an unreadable place */
        return 0;
    }
    if (rc)
        return rc;
    if (record->flags == INDEX_HOLE) {
        *ret_equal = !memcmp(t->plain, p->zeros, bytes);
    } else {
        struct digest digest;
        digest_of(t->plain, bytes, &digest);
        *ret_equal = digest_equal(&digest, &record->plain);
    }
    return 0;
}

static void note_difference(struct pipeline *p, uint64_t chunk)
{
    (void)pthread_mutex_lock(&p->lock);
    uint64_t offset = chunk << p->chunk_shift;
    if (!p->differences++ || offset < p->first_difference)
        p->first_difference = offset;
    (void)pthread_mutex_unlock(&p->lock);
}

static int compare_piece(struct pipeline *p, struct pipeline_thread *t,
                         const struct job *job,
                         const struct index_record *record, bool *ret_differs,
                         struct err *err)
{
    for (uint64_t i = 0; i < job->chunk_count; i++) {
        uint64_t chunk = job->first_chunk + i;
        bool equal = true;
        if (p->mode == PIPELINE_VERIFY && is_excluded(p, chunk))
            continue;
        int rc = compare_chunk(p, t, record, chunk, &equal, err);
        if (rc)
            return rc;
        if (equal)
            continue;
        *ret_differs = true;
        if (p->mode != PIPELINE_VERIFY)
            return 0; /* the whole run is written again */
        note_difference(p, chunk);
    }
    return 0;
}

/* With the lock: the last piece of a record was finished. */
static void finish_local(struct pipeline *p, const struct job *job)
{
    const struct index_record *record = &job->page->page->records[job->record];
    struct record_work *work = &job->page->work[job->record];
    bool hole = record->flags == INDEX_HOLE;
    if (work->differs && p->mode == PIPELINE_RESUME && !hole) {
        pipeline_record_wanted(p, job->page, job->record);
        return;
    }
    if (!hole && p->mode == PIPELINE_RESUME)
        p->progress.kept_bytes +=
            pipeline_bytes(p, work->first_chunk, record->run);
    pipeline_record_right(p, job->page, job->record);
}

static void do_local(struct pipeline *p, struct pipeline_thread *t,
                     const struct job *job)
{
    struct err err = ERR_INIT;
    const struct index_record *record = &job->page->page->records[job->record];
    bool differs = false;
    int rc;
    if (record->flags == INDEX_HOLE && p->mode != PIPELINE_VERIFY)
        rc = device_zero(&p->device, job->first_chunk << p->chunk_shift,
                         pipeline_bytes(p, job->first_chunk, job->chunk_count),
                         p->zeros, (size_t)1 << p->chunk_shift, &err);
    else
        rc = compare_piece(p, t, job, record, &differs, &err);
    (void)pthread_mutex_lock(&p->lock);
    struct record_work *work = &job->page->work[job->record];
    work->differs = work->differs || differs;
    work->left_chunks -= job->chunk_count;
    if (record->flags != INDEX_HOLE || p->mode == PIPELINE_VERIFY)
        p->progress.compared_bytes +=
            pipeline_bytes(p, job->first_chunk, job->chunk_count);
    if (rc)
        pipeline_fail_locked(p, &err);
    else if (!work->left_chunks)
        finish_local(p, job);
    (void)pthread_mutex_unlock(&p->lock);
    p->wake(p->arg);
}

/* Syncs, and hands out what was known to be right before the sync. */
static void do_checkpoint(struct pipeline *p)
{
    struct err err = ERR_INIT;
    struct chunk_set known = {0};
    AUTO_BUF text = BUF_INIT(CHECKPOINT_MAX_BYTES);
    int rc = chunk_set_init(&known, p->chunk_count);
    if (rc)
        (void)err_set(&err, rc, "no memory for a checkpoint");
    (void)pthread_mutex_lock(&p->lock);
    if (!rc)
        chunk_set_copy(&known, &p->known);
    (void)pthread_mutex_unlock(&p->lock);
    if (!rc)
        rc = device_sync(&p->device, &err);
    if (!rc && !checkpoint_format(&known, &p->index_root, &text))
        p->on_checkpoint(p->arg, text.data, text.length);
    chunk_set_done(&known);
    (void)pthread_mutex_lock(&p->lock);
    p->checkpoint_running = false;
    if (rc)
        pipeline_fail_locked(p, &err);
    (void)pthread_mutex_unlock(&p->lock);
    if (rc)
        p->wake(p->arg);
}

static void do_sync(struct pipeline *p)
{
    struct err err = ERR_INIT;
    int rc = p->mode == PIPELINE_VERIFY ? 0 : device_sync(&p->device, &err);
    (void)pthread_mutex_lock(&p->lock);
    if (!rc && p->differences)
        rc = err_set(&err, ERR_VERIFY,
                     "%s differs from the image in %llu chunks, the first at "
                     "byte %llu",
                     p->device.name, (unsigned long long)p->differences,
                     (unsigned long long)p->first_difference);
    if (rc)
        pipeline_fail_locked(p, &err);
    else if (p->state == PIPELINE_RUNNING)
        p->state = PIPELINE_DONE;
    (void)pthread_mutex_unlock(&p->lock);
    p->wake(p->arg);
}

static void do_job(struct pipeline *p, struct pipeline_thread *t,
                   const struct job *job)
{
    switch (job->kind) {
    case JOB_WRITE:
        do_write(p, t, job->entry);
        break;
    case JOB_LOCAL:
        do_local(p, t, job);
        break;
    case JOB_CHECKPOINT:
        do_checkpoint(p);
        break;
    case JOB_SYNC:
        do_sync(p);
        break;
    case JOB_NONE:
        break;
    }
}

static void work(struct pipeline *p, struct pipeline_thread *t)
{
    (void)pthread_mutex_lock(&p->lock);
    while (!p->stop) {
        struct job job = find_job(p);
        if (job.kind == JOB_NONE) {
            (void)pthread_cond_wait(&p->work, &p->lock);
            continue;
        }
        (void)pthread_mutex_unlock(&p->lock);
        do_job(p, t, &job);
        (void)pthread_mutex_lock(&p->lock);
    }
    (void)pthread_mutex_unlock(&p->lock);
}

void *pipeline_thread_main(void *pipeline)
{
    struct pipeline *p = pipeline;
    size_t chunk = (size_t)1 << p->chunk_shift;
    struct pipeline_thread t = {
        .unpacker = frame_unpacker_new(),
        .frame = malloc(object_max_bytes(chunk)),
        .plain = malloc(chunk),
    };
    if (t.unpacker && t.frame && t.plain) {
        work(p, &t);
    } else {
        struct err err = ERR_INIT;
        (void)err_set(&err, ERR_NO_MEMORY,
                      "this machine has not enough memory to write an image");
        pipeline_fail(p, &err);
        p->wake(p->arg);
    }
    frame_unpacker_free(t.unpacker);
    free(t.frame);
    free(t.plain);
    return NULL;
}
