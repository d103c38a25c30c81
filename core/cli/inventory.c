/* SPDX-License-Identifier: Apache-2.0 */
/*
 * slipway host inventory: what was found, part by part.  Nothing here knows
 * what an inventory has: a member that is an object becomes a part with a line
 * for each of its members, a list becomes a table, and names tell units
 * ("size_bytes", "temperature_c").  So a newer action, or a vendor's, is shown
 * as well.
 */
#include <ctype.h>
#include <string.h>

#include "core/cli/output.h"
#include "core/cli/rest.h"
#include "core/util/json.h"

#define MAX_TITLE 40
#define MAX_LINES 64   /* of a part; what is more is in --json */
#define MAX_COLUMNS 12 /* of a table, likewise */

/* Units at the end of a name, and how the value is shown. */
static const struct {
    const char *suffix;
    enum column_kind kind;
    const char *unit; /* added to the title, "" = the value says it */
} units[] = {
    {"_mt_s", COLUMN_TEXT, " (MT/s)"}, {"_mbit", COLUMN_TEXT, " (Mbit/s)"},
    {"_bytes", COLUMN_SIZE, ""},    {"_s", COLUMN_TEXT, " (s)"},
    {"_ms", COLUMN_TEXT, " (ms)"},  {"_mhz", COLUMN_TEXT, " (MHz)"},
    {"_c", COLUMN_TEXT, " (C)"},    {"_percent", COLUMN_TEXT, " (%)"},
    {"_hours", COLUMN_TEXT, " (h)"},
};

/* Parts that one looks for first; the others follow as they come. */
static const char *const first_parts[] = {"system", "board",  "chassis",
                                          "firmware", "tpm",  "cpus",
                                          "cpu",    "memory", "disks",
                                          "ports"};

/* "serial_number" as "serial number", "size_bytes" as "size". */
static enum column_kind make_title(const char *key, bool upper,
                                   char out[MAX_TITLE])
{
    size_t length = strlen(key);
    const char *unit = "";
    enum column_kind kind = COLUMN_TEXT;

    for (size_t i = 0; i < ARRAY_LENGTH(units); i++) {
        size_t tail = strlen(units[i].suffix);
        /* The unit is the whole name: "mhz", "mt_s". */
        if (strcmp(key, units[i].suffix + 1) == 0 && *units[i].unit) {
            (void)snprintf(out, MAX_TITLE, "%.*s",
                           (int)strlen(units[i].unit) - 3, units[i].unit + 2);
            return units[i].kind;
        }
        if (length > tail && strcmp(key + length - tail, units[i].suffix) == 0) {
            length -= tail;
            unit = units[i].unit;
            kind = units[i].kind;
            break;
        }
    }
    (void)snprintf(out, MAX_TITLE, "%.*s%s", (int)length, key, unit);
    for (char *c = out; *c && *c != '('; c++)
        *c = *c == '_' ? ' ' : upper ? (char)toupper((unsigned char)*c) : *c;
    return kind;
}

/* "health": {"status": "good"} becomes a member "health.status", so that
 * tables and lines stay flat; lists of objects become their number. */
static void flatten(const json_t *object, const char *prefix, json_t *out,
                    unsigned depth)
{
    const char *key;
    json_t *value;

    json_object_foreach((json_t *)(uintptr_t)object, key, value)
    {
        char name[128];

        (void)snprintf(name, sizeof(name), "%.60s%s%.60s", prefix,
                       *prefix ? " " : "", key);
        for (char *c = strchr(name, '.'); c; c = strchr(c, '.'))
            *c = ' '; /* a dot is a path to output.h */
        if (json_is_object(value) && depth < 3)
            flatten(value, name, out, depth + 1);
        else if (json_is_object(json_array_get(value, 0)))
            (void)json_object_set_new(
                out, name, json_integer((json_int_t)json_array_size(value)));
        else if (!json_is_null(value))
            (void)json_object_set(out, name, value);
    }
}

/* Columns for every member that any of the items has, in their order. */
struct table {
    struct column columns[MAX_LINES + 1];
    char titles[MAX_LINES][MAX_TITLE];
    size_t count;
    size_t max;
};

static void add_column(struct table *t, const char *key, bool upper)
{
    for (size_t i = 0; i < t->count; i++)
        if (strcmp(t->columns[i].path, key) == 0)
            return;
    if (t->count == t->max)
        return;
    t->columns[t->count].path = key;
    t->columns[t->count].kind = make_title(key, upper, t->titles[t->count]);
    t->columns[t->count].title = t->titles[t->count];
    t->count++;
}

static void print_list(const json_t *list)
{
    struct table t = {.max = MAX_COLUMNS};
    AUTO_JSON *rows = json_array();
    const char *key;
    json_t *item;
    json_t *value;
    size_t i;

    json_array_foreach(list, i, item)
    {
        json_t *row = json_object();

        flatten(item, "", row, 0);
        (void)json_array_append_new(rows, row);
    }
    json_array_foreach(rows, i, item)
        json_object_foreach(item, key, value) add_column(&t, key, true);
    output_table(rows, t.columns);
}

static void print_object(const json_t *object)
{
    struct table t = {.max = MAX_LINES};
    AUTO_JSON *flat = json_object();
    const char *key;
    json_t *value;

    flatten(object, "", flat, 0);
    json_object_foreach(flat, key, value) add_column(&t, key, false);
    output_object(flat, t.columns);
}

static void print_part(const char *name, const json_t *part)
{
    char title[MAX_TITLE];

    if (json_is_null(part) || (json_is_array(part) && !json_array_size(part)))
        return;
    (void)make_title(name, true, title);
    (void)printf("%s\n", title);
    if (json_is_object(part)) {
        print_object(part);
    } else if (json_is_object(json_array_get(part, 0))) {
        print_list(part);
    } else {
        char text[256];

        output_value(part, COLUMN_TEXT, text, sizeof(text));
        (void)puts(text);
    }
    (void)putchar('\n');
}

static void print_inventory(const json_t *inventory)
{
    AUTO_JSON *rest = json_copy((json_t *)(uintptr_t)inventory);
    const char *name;
    json_t *part;

    for (size_t i = 0; i < ARRAY_LENGTH(first_parts); i++) {
        part = json_object_get(rest, first_parts[i]);
        if (!part)
            continue;
        print_part(first_parts[i], part);
        (void)json_object_del(rest, first_parts[i]);
    }
    json_object_foreach(rest, name, part) print_part(name, part);
}

int host_inventory(struct cli *cli)
{
    AUTO_FREE char *path = cli_path(cli, cli->verb->path);
    struct rest_reply reply;
    int code = rest_get(cli, path, &reply);

    if (code == 0 && cli->json)
        output_json(reply.json);
    else if (code == 0)
        print_inventory(reply.json);
    rest_reply_done(&reply);
    return code;
}
