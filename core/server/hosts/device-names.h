/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names for the devices of an inventory, from the public lists pci.ids and
 * usb.ids.  They are looked up when an inventory is asked for and not by the
 * engine: they are 2 MB, half a megabyte of an engine's 24 when compressed, and
 * grow every week; the server's also name what an old inventory or an old
 * engine has only numbers for.
 */
#ifndef CORE_SERVER_HOSTS_DEVICE_NAMES_H
#define CORE_SERVER_HOSTS_DEVICE_NAMES_H

#include <jansson.h>

#include "core/util/err.h"

#define DEVICE_NAMES_DIR "/usr/share/misc" /* packages pci.ids and usb.ids */

/*
 * Adds `vendor_name` and `device_name` to the members of `pci` and `usb` that
 * DIR/pci.ids and DIR/usb.ids know.  A list that is not there, or a line that
 * makes no sense, leaves numbers without names.  Any thread; blocks.
 */
void device_names_add(json_t *inventory, const char *dir);

#endif
