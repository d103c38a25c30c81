/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the session share; everybody else uses session.h. */
#ifndef CORE_ENGINE_SESSION_SESSION_PARTS_H
#define CORE_ENGINE_SESSION_SESSION_PARTS_H

#include "core/engine/session/session.h"
#include "core/wire/http-client.h"

struct waiting_report {
    struct waiting_report *next;
    struct message_report report;
    bool numbered; /* its seq is fixed: it has been sent at least once */
};

struct session_fetch {
    struct session *session;
    struct session_fetch *next;
    enum session_content content;
    struct digest digest;
    session_fetched *done;
    void *arg;
    bool sent;
    unsigned damaged; /* times it came with another digest */
};

enum session_phase {
    SESSION_DOWN,  /* waiting to try the next server */
    SESSION_HELLO, /* the session request is under way */
    SESSION_OPEN,
    SESSION_OVER,
};

struct session {
    struct loop *loop;
    const struct tls_settings *tls;
    struct message_hello hello;
    struct message_servers servers;
    size_t server; /* index of the one in use */
    char server_name[MESSAGE_SERVER_BYTES];
    struct session_handlers handlers;
    void *arg;
    enum session_phase phase;
    struct http_client *talk; /* hello, reports, content */
    struct http_client *poll; /* the plan's long poll */
    struct loop_timer *retry;
    struct loop_timer *next_poll;
    uint64_t began_ms;
    uint64_t patience_ms;
    uint64_t poll_began_ms;
    unsigned failures; /* in a row */
    unsigned denials;  /* in a row: servers that are not of this site */
    bool troubled;
    char id[MESSAGE_ID_BYTES]; /* "" = no session yet */
    char authorization[MESSAGE_AUTHORIZATION_BYTES];
    uint64_t epoch;
    uint64_t next_seq;
    struct waiting_report *reports; /* the first one may be under way */
    bool reporting;
    struct session_fetch *fetches;
    void (*reported)(void *arg);
    void *reported_arg;
    struct loop_timer *reported_timer;
};

/* The server in use failed us: disconnects and tries the next one later. */
void session_lost(struct session *session, const struct err *err);
/* It is over for good. */
void session_over(struct session *session, const struct err *err);
/* What every reply carries. */
void session_heard(struct session *session, uint64_t epoch,
                   const struct message_servers *servers, bool cancel);
/* The sentence of a problem document (RFC 9457), or one made of the status. */
void session_problem(const struct session *session,
                     const struct http_response *response, struct err *err);
/* The JSON body of a response, or NULL. */
json_t *session_body(const struct http_response *response, struct err *err);
/* Judges a failed exchange or a status other than 200; 0 = it is 200. */
int session_judge(struct session *session, const struct http_response *response,
                  const struct err *err);

/* Sends the first waiting report when none is under way (session-report.c). */
void session_send_reports(struct session *session);
void session_drop_reports(struct session *session);
/* Sends every fetch that is not under way (session-fetch.c). */
void session_send_fetches(struct session *session);
void session_drop_fetches(struct session *session);

#endif
