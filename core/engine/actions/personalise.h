/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Changing one file system of a verified disk in a process of its own, which
 * answers with the ranges of the device that it changed: files into an ext4
 * that stays unmounted (slipway-ext4-personalise), everything else through the
 * kernel (slipway-engine change).
 */
#ifndef CORE_ENGINE_ACTIONS_PERSONALISE_H
#define CORE_ENGINE_ACTIONS_PERSONALISE_H

#include <jansson.h>

#include <slipway/action.h>

#include "core/util/loop.h"

struct personalise;

struct personalise_spec {
    int device_fd;           /* whole disk, open for writing; borrowed */
    uint64_t device_bytes;   /* its size */
    uint32_t sector_bytes;   /* logical */
    unsigned partition;      /* number of the partition */
    uint64_t offset_bytes;   /* where it begins */
    uint64_t length_bytes;   /* how long it is */
    const char *file_system; /* its name in the manifest */
    bool grow;               /* extend it and its file system to the end */
    const struct slipway_file *files; /* borrowed during the start only */
    size_t file_count;
    uint64_t timeout_ms; /* 0 = two minutes; half an hour to grow */
};

/* `ranges`: array of [offset, length] of the whole disk, borrowed; NULL and
 * err->code set when it failed.  Partial changes are possible then, and
 * `ranges` is NULL still: the disk has to be verified again.  `length_bytes`:
 * of the partition now. */
typedef void personalise_done(void *arg, json_t *ranges, uint64_t length_bytes,
                              const struct err *err);

/* True for a file system that files can be written into, and that can grow. */
bool personalise_writes(const char *file_system);
bool personalise_grows(const char *file_system);

/* The ext4 helper is looked for in $SLIPWAY_LIBEXEC_DIR, then where it was
 * installed.  `done` runs on the loop, never inside this call. */
int personalise_start(struct loop *loop, const struct personalise_spec *spec,
                      personalise_done *done, void *arg,
                      struct personalise **ret, struct err *err);
/* Kills the helper if it still runs; `done` is not called any more. */
void personalise_free(struct personalise *personalise);

#endif
