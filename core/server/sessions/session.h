/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sessions of engines: who may ask for which plan.  A session is bound to a
 * host, a task, the SHA-256 of the engine's public key and a token, and is
 * made by a boot ticket (tier `network`), or without one by an admin who
 * compares the code on the machine's screen and approves it (tier `console`).
 * An unknown machine's, while enrolment is open, has neither host nor task.
 * Documents `/v1/session/<id>`.  Loop thread only; knows no HTTP.
 *
 * Tokens are not stored but derive from the site's secret, session and key, so
 * that a repeated first request gets the same answer; only their hashes are.
 */
#ifndef CORE_SERVER_SESSIONS_SESSION_H
#define CORE_SERVER_SESSIONS_SESSION_H

#include "core/server/sessions/ticket.h"

#define SESSION_PENDING_S 600       /* then a machine boots its disk */
#define SESSIONS_MAX_PENDING 256    /* that wait for an approval */
#define SESSION_POLL_MS (30 * 1000) /* a plan request is answered by then */
#define SESSION_AFTER_MS (10 * 60 * 1000) /* kept after its task has ended */

struct session {
    char id[MESSAGE_ID_BYTES];
    char host_id[MESSAGE_ID_BYTES];
    char task[MESSAGE_ID_BYTES];
    char key[DIGEST_HEX_BYTES];
    char token_hash[DIGEST_HEX_BYTES];
    char machine[16]; /* "x86_64" */
    char tier[16];
    bool pending; /* waits for an admin */
    bool frozen;  /* its ticket was shown with another key too */
    bool ended;   /* its task is over, lost it or it was refused */
    int64_t created_s;
    uint64_t heard_ms; /* loop clock of its last request */
    json_t *facts;     /* that the machine said, for matching */
    struct session_private *private_data;
};

struct sessions;
struct enrol;

struct sessions *sessions_new(struct tasks *tasks, struct hosts *hosts,
                              struct tickets *tickets, struct err *err);
void sessions_free(struct sessions *sessions);
void sessions_load(struct sessions *sessions, store_loaded *loaded, void *arg);

typedef void session_welcomed(void *arg, const struct message_welcome *welcome,
                              const struct err *err);
/*
 * An engine introduces itself.  `key`: SHA-256 of its certificate's public
 * key; `address`: where it connects from.  Refusals are ERR_DENIED with a
 * sentence for the machine's console.
 */
void session_hello(struct sessions *sessions, const struct message_hello *hello,
                   const struct digest *key, const char *address,
                   session_welcomed *welcomed, void *arg);

/* The session that a later request belongs to; ERR_DENIED otherwise. */
int session_authenticate(struct sessions *sessions, const char *authorization,
                         const struct digest *key, struct session **ret,
                         struct err *err);

typedef void session_planned(void *arg, const struct message_plan *plan,
                             const struct err *err);
struct session_poll;
/* Answers when there is a plan or a change, at the latest after
 * SESSION_POLL_MS.  An older poll of the session is answered at once. */
struct session_poll *session_plan(struct sessions *sessions,
                                  struct session *session,
                                  session_planned *planned, void *arg);
/* The engine went away: `planned` is not called any more. */
void session_poll_gone(struct session_poll *poll);

/* The engine speaks by this connection now. */
void session_speaks(struct session *session, uint64_t connection);
/* A connection has closed.  A task whose engine has made its final report by
 * it has left. */
void sessions_connection_closed(struct sessions *sessions, uint64_t connection);

typedef void session_reported(void *arg,
                              const struct message_report_reply *reply,
                              const struct err *err);
/* Borrows `report` during the call only. */
void session_report(struct sessions *sessions, struct session *session,
                    const struct message_report *report,
                    session_reported *reported, void *arg);

/* True when the session's plan names this content. */
bool session_may_fetch_manifest(struct sessions *sessions,
                                const struct session *session,
                                const struct digest *manifest);
bool session_may_fetch_plugin(struct sessions *sessions,
                              const struct session *session,
                              const struct digest *plugin);
/* Manifests of the session's plan, for index pages below them. */
size_t session_manifests(struct sessions *sessions,
                         const struct session *session,
                         struct digest ret[MESSAGE_MAX_STEPS]);

/*
 * An admin approves the machine that shows `code` on its screen; `host_id` is
 * the host it claims to be.  ERR_NOT_FOUND when no such code is waiting.
 */
void session_approve(struct sessions *sessions, const char *host_id,
                     const char *code, const char *by,
                     void (*done)(void *arg, const struct err *err), void *arg);
/*
 * Whose screen shows `code`, among the machines of this batch: ERR_NOT_FOUND
 * or ERR_CONFLICT says why it cannot be approved.
 */
int session_find_code(struct sessions *sessions, const char *batch,
                      const char *code, const struct host **ret_host,
                      struct err *err);
/* Engines of unknown machines are given a session, pending, while this window
 * is open. */
void sessions_set_enrol(struct sessions *sessions, struct enrol *enrol);
/*
 * An admin makes the unknown machine that shows `code` a host: `spec` as for
 * host_create, without the names that the engine has told.  Its inventory
 * becomes the host's.  The machine then boots its disk.
 */
void session_enrol_approve(struct sessions *sessions, const char *code,
                           const json_t *spec, const char *by, host_done *done,
                           void *arg);
/* [{"session", "host", "host_name", "unknown", "since_s", "vendor", "product",
 * "serial", "macs"}] that wait for an approval, without the codes, which only
 * the machine's screen shows. */
json_t *sessions_pending_json(const struct sessions *sessions);
size_t sessions_count(const struct sessions *sessions);

#endif
