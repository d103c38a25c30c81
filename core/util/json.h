/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Strict JSON: duplicates, unknown keys, wrong types and oversized input are
 * errors that name the JSON path.
 *
 * A `struct json_reader` walks one object.  Each getter marks its key as
 * consumed; `json_done` refuses what nobody asked for.  The first failure is
 * kept in `err` and later getters do nothing, so a caller may read a whole
 * object and check once.
 */
#ifndef CORE_UTIL_JSON_H
#define CORE_UTIL_JSON_H

#include <stdbool.h>

#include <jansson.h>

#include "core/util/buf.h"
#include "core/util/err.h"

#define JSON_PATH_BYTES 160
#define JSON_MAX_KEYS 64

static inline void auto_json(json_t **json)
{
    json_decref(*json);
}
#define AUTO_JSON __attribute__((cleanup(auto_json))) json_t

/* Parses one JSON value of at most `max_bytes`; NULL with err on failure. */
json_t *json_parse(const void *text, size_t length, size_t max_bytes,
                   struct err *err);
/* The same from a file. */
json_t *json_read_file(const char *path, size_t max_bytes, struct err *err);
/* Compact text with sorted keys; the caller frees it; NULL = no memory. */
char *json_text(const json_t *json);

struct json_reader {
    const json_t *object;
    struct err *err;
    int code; /* 0, or the first failure's code */
    char path[JSON_PATH_BYTES];
    uint64_t consumed; /* bit per key in iteration order */
};

/* Starts on `json`, which must be an object; `path` is "" or "$.steps[1]". */
void json_reader_init(struct json_reader *r, const json_t *json,
                      const char *path, struct err *err);
/* Records a failure at `key` (NULL = the object itself). */
int json_reader_fail(struct json_reader *r, const char *key, const char *format,
                     ...) PRINTF(3, 4);
bool json_has(struct json_reader *r, const char *key);
/* Required values; "" / 0 / false / NULL after a failure.  Borrowed. */
const char *json_get_text(struct json_reader *r, const char *key);
/* A required text copied into `out` of `size` bytes, the NUL among them; a
 * longer one is a failure and leaves `out` alone. */
void json_copy_text(struct json_reader *r, const char *key, char *out,
                    size_t size);
uint64_t json_get_u64(struct json_reader *r, const char *key, uint64_t min,
                      uint64_t max);
bool json_get_bool(struct json_reader *r, const char *key);
const json_t *json_get_array(struct json_reader *r, const char *key);
const json_t *json_get_object(struct json_reader *r, const char *key);
const json_t *json_get_any(struct json_reader *r, const char *key);
/* Optional values: `fallback` when the key is absent. */
const char *json_opt_text(struct json_reader *r, const char *key,
                          const char *fallback);
uint64_t json_opt_u64(struct json_reader *r, const char *key, uint64_t min,
                      uint64_t max, uint64_t fallback);
bool json_opt_bool(struct json_reader *r, const char *key, bool fallback);
const json_t *json_opt_array(struct json_reader *r, const char *key);
const json_t *json_opt_object(struct json_reader *r, const char *key);
const json_t *json_opt_any(struct json_reader *r, const char *key);
/* A reader on a member object, or on element `index` of a member array. */
void json_reader_member(struct json_reader *child, struct json_reader *r,
                        const char *key);
void json_reader_element(struct json_reader *child, struct json_reader *r,
                         const char *key, size_t index);
/* Takes over a child's failure.  0 or the code. */
int json_reader_join(struct json_reader *r, const struct json_reader *child);
/* Fails when a key was not consumed; returns the reader's code. */
int json_done(struct json_reader *r) MUST_CHECK;

#endif
