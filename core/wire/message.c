/* SPDX-License-Identifier: Apache-2.0 */
#include "core/wire/message.h"

#include <stdio.h>
#include <string.h>

#include "core/util/json.h"

static const char *const state_words[] = {"ready", "pending", "local"};
static const char *const report_words[] = {
    "step-started", "progress", "step-done", "step-failed", "leaving", "log",
};
static const char *const level_words[] = {"error", "warn", "notice", "info",
                                          "debug"};
static const char *const method_words[] = {"firmware", "reboot", "poweroff",
                                           "stay"};

const char *message_state_word(enum message_state state)
{
    return state_words[state];
}

const char *message_report_word(enum message_report_kind kind)
{
    return report_words[kind];
}

bool message_id_valid(const char *text)
{
    return strlen(text) == MESSAGE_ID_BYTES - 1 &&
           strspn(text, "0123456789abcdef") == MESSAGE_ID_BYTES - 1;
}

bool message_servers_add(struct message_servers *servers, const char *text)
{
    size_t length = strlen(text);
    if (servers->count == MESSAGE_MAX_SERVERS || length == 0 ||
        length >= MESSAGE_SERVER_BYTES)
        return false;
    memcpy(servers->text[servers->count++], text, length + 1);
    return true;
}

/* --- reading ------------------------------------------------------------ */

/* Text from another machine ends up on consoles and in logs: no control
 * characters, so that it cannot move a cursor or forge a line. */
static void copy_text(struct json_reader *r, const char *key, const char *text,
                      char *out, size_t size)
{
    if (r->code)
        return;
    size_t length = strlen(text);
    if (length >= size) {
        json_reader_fail(r, key, "is longer than %zu bytes", size - 1);
        return;
    }
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c < 0x20 || c == 0x7f) {
            json_reader_fail(r, key, "holds a control character");
            return;
        }
    }
    memcpy(out, text, length + 1);
}

static void get_text(struct json_reader *r, const char *key, char *out,
                     size_t size)
{
    const char *text = json_get_text(r, key);
    if (!r->code && !*text)
        json_reader_fail(r, key, "is empty");
    copy_text(r, key, text, out, size);
}

static void opt_text(struct json_reader *r, const char *key, char *out,
                     size_t size)
{
    copy_text(r, key, json_opt_text(r, key, ""), out, size);
}

static void check_id(struct json_reader *r, const char *key, const char *id)
{
    if (!r->code && !message_id_valid(id))
        json_reader_fail(r, key, "is not an id of 32 hexadecimal digits");
}

static void get_id(struct json_reader *r, const char *key,
                   char out[MESSAGE_ID_BYTES])
{
    const char *text = json_get_text(r, key);
    check_id(r, key, text);
    copy_text(r, key, text, out, MESSAGE_ID_BYTES);
}

static size_t get_word(struct json_reader *r, const char *key,
                       const char *const *words, size_t count)
{
    const char *text = json_get_text(r, key);
    if (r->code)
        return 0;
    for (size_t i = 0; i < count; i++)
        if (strcmp(words[i], text) == 0)
            return i;
    json_reader_fail(r, key, "has the unknown value '%.40s'", text);
    return 0;
}

static void get_servers(struct json_reader *r, struct message_servers *ret)
{
    const json_t *list = json_get_array(r, "servers");
    size_t i;
    json_t *entry;
    ret->count = 0;
    json_array_foreach (list, i, entry) {
        const char *text = json_string_value(entry);
        if (!text || !message_servers_add(ret, text)) {
            json_reader_fail(r, "servers",
                             "is not a list of at most %d 'address:port'",
                             MESSAGE_MAX_SERVERS);
            return;
        }
    }
}

static bool mac_valid(const char *text)
{
    if (strlen(text) != 17)
        return false;
    for (size_t i = 0; i < 17; i++)
        if (i % 3 == 2 ? text[i] != ':'
                       : !strchr("0123456789abcdef", text[i]))
            return false;
    return true;
}

