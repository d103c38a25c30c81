/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file: one connection with an exclusive lock, write-ahead log, each
 * commit behind an fsync; checked as a whole when it is opened.
 *
 * `log` has every change since the last compaction and the newest row of
 * every living key; `kv` says which row is a key's newest.  Each log row
 * carries a check sum.
 */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sqlite.h"

#define APPLICATION_ID 0x534c5057 /* "SLPW" */
#define SCHEMA_VERSION 1

static const char schema[] =
    "CREATE TABLE meta(name TEXT PRIMARY KEY, value INTEGER NOT NULL)"
    " WITHOUT ROWID;"
    "CREATE TABLE kv(k TEXT PRIMARY KEY, rev INTEGER NOT NULL,"
    " seq INTEGER NOT NULL, lease INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE INDEX kv_lease ON kv(lease) WHERE lease <> 0;"
    "CREATE TABLE log(rev INTEGER NOT NULL, seq INTEGER NOT NULL,"
    " k TEXT NOT NULL, op INTEGER NOT NULL, create_rev INTEGER NOT NULL,"
    " lease INTEGER NOT NULL, v BLOB NOT NULL, sum INTEGER NOT NULL,"
    " PRIMARY KEY(rev, seq)) WITHOUT ROWID;"
    "CREATE INDEX log_key ON log(k, rev, seq);"
    "CREATE TABLE lease(id INTEGER PRIMARY KEY, ttl_ms INTEGER NOT NULL);"
    "INSERT INTO meta VALUES('revision', 0), ('compacted', 0),"
    " ('next_lease', 1), ('probe', 0);"
    "PRAGMA application_id = 1397510231;"
    "PRAGMA user_version = 1;";

static const char pragmas[] =
    "PRAGMA locking_mode = EXCLUSIVE;" /* and no shared-memory file */
    "PRAGMA journal_mode = WAL;"
    "PRAGMA synchronous = FULL;"
    "PRAGMA mmap_size = 0;"
    "PRAGMA trusted_schema = OFF;"
    "PRAGMA secure_delete = ON;" /* values may hold secrets' hashes */
    "PRAGMA cell_size_check = ON;"
    "PRAGMA journal_size_limit = 8388608;"
    "PRAGMA cache_size = -4096;";

/* A key's newest row in log. */
#define CURRENT "FROM kv LEFT JOIN log ON log.rev = kv.rev AND log.seq = kv.seq"

