/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inside of a pipeline; for pipeline*.c only.
 *
 * Two pages of the index are open at a time.  A record goes
 *
 *   local -> (hole: zeroed; else compared) -> wanted -> coming -> right
 *
 * where PIPELINE_FRESH starts data at `wanted`.  An object that is on its way
 * is an entry; entries reserve its sealed bytes in the memory budget until it
 * is written.  One lock guards all; threads take jobs under it and work
 * without it.
 */
#ifndef CORE_IMAGE_PIPELINE_PARTS_H
#define CORE_IMAGE_PIPELINE_PARTS_H

#include <pthread.h>

#include "core/image/checkpoint.h"
#include "core/image/device.h"
#include "core/image/pipeline.h"

#define PIPELINE_MAX_THREADS 16
#define PIPELINE_PAGES 2
#define PIPELINE_MAX_ENTRIES 256
#define PIPELINE_DEFAULT_MEMORY (UINT64_C(64) << 20)
#define PIPELINE_PIECE_CHUNKS 16 /* of a run, worked on by one thread */

enum record_state { RECORD_LOCAL, RECORD_WANTED, RECORD_COMING, RECORD_RIGHT };

struct record_work {
    enum record_state state;
    bool differs;          /* some chunk of it, when it was compared */
    uint64_t taken_chunks; /* RECORD_LOCAL: given to threads */
    uint64_t left_chunks;  /* RECORD_LOCAL: not finished yet */
    uint64_t first_chunk;
};

struct open_page {
    bool used;
    bool asked; /* the owner was told that it is needed */
    uint32_t number;
    struct index_page *page; /* NULL until it is given */
    struct record_work *work;
    uint32_t records_left; /* not right yet */
    uint32_t local_from;   /* no record before it has local work to take */
    uint32_t wanted_from;  /* no record before it is wanted */
};

struct target {
    struct open_page *page;
    uint32_t record;
};

enum entry_state {
    ENTRY_FREE,
    ENTRY_ASKED, /* a transport fetches it */
    ENTRY_LOOSE, /* no transport does */
    ENTRY_DELIVERED,
    ENTRY_WRITING,
};

struct entry {
    enum entry_state state;
    unsigned transport;
    uint32_t gave_up; /* bit for each transport */
    uint32_t bytes;   /* sealed */
    uint8_t *data;
    struct target *targets; /* equal objects on their way are one entry */
    size_t target_count;
    size_t target_capacity;
    struct digest name;
};

struct pipeline {
    enum pipeline_mode mode;
    struct device device;
    struct digest index_root;
    unsigned chunk_shift;
    uint64_t size_bytes;
    uint64_t chunk_count;
    uint64_t budget_bytes; /* for sealed objects */
    struct pipeline_range *excluded;
    size_t excluded_count;
    void (*wake)(void *arg);
    void (*on_checkpoint)(void *arg, const void *data, size_t length);
    void *arg;
    uint8_t *zeros; /* one chunk */

    pthread_t threads[PIPELINE_MAX_THREADS];
    unsigned thread_count;

    pthread_mutex_t lock; /* all below */
    pthread_cond_t work;
    bool stop;
    bool root_asked;
    struct index_root *root; /* NULL until it is given; constant then */
    struct open_page pages[PIPELINE_PAGES];
    uint32_t next_page;
    uint32_t pages_left;
    struct entry entries[PIPELINE_MAX_ENTRIES];
    uint64_t reserved_bytes;
    bool sync_taken; /* the last sync was given to a thread */
    bool checkpoint_wanted;
    bool checkpoint_running;
    struct chunk_set known; /* right on the device, perhaps not yet synced */
    struct pipeline_progress progress;
    uint64_t differences;
    uint64_t first_difference;
    enum pipeline_state state;
    struct err err;
};

/* What one thread works with. */
struct pipeline_thread {
    struct frame_unpacker *unpacker;
    uint8_t *frame; /* an object without its seal */
    uint8_t *plain; /* a chunk */
};

/* The body of a thread. */
void *pipeline_thread_main(void *pipeline);
/* Without the lock: the pipeline fails, the first sentence stays. */
void pipeline_fail(struct pipeline *p, const struct err *err);

/* With the lock. */
void pipeline_fail_locked(struct pipeline *p, const struct err *err);
/* Opens the next pages where there is room. */
void pipeline_open_pages(struct pipeline *p);
/* A page was given: which records need what. */
int pipeline_start_page(struct pipeline *p, struct open_page *page,
                        struct err *err);
void pipeline_record_right(struct pipeline *p, struct open_page *page,
                           uint32_t record);
void pipeline_record_wanted(struct pipeline *p, struct open_page *page,
                            uint32_t record);
void pipeline_entry_free(struct pipeline *p, struct entry *entry);
/* Bytes of the image in `count` chunks from `first`. */
uint64_t pipeline_bytes(const struct pipeline *p, uint64_t first,
                        uint64_t count);

#endif
