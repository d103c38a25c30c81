/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inventory: what this machine is and what it is made of.  Everything is
 * optional; what cannot be read is left out.
 */
#ifndef CORE_ENGINE_FACTS_FACTS_H
#define CORE_ENGINE_FACTS_FACTS_H

#include <jansson.h>

#include "core/engine/disks/disks.h"
#include "core/util/err.h"

/*
 * One object:
 *   firmware {kind: "uefi"|"bios", vendor, version, date, secure_boot,
 *             setup_mode}
 *   tpm {version, description, manufacturer}     only when there is one; who
 *             made a TPM 2.0 is asked by the action
 *   system {vendor, product, version, serial, uuid, sku, family}
 *   board {vendor, product, version, serial, asset}     chassis {...}
 *   cpus [{socket, model, cores, threads, mhz}]  cpu {model, threads}
 *   memory {bytes, slots, modules [{slot, bytes, kind, mt_s, configured_mt_s,
 *           vendor, part, serial}]}
 *   disks [disk_json]
 *   ports [{name, mac, link, speed_mbit, driver, bus, vendor_id, device_id}]
 *   pci [{address, class, vendor_id, device_id, subsystem_vendor_id,
 *         subsystem_device_id, revision, driver}]
 *   usb [{path, class, vendor_id, device_id, vendor, product, serial,
 *         speed_mbit}]
 *   machine "x86_64"
 * Ids are hexadecimal digits as the buses have them, without names: those
 * come from the server's databases (core/server/hosts/device-names.h), which know
 * newer devices than an engine and would be half a megabyte of its download.
 * `root` goes before /sys and /proc ("" = this machine).  NULL = no memory.
 */
json_t *facts_collect(const char *root, const struct disk_list *disks,
                      struct err *err);

/* The `facts` member of the session message (core/doc/wire.md): uuid, serial,
 * vendor, product, firmware, macs.  NULL = no memory. */
json_t *facts_identity(const json_t *facts);

/*
 * SMBIOS structures (DMTF DSP0134 3.x): adds firmware, system, board, chassis,
 * cpus and memory modules to `facts`.  A damaged table gives what stood before
 * the damage.  -1 = no memory.
 */
int facts_add_smbios(json_t *facts, const uint8_t *table, size_t length);

#endif
