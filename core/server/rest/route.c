/* SPDX-License-Identifier: Apache-2.0 */
/* Finding a request's route, and what lists have in common: see route.h. */
#include "core/server/rest/route.h"

#include <stdio.h>
#include <string.h>

#include "core/server/server.h"
#include "core/server/store/store.h"
#include "core/util/macros.h"
#include "core/util/num.h"

/* Percent-decodes one path segment; false when it is too long, broken, empty
 * or holds what no id of ours does. */
static bool decode(const char *text, size_t length, char *out, size_t size)
{
    size_t used = 0;
    for (size_t i = 0; i < length; i++) {
        uint8_t c = (uint8_t)text[i];
        if (c == '%') {
            uint64_t value;
            char hex[3] = {0};
            if (length - i < 3)
                return false;
            memcpy(hex, text + i + 1, 2);
            if (num_parse_hex(hex, 255, &value, NULL) < 0)
                return false;
            c = (uint8_t)value;
            i += 2;
        }
        if (c < 0x20 || c == 0x7f || c == '/' || used + 1 >= size)
            return false;
        out[used++] = (char)c;
    }
    out[used] = '\0';
    return used > 0;
}

/* Compares one segment; a "{name}" takes any and is remembered. */
static bool segment_fits(const char *want, size_t want_length,
                         const char *have, size_t have_length,
                         struct route_match *match)
{
    if (want_length < 2 || want[0] != '{')
        return want_length == have_length &&
               memcmp(want, have, have_length) == 0;
    if (match->value_count == ROUTE_MAX_VALUES)
        return false;
    struct route_value *value = &match->values[match->value_count];
    (void)snprintf(value->name, sizeof(value->name), "%.*s",
                   (int)(want_length - 2), want + 1);
    if (!decode(have, have_length, value->text, sizeof(value->text)))
        return false;
    match->value_count++;
    return true;
}

static bool path_fits(const char *want, const char *have,
                      struct route_match *match)
{
    match->value_count = 0;
    while (*want == '/' && *have == '/') {
        want++;
        have++;
        size_t want_length = strcspn(want, "/");
        size_t have_length = strcspn(have, "/");
        if (!segment_fits(want, want_length, have, have_length, match))
            return false;
        want += want_length;
        have += have_length;
    }
    return *want == '\0' && *have == '\0';
}

static void allow(struct route_match *match, const char *method)
{
    size_t used = strlen(match->allow);
    (void)snprintf(match->allow + used, sizeof(match->allow) - used, "%s%s",
                   used ? ", " : "", method);
}

void route_find(const struct route *table, size_t count, const char *method,
                const char *path, struct route_match *ret)
{
    memset(ret, 0, sizeof(*ret));
    if (strcmp(method, "HEAD") == 0)
        method = "GET";
    for (size_t i = 0; i < count; i++) {
        if (!path_fits(table[i].path, path, ret))
            continue;
        ret->path_known = true;
        if (strcmp(table[i].method, method) == 0) {
            ret->route = &table[i];
            return;
        }
        allow(ret, table[i].method);
    }
    ret->value_count = 0;
}

bool route_word_in(const char *words, const char *word)
{
    size_t length = strlen(word);
    for (const char *at = words; at && *at;) {
        size_t n = strcspn(at, " ");
        if (n == length && strncmp(at, word, n) == 0)
            return true;
        at += n + strspn(at + n, " ");
    }
    return false;
}

const char *route_status(const struct route *route)
{
    if (route->status)
        return route->status;
    return route->reply_schema || route->reply_type ? "200" : "204";
}

bool route_takes_key(const struct route *route)
{
    return strcmp(route->method, "POST") == 0 &&
           route->scope != SCOPE_ENGINE &&
           !(route->flags & (ROUTE_UPLOAD | ROUTE_SECRET));
}

int route_paging(struct request *r, size_t *ret_limit, const char **ret_after)
{
    const char *limit = request_query(r, "limit");
    uint64_t value = ROUTE_LIMIT_DEFAULT;
    struct err err = ERR_INIT;
    if (limit && num_parse_u64(limit, 1, ROUTE_LIMIT_MAX, &value, &err) < 0) {
        request_problem(r, "malformed", "the query argument 'limit': %s",
                        err.text);
        return -1;
    }
    *ret_limit = (size_t)value;
    *ret_after = request_query(r, "after");
    return 0;
}

void route_reply_list(struct request *r, json_t *items, const char *next)
{
    json_t *body = json_pack("{s:o, s:s*}", "items", items, "next", next);
    if (body)
        request_reply(r, 200, body, 0);
    else
        request_problem(r, "internal", "out of memory");
}

struct listing {
    struct request *r;
    const char *prefix;
    route_item *item;
};

static void reply_listing(const struct listing *l, const struct store_doc *docs,
                          size_t count, bool more)
{
    json_t *items = json_array();
    const char *id = NULL;
    for (size_t i = 0; i < count; i++) {
        id = docs[i].key + strlen(l->prefix);
        json_t *item = l->item(l->r, id, docs[i].json);
        if (item)
            (void)json_array_append_new(items, item);
    }
    route_reply_list(l->r, items, more ? id : NULL);
}

static void on_listed(void *arg, const struct store_doc *docs, size_t count,
                      bool more, const struct err *err)
{
    struct listing *l = arg;
    if (err)
        request_fail(l->r, err);
    else
        reply_listing(l, docs, count, more);
    free(l);
}

void route_reply_documents(struct request *r, const char *prefix,
                           route_item *item)
{
    size_t limit;
    const char *after;
    char key[192];
    if (route_paging(r, &limit, &after) < 0)
        return;
    struct listing *l = malloc(sizeof(*l));
    if (!l) {
        request_problem(r, "internal", "out of memory");
        return;
    }
    *l = (struct listing){r, prefix, item};
    (void)snprintf(key, sizeof(key), "%s%s", prefix, after ? after : "");
    store_list(request_server(r)->store, prefix, after ? key : NULL, limit,
               on_listed, l);
}
