/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The last partition of a disk extended to the disk's end, in its GPT (UEFI
 * specification 2.10, section 5.3; the backup moves to the end) or its MBR
 * (the same, section 5.2; up to what 32 bits of sectors reach).
 */
#ifndef CORE_ENGINE_CHANGE_GROW_TABLE_H
#define CORE_ENGINE_CHANGE_GROW_TABLE_H

#include "core/engine/change/request.h"

/*
 * Extends `request->partition`, which must begin at `request->offset` and be
 * the last one on the disk; never makes it shorter.  The new end is a multiple
 * of 1 MiB.  What a power cut leaves half written, is written again together
 * with the image.  Nothing is written unless the whole table is valid.
 */
int grow_table(int fd, const struct change_request *request,
               struct change_ranges *changed, uint64_t *ret_length,
               struct err *err);

#endif
