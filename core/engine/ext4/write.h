/* SPDX-License-Identifier: Apache-2.0 */
/* Putting files into an open ext4 file system. */
#ifndef CORE_ENGINE_EXT4_WRITE_H
#define CORE_ENGINE_EXT4_WRITE_H

#include <ext2fs/ext2fs.h>

#include "core/engine/change/request.h"

/* Makes missing folders (root, 0755) and replaces what is there unless that is
 * a folder.  Links among the folders are followed inside the file system. */
int write_file(ext2_filsys fs, const struct change_file *file, struct err *err);
/* 0 when the file needs nothing that is not there. */
int check_needs(ext2_filsys fs, const struct change_file *file,
                struct err *err);

#endif
