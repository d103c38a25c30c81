/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a disk image holds: its partition table, the file systems by their
 * superblocks, and a guess at the root file system.  Reads untrusted bytes
 * through a callback; everything is bounded.
 *
 * GPT: UEFI specification 2.10, section 5.3.  MBR: the same, section 5.2.
 */
#ifndef CORE_IMAGE_PARTITION_H
#define CORE_IMAGE_PARTITION_H

#include <stdbool.h>

#include "core/util/err.h"

#define PARTITIONS_MAX 128
#define PARTITION_TYPE_BYTES 37  /* GUID text, or "0x83" */
#define PARTITION_NAME_BYTES 109 /* 36 UTF-16 units as UTF-8, and NUL */

struct partition {
    unsigned number; /* as Linux counts them, from 1 */
    uint64_t start_bytes;
    uint64_t length_bytes;
    char type[PARTITION_TYPE_BYTES];
    char name[PARTITION_NAME_BYTES]; /* without one: a FAT's label */
    const char *file_system; /* "ext4", "vfat", ... or "" when unknown */
};

struct partitions {
    const char *table; /* "gpt", "mbr" or "none" */
    size_t count;
    struct partition list[PARTITIONS_MAX];
    unsigned esp;    /* number of the EFI system partition, 0 = none */
    unsigned root;   /* number of the root file system, 0 = not found */
    bool boots_uefi; /* has an EFI system partition with a FAT file system */
    bool boots_bios; /* has boot code in its first sector */
};

/* Reads exactly `length` bytes at `offset` of the image. */
typedef int partition_read(void *arg, void *data, size_t length,
                           uint64_t offset, struct err *err);

/*
 * An image without a table is no error.  A damaged GPT is: ERR_CORRUPT.  The
 * root is, in this order: a partition typed as a Linux root, an ext file
 * system that was last mounted on "/", the largest ext, XFS or btrfs.
 */
int partitions_read(partition_read *read, void *arg, uint64_t size_bytes,
                    uint32_t sector_bytes, struct partitions *ret,
                    struct err *err);

/* The entry of partition `number`, or NULL. */
const struct partition *partitions_find(const struct partitions *partitions,
                                        unsigned number);
/* The constant for a file system's name that partition_file_system may return,
 * "" when there is none of that name. */
const char *partition_file_system_known(const char *name);

/* The name of the file system whose superblock `head` shows, or "".  `head`:
 * the first PARTITION_HEAD_BYTES of it. */
#define PARTITION_HEAD_BYTES ((size_t)68 * 1024)
const char *partition_file_system(const uint8_t *head, size_t length);

#endif
