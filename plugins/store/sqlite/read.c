/* SPDX-License-Identifier: Apache-2.0 */
/* get and list. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sqlite.h"

int row_find(struct database *db, const char *key, struct row *ret,
             sqlite3_stmt **ret_statement)
{
    sqlite3_stmt *s = statement_get(db, SQL_GET);
    sqlite3_bind_text(s, 1, key, -1, SQLITE_STATIC);
    int code = sqlite3_step(s);
    *ret_statement = s;
    if (code != SQLITE_ROW) {
        int ended = sqlite3_reset(s);
        return code == SQLITE_DONE ? SQLITE_DONE : ended;
    }
    int bad = row_read(db, s, 0, ret);
    if (!bad && strcmp(ret->key, key))
        bad = database_damaged(db, key);
    if (bad)
        (void)sqlite3_reset(s);
    return bad ? bad : SQLITE_ROW;
}

int read_get(struct database *db, struct request *request)
{
    struct row row;
    sqlite3_stmt *s;
    int code = row_find(db, request->key, &row, &s);
    if (code == SQLITE_DONE) {
        request_fail(request, SLIPWAY_STORE_NOTFOUND, NULL);
        return SQLITE_OK;
    }
    if (code != SQLITE_ROW)
        return code;
    request->items = must(calloc(1, sizeof(*request->items)));
    item_copy(&row, &request->items[0]);
    request->item_count = 1;
    (void)sqlite3_reset(s);
    return SQLITE_OK;
}

/* False when that revision cannot be shown. */
static bool check_revision(struct database *db, struct request *request)
{
    uint64_t at = request->revision;
    if (!at)
        return true;
    char sentence[SENTENCE_BYTES];
    if (at < db->compacted) {
        (void)snprintf(sentence, sizeof(sentence),
                       "history before revision %llu was forgotten",
                       (unsigned long long)db->compacted);
        request_fail(request, SLIPWAY_STORE_COMPACTED, sentence);
        return false;
    }
    if (at > db->revision) {
        (void)snprintf(sentence, sizeof(sentence),
                       "revision %llu is not reached; the newest is %llu",
                       (unsigned long long)at,
                       (unsigned long long)db->revision);
        request_fail(request, SLIPWAY_STORE_UNAVAILABLE, sentence);
        return false;
    }
    return true;
}

/* Takes rows until the limit; one more row than the limit was asked for. */
static int take_rows(struct database *db, sqlite3_stmt *s,
                     struct request *request)
{
    uint64_t bytes = 0;
    int step;
    while ((step = sqlite3_step(s)) == SQLITE_ROW) {
        struct row row;
        int code = row_read(db, s, 0, &row);
        const unsigned char *key = sqlite3_column_text(s, 8);
        if (!code && (!key || strcmp((const char *)key, row.key)))
            code = database_damaged(db, key ? (const char *)key : "");
        if (code) {
            (void)sqlite3_reset(s);
            return code;
        }
        bytes += row.length;
        if (request->item_count == request->limit ||
            (bytes > MAX_LIST_BYTES && request->item_count)) {
            request->more = 1;
            break;
        }
        item_copy(&row, &request->items[request->item_count++]);
    }
    return sqlite3_reset(s);
}

int read_list(struct database *db, struct request *request)
{
    if (!check_revision(db, request))
        return SQLITE_OK;
    bool old = request->revision && request->revision < db->revision;
    sqlite3_stmt *s = statement_get(db, old ? SQL_LIST_AT : SQL_LIST);
    /* No key has a byte 0xff, so this is above all keys with the prefix. */
    size_t length = strlen(request->key);
    char *end = must(malloc(length + 2));
    memcpy(end, request->key, length);
    memcpy(end + length, "\xff", 2);
    sqlite3_bind_text(s, 1, request->key, -1, SQLITE_STATIC);
    sqlite3_bind_text(s, 2, end, -1, SQLITE_STATIC);
    sqlite3_bind_text(s, 3, request->after ? request->after : "", -1,
                      SQLITE_STATIC);
    sqlite3_bind_int64(s, 4, (sqlite3_int64)request->limit + 1);
    if (old)
        sqlite3_bind_int64(s, 5, (sqlite3_int64)request->revision);
    request->items = must(calloc(request->limit, sizeof(*request->items)));
    int code = take_rows(db, s, request);
    (void)sqlite3_clear_bindings(s);
    free(end);
    request->ret_revision =
        request->revision ? request->revision : db->revision;
    return code;
}
