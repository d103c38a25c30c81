/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files over plain HTTP from a worker: GET and HEAD, one Range, ETag, 304.
 * libmicrohttpd speaks HTTP on connections that somebody else accepted; all
 * of it runs on the loop's thread and content goes out with sendfile.
 *
 * Limits: size of a request's head, connections in all and from one address,
 * time for a head to arrive, idle time.  A client that only holds a
 * connection is closed; one that is malformed gets a 400, 414 or 431.
 */
#ifndef CORE_SERVER_HTTP_HTTP_FILES_H
#define CORE_SERVER_HTTP_HTTP_FILES_H

#include "core/util/loop.h"

struct http_files;

#define HTTP_FILES_ETAG_BYTES 72

/* What a path names.  All zero means 404. */
struct http_file {
    unsigned status; /* 200, or an error with `text` */
    int fd;          /* the content, taken; -1 = `text` */
    uint64_t length;
    const char *text; /* small body, copied; NULL = none */
    const char *type; /* media type, borrowed */
    bool immutable;   /* content under this name never changes */
    char etag[HTTP_FILES_ETAG_BYTES]; /* without quotes; "" = none */
};

/* The body of an answer to GET, whole or a part of the file. */
struct http_sending {
    const char *path; /* as `find` had it */
    struct endpoint peer;
    uint64_t length; /* of the body */
    uint64_t ms;     /* since it began */
};

enum http_sending_state {
    HTTP_SENDING_BEGINS,
    HTTP_SENDING_DONE,  /* the kernel has all of it */
    HTTP_SENDING_BROKEN /* the connection ended before */
};

struct http_files_spec {
    struct loop *loop;
    unsigned max_connections; /* 0 = 1000 */
    unsigned max_per_address; /* 0 = 512: a cache or a test has many */
    uint64_t head_ms;         /* for a whole request head, idle
                               * connections too; 0 = 20 s */
    /* `path` begins with '/', is decoded and has no query. */
    void (*find)(void *arg, const char *path, const struct endpoint *peer,
                 struct http_file *ret);
    /* Files on their way; may be NULL. */
    void (*sending)(void *arg, enum http_sending_state state,
                    const struct http_sending *sending);
    /* The last connection ended after http_files_drain. */
    void (*drained)(void *arg);
    void *arg;
};

struct http_files *http_files_new(const struct http_files_spec *spec,
                                  struct err *err);
/* Closes all connections. */
void http_files_free(struct http_files *files);
/* Takes a connected socket. */
void http_files_add(struct http_files *files, int fd);
/* Answers what runs and what is just being asked, closes each connection
 * afterwards, then calls `drained`. */
void http_files_drain(struct http_files *files);
unsigned http_files_connections(const struct http_files *files);

#endif
