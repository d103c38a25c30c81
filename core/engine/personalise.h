/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing a few files into an installed root file system without mounting it:
 * runs the helper program slipway-ext4-personalise, which answers with the
 * ranges of the device that it changed.
 */
#ifndef CORE_ENGINE_PERSONALISE_H
#define CORE_ENGINE_PERSONALISE_H

#include <jansson.h>

#include <slipway/action.h>

#include "core/util/loop.h"

struct personalise;

struct personalise_spec {
    int device_fd;           /* whole disk, open for writing; borrowed */
    uint64_t offset_bytes;   /* where the root file system begins */
    uint64_t length_bytes;   /* of its partition */
    const char *file_system; /* "ext4"; anything else is refused */
    const struct slipway_file *files; /* borrowed during the start only */
    size_t file_count;
    uint64_t timeout_ms; /* 0 = two minutes */
};

/* `ranges`: array of [offset, length] of the whole disk, borrowed; NULL and
 * err->code set when it failed.  Partial changes are possible then, and
 * `ranges` is NULL still: the disk has to be verified again. */
typedef void personalise_done(void *arg, json_t *ranges, const struct err *err);

/* The helper is looked for in $SLIPWAY_LIBEXEC_DIR, then where it was
 * installed.  `done` runs on the loop, never inside this call. */
int personalise_start(struct loop *loop, const struct personalise_spec *spec,
                      personalise_done *done, void *arg,
                      struct personalise **ret, struct err *err);
/* Kills the helper if it still runs; `done` is not called any more. */
void personalise_free(struct personalise *personalise);

#endif
