/* SPDX-License-Identifier: Apache-2.0 */
/* Integers in byte strings, and a bounded reader for input from outside. */
#ifndef CORE_UTIL_BYTES_H
#define CORE_UTIL_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline uint16_t get_be16(const uint8_t *p)
{
    return (uint16_t)((p[0] << 8) | p[1]);
}
static inline uint32_t get_be32(const uint8_t *p)
{
    return ((uint32_t)p[0] << 24) | ((uint32_t)p[1] << 16) |
           ((uint32_t)p[2] << 8) | p[3];
}
static inline uint64_t get_be64(const uint8_t *p)
{
    return ((uint64_t)get_be32(p) << 32) | get_be32(p + 4);
}
static inline uint16_t get_le16(const uint8_t *p)
{
    return (uint16_t)((p[1] << 8) | p[0]);
}
static inline uint32_t get_le32(const uint8_t *p)
{
    return ((uint32_t)p[3] << 24) | ((uint32_t)p[2] << 16) |
           ((uint32_t)p[1] << 8) | p[0];
}
static inline uint64_t get_le64(const uint8_t *p)
{
    return ((uint64_t)get_le32(p + 4) << 32) | get_le32(p);
}
static inline void put_be16(uint8_t *p, uint16_t v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}
static inline void put_be32(uint8_t *p, uint32_t v)
{
    put_be16(p, (uint16_t)(v >> 16));
    put_be16(p + 2, (uint16_t)v);
}
static inline void put_be64(uint8_t *p, uint64_t v)
{
    put_be32(p, (uint32_t)(v >> 32));
    put_be32(p + 4, (uint32_t)v);
}
static inline void put_le16(uint8_t *p, uint16_t v)
{
    p[0] = (uint8_t)v;
    p[1] = (uint8_t)(v >> 8);
}
static inline void put_le32(uint8_t *p, uint32_t v)
{
    put_le16(p, (uint16_t)v);
    put_le16(p + 2, (uint16_t)(v >> 16));
}
static inline void put_le64(uint8_t *p, uint64_t v)
{
    put_le32(p, (uint32_t)v);
    put_le32(p + 4, (uint32_t)(v >> 32));
}

/* Reads forward and never past the end; `bad` is sticky and zeroes results. */
struct cursor {
    const uint8_t *at;
    const uint8_t *end;
    bool bad;
};

static inline struct cursor cursor_on(const void *data, size_t length)
{
    struct cursor c = {data, (const uint8_t *)data + length, false};
    return c;
}
static inline size_t cursor_left(const struct cursor *c)
{
    return c->bad ? 0 : (size_t)(c->end - c->at);
}
/* The next `length` bytes, borrowed; NULL and bad when there are fewer. */
static inline const uint8_t *cursor_take(struct cursor *c, size_t length)
{
    if (c->bad || length > (size_t)(c->end - c->at)) {
        c->bad = true;
        return NULL;
    }
    const uint8_t *p = c->at;
    c->at += length;
    return p;
}
static inline uint8_t cursor_u8(struct cursor *c)
{
    const uint8_t *p = cursor_take(c, 1);
    return p ? *p : 0;
}
static inline uint16_t cursor_be16(struct cursor *c)
{
    const uint8_t *p = cursor_take(c, 2);
    return p ? get_be16(p) : 0;
}
static inline uint32_t cursor_be32(struct cursor *c)
{
    const uint8_t *p = cursor_take(c, 4);
    return p ? get_be32(p) : 0;
}
static inline uint32_t cursor_le32(struct cursor *c)
{
    const uint8_t *p = cursor_take(c, 4);
    return p ? get_le32(p) : 0;
}
static inline uint64_t cursor_le64(struct cursor *c)
{
    const uint8_t *p = cursor_take(c, 8);
    return p ? get_le64(p) : 0;
}

#endif
