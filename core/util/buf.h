/* SPDX-License-Identifier: Apache-2.0 */
/* A growing byte buffer with a maximum that is set when it is made. */
#ifndef CORE_UTIL_BUF_H
#define CORE_UTIL_BUF_H

#include <stdbool.h>

#include "core/util/macros.h"

struct buf {
    uint8_t *data; /* `length` bytes, then a NUL that is not counted */
    size_t length;
    size_t capacity;
    size_t max;  /* most bytes it may hold */
    bool failed; /* an append did not fit or memory ran out; sticky */
};

#define BUF_INIT(max_bytes)                                                    \
    {                                                                          \
        NULL, 0, 0, (max_bytes), false                                         \
    }

void buf_init(struct buf *buf, size_t max_bytes);
void buf_done(struct buf *buf);
/* Forgets the content and keeps the memory. */
void buf_clear(struct buf *buf);

/* Appends; 0, or -1 when it would pass the maximum (nothing is added). */
int buf_append(struct buf *buf, const void *data, size_t length);
int buf_append_text(struct buf *buf, const char *text);
int buf_append_byte(struct buf *buf, uint8_t byte);
int buf_printf(struct buf *buf, const char *format, ...) PRINTF(2, 3);
/* Room for `length` more bytes; write there, then add to `length`. */
uint8_t *buf_reserve(struct buf *buf, size_t length);
/* Drops the first `length` bytes. */
void buf_consume(struct buf *buf, size_t length);
/* The content as a string ("" when empty), borrowed. */
const char *buf_text(const struct buf *buf);
/* The content; the caller frees it and the buffer is empty again. */
char *buf_take_text(struct buf *buf);

static inline void auto_buf(struct buf *buf)
{
    buf_done(buf);
}
#define AUTO_BUF __attribute__((cleanup(auto_buf))) struct buf

#endif