static void get_macs(struct json_reader *r, struct message_facts *ret)
{
    const json_t *list = json_get_array(r, "macs");
    size_t i;
    json_t *entry;
    if (json_array_size(list) > MESSAGE_MAX_MACS) {
        json_reader_fail(r, "macs", "has more than %d entries",
                         MESSAGE_MAX_MACS);
        return;
    }
    json_array_foreach (list, i, entry) {
        const char *text = json_string_value(entry);
        if (!text || !mac_valid(text)) {
            json_reader_fail(r, "macs",
                             "holds something other than lower-case addresses "
                             "like 52:54:00:12:34:56");
            return;
        }
        memcpy(ret->macs[ret->mac_count++], text, 18);
    }
}

/* --- writing ------------------------------------------------------------ */

/* Takes `value`; a NULL value or object makes the object NULL. */
static void put(json_t **object, const char *key, json_t *value)
{
    if (!*object) {
        json_decref(value);
    } else if (!value || json_object_set_new(*object, key, value)) {
        json_decref(*object);
        *object = NULL;
    }
}

static void put_text(json_t **object, const char *key, const char *text)
{
    if (*text)
        put(object, key, json_string(text));
}

static void put_number(json_t **object, const char *key, uint64_t value)
{
    put(object, key, json_integer((json_int_t)value));
}

