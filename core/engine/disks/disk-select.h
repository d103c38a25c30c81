/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Choosing a disk by facts that survive a reboot: a DISK parameter's selector
 * (slipway-profile(5)) applied to the disks there are.  Pure.
 */
#ifndef CORE_ENGINE_DISKS_DISK_SELECT_H
#define CORE_ENGINE_DISKS_DISK_SELECT_H

#include <jansson.h>

#include "core/engine/disks/disks.h"

/*
 * An object of
 *   select     "smallest", "largest", "first" (by bus path) or "only"
 *              (default: more than one that fits is an error)
 *   min, max   size: bytes, or text such as "8 GiB"
 *   serial, path   exact text
 *   model      shell pattern, "Samsung*"
 *   transport  "sata", "nvme", ...
 * Removable, read-only and unreadable disks never fit.  "smallest" and
 * "largest" take the first by bus path among equals.  ERR_INVALID for a bad
 * selector, ERR_NOT_FOUND when none fits, ERR_CONFLICT for several under
 * "only"; the sentence names what was looked for and which disks there are.
 */
int disk_select(const struct disk_list *list, const json_t *selector,
                size_t *ret_index, struct err *err);

#endif
