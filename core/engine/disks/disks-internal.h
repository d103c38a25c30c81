/* SPDX-License-Identifier: Apache-2.0 */
/* Between disks.c, disks-names.c, disks-place.c and disks-probe.c. */
#ifndef CORE_ENGINE_DISKS_DISKS_INTERNAL_H
#define CORE_ENGINE_DISKS_DISKS_INTERNAL_H

#include "core/engine/disks/disks.h"

/* The trimmed text of FOLDER/NAME with '?' for what is not printable; -1 and
 * "" when it cannot be read. */
int disk_text(const char *folder, const char *name, char *out, size_t size);

/* Fills `path` and `transport` from where the device hangs in sysfs. */
void disk_place(const char *folder, struct disk *disk);

/* Fills serial, model, vendor, firmware and wwn; looks at `transport`. */
void disk_names(const char *folder, struct disk *disk);

/* Reads each disk's first sector in a child process of its own, all at once,
 * and notes a finding where it fails or does not end within `probe_ms`. */
void disks_probe(struct disk_list *list, unsigned probe_ms);

#endif
