/* SPDX-License-Identifier: Apache-2.0 */
/* The first line of a request at the front door, and a Range header. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "core/server/http/door-route.h"
#include "core/server/http/http-range.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct door_route route;
    struct http_range range;
    char *text = malloc(size + 1);

    if (!text)
        return 0;
    memcpy(text, data, size);
    text[size] = '\0';
    if (door_route_parse(text, size, &route) == DOOR_PATH) {
        assert(route.path >= text && route.length > 0);
        assert(route.path + route.length <= text + size);
        assert(route.path[0] == '/');
    }
    if (http_range_parse(text, 1000, &range) == HTTP_RANGE_PART) {
        assert(range.length > 0 && range.offset < 1000);
        assert(range.length <= 1000 - range.offset);
    }
    free(text);
    return 0;
}
