/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The conversation with the site's servers: one session, whichever server
 * answers.  A server that is lost is replaced by the next of the list, for
 * ever; what was to be reported or fetched is asked for again there.  Loop
 * thread only.
 */
#ifndef CORE_ENGINE_SESSION_SESSION_H
#define CORE_ENGINE_SESSION_SESSION_H

#include "core/util/loop.h"
#include "core/wire/message.h"
#include "core/wire/tls.h"

struct session;

struct session_setup {
    struct loop *loop;
    const struct tls_settings *tls;        /* borrowed */
    const struct message_hello *hello;     /* copied */
    const struct message_servers *servers; /* copied; at least one */
    uint64_t patience_ms; /* without an answer before the first one */
};

/* None of these may free the session. */
struct session_handlers {
    /* The session stands; also again after each new hello. */
    void (*welcome)(void *arg, const struct message_welcome *welcome);
    /* An answer to the long poll. */
    void (*plan)(void *arg, const struct message_plan *plan);
    /* The server wants the task stopped; may come several times. */
    void (*cancel)(void *arg);
    /* A reply has brought another list of servers (session_known_servers). */
    void (*servers)(void *arg);
    /* A server was lost or refused us; another try follows by itself. */
    void (*trouble)(void *arg, const char *sentence);
    /* A server answers again after trouble. */
    void (*recovered)(void *arg, const char *server);
    /* It is over: refused, thrown out, or no server within the
     * patience. */
    void (*ended)(void *arg, const struct err *err);
};

struct session *session_new(const struct session_setup *setup,
                            const struct session_handlers *handlers, void *arg,
                            struct err *err);
void session_free(struct session *session);

/*
 * Queues a report; takes `report->result`.  `seq` and `session` are filled in
 * here.  Reports go out in order and are kept until a server has acknowledged
 * them; of a step's progress and checkpoints only the newest waits.
 */
int session_report(struct session *session, struct message_report *report,
                   struct err *err);
/* Calls fn(arg) once when nothing is left to report. */
void session_when_reported(struct session *session, void (*fn)(void *arg),
                           void *arg);

enum session_content { SESSION_MANIFEST, SESSION_INDEX, SESSION_PLUGIN };

/* `data` NULL: it cannot be had, `err` says why.  `signature`: the header's
 * hexadecimal text for a manifest, else "".  The digest has been checked. */
typedef void session_fetched(void *arg, const uint8_t *data, size_t length,
                             const char *signature, const struct err *err);

struct session_fetch;

/* Fetches content by its digest; `done` never runs inside this call. */
int session_fetch(struct session *session, enum session_content content,
                  const struct digest *digest, session_fetched *done, void *arg,
                  struct session_fetch **ret, struct err *err);
/* `done` is not called any more.  Not after `done`. */
void session_fetch_cancel(struct session_fetch *fetch);

/* The highest epoch that any reply has named. */
uint64_t session_epoch(const struct session *session);
/* The newest list of the site's servers; borrowed. */
const struct message_servers *
session_known_servers(const struct session *session);
/* "10.0.0.1:7443": the server in use. */
const char *session_server(const struct session *session);

#endif
