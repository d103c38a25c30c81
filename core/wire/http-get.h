/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A plain-HTTP client for bulk content on the loop: GET with Range, several
 * requests at once, idle connections kept for the next request to the same
 * server.  Servers are numeric IPv4 addresses: an engine has no resolver.
 * RFC 9110 and 9112, as far as a server or cache needs it to answer a GET:
 * content must come with its length, transfer codings are refused.
 */
#ifndef CORE_WIRE_HTTP_GET_H
#define CORE_WIRE_HTTP_GET_H

#include "core/util/loop.h"

struct http_gets; /* the connections */
struct http_get;  /* one request */

#define HTTP_GET_HEADER_BYTES (16 * 1024) /* longest accepted answer head */

struct http_gets_limits {
    uint64_t connect_ms; /* until the connection stands; 0 = 5 s */
    uint64_t stall_ms;   /* longest time without a byte; 0 = 15 s */
    size_t max_idle;     /* connections kept for later; 0 = 8 */
};

struct http_gets *http_gets_new(struct loop *loop,
                                const struct http_gets_limits *limits);
/* Cancels what runs. */
void http_gets_free(struct http_gets *gets);

struct http_get_handlers {
    /* Content of a 200 or 206 from the asked offset on; borrowed.  May cancel
     * this and other requests. */
    void (*on_data)(void *arg, const void *data, size_t length);
    /* The end, once, and never before http_get_start has returned: code 0 and
     * the status, or a code and a sentence (status 0 when there was none). */
    void (*on_done)(void *arg, int code, unsigned status, const char *sentence);
};

/* Content is delivered from byte `offset` on, also when a cache ignores the
 * range.  NULL = `err` says why. */
struct http_get *http_get_start(struct http_gets *gets, const char *url,
                                uint64_t offset,
                                const struct http_get_handlers *handlers,
                                void *arg, struct err *err);
/* on_done is not called.  Not after on_done. */
void http_get_cancel(struct http_get *get);

#endif
