/* SPDX-License-Identifier: Apache-2.0 */
/* Checkpoints: see checkpoint.h. */
#include "core/image/checkpoint.h"

#include <string.h>

#include "core/util/bytes.h"

#define CHECKPOINT_MAGIC "SLC1"
#define WORD_BITS 64

int chunk_set_init(struct chunk_set *set, uint64_t count)
{
    set->count = count;
    set->words = calloc((size_t)(count / WORD_BITS + 1), sizeof(*set->words));
    return set->words ? 0 : ERR_NO_MEMORY;
}

void chunk_set_done(struct chunk_set *set)
{
    free(set->words);
    *set = (struct chunk_set){0};
}

static bool has(const struct chunk_set *set, uint64_t chunk)
{
    return set->words[chunk / WORD_BITS] >> (chunk % WORD_BITS) & 1;
}

void chunk_set_add(struct chunk_set *set, uint64_t first, uint64_t count)
{
    for (; count; first++, count--)
        set->words[first / WORD_BITS] |= UINT64_C(1) << (first % WORD_BITS);
}

bool chunk_set_has(const struct chunk_set *set, uint64_t first, uint64_t count)
{
    for (; count; first++, count--)
        if (!has(set, first))
            return false;
    return true;
}

void chunk_set_copy(struct chunk_set *to, const struct chunk_set *from)
{
    memcpy(to->words, from->words,
           (size_t)(from->count / WORD_BITS + 1) * sizeof(*from->words));
}

/* The next range from *at on; false at the end. */
static bool next_range(const struct chunk_set *set, uint64_t *at,
                       uint64_t *ret_count)
{
    while (*at < set->count && !has(set, *at))
        ++*at;
    uint64_t end = *at;
    while (end < set->count && has(set, end))
        end++;
    *ret_count = end - *at;
    return *ret_count;
}

int checkpoint_format(const struct chunk_set *set, const struct digest *root,
                      struct buf *ret)
{
    uint8_t header[CHECKPOINT_HEADER_BYTES] = {0};
    uint32_t ranges = 0;
    uint64_t count;
    buf_clear(ret);
    memcpy(header, CHECKPOINT_MAGIC, 4);
    memcpy(header + 8, root->bytes, DIGEST_BYTES);
    if (buf_append(ret, header, sizeof(header)))
        return ERR_NO_MEMORY;
    for (uint64_t at = 0;
         ranges < CHECKPOINT_MAX_RANGES && next_range(set, &at, &count);
         at += count, ranges++) {
        uint8_t range[16];
        put_le64(range, at);
        put_le64(range + 8, count);
        if (buf_append(ret, range, sizeof(range)))
            return ERR_NO_MEMORY;
    }
    put_le32(ret->data + 4, ranges);
    return 0;
}

int checkpoint_parse(const void *data, size_t length, const struct digest *root,
                     struct chunk_set *set)
{
    struct cursor c = cursor_on(data, length);
    const uint8_t *magic = cursor_take(&c, 4);
    uint32_t ranges = cursor_le32(&c);
    const uint8_t *digest = cursor_take(&c, DIGEST_BYTES);
    if (c.bad || memcmp(magic, CHECKPOINT_MAGIC, 4) ||
        ranges > CHECKPOINT_MAX_RANGES || cursor_left(&c) != ranges * 16)
        return ERR_CORRUPT;
    if (memcmp(digest, root->bytes, DIGEST_BYTES))
        return ERR_NOT_APPLICABLE;
    /* All of it is checked before any is believed. */
    uint64_t end = 0;
    for (struct cursor look = c; cursor_left(&look);) {
        uint64_t first = cursor_le64(&look);
        uint64_t count = cursor_le64(&look);
        if (first < end || first >= set->count || !count ||
            count > set->count - first)
            return ERR_CORRUPT;
        end = first + count;
    }
    while (cursor_left(&c)) {
        uint64_t first = cursor_le64(&c);
        uint64_t count = cursor_le64(&c);
        chunk_set_add(set, first, count);
    }
    return 0;
}
