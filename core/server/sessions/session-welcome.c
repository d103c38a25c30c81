/* SPDX-License-Identifier: Apache-2.0 */
/* What a machine is told that has a session, and how long it waits. */
#include <stdio.h>
#include <string.h>

#include "core/server/sessions/session-internal.h"

void session_fill_welcome(const struct sessions *sessions,
                          struct message_welcome *ret)
{
    memset(ret, 0, sizeof(*ret));
    ret->time_s = sessions_wall_s(sessions);
    ret->epoch = tasks_epoch(sessions->tasks);
    ret->leave_after_s = SESSION_PENDING_S;
    session_servers(sessions, &ret->servers);
}

void session_welcome(const struct session *session, session_welcomed *welcomed,
                     void *arg)
{
    const struct sessions *sessions = session->private_data->sessions;
    const struct host *host = host_find(sessions->hosts, session->host_id);
    struct message_welcome w;
    struct err err = ERR_INIT;
    session_fill_welcome(sessions, &w);
    memcpy(w.session, session->id, sizeof(w.session));
    memcpy(w.host_id, session->host_id, sizeof(w.host_id));
    memcpy(w.tier, session->tier, sizeof(w.tier));
    if (host)
        memcpy(w.host_name, host->name, sizeof(w.host_name));
    w.state = session->ended     ? MESSAGE_LOCAL
              : session->pending ? MESSAGE_PENDING
                                 : MESSAGE_READY;
    if (session->pending)
        session_code(sessions, session->id, session->key, w.code);
    if (session_token(sessions, session->id, session->key, w.token)) {
        (void)err_set(&err, ERR_NO_MEMORY, "out of memory");
        welcomed(arg, NULL, &err);
        return;
    }
    welcomed(arg, &w, NULL);
    secret_wipe(&w, sizeof(w));
}

static void waited(void *arg)
{
    struct session *session = arg;
    session->private_data->forget = NULL;
    if (session_enrols(session))
        session_enrol_over(session);
    session_end(session); /* keeps it a while for a late answer */
}

void session_wait(struct session *session)
{
    struct session_private *p = session->private_data;
    int64_t left_s = session->created_s + SESSION_PENDING_S -
                     sessions_wall_s(p->sessions);
    p->forget = loop_timer(p->sessions->deploy->loop,
                           left_s > 0 ? (uint64_t)left_s * 1000 : 0, waited,
                           session);
}
