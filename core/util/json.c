/* SPDX-License-Identifier: Apache-2.0 */
/* Strict JSON: see json.h. */
#include "core/util/json.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/util/file.h"

/* Deep nesting serves nobody and costs stack in every walk. */
#define MAX_DEPTH 32

/* True when `json` nests deeper than `levels`. */
static bool too_deep(const json_t *json, unsigned levels)
{
    size_t index;
    const char *key;
    json_t *value;
    if (levels == 0)
        return true;
    if (json_is_array(json)) {
        json_array_foreach (json, index, value)
            if (too_deep(value, levels - 1))
                return true;
    } else if (json_is_object(json)) {
        json_object_foreach ((json_t *)json, key, value)
            if (too_deep(value, levels - 1))
                return true;
    }
    return false;
}

json_t *json_parse(const void *text, size_t length, size_t max_bytes,
                   struct err *err)
{
    if (length > max_bytes) {
        (void)err_set(err, ERR_TOO_BIG,
                      "the JSON text has %zu bytes, more than the %zu allowed",
                      length, max_bytes);
        return NULL;
    }
    json_error_t why;
    json_t *json = json_loadb(text, length,
                              JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &why);
    if (!json) {
        (void)err_set(err, ERR_INVALID, "line %d, column %d: %s", why.line,
                      why.column, why.text);
        return NULL;
    }
    if (too_deep(json, MAX_DEPTH + 1)) {
        json_decref(json);
        (void)err_set(err, ERR_INVALID,
                      "the JSON text nests deeper than %d levels", MAX_DEPTH);
        return NULL;
    }
    return json;
}

json_t *json_read_file(const char *path, size_t max_bytes, struct err *err)
{
    AUTO_BUF text = BUF_INIT(max_bytes);
    if (file_read(AT_FDCWD, path, &text, err) != 0)
        return NULL;
    json_t *json = json_parse(buf_text(&text), text.length, max_bytes, err);
    if (!json)
        (void)err_prefix(err, "%s: ", path);
    return json;
}

char *json_text(const json_t *json)
{
    return json_dumps(json, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY);
}

void json_reader_init(struct json_reader *r, const json_t *json,
                      const char *path, struct err *err)
{
    memset(r, 0, sizeof(*r));
    r->object = json;
    r->err = err;
    (void)snprintf(r->path, sizeof(r->path), "%s", *path ? path : "$");
    if (!json_is_object(json))
        (void)json_reader_fail(r, NULL, "must be an object");
    else if (json_object_size(json) > JSON_MAX_KEYS)
        (void)json_reader_fail(r, NULL, "has more than %d members",
                               JSON_MAX_KEYS);
}

int json_reader_fail(struct json_reader *r, const char *key, const char *format,
                     ...)
{
    if (r->code)
        return r->code;
    char text[ERR_TEXT_BYTES];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    r->code = err_set(r->err, ERR_INVALID, "%s%s%s %s", r->path, key ? "." : "",
                      key ? key : "", text);
    return r->code;
}

/* Looks a member up and marks it as consumed. */
static const json_t *take(struct json_reader *r, const char *key)
{
    if (r->code)
        return NULL;
    unsigned bit = 0;
    const char *name;
    json_t *value;
    json_object_foreach ((json_t *)r->object, name, value) {
        if (strcmp(name, key) == 0) {
            r->consumed |= UINT64_C(1) << bit;
            return value;
        }
        bit++;
    }
    return NULL;
}

static const json_t *take_required(struct json_reader *r, const char *key)
{
    const json_t *value = take(r, key);
    if (!value)
        (void)json_reader_fail(r, key, "is missing");
    return value;
}

bool json_has(struct json_reader *r, const char *key)
{
    return !r->code && json_object_get(r->object, key);
}

static const char *text_of(struct json_reader *r, const char *key,
                           const json_t *value)
{
    if (!json_is_string(value)) {
        (void)json_reader_fail(r, key, "must be a string");
        return "";
    }
    /* C strings end at the first NUL; a peer's text must not hide behind it. */
    if (strlen(json_string_value(value)) != json_string_length(value)) {
        (void)json_reader_fail(r, key, "must not hold a NUL character");
        return "";
    }
    return json_string_value(value);
}

static uint64_t u64_of(struct json_reader *r, const char *key,
                       const json_t *value, uint64_t min, uint64_t max)
{
    json_int_t number = json_integer_value(value);
    if (!json_is_integer(value) || number < 0) {
        (void)json_reader_fail(r, key, "must be a whole number");
        return 0;
    }
    if ((uint64_t)number < min || (uint64_t)number > max) {
        (void)json_reader_fail(r, key,
                               "is outside the range %" PRIu64 " to %" PRIu64,
                               min, max);
        return 0;
    }
    return (uint64_t)number;
}

