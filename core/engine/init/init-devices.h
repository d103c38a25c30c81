/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Devices that turn up later: the kernel's uevents (netlink), each of which
 * may ask for a module.
 */
#ifndef CORE_ENGINE_INIT_INIT_DEVICES_H
#define CORE_ENGINE_INIT_INIT_DEVICES_H

#include "core/engine/init/modules.h"
#include "core/util/loop.h"

struct init_devices;

/* Listens from now on; `modules` outlives it. */
int init_devices_open(struct modules *modules, struct init_devices **ret,
                      struct err *err);
/* Loads what new devices ask for until none has come for a while: disks and
 * USB devices are found by the kernel in its own time.  Returns how many
 * modules were loaded. */
unsigned init_devices_settle(struct init_devices *devices);
/* From now on on the loop. */
int init_devices_watch(struct init_devices *devices, struct loop *loop,
                       struct err *err);
void init_devices_free(struct init_devices *devices);

/* The value of KEY in a uevent of `length` bytes, "KEY=value" strings that end
 * in NUL; NULL = absent.  Borrowed. */
const char *uevent_value(const char *event, size_t length, const char *key);

#endif
