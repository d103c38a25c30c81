/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The importer: see import.h.  The calling thread reads chunks into a ring of
 * slots; workers take them in order and finish them in any order; whoever
 * finishes the oldest one moves all that are ready into the index.
 */
#include "core/image/import.h"

#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "core/image/reader.h"

#define THREADS_MAX 16
#define SLOTS_FOR_EACH_THREAD 2
#define COMMIT_INTERVAL_S 5

struct slot {
    uint8_t *data;
    size_t length;
    uint64_t hole_run; /* so many chunks of nothing, instead of data */
    bool finished; /* record is valid */
    struct index_record record;
};

struct import {
    const struct import_spec *spec;
    struct objects *objects;
    unsigned chunk_shift;
    unsigned threads;
    struct objects_batch *batch;
    struct index_builder *builder;
    uint64_t begun_bytes; /* an earlier run has finished so many */
    pthread_t thread[THREADS_MAX];
    unsigned started;

    pthread_mutex_t lock; /* all below, and the builder */
    pthread_cond_t work;  /* a chunk was read, or it is over */
    pthread_cond_t room;  /* a slot became free, or it failed */
    struct slot *slots;
    uint64_t slot_count;
    uint64_t read;    /* slots that were filled */
    uint64_t taken;   /* of those, taken by a worker */
    uint64_t indexed; /* of those, in the index and free */
    uint64_t stored_bytes;
    bool over;        /* nothing more will be read */
    bool interrupted; /* the input ended early; there is a journal */
    time_t committed_s;
    struct err err;
};

/* What one worker works with. */
struct worker {
    struct frame_packer *packer;
    uint8_t *frame;
    uint8_t *sealed;
};

static void fail(struct import *im, const struct err *err)
{
    (void)pthread_mutex_lock(&im->lock);
    if (!im->err.code)
        im->err = *err;
    (void)pthread_cond_broadcast(&im->work);
    (void)pthread_cond_broadcast(&im->room);
    (void)pthread_mutex_unlock(&im->lock);
}

static bool is_zero(const uint8_t *data, size_t length)
{
    return !data[0] && !memcmp(data, data + 1, length - 1);
}

static int make_record(struct import *im, const struct worker *w,
                       const struct slot *slot, struct index_record *record,
                       struct err *err)
{
    *record = (struct index_record){
        .flags = INDEX_HOLE, .run = slot->hole_run ? slot->hole_run : 1};
    if (slot->hole_run || is_zero(slot->data, slot->length))
        return 0;
    const struct seal_secret *secret = im->spec->secret;
    size_t frame_bytes;
    enum frame_algorithm algorithm;
    digest_of(slot->data, slot->length, &record->plain);
    int rc = frame_pack(w->packer, secret->epoch, slot->data, slot->length,
                        w->frame, &frame_bytes, &algorithm, err);
    if (!rc)
        rc = object_seal(secret, w->frame, frame_bytes, w->sealed, &record->id,
                         err);
    if (rc)
        return rc;
    record->flags = algorithm == FRAME_ZSTD ? INDEX_ZSTD : INDEX_STORED;
    record->object_bytes = (uint32_t)(frame_bytes + SEAL_TAG_BYTES);
    return objects_put(im->batch, &record->id.name, w->sealed,
                       record->object_bytes, err);
}

/* With the lock: moves finished slots into the index, oldest first. */
static int index_finished(struct import *im, struct err *err)
{
    while (im->indexed < im->taken) {
        struct slot *slot = &im->slots[im->indexed % im->slot_count];
        if (!slot->finished)
            break;
        int rc = index_builder_add(im->builder, &slot->record, err);
        if (!rc && im->spec->journal)
            rc = import_journal_add(im->spec->journal, &slot->record, err);
        if (rc)
            return rc;
        im->stored_bytes += slot->record.object_bytes;
        slot->finished = false;
        im->indexed++;
        (void)pthread_cond_signal(&im->room);
    }
    return 0;
}

/* The next chunk to work on, or NULL when there will be none. */
static struct slot *take(struct import *im)
{
    struct slot *slot = NULL;
    (void)pthread_mutex_lock(&im->lock);
    while (im->taken == im->read && !im->over && !im->err.code)
        (void)pthread_cond_wait(&im->work, &im->lock);
    if (!im->err.code && im->taken < im->read)
        slot = &im->slots[im->taken++ % im->slot_count];
    (void)pthread_mutex_unlock(&im->lock);
    return slot;
}

