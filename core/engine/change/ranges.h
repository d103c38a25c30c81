/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which bytes of a disk were written after its image was verified: everything
 * else must still equal the image.  Bounded; when there are too many, near
 * ones are joined, so that the list says too much but never too little.
 */
#ifndef CORE_ENGINE_CHANGE_RANGES_H
#define CORE_ENGINE_CHANGE_RANGES_H

#include <jansson.h>
#include <stdbool.h>

#include "core/util/err.h"

#define CHANGE_RANGES_MAX 1024 /* that are told */

struct change_range {
    uint64_t offset; /* of the whole disk */
    uint64_t length;
};

struct change_ranges {
    struct change_range *list;
    size_t count;
    size_t capacity;
    bool failed; /* one could not be kept: nothing can be told */
};

void change_ranges_done(struct change_ranges *ranges);
/* One thread at a time. */
void change_ranges_add(struct change_ranges *ranges, uint64_t offset,
                       uint64_t length);
/* [[offset, length], ...], sorted, not touching each other; NULL = no memory,
 * also while they were kept. */
json_t *change_ranges_json(struct change_ranges *ranges);

#endif
