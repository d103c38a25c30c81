/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a disk format brings: a map from places on the disk to places in the
 * file.  Reading and unpacking are the same for all (disk-format.c).
 */
#ifndef CORE_IMAGE_DISK_FORMAT_PARTS_H
#define CORE_IMAGE_DISK_FORMAT_PARTS_H

#include <stdbool.h>

#include "core/image/disk-format.h"

/* Longest unit that is packed as one, and longest table kept whole. */
#define DISK_UNIT_MAX_BYTES ((size_t)2 << 20)
#define DISK_TABLE_MAX_BYTES ((size_t)32 << 20)

enum disk_extent_kind {
    DISK_HOLE,
    DISK_DATA,
    DISK_DEFLATE, /* RFC 1951 */
    DISK_ZLIB,    /* RFC 1950 */
    DISK_ZSTD,
};

/* What lies at a place on the disk. */
struct disk_extent {
    enum disk_extent_kind kind;
    uint64_t length_bytes; /* at least 1; from the place to where this ends */
    uint64_t file_offset;  /* DATA: of the place; packed: of the unit */
    uint32_t packed_bytes; /* packed: at most this many */
    uint32_t unit_bytes;   /* packed: plain bytes of the unit */
    uint32_t skip_bytes;   /* packed: from the unit's start to the place */
};

struct disk {
    struct disk_input input;
    uint64_t size_bytes; /* set by the format's open */
    void *state;         /* the format's */
    int (*map)(struct disk *disk, uint64_t offset, struct disk_extent *ret,
               struct err *err);
    void (*free_state)(void *state);
    /* For disk-format.c: the unpacked unit and its work space. */
    uint8_t *packed;
    uint8_t *plain;
    uint64_t plain_of; /* file offset of the unit in `plain` */
    bool has_plain;
    uint64_t taken_bytes; /* data taken from the file so far */
    void *zstd;
};

/* Each fills size_bytes, state, map and free_state. */
int disk_qcow2_open(struct disk *disk, struct err *err);
int disk_vhdx_open(struct disk *disk, struct err *err);
int disk_vmdk_open(struct disk *disk, struct err *err);

/* Bytes of the file; ERR_CORRUPT when it ends before `what` does. */
int disk_file_read(struct disk *disk, void *data, size_t length,
                   uint64_t offset, const char *what, struct err *err);
/* The same into new memory of at most DISK_TABLE_MAX_BYTES; the caller frees
 * it; NULL with err. */
void *disk_file_load(struct disk *disk, size_t length, uint64_t offset,
                     const char *what, struct err *err);
/* ERR_CORRUPT unless a disk may have this size. */
int disk_size_check(uint64_t size_bytes, struct err *err);

#endif
