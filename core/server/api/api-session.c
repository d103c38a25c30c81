/* SPDX-License-Identifier: Apache-2.0 */
/* /engine/v1: sessions, plans and reports (core/doc/wire.md). */
#include "core/server/api/api-deploy.h"
#include "core/server/hosts/host.h"
#include "core/server/server.h"
#include "core/server/sessions/session.h"

struct session *api_session_get(struct server *server, struct request *r)
{
    struct digest key;
    struct session *session = NULL;
    struct err err = ERR_INIT;
    if (!request_client_key(r, &key))
        (void)err_set(&err, ERR_DENIED,
                      "an engine has to present its certificate");
    else
        (void)session_authenticate(server->sessions,
                                   request_header(r, "Authorization"), &key,
                                   &session, &err);
    if (!session) {
        request_problem(r, "unauthorised", "%s", err.text);
        return NULL;
    }
    const struct host *host = host_find(server->hosts, session->host_id);
    request_set_actor(r, "engine '%s'", host ? host->name : session->host_id);
    return session;
}

/* Replies with a message, which is taken, or says why not. */
static void answer(struct request *r, json_t *message, const struct err *err)
{
    if (err)
        request_fail(r, err);
    else if (message)
        request_reply(r, 200, message, 0);
    else
        request_problem(r, "internal", "out of memory");
}

/* --- session ------------------------------------------------------------ */

static void welcomed(void *arg, const struct message_welcome *welcome,
                     const struct err *err)
{
    answer(arg, err ? NULL : message_welcome_format(welcome), err);
}

void api_session_hello(struct server *server, struct request *r)
{
    struct message_hello hello;
    struct digest key;
    struct err err = ERR_INIT;
    if (!request_client_key(r, &key))
        request_problem(r, "unauthorised",
                        "an engine has to present its certificate");
    else if (message_hello_parse(request_body(r), &hello, &err))
        request_fail(r, &err);
    else
        session_hello(server->sessions, &hello, &key, request_remote_address(r),
                      welcomed, r);
}

/* --- plan --------------------------------------------------------------- */

struct planning {
    struct request *r;
    struct session_poll *poll;
};

static void planned(void *arg, const struct message_plan *plan,
                    const struct err *err)
{
    struct planning *p = arg;
    answer(p->r, err ? NULL : message_plan_format(plan), err);
    free(p);
}

static void gone(void *arg)
{
    struct planning *p = arg;
    session_poll_gone(p->poll);
    request_problem(p->r, "timeout", "the engine went away");
    free(p);
}

void api_session_plan(struct server *server, struct request *r)
{
    char id[MESSAGE_ID_BYTES];
    struct err err = ERR_INIT;
    struct session *session = api_session_get(server, r);
    if (!session)
        return;
    if (message_plan_request_parse(request_body(r), id, &err)) {
        request_fail(r, &err);
        return;
    }
    struct planning *p = calloc(1, sizeof(*p));
    if (!p) {
        request_problem(r, "internal", "out of memory");
        return;
    }
    p->r = r;
    p->poll = session_plan(server->sessions, session, planned, p);
    if (p->poll)
        request_on_gone(r, gone, p);
}

/* --- report ------------------------------------------------------------- */

static void reported(void *arg, const struct message_report_reply *reply,
                     const struct err *err)
{
    answer(arg, err ? NULL : message_report_reply_format(reply), err);
}

void api_session_report(struct server *server, struct request *r)
{
    struct message_report report;
    struct err err = ERR_INIT;
    struct session *session = api_session_get(server, r);
    if (!session)
        return;
    if (message_report_parse(request_body(r), &report, &err)) {
        request_fail(r, &err);
        return;
    }
    session_speaks(session, request_connection(r));
    session_report(server->sessions, session, &report, reported, r);
    message_report_done(&report);
}