static const char *const texts[SQL_COUNT] = {
    [SQL_BEGIN] = "BEGIN",
    [SQL_COMMIT] = "COMMIT",
    [SQL_ROLLBACK] = "ROLLBACK",
    [SQL_GET] = "SELECT " ROW_COLUMNS " " CURRENT " WHERE kv.k = ?1",
    [SQL_LIST] = "SELECT " ROW_COLUMNS ", kv.k " CURRENT
                 " WHERE kv.k >= ?1 AND kv.k < ?2 AND kv.k > ?3"
                 " ORDER BY kv.k LIMIT ?4",
    [SQL_LIST_AT] =
        "SELECT " ROW_COLUMNS ", log.k FROM log WHERE log.k >= ?1"
        " AND log.k < ?2 AND log.k > ?3 AND log.rev <= ?5 AND log.op = 1"
        " AND NOT EXISTS (SELECT 1 FROM log AS n WHERE n.k = log.k"
        " AND n.rev <= ?5 AND (n.rev, n.seq) > (log.rev, log.seq))"
        " ORDER BY log.k LIMIT ?4",
    [SQL_PUT] = "INSERT INTO kv(k, rev, seq, lease) VALUES(?1, ?2, ?3, ?4)"
                " ON CONFLICT(k) DO UPDATE SET rev = excluded.rev,"
                " seq = excluded.seq, lease = excluded.lease",
    [SQL_DELETE] = "DELETE FROM kv WHERE k = ?1",
    [SQL_LOG] = "INSERT INTO log(k, rev, seq, op, create_rev, lease, v, sum)"
                " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    [SQL_EVENTS] = "SELECT " ROW_COLUMNS " FROM log"
                   " WHERE (rev, seq) >= (?1, ?2) ORDER BY rev, seq",
    [SQL_META_GET] = "SELECT value FROM meta WHERE name = ?1",
    [SQL_META_SET] = "UPDATE meta SET value = ?2 WHERE name = ?1",
    [SQL_LEASES] = "SELECT id, ttl_ms FROM lease ORDER BY id",
    [SQL_LEASE_ADD] = "INSERT INTO lease(id, ttl_ms) VALUES(?1, ?2)",
    [SQL_LEASE_REMOVE] = "DELETE FROM lease WHERE id = ?1",
    [SQL_LEASE_KEYS] = "SELECT k FROM kv WHERE lease = ?1 AND lease <> 0"
                       " ORDER BY k",
    /* Rows that no list at a kept revision can show any more. */
    [SQL_COMPACT] = "DELETE FROM log WHERE rev <= ?1 AND (op = 2 OR EXISTS"
                    " (SELECT 1 FROM log AS n WHERE n.k = log.k AND n.rev <= ?1"
                    " AND (n.rev, n.seq) > (log.rev, log.seq)))",
    [SQL_CHECK] = "SELECT " ROW_COLUMNS " FROM log",
    [SQL_NEWEST] = "SELECT coalesce(max(rev), 0) FROM log",
    [SQL_DANGLING] =
        "SELECT kv.k " CURRENT " WHERE log.k IS NOT kv.k OR log.op <> 1"
        " OR log.lease <> kv.lease LIMIT 1",
};

uint32_t database_failure(struct database *db, int code)
{
    int primary = code & 0xff;
    const char *why = sqlite3_errstr(code);
    if (db->corrupt || primary == SQLITE_CORRUPT || primary == SQLITE_NOTADB) {
        if (!db->corrupt)
            (void)snprintf(db->sentence, sizeof(db->sentence),
                           "the store's file '%s' is damaged (%s); stop the "
                           "server and put a backup in its place",
                           db->path, why);
        db->corrupt = true;
        return SLIPWAY_STORE_CORRUPT;
    }
    if (primary == SQLITE_FULL)
        (void)snprintf(db->sentence, sizeof(db->sentence),
                       "the disk that holds the store '%s' is full; make "
                       "room and try again",
                       db->path);
    else
        (void)snprintf(db->sentence, sizeof(db->sentence),
                       "the store '%s' cannot be used just now: %s", db->path,
                       why);
    return SLIPWAY_STORE_UNAVAILABLE;
}

int database_damaged(struct database *db, const char *key)
{
    if (!db->corrupt)
        (void)snprintf(db->sentence, sizeof(db->sentence),
                       "the store's file '%s' is damaged at '%.64s'; stop "
                       "the server and put a backup in its place",
                       db->path, key);
    db->corrupt = true;
    return SQLITE_CORRUPT;
}

sqlite3_stmt *statement_get(struct database *db, enum statement which)
{
    return db->statements[which];
}

int statement_run(struct database *db, sqlite3_stmt *statement)
{
    (void)db;
    (void)sqlite3_step(statement); /* reset returns its failure */
    int code = sqlite3_reset(statement);
    (void)sqlite3_clear_bindings(statement); /* never fails */
    return code;
}

int database_simple(struct database *db, enum statement which)
{
    return statement_run(db, statement_get(db, which));
}

int meta_set(struct database *db, const char *name, uint64_t value)
{
    sqlite3_stmt *s = statement_get(db, SQL_META_SET);
    sqlite3_bind_text(s, 1, name, -1, SQLITE_STATIC);
    sqlite3_bind_int64(s, 2, (sqlite3_int64)value);
    return statement_run(db, s);
}

