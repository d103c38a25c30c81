/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The importer: reads a raw image from a descriptor to its end, or a disk from
 * its source, and leaves its objects and index in the store.  Compresses,
 * hashes and seals on several threads, keeps at most five chunks for each
 * thread in memory, and does not store chunks of zeros.  On failure nothing
 * names what was stored so far.
 */
#ifndef CORE_IMAGE_IMPORT_H
#define CORE_IMAGE_IMPORT_H

#include "core/image/import-journal.h"
#include "core/image/objects.h"

/* A disk that can be read anywhere; see disk_hole and disk_read. */
struct import_source {
    int (*hole)(void *arg, uint64_t offset, uint64_t *ret_bytes,
                struct err *err);
    int (*read)(void *arg, void *data, size_t length, uint64_t offset,
                struct err *err);
    void *arg;
};

struct import_spec {
    int fd;              /* pipe, socket or file; borrowed */
    const struct import_source *source; /* in its place; or NULL */
    uint64_t size_bytes; /* declared; the input must end there */
    enum image_kind kind;
    uint32_t sector_bytes; /* 512 or 4096; 0 = 512 */
    unsigned chunk_shift;  /* 0 = CHUNK_SHIFT_DEFAULT */
    int level;             /* zstd's; 0 = FRAME_LEVEL_DEFAULT */
    unsigned threads;      /* 0 = one for each processor */
    const struct seal_secret *secret;
    /*
     * NULL, or where an import from a pipe keeps what is needed to go on:
     * what it holds is not read again, begun(arg, bytes) says how much that
     * is, and an early end of the input is ERR_UNAVAILABLE with everything
     * read so far kept (whole chunks of it).
     */
    struct import_journal *journal;
    int (*begun)(void *arg, uint64_t offset_bytes);
    /* Called by the reading thread after each chunk; non-zero cancels. */
    int (*progress)(void *arg, uint64_t done_bytes, uint64_t stored_bytes);
    void *arg;
};

/*
 * Imports and fills everything of `ret` but name, revision and made_s.  A disk
 * image must be a multiple of its sector size.  Errors: ERR_INVALID (shorter or
 * longer than declared, changed while it was read), ERR_NO_SPACE, ERR_IO,
 * ERR_CANCELLED.
 */
int import_run(struct objects *objects, const struct import_spec *spec,
               struct manifest *ret, struct err *err);

#endif
