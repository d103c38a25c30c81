/* SPDX-License-Identifier: Apache-2.0 */
#include "core/server/http/door-route.h"

#include <string.h>
#include <strings.h>

#define MAX_METHOD 16

/* "http://server:port" before the path, as a proxy may send it. */
static const char *skip_authority(const char *at, const char *end)
{
    const char *slash;

    if (end - at < 7 || strncasecmp(at, "http://", 7) != 0)
        return at;
    slash = memchr(at + 7, '/', (size_t)(end - at - 7));
    return slash ? slash : at;
}

enum door_route_kind door_route_parse(const char *data, size_t length,
                                      struct door_route *ret)
{
    const char *line_end = memchr(data, '\n', length);
    size_t line = line_end ? (size_t)(line_end - data) : length;
    const char *space = memchr(data, ' ', line);
    const char *end;
    const char *path;

    if (!space) {
        if (line_end || line > MAX_METHOD)
            return DOOR_BAD;
        return DOOR_MORE;
    }
    if (space == data || space - data > MAX_METHOD)
        return DOOR_BAD;
    end = memchr(space + 1, ' ', (size_t)(data + line - space - 1));
    if (!end) {
        if (line_end)
            return DOOR_BAD;
        return length >= DOOR_LINE_BYTES ? DOOR_LONG : DOOR_MORE;
    }
    path = skip_authority(space + 1, end);
    if (path == end || *path != '/')
        return DOOR_BAD;
    ret->path = path;
    ret->length = (size_t)(end - path);
    return DOOR_PATH;
}
