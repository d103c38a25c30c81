/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Leases.  Which there are is in the file; when each ends is in memory only,
 * so that keeping one alive costs no write.  After a restart each gets its
 * whole time again: that never ends one too early.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <time.h>

#include "sqlite.h"

#define RETRY_MS 100

uint64_t boottime_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_BOOTTIME, &now); /* cannot fail on Linux */
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

struct lease *lease_find(struct database *db, uint64_t id)
{
    for (struct lease *lease = db->leases; lease; lease = lease->next)
        if (lease->id == id)
            return lease;
    return NULL;
}

static void remember(struct database *db, uint64_t id, uint64_t ttl_ms)
{
    struct lease *lease = must(calloc(1, sizeof(*lease)));
    lease->id = id;
    lease->ttl_ms = ttl_ms;
    lease->deadline_ms = boottime_ms() + ttl_ms;
    lease->next = db->leases;
    db->leases = lease;
    db->lease_count++;
}

static void forget(struct database *db, uint64_t id)
{
    for (struct lease **at = &db->leases; *at; at = &(*at)->next)
        if ((*at)->id == id) {
            struct lease *gone = *at;
            *at = gone->next;
            free(gone);
            db->lease_count--;
            return;
        }
}

void lease_forget_all(struct database *db)
{
    while (db->leases)
        forget(db, db->leases->id);
}

/* Takes the list from the file; those known already keep their ends. */
int lease_load(struct database *db)
{
    struct lease *old = db->leases;
    db->leases = NULL;
    db->lease_count = 0;
    sqlite3_stmt *s = statement_get(db, SQL_LEASES);
    while (sqlite3_step(s) == SQLITE_ROW) {
        remember(db, (uint64_t)sqlite3_column_int64(s, 0),
                 (uint64_t)sqlite3_column_int64(s, 1));
        for (struct lease *l = old; l; l = l->next)
            if (l->id == db->leases->id)
                db->leases->deadline_ms = l->deadline_ms;
    }
    while (old) {
        struct lease *next = old->next;
        free(old);
        old = next;
    }
    return sqlite3_reset(s);
}

int lease_grant(struct database *db, struct request *request)
{
    uint64_t ttl_ms = request->ttl_ms;
    if (ttl_ms < MIN_TTL_MS)
        ttl_ms = MIN_TTL_MS;
    if (ttl_ms > MAX_TTL_MS)
        ttl_ms = MAX_TTL_MS;
    if (db->lease_count >= MAX_LEASES) {
        request_fail(request, SLIPWAY_STORE_UNAVAILABLE,
                     "there are too many leases");
        return SQLITE_OK;
    }
    uint64_t id = db->next_lease;
    sqlite3_stmt *s = statement_get(db, SQL_LEASE_ADD);
    sqlite3_bind_int64(s, 1, (sqlite3_int64)id);
    sqlite3_bind_int64(s, 2, (sqlite3_int64)ttl_ms);
    int code = statement_run(db, s);
    if (!code)
        code = meta_set(db, "next_lease", id + 1);
    if (code)
        return code;
    db->next_lease = id + 1;
    remember(db, id, ttl_ms);
    request->ret_lease = id;
    request->ret_remaining_ms = ttl_ms;
    return SQLITE_OK;
}

int lease_keepalive(struct database *db, struct request *request)
{
    struct lease *lease = lease_find(db, request->lease);
    request->ret_lease = request->lease;
    if (!lease) {
        request_fail(request, SLIPWAY_STORE_NOTFOUND, "the lease has ended");
        return SQLITE_OK;
    }
    lease->deadline_ms = boottime_ms() + lease->ttl_ms;
    request->ret_remaining_ms = lease->ttl_ms;
    return SQLITE_OK;
}

/* Deletes the keys of a lease, in one revision, and the lease. */
static int end_lease(struct database *db, uint64_t id)
{
    int code = SQLITE_OK;
    revision_begin(db);
    while (!code) {
        /* Ask anew each time: the statement must not run while its table
         * changes. */
        sqlite3_stmt *keys = statement_get(db, SQL_LEASE_KEYS);
        sqlite3_bind_int64(keys, 1, (sqlite3_int64)id);
        int step = sqlite3_step(keys);
        const unsigned char *text =
            step == SQLITE_ROW ? sqlite3_column_text(keys, 0) : NULL;
        char *key = text ? must(strdup((const char *)text)) : NULL;
        code = sqlite3_reset(keys);
        if (!key)
            break;
        if (!code)
            code = change_delete(db, key);
        free(key);
    }
    revision_end(db);
    if (code)
        return code;
    sqlite3_stmt *s = statement_get(db, SQL_LEASE_REMOVE);
    sqlite3_bind_int64(s, 1, (sqlite3_int64)id);
    code = statement_run(db, s);
    if (!code)
        forget(db, id);
    return code;
}

int lease_revoke(struct database *db, struct request *request)
{
    int code = SQLITE_OK;
    if (lease_find(db, request->lease))
        code = end_lease(db, request->lease);
    else
        request_fail(request, SLIPWAY_STORE_NOTFOUND, "the lease has ended");
    request->ret_revision = db->revision;
    return code;
}

bool lease_due(const struct database *db)
{
    uint64_t now = boottime_ms();
    for (const struct lease *l = db->leases; l; l = l->next)
        if (l->deadline_ms <= now)
            return true;
    return false;
}

int lease_expire(struct database *db)
{
    uint64_t now = boottime_ms();
    struct lease *lease = db->leases;
    int code = SQLITE_OK;
    while (!code && lease) {
        struct lease *next = lease->next;
        if (lease->deadline_ms <= now)
            code = end_lease(db, lease->id);
        lease = next;
    }
    return code;
}

void lease_arm(const struct database *db, int timer_fd)
{
    uint64_t first = 0;
    for (const struct lease *l = db->leases; l; l = l->next)
        if (!first || l->deadline_ms < first)
            first = l->deadline_ms;
    /* A millisecond later than the end, so that it has come by then; one that
     * could not be ended just now (a full disk) is tried again a little later.
     * All zero takes the timer down. */
    uint64_t now = boottime_ms();
    if (first)
        first = first <= now ? now + RETRY_MS : first + 1;
    struct itimerspec when = {
        .it_value = {.tv_sec = (time_t)(first / 1000),
                     .tv_nsec = (long)(first % 1000) * 1000000}};
    /* Cannot fail for a descriptor and values like these. */
    (void)timerfd_settime(timer_fd, TFD_TIMER_ABSTIME, &when, NULL);
}
