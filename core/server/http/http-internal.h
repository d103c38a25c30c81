/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of the HTTP service share.
 *
 * A request is looked at by two threads.  The HTTP thread fills it in, posts
 * it to the loop and suspends the connection; from then until the reply the
 * loop alone touches it, with the exception of the members below `lock`.
 *
 *   http thread                           loop
 *   URI arrives: request_new
 *   headers: http_prepare (route, token, limits)
 *   body: collected, parsed, checked
 *   suspend, loop_post  ----------------> dispatch -> handler
 *   queue the response  <---------------- reply: response set, resume
 *   completed: connection = NULL
 *
 * An upload goes to the loop after its headers, comes back with a pipe, and
 * goes there again when the body is in the pipe.  `references` counts the two
 * sides; who lets go last frees.
 */
#ifndef CORE_SERVER_HTTP_HTTP_INTERNAL_H
#define CORE_SERVER_HTTP_HTTP_INTERNAL_H

#include <microhttpd.h>
#include <pthread.h>
#include <stdatomic.h>

#include "core/server/http/http.h"
#include "core/server/rest/route.h"
#include "core/util/buf.h"
#include "core/util/loop.h"

#define HTTP_MAX_HEADERS 48
#define HTTP_MAX_ARGUMENTS 16
#define HTTP_MAX_URI 1024
#define HTTP_STREAM_BYTES (512 * 1024) /* unread by one slow client */
#define HTTP_SWALLOW_BYTES (64ull * 1024 * 1024) /* of a failed upload */

struct http {
    struct server *server;
    struct loop *loop;
    struct MHD_Daemon *daemon;
    const struct route *routes;
    size_t route_count;
    const struct schemas *schemas;
    void (*closed)(struct server *server, uint64_t connection);
    uint64_t connections; /* numbers given so far; HTTP thread only */
    bool check_replies;
    pthread_mutex_t lock; /* the lists */
    struct request *requests;
    struct http_connection *open; /* until the loop knows that they are not */
    atomic_bool stopping;
};

/* What MHD keeps for us with each connection. */
struct http_connection {
    struct http *http;
    struct http_connection *next, *previous; /* http->open, http->lock */
    uint64_t number;
};

struct http_pair {
    char *name;
    char *value;
};

enum request_step {
    STEP_HEADERS, /* nothing looked at yet */
    STEP_BODY,    /* collecting the body */
    STEP_ASKED,   /* upload: the loop decides whether to take it */
    STEP_UPLOAD,  /* body goes into the pipe */
    STEP_LOOP,    /* the loop works on it */
    STEP_QUEUED,  /* MHD has the response */
};

struct request {
    struct http *http;
    struct request *next, *previous; /* http->requests, http->lock */
    atomic_int references;

    /* Written by the HTTP thread before the loop sees the request. */
    char id[17];
    char method[8];
    char *uri; /* undecoded, with its query */
    char *path; /* undecoded, without */
    struct route_match match;
    struct http_pair headers[HTTP_MAX_HEADERS];
    size_t header_count;
    struct http_pair arguments[HTTP_MAX_ARGUMENTS];
    size_t argument_count;
    bool overflow; /* more headers or arguments than fit, or no memory */
    char remote[64];
    uint64_t connection_number;
    char actor[160];
    char token_id[33];
    enum scope scope;
    bool has_key;
    struct digest key;
    bool has_if_match;
    uint64_t if_match;
    uint64_t content_length;
    struct buf body;
    json_t *json;

    /* HTTP thread only. */
    enum request_step step;
    uint64_t swallowed;
    bool pipe_broken;
    unsigned pipe_events; /* what is waited for */

    /* Loop only. */
    struct operation *operation; /* Idempotency-Key, see operation.h */
    bool replied;
    void (*on_gone)(void *arg);
    void *on_gone_arg;
    struct loop_timer *gone_timer;
    struct loop_watch *gone_watch;
    int gone_fd;
    upload_done *upload_done;
    void *upload_arg;
    struct loop_watch *pipe_watch;

    pthread_mutex_t lock; /* what follows */
    struct MHD_Connection *connection; /* NULL: the client is gone */
    struct MHD_Response *response;
    unsigned status;
    bool suspended;
    int pipe_fd; /* of an upload or of a reply */
    uint64_t uploaded;
    int upload_code; /* why it failed, or 0 */
    char upload_error[160];
    bool is_stream;
    bool stream_ended; /* nothing more will be sent */
    struct buf stream; /* what the client has not taken yet */
};

struct request *request_new(struct http *http, const char *uri,
                            struct MHD_Connection *connection);
struct request *request_hold(struct request *r);
void request_release(struct request *r);

/* HTTP thread: looks at everything but the body.  NULL: go on; else the
 * problem to answer with, its detail in *err. */
const char *http_prepare(struct request *r, struct err *err);
/* HTTP thread: the whole body is there. */
const char *http_parse_body(struct request *r, struct err *err);
/* A problem document as a response, with its headers; NULL = no memory. */
struct MHD_Response *http_problem_response(const struct request *r,
                                           const char *problem,
                                           const char *detail,
                                           unsigned *ret_status);
void http_header(struct MHD_Response *response, const char *name,
                 const char *value);
void http_common_headers(const struct request *r,
                         struct MHD_Response *response);

/* HTTP thread: suspends and posts; false: could not be posted. */
bool http_post(struct request *r, void (*fn)(void *arg));
/* Under r->lock: the HTTP thread goes on with a suspended connection as soon
 * as the lock is free; false when the client is gone or nothing waits. */
bool http_wake(struct request *r);

/* Loop: gives the connection its response (taken) and lets go of `r`. */
void request_send(struct request *r, unsigned status,
                  struct MHD_Response *response);
/* Loop: sends a reply that was given before; not recorded again. Steals. */
void request_repeat(struct request *r, unsigned status, json_t *body,
                    uint64_t revision);
/* Loop: entry of a posted request. */
void http_dispatch(void *arg);
/* Loop: has the request any right to its handler's reply being recorded. */
bool request_changes_state(const struct request *r);

/* Uploads, HTTP thread. */
enum MHD_Result upload_chunk(struct request *r, const char *data,
                             size_t *length);
enum MHD_Result upload_end(struct request *r);
void upload_abandon(struct request *r);

/* Client-gone watch, loop. */
void gone_stop(struct request *r);

#endif
