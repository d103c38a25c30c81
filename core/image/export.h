/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The plain content of a stored image, written to a descriptor from its
 * beginning to its end.  Every object is checked and opened before a byte of it
 * is written, and compared with the plain digest of the index.
 *
 * Framed, so that holes cost nothing and an early end shows: pieces of offset
 * u64, length u64 (1..EXPORT_PIECE_BYTES) and bytes, offsets ascending, what
 * no piece covers is zeros; last {size of the image, 0}; or, after a failure,
 * {EXPORT_FAILED, length} and the sentence.  Little-endian.
 */
#ifndef CORE_IMAGE_EXPORT_H
#define CORE_IMAGE_EXPORT_H

#include "core/image/objects.h"

#define EXPORT_PIECE_BYTES ((size_t)1 << CHUNK_SHIFT_MAX)
#define EXPORT_HEADER_BYTES 16
#define EXPORT_FAILED UINT64_MAX

struct export_spec {
    int fd; /* pipe, socket or file; borrowed */
    bool framed;
    const struct seal_secret *secret;
    struct digest index_root;
};

/* ERR_CORRUPT names what is damaged; ERR_CANCELLED: nobody reads any more. */
int export_run(const struct objects *objects, const struct export_spec *spec,
               struct err *err);

#endif
