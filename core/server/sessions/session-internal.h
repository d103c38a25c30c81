/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of sessions share; nobody else includes this. */
#ifndef CORE_SERVER_SESSIONS_SESSION_INTERNAL_H
#define CORE_SERVER_SESSIONS_SESSION_INTERNAL_H

#include "core/server/hosts/enrol.h"
#include "core/server/sessions/session.h"
#include "core/server/store/table.h"
#include "core/server/tasks/task-secret.h"

struct session_poll {
    struct session *session;
    session_planned *planned;
    void *arg;
    struct loop_timer *timer;
};

struct session_private {
    struct sessions *sessions;
    struct session_poll *poll; /* the one that is open, or NULL */
    struct loop_timer *forget; /* after its task has ended */
    char told[80]; /* what the last answered poll said, see session.c */
    uint64_t connection; /* of its newest report; 0 = none */
    uint64_t seen; /* newest seq of reports that are not state */
    char code[MESSAGE_NAME_BYTES]; /* once it was asked for */
    struct task_filled filled; /* its plan with secrets, in memory only */
};

struct sessions {
    struct tasks *tasks;
    struct hosts *hosts;
    struct tickets *tickets;
    struct enrol *enrol; /* NULL = unknown machines boot their disk */
    const struct deploy *deploy;
    struct secret_key derive; /* tokens and codes come from it */
    struct table by_id;
};

int64_t sessions_wall_s(const struct sessions *sessions);
struct session *session_find(const struct sessions *sessions, const char *id);
/* Enters a session (taken); NULL = no memory. */
struct session *session_enter(struct sessions *sessions,
                              struct session *session);
struct session *session_alloc(void);
void session_free(struct session *session);
/* Removes it and its document after SESSION_AFTER_MS. */
void session_end(struct session *session);
/* Its task while the session is the task's current one, else NULL. */
struct task *session_task(const struct session *session);
/* Its task if it is armed again because this session was lost and no other
 * has begun, else NULL. */
struct task *session_lost_task(const struct session *session);
/*
 * The engine of a lost session is there again: its task runs again.  over(arg)
 * afterwards, whether it does or not.
 */
void session_resume(struct session *session, struct task *task,
                    void (*over)(void *arg), void *arg);
/* Answers an open poll, now. */
void session_answer(struct session *session);

/* What every welcome has. */
void session_fill_welcome(const struct sessions *sessions,
                          struct message_welcome *ret);
void session_welcome(const struct session *session, session_welcomed *welcomed,
                     void *arg);
/* A pending session ends SESSION_PENDING_S after it began. */
void session_wait(struct session *session);

/* True when it is an unknown machine's: of no host and no task. */
bool session_enrols(const struct session *session);
/* The same engine's session, or this one (taken) once it is in the store. */
void session_enrol(struct sessions *sessions, struct session *session,
                   const char *uuid, session_welcomed *welcomed, void *arg);
/* Nobody has approved it in time. */
void session_enrol_over(const struct session *session);
/* A session that waits and shows this code; `host_id` "" = one that enrols. */
struct session *session_of_code(const struct sessions *sessions,
                                const char *host_id, const char *code);

json_t *session_format(const struct session *session);

/* Derived, so that a repeated request gets the same: base64url, and words. */
int session_token(const struct sessions *sessions, const char *id,
                  const char *key, char ret[MESSAGE_TOKEN_BYTES]);
void session_code(const struct sessions *sessions, const char *id,
                  const char *key, char ret[MESSAGE_NAME_BYTES]);
/* True when a person wrote this code, in any case and with any separators. */
bool session_code_equal(const char *code, const char *written);
void session_token_hash(const char *token, char ret[DIGEST_HEX_BYTES]);

void session_servers(const struct sessions *sessions,
                     struct message_servers *ret);

#endif
