/* SPDX-License-Identifier: Apache-2.0 */
#include "core/wire/message-member.h"

#include <string.h>

/* --- reading ------------------------------------------------------------ */

/* Text from another machine ends up on consoles and in logs: no control
 * characters, so that it cannot move a cursor or forge a line. */
void member_copy_text(struct json_reader *r, const char *key, const char *text,
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

void member_get_text(struct json_reader *r, const char *key, char *out,
                     size_t size)
{
    const char *text = json_get_text(r, key);
    if (!r->code && !*text)
        json_reader_fail(r, key, "is empty");
    member_copy_text(r, key, text, out, size);
}

void member_opt_text(struct json_reader *r, const char *key, char *out,
                     size_t size)
{
    member_copy_text(r, key, json_opt_text(r, key, ""), out, size);
}

void member_check_id(struct json_reader *r, const char *key, const char *id)
{
    if (!r->code && !message_id_valid(id))
        json_reader_fail(r, key, "is not an id of 32 hexadecimal digits");
}

void member_get_id(struct json_reader *r, const char *key,
                   char out[MESSAGE_ID_BYTES])
{
    const char *text = json_get_text(r, key);
    member_check_id(r, key, text);
    member_copy_text(r, key, text, out, MESSAGE_ID_BYTES);
}

size_t member_get_word(struct json_reader *r, const char *key,
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

void member_get_servers(struct json_reader *r, struct message_servers *ret)
{
    const json_t *list = json_get_array(r, "servers");
    size_t i;
    json_t *entry;
    memset(ret, 0, sizeof(*ret));
    json_array_foreach(list, i, entry)
    {
        const char *text = json_string_value(entry);
        if (!text || !message_servers_add(ret, text)) {
            json_reader_fail(r, "servers",
                             "is not a list of at most %d 'address:port'",
                             MESSAGE_MAX_SERVERS);
            return;
        }
    }
    const json_t *ports = json_opt_array(r, "http_ports");
    if (r->code || !ports)
        return;
    if (json_array_size(ports) != ret->count) {
        json_reader_fail(r, "http_ports", "does not go with the servers");
        return;
    }
    json_array_foreach(ports, i, entry)
    {
        json_int_t port = json_integer_value(entry);
        if (port < 1 || port > UINT16_MAX) {
            json_reader_fail(r, "http_ports", "holds no port");
            return;
        }
        ret->http_port[i] = (uint16_t)port;
    }
}

/* --- writing ------------------------------------------------------------ */

/* Takes `value`; a NULL value or object makes the object NULL. */
void member_put(json_t **object, const char *key, json_t *value)
{
    if (!*object) {
        json_decref(value);
    } else if (!value || json_object_set_new(*object, key, value)) {
        json_decref(*object);
        *object = NULL;
    }
}

void member_put_text(json_t **object, const char *key, const char *text)
{
    if (*text)
        member_put(object, key, json_string(text));
}

void member_put_number(json_t **object, const char *key, uint64_t value)
{
    member_put(object, key, json_integer((json_int_t)value));
}

void member_put_servers(json_t **object, const struct message_servers *servers)
{
    json_t *list = json_array();
    json_t *ports = json_array();
    for (size_t i = 0; i < servers->count; i++) {
        if (json_array_append_new(list, json_string(servers->text[i])) ||
            json_array_append_new(ports, json_integer(servers->http_port[i]))) {
            json_decref(list);
            json_decref(ports);
            json_decref(*object);
            *object = NULL;
            return;
        }
    }
    member_put(object, "servers", list);
    if (servers->count > 0 && servers->http_port[0])
        member_put(object, "http_ports", ports);
    else
        json_decref(ports);
}
