/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files by name below a folder's descriptor.  These block: call them at
 * start-up, in workers or in pool threads, not in handlers of a busy loop.
 */
#ifndef CORE_UTIL_FILE_H
#define CORE_UTIL_FILE_H

#include <sys/types.h>

#include "core/util/buf.h"
#include "core/util/err.h"

/* The whole file; fails with ERR_NOT_FOUND or ERR_TOO_BIG. */
int file_read(int dir_fd, const char *name, struct buf *ret, struct err *err);
/*
 * Replaces `name` so that after a crash it is either the old or the new
 * content: temporary file, fdatasync, rename, fsync of the folder.
 */
int file_write(int dir_fd, const char *name, const void *data, size_t length,
               mode_t mode, struct err *err);
/* The same for a new file only: ERR_CONFLICT when it exists. */
int file_create(int dir_fd, const char *name, const void *data, size_t length,
                mode_t mode, struct err *err);
/* Opens a folder, making it (not its parents) when missing. */
int file_open_dir(int dir_fd, const char *name, mode_t mode, struct err *err);
/* Writes or reads everything, coping with short counts and EINTR. */
int file_write_all(int fd, const void *data, size_t length, struct err *err);
int file_pwrite_all(int fd, const void *data, size_t length, uint64_t offset,
                    struct err *err);
/* ERR_IO when the end comes before `length` bytes. */
int file_pread_all(int fd, void *data, size_t length, uint64_t offset,
                   struct err *err);
/* True for one path component that is not "." or ".." and has no slash, no
 * control byte and at most 255 bytes. */
bool path_component_ok(const char *name);
/* An anonymous file with these bytes, sealed against every change; the caller
 * closes it.  -1 with err. */
int file_sealed_memfd(const char *name, const void *data, size_t length,
                      struct err *err);

#endif
