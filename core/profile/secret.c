/* SPDX-License-Identifier: Apache-2.0 */
#include "core/profile/secret.h"

#include <string.h>

#include "core/util/buf.h"
#include "core/util/crypto.h"
#include "core/util/secret-memory.h"

#define OPEN "{{"
#define CLOSE "}}"
#define PREFIX "secret."
#define REDACTED "[secret]"
#define FILLED_MAX (64u << 10)   /* one text with all its secrets */
#define REDACTED_MAX (1u << 20)  /* as long as a step's result may be */

bool secret_name_ok(const char *name)
{
    static const char first[] = "abcdefghijklmnopqrstuvwxyz0123456789";
    static const char rest[] = "abcdefghijklmnopqrstuvwxyz0123456789._-";
    size_t length = strlen(name);
    return length > 0 && length < SECRET_NAME_BYTES && strchr(first, *name) &&
           strspn(name, rest) == length;
}

const char *secret_find(const char *text, char ret_name[SECRET_NAME_BYTES],
                        const char **ret_rest)
{
    for (const char *open = text; (open = strstr(open, OPEN)); open += 2) {
        const char *at = open + 2 + strspn(open + 2, " ");
        if (strncmp(at, PREFIX, sizeof(PREFIX) - 1) != 0)
            continue;
        at += sizeof(PREFIX) - 1;
        size_t length = strcspn(at, " }");
        const char *close = at + length + strspn(at + length, " ");
        if (length == 0 || length >= SECRET_NAME_BYTES ||
            strncmp(close, CLOSE, 2) != 0)
            continue;
        memcpy(ret_name, at, length);
        ret_name[length] = '\0';
        if (!secret_name_ok(ret_name))
            continue;
        *ret_rest = close + 2;
        return open;
    }
    return NULL;
}

static int uses_in_text(const char *text, secret_each *each, void *arg,
                        struct err *err)
{
    char name[SECRET_NAME_BYTES];
    int code = 0;
    while (!code && secret_find(text, name, &text))
        code = each(arg, name, err);
    return code;
}

/* JSON that was parsed is at most 32 levels deep, here and below. */
int secret_uses(const json_t *json, secret_each *each, void *arg,
                struct err *err)
{
    size_t i;
    const char *key;
    json_t *value;
    int code = 0;
    if (json_is_string(json))
        return uses_in_text(json_string_value(json), each, arg, err);
    if (json_is_array(json)) {
        for (i = 0; !code && i < json_array_size(json); i++)
            code = secret_uses(json_array_get(json, i), each, arg, err);
    } else if (json_is_object(json)) {
        json_object_foreach((json_t *)json, key, value)
        {
            code = secret_uses(value, each, arg, err);
            if (code)
                break;
        }
    }
    return code;
}

static json_t *fill_text(const char *text, secret_value *value, void *arg,
                         struct err *err)
{
    AUTO_BUF out = BUF_INIT(FILLED_MAX);
    char name[SECRET_NAME_BYTES];
    const char *open, *rest;
    for (; (open = secret_find(text, name, &rest)); text = rest) {
        char *one = value(arg, name, err);
        if (!one)
            return NULL;
        buf_append(&out, text, (size_t)(open - text));
        buf_append_text(&out, one);
        secret_free(one);
    }
    buf_append_text(&out, text);
    json_t *filled = out.failed ? NULL : json_string(buf_text(&out));
    if (out.data)
        secret_wipe(out.data, out.length);
    if (!filled)
        (void)err_set(err, ERR_TOO_BIG,
                      "a text has more than %u bytes with its secrets",
                      FILLED_MAX);
    return filled;
}

static json_t *fill_object(const json_t *json, secret_value *value, void *arg,
                           struct err *err)
{
    json_t *copy = json_object();
    const char *key;
    json_t *member;
    json_object_foreach((json_t *)json, key, member)
    {
        json_t *filled = secret_fill(member, value, arg, err);
        if (!filled || json_object_set_new(copy, key, filled)) {
            json_decref(copy);
            return NULL;
        }
    }
    return copy;
}

json_t *secret_fill(const json_t *json, secret_value *value, void *arg,
                    struct err *err)
{
    if (json_is_string(json))
        return fill_text(json_string_value(json), value, arg, err);
    if (json_is_object(json))
        return fill_object(json, value, arg, err);
    if (!json_is_array(json))
        return json_deep_copy(json);
    json_t *copy = json_array();
    for (size_t i = 0; i < json_array_size(json); i++) {
        json_t *filled =
            secret_fill(json_array_get(json, i), value, arg, err);
        if (!filled || json_array_append_new(copy, filled)) {
            json_decref(copy);
            return NULL;
        }
    }
    return copy;
}

char *secret_redact_text(const char *text, const char *value)
{
    const char *found = strstr(text, value);
    AUTO_BUF out = BUF_INIT(REDACTED_MAX);
    if (!found)
        return NULL;
    for (; found; found = strstr(text, value)) {
        buf_append(&out, text, (size_t)(found - text));
        buf_append_text(&out, REDACTED);
        text = found + strlen(value);
    }
    buf_append_text(&out, text);
    /* What cannot be cleaned is not shown at all. */
    return out.failed ? strdup(REDACTED) : buf_take_text(&out);
}

static int redact_object(json_t *object, const char *value)
{
    const char *key;
    json_t *member;
    void *next;
    json_object_foreach_safe(object, next, key, member)
    {
        AUTO_FREE char *clean = secret_redact_text(key, value);
        json_t *own = json_incref(member);
        int code = secret_redact(&own, value);
        if (!code && clean && json_object_del(object, key))
            code = ERR_NO_MEMORY;
        if (json_object_set_new(object, clean ? clean : key, own) || code)
            return ERR_NO_MEMORY;
    }
    return 0;
}

int secret_redact(json_t **json, const char *value)
{
    if (json_is_object(*json))
        return redact_object(*json, value);
    for (size_t i = 0; i < json_array_size(*json); i++) {
        json_t *own = json_incref(json_array_get(*json, i));
        int code = secret_redact(&own, value);
        if (json_array_set_new(*json, i, own) || code)
            return ERR_NO_MEMORY;
    }
    if (!json_is_string(*json))
        return 0;
    AUTO_FREE char *clean = secret_redact_text(json_string_value(*json), value);
    if (!clean)
        return 0;
    json_t *text = json_string(clean);
    if (!text)
        return ERR_NO_MEMORY;
    json_decref(*json);
    *json = text;
    return 0;
}
