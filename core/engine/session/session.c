/* SPDX-License-Identifier: Apache-2.0 */
/*
 *   DOWN --retry--> HELLO --200--> OPEN        with a session already: DOWN
 *    ^                |             |          goes to OPEN at once
 *    +---- lost ------+---- lost ---+          refused: OVER
 */
#include "core/engine/session/session-parts.h"

#include <stdio.h>
#include <string.h>

#include "core/util/json.h"

#define RETRY_FIRST_MS 500
#define RETRY_MAX_MS 8000
#define HELLO_TIMEOUT_MS 15000
/* The server answers a long poll within 30 s (core/doc/wire.md). */
#define POLL_TIMEOUT_MS 45000
/* Least time between answers that come at once: with a plan there is only a
 * cancel to wait for, without one somebody waits in front of the machine. */
#define POLL_PAUSE_MS 2000
#define POLL_PAUSE_WITHOUT_PLAN_MS 200
#define PATIENCE_DEFAULT_MS (10 * 60 * 1000)

static void begin_try(void *arg);
static void send_poll(void *arg);

static void disconnect(struct session *session)
{
    http_client_free(session->talk);
    http_client_free(session->poll);
    session->talk = NULL;
    session->poll = NULL;
    loop_timer_cancel(session->next_poll);
    session->next_poll = NULL;
    session->reporting = false;
    for (struct session_fetch *f = session->fetches; f; f = f->next)
        f->sent = false;
}

void session_over(struct session *session, const struct err *err)
{
    if (session->phase == SESSION_OVER)
        return;
    session->phase = SESSION_OVER;
    disconnect(session);
    loop_timer_cancel(session->retry);
    session->retry = NULL;
    session->handlers.ended(session->arg, err);
}

/* Before the first answer of any server there is nothing to protect: then a
 * limit sends the machine to its own disk. */
static bool out_of_patience(struct session *session, const struct err *err)
{
    struct err why = *err;
    bool all_denied = session->denials >= session->servers.count;

    if (session->id[0])
        return false;
    if (!all_denied &&
        loop_now_ms(session->loop) - session->began_ms < session->patience_ms)
        return false;
    if (!all_denied)
        (void)err_prefix(&why, "no server could be reached for %llu s; last: ",
                         (unsigned long long)(session->patience_ms / 1000));
    session_over(session, &why);
    return true;
}

void session_lost(struct session *session, const struct err *err)
{
    struct err why = *err; /* it may live in what disconnect frees */
    uint64_t delay = RETRY_FIRST_MS;

    if (session->phase == SESSION_OVER || session->phase == SESSION_DOWN)
        return;
    disconnect(session);
    session->phase = SESSION_DOWN;
    session->denials = why.code == ERR_DENIED ? session->denials + 1 : 0;
    session->failures++;
    session->server = (session->server + 1) % session->servers.count;
    if (out_of_patience(session, &why))
        return;
    for (unsigned i = 0; i < session->failures / session->servers.count; i++)
        delay = MIN(delay * 2, (uint64_t)RETRY_MAX_MS);
    session->retry = loop_timer(session->loop, delay, begin_try, session);
    session->troubled = true;
    session->handlers.trouble(session->arg, why.text);
}

json_t *session_body(const struct http_response *response, struct err *err)
{
    return json_parse(response->body.data ? (const char *)response->body.data
                                          : "",
                      response->body.length, MESSAGE_MAX_BYTES, err);
}

void session_problem(const struct session *session,
                     const struct http_response *response, struct err *err)
{
    AUTO_JSON *problem = session_body(response, NULL);
    const char *detail = json_string_value(json_object_get(problem, "detail"));

    if (!detail)
        detail = json_string_value(json_object_get(problem, "title"));
    if (detail)
        (void)err_set(err, ERR_DENIED, "server %s: %s", session->server_name,
                      detail);
    else
        (void)err_set(err, ERR_DENIED, "server %s answers with HTTP status %u",
                      session->server_name, response->status);
}

int session_judge(struct session *session, const struct http_response *response,
                  const struct err *err)
{
    struct err why = ERR_INIT;

    if (!response) {
        session_lost(session, err);
        return ERR_UNAVAILABLE;
    }
    if (response->status == 200) {
        session->failures = 0;
        session->denials = 0;
        return 0;
    }
    session_problem(session, response, &why);
    /* Asking again would get the same refusal, but for these two. */
    if (response->status >= 400 && response->status < 500 &&
        response->status != 408 && response->status != 429) {
        session_over(session, &why);
        return ERR_DENIED;
    }
    why.code = ERR_UNAVAILABLE;
    session_lost(session, &why);
    return ERR_UNAVAILABLE;
}

void session_heard(struct session *session, uint64_t epoch,
                   const struct message_servers *servers, bool cancel)
{
    if (session->troubled) {
        session->troubled = false;
        session->handlers.recovered(session->arg, session->server_name);
    }
    session->epoch = MAX(session->epoch, epoch);
    bool changed = servers->count > 0 &&
                   memcmp(&session->servers, servers, sizeof(*servers)) != 0;
    if (changed) {
        session->servers = *servers;
        session->server = 0;
        for (size_t i = 0; i < servers->count; i++)
            if (strcmp(servers->text[i], session->server_name) == 0)
                session->server = i;
    }
    if (changed)
        session->handlers.servers(session->arg);
    if (cancel)
        session->handlers.cancel(session->arg);
}

