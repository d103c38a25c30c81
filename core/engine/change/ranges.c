/* SPDX-License-Identifier: Apache-2.0 */
#include "core/engine/change/ranges.h"

#define KEPT_MAX 65536u
#define FINEST_BYTES 4096u /* what is joined first */

void change_ranges_done(struct change_ranges *ranges)
{
    free(ranges->list);
    *ranges = (struct change_ranges){NULL, 0, 0, false};
}

static int by_offset(const void *a, const void *b)
{
    const struct change_range *x = a, *y = b;
    return (x->offset > y->offset) - (x->offset < y->offset);
}

/* Rounds every range outwards to a power of two and joins what touches. */
static void join(struct change_ranges *ranges, uint64_t granule)
{
    size_t kept = 0;
    if (ranges->count == 0)
        return;
    qsort(ranges->list, ranges->count, sizeof(*ranges->list), by_offset);
    for (size_t i = 0; i < ranges->count; i++) {
        struct change_range *r = &ranges->list[i];
        uint64_t start = r->offset & ~(granule - 1);
        uint64_t end =
            (r->offset + r->length + granule - 1) & ~(granule - 1);
        struct change_range *last = kept ? &ranges->list[kept - 1] : NULL;
        if (last && start <= last->offset + last->length)
            last->length = MAX(last->length, end - last->offset);
        else
            ranges->list[kept++] = (struct change_range){start, end - start};
    }
    ranges->count = kept;
}

/* Joins until at most `max` are left. */
static void thin(struct change_ranges *ranges, size_t max)
{
    join(ranges, 1);
    for (uint64_t granule = FINEST_BYTES; ranges->count > max; granule *= 2)
        join(ranges, granule);
}

static bool make_room(struct change_ranges *ranges)
{
    if (ranges->count < ranges->capacity)
        return true;
    if (ranges->capacity == KEPT_MAX) {
        thin(ranges, KEPT_MAX / 2);
        return true;
    }
    size_t capacity = ranges->capacity ? ranges->capacity * 2 : 64;
    struct change_range *list =
        reallocarray(ranges->list, capacity, sizeof(*list));
    if (!list)
        return false;
    ranges->list = list;
    ranges->capacity = capacity;
    return true;
}

void change_ranges_add(struct change_ranges *ranges, uint64_t offset,
                       uint64_t length)
{
    if (length == 0)
        return;
    if (!make_room(ranges))
        ranges->failed = true;
    else
        ranges->list[ranges->count++] = (struct change_range){offset, length};
}

json_t *change_ranges_json(struct change_ranges *ranges)
{
    if (ranges->failed)
        return NULL;
    thin(ranges, CHANGE_RANGES_MAX);
    json_t *json = json_array();
    for (size_t i = 0; json && i < ranges->count; i++) {
        json_t *pair =
            json_pack("[I, I]", (json_int_t)ranges->list[i].offset,
                      (json_int_t)ranges->list[i].length);
        if (json_array_append_new(json, pair)) {
            json_decref(json);
            json = NULL;
        }
    }
    return json;
}
