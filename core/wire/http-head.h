/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The head of an HTTP/1.x answer, as far as fetching content needs it
 * (RFC 9112 sections 4 to 6, RFC 9110 sections 8.6 and 14.4).  Pure.
 */
#ifndef CORE_WIRE_HTTP_HEAD_H
#define CORE_WIRE_HTTP_HEAD_H

#include <stdbool.h>

#include "core/util/err.h"

struct http_head {
    unsigned status;
    bool keep_alive; /* the connection may carry another request */
    bool has_length;
    uint64_t length; /* Content-Length */
    bool has_range;
    uint64_t range_start; /* first byte of Content-Range */
};

/* Bytes of the head with its empty line, or 0 when that is not there yet. */
size_t http_head_length(const void *data, size_t length);
/* `text` holds a whole head and no NUL byte beyond it is looked at. */
int http_head_parse(const char *text, size_t length, struct http_head *ret,
                    struct err *err);

#endif