static void on_plan(void *arg, const struct http_response *response,
                    const struct err *err)
{
    struct session *session = arg;
    struct message_plan plan = {0};
    struct err why = ERR_INIT;
    uint64_t took_ms = loop_now_ms(session->loop) - session->poll_began_ms;

    if (session_judge(session, response, err) < 0)
        return;
    AUTO_JSON *body = session_body(response, &why);
    if (!body || message_plan_parse(body, &plan, &why) < 0) {
        (void)err_prefix(&why, "server %s: ", session->server_name);
        session_lost(session, &why);
        return;
    }
    /* A server that answers at once must not be asked without a pause. */
    uint64_t pause_ms = plan.text ? POLL_PAUSE_MS : POLL_PAUSE_WITHOUT_PLAN_MS;
    session->next_poll = loop_timer(
        session->loop, took_ms < pause_ms ? pause_ms : 0, send_poll, session);
    session_heard(session, plan.epoch, &plan.servers, plan.cancel);
    session->handlers.plan(session->arg, &plan);
    message_plan_done(&plan);
}

static void send_poll(void *arg)
{
    struct session *session = arg;
    struct err err = ERR_INIT;
    AUTO_JSON *body = message_plan_request_format(session->id);
    AUTO_FREE char *text = body ? json_text(body) : NULL;
    struct http_request request = {
        .method = "POST",
        .path = "/engine/v1/plan",
        .authorization = session->authorization,
        .body = text,
        .timeout_ms = POLL_TIMEOUT_MS,
        .max_body_bytes = MESSAGE_MAX_BYTES,
    };

    session->next_poll = NULL;
    session->poll_began_ms = loop_now_ms(session->loop);
    if (!text)
        (void)err_set(&err, ERR_NO_MEMORY, "not enough memory for a request");
    if (!text ||
        http_client_send(session->poll, &request, on_plan, session, &err) < 0)
        session_lost(session, &err);
}

static void open_session(struct session *session)
{
    session->phase = SESSION_OPEN;
    send_poll(session);
    if (session->phase == SESSION_OPEN)
        session_send_reports(session);
    if (session->phase == SESSION_OPEN)
        session_send_fetches(session);
}

static void on_welcome(void *arg, const struct http_response *response,
                       const struct err *err)
{
    struct session *session = arg;
    struct message_welcome welcome;
    struct err why = ERR_INIT;

    if (session_judge(session, response, err) < 0)
        return;
    AUTO_JSON *body = session_body(response, &why);
    if (!body || message_welcome_parse(body, &welcome, &why) < 0) {
        (void)err_prefix(&why, "server %s: ", session->server_name);
        session_lost(session, &why);
        return;
    }
    memcpy(session->id, welcome.session, sizeof(session->id));
    message_authorization_format(welcome.session, welcome.token,
                                 session->authorization);
    session_heard(session, welcome.epoch, &welcome.servers, false);
    session->handlers.welcome(session->arg, &welcome);
    if (session->phase == SESSION_HELLO)
        open_session(session);
}

static int send_hello(struct session *session, struct err *err)
{
    AUTO_JSON *body = message_hello_format(&session->hello);
    AUTO_FREE char *text = body ? json_text(body) : NULL;
    struct http_request request = {
        .method = "POST",
        .path = "/engine/v1/session",
        .body = text,
        .timeout_ms = HELLO_TIMEOUT_MS,
        .max_body_bytes = MESSAGE_MAX_BYTES,
    };

    if (!text)
        return err_set(err, ERR_NO_MEMORY, "not enough memory for a request");
    return http_client_send(session->talk, &request, on_welcome, session, err);
}

static void begin_try(void *arg)
{
    struct session *session = arg;
    struct err err = ERR_INIT;

    session->retry = NULL;
    session->phase = SESSION_HELLO;
    (void)snprintf(session->server_name, sizeof(session->server_name), "%s",
                   session->servers.text[session->server]);
    session->talk = http_client_new(session->loop, session->tls,
                                    session->server_name, &err);
    session->poll = session->talk ? http_client_new(session->loop, session->tls,
                                                    session->server_name, &err)
                                  : NULL;
    if (!session->poll) {
        session_lost(session, &err);
        return;
    }
    if (session->id[0])
        open_session(session);
    else if (send_hello(session, &err) < 0)
        session_lost(session, &err);
}

struct session *session_new(const struct session_setup *setup,
                            const struct session_handlers *handlers, void *arg,
                            struct err *err)
{
    if (setup->servers->count == 0) {
        (void)err_set(err, ERR_INVALID, "there is no server to ask");
        return NULL;
    }
    struct session *session = calloc(1, sizeof(*session));
    if (!session) {
        (void)err_set(err, ERR_NO_MEMORY, "not enough memory for the session");
        return NULL;
    }
    session->loop = setup->loop;
    session->tls = setup->tls;
    session->hello = *setup->hello;
    session->servers = *setup->servers;
    session->handlers = *handlers;
    session->arg = arg;
    session->patience_ms =
        setup->patience_ms ? setup->patience_ms : PATIENCE_DEFAULT_MS;
    session->began_ms = loop_now_ms(setup->loop);
    session->next_seq = 1;
    session->retry = loop_timer(setup->loop, 0, begin_try, session);
    if (!session->retry) {
        (void)err_set(err, ERR_NO_MEMORY, "not enough memory for the session");
        session_free(session);
        return NULL;
    }
    return session;
}

void session_free(struct session *session)
{
    if (!session)
        return;
    disconnect(session);
    loop_timer_cancel(session->retry);
    loop_timer_cancel(session->reported_timer);
    session_drop_reports(session);
    session_drop_fetches(session);
    free(session);
}

uint64_t session_epoch(const struct session *session)
{
    return session->epoch;
}

const struct message_servers *
session_known_servers(const struct session *session)
{
    return &session->servers;
}

const char *session_server(const struct session *session)
{
    return session->server_name;
}