static void work(struct import *im, const struct worker *w)
{
    struct slot *slot;
    struct err err = ERR_INIT;
    while ((slot = take(im))) {
        struct index_record record;
        int rc = make_record(im, w, slot, &record, &err);
        if (!rc) {
            (void)pthread_mutex_lock(&im->lock);
            slot->record = record;
            slot->finished = true;
            rc = index_finished(im, &err);
            (void)pthread_mutex_unlock(&im->lock);
        }
        secret_wipe(&record, sizeof(record));
        if (rc) {
            fail(im, &err);
            return;
        }
    }
}

static void *worker_main(void *arg)
{
    struct import *im = arg;
    const struct import_spec *spec = im->spec;
    size_t chunk = (size_t)1 << im->chunk_shift;
    struct worker w = {
        .packer =
            frame_packer_new(spec->level ? spec->level : FRAME_LEVEL_DEFAULT),
        .frame = malloc(frame_max_bytes(chunk)),
        .sealed = malloc(object_max_bytes(chunk)),
    };
    if (w.packer && w.frame && w.sealed) {
        work(im, &w);
    } else {
        struct err err;
        (void)err_set(&err, ERR_NO_MEMORY, "no memory to compress an image");
        fail(im, &err);
    }
    frame_packer_free(w.packer);
    free(w.frame);
    free(w.sealed);
    return NULL;
}

/* A free slot for the next chunk, or NULL after a failure. */
static struct slot *wait_for_room(struct import *im)
{
    struct slot *slot = NULL;
    (void)pthread_mutex_lock(&im->lock);
    while (im->read - im->indexed == im->slot_count && !im->err.code)
        (void)pthread_cond_wait(&im->room, &im->lock);
    if (!im->err.code)
        slot = &im->slots[im->read % im->slot_count];
    (void)pthread_mutex_unlock(&im->lock);
    return slot;
}

/* Reads up to `length` bytes; less only at the end of the input. */
static int read_some(int fd, uint8_t *data, size_t length, size_t *ret_length,
                     struct err *err)
{
    size_t done = 0;
    while (done < length) {
        ssize_t got = read(fd, data + done, length - done);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return err_set_errno(err, ERR_IO, errno, "cannot read the image");
        if (!got)
            break;
        done += (size_t)got;
    }
    *ret_length = done;
    return 0;
}

static int fill_from_fd(struct import *im, struct slot *slot, uint64_t offset,
                        size_t want, struct err *err)
{
    int rc = read_some(im->spec->fd, slot->data, want, &slot->length, err);
    if (rc || slot->length == want)
        return rc;
    im->interrupted = im->spec->journal;
    return err_set(err, im->interrupted ? ERR_UNAVAILABLE : ERR_INVALID,
                   "the image ended after %" PRIu64 " of %" PRIu64
                   " bytes: it was cut off or its sending was interrupted",
                   offset + slot->length, im->spec->size_bytes);
}

/* Whole chunks of a hole are not looked at. */
static int fill_from_source(struct import *im, struct slot *slot,
                            uint64_t offset, size_t want, struct err *err)
{
    const struct import_source *source = im->spec->source;
    uint64_t hole;
    int rc = source->hole(source->arg, offset, &hole, err);
    if (rc)
        return rc;
    slot->length = want;
    slot->hole_run = hole >> im->chunk_shift;
    if (offset + hole == im->spec->size_bytes && hole)
        slot->hole_run = (hole - 1) / (UINT64_C(1) << im->chunk_shift) + 1;
    return slot->hole_run
               ? 0
               : source->read(source->arg, slot->data, want, offset, err);
}

/* A slot from `offset` on; *ret_end is where the next one begins. */
static int read_chunk(struct import *im, struct slot *slot, uint64_t offset,
                      uint64_t *ret_end, struct err *err)
{
    const struct import_spec *spec = im->spec;
    uint64_t left = spec->size_bytes - offset;
    size_t want = (size_t)MIN(left, UINT64_C(1) << im->chunk_shift);
    slot->hole_run = 0;
    int rc = spec->source ? fill_from_source(im, slot, offset, want, err)
                          : fill_from_fd(im, slot, offset, want, err);
    if (rc)
        return rc;
    *ret_end = MIN(spec->size_bytes,
                   offset + (MAX(slot->hole_run, 1) << im->chunk_shift));
    (void)pthread_mutex_lock(&im->lock);
    im->read++;
    uint64_t stored = im->stored_bytes;
    (void)pthread_cond_signal(&im->work);
    (void)pthread_mutex_unlock(&im->lock);
    if (spec->progress && spec->progress(spec->arg, *ret_end, stored))
        return err_set(err, ERR_CANCELLED, "the import was cancelled");
    return 0;
}

