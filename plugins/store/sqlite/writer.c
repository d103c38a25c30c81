/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The writer's thread: takes what waits, does it in one transaction, and
 * answers after its commit (group commit: one fsync for many requests).
 *
 * When the transaction fails nothing of it was done, unless it is the sync of
 * the commit that failed: then nobody can say, every change of the batch is
 * UNKNOWN, and the file is opened anew, which settles it for what follows.
 */
#include <stdio.h>
#include <stdlib.h>

#include "sqlite.h"

static bool is_read(const struct request *request)
{
    return request->kind == REQUEST_GET || request->kind == REQUEST_LIST;
}

static int run_one(struct store *store, struct request *request)
{
    struct database *db = &store->db;
    switch (request->kind) {
    case REQUEST_GET:
        return read_get(db, request);
    case REQUEST_LIST:
        return read_list(db, request);
    case REQUEST_TXN:
        return change_txn(db, request);
    case REQUEST_LEASE_GRANT:
        return lease_grant(db, request);
    case REQUEST_LEASE_KEEPALIVE:
        return lease_keepalive(db, request);
    case REQUEST_LEASE_REVOKE:
        return lease_revoke(db, request);
    case REQUEST_CAMPAIGN:
        return change_campaign(db, request);
    case REQUEST_COMPACT:
        return change_compact(db, request);
    case REQUEST_HEALTH:
        return health_probe(db, request);
    case REQUEST_WATCH:
        watch_place(db, request->watch);
        break;
    case REQUEST_BACKUP: /* not inside a transaction: see run_others */
    case REQUEST_UNWATCH:
        break;
    }
    return SQLITE_OK;
}

/* Forgets what a request has found, so that it can be done again. */
static void reset_request(struct request *request)
{
    for (uint64_t i = 0; i < request->item_count; i++)
        item_done(&request->items[i]);
    free(request->items);
    request->items = NULL;
    request->item_count = 0;
    request->more = 0;
    request_fail(request, SLIPWAY_STORE_OK, NULL);
}

/* Ends the transaction.  True when it may have been done after all. */
static bool give_up(struct database *db, int code, bool committing)
{
    int primary = code & 0xff;
    bool unsure = committing && primary == SQLITE_IOERR;
    if (!sqlite3_get_autocommit(db->sql))
        (void)database_simple(db, SQL_ROLLBACK); /* fails only when closed */
    db->doubtful |= unsure;
    return unsure;
}

/* All requests of a batch in one transaction.  Returns SQLITE_OK or why
 * nothing was done; *ret_unsure when it may have been. */
static int run_batch(struct store *store, struct reply_list *batch,
                     bool reads_only, bool *ret_unsure)
{
    struct database *db = &store->db;
    uint64_t revision = db->revision, compacted = db->compacted;
    uint64_t next_lease = db->next_lease;
    int code = database_simple(db, SQL_BEGIN);
    bool committing = false;
    if (!code && !reads_only)
        code = lease_expire(db);
    for (struct reply *r = batch->first; !code && r; r = r->next)
        if (!reads_only || is_read((struct request *)r))
            code = run_one(store, (struct request *)r);
    if (!code && db->revision != revision)
        code = meta_set(db, "revision", db->revision);
    if (!code) {
        committing = true;
        code = database_simple(db, SQL_COMMIT);
    }
    if (!code)
        return SQLITE_OK;
    *ret_unsure = give_up(db, code, committing);
    db->revision = revision;
    db->compacted = compacted;
    db->next_lease = next_lease;
    (void)lease_load(db); /* a failure shows in the next batch */
    return code;
}

static void fail_batch(struct reply_list *batch, bool reads, bool changes,
                       uint32_t result, const char *sentence)
{
    for (struct reply *r = batch->first; r; r = r->next) {
        struct request *request = (struct request *)r;
        if (is_read(request) ? !reads : !changes)
            continue;
        reset_request(request);
        request_fail(request, result, sentence);
    }
}

/* A batch whose transaction failed: its changes get the truth, its reads a
 * second chance, because a full disk can still be read. */
static void answer_failure(struct store *store, struct reply_list *batch,
                           int code, bool unsure)
{
    struct database *db = &store->db;
    uint32_t result = database_failure(db, code);
    char sentence[SENTENCE_BYTES];
    (void)snprintf(sentence, sizeof(sentence), "%s", db->sentence);
    store->host->log(store->host, SLIPWAY_LOG_ERROR, sentence);
    if (result == SLIPWAY_STORE_CORRUPT || unsure) {
        fail_batch(batch, true, false,
                   unsure ? SLIPWAY_STORE_UNAVAILABLE : result, sentence);
        fail_batch(batch, false, true, unsure ? SLIPWAY_STORE_UNKNOWN : result,
                   sentence);
        return;
    }
    fail_batch(batch, false, true, result, sentence);
    for (struct reply *r = batch->first; r; r = r->next)
        if (is_read((struct request *)r))
            reset_request((struct request *)r);
    bool ignored = false;
    int again = run_batch(store, batch, true, &ignored);
    if (again)
        fail_batch(batch, true, false, database_failure(db, again),
                   db->sentence);
}

/* The parts of a batch that are not work for a transaction. */
static void run_others(struct store *store, struct reply_list *batch)
{
    for (struct reply *r = batch->first; r; r = r->next) {
        struct request *request = (struct request *)r;
        if (request->kind == REQUEST_WATCH)
            watch_add(store, request->watch);
        else if (request->kind == REQUEST_UNWATCH)
            watch_remove(store, request->watch);
        else if (request->kind == REQUEST_BACKUP &&
                 request->result == SLIPWAY_STORE_OK && store->db.sql)
            backup_run(&store->db, request);
    }
}

/* True when the file can be used. */
static bool make_ready(struct database *db)
{
    if (db->corrupt)
        return false;
    if (db->doubtful && db->sql)
        database_close(db);
    return db->sql || !database_open(db);
}

static void serve(struct store *store, struct reply_list *batch)
{
    struct database *db = &store->db;
    if (!make_ready(db)) {
        fail_batch(batch, true, true,
                   db->corrupt ? SLIPWAY_STORE_CORRUPT
                               : SLIPWAY_STORE_UNAVAILABLE,
                   db->sentence);
    } else if (batch->first || lease_due(db)) {
        bool unsure = false;
        int code = run_batch(store, batch, false, &unsure);
        if (code)
            answer_failure(store, batch, code, unsure);
    }
    run_others(store, batch);
}

void *writer_main(void *arg)
{
    struct store *store = arg;
    struct reply_list batch;
    reply_list_init(&batch);
    lease_arm(&store->db, store->lease_fd);
    while (queue_take(store, &batch)) {
        serve(store, &batch);
        queue_answer(store, &batch);
        bool more;
        do {
            more = watch_tell(store, &batch);
            queue_answer(store, &batch);
        } while (more);
        lease_arm(&store->db, store->lease_fd);
    }
    return NULL;
}
