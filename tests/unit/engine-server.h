/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A server of the engine's wire protocol for tests: real TLS and HTTP in
 * threads, and a script for what goes wrong.  It knows one session.
 */
#ifndef TESTS_UNIT_ENGINE_SERVER_H
#define TESTS_UNIT_ENGINE_SERVER_H

#include <pthread.h>

#include <jansson.h>

#include "core/util/buf.h"
#include "core/wire/trust.h"
#include "tests/unit/certificate-fixture.h"

#define ENGINE_SERVER_MAX_FILES 8
#define ENGINE_SERVER_SESSION "0123456789abcdef0123456789abcdef"
#define ENGINE_SERVER_TASK "11111111111111111111111111111111"
#define ENGINE_SERVER_HOST "22222222222222222222222222222222"
#define ENGINE_SERVER_SITE "33333333333333333333333333333333"

struct engine_server {
    /* Set before the start. */
    const char *state;     /* of the welcome: "ready", "pending", "local" */
    unsigned refuse;       /* status of the session request, 0 = 200 */
    uint64_t epoch;        /* of every reply */
    char *plan;            /* text, signed at the start; NULL = none */
    bool damage_plan;      /* one bit of it flips after signing */
    unsigned drop_reports; /* so many are taken in, and get no answer */
    bool damage_files;     /* content is not what its digest says */
    const char *cancel_at; /* kind of report that is answered with cancel */
    bool approve_later;    /* the second plan request finds it approved */

    /* Filled in. */
    char name[SERVER_NAME_BYTES];
    struct trust trust;
    json_t *reports; /* array of every request body, repeated ones too */
    unsigned sessions;
    unsigned polls;

    struct certificate root, middle, leaf;
    char signature[2 * SIGNATURE_BYTES + 1];
    struct {
        struct digest digest;
        struct buf content;
    } files[ENGINE_SERVER_MAX_FILES];
    size_t file_count;
    int fd;
    bool stopping;
    bool cancel;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    unsigned connections;
    int open_fds[64];
};

/* Content to be had by its digest; before the start. */
void engine_server_file(struct engine_server *server, const char *path,
                        struct digest *ret_digest);
/* Makes site and trust file; signs the plan; listens on a free port. */
void engine_server_start(struct engine_server *server);
void engine_server_stop(struct engine_server *server);
/* The reports of a kind, repeated ones counted once. */
size_t engine_server_count(const struct engine_server *server,
                           const char *kind);
/* The first report of a kind, or NULL.  Borrowed. */
const json_t *engine_server_report(const struct engine_server *server,
                                   const char *kind);

#endif
