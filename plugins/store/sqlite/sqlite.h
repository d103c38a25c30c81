/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The SQLite store from inside.
 *
 * Two threads.  The loop's thread makes requests, queues them, and later hears
 * their completions; the writer's thread alone touches the database, the
 * leases and the catching up of watches.  Between them are two lists below one
 * lock: `requests` towards the writer, `replies` back, each announced through
 * an eventfd.  The lock is never held while anything else is done.
 *
 *   sqlite.c    descriptor, opening, closing, the callbacks of the loop
 *   queue.c     the two lists, the wake-ups, delivery
 *   writer.c    the thread: batches, one transaction for each
 *   database.c  the file: schema, checks at start, statements
 *   row.c       rows, their check sums, items
 *   read.c      get and list
 *   change.c    txn, campaign, compact, revisions
 *   lease.c     leases and their ends
 *   watch.c     watches
 *   backup.c    backup and health
 */
#ifndef SQLITE_STORE_H
#define SQLITE_STORE_H

#include <pthread.h>
#include <stdbool.h>

#include <sqlite3.h>

#include <slipway/store.h>

#define SENTENCE_BYTES 256
#define MAX_QUEUED 16384 /* requests and replies that wait */
#define MAX_BATCH 256    /* requests in one transaction */
#define MAX_LIST 1000
#define MAX_LIST_BYTES (4u << 20) /* a list is cut there, with `more` */
#define WATCH_PAGE 256            /* events told to a watch in one go */
#define MIN_TTL_MS 100u
#define MAX_TTL_MS (24u * 3600 * 1000)
#define MAX_LEASES 4096

/* Something to be told on the loop. */
struct reply {
    struct reply *next;
    /* Calls the completion; not when the store was closed meanwhile. */
    void (*deliver)(struct reply *reply);
    void (*destroy)(struct reply *reply);
};

struct reply_list {
    struct reply *first, **end;
    size_t count;
};

enum request_kind {
    REQUEST_GET,
    REQUEST_LIST,
    REQUEST_TXN,
    REQUEST_LEASE_GRANT,
    REQUEST_LEASE_KEEPALIVE,
    REQUEST_LEASE_REVOKE,
    REQUEST_CAMPAIGN,
    REQUEST_COMPACT,
    REQUEST_BACKUP,
    REQUEST_HEALTH,
    REQUEST_WATCH,
    REQUEST_UNWATCH,
};

struct compare {
    char *key;
    uint32_t what;
    uint64_t revision;
};

struct operation {
    char *key;
    uint32_t op;
    uint64_t lease;
    void *value;
    uint64_t length;
};

/* A watch; the writer's until its UNWATCH reply is on its way, but for
 * `ended`, `event` and `arg`, which are the loop's. */
struct watch {
    struct watch *next;
    struct store *store;
    char *prefix;
    uint64_t told_revision; /* all up to here was told ... */
    uint64_t told_seq;      /* ... and of the next revision this much */
    bool from_now;          /* it was to begin where it stood in the queue */
    bool started;           /* its first SYNCED was said */
    bool over;              /* COMPACTED was said */
    bool ended;             /* unwatched: says nothing any more */
    slipway_store_event *event;
    void *arg;
};

/* A request, which becomes its own reply. */
struct request {
    struct reply reply; /* first */
    enum request_kind kind;
    union {
        slipway_store_done *done;
        slipway_store_got *got;
        slipway_store_listed *listed;
        slipway_store_leased *leased;
    } completion;
    void *arg;

    char *key;   /* key, prefix, name or path */
    char *after; /* list */
    uint64_t limit;
    uint64_t revision; /* list, compact: asked for */
    uint64_t lease;
    uint64_t ttl_ms;
    struct compare *compares;
    uint64_t compare_count;
    struct operation *ops;
    uint64_t op_count;
    struct watch *watch;

    uint32_t result; /* SLIPWAY_STORE_* */
    char sentence[SENTENCE_BYTES];
    uint64_t ret_revision;
    uint64_t ret_lease;
    uint64_t ret_remaining_ms;
    struct slipway_store_item *items;
    uint64_t item_count;
    uint64_t more;
};

struct lease {
    struct lease *next;
    uint64_t id;
    uint64_t ttl_ms;
    uint64_t deadline_ms; /* of CLOCK_BOOTTIME: it also runs while suspended */
};

enum statement {
    SQL_BEGIN,
    SQL_COMMIT,
    SQL_ROLLBACK,
    SQL_GET,
    SQL_LIST,
    SQL_LIST_AT,
    SQL_PUT,
    SQL_DELETE,
    SQL_LOG,
    SQL_EVENTS,
    SQL_META_GET,
    SQL_META_SET,
    SQL_LEASES,
    SQL_LEASE_ADD,
    SQL_LEASE_REMOVE,
    SQL_LEASE_KEYS,
    SQL_COMPACT,
    SQL_CHECK,
    SQL_NEWEST,
    SQL_DANGLING,
    SQL_COUNT,
};

/* Everything that the writer's thread owns. */
struct database {
    char *path;
    sqlite3 *sql;
    sqlite3_stmt *statements[SQL_COUNT];
    uint64_t revision;  /* the newest */
    uint64_t compacted; /* history up to here is gone */
    uint64_t next_lease;
    uint64_t next_seq; /* of the revision that is being made */
    bool changed;      /* the revision being made has changes */
    struct lease *leases;
    size_t lease_count;
    bool corrupt;  /* sticky */
    bool doubtful; /* a commit's fate is unknown: open it again first */
    char sentence[SENTENCE_BYTES]; /* of the last failure */
};