/* A number of the meta table, at least `least`. */
static int meta_get(struct database *db, const char *name, uint64_t least,
                    uint64_t *ret)
{
    sqlite3_stmt *s = statement_get(db, SQL_META_GET);
    sqlite3_bind_text(s, 1, name, -1, SQLITE_STATIC);
    int code = sqlite3_step(s);
    sqlite3_int64 value = sqlite3_column_int64(s, 0);
    sqlite3_reset(s);
    if (code != SQLITE_ROW && code != SQLITE_DONE)
        return code;
    if (code == SQLITE_DONE || value < 0 || (uint64_t)value < least)
        return database_damaged(db, name);
    *ret = (uint64_t)value;
    return SQLITE_OK;
}

/* The first column of the first row, as a number. */
static int ask_number(struct database *db, const char *text, sqlite3_int64 *ret)
{
    sqlite3_stmt *s = NULL;
    int code = sqlite3_prepare_v2(db->sql, text, -1, &s, NULL);
    if (!code)
        code = sqlite3_step(s);
    *ret = code == SQLITE_ROW ? sqlite3_column_int64(s, 0) : 0;
    int ended = sqlite3_finalize(s);
    return code == SQLITE_ROW ? SQLITE_OK : ended;
}

/* The creator of the file and its folder's entry must both outlive a power
 * cut; SQLite syncs the folder for its journals only. */
