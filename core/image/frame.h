/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frames: one chunk of an image, compressed, as it is before sealing.
 *
 * Little-endian header of 16 bytes, then the zstd frame or the plain bytes,
 * then zeros up to a multiple of 4 KiB (core/doc/image-format.md):
 *
 *   0  "SLF1"    4  seal epoch u32    8  algorithm u32   12  plain bytes u32
 */
#ifndef CORE_IMAGE_FRAME_H
#define CORE_IMAGE_FRAME_H

#include "core/util/err.h"

#define FRAME_HEADER_BYTES 16
#define FRAME_ALIGN_BYTES 4096 /* observers learn sizes in these steps only */

/* Chunks are 64 KiB to 16 MiB, so that a frame's size fits everywhere. */
#define CHUNK_SHIFT_MIN 16
#define CHUNK_SHIFT_MAX 24
#define CHUNK_SHIFT_DEFAULT 20
#define FRAME_LEVEL_DEFAULT 3

enum frame_algorithm { FRAME_STORED = 1, FRAME_ZSTD = 2 };

/* Bytes of the largest frame of a chunk: one that could not be compressed. */
size_t frame_max_bytes(size_t plain_bytes);

/* The contexts of zstd are kept for many frames; one thread each. */
struct frame_packer;
struct frame_unpacker;

/* NULL = no memory.  `level` is zstd's. */
struct frame_packer *frame_packer_new(int level);
void frame_packer_free(struct frame_packer *packer);
struct frame_unpacker *frame_unpacker_new(void);
void frame_unpacker_free(struct frame_unpacker *unpacker);

/*
 * Packs `plain` into `frame`, which has room for frame_max_bytes().  Stores
 * where zstd does not save at least one step of FRAME_ALIGN_BYTES.
 */
int frame_pack(struct frame_packer *packer, uint32_t epoch, const void *plain,
               size_t plain_bytes, uint8_t *frame, size_t *ret_bytes,
               enum frame_algorithm *ret_algorithm, struct err *err);
/*
 * The reverse.  A frame that does not hold exactly `plain_bytes`, or anything
 * behind its content but zeros up to the next step, is ERR_CORRUPT.
 */
int frame_unpack(struct frame_unpacker *unpacker, const uint8_t *frame,
                 size_t frame_bytes, void *plain, size_t plain_bytes,
                 struct err *err);

DEFINE_AUTO(frame_packer, struct frame_packer, frame_packer_free)
DEFINE_AUTO(frame_unpacker, struct frame_unpacker, frame_unpacker_free)

#endif
