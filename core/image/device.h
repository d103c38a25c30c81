/* SPDX-License-Identifier: Apache-2.0 */
/* Reading, writing and zeroing ranges of a block device or plain file. */
#ifndef CORE_IMAGE_DEVICE_H
#define CORE_IMAGE_DEVICE_H

#include <stdatomic.h>
#include <stdbool.h>

#include "core/util/err.h"

struct device {
    int fd;
    const char *name;       /* for sentences: "disk 'vda'" */
    atomic_bool no_punch;   /* the kernel cannot make holes in it */
    atomic_bool no_offload; /* nor write zeros by itself */
};

/* All block and may come from any thread. */
int device_read(struct device *device, void *data, size_t length,
                uint64_t offset, struct err *err);
/* Also lets the disk begin at once, so that a later sync finds little. */
int device_write(struct device *device, const void *data, size_t length,
                 uint64_t offset, struct err *err);
/* The range reads as zeros afterwards: a hole where that is possible.  `zeros`
 * is a buffer of `zeros_length` zero bytes for devices that need them. */
int device_zero(struct device *device, uint64_t offset, uint64_t length,
                const void *zeros, size_t zeros_length, struct err *err);
int device_sync(struct device *device, struct err *err);
/* Later reads come from the medium; after a sync. */
void device_forget_cache(struct device *device);

#endif
