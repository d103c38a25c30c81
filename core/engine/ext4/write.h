/* SPDX-License-Identifier: Apache-2.0 */
/* Putting files into an open ext4 file system. */
#ifndef CORE_ENGINE_EXT4_WRITE_H
#define CORE_ENGINE_EXT4_WRITE_H

#include <ext2fs/ext2fs.h>

#include "core/util/err.h"

struct new_file {
    const char *path; /* absolute, without "." and ".." */
    uint32_t owner;
    uint32_t group;
    uint32_t mode; /* permission bits */
    const void *data;
    size_t length;
};

/* Makes missing folders (root, 0755) and replaces what is there unless that is
 * a folder.  Links among the folders are followed inside the file system. */
int write_file(ext2_filsys fs, const struct new_file *file, struct err *err);

#endif
