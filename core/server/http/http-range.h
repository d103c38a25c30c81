/* SPDX-License-Identifier: Apache-2.0 */
/* The Range header (RFC 9110 section 14.2) for one range of bytes.  Pure. */
#ifndef CORE_SERVER_HTTP_HTTP_RANGE_H
#define CORE_SERVER_HTTP_HTTP_RANGE_H

#include "core/util/err.h"

enum http_range_kind {
    HTTP_RANGE_WHOLE,         /* none, or one that is to be ignored: 200 */
    HTTP_RANGE_PART,          /* 206 */
    HTTP_RANGE_UNSATISFIABLE, /* 416 */
};

struct http_range {
    uint64_t offset;
    uint64_t length;
};

/* `text` may be NULL.  Several ranges count as none: a server may answer with
 * everything then. */
enum http_range_kind http_range_parse(const char *text, uint64_t size,
                                      struct http_range *ret);

#endif