static bool bool_of(struct json_reader *r, const char *key, const json_t *value)
{
    if (!json_is_boolean(value))
        (void)json_reader_fail(r, key, "must be true or false");
    return json_is_true(value);
}

static const json_t *typed(struct json_reader *r, const char *key,
                           const json_t *value, json_type type,
                           const char *what)
{
    if (value && json_typeof(value) != type) {
        (void)json_reader_fail(r, key, "must be %s", what);
        return NULL;
    }
    return value;
}

const char *json_get_text(struct json_reader *r, const char *key)
{
    const json_t *value = take_required(r, key);
    return value ? text_of(r, key, value) : "";
}

void json_copy_text(struct json_reader *r, const char *key, char *out,
                    size_t size)
{
    const char *text = json_get_text(r, key);
    if (strlen(text) >= size)
        (void)json_reader_fail(r, key, "is longer than %zu bytes", size - 1);
    else
        memcpy(out, text, strlen(text) + 1);
}

uint64_t json_get_u64(struct json_reader *r, const char *key, uint64_t min,
                      uint64_t max)
{
    const json_t *value = take_required(r, key);
    return value ? u64_of(r, key, value, min, max) : 0;
}

bool json_get_bool(struct json_reader *r, const char *key)
{
    const json_t *value = take_required(r, key);
    return value ? bool_of(r, key, value) : false;
}

const json_t *json_get_array(struct json_reader *r, const char *key)
{
    return typed(r, key, take_required(r, key), JSON_ARRAY, "an array");
}

const json_t *json_get_object(struct json_reader *r, const char *key)
{
    return typed(r, key, take_required(r, key), JSON_OBJECT, "an object");
}

const json_t *json_get_any(struct json_reader *r, const char *key)
{
    return take_required(r, key);
}

const char *json_opt_text(struct json_reader *r, const char *key,
                          const char *fallback)
{
    const json_t *value = take(r, key);
    return value ? text_of(r, key, value) : fallback;
}

uint64_t json_opt_u64(struct json_reader *r, const char *key, uint64_t min,
                      uint64_t max, uint64_t fallback)
{
    const json_t *value = take(r, key);
    return value ? u64_of(r, key, value, min, max) : fallback;
}

bool json_opt_bool(struct json_reader *r, const char *key, bool fallback)
{
    const json_t *value = take(r, key);
    return value ? bool_of(r, key, value) : fallback;
}

const json_t *json_opt_array(struct json_reader *r, const char *key)
{
    return typed(r, key, take(r, key), JSON_ARRAY, "an array");
}

const json_t *json_opt_object(struct json_reader *r, const char *key)
{
    return typed(r, key, take(r, key), JSON_OBJECT, "an object");
}

const json_t *json_opt_any(struct json_reader *r, const char *key)
{
    return take(r, key);
}

void json_reader_member(struct json_reader *child, struct json_reader *r,
                        const char *key)
{
    const json_t *value = take_required(r, key);
    char path[JSON_PATH_BYTES];
    (void)snprintf(path, sizeof(path), "%.*s.%s", JSON_PATH_BYTES / 2, r->path,
                   key);
    json_reader_init(child, value, path, r->code ? NULL : r->err);
    if (r->code)
        child->code = r->code;
}

void json_reader_element(struct json_reader *child, struct json_reader *r,
                         const char *key, size_t index)
{
    const json_t *array = take_required(r, key);
    char path[JSON_PATH_BYTES];
    (void)snprintf(path, sizeof(path), "%.*s.%s[%zu]", JSON_PATH_BYTES / 2,
                   r->path, key, index);
    json_reader_init(child, json_array_get(array, index), path,
                     r->code ? NULL : r->err);
    if (r->code)
        child->code = r->code;
}

int json_reader_join(struct json_reader *r, const struct json_reader *child)
{
    if (!r->code)
        r->code = child->code;
    return r->code;
}

int json_done(struct json_reader *r)
{
    if (r->code)
        return r->code;
    unsigned bit = 0;
    const char *name;
    json_t *value;
    json_object_foreach ((json_t *)r->object, name, value) {
        if (!(r->consumed & (UINT64_C(1) << bit++)))
            return json_reader_fail(r, name, "is not known here");
    }
    return 0;
}
