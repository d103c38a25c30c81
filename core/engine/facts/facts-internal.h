/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the inventory share; everybody else uses facts.h. */
#ifndef CORE_ENGINE_FACTS_FACTS_INTERNAL_H
#define CORE_ENGINE_FACTS_FACTS_INTERNAL_H

#include <dirent.h>

#include <jansson.h>

#include "core/util/buf.h"

/* ---- facts-sysfs.c ---- */

/* The whole of ROOT/PATH, up to the buffer's maximum; -1 when it is absent. */
int facts_read(const char *root, const char *path, struct buf *ret);

/* The first line of FOLDER/NAME, what is not printable ASCII as '?'; "" when
 * it cannot be read. */
void facts_text(const char *folder, const char *name, char *out, size_t size);
/* The last component of what the symbolic link FOLDER/NAME points to; "" when
 * there is none. */
void facts_link_name(const char *folder, const char *name, char *out,
                     size_t size);
/* "0x8086" -> "8086". */
const char *facts_without_prefix(const char *text);
/* Sets `key` unless `text` is empty; -1 = no memory. */
int facts_put_text(json_t *object, const char *key, const char *text);
/* The object `key` of `facts`, made when it is missing; borrowed, NULL = no
 * memory. */
json_t *facts_object_at(json_t *facts, const char *key);
/* For scandir: by name, so that inventories can be compared. */
int facts_by_name(const struct dirent **a, const struct dirent **b);

/* ---- each adds its part to the facts: 0, or -1 = no memory ---- */

/* `ports`: every network port that has a device. */
int facts_add_ports(json_t *facts, const char *root);
/* `pci` and `usb`: every device there is on these buses. */
int facts_add_devices(json_t *facts, const char *root);
/* `firmware`: kind, secure_boot, setup_mode; `tpm`. */
int facts_add_security(json_t *facts, const char *root);

#endif
