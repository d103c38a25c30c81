/* SPDX-License-Identifier: Apache-2.0 */
#include "core/profile/expand.h"

#include <stdio.h>
#include <string.h>

#include "core/profile/secret.h"
#include "core/util/buf.h"
#include "core/util/json.h"

#define LABELS "host.labels."

bool expand_needed(const char *text)
{
    char name[SECRET_NAME_BYTES];
    for (const char *at = text; (at = strstr(at, "{{"));) {
        const char *rest;
        if (secret_find(at, name, &rest) != at)
            return true;
        at = rest;
    }
    return false;
}

/* The variable's value, or NULL with `err`. */
static const char *value_of(const char *name, const struct expand_host *host,
                            struct err *err)
{
    const struct {
        const char *name;
        const char *value;
    } known[] = {
        {"host.id", host->id},     {"host.name", host->name},
        {"host.uuid", host->uuid}, {"host.mac", host->mac},
        {"host.arch", host->arch}, {"host.address", host->address},
    };
    const char *value = NULL;
    size_t i = 0;
    if (strncmp(name, LABELS, sizeof(LABELS) - 1) == 0) {
        value = json_string_value(
            json_object_get(host->labels, name + sizeof(LABELS) - 1));
        if (!value)
            (void)err_set(err, ERR_INVALID,
                          "'{{%s}}' has no value: host '%s' has no label '%s'",
                          name, host->name, name + sizeof(LABELS) - 1);
        return value;
    }
    while (i < ARRAY_LENGTH(known) && strcmp(known[i].name, name) != 0)
        i++;
    if (i == ARRAY_LENGTH(known)) {
        (void)err_set(err, ERR_INVALID,
                      "'{{%s}}' is an unknown variable; there are host.id, "
                      "host.name, host.uuid, host.mac, host.address, "
                      "host.arch, host.labels.NAME and secret.NAME",
                      name);
        return NULL;
    }
    value = known[i].value;
    if (!value || !*value) {
        (void)err_set(err, ERR_INVALID,
                      "'{{%s}}' has no value: it is not known of host '%s'",
                      name, host->name);
        return NULL;
    }
    return value;
}

/* A value must not become a variable itself: a label could name a secret. */
static int check_value(const char *name, const char *value, struct err *err)
{
    return strstr(value, "{{") ? err_set(err, ERR_INVALID,
                                         "the value of '{{%s}}' holds '{{', "
                                         "which it must not",
                                         name)
                               : 0;
}

/* Copies what stands between the braces, without spaces around it. */
static int take_name(const char *start, const char *end, char out[80],
                     struct err *err)
{
    while (start < end && *start == ' ')
        start++;
    while (end > start && end[-1] == ' ')
        end--;
    size_t length = (size_t)(end - start);
    if (length == 0 || length >= 80)
        return err_set(err, ERR_INVALID,
                       "'{{...}}' must hold a variable's name of at most 79 "
                       "characters");
    memcpy(out, start, length);
    out[length] = '\0';
    return 0;
}

int expand_text(const char *text, const struct expand_host *host,
                char **ret_text, struct err *err)
{
    AUTO_BUF out = BUF_INIT(EXPAND_MAX_BYTES);
    for (const char *at = text;;) {
        const char *open = strstr(at, "{{");
        if (!open) {
            buf_append_text(&out, at);
            break;
        }
        const char *close = strstr(open, "}}");
        const char *rest;
        char name[80];
        if (secret_find(open, name, &rest) == open) {
            buf_append(&out, at, (size_t)(rest - at));
            at = rest; /* it stays until the plan is handed out */
            continue;
        }
        if (!close)
            return err_set(err, ERR_INVALID, "'{{' has no '}}' after it");
        if (take_name(open + 2, close, name, err))
            return ERR_INVALID;
        const char *value = value_of(name, host, err);
        if (!value || check_value(name, value, err))
            return ERR_INVALID;
        buf_append(&out, at, (size_t)(open - at));
        buf_append_text(&out, value);
        at = close + 2;
    }
    if (out.failed)
        return err_set(err, ERR_TOO_BIG,
                       "the text has more than %d bytes after its variables "
                       "are replaced",
                       EXPAND_MAX_BYTES);
    *ret_text = buf_take_text(&out);
    if (!*ret_text)
        *ret_text = strdup("");
    return *ret_text ? 0 : err_set(err, ERR_NO_MEMORY, "out of memory");
}

/* A copy of `json` with all texts expanded; NULL with `err`.  JSON that was
 * parsed is at most 32 levels deep. */
static json_t *expand_json(const json_t *json, const struct expand_host *host,
                           const char *path, struct err *err)
{
    char child[JSON_PATH_BYTES];
    if (json_is_string(json)) {
        AUTO_FREE char *text = NULL;
        if (expand_text(json_string_value(json), host, &text, err)) {
            (void)err_prefix(err, "%s: ", path);
            return NULL;
        }
        return json_string(text);
    }
    if (json_is_array(json)) {
        AUTO_JSON *copy = json_array();
        for (size_t i = 0; i < json_array_size(json); i++) {
            snprintf(child, sizeof(child), "%.*s[%zu]", JSON_PATH_BYTES / 2,
                     path, i);
            json_t *entry =
                expand_json(json_array_get(json, i), host, child, err);
            if (!entry || json_array_append_new(copy, entry))
                return NULL;
        }
        return TAKE(copy);
    }
    if (json_is_object(json)) {
        AUTO_JSON *copy = json_object();
        const char *key;
        json_t *value;
        json_object_foreach((json_t *)json, key, value)
        {
            snprintf(child, sizeof(child), "%.*s.%.40s", JSON_PATH_BYTES / 2,
                     path, key);
            json_t *entry = expand_json(value, host, child, err);
            if (!entry || json_object_set_new(copy, key, entry))
                return NULL;
        }
        return TAKE(copy);
    }
    return json_deep_copy(json);
}

int expand_profile(const struct profile *profile,
                   const struct expand_host *host, struct profile **ret_profile,
                   struct err *err)
{
    struct err local = ERR_INIT;
    char path[JSON_PATH_BYTES];
    if (!err)
        err = &local;
    AUTO_JSON *copy = json_deep_copy(profile->json);
    json_t *steps = json_object_get(copy, "steps");
    for (size_t i = 0; i < profile->step_count; i++) {
        if (json_object_size(profile->steps[i].with) == 0)
            continue;
        snprintf(path, sizeof(path), "profile '%s': $.steps[%zu].with",
                 profile->name, i);
        err->code = ERR_NO_MEMORY;
        json_t *with = expand_json(profile->steps[i].with, host, path, err);
        if (!with)
            return err->code;
        if (json_object_set_new(json_array_get(steps, i), "with", with))
            return err_set(err, ERR_NO_MEMORY, "out of memory");
    }
    snprintf(path, sizeof(path), "profile '%s'", profile->name);
    return profile_parse(copy, path, ret_profile, err);
}
