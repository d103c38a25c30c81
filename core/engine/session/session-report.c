/* SPDX-License-Identifier: Apache-2.0 */
/* Reports: in order, one under way, kept until a server has acknowledged. */
#include "core/engine/session/session-parts.h"

#include <string.h>

#include "core/util/json.h"
#include "core/util/log.h"

#define REPORT_TIMEOUT_MS 20000

static void report_free(struct waiting_report *waiting)
{
    message_report_done(&waiting->report);
    free(waiting);
}

void session_drop_reports(struct session *session)
{
    while (session->reports) {
        struct waiting_report *first = session->reports;
        session->reports = first->next;
        report_free(first);
    }
}

static void on_all_reported(void *arg)
{
    struct session *session = arg;

    session->reported_timer = NULL;
    if (!session->reported || session->reports)
        return;
    void (*fn)(void *arg) = session->reported;
    session->reported = NULL;
    fn(session->reported_arg);
}

static void check_all_reported(struct session *session)
{
    if (session->reported && !session->reports && !session->reported_timer)
        session->reported_timer =
            loop_timer(session->loop, 0, on_all_reported, session);
}

void session_when_reported(struct session *session, void (*fn)(void *arg),
                           void *arg)
{
    session->reported = fn;
    session->reported_arg = arg;
    check_all_reported(session);
}

static void on_acknowledged(void *arg, const struct http_response *response,
                            const struct err *err)
{
    struct session *session = arg;
    struct message_report_reply reply;
    struct err why = ERR_INIT;

    session->reporting = false;
    if (session_judge(session, response, err) < 0)
        return;
    AUTO_JSON *body = session_body(response, &why);
    if (!body || message_report_reply_parse(body, &reply, &why) < 0) {
        (void)err_prefix(&why, "server %s: ", session->server_name);
        session_lost(session, &why);
        return;
    }
    struct waiting_report *first = session->reports;
    session->reports = first->next;
    log_debug("server %s has report %llu, %s", session->server_name,
              (unsigned long long)first->report.seq,
              message_report_word(first->report.kind));
    report_free(first);
    session_heard(session, reply.epoch, &reply.servers, reply.cancel);
    session_send_reports(session);
    check_all_reported(session);
}

void session_send_reports(struct session *session)
{
    struct waiting_report *first = session->reports;
    struct err err = ERR_INIT;

    if (session->phase != SESSION_OPEN || session->reporting || !first)
        return;
    if (!first->numbered) {
        first->numbered = true;
        first->report.seq = session->next_seq++;
        memcpy(first->report.session, session->id, sizeof(session->id));
    }
    AUTO_JSON *body = message_report_format(&first->report);
    AUTO_FREE char *text = body ? json_text(body) : NULL;
    struct http_request request = {
        .method = "POST",
        .path = "/engine/v1/report",
        .authorization = session->authorization,
        .body = text,
        .timeout_ms = REPORT_TIMEOUT_MS,
        .max_body_bytes = MESSAGE_MAX_BYTES,
    };
    if (!text)
        (void)err_set(&err, ERR_NO_MEMORY, "not enough memory for a report");
    if (!text || http_client_send(session->talk, &request, on_acknowledged,
                                  session, &err) < 0) {
        session_lost(session, &err);
        return;
    }
    session->reporting = true;
}

/* A newer report of these kinds says all that an older one said. */
static bool replaces(const struct message_report *report,
                     const struct waiting_report *older)
{
    return !older->numbered && older->report.kind == report->kind &&
           older->report.step == report->step &&
           (report->kind == MESSAGE_PROGRESS ||
            report->kind == MESSAGE_CHECKPOINT);
}

int session_report(struct session *session, struct message_report *report,
                   struct err *err)
{
    struct waiting_report **last = &session->reports;
    struct waiting_report *older = NULL;

    for (; *last; last = &(*last)->next)
        if (replaces(report, *last))
            older = *last;
    if (older) {
        message_report_done(&older->report);
        older->report = *report;
        report->result = NULL;
        return 0;
    }
    struct waiting_report *waiting = calloc(1, sizeof(*waiting));
    if (!waiting)
        return err_set(err, ERR_NO_MEMORY, "not enough memory for a report");
    waiting->report = *report;
    report->result = NULL;
    *last = waiting;
    session_send_reports(session);
    return 0;
}
