/* SPDX-License-Identifier: Apache-2.0 */
/* Requests to the server with libcurl: JSON, uploads with progress, events. */
#ifndef CORE_CLI_REST_H
#define CORE_CLI_REST_H

#include "core/cli/cli.h"
#include "core/cli/progress.h"
#include "core/util/buf.h"

#define REST_MAX_REPLY (64u << 20)

struct rest_reply {
    long status;
    json_t *json;    /* NULL = no body, or not JSON */
    struct buf text; /* the exact bytes */
    char etag[64];   /* with its quotes; "" = none */
};

struct rest_request {
    const char *method;
    const char *path; /* "/api/v1/hosts" */
    json_t *body;     /* stolen; NULL = none */
    const char *if_match;
    /* Instead of a body: `length` bytes of a file from `offset` on. */
    int fd; /* used when upload is set */
    bool upload;
    uint64_t offset;
    uint64_t length;
    const char *what; /* for the progress bar: "debian-12" */
    struct progress *bar; /* of all pieces together, of `total`; or NULL */
    uint64_t total;
    /* Takes the bytes of a successful reply in place of rest_reply.text; false
     * ends the transfer. */
    bool (*sink)(void *arg, const char *data, size_t length);
    void *sink_arg;
    bool quiet; /* failures are the caller's to say */
};

/* 0, or an exit code after the problem was said on standard error.  The reply
 * is to be done in both cases. */
int rest_call(struct cli *cli, const struct rest_request *request,
              struct rest_reply *ret);
void rest_reply_done(struct rest_reply *reply);
/* Says a problem document (RFC 9457; NULL = there was none) in one line and
 * returns the exit code of its status. */
int rest_say_problem(const json_t *problem, long status);
/* GET without more. */
int rest_get(struct cli *cli, const char *path, struct rest_reply *ret);

/* Who follows the event stream, over any number of connections. */
struct rest_follower {
    char last_id[64];    /* go on after this one; "" = from now on */
    uint64_t timeout_ms; /* of one connection; 0 = none */
    bool (*on_event)(void *arg, const json_t *event); /* false = enough */
    void *arg;
    bool connected; /* set: the server has answered at least once */
    bool stopped;   /* set: on_event has had enough */
};

/* One connection, until on_event has had enough, the time is over or the
 * connection ends; may be called again, and misses and repeats nothing that
 * the server still knows.  0, or an exit code as above. */
int rest_follow(struct cli *cli, struct rest_follower *follower);

void rest_done(struct cli *cli);

#endif
