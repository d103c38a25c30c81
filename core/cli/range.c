/* SPDX-License-Identifier: Apache-2.0 */
#include "core/cli/range.h"

#include <stdio.h>
#include <string.h>

#include "core/util/json.h"
#include "core/util/num.h"

#define NAME_BYTES 64
#define NUMBER_BYTES 10

static int add(json_t *names, const char *name, struct err *err)
{
    const json_t *known;
    size_t i;

    json_array_foreach(names, i, known)
    {
        if (strcmp(json_string_value(known), name) == 0)
            return 0;
    }
    if (i >= RANGE_MAX_HOSTS)
        return err_set(err, ERR_TOO_BIG, "more than %d hosts are named",
                       RANGE_MAX_HOSTS);
    return json_array_append_new(names, json_string(name)) == 0
               ? 0
               : err_set(err, ERR_INVALID, "'%s' is not a host's name", name);
}

/* `done` is what stands before `rest`, already expanded. */
static int expand(json_t *names, const char *done, const char *rest,
                  struct err *err);

static int join(json_t *names, const char *done, const char *part,
                size_t length, const char *rest, struct err *err)
{
    char name[NAME_BYTES];

    if (strlen(done) + length >= sizeof(name))
        return err_set(err, ERR_INVALID, "the name '%s%.40s' is too long", done,
                       part);
    (void)snprintf(name, sizeof(name), "%s%.*s", done, (int)length, part);
    return expand(names, name, rest, err);
}

static int parse_number(const char *text, size_t length, uint64_t *ret,
                        struct err *err)
{
    char digits[NUMBER_BYTES];

    if (length == 0 || length >= sizeof(digits))
        return err_set(err, ERR_INVALID, "'%.*s' is not a number of a range",
                       (int)MIN(length, (size_t)40), text);
    memcpy(digits, text, length);
    digits[length] = '\0';
    return num_parse_u64(digits, 0, 999999999, ret, err);
}

/* "001-300" or "05". */
static int expand_item(json_t *names, const char *done, const char *item,
                       size_t length, const char *rest, struct err *err)
{
    const char *dash = memchr(item, '-', length);
    size_t digits = dash ? (size_t)(dash - item) : length;
    uint64_t first;
    uint64_t last;
    int code = parse_number(item, digits, &first, err);

    last = first;
    if (code == 0 && dash)
        code = parse_number(dash + 1, length - digits - 1, &last, err);
    if (code == 0 && last < first)
        code = err_set(err, ERR_INVALID, "the range '%.*s' goes backwards",
                       (int)length, item);
    for (uint64_t n = first; code == 0 && n <= last; n++) {
        char text[24];
        int width = snprintf(text, sizeof(text), "%0*llu", (int)digits,
                             (unsigned long long)n);

        code = join(names, done, text, (size_t)width, rest, err);
    }
    return code;
}

static int expand(json_t *names, const char *done, const char *rest,
                  struct err *err)
{
    const char *open = strchr(rest, '[');
    const char *close = open ? strchr(open, ']') : NULL;
    char before[NAME_BYTES];
    int code = 0;

    if (!open) {
        if (strchr(rest, ']') || !(*done || *rest))
            return err_set(err, ERR_INVALID, "'%s%s' is not a host's name",
                           done, rest);
        if (*rest)
            return join(names, done, rest, strlen(rest), "", err);
        return add(names, done, err);
    }
    if (!close || close == open + 1)
        return err_set(err, ERR_INVALID, "the range in '%.60s' has no end",
                       rest);
    if (strlen(done) + (size_t)(open - rest) >= sizeof(before))
        return err_set(err, ERR_INVALID, "the name '%.60s' is too long", rest);
    (void)snprintf(before, sizeof(before), "%s%.*s", done, (int)(open - rest),
                   rest);
    for (const char *item = open + 1; code == 0 && item < close;) {
        size_t length = strcspn(item, ",]");

        code = expand_item(names, before, item, length, close + 1, err);
        item += length + 1;
    }
    return code;
}

int range_expand(const char *text, json_t **ret_names, struct err *err)
{
    AUTO_JSON *names = json_array();
    int code = 0;

    if (!names)
        return err_set(err, ERR_NO_MEMORY, "no memory is left");
    while (code == 0) {
        char word[256];
        size_t length = 0;
        int depth = 0;

        /* Commas inside of brackets belong to the range. */
        for (; text[length] && (depth || text[length] != ','); length++)
            depth += (text[length] == '[') - (text[length] == ']');
        if (length == 0 || length >= sizeof(word))
            return err_set(err, ERR_INVALID, "a host's name is missing");
        memcpy(word, text, length);
        word[length] = '\0';
        code = expand(names, "", word, err);
        if (!text[length])
            break;
        text += length + 1;
    }
    if (code == 0)
        *ret_names = TAKE(names);
    return code;
}
