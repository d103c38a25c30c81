/* SPDX-License-Identifier: Apache-2.0 */
/* Reports, their replies, and the header that goes with them. */
#include <stdio.h>
#include <string.h>

#include "core/wire/message-member.h"

static const char *const report_words[] = {
    "step-started", "progress", "step-done",  "step-failed",
    "leaving",      "log",      "checkpoint", "inventory",
};
static const char *const level_words[] = {"error", "warn", "notice", "info",
                                          "debug"};
static const char *const method_words[] = {"firmware", "kexec", "reboot",
                                           "poweroff", "stay"};

const char *message_report_word(enum message_report_kind kind)
{
    return report_words[kind];
}

/* --- report ------------------------------------------------------------- */

json_t *message_report_format(const struct message_report *m)
{
    json_t *object = json_object();
    member_put_text(&object, "session", m->session);
    member_put_number(&object, "seq", m->seq);
    member_put(&object, "kind", json_string(report_words[m->kind]));
    if (m->kind != MESSAGE_INVENTORY) {
        member_put_text(&object, "task", m->task);
        member_put_number(&object, "attempt", m->attempt);
    }
    if (m->kind != MESSAGE_LEAVING && m->kind != MESSAGE_INVENTORY)
        member_put_number(&object, "step", m->step);
    switch (m->kind) {
    case MESSAGE_STEP_STARTED:
        break;
    case MESSAGE_PROGRESS:
        member_put_number(&object, "permille", m->permille);
        member_put_text(&object, "text", m->text);
        member_put_number(&object, "bytes_done", m->bytes_done);
        member_put_number(&object, "bytes_total", m->bytes_total);
        break;
    case MESSAGE_STEP_FAILED:
        member_put_text(&object, "code", m->code);
        member_put_text(&object, "sentence", m->text);
        /* fall through */
    case MESSAGE_STEP_DONE:
    case MESSAGE_CHECKPOINT:
        if (m->result)
            member_put(&object, "result", json_incref(m->result));
        break;
    case MESSAGE_LEAVING:
        member_put_text(&object, "method", m->method);
        member_put_text(&object, "code", m->code);
        member_put_text(&object, "note", m->text);
        break;
    case MESSAGE_LOG:
        member_put_text(&object, "level", m->level);
        member_put_text(&object, "text", m->text);
        break;
    case MESSAGE_INVENTORY:
        member_put(&object, "result", json_incref(m->result));
        break;
    }
    return object;
}

/* Copies one of `words`, which fit. */
static void copy_word(struct json_reader *r, const char *key,
                      const char *const *words, size_t count, char *out,
                      size_t size)
{
    size_t i = member_get_word(r, key, words, count);
    member_copy_text(r, key, words[i], out, size);
}

static void get_result(struct json_reader *r, struct message_report *m)
{
    const json_t *result = json_opt_object(r, "result");
    if (!result || r->code)
        return;
    if (json_dumpb(result, NULL, 0, JSON_COMPACT) > MESSAGE_MAX_RESULT_BYTES)
        json_reader_fail(r, "result", "is larger than %d bytes",
                         MESSAGE_MAX_RESULT_BYTES);
    else
        m->result = (json_t *)result; /* borrowed until all is checked */
}

static void get_report_members(struct json_reader *r, struct message_report *m)
{
    switch (m->kind) {
    case MESSAGE_STEP_STARTED:
        break;
    case MESSAGE_PROGRESS:
        m->permille = (uint32_t)json_get_u64(r, "permille", 0, 1000);
        member_opt_text(r, "text", m->text, sizeof(m->text));
        m->bytes_done = json_opt_u64(r, "bytes_done", 0, INT64_MAX, 0);
        m->bytes_total = json_opt_u64(r, "bytes_total", 0, INT64_MAX, 0);
        break;
    case MESSAGE_STEP_FAILED:
        member_get_text(r, "code", m->code, sizeof(m->code));
        member_get_text(r, "sentence", m->text, sizeof(m->text));
        get_result(r, m);
        break;
    case MESSAGE_STEP_DONE:
    case MESSAGE_CHECKPOINT:
        get_result(r, m);
        break;
    case MESSAGE_LEAVING:
        copy_word(r, "method", method_words, ARRAY_LENGTH(method_words),
                  m->method, sizeof(m->method));
        member_opt_text(r, "code", m->code, sizeof(m->code));
        member_opt_text(r, "note", m->text, sizeof(m->text));
        break;
    case MESSAGE_LOG:
        copy_word(r, "level", level_words, ARRAY_LENGTH(level_words), m->level,
                  sizeof(m->level));
        member_get_text(r, "text", m->text, sizeof(m->text));
        break;
    case MESSAGE_INVENTORY:
        (void)json_get_object(r, "result");
        get_result(r, m);
        break;
    }
}

