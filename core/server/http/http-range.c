/* SPDX-License-Identifier: Apache-2.0 */
#include "core/server/http/http-range.h"

#include <string.h>
#include <strings.h>

#include "core/util/num.h"

#define MAX_DIGITS 20

static int parse_position(const char *text, size_t length, uint64_t *ret)
{
    char digits[MAX_DIGITS + 1];

    if (length == 0 || length > MAX_DIGITS)
        return -1;
    memcpy(digits, text, length);
    digits[length] = '\0';
    return num_parse_u64(digits, 0, UINT64_MAX, ret, NULL);
}

/* "-500": the last 500 bytes. */
static enum http_range_kind parse_suffix(const char *text, uint64_t size,
                                         struct http_range *ret)
{
    uint64_t count;

    if (parse_position(text, strlen(text), &count) != 0)
        return HTTP_RANGE_WHOLE;
    if (count == 0 || size == 0)
        return HTTP_RANGE_UNSATISFIABLE;
    ret->length = MIN(count, size);
    ret->offset = size - ret->length;
    return HTTP_RANGE_PART;
}

enum http_range_kind http_range_parse(const char *text, uint64_t size,
                                      struct http_range *ret)
{
    const char *dash;
    uint64_t first;
    uint64_t last = UINT64_MAX;

    if (!text || strncasecmp(text, "bytes=", 6) != 0)
        return HTTP_RANGE_WHOLE;
    text += 6;
    text += strspn(text, " \t");
    dash = strchr(text, '-');
    if (!dash || strchr(text, ','))
        return HTTP_RANGE_WHOLE;
    if (dash == text)
        return parse_suffix(text + 1, size, ret);
    if (parse_position(text, (size_t)(dash - text), &first) != 0)
        return HTTP_RANGE_WHOLE;
    if (dash[1] && parse_position(dash + 1, strlen(dash + 1), &last) != 0)
        return HTTP_RANGE_WHOLE;
    if (last < first)
        return HTTP_RANGE_WHOLE;
    if (first >= size)
        return HTTP_RANGE_UNSATISFIABLE;
    ret->offset = first;
    ret->length = MIN(last, size - 1) - first + 1;
    return HTTP_RANGE_PART;
}
