/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The plain content of a stored image, or a part of it, written to a descriptor
 * in ascending order.  Every object is checked and opened before a byte of it
 * is written, and compared with the plain digest of the index.  The same part
 * of an image is always the same bytes, so that whoever was cut off goes on
 * where it was.
 *
 * Framed, so that holes cost nothing and an early end shows: pieces of offset
 * u64, length u64 (1..EXPORT_PIECE_BYTES) and bytes, what no piece covers is
 * zeros; last {size of the image, 0}, the size of its chunks u64, and a SHA-256
 * with which the whole can be checked however many parts it came in: over
 * {offset, length, SHA-256 of its bytes} of every chunk of the image that is no
 * hole, ascending.  After a failure {EXPORT_FAILED, length} and the sentence.
 * Little-endian.  A piece is a chunk, or what the part has of it.
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
    uint64_t offset_bytes; /* of the part: at most the size of the image */
    uint64_t length_bytes; /* at most what is left; framed: all of that */
    const struct seal_secret *secret;
    struct digest index_root;
};

/* ERR_CORRUPT names what is damaged; ERR_CANCELLED: nobody reads any more. */
int export_run(const struct objects *objects, const struct export_spec *spec,
               struct err *err);

#endif
