/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Make this device match this index.  Install, resume and repair are this one
 * operation with different knowledge about the device at the start; verify
 * only compares.
 *
 * The owner's thread feeds it: index pages when it asks for them, objects that
 * it wants.  Its own threads check names, open, decompress, compare and write.
 * No call blocks but pipeline_new and pipeline_free.  Every call belongs to the
 * owner's thread unless it says otherwise.
 */
#ifndef CORE_IMAGE_PIPELINE_H
#define CORE_IMAGE_PIPELINE_H

#include "core/image/index.h"
#include "core/image/manifest.h"

enum pipeline_mode {
    PIPELINE_FRESH,  /* nothing on the device is right: write everything */
    PIPELINE_RESUME, /* unknown: read and compare, then write what differs */
    PIPELINE_VERIFY, /* only read and compare; differences are a failure */
};

struct pipeline_range {
    uint64_t offset;
    uint64_t length;
};

struct pipeline_spec {
    enum pipeline_mode mode;
    int fd;                /* block device or file, read and write; borrowed */
    const char *device;    /* for sentences: "disk 'vda'"; kept by reference */
    uint64_t device_bytes; /* how much it holds */
    uint32_t sector_bytes; /* its logical sectors; 0 = does not matter */
    const struct manifest *manifest; /* verified; copied */
    unsigned threads;      /* 0 = one for each processor, at most 16 */
    uint64_t memory_bytes; /* for chunks and objects; 0 = 64 MiB */
    /* Ranges of bytes to leave out of PIPELINE_VERIFY: chunks that touch one
     * are not compared.  Copied. */
    const struct pipeline_range *excluded;
    size_t excluded_count;
    /* PIPELINE_RESUME: the last checkpoint of the same image, or NULL. What it
     * names is not read again.  A checkpoint of something else is ignored. */
    const void *checkpoint;
    size_t checkpoint_length;
    /* Any thread: the owner should look again (pipeline_state, needs_page,
     * next_wanted).  Must not call back; loop_post is meant. */
    void (*wake)(void *arg);
    /* Any thread: a new checkpoint; all it names is behind an fdatasync.  May
     * be NULL. */
    void (*on_checkpoint)(void *arg, const void *data, size_t length);
    void *arg;
};

enum pipeline_state { PIPELINE_RUNNING, PIPELINE_DONE, PIPELINE_FAILED };

struct pipeline_progress {
    uint64_t total_bytes;   /* of the image */
    uint64_t done_bytes;    /* known to be right, holes included */
    uint64_t fetched_bytes; /* sealed bytes delivered and accepted */
    uint64_t written_bytes;
    uint64_t kept_bytes;     /* were right already */
    uint64_t compared_bytes; /* read from the device to find that out */
    uint64_t refused;    /* objects delivered damaged */
};

struct pipeline;

/* Refuses, before a byte is written: a device that is too small or has another
 * sector size, memory too small for one chunk. */
int pipeline_new(const struct pipeline_spec *spec, struct pipeline **ret,
                 struct err *err);
/* Stops its threads (a write that has begun is finished) and frees all. */
void pipeline_free(struct pipeline *pipeline);
DEFINE_AUTO(pipeline, struct pipeline, pipeline_free)

/* 1 and the digest of the root or page that must be given next, once for each;
 * 0 when none is needed now. */
int pipeline_needs_page(struct pipeline *pipeline, struct digest *ret_digest);
/* Gives a root or page (any order).  ERR_CORRUPT when it is not that; it may be
 * given again from elsewhere. */
int pipeline_give_page(struct pipeline *pipeline, const struct digest *digest,
                       const void *data, size_t length, struct err *err);
/* The page could not be had: it will be asked for again. */
void pipeline_page_lost(struct pipeline *pipeline, const struct digest *digest);

/*
 * The next object for transport number `transport` (0..31, the plan's order):
 * 1 with name and sealed length; 0 when there is nothing for it now.  Room in
 * memory is reserved until it is delivered or given up.
 */
int pipeline_next_wanted(struct pipeline *pipeline, unsigned transport,
                         struct digest *ret_name, uint64_t *ret_length);
/*
 * Hands over an object's bytes, copied.  ERR_VERIFY when they are not that
 * object: the transport that was asked for it tries again or gives it up.
 * ERR_NOT_FOUND when it is not wanted (any more).
 */
int pipeline_deliver(struct pipeline *pipeline, const struct digest *name,
                     const void *data, size_t length, struct err *err);
/* That transport cannot get it; the others may still.  Returns how many of the
 * first `transports` have not given it up. */
unsigned pipeline_give_up(struct pipeline *pipeline, unsigned transport,
                          const struct digest *name, unsigned transports);
/* Which bytes of the image first wait for an object that a transport was asked
 * for; false when none does any more. */
bool pipeline_waits_for(struct pipeline *pipeline, const struct digest *name,
                        uint64_t *ret_offset_bytes, uint64_t *ret_length_bytes);
/* Everything that was given up may be tried again by everyone. */
void pipeline_forgive(struct pipeline *pipeline);
/* Objects that were asked for, and neither delivered nor given up, are wanted
 * again: a transport ended. */
void pipeline_return(struct pipeline *pipeline, unsigned transport);

/* Asks for a checkpoint soon; one at a time. */
void pipeline_checkpoint(struct pipeline *pipeline);
/* The next state is FAILED with ERR_CANCELLED. */
void pipeline_cancel(struct pipeline *pipeline);
/* Any thread.  `ret_err` (may be NULL) gets the sentence of a failure. */
enum pipeline_state pipeline_state(struct pipeline *pipeline,
                                   struct err *ret_err);
/* Any thread. */
void pipeline_progress(struct pipeline *pipeline,
                       struct pipeline_progress *ret);
/* PIPELINE_VERIFY: chunks that differ, and the offset of the first. */
uint64_t pipeline_differences(struct pipeline *pipeline, uint64_t *ret_first);

#endif
