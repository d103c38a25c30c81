/* SPDX-License-Identifier: Apache-2.0 */
/* Values of declared parameters, type by type: see param-value.h. */
#include "core/plugin/param-value.h"

#include <stdio.h>
#include <string.h>

#include "core/util/crypto.h"
#include "core/util/json.h"
#include "core/util/num.h"

#define SELECTOR_TEXT_MAX 256

void param_value_done(struct param_value *value)
{
    if (value->text)
        secret_wipe(value->text, strlen(value->text));
    free(value->text);
    json_decref(value->json);
    *value = (struct param_value){0};
}

static int keep_text(struct param_value *value, const char *text,
                     struct err *err)
{
    value->text = strdup(text);
    return value->text ? 0 : err_set(err, ERR_NO_MEMORY, "needs more memory");
}

static int parse_text(const struct param *param, const json_t *json,
                      struct param_value *ret, struct err *err)
{
    uint64_t max = param->max ? param->max : PARAMS_TEXT_MAX;
    size_t length = json_string_length(json);
    if (!json_is_string(json))
        return err_set(err, ERR_INVALID, "must be a text");
    if (strlen(json_string_value(json)) != length)
        return err_set(err, ERR_INVALID, "must not hold a NUL character");
    if (length < param->min || length > max)
        return err_set(
            err, ERR_INVALID, "must have %llu to %llu bytes and has %zu",
            (unsigned long long)param->min, (unsigned long long)max, length);
    return keep_text(ret, json_string_value(json), err);
}

/* The number and its decimal text. */
static int keep_number(const struct param *param, uint64_t number,
                       struct param_value *ret, struct err *err)
{
    uint64_t max = param->max                            ? param->max
                   : param->type == SLIPWAY_PARAM_NUMBER ? PARAMS_NUMBER_MAX
                                                         : UINT64_MAX;
    if (number < param->min || number > max)
        return err_set(err, ERR_INVALID, "must be from %llu to %llu",
                       (unsigned long long)param->min, (unsigned long long)max);
    char text[24];
    (void)snprintf(text, sizeof(text), "%llu", (unsigned long long)number);
    ret->number = number;
    ret->has_number = true;
    return ret->text ? 0 : keep_text(ret, text, err);
}

static int parse_number(const struct param *param, const json_t *json,
                        struct param_value *ret, struct err *err)
{
    if (!json_is_integer(json) || json_integer_value(json) < 0 ||
        (uint64_t)json_integer_value(json) > PARAMS_NUMBER_MAX)
        return err_set(err, ERR_INVALID,
                       "must be a whole number from 0 to 2^53");
    return keep_number(param, (uint64_t)json_integer_value(json), ret, err);
}

static int parse_bool(const json_t *json, struct param_value *ret,
                      struct err *err)
{
    if (!json_is_boolean(json))
        return err_set(err, ERR_INVALID, "must be true or false");
    ret->has_number = true;
    ret->number = json_is_true(json);
    return keep_text(ret, json_is_true(json) ? "true" : "false", err);
}

static int parse_size(const struct param *param, const json_t *json,
                      struct param_value *ret, struct err *err)
{
    uint64_t bytes = 0;
    if (json_is_string(json)) {
        if (num_parse_size(json_string_value(json), &bytes, NULL))
            return err_set(err, ERR_INVALID,
                           "must be a size such as \"8 GiB\"");
        int code = keep_text(ret, json_string_value(json), err);
        if (code)
            return code;
    } else if (json_is_integer(json) && json_integer_value(json) >= 0) {
        bytes = (uint64_t)json_integer_value(json);
    } else {
        return err_set(err, ERR_INVALID,
                       "must be a size such as \"8 GiB\" or a number of "
                       "bytes");
    }
    return keep_number(param, bytes, ret, err);
}

static int parse_choice(const struct param *param, const json_t *json,
                        struct param_value *ret, struct err *err)
{
    const char *word = json_string_value(json);
    size_t length = word ? strlen(word) : 0;
    const char *at = param->choices;
    while (length && at) {
        size_t span = strcspn(at, " ");
        if (span == length && !strncmp(at, word, length))
            return keep_text(ret, word, err);
        at = at[span] ? at + span + 1 : NULL;
    }
    return err_set(err, ERR_INVALID, "must be one of: %s", param->choices);
}

/* "name" or "name@revision", as images are named. */
static int parse_image(const json_t *json, struct param_value *ret,
                       struct err *err)
{
    const char *text = json_string_value(json);
    size_t length =
        text ? strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789._-") : 0;
    const char *rest = text ? text + length : "";
    uint64_t revision;
    bool ok = length > 0 && length <= 64 && strchr("._-", text[0]) == NULL;
    if (ok && rest[0] == '@')
        ok = !num_parse_u64(rest + 1, 1, INT64_MAX, &revision, NULL);
    else if (rest[0])
        ok = false;
    if (!ok)
        return err_set(err, ERR_INVALID,
                       "must be the name of an image, \"debian-12\" or "
                       "\"debian-12@3\"");
    return keep_text(ret, text, err);
}

