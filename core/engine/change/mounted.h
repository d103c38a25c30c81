/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file system of an image, mounted by the kernel where no path leads to: it
 * is reached through one descriptor and gone when that is closed.  What is in
 * it is not trusted: no devices, no set-user-id, no programs, and no link
 * leads out of it.
 */
#ifndef CORE_ENGINE_CHANGE_MOUNTED_H
#define CORE_ENGINE_CHANGE_MOUNTED_H

#include "core/engine/change/request.h"

/* True for a file system that can be written to, and that can grow. */
bool mounted_writable(const char *file_system);
bool mounted_growable(const char *file_system);

/* A descriptor of its root (of btrfs, of the default subvolume), which the
 * caller closes.  It names the folder and is good for nothing else (open(2),
 * O_PATH): mounted_folder opens it. */
int mounted_open(const char *device, const char *file_system, int *ret_root,
                 struct err *err);
/* The root opened for reading; -1 with err.  The caller closes it, before the
 * root. */
int mounted_folder(int root, struct err *err);
/* Everything that was written is on the device. */
int mounted_sync(int root, struct err *err);
/* Makes it `length` bytes long; what is that long already stays. */
int mounted_grow(int root, const char *file_system, uint64_t length,
                 struct err *err);
/* 0 when the file needs nothing that is not there. */
int mounted_needs(int root, const struct change_file *file, struct err *err);
/* Makes missing folders (root, 0755) and replaces what is there unless that is
 * a folder.  FAT keeps neither owner nor mode. */
int mounted_write(int root, const char *file_system,
                  const struct change_file *file, struct err *err);

#endif
