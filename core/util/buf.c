/* SPDX-License-Identifier: Apache-2.0 */
/* A growing byte buffer: see buf.h. */
#include "core/util/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void buf_init(struct buf *buf, size_t max_bytes)
{
    *buf = (struct buf)BUF_INIT(max_bytes);
}

void buf_done(struct buf *buf)
{
    free(buf->data);
    buf_init(buf, buf->max);
}

void buf_clear(struct buf *buf)
{
    buf->length = 0;
    buf->failed = false;
    if (buf->data)
        buf->data[0] = 0;
}

uint8_t *buf_reserve(struct buf *buf, size_t length)
{
    if (buf->failed || length > buf->max - buf->length) {
        buf->failed = true;
        return NULL;
    }
    size_t need = buf->length + length + 1;
    if (need > buf->capacity) {
        size_t capacity = MAX(need, MIN(buf->capacity * 2, buf->max + 1));
        capacity = MAX(capacity, (size_t)64);
        uint8_t *data = realloc(buf->data, capacity);
        if (!data) {
            buf->failed = true;
            return NULL;
        }
        buf->data = data;
        buf->capacity = capacity;
    }
    return buf->data + buf->length;
}

int buf_append(struct buf *buf, const void *data, size_t length)
{
    uint8_t *room = buf_reserve(buf, length);
    if (!room)
        return -1;
    if (length)
        memcpy(room, data, length);
    buf->length += length;
    buf->data[buf->length] = 0;
    return 0;
}

int buf_append_text(struct buf *buf, const char *text)
{
    return buf_append(buf, text, strlen(text));
}

int buf_append_byte(struct buf *buf, uint8_t byte)
{
    return buf_append(buf, &byte, 1);
}

int buf_printf(struct buf *buf, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int need = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (need < 0 || !buf_reserve(buf, (size_t)need)) {
        buf->failed = true;
        return -1;
    }
    va_start(args, format);
    (void)vsnprintf((char *)buf->data + buf->length, (size_t)need + 1, format,
                    args);
    va_end(args);
    buf->length += (size_t)need;
    return 0;
}

void buf_consume(struct buf *buf, size_t length)
{
    length = MIN(length, buf->length);
    buf->length -= length;
    if (buf->data)
        memmove(buf->data, buf->data + length, buf->length + 1);
}

const char *buf_text(const struct buf *buf)
{
    return buf->data ? (const char *)buf->data : "";
}

char *buf_take_text(struct buf *buf)
{
    if (!buf->data && !buf_reserve(buf, 0))
        return NULL;
    buf->data[buf->length] = 0;
    char *text = (char *)buf->data;
    buf_init(buf, buf->max);
    return text;
}
