/* SPDX-License-Identifier: Apache-2.0 */
/* Transactions, campaigns, compaction, and the revisions they make. */
#include <stdio.h>
#include <string.h>

#include "sqlite.h"

void revision_begin(struct database *db)
{
    db->next_seq = 0;
    db->changed = false;
}

void revision_end(struct database *db)
{
    if (db->changed)
        db->revision++;
    db->changed = false;
}

static int add_log(struct database *db, struct row *row)
{
    sqlite3_stmt *s = statement_get(db, SQL_LOG);
    row->revision = db->revision + 1;
    row->seq = db->next_seq++;
    db->changed = true;
    sqlite3_bind_text(s, 1, row->key, -1, SQLITE_STATIC);
    sqlite3_bind_int64(s, 2, (sqlite3_int64)row->revision);
    sqlite3_bind_int64(s, 3, (sqlite3_int64)row->seq);
    sqlite3_bind_int64(s, 4, row->op);
    sqlite3_bind_int64(s, 5, (sqlite3_int64)row->create_revision);
    sqlite3_bind_int64(s, 6, (sqlite3_int64)row->lease);
    sqlite3_bind_blob64(s, 7, row->length ? row->value : "", row->length,
                        SQLITE_STATIC);
    sqlite3_bind_int64(s, 8, (sqlite3_int64)row_sum(row));
    return statement_run(db, s);
}

/* When the key came into being: now, if it is not there. */
static int find_creation(struct database *db, const char *key,
                         uint64_t *ret_revision, bool *ret_found)
{
    struct row row;
    sqlite3_stmt *s;
    int code = row_find(db, key, &row, &s);
    *ret_found = code == SQLITE_ROW;
    *ret_revision = *ret_found ? row.create_revision : db->revision + 1;
    if (*ret_found)
        (void)sqlite3_reset(s);
    return code == SQLITE_ROW || code == SQLITE_DONE ? SQLITE_OK : code;
}

int change_put(struct database *db, const struct operation *op)
{
    struct row row = {.key = op->key,
                      .op = SLIPWAY_STORE_PUT,
                      .lease = op->lease,
                      .value = op->length ? op->value : "",
                      .length = op->length};
    bool found;
    int code = find_creation(db, op->key, &row.create_revision, &found);
    if (!code)
        code = add_log(db, &row);
    if (code)
        return code;
    sqlite3_stmt *s = statement_get(db, SQL_PUT);
    sqlite3_bind_text(s, 1, op->key, -1, SQLITE_STATIC);
    sqlite3_bind_int64(s, 2, (sqlite3_int64)row.revision);
    sqlite3_bind_int64(s, 3, (sqlite3_int64)row.seq);
    sqlite3_bind_int64(s, 4, (sqlite3_int64)op->lease);
    return statement_run(db, s);
}

int change_delete(struct database *db, const char *key)
{
    struct row row = {.key = key, .op = SLIPWAY_STORE_DELETE, .value = ""};
    bool found;
    int code = find_creation(db, key, &row.create_revision, &found);
    if (code || !found)
        return code;
    code = add_log(db, &row);
    if (code)
        return code;
    sqlite3_stmt *s = statement_get(db, SQL_DELETE);
    sqlite3_bind_text(s, 1, key, -1, SQLITE_STATIC);
    return statement_run(db, s);
}

/* Does the comparison hold? */
static int check_compare(struct database *db, const struct compare *compare,
                         bool *ret_holds)
{
    struct row row;
    sqlite3_stmt *s;
    uint64_t found = 0;
    int code = row_find(db, compare->key, &row, &s);
    if (code == SQLITE_ROW) {
        found = compare->what == SLIPWAY_STORE_CREATE_REVISION
                    ? row.create_revision
                    : row.revision;
        (void)sqlite3_reset(s);
    } else if (code != SQLITE_DONE) {
        return code;
    }
    *ret_holds = found == compare->revision;
    return SQLITE_OK;
}

/* All comparisons and the leases that the operations name. */
static int check_txn(struct database *db, struct request *request)
{
    char sentence[SENTENCE_BYTES];
    for (uint64_t i = 0; i < request->compare_count; i++) {
        bool holds = false;
        int code = check_compare(db, &request->compares[i], &holds);
        if (code)
            return code;
        if (!holds) {
            (void)snprintf(sentence, sizeof(sentence),
                           "'%.128s' was changed in the meantime",
                           request->compares[i].key);
            request_fail(request, SLIPWAY_STORE_CONFLICT, sentence);
            return SQLITE_OK;
        }
    }
    for (uint64_t i = 0; i < request->op_count; i++)
        if (request->ops[i].op == SLIPWAY_STORE_PUT && request->ops[i].lease &&
            !lease_find(db, request->ops[i].lease))
            request_fail(request, SLIPWAY_STORE_NOTFOUND,
                         "the lease has ended");
    return SQLITE_OK;
}

int change_txn(struct database *db, struct request *request)
{
    int code = check_txn(db, request);
    revision_begin(db);
    for (uint64_t i = 0;
         !code && request->result == SLIPWAY_STORE_OK && i < request->op_count;
         i++) {
        const struct operation *op = &request->ops[i];
        code = op->op == SLIPWAY_STORE_PUT ? change_put(db, op)
                                           : change_delete(db, op->key);
    }
    revision_end(db);
    request->ret_revision = db->revision;
    return code;
}

int change_campaign(struct database *db, struct request *request)
{
    struct row row;
    sqlite3_stmt *s;
    if (!lease_find(db, request->lease)) {
        request_fail(request, SLIPWAY_STORE_NOTFOUND, "the lease has ended");
        return SQLITE_OK;
    }
    int code = row_find(db, request->key, &row, &s);
    if (code == SQLITE_ROW) {
        /* Ours already: the same answer again. */
        request->ret_revision = row.create_revision;
        if (row.lease != request->lease)
            request_fail(request, SLIPWAY_STORE_CONFLICT,
                         "another lease holds it");
        (void)sqlite3_reset(s);
        return SQLITE_OK;
    }
    if (code != SQLITE_DONE)
        return code;
    struct operation op = {
        .key = request->key, .op = SLIPWAY_STORE_PUT, .lease = request->lease};
    revision_begin(db);
    code = change_put(db, &op);
    revision_end(db);
    request->ret_revision = db->revision;
    return code;
}

int change_compact(struct database *db, struct request *request)
{
    int code = SQLITE_OK;
    request->ret_revision = db->revision;
    if (request->revision > db->revision) {
        request_fail(request, SLIPWAY_STORE_UNAVAILABLE,
                     "that revision is not reached yet");
        return SQLITE_OK;
    }
    if (request->revision <= db->compacted) /* done before */
        return SQLITE_OK;
    sqlite3_stmt *s = statement_get(db, SQL_COMPACT);
    sqlite3_bind_int64(s, 1, (sqlite3_int64)request->revision);
    code = statement_run(db, s);
    if (!code)
        code = meta_set(db, "compacted", request->revision);
    if (!code)
        db->compacted = request->revision;
    return code;
}
