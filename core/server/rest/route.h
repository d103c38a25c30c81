/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one table of everything that can be asked over HTTPS (routes.c), and
 * how a request finds its entry.
 */
#ifndef CORE_SERVER_REST_ROUTE_H
#define CORE_SERVER_REST_ROUTE_H

#include "core/server/http/http.h"

enum {
    ROUTE_IF_MATCH = 1, /* If-Match is required: 428 without */
    ROUTE_UPLOAD = 2,   /* handled when its headers are there (http.h) */
    ROUTE_LIST = 4,     /* takes `limit` and `after` */
    ROUTE_QUIET = 8,    /* changes nothing worth an audit record */
    ROUTE_SECRET = 16,  /* its reply is not kept: no Idempotency-Key */
    ROUTE_ETAG = 32,    /* a successful reply has the revision as its ETag */
    ROUTE_STREAM = 64,  /* server-sent events; takes Last-Event-ID */
    ROUTE_CACHED = 128, /* may be kept by caches: ETag and If-None-Match */
    ROUTE_RANGE = 256,  /* takes Range and If-Range; ETag, 206 and 416 */
};

#define ROUTE_BODY_BYTES (64 * 1024)   /* longest body unless the route says */
#define ROUTE_MAX_VALUES 3             /* "{...}" in one path */
#define ROUTE_LIMIT_DEFAULT 100
#define ROUTE_LIMIT_MAX 1000

/*
 * A POST, PUT, PATCH or DELETE of a scope above SCOPE_VIEWER is written to
 * the audit log before its success is told.  Every POST takes Idempotency-Key
 * except uploads and engine routes.  GET routes also answer HEAD.  What a
 * "{name}" of a path and a query argument may be is defined in
 * schema/parameter.json as "path-name" and "query-name".
 */
struct route {
    const char *method;
    const char *path; /* "/api/v1/hosts/{id}" */
    enum scope scope;
    unsigned flags;
    const char *request_schema; /* name in schema/, or NULL: no JSON body */
    const char *reply_schema;   /* name, or NULL: no JSON body */
    const char *reply_type;     /* of a body that is not (only) JSON */
    void (*handler)(struct server *server, struct request *r);
    const char *summary; /* one line for people */
    size_t max_body;     /* 0 = ROUTE_BODY_BYTES */
    const char *query;   /* further query arguments, space-separated */
    const char *status;  /* of success: "201", "200 201"; NULL = 200, or 204
                            when there is no body */
};

extern const struct route routes[];
extern const size_t route_count;

/* True when `word` is one of these, which are separated by spaces. */
bool route_word_in(const char *words, const char *word);
/* The statuses of success, as in route->status. */
const char *route_status(const struct route *route);
/* Does the route take Idempotency-Key? */
bool route_takes_key(const struct route *route);

/* A value of "{name}" in a path: where it lies in the requested path. */
struct route_value {
    char name[16];
    char text[128]; /* decoded */
};

struct route_match {
    const struct route *route; /* NULL when none fits */
    bool path_known;           /* another method has this path: 405 */
    char allow[48];            /* for the Allow header then */
    struct route_value values[ROUTE_MAX_VALUES];
    size_t value_count;
};

/* Finds the route; `path` is undecoded and has no query.  Pure. */
void route_find(const struct route *table, size_t count, const char *method,
                const char *path, struct route_match *ret);

/* `limit` and `after` of a ROUTE_LIST request, or a problem was sent: -1. */
int route_paging(struct request *r, size_t *ret_limit, const char **ret_after);
/* Replies {"items": items, "next": key}; steals items; `next` NULL = end. */
void route_reply_list(struct request *r, json_t *items, const char *next);
/* What a list shows of a document of the store; NULL leaves it out. */
typedef json_t *route_item(const struct request *r, const char *id,
                           const json_t *document);
/* Replies with a page of the documents whose keys are `prefix` and an id. */
void route_reply_documents(struct request *r, const char *prefix,
                           route_item *item);

#endif