static bool text_among(const char *text, const char *const *words)
{
    for (; *words; words++)
        if (!strcmp(text, *words))
            return true;
    return false;
}

static int check_selector_member(const char *key, const json_t *value,
                                 struct err *err)
{
    static const char *const texts[] = {"serial", "model", "path", "transport",
                                        NULL};
    static const char *const selects[] = {"smallest", "largest", "first",
                                          "only", NULL};
    const char *text = json_string_value(value);
    uint64_t bytes;
    if (!strcmp(key, "select"))
        return text && text_among(text, selects)
                   ? 0
                   : err_set(err, ERR_INVALID,
                             "must have 'select' as one of: smallest largest "
                             "first only");
    if (!strcmp(key, "min") || !strcmp(key, "max")) {
        bool ok =
            text ? !num_parse_size(text, &bytes, NULL)
                 : json_is_integer(value) && json_integer_value(value) >= 0;
        return ok ? 0
                  : err_set(err, ERR_INVALID,
                            "must have '%s' as a size such as \"8 GiB\"", key);
    }
    if (!text_among(key, texts))
        return err_set(err, ERR_INVALID,
                       "has the unknown member '%s'; a disk is selected by "
                       "select, min, max, serial, model, path and transport",
                       key);
    if (!text || !text[0] || strlen(text) > SELECTOR_TEXT_MAX)
        return err_set(err, ERR_INVALID,
                       "must have '%s' as a text of 1 to %d bytes", key,
                       SELECTOR_TEXT_MAX);
    return 0;
}

static int parse_disk(const json_t *json, struct param_value *ret,
                      struct err *err)
{
    if (!json_is_object(json) || !json_object_size(json))
        return err_set(err, ERR_INVALID,
                       "must be a disk selector such as "
                       "{\"select\": \"smallest\"}");
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)json, key, value)
    {
        int code = check_selector_member(key, value, err);
        if (code)
            return code;
    }
    ret->text = json_text(json);
    return ret->text ? 0 : err_set(err, ERR_NO_MEMORY, "needs more memory");
}

/* What is in it is for the plugin to judge; here its length is bounded. */
static int parse_json(const struct param *param, const json_t *json,
                      struct param_value *ret, struct err *err)
{
    uint64_t max = param->max ? param->max : PARAMS_JSON_MAX;
    if (!json_is_object(json) && !json_is_array(json))
        return err_set(err, ERR_INVALID, "must be an object or an array");
    ret->text = json_text(json);
    if (!ret->text)
        return err_set(err, ERR_NO_MEMORY, "needs more memory");
    size_t length = strlen(ret->text);
    if (length < param->min || length > max)
        return err_set(err, ERR_INVALID,
                       "must have %llu to %llu bytes as compact JSON and has "
                       "%zu",
                       (unsigned long long)param->min, (unsigned long long)max,
                       length);
    return 0;
}

static int parse_type(const struct param *param, const json_t *json,
                      struct param_value *ret, struct err *err)
{
    switch (param->type) {
    case SLIPWAY_PARAM_TEXT:
    case SLIPWAY_PARAM_SECRET:
        return parse_text(param, json, ret, err);
    case SLIPWAY_PARAM_NUMBER:
        return parse_number(param, json, ret, err);
    case SLIPWAY_PARAM_BOOL:
        return parse_bool(json, ret, err);
    case SLIPWAY_PARAM_SIZE:
        return parse_size(param, json, ret, err);
    case SLIPWAY_PARAM_CHOICE:
        return parse_choice(param, json, ret, err);
    case SLIPWAY_PARAM_IMAGE:
    case SLIPWAY_PARAM_BLOB:
        return parse_image(json, ret, err);
    case SLIPWAY_PARAM_DISK:
        return parse_disk(json, ret, err);
    case SLIPWAY_PARAM_JSON:
        return parse_json(param, json, ret, err);
    default:
        return err_set(err, ERR_INVALID, "has an unknown type");
    }
}

int param_value_parse(const struct param *param, const json_t *json,
                      struct param_value *ret, struct err *err)
{
    struct param_value value = {.present = true};
    int code = parse_type(param, json, &value, err);
    if (code) {
        param_value_done(&value);
        return code;
    }
    value.json = json_incref((json_t *)json);
    *ret = value;
    return 0;
}

/* A default is written as in a profile, but a text needs no quotes. */
static json_t *default_json(const struct param *param)
{
    const char *text = param->default_text;
    switch (param->type) {
    case SLIPWAY_PARAM_NUMBER:
    case SLIPWAY_PARAM_BOOL:
    case SLIPWAY_PARAM_DISK:
    case SLIPWAY_PARAM_JSON:
        return json_parse(text, strlen(text), PARAMS_TEXT_MAX, NULL);
    default:
        return json_string(text);
    }
}

int param_value_default(const struct param *param, struct param_value *ret,
                        struct err *err)
{
    AUTO_JSON *json = default_json(param);
    if (!json)
        return err_set(err, ERR_INVALID, "is not written as in a profile");
    return param_value_parse(param, json, ret, err);
}