static int make_file(struct database *db)
{
    int fd = open(db->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return errno == EEXIST ? SQLITE_OK : SQLITE_CANTOPEN;
    char *copy = must(strdup(db->path));
    int folder = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int failed = fsync(fd) || folder < 0 || fsync(folder);
    (void)close(fd);
    if (folder >= 0)
        (void)close(folder);
    free(copy);
    return failed ? SQLITE_IOERR_FSYNC : SQLITE_OK;
}

static int check_identity(struct database *db)
{
    sqlite3_int64 id = 0, version = 0, tables = 0;
    int code = ask_number(db, "PRAGMA application_id", &id);
    if (!code)
        code = ask_number(db, "PRAGMA user_version", &version);
    if (!code)
        code = ask_number(db, "SELECT count(*) FROM sqlite_schema", &tables);
    if (code)
        return code;
    if (!id && !version && !tables) {
        /* A crash in here leaves nothing: it is one transaction. */
        code = sqlite3_exec(db->sql, "BEGIN IMMEDIATE", NULL, NULL, NULL);
        if (!code)
            code = sqlite3_exec(db->sql, schema, NULL, NULL, NULL);
        return code ? code : sqlite3_exec(db->sql, "COMMIT", NULL, NULL, NULL);
    }
    if (id != APPLICATION_ID) {
        (void)snprintf(db->sentence, sizeof(db->sentence),
                       "'%s' is a database of another program; name another "
                       "file",
                       db->path);
        return SQLITE_MISUSE;
    }
    if (version != SCHEMA_VERSION) {
        (void)snprintf(db->sentence, sizeof(db->sentence),
                       "'%s' was written by another version of Slipway "
                       "(schema %lld, this one knows %d); upgrade Slipway",
                       db->path, (long long)version, SCHEMA_VERSION);
        return SQLITE_MISUSE;
    }
    return SQLITE_OK;
}

/* SQLite's own check of its structures.  The quick one would leave out whether
 * the indexes agree with their tables. */
static int check_structures(struct database *db)
{
    sqlite3_stmt *s = NULL;
    int code =
        sqlite3_prepare_v2(db->sql, "PRAGMA integrity_check(1)", -1, &s, NULL);
    if (!code)
        code = sqlite3_step(s);
    const unsigned char *word =
        code == SQLITE_ROW ? sqlite3_column_text(s, 0) : NULL;
    bool sound = word && !strcmp((const char *)word, "ok");
    (void)sqlite3_finalize(s); /* its failure is in `code` */
    if (code != SQLITE_ROW)
        return code;
    return sound ? SQLITE_OK : SQLITE_CORRUPT;
}

/* Our check of the rows' contents and of what refers to them. */
static int check_rows(struct database *db)
{
    struct row row;
    sqlite3_stmt *s = statement_get(db, SQL_CHECK);
    int code = SQLITE_OK, step;
    while (!code && (step = sqlite3_step(s)) == SQLITE_ROW)
        code = row_read(db, s, 0, &row);
    int ended = sqlite3_reset(s);
    if (code || ended)
        return code ? code : ended;
    s = statement_get(db, SQL_DANGLING);
    step = sqlite3_step(s);
    if (step == SQLITE_ROW) {
        const unsigned char *key = sqlite3_column_text(s, 0);
        code = database_damaged(db, key ? (const char *)key : "");
    }
    ended = sqlite3_reset(s);
    return code ? code : ended;
}

static int load_numbers(struct database *db)
{
    uint64_t newest;
    sqlite3_stmt *s = statement_get(db, SQL_NEWEST);
    int code = sqlite3_step(s) == SQLITE_ROW ? SQLITE_OK : SQLITE_ERROR;
    newest = (uint64_t)sqlite3_column_int64(s, 0);
    int ended = sqlite3_reset(s);
    if (ended)
        return ended;
    if (!code)
        code = meta_get(db, "revision", newest, &db->revision);
    if (!code)
        code = meta_get(db, "compacted", 0, &db->compacted);
    if (!code)
        code = meta_get(db, "next_lease", 1, &db->next_lease);
    if (!code && db->compacted > db->revision)
        code = database_damaged(db, "compacted");
    return code ? code : lease_load(db);
}

static int prepare_all(struct database *db)
{
    int code = SQLITE_OK;
    for (int i = 0; !code && i < SQL_COUNT; i++)
        code =
            sqlite3_prepare_v3(db->sql, texts[i], -1, SQLITE_PREPARE_PERSISTENT,
                               &db->statements[i], NULL);
    return code;
}

static int open_checked(struct database *db)
{
    int code = make_file(db);
    if (!code)
        code = sqlite3_open_v2(db->path, &db->sql,
                               SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX |
                                   SQLITE_OPEN_NOFOLLOW,
                               NULL);
    if (!code)
        code = sqlite3_extended_result_codes(db->sql, 1);
    if (!code)
        code = sqlite3_db_config(db->sql, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    if (!code)
        code = sqlite3_exec(db->sql, pragmas, NULL, NULL, NULL);
    if (!code)
        code = check_identity(db);
    if (!code)
        code = check_structures(db);
    if (!code)
        code = prepare_all(db);
    if (!code)
        code = check_rows(db);
    return code ? code : load_numbers(db);
}

int database_open(struct database *db)
{
    db->sentence[0] = 0;
    int code = open_checked(db);
    if (!code) {
        db->doubtful = false;
        return 0;
    }
    if ((code & 0xff) == SQLITE_BUSY)
        (void)snprintf(db->sentence, sizeof(db->sentence),
                       "the store '%s' is in use by another process; only "
                       "one server may open it",
                       db->path);
    else if (code == SQLITE_CANTOPEN && !db->sql)
        (void)snprintf(db->sentence, sizeof(db->sentence),
                       "cannot make the store's file '%s': %s", db->path,
                       strerrordesc_np(errno));
    else if (!db->sentence[0])
        (void)database_failure(db, code);
    database_close(db);
    return code;
}

void database_close(struct database *db)
{
    for (int i = 0; i < SQL_COUNT; i++) {
        (void)sqlite3_finalize(db->statements[i]);
        db->statements[i] = NULL;
    }
    /* Closing the last connection also moves the log into the file. */
    (void)sqlite3_close(db->sql);
    db->sql = NULL;
    lease_forget_all(db);
}