static json_t *servers_json(const struct message_servers *servers)
{
    json_t *list = json_array();
    for (size_t i = 0; list && i < servers->count; i++) {
        if (json_array_append_new(list, json_string(servers->text[i]))) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

/* --- hello and welcome -------------------------------------------------- */

static json_t *facts_json(const struct message_facts *facts)
{
    json_t *macs = json_array();
    for (size_t i = 0; macs && i < facts->mac_count; i++) {
        if (json_array_append_new(macs, json_string(facts->macs[i]))) {
            json_decref(macs);
            macs = NULL;
        }
    }
    json_t *object = json_object();
    put_text(&object, "uuid", facts->uuid);
    put_text(&object, "serial", facts->serial);
    put_text(&object, "vendor", facts->vendor);
    put_text(&object, "product", facts->product);
    put_text(&object, "firmware", facts->firmware);
    put(&object, "macs", macs);
    return object;
}

json_t *message_hello_format(const struct message_hello *m)
{
    json_t *engine = json_object();
    put_text(&engine, "version", m->version);
    put_text(&engine, "machine", m->machine);
    json_t *object = json_object();
    put_number(&object, "protocol", m->protocol);
    put(&object, "engine", engine);
    put_text(&object, "ticket", m->ticket);
    put(&object, "facts", facts_json(&m->facts));
    return object;
}

int message_hello_parse(const json_t *json, struct message_hello *ret,
                        struct err *err)
{
    struct message_hello m = {0};
    struct json_reader r, engine, facts;
    json_reader_init(&r, json, "$", err);
    m.protocol = (uint32_t)json_get_u64(&r, "protocol", 1, 1000);
    opt_text(&r, "ticket", m.ticket, sizeof(m.ticket));

    json_reader_member(&engine, &r, "engine");
    get_text(&engine, "version", m.version, sizeof(m.version));
    get_text(&engine, "machine", m.machine, sizeof(m.machine));
    int code = json_done(&engine);
    json_reader_join(&r, &engine);

    json_reader_member(&facts, &r, "facts");
    opt_text(&facts, "uuid", m.facts.uuid, sizeof(m.facts.uuid));
    opt_text(&facts, "serial", m.facts.serial, sizeof(m.facts.serial));
    opt_text(&facts, "vendor", m.facts.vendor, sizeof(m.facts.vendor));
    opt_text(&facts, "product", m.facts.product, sizeof(m.facts.product));
    opt_text(&facts, "firmware", m.facts.firmware, sizeof(m.facts.firmware));
    get_macs(&facts, &m.facts);
    if (!code)
        code = json_done(&facts);
    json_reader_join(&r, &facts);
    if (!code)
        code = json_done(&r);
    if (!code)
        *ret = m;
    return code;
}

json_t *message_welcome_format(const struct message_welcome *m)
{
    json_t *host = json_object();
    put_text(&host, "id", m->host_id);
    put_text(&host, "name", m->host_name);
    json_t *object = json_object();
    put_text(&object, "session", m->session);
    put_text(&object, "token", m->token);
    put(&object, "state", json_string(state_words[m->state]));
    put_text(&object, "code", m->code);
    put(&object, "host", host);
    put_text(&object, "tier", m->tier);
    put(&object, "time_s", json_integer(m->time_s));
    put_number(&object, "epoch", m->epoch);
    put(&object, "servers", servers_json(&m->servers));
    put_number(&object, "leave_after_s", m->leave_after_s);
    return object;
}

int message_welcome_parse(const json_t *json, struct message_welcome *ret,
                          struct err *err)
{
    struct message_welcome m = {0};
    struct json_reader r, host;
    json_reader_init(&r, json, "$", err);
    get_id(&r, "session", m.session);
    get_text(&r, "token", m.token, sizeof(m.token));
    m.state = (enum message_state)get_word(&r, "state", state_words,
                                           ARRAY_LENGTH(state_words));
    opt_text(&r, "code", m.code, sizeof(m.code));
    json_reader_member(&host, &r, "host");
    opt_text(&host, "id", m.host_id, sizeof(m.host_id));
    if (*m.host_id)
        check_id(&host, "id", m.host_id);
    opt_text(&host, "name", m.host_name, sizeof(m.host_name));
    json_reader_join(&r, &host);
    get_text(&r, "tier", m.tier, sizeof(m.tier));
    m.time_s = (int64_t)json_get_u64(&r, "time_s", 0, INT64_MAX);
    m.epoch = json_get_u64(&r, "epoch", 0, INT64_MAX);
    get_servers(&r, &m.servers);
    m.leave_after_s = (uint32_t)json_get_u64(&r, "leave_after_s", 0, 86400);
    if (r.code)
        return r.code;
    *ret = m;
    return 0;
}

/* --- plan --------------------------------------------------------------- */

json_t *message_plan_request_format(const char *session)
{
    json_t *object = json_object();
    put_text(&object, "session", session);
    return object;
}

int message_plan_request_parse(const json_t *json,
                               char ret_session[MESSAGE_ID_BYTES],
                               struct err *err)
{
    char session[MESSAGE_ID_BYTES] = "";
    struct json_reader r;
    json_reader_init(&r, json, "$", err);
    get_id(&r, "session", session);
    int code = json_done(&r);
    if (code == 0)
        memcpy(ret_session, session, sizeof(session));
    return code;
}

json_t *message_plan_format(const struct message_plan *m)
{
    json_t *object = json_object();
    put_number(&object, "epoch", m->epoch);
    put(&object, "servers", servers_json(&m->servers));
    put(&object, "cancel", json_boolean(m->cancel));
    put(&object, "state", json_string(state_words[m->state]));
    if (m->text) {
        put(&object, "plan", json_string(m->text));
        put(&object, "signature", json_string(m->signature));
    }
    return object;
}

int message_plan_parse(const json_t *json, struct message_plan *ret,
                       struct err *err)
{
    struct message_plan m = {0};
    struct json_reader r;
    json_reader_init(&r, json, "$", err);
    m.epoch = json_get_u64(&r, "epoch", 0, INT64_MAX);
    get_servers(&r, &m.servers);
    m.cancel = json_get_bool(&r, "cancel");
    m.state = (enum message_state)get_word(&r, "state", state_words,
                                           ARRAY_LENGTH(state_words));
    const char *text = json_opt_text(&r, "plan", NULL);
    if (!r.code && text)
        get_text(&r, "signature", m.signature, sizeof(m.signature));
    if (r.code)
        return r.code;
    if (text) {
        m.text = strdup(text);
        if (!m.text)
            return err_set(err, ERR_NO_MEMORY, "out of memory for a plan");
    }
    *ret = m;
    return 0;
}

void message_plan_done(struct message_plan *m)
{
    free(m->text);
    m->text = NULL;
}

/* --- report ------------------------------------------------------------- */

json_t *message_report_format(const struct message_report *m)
{
    json_t *object = json_object();
    put_text(&object, "session", m->session);
    put_number(&object, "seq", m->seq);
    put_text(&object, "task", m->task);
    put_number(&object, "attempt", m->attempt);
    put(&object, "kind", json_string(report_words[m->kind]));
    if (m->kind != MESSAGE_LEAVING)
        put_number(&object, "step", m->step);
    switch (m->kind) {
    case MESSAGE_STEP_STARTED:
        break;
    case MESSAGE_PROGRESS:
        put_number(&object, "permille", m->permille);
        put_text(&object, "text", m->text);
        put_number(&object, "bytes_done", m->bytes_done);
        put_number(&object, "bytes_total", m->bytes_total);
        break;
    case MESSAGE_STEP_FAILED:
        put_text(&object, "code", m->code);
        put_text(&object, "sentence", m->text);
        /* fall through */
    case MESSAGE_STEP_DONE:
        if (m->result)
            put(&object, "result", json_incref(m->result));
        break;
    case MESSAGE_LEAVING:
        put_text(&object, "method", m->method);
        put_text(&object, "note", m->text);
        break;
    case MESSAGE_LOG:
        put_text(&object, "level", m->level);
        put_text(&object, "text", m->text);
        break;
    }
    return object;
}

/* Copies one of `words`, which fit. */
static void copy_word(struct json_reader *r, const char *key,
                      const char *const *words, size_t count, char *out,
                      size_t size)
{
    size_t i = get_word(r, key, words, count);
    copy_text(r, key, words[i], out, size);
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
        opt_text(r, "text", m->text, sizeof(m->text));
        m->bytes_done = json_opt_u64(r, "bytes_done", 0, INT64_MAX, 0);
        m->bytes_total = json_opt_u64(r, "bytes_total", 0, INT64_MAX, 0);
        break;
    case MESSAGE_STEP_FAILED:
        get_text(r, "code", m->code, sizeof(m->code));
        get_text(r, "sentence", m->text, sizeof(m->text));
        get_result(r, m);
        break;
    case MESSAGE_STEP_DONE:
        get_result(r, m);
        break;
    case MESSAGE_LEAVING:
        copy_word(r, "method", method_words, ARRAY_LENGTH(method_words),
                  m->method, sizeof(m->method));
        opt_text(r, "note", m->text, sizeof(m->text));
        break;
    case MESSAGE_LOG:
        copy_word(r, "level", level_words, ARRAY_LENGTH(level_words), m->level,
                  sizeof(m->level));
        get_text(r, "text", m->text, sizeof(m->text));
        break;
    }
}

int message_report_parse(const json_t *json, struct message_report *ret,
                         struct err *err)
{
    struct message_report m = {0};
    struct json_reader r;
    json_reader_init(&r, json, "$", err);
    get_id(&r, "session", m.session);
    m.seq = json_get_u64(&r, "seq", 1, INT64_MAX);
    get_id(&r, "task", m.task);
    m.attempt = (uint32_t)json_get_u64(&r, "attempt", 1, 1000);
    m.kind = (enum message_report_kind)get_word(&r, "kind", report_words,
                                                ARRAY_LENGTH(report_words));
    m.step = (uint32_t)json_opt_u64(&r, "step", 0, MESSAGE_MAX_STEPS - 1, 0);
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
    put_number(&object, "epoch", m->epoch);
    put(&object, "servers", servers_json(&m->servers));
    put(&object, "cancel", json_boolean(m->cancel));
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
    get_servers(&r, &m.servers);
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
