/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The machine below the engine, behind one table: its facts, its disks and
 * the ways to leave it.  The real one is made by init.c from sysfs and the
 * firmware; `slipway-engine run` makes one from plain files, so that a whole
 * task runs as an ordinary process.
 */
#ifndef CORE_ENGINE_MACHINE_H
#define CORE_ENGINE_MACHINE_H

#include <stdbool.h>

#include <jansson.h>
#include <slipway/action.h>

#include "core/util/err.h"
#include "core/util/macros.h"

#define MACHINE_MAX_DISKS 64

enum engine_method; /* engine.h */

struct machine {
    void *context;
    /*
     * Everything known about it (the inventory), a new reference.  The
     * members `uuid`, `serial`, `vendor`, `product`, `firmware` and `macs`
     * are what the session request carries.
     */
    json_t *(*facts)(void *context, struct err *err);
    /* The disks as they are now: the array and its strings belong to the
     * machine and live until the next call. */
    int (*disks)(void *context, const struct slipway_disk **ret_disks,
                 size_t *ret_count, struct err *err);
    /* A descriptor of the disk with this id, or -1; exclusive when it is for
     * writing. */
    int (*disk_open)(void *context, uint64_t id, bool writable,
                     struct err *err);
    /*
     * Makes ready what leaving by ENGINE_FIRMWARE needs (boot entry, boot
     * variable) for the disk with this id (0 = none was written).  `note`
     * gets a sentence for the final report, or "".  Never fails the task.
     */
    void (*prepare_leaving)(void *context, enum engine_method method,
                            uint64_t disk_id, char *note, size_t note_bytes);
};

#endif
