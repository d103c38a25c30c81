/* SPDX-License-Identifier: Apache-2.0 */
#include "core/cli/output.h"

#include <string.h>
#include <time.h>

#include "core/util/buf.h"
#include "core/util/num.h"

#define VALUE_BYTES 512 /* a sentence of an event fits */
#define MAX_COLUMNS 16

/* "progress.permille" of an object. */
static const json_t *find(const json_t *object, const char *path)
{
    char key[64];

    while (object && *path) {
        size_t length = strcspn(path, ".");

        if (length >= sizeof(key))
            return NULL;
        memcpy(key, path, length);
        key[length] = '\0';
        object = json_object_get(object, key);
        path += length + (path[length] == '.');
    }
    return object;
}

static void put_time(const json_t *value, char *out, size_t size)
{
    json_int_t number = json_integer_value(value);
    /* No second of a calendar of ours is that large: milliseconds. */
    time_t seconds = (time_t)(number > 100000000000 ? number / 1000 : number);
    struct tm tm;

    if (number <= 0 || !gmtime_r(&seconds, &tm) ||
        strftime(out, size, "%Y-%m-%d %H:%M:%SZ", &tm) == 0)
        (void)snprintf(out, size, "-");
}

/* The two largest units of a number of seconds. */
static void put_span(const json_t *value, char *out, size_t size)
{
    static const struct {
        const char *name;
        json_int_t s;
    } units[] = {{"d", 86400}, {"h", 3600}, {"min", 60}, {"s", 1}};
    json_int_t left = json_integer_value(value);
    size_t i = 0;

    while (i < 3 && left < units[i].s)
        i++;
    int used = snprintf(out, size, "%lld %s",
                        (long long)(left / units[i].s), units[i].name);
    left %= units[i].s;
    if (i < 3 && left >= units[i + 1].s && used > 0 && (size_t)used < size)
        (void)snprintf(out + used, size - (size_t)used, " %lld %s",
                       (long long)(left / units[i + 1].s), units[i + 1].name);
}

static void put_list(const json_t *value, struct buf *buf)
{
    const json_t *item;
    size_t i;

    json_array_foreach(value, i, item)
    {
        const char *text = json_string_value(item);

        (void)buf_printf(buf, "%s%s", i ? "," : "", text ? text : "...");
    }
}

static void put_labels(const json_t *value, struct buf *buf)
{
    const char *key;
    const json_t *item;

    json_object_foreach((json_t *)(uintptr_t)value, key, item)
    {
        const char *text = json_string_value(item);

        (void)buf_printf(buf, "%s%s=%s", buf->length ? "," : "", key,
                         text ? text : "...");
    }
}

static void put_text(const json_t *value, char *out, size_t size)
{
    AUTO_BUF buf = BUF_INIT(VALUE_BYTES * 4);

    if (json_is_string(value))
        (void)buf_append_text(&buf, json_string_value(value));
    else if (json_is_integer(value))
        (void)buf_printf(&buf, "%lld", (long long)json_integer_value(value));
    else if (json_is_boolean(value))
        (void)buf_append_text(&buf, json_is_true(value) ? "yes" : "no");
    else if (json_is_array(value))
        put_list(value, &buf);
    else if (json_is_object(value))
        put_labels(value, &buf);
    (void)snprintf(out, size, "%.*s", (int)size - 1,
                   buf.length ? buf_text(&buf) : "-");
}

void output_value(const json_t *value, enum column_kind kind, char *out,
                  size_t size)
{
    char text[NUM_SIZE_TEXT_BYTES];

    if (kind == COLUMN_SIZE && json_is_integer(value))
        (void)snprintf(
            out, size, "%s",
            num_format_size((uint64_t)json_integer_value(value), text));
    else if (kind == COLUMN_TIME)
        put_time(value, out, size);
    else if (kind == COLUMN_SPAN && json_is_integer(value))
        put_span(value, out, size);
    else if (kind == COLUMN_PERMILLE && json_is_integer(value))
        (void)snprintf(out, size, "%lld%%",
                       (long long)json_integer_value(value) / 10);
    else
        put_text(value, out, size);
    for (unsigned char *p = (unsigned char *)out; *p; p++) {
        if (*p < 0x20 || *p == 0x7f)
            *p = '?';
    }
}

/* Characters on the screen: continuation bytes of UTF-8 take no room. */
static size_t width(const char *text)
{
    size_t count = 0;

    for (; *text; text++)
        count += ((unsigned char)*text & 0xc0) != 0x80;
    return count;
}

static void put_cell(const char *text, size_t to, bool last)
{
    (void)fputs(text, stdout);
    for (size_t used = width(text); !last && used < to + 2; used++)
        (void)putchar(' ');
}

void output_table(const json_t *items, const struct column *columns)
{
    size_t widths[MAX_COLUMNS] = {0};
    size_t count = 0;
    char text[VALUE_BYTES];
    const json_t *item;
    size_t i;

    for (; columns[count].title && count < MAX_COLUMNS; count++)
        widths[count] = width(columns[count].title);
    json_array_foreach(items, i, item)
    {
        for (size_t c = 0; c < count; c++) {
            output_value(find(item, columns[c].path), columns[c].kind, text,
                         sizeof(text));
            widths[c] = MAX(widths[c], width(text));
        }
    }
    for (size_t c = 0; c < count; c++)
        put_cell(columns[c].title, widths[c], c + 1 == count);
    (void)putchar('\n');
    json_array_foreach(items, i, item)
    {
        for (size_t c = 0; c < count; c++) {
            output_value(find(item, columns[c].path), columns[c].kind, text,
                         sizeof(text));
            put_cell(text, widths[c], c + 1 == count);
        }
        (void)putchar('\n');
    }
}

void output_object(const json_t *object, const struct column *columns)
{
    size_t widest = 0;
    char text[VALUE_BYTES];

    for (size_t c = 0; columns[c].title; c++)
        widest = MAX(widest, width(columns[c].title));
    for (size_t c = 0; columns[c].title; c++) {
        output_value(find(object, columns[c].path), columns[c].kind, text,
                     sizeof(text));
        put_cell(columns[c].title, widest, false);
        (void)puts(text);
    }
}

void output_json(const json_t *json)
{
    AUTO_FREE char *text = json_dumps(json, JSON_INDENT(2) | JSON_SORT_KEYS);

    if (text)
        (void)puts(text);
}
