/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Collecting: removes what nothing names from the object store.  Two steps:
 * mark what the roots lead to (manifest -> index root -> pages -> objects),
 * then remove everything else that is old enough.
 *
 * Imports may run meanwhile: what they write or use again is new (objects.h),
 * and the caller puts the age before the begin of the oldest one.  An index
 * that cannot be read ends the collection before anything is removed.
 *
 * Memory: 32 bytes for each named object.  Blocks; one at a time.
 */
#ifndef CORE_IMAGE_OBJECTS_COLLECT_H
#define CORE_IMAGE_OBJECTS_COLLECT_H

#include "core/image/objects.h"

struct collect_spec {
    const struct seal_secret *secret;
    /* Digests that something names: manifests, or objects themselves.  Those
     * that are neither are passed over. */
    const struct digest *roots;
    size_t root_count;
    int64_t before_s; /* calendar; only what was last changed before that */
    bool dry_run;     /* only count */
    /* After each folder, of `total`; non-zero ends the collection. */
    int (*progress)(void *arg, unsigned done, unsigned total);
    void *arg;
};

struct collect_result {
    uint64_t kept_files;
    uint64_t young_files; /* nothing names them, but they are too new */
    uint64_t freed_files;
    uint64_t freed_bytes; /* as they take up the disk */
};

int objects_collect(struct objects *objects, const struct collect_spec *spec,
                    struct collect_result *ret, struct err *err);

#endif