struct store {
    const struct slipway_store_host *host;
    struct database db;
    struct watch *watches; /* the writer's list */

    pthread_mutex_t lock;
    struct reply_list requests;
    struct reply_list replies;
    bool stopping;
    bool told_overload; /* loop only */
    int request_fd;     /* eventfd: the writer should look */
    int reply_fd;       /* eventfd: the loop should look */
    int lease_fd;       /* timerfd of the earliest lease end */
    struct slipway_watch *reply_watch;
    pthread_t writer;
};

/* ---- queue.c ---- */

void reply_list_init(struct reply_list *list);
void reply_list_add(struct reply_list *list, struct reply *reply);
void reply_list_destroy(struct reply_list *list);

/* Loop: a request with its texts copied; never NULL. */
struct request *request_new(enum request_kind kind, const char *key, void *arg);
/* Loop: gives it to the writer, or back at once as UNAVAILABLE when too many
 * wait. */
void request_submit(struct store *store, struct request *request);
/* Records a result; `sentence` may be NULL. */
void request_fail(struct request *request, uint32_t result,
                  const char *sentence);
/* Loop: refuses it without asking the writer. */
void request_refuse(struct store *store, struct request *request,
                    uint32_t result, const char *sentence);
/* Writer: waits for requests, a lease's end or `stopping`; takes at most
 * MAX_BATCH.  False when it is time to end. */
bool queue_take(struct store *store, struct reply_list *ret);
/* Writer: hands replies to the loop. */
void queue_answer(struct store *store, struct reply_list *replies);
/* Loop: delivers what is there. */
void queue_deliver(struct store *store);
/* Memory or the end: without it there is no way to tell anybody. */
void *must(void *memory);

/* ---- writer.c ---- */

void *writer_main(void *store);

/* ---- database.c ---- */

/* Opens, checks and prepares; on failure closes again and leaves why in
 * db->sentence. */
int database_open(struct database *db);
void database_close(struct database *db);
/* A statement, ready to be bound. */
sqlite3_stmt *statement_get(struct database *db, enum statement which);
/* Runs it to its end and resets; SQLITE_DONE is success. */
int statement_run(struct database *db, sqlite3_stmt *statement);
int database_simple(struct database *db, enum statement which);
/* Notes the failure of `code` for people and for later; returns the store's
 * result for it. */
uint32_t database_failure(struct database *db, int code);
/* The stored data contradicts itself at `key`. */
int database_damaged(struct database *db, const char *key);
int meta_set(struct database *db, const char *name, uint64_t value);

/* ---- row.c ---- */

/* One row of the log, borrowed from a statement. */
struct row {
    uint64_t revision, seq;
    const char *key;
    uint32_t op; /* SLIPWAY_STORE_PUT or _DELETE */
    uint64_t create_revision;
    uint64_t lease;
    const void *value;
    uint64_t length;
    uint64_t sum;
};

/* The columns k, rev, seq, op, create_rev, lease, v, sum from `first` on. */
#define ROW_COLUMNS                                                            \
    "log.k, log.rev, log.seq, log.op, log.create_rev, log.lease, log.v, "      \
    "log.sum"
/* SQLITE_OK, or SQLITE_CORRUPT after database_damaged. */
int row_read(struct database *db, sqlite3_stmt *statement, int first,
             struct row *ret);
uint64_t row_sum(const struct row *row);
/* A copy of its key and value in `ret`; freed by item_done. */
void item_copy(const struct row *row, struct slipway_store_item *ret);
void item_done(struct slipway_store_item *item);

/* ---- read.c ---- */

/* The current row of a key: SQLITE_ROW, SQLITE_DONE (there is none) or a
 * failure.  After SQLITE_ROW reset the statement. */
int row_find(struct database *db, const char *key, struct row *ret,
             sqlite3_stmt **ret_statement);
/* Each returns SQLITE_OK, also for results such as NOTFOUND, or a failure of
 * the database that ends the batch. */
int read_get(struct database *db, struct request *request);
int read_list(struct database *db, struct request *request);

/* ---- change.c ---- */

/* Begin and end one revision; end moves it on when something changed. */
void revision_begin(struct database *db);
void revision_end(struct database *db);
int change_put(struct database *db, const struct operation *op);
int change_delete(struct database *db, const char *key);
int change_txn(struct database *db, struct request *request);
int change_campaign(struct database *db, struct request *request);
int change_compact(struct database *db, struct request *request);

/* ---- lease.c ---- */

uint64_t boottime_ms(void);
struct lease *lease_find(struct database *db, uint64_t id);
int lease_load(struct database *db);
void lease_forget_all(struct database *db);
int lease_grant(struct database *db, struct request *request);
int lease_keepalive(struct database *db, struct request *request);
int lease_revoke(struct database *db, struct request *request);
/* True when one has ended. */
bool lease_due(const struct database *db);
/* Ends those whose time is over: their keys go. */
int lease_expire(struct database *db);
/* Sets the timer for the next end. */
void lease_arm(const struct database *db, int timer_fd);

/* ---- watch.c ---- */

/* Inside the batch: what happened before it is not told. */
void watch_place(struct database *db, struct watch *watch);
/* After the batch. */
void watch_add(struct store *store, struct watch *watch);
void watch_remove(struct store *store, struct watch *watch);
/* Tells watches what they have not heard; true when there is more. */
bool watch_tell(struct store *store, struct reply_list *replies);

/* ---- backup.c ---- */

void backup_run(struct database *db, struct request *request);
int health_probe(struct database *db, struct request *request);

#endif
