/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP requests as the loop sees them.  The HTTP thread reads a whole request
 * (bodies up to the route's limit), suspends its connection and posts a
 * `struct request` to the loop; the handler replies now or later, exactly
 * once.  Nothing here blocks.
 */
#ifndef CORE_SERVER_HTTP_HTTP_H
#define CORE_SERVER_HTTP_HTTP_H

#include <stdbool.h>

#include <jansson.h>

#include "core/server/http/http-range.h"
#include "core/util/crypto.h"
#include "core/util/err.h"

struct http;
struct route;
struct schemas;
struct server;
struct request;

enum scope {
    SCOPE_NONE,     /* no token needed */
    SCOPE_VIEWER,   /* read */
    SCOPE_OPERATOR, /* start and stop tasks, change hosts */
    SCOPE_ADMIN,    /* everything */
    SCOPE_ENGINE,   /* an engine's session; the handler checks it */
};

/* ---- the service ---- */

struct http_spec {
    struct server *server; /* passed to handlers; its parts are used for
                              tokens, audit and idempotency */
    int listen_fd;         /* listening TCP socket; taken */
    const char *chain_pem; /* what TLS presents */
    const char *key_pem;
    const struct route *routes;
    size_t route_count;
    const struct schemas *schemas; /* may be NULL: bodies are not checked */
    /* Runs on the loop when a connection has closed, by the number that
     * request_connection gave; may be NULL. */
    void (*closed)(struct server *server, uint64_t connection);
    bool check_replies; /* a reply that breaks its route's promise becomes
                           500 and an error in the log */
};

/* Starts the HTTP thread.  Takes listen_fd also when it fails. */
int http_new(const struct http_spec *spec, struct http **ret_http,
             struct err *err);
/* Answers what waits with 503, ends streams and the thread.  Requests that
 * handlers still hold stay valid; their replies go nowhere. */
void http_stop(struct http *http);
/* After http_stop and after every part that holds requests is gone. */
void http_free(struct http *http);
unsigned http_connection_count(const struct http *http);

/* ---- requests ---- */

/* What the handler may look at; borrowed until it has replied. */
struct server *request_server(const struct request *r);
const char *request_id(const struct request *r);
/* The value of "{name}" in the route's path. */
const char *request_path_value(const struct request *r, const char *name);
/* A query argument, or NULL. */
const char *request_query(const struct request *r, const char *name);
/* The JSON body, checked against the route's schema; NULL when it has none. */
const json_t *request_body(const struct request *r);
const char *request_header(const struct request *r, const char *name);
/* Who asks, for audit: "token 'ci'", "engine 'lab-01'". */
const char *request_actor(const struct request *r);
enum scope request_scope(const struct request *r);
/* An engine's handler says who it is once it knows. */
void request_set_actor(struct request *r, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
const char *request_remote_address(const struct request *r);
/* The number of its connection, which no other ever has. */
uint64_t request_connection(const struct request *r);
/* SHA-256 of the client certificate's public key; false without one. */
bool request_client_key(const struct request *r, struct digest *ret_key);
/* The revision of If-Match: false when absent, STORE_ANY for "*".  Routes that need it are
 * marked in the table and never reach their handler without. */
bool request_if_match(const struct request *r, uint64_t *ret_revision);

/* An id for what this request creates: random, or derived from its
 * Idempotency-Key, so that a repetition after a crash finds the first one's
 * work (creating conflicts: reply with what is there). */
void request_new_id(const struct request *r, char out[33]);

/*
 * Uploads (ROUTE_UPLOAD): the handler runs when the headers are there.  It
 * either replies (a refusal; the body is not read) or calls request_upload
 * once: the HTTP thread then writes the body into `fd`, the write end of a
 * pipe, which it takes, and waits while the pipe is full.  `done` runs on the
 * loop when `fd` is closed: err NULL and all `length` bytes are written, or
 * err when the client went away (ERR_CANCELLED) or nobody reads the pipe any
 * more (ERR_IO).  The
 * reader sees an early end then and compares with the declared length.  The
 * reply is due after `done`.
 */
uint64_t request_content_length(const struct request *r);
typedef void upload_done(void *arg, uint64_t length, const struct err *err);
void request_upload(struct request *r, int fd, upload_done *done, void *arg);

/* Replies.  Each ends the request; `r` is gone afterwards. */

/* Steals `body` (may be NULL for 204).  `revision` > 0 becomes the ETag. */
void request_reply(struct request *r, unsigned status, json_t *body,
                   uint64_t revision);
/* Copies the bytes. `header`/`value`: one further header, or NULL. */
void request_reply_bytes(struct request *r, unsigned status, const char *type,
                         const void *data, size_t length, const char *header,
                         const char *value);
/* Copies the bytes; caches may keep them, and a client that shows the `etag`
 * (with its quotes) in If-None-Match gets 304 instead. */
void request_reply_cached(struct request *r, const char *type,
                          const void *data, size_t length, const char *etag);
/* Sends `length` bytes of `fd` and closes it. */
void request_reply_file(struct request *r, unsigned status, const char *type,
                        int fd, uint64_t length);
/*
 * Range and If-Range (RFC 9110 sections 13.1.5 and 14.2) of a request for
 * `size` bytes with that `etag` (with its quotes): the whole, or the one part
 * that the client wants.  False when there is no such part: the problem was
 * sent.
 */
bool request_range(struct request *r, uint64_t size, const char *etag,
                   struct http_range *ret);
/* What comes from a pipe. */
struct request_pipe {
    int fd; /* taken */
    const char *type;
    const char *etag;
    uint64_t size;           /* 0 = unknown, sent in chunks */
    struct http_range range; /* what of it comes; all = 200 and not 206 */
};
/* Sends it until its end.  The writer sees EPIPE when the client goes away. */
void request_reply_pipe(struct request *r, const struct request_pipe *pipe);
/* An RFC 9457 document from the catalogue (problem.h), e.g. "not-found". */
void request_problem(struct request *r, const char *problem,
                     const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* The problem that fits err->code. */
void request_fail(struct request *r, const struct err *err);

/* A handler that replies later wants to know when the client went away:
 * fn(arg) runs on the loop, and a reply is still due (it is dropped). */
void request_on_gone(struct request *r, void (*fn)(void *arg), void *arg);

/* Server-sent events: starts the stream; afterwards `stream_send` any number
 * of times and `stream_end` once.  fn(arg) when the client went away. */
struct stream;
struct stream *request_stream(struct request *r, void (*gone)(void *arg),
                              void *arg);
/* -1 when the client reads too slowly and the stream was ended. */
int stream_send(struct stream *s, const char *text, size_t length);
void stream_end(struct stream *s);

#endif
