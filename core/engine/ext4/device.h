/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A part of a disk as libext2fs sees it, with a record of every range that was
 * written.  One device per process, because libext2fs opens by name.
 */
#ifndef CORE_ENGINE_EXT4_DEVICE_H
#define CORE_ENGINE_EXT4_DEVICE_H

#include <ext2fs/ext2fs.h>

#include "core/engine/change/ranges.h"

/* Everything happens between `offset` and `offset` + `length` of `fd`; what is
 * written goes into `changed`. */
void device_init(int fd, uint64_t offset, uint64_t length,
                 struct change_ranges *changed);
/* For ext2fs_open(); the name does not matter. */
io_manager device_manager(void);
#endif
