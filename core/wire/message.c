/* SPDX-License-Identifier: Apache-2.0 */
#include "core/wire/message.h"

#include <string.h>

#include "core/wire/message-member.h"

static const char *const state_words[] = {"ready", "pending", "local"};
const char *message_state_word(enum message_state state)
{
    return state_words[state];
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
    servers->http_port[servers->count] = 0;
    memcpy(servers->text[servers->count++], text, length + 1);
    return true;
}

static bool mac_valid(const char *text)
{
    if (strlen(text) != 17)
        return false;
    for (size_t i = 0; i < 17; i++)
        if (i % 3 == 2 ? text[i] != ':' : !strchr("0123456789abcdef", text[i]))
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
    json_array_foreach(list, i, entry)
    {
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
    member_put_text(&object, "uuid", facts->uuid);
    member_put_text(&object, "serial", facts->serial);
    member_put_text(&object, "vendor", facts->vendor);
    member_put_text(&object, "product", facts->product);
    member_put_text(&object, "firmware", facts->firmware);
    member_put(&object, "macs", macs);
    return object;
}

json_t *message_hello_format(const struct message_hello *m)
{
    json_t *engine = json_object();
    member_put_text(&engine, "version", m->version);
    member_put_text(&engine, "machine", m->machine);
    json_t *object = json_object();
    member_put_number(&object, "protocol", m->protocol);
    member_put(&object, "engine", engine);
    member_put_text(&object, "ticket", m->ticket);
    member_put(&object, "facts", facts_json(&m->facts));
    return object;
}

int message_hello_parse(const json_t *json, struct message_hello *ret,
                        struct err *err)
{
    struct message_hello m = {0};
    struct json_reader r, engine, facts;
    json_reader_init(&r, json, "$", err);
    m.protocol = (uint32_t)json_get_u64(&r, "protocol", 1, 1000);
    member_opt_text(&r, "ticket", m.ticket, sizeof(m.ticket));

    json_reader_member(&engine, &r, "engine");
    member_get_text(&engine, "version", m.version, sizeof(m.version));
    member_get_text(&engine, "machine", m.machine, sizeof(m.machine));
    int code = json_done(&engine);
    json_reader_join(&r, &engine);

    json_reader_member(&facts, &r, "facts");
    member_opt_text(&facts, "uuid", m.facts.uuid, sizeof(m.facts.uuid));
    member_opt_text(&facts, "serial", m.facts.serial, sizeof(m.facts.serial));
    member_opt_text(&facts, "vendor", m.facts.vendor, sizeof(m.facts.vendor));
    member_opt_text(&facts, "product", m.facts.product,
                    sizeof(m.facts.product));
    member_opt_text(&facts, "firmware", m.facts.firmware,
                    sizeof(m.facts.firmware));
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
    member_put_text(&host, "id", m->host_id);
    member_put_text(&host, "name", m->host_name);
    json_t *object = json_object();
    member_put_text(&object, "session", m->session);
    member_put_text(&object, "token", m->token);
    member_put(&object, "state", json_string(state_words[m->state]));
    member_put_text(&object, "code", m->code);
    member_put(&object, "host", host);
    member_put_text(&object, "tier", m->tier);
    member_put(&object, "time_s", json_integer(m->time_s));
    member_put_number(&object, "epoch", m->epoch);
    member_put_servers(&object, &m->servers);
    member_put_number(&object, "leave_after_s", m->leave_after_s);
    return object;
}

int message_welcome_parse(const json_t *json, struct message_welcome *ret,
                          struct err *err)
{
    struct message_welcome m = {0};
    struct json_reader r, host;
    json_reader_init(&r, json, "$", err);
    member_get_id(&r, "session", m.session);
    member_get_text(&r, "token", m.token, sizeof(m.token));
    m.state = (enum message_state)member_get_word(&r, "state", state_words,
                                                  ARRAY_LENGTH(state_words));
    member_opt_text(&r, "code", m.code, sizeof(m.code));
    json_reader_member(&host, &r, "host");
    member_opt_text(&host, "id", m.host_id, sizeof(m.host_id));
    if (*m.host_id)
        member_check_id(&host, "id", m.host_id);
    member_opt_text(&host, "name", m.host_name, sizeof(m.host_name));
    json_reader_join(&r, &host);
    member_get_text(&r, "tier", m.tier, sizeof(m.tier));
    m.time_s = (int64_t)json_get_u64(&r, "time_s", 0, INT64_MAX);
    m.epoch = json_get_u64(&r, "epoch", 0, INT64_MAX);
    member_get_servers(&r, &m.servers);
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
    member_put_text(&object, "session", session);
    return object;
}

int message_plan_request_parse(const json_t *json,
                               char ret_session[MESSAGE_ID_BYTES],
                               struct err *err)
{
    char session[MESSAGE_ID_BYTES] = "";
    struct json_reader r;
    json_reader_init(&r, json, "$", err);
    member_get_id(&r, "session", session);
    int code = json_done(&r);
    if (code == 0)
        memcpy(ret_session, session, sizeof(session));
    return code;
}

json_t *message_plan_format(const struct message_plan *m)
{
    json_t *object = json_object();
    member_put_number(&object, "epoch", m->epoch);
    member_put_servers(&object, &m->servers);
    member_put(&object, "cancel", json_boolean(m->cancel));
    member_put(&object, "state", json_string(state_words[m->state]));
    if (m->text) {
        member_put(&object, "plan", json_string(m->text));
        member_put(&object, "signature", json_string(m->signature));
    }
    if (m->text && m->checkpoint)
        member_put(&object, "checkpoint", json_incref(m->checkpoint));
    return object;
}

int message_plan_parse(const json_t *json, struct message_plan *ret,
                       struct err *err)
{
    struct message_plan m = {0};
    struct json_reader r;
    json_reader_init(&r, json, "$", err);
    m.epoch = json_get_u64(&r, "epoch", 0, INT64_MAX);
    member_get_servers(&r, &m.servers);
    m.cancel = json_get_bool(&r, "cancel");
    m.state = (enum message_state)member_get_word(&r, "state", state_words,
                                                  ARRAY_LENGTH(state_words));
    const char *text = json_opt_text(&r, "plan", NULL);
    const json_t *checkpoint = json_opt_object(&r, "checkpoint");
    if (!r.code && text)
        member_get_text(&r, "signature", m.signature, sizeof(m.signature));
    if (r.code)
        return r.code;
    if (text) {
        m.text = strdup(text);
        if (!m.text)
            return err_set(err, ERR_NO_MEMORY, "out of memory for a plan");
    }
    m.checkpoint = json_incref((json_t *)checkpoint);
    *ret = m;
    return 0;
}

void message_plan_done(struct message_plan *m)
{
    free(m->text);
    m->text = NULL;
    json_decref(m->checkpoint);
    m->checkpoint = NULL;
}
