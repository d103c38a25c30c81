/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads an HTTP/1.1 response as its bytes arrive (RFC 9112).  Everything is
 * bounded: the head by HTTP_HEAD_MAX, the body by the caller.
 */
#ifndef CORE_WIRE_HTTP_RESPONSE_H
#define CORE_WIRE_HTTP_RESPONSE_H

#include "core/util/buf.h"
#include "core/util/err.h"

#define HTTP_HEAD_MAX (16 * 1024)

struct http_response {
    unsigned status; /* 200..599 */
    struct buf head; /* status line and header lines, ended by one NUL each */
    struct buf body;
    bool keep_alive; /* the connection may carry another request */
};

enum http_phase {
    HTTP_HEAD,
    HTTP_BODY_LENGTH,
    HTTP_BODY_TO_END,
    HTTP_CHUNK_SIZE,
    HTTP_CHUNK_DATA,
    HTTP_CHUNK_END,
    HTTP_TRAILER,
    HTTP_COMPLETE,
};

struct http_response_reader {
    struct http_response response;
    enum http_phase phase;
    uint64_t left;   /* bytes of the body or chunk still to come */
    struct buf line; /* of the head, a chunk size or a trailer */
    unsigned lines;
    bool is_head; /* answers HEAD: no body whatever the headers say */
};

void http_reader_init(struct http_response_reader *reader,
                      size_t max_body_bytes, bool is_head);
void http_reader_done(struct http_response_reader *reader);
/*
 * Takes in what arrived; `*ret_used` tells how much of it belonged to this
 * response.  The phase is HTTP_COMPLETE when it is whole.
 */
int http_reader_feed(struct http_response_reader *reader, const uint8_t *data,
                     size_t length, size_t *ret_used, struct err *err);
/* The peer has closed: 0 when that completes the response. */
int http_reader_end(struct http_response_reader *reader, struct err *err);
/* A header's value, or NULL; names compare without case. */
const char *http_response_header(const struct http_response *response,
                                 const char *name);

#endif