int message_report_parse(const json_t *json, struct message_report *ret,
                         struct err *err)
{
    struct message_report m = {0};
    struct json_reader r;
    json_reader_init(&r, json, "$", err);
    member_get_id(&r, "session", m.session);
    m.seq = json_get_u64(&r, "seq", 1, INT64_MAX);
    m.kind = (enum message_report_kind)member_get_word(
        &r, "kind", report_words, ARRAY_LENGTH(report_words));
    if (m.kind != MESSAGE_INVENTORY) {
        member_get_id(&r, "task", m.task);
        m.attempt = (uint32_t)json_get_u64(&r, "attempt", 1, 1000);
        m.step =
            (uint32_t)json_opt_u64(&r, "step", 0, MESSAGE_MAX_STEPS - 1, 0);
    }
    if (!r.code)
        get_report_members(&r, &m);
    int code = json_done(&r);
    if (code)
        return code;
    json_incref(m.result);
    *ret = m;
    return 0;
}

void message_report_done(struct message_report *m)
{
    json_decref(m->result);
    m->result = NULL;
}

json_t *message_report_reply_format(const struct message_report_reply *m)
{
    json_t *object = json_object();
    member_put_number(&object, "epoch", m->epoch);
    member_put_servers(&object, &m->servers);
    member_put(&object, "cancel", json_boolean(m->cancel));
    return object;
}

int message_report_reply_parse(const json_t *json,
                               struct message_report_reply *ret,
                               struct err *err)
{
    struct message_report_reply m = {0};
    struct json_reader r;
    json_reader_init(&r, json, "$", err);
    m.epoch = json_get_u64(&r, "epoch", 0, INT64_MAX);
    member_get_servers(&r, &m.servers);
    m.cancel = json_get_bool(&r, "cancel");
    if (r.code)
        return r.code;
    *ret = m;
    return 0;
}

/* --- authorization ------------------------------------------------------ */

#define AUTHORIZATION_WORD "Slipway "

void message_authorization_format(const char *session, const char *token,
                                  char out[MESSAGE_AUTHORIZATION_BYTES])
{
    snprintf(out, MESSAGE_AUTHORIZATION_BYTES, AUTHORIZATION_WORD "%s.%s",
             session, token);
}

int message_authorization_parse(const char *header,
                                char ret_session[MESSAGE_ID_BYTES],
                                char ret_token[MESSAGE_TOKEN_BYTES],
                                struct err *err)
{
    const size_t word = sizeof(AUTHORIZATION_WORD) - 1;
    const size_t id = MESSAGE_ID_BYTES - 1;
    char session[MESSAGE_ID_BYTES];
    if (!header || strncmp(header, AUTHORIZATION_WORD, word) != 0 ||
        strlen(header) < word + id + 2 || header[word + id] != '.')
        return err_set(err, ERR_DENIED,
                       "the request does not carry the authorization of an "
                       "engine's session");
    memcpy(session, header + word, id);
    session[id] = '\0';
    const char *token = header + word + id + 1;
    if (!message_id_valid(session) || strlen(token) >= MESSAGE_TOKEN_BYTES)
        return err_set(err, ERR_DENIED,
                       "the authorization of the engine's session is "
                       "malformed");
    memcpy(ret_session, session, sizeof(session));
    memcpy(ret_token, token, strlen(token) + 1);
    return 0;
}
