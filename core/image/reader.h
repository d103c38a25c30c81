/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads the plain bytes of a stored image at any offset.  Keeps one index page
 * and one chunk in memory.  Every object is checked when it is opened.
 */
#ifndef CORE_IMAGE_READER_H
#define CORE_IMAGE_READER_H

#include "core/image/objects.h"

struct image_reader;

/* `objects` and `secret` outlive the reader. */
struct image_reader *image_reader_new(const struct objects *objects,
                                      const struct seal_secret *secret,
                                      const struct digest *index_root,
                                      struct err *err);
void image_reader_free(struct image_reader *reader);
const struct index_root *image_reader_root(const struct image_reader *reader);
/* A `partition_read`: exactly `length` bytes. */
int image_reader_read(void *reader, void *data, size_t length, uint64_t offset,
                      struct err *err);

/* What lies at the beginning of a chunk. */
struct image_extent {
    bool hole;
    uint64_t length_bytes; /* of the hole, over all its chunks; of the chunk */
    struct digest plain;   /* of the chunk, as the index has it */
};
/* Reads the index alone.  `offset` is the beginning of a chunk. */
int image_reader_extent(struct image_reader *reader, uint64_t offset,
                        struct image_extent *ret, struct err *err);
/* One whole chunk from its beginning, compared with its plain digest too. */
int image_reader_verified(struct image_reader *reader, void *data,
                          size_t length, uint64_t offset, struct err *err);
DEFINE_AUTO(image_reader, struct image_reader, image_reader_free)
#define AUTO_IMAGE_READER __attribute__((cleanup(auto_image_reader)))

/* One damaged piece, and which part of the image needs it first. */
struct image_fault {
    const char *what; /* "index-root", "index-page", "object" */
    uint64_t offset_bytes;
    uint64_t length_bytes;
    struct err err; /* one sentence that names its file */
};

/* What is wrong with a stored image. */
struct image_damage {
    void (*found)(void *arg, const struct image_fault *fault); /* or NULL */
    /* After each record, or NULL; non-zero ends the check. */
    int (*progress)(void *arg, uint64_t done_bytes);
    void *arg;
    unsigned count; /* set by the check, also `first` */
    struct err first;
};

/*
 * Reads every page and object of an image, opens them and compares the plain
 * digests.  0 when all is well; ERR_CORRUPT and a summary otherwise;
 * ERR_CANCELLED.
 */
int image_check(const struct objects *objects, const struct seal_secret *secret,
                const struct digest *index_root, struct image_damage *damage,
                struct err *err);

#endif
