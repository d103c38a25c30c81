/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Images of other formats in the import worker: their tables stand anywhere in
 * the file, so all of it is received first, into a spool file, and read from
 * there.  Only in the sandbox.
 */
#ifndef CORE_SERVER_IMAGES_IMPORT_CONVERT_H
#define CORE_SERVER_IMAGES_IMPORT_CONVERT_H

#include "core/image/disk-format.h"
#include "core/image/import.h"

/*
 * Appends what comes from `pipe_fd` until the spool has `size_bytes`, its
 * space taken first.  What is there already is not received again: begun(arg,
 * bytes) says how much.  ERR_UNAVAILABLE when the pipe ends before.
 *
 * A file system never shows a length whose bytes are not there: ext4 and XFS
 * write appended data before the length.  So a power cut leaves a shorter
 * file, and nothing is synced.
 */
int import_spool(int spool_fd, int pipe_fd, uint64_t size_bytes,
                 int (*begun)(void *arg, uint64_t offset_bytes), void *arg,
                 struct err *err);

/* Imports the disk that the spool holds; spec->fd, source and size_bytes are
 * set here. */
int import_convert(struct objects *objects, int spool_fd,
                   enum disk_format format, struct import_spec *spec,
                   struct manifest *ret, struct err *err);

#endif
