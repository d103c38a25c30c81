/* SPDX-License-Identifier: Apache-2.0 */
/* PCRE2 patterns: see pattern.h. */
#include "core/util/pattern.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <string.h>

/* A profile's pattern must never hold the loop up. */
#define MAX_PATTERN_BYTES 512
#define MATCH_LIMIT 10000
#define DEPTH_LIMIT 200
#define HEAP_LIMIT_KIB 256

struct pattern {
    pcre2_code *code;
    pcre2_match_context *limits;
    pcre2_match_data *data;
};

struct pattern *pattern_new(const char *text, struct err *err)
{
    if (strlen(text) > MAX_PATTERN_BYTES) {
        (void)err_set(err, ERR_INVALID,
                      "the pattern is longer than %d bytes", MAX_PATTERN_BYTES);
        return NULL;
    }
    struct pattern *pattern = calloc(1, sizeof(*pattern));
    if (!pattern) {
        (void)err_set(err, ERR_NO_MEMORY, "no memory for a pattern");
        return NULL;
    }
    int number;
    PCRE2_SIZE offset;
    pattern->code =
        pcre2_compile((PCRE2_SPTR)text, PCRE2_ZERO_TERMINATED,
                      PCRE2_UTF | PCRE2_NEVER_BACKSLASH_C, &number, &offset,
                      NULL);
    if (!pattern->code) {
        PCRE2_UCHAR why[120];
        (void)pcre2_get_error_message(number, why, sizeof(why));
        (void)err_set(err, ERR_INVALID,
                      "the pattern '%s' is wrong at character %zu: %s", text,
                      (size_t)offset + 1, (const char *)why);
        pattern_free(pattern);
        return NULL;
    }
    pattern->limits = pcre2_match_context_create(NULL);
    pattern->data = pcre2_match_data_create(1, NULL);
    if (!pattern->limits || !pattern->data) {
        pattern_free(pattern);
        (void)err_set(err, ERR_NO_MEMORY, "no memory for a pattern");
        return NULL;
    }
    (void)pcre2_set_match_limit(pattern->limits, MATCH_LIMIT);
    (void)pcre2_set_depth_limit(pattern->limits, DEPTH_LIMIT);
    (void)pcre2_set_heap_limit(pattern->limits, HEAP_LIMIT_KIB);
    return pattern;
}

void pattern_free(struct pattern *pattern)
{
    if (!pattern)
        return;
    pcre2_code_free(pattern->code);
    pcre2_match_context_free(pattern->limits);
    pcre2_match_data_free(pattern->data);
    free(pattern);
}

bool pattern_matches(const struct pattern *pattern, const char *subject)
{
    return pcre2_match(pattern->code, (PCRE2_SPTR)subject,
                       PCRE2_ZERO_TERMINATED, 0, 0, pattern->data,
                       pattern->limits) >= 0;
}
