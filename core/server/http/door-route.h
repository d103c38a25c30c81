/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The first request line of a connection, as far as it decides who serves it
 * (RFC 9112 section 3).  Pure.
 */
#ifndef CORE_SERVER_HTTP_DOOR_ROUTE_H
#define CORE_SERVER_HTTP_DOOR_ROUTE_H

#include <stddef.h>

#define DOOR_LINE_BYTES 2048 /* longest request line that is looked at */

enum door_route_kind {
    DOOR_MORE, /* the path is not complete yet */
    DOOR_PATH, /* it is */
    DOOR_BAD,  /* not a request line with a path: 400 */
    DOOR_LONG, /* longer than any path of ours */
};

struct door_route {
    const char *path; /* into the data; begins with '/' */
    size_t length;
};

enum door_route_kind door_route_parse(const char *data, size_t length,
                                      struct door_route *ret);

#endif
