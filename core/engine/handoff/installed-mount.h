/* SPDX-License-Identifier: Apache-2.0 */
/* The partitions of an installed disk, mounted to be read. */
#ifndef CORE_ENGINE_HANDOFF_INSTALLED_MOUNT_H
#define CORE_ENGINE_HANDOFF_INSTALLED_MOUNT_H

#include "core/engine/handoff/installed.h"

/*
 * Mounts every file system of `disk_node` that this kernel knows, read-only,
 * without replaying journals, in a mount name space of this process: all of it
 * is gone when the process ends.  Partitions that cannot be mounted are in the
 * list too.  Root only; blocks.
 */
int installed_mount(const char *disk_node, struct installed_disk *ret,
                    struct err *err);

#endif
