/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sets of chunks, and checkpoints: which chunks of an image a device is known
 * to hold.  Little-endian: "SLC1", count u32, the index root's digest, then
 * `count` ranges of first chunk u64 and chunks u64, ascending.
 */
#ifndef CORE_IMAGE_CHECKPOINT_H
#define CORE_IMAGE_CHECKPOINT_H

#include <stdbool.h>

#include "core/util/buf.h"
#include "core/util/crypto.h"

/* What does not fit is left out: then more is read again. */
#define CHECKPOINT_MAX_RANGES 2048
#define CHECKPOINT_HEADER_BYTES 40
#define CHECKPOINT_MAX_BYTES                                                   \
    (CHECKPOINT_HEADER_BYTES + 16 * CHECKPOINT_MAX_RANGES)

struct chunk_set {
    uint64_t count; /* chunks of the image */
    uint64_t *words;
};

int chunk_set_init(struct chunk_set *set, uint64_t count);
void chunk_set_done(struct chunk_set *set);
void chunk_set_add(struct chunk_set *set, uint64_t first, uint64_t count);
bool chunk_set_has(const struct chunk_set *set, uint64_t first, uint64_t count);
void chunk_set_copy(struct chunk_set *to, const struct chunk_set *from);

int checkpoint_format(const struct chunk_set *set, const struct digest *root,
                      struct buf *ret);
/* Adds what it names.  ERR_NOT_APPLICABLE: of another image; ERR_CORRUPT. */
int checkpoint_parse(const void *data, size_t length, const struct digest *root,
                     struct chunk_set *set);

#endif
