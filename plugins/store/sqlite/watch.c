/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Watches.  After each batch every watch is told what the log has beyond what
 * it was told before, a page at a time, so that catching up and following are
 * the same thing.
 */
#include <stdlib.h>
#include <string.h>

#include "sqlite.h"

/* One event on its way to the loop. */
struct event {
    struct reply reply; /* first */
    struct watch *watch;
    uint32_t event;
    uint64_t revision;
    bool has_item;
    struct slipway_store_item item;
};

static void event_deliver(struct reply *reply)
{
    struct event *e = (struct event *)reply;
    if (!e->watch->ended)
        e->watch->event(e->watch->arg, e->event, e->has_item ? &e->item : NULL,
                        e->revision);
}

static void event_destroy(struct reply *reply)
{
    struct event *e = (struct event *)reply;
    if (e->has_item)
        item_done(&e->item);
    free(e);
}

static void say(struct watch *watch, uint32_t what, uint64_t revision,
                const struct row *row, struct reply_list *replies)
{
    struct event *e = must(calloc(1, sizeof(*e)));
    e->reply.deliver = event_deliver;
    e->reply.destroy = event_destroy;
    e->watch = watch;
    e->event = what;
    e->revision = revision;
    if (row) {
        item_copy(row, &e->item);
        e->has_item = true;
    }
    reply_list_add(replies, &e->reply);
}

void watch_place(struct database *db, struct watch *watch)
{
    if (watch->from_now)
        watch->told_revision = db->revision;
}

void watch_add(struct store *store, struct watch *watch)
{
    /* The batch that it was placed in may have been undone. */
    if (watch->from_now && watch->told_revision > store->db.revision)
        watch->told_revision = store->db.revision;
    watch->next = store->watches;
    store->watches = watch;
}

void watch_remove(struct store *store, struct watch *watch)
{
    for (struct watch **at = &store->watches; *at; at = &(*at)->next)
        if (*at == watch) {
            *at = watch->next;
            return;
        }
}

/* Tells at most a page; *ret_more when the log has more for it. */
static int tell_page(struct database *db, struct watch *watch,
                     struct reply_list *replies, bool *ret_more)
{
    size_t told = 0, seen = 0;
    size_t prefix = strlen(watch->prefix);
    sqlite3_stmt *s = statement_get(db, SQL_EVENTS);
    sqlite3_bind_int64(s, 1, (sqlite3_int64)watch->told_revision + 1);
    sqlite3_bind_int64(s, 2, (sqlite3_int64)watch->told_seq);
    int code = SQLITE_OK;
    while (sqlite3_step(s) == SQLITE_ROW) {
        struct row row;
        if (seen++ == WATCH_PAGE * 4 || told == WATCH_PAGE) {
            *ret_more = true;
            break;
        }
        code = row_read(db, s, 0, &row);
        if (code)
            break;
        watch->told_revision = row.revision - 1;
        watch->told_seq = row.seq + 1;
        if (strncmp(row.key, watch->prefix, prefix))
            continue;
        say(watch,
            row.op == SLIPWAY_STORE_PUT ? SLIPWAY_STORE_EVENT_PUT
                                        : SLIPWAY_STORE_EVENT_DELETE,
            row.revision, &row, replies);
        told++;
    }
    int ended = sqlite3_reset(s);
    if (code || ended || *ret_more)
        return code ? code : ended;
    watch->told_revision = db->revision;
    watch->told_seq = 0;
    if (told || !watch->started)
        say(watch, SLIPWAY_STORE_EVENT_SYNCED, db->revision, NULL, replies);
    watch->started = true;
    return SQLITE_OK;
}

/* The log no longer has what the watch needs, or never had: a revision of
 * another store, or of this one before a backup was put back. */
static bool is_lost(const struct database *db, const struct watch *watch)
{
    return watch->told_revision < db->compacted ||
           watch->told_revision > db->revision;
}

bool watch_tell(struct store *store, struct reply_list *replies)
{
    struct database *db = &store->db;
    bool more = false;
    for (struct watch *w = store->watches; w && db->sql; w = w->next) {
        if (w->over ||
            (w->started && !w->told_seq && w->told_revision == db->revision))
            continue;
        if (is_lost(db, w)) {
            say(w, SLIPWAY_STORE_EVENT_COMPACTED, db->compacted, NULL, replies);
            w->over = true;
            continue;
        }
        bool again = false;
        int code = tell_page(db, w, replies, &again);
        if (code)
            (void)database_failure(db, code);
        more |= again && !code;
    }
    return more;
}
