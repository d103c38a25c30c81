/* SPDX-License-Identifier: Apache-2.0 */
/* A part of a disk as /dev/nbd0, while it is attached. */
#ifndef CORE_ENGINE_CHANGE_BLOCK_DEVICE_H
#define CORE_ENGINE_CHANGE_BLOCK_DEVICE_H

#include "core/engine/change/block-server.h"

#define BLOCK_DEVICE "/dev/nbd0"

struct block_device;

/*
 * Starts two threads: one serves, one waits in the kernel.  Needs root and the
 * module nbd, which is loaded when it can be.  `server` and what it points to
 * outlive the device.
 */
int block_device_attach(const struct block_server *server,
                        uint32_t sector_bytes, struct block_device **ret,
                        struct err *err);
/* Writes back and ends both threads: afterwards the ranges are complete.
 * ERR_CONFLICT when something still uses the device. */
int block_device_detach(struct block_device *device, struct err *err);

#endif