/* What a killed worker loses is what has no name yet: not minutes of it. */
static int commit_sometimes(struct import *im, struct err *err)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    if (!im->committed_s)
        im->committed_s = now.tv_sec;
    if (now.tv_sec - im->committed_s < COMMIT_INTERVAL_S)
        return 0;
    im->committed_s = now.tv_sec;
    return objects_commit(im->batch, err);
}

static int read_all(struct import *im, uint64_t offset, struct err *err)
{
    const struct import_spec *spec = im->spec;
    while (offset < spec->size_bytes) {
        struct slot *slot = wait_for_room(im);
        if (!slot)
            return 0; /* a worker has failed and said why */
        int rc = read_chunk(im, slot, offset, &offset, err);
        if (!rc && spec->journal)
            rc = commit_sometimes(im, err);
        if (rc)
            return rc;
    }
    if (spec->source)
        return 0;
    uint8_t more;
    size_t length;
    int rc = read_some(spec->fd, &more, 1, &length, err);
    if (!rc && length)
        rc = err_set(err, ERR_INVALID,
                     "the image is longer than the %" PRIu64
                     " bytes that were declared: did it change meanwhile",
                     spec->size_bytes);
    return rc;
}

/* Reading, with a look at whether a file stayed what it was. */
static int read_unchanged(struct import *im, struct err *err)
{
    struct stat before;
    struct stat after;
    int fd = im->spec->fd;
    if (im->spec->source)
        return read_all(im, 0, err);
    if (fstat(fd, &before))
        return err_set_errno(err, ERR_IO, errno, "cannot read the image");
    int rc = read_all(im, im->begun_bytes, err);
    if (rc == ERR_CANCELLED || rc == ERR_IO || rc == ERR_UNAVAILABLE)
        return rc;
    if (S_ISREG(before.st_mode) && !fstat(fd, &after) &&
        (before.st_size != after.st_size ||
         before.st_mtim.tv_sec != after.st_mtim.tv_sec ||
         before.st_mtim.tv_nsec != after.st_mtim.tv_nsec))
        return err_set(err, ERR_INVALID,
                       "the image file changed while it was read: import it "
                       "again when nothing writes to it");
    return rc;
}

static void join(struct import *im)
{
    (void)pthread_mutex_lock(&im->lock);
    im->over = true;
    (void)pthread_cond_broadcast(&im->work);
    (void)pthread_mutex_unlock(&im->lock);
    for (unsigned i = 0; i < im->started; i++)
        (void)pthread_join(im->thread[i], NULL);
}

static int run(struct import *im, struct err *err)
{
    for (; im->started < im->threads; im->started++)
        if (pthread_create(&im->thread[im->started], NULL, worker_main, im))
            break;
    struct err local = ERR_INIT;
    int rc = im->started
                 ? read_unchanged(im, &local)
                 : err_set(&local, ERR_NO_MEMORY, "cannot start a thread");
    if (rc && !im->interrupted)
        fail(im, &local);
    join(im);
    if (im->err.code)
        return err_set(err, im->err.code, "%s", im->err.text);
    rc = objects_commit(im->batch, err);
    if (!rc && im->interrupted)
        rc = err_set(err, local.code, "%s", local.text);
    return rc;
}

static int take_record(void *arg, const struct index_record *record,
                       struct err *err)
{
    struct import *im = arg;
    im->stored_bytes += record->object_bytes;
    return index_builder_add(im->builder, record, err);
}

/* What an earlier run has finished. */
static int resume(struct import *im, struct err *err)
{
    const struct import_spec *spec = im->spec;
    if (!spec->journal)
        return 0;
    int rc = import_journal_replay(spec->journal, im->objects, take_record, im,
                                   err);
    if (rc)
        return rc;
    im->begun_bytes =
        MIN(import_journal_bytes(spec->journal), spec->size_bytes);
    if (spec->begun && spec->begun(spec->arg, im->begun_bytes))
        return err_set(err, ERR_CANCELLED, "the import was cancelled");
    return 0;
}

