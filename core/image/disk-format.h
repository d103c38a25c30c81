/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Disk images of other programs, read as plain disks: qcow2 (versions 2 and 3),
 * VHDX (fixed and dynamic) and VMDK (monolithicSparse and streamOptimized).
 * The caller names the format, it is never guessed; what would need another
 * file (a backing file, a parent, an extent) or a password is refused.
 *
 * The file is hostile: every offset, count and size in it is checked before it
 * is used, and its tables may not name more data than it has.  Memory: at most
 * 40 MiB for each open disk (first table 32, second 2, one unit 2, its packed
 * form 4).  One thread at a time.
 */
#ifndef CORE_IMAGE_DISK_FORMAT_H
#define CORE_IMAGE_DISK_FORMAT_H

#include "core/util/err.h"

enum disk_format { DISK_RAW, DISK_QCOW2, DISK_VHDX, DISK_VMDK };

/* "raw", "qcow2", "vhdx", "vmdk"; ERR_INVALID names them. */
int disk_format_parse(const char *word, enum disk_format *ret, struct err *err);
const char *disk_format_word(enum disk_format format);

/* Where the file is. */
struct disk_input {
    /* Exactly `length` bytes at `offset`, both inside of size_bytes. */
    int (*read)(void *arg, void *data, size_t length, uint64_t offset,
                struct err *err);
    void *arg;
    uint64_t size_bytes;
};

struct disk;

/* Reads what stands in front; not for DISK_RAW.  ERR_CORRUPT (no such file, or
 * a damaged one), ERR_UNSUPPORTED (one of a kind that is refused), ERR_IO. */
int disk_open(enum disk_format format, const struct disk_input *input,
              struct disk **ret, struct err *err);
void disk_free(struct disk *disk);
/* Of the disk inside. */
uint64_t disk_size_bytes(const struct disk *disk);
/* So many bytes from `offset` are zeros without having been stored; 0 when
 * there is data. */
int disk_hole(struct disk *disk, uint64_t offset, uint64_t *ret_bytes,
              struct err *err);
/* Exactly `length` bytes, inside of the disk.  Fast when read forward. */
int disk_read(struct disk *disk, void *data, size_t length, uint64_t offset,
              struct err *err);

DEFINE_AUTO(disk, struct disk, disk_free)
#define AUTO_DISK __attribute__((cleanup(auto_disk)))

#endif