static int put_index(void *arg, const struct digest *digest, const void *data,
                     size_t length, struct err *err)
{
    struct import *im = arg;
    return objects_index_put(im->objects, im->spec->secret, digest, data,
                             length, err);
}

static int describe(struct objects *objects, const struct import_spec *spec,
                    struct manifest *m, struct err *err)
{
    m->partitions.table = "none";
    if (spec->kind != IMAGE_DISK)
        return 0;
    AUTO_IMAGE_READER struct image_reader *reader =
        image_reader_new(objects, spec->secret, &m->index_root, err);
    if (!reader)
        return ERR_IO;
    return partitions_read(image_reader_read, reader, m->size_bytes,
                           m->sector_bytes, &m->partitions, err);
}

static int make_slots(struct import *im, struct err *err)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    im->threads =
        im->spec->threads ? im->spec->threads : (unsigned)MAX(processors, 1L);
    im->threads = MIN(im->threads, (unsigned)THREADS_MAX);
    im->slot_count = SLOTS_FOR_EACH_THREAD * im->threads + 1;
    im->slots = calloc(im->slot_count, sizeof(*im->slots));
    bool ok = im->slots;
    for (uint64_t i = 0; ok && i < im->slot_count; i++) {
        im->slots[i].data = malloc((size_t)1 << im->chunk_shift);
        ok = im->slots[i].data;
    }
    return ok ? 0 : err_set(err, ERR_NO_MEMORY, "no memory to import an image");
}

static void done(struct import *im)
{
    for (uint64_t i = 0; im->slots && i < im->slot_count; i++)
        free(im->slots[i].data);
    free(im->slots);
    index_builder_free(im->builder);
    objects_batch_free(im->batch);
    (void)pthread_mutex_destroy(&im->lock);
    (void)pthread_cond_destroy(&im->work);
    (void)pthread_cond_destroy(&im->room);
}

static int check(const struct import_spec *spec, uint32_t sector_bytes,
                 struct err *err)
{
    if (!spec->size_bytes)
        return err_set(err, ERR_INVALID, "the image is empty");
    if (spec->size_bytes > IMAGE_BYTES_MAX)
        return err_set(err, ERR_TOO_BIG, "the image is larger than 64 TiB");
    if (spec->kind == IMAGE_DISK && spec->size_bytes % sector_bytes)
        return err_set(err, ERR_INVALID,
                       "the image has %" PRIu64 " bytes, which is no multiple "
                       "of its sectors of %" PRIu32
                       " bytes: was it cut off, or is it not a raw disk image",
                       spec->size_bytes, sector_bytes);
    return 0;
}

int import_run(struct objects *objects, const struct import_spec *spec,
               struct manifest *ret, struct err *err)
{
    struct import im = {.spec = spec, .objects = objects};
    struct manifest m = {.kind = spec->kind, .size_bytes = spec->size_bytes};
    im.chunk_shift =
        spec->chunk_shift ? spec->chunk_shift : CHUNK_SHIFT_DEFAULT;
    m.chunk_shift = im.chunk_shift;
    m.seal_epoch = spec->secret->epoch;
    m.sector_bytes = spec->sector_bytes ? spec->sector_bytes : 512;
    if (spec->kind == IMAGE_BLOB)
        m.sector_bytes = 1;
    int rc = check(spec, m.sector_bytes, err);
    if (rc)
        return rc;
    (void)pthread_mutex_init(&im.lock, NULL);
    (void)pthread_cond_init(&im.work, NULL);
    (void)pthread_cond_init(&im.room, NULL);
    im.batch = objects_batch_new(objects);
    im.builder = index_builder_new(im.chunk_shift, put_index, &im);
    rc = im.batch && im.builder
             ? make_slots(&im, err)
             : err_set(err, ERR_NO_MEMORY, "no memory to import an image");
    if (!rc)
        rc = resume(&im, err);
    if (!rc)
        rc = run(&im, err);
    m.stored_bytes = im.stored_bytes;
    if (!rc)
        rc = index_builder_finish(im.builder, m.size_bytes, &m.index_root, err);
    if (!rc)
        rc = describe(objects, spec, &m, err);
    if (!rc)
        *ret = m;
    done(&im);
    return rc;
}
