/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Store plugins: the narrow, versioned key-value store that holds slipwayd's
 * durable state.
 *
 * Every request is asynchronous: the call returns at once and `done` runs on
 * the event loop later, never inside the call.  Keys and values are borrowed
 * until the call returns; what a completion hands out is borrowed until it
 * returns.  Revisions are one increasing order per store, from 1.
 */
#ifndef SLIPWAY_STORE_H
#define SLIPWAY_STORE_H

#include <slipway/plugin.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Results of store requests.  UNKNOWN: it may or may not have been done. */
#define SLIPWAY_STORE_OK 0u
#define SLIPWAY_STORE_CONFLICT 1u    /* a comparison did not hold */
#define SLIPWAY_STORE_NOTFOUND 2u
#define SLIPWAY_STORE_UNAVAILABLE 3u /* certainly not done; try again */
#define SLIPWAY_STORE_UNKNOWN 4u
#define SLIPWAY_STORE_COMPACTED 5u   /* that revision is no longer kept */
#define SLIPWAY_STORE_TOOBIG 6u
#define SLIPWAY_STORE_AUTH 7u
#define SLIPWAY_STORE_CORRUPT 8u     /* the stored data is damaged */

#define SLIPWAY_STORE_MAX_VALUE_BYTES 65536u
#define SLIPWAY_STORE_MAX_KEY_BYTES 256u
#define SLIPWAY_STORE_MAX_OPS 64u

struct slipway_timer;
struct slipway_watch;

/* One stored value. */
struct slipway_store_item {
    uint64_t size;            /* the stride */
    uint64_t create_revision; /* when the key came into being */
    uint64_t revision;        /* when it was last changed; 0 = deleted */
    uint64_t length;          /* bytes at value */
    uint64_t lease;           /* 0 = lives until deleted */
    const char *key;          /* NUL-terminated */
    const void *value;        /* NUL-terminated for convenience */
};

SLIPWAY_NO_PADDING(slipway_store_item, 40 + 2 * sizeof(void *));

/* A comparison: the key's revision, with 0 meaning that it does not exist. */
#define SLIPWAY_STORE_REVISION 1u
#define SLIPWAY_STORE_CREATE_REVISION 2u

struct slipway_store_compare {
    uint64_t size; /* the stride */
    uint32_t what; /* SLIPWAY_STORE_REVISION or _CREATE_REVISION */
    uint32_t reserved;
    uint64_t revision;
    const char *key;
    void *reserved2;
};

SLIPWAY_NO_PADDING(slipway_store_compare, 24 + 2 * sizeof(void *));

#define SLIPWAY_STORE_PUT 1u
#define SLIPWAY_STORE_DELETE 2u

struct slipway_store_op {
    uint64_t size; /* the stride */
    uint32_t op;   /* SLIPWAY_STORE_PUT or _DELETE */
    uint32_t reserved;
    uint64_t length; /* bytes at value */
    uint64_t lease;  /* lease that the key dies with, or 0 */
    const char *key;
    const void *value;
};

SLIPWAY_NO_PADDING(slipway_store_op, 32 + 2 * sizeof(void *));

/* Events of a watch. */
#define SLIPWAY_STORE_EVENT_PUT 1u
#define SLIPWAY_STORE_EVENT_DELETE 2u
#define SLIPWAY_STORE_EVENT_SYNCED 3u    /* all up to `revision` was told */
#define SLIPWAY_STORE_EVENT_COMPACTED 4u /* list again; the watch has ended */

/* Completions.  `arg` is the caller's; `sentence` explains a failure or is
 * NULL. */
typedef void slipway_store_done(void *arg, uint32_t result, uint64_t revision,
                                const char *sentence);
typedef void slipway_store_got(void *arg, uint32_t result,
                               const struct slipway_store_item *item,
                               const char *sentence);
/* `more` is 1 when the list was cut by its limit. */
typedef void slipway_store_listed(void *arg, uint32_t result,
                                  const struct slipway_store_item *items,
                                  uint64_t count, uint64_t more,
                                  uint64_t revision, const char *sentence);
typedef void slipway_store_event(void *arg, uint32_t event,
                                 const struct slipway_store_item *item,
                                 uint64_t revision);
/* A lease: its id and what is left of it. */
typedef void slipway_store_leased(void *arg, uint32_t result, uint64_t lease,
                                  uint64_t remaining_ms, const char *sentence);

/* What the host offers.  All on the loop's thread but `post`. */
struct slipway_store_host {
    uint64_t size;
    void *private_data;
    uint64_t (*now_ms)(const struct slipway_store_host *host);
    /* Calls fn(arg) once, `delay_ms` from now. */
    struct slipway_timer *(*timer)(const struct slipway_store_host *host,
                                   uint64_t delay_ms, void (*fn)(void *arg),
                                   void *arg);
    void (*timer_cancel)(const struct slipway_store_host *host,
                         struct slipway_timer *timer);
    /* Any thread: runs fn(arg) on the loop; 0 or SLIPWAY_EINTERNAL. */
    int (*post)(const struct slipway_store_host *host, void (*fn)(void *arg),
                void *arg);
    struct slipway_watch *(*watch_fd)(const struct slipway_store_host *host,
                                      int fd, uint32_t events,
                                      void (*fn)(void *arg, uint32_t events),
                                      void *arg);
    void (*watch_cancel)(const struct slipway_store_host *host,
                         struct slipway_watch *watch);
    /* Any thread. */
    void (*log)(const struct slipway_store_host *host, uint32_t level,
                const char *text);
};

SLIPWAY_NO_PADDING(slipway_store_host, 8 + 8 * sizeof(void *));

struct slipway_store_plugin {
    SLIPWAY_PLUGIN_HEAD;
    /*
     * Opens the store that `location` names (sqlite: an absolute path).
     * Called once before the loop runs and may block; on failure writes a
     * sentence of at most `why_bytes` into `why`.
     */
    int (*open)(const struct slipway_store_host *host, const char *location,
                char *why, uint64_t why_bytes, void **ret_store);
    /* Finishes what was accepted, then frees everything.  May block; pending
     * completions are dropped.  Not from inside a completion. */
    void (*close)(void *store);
    /* NOTFOUND, or OK and the item. */
    void (*get)(void *store, const char *key, slipway_store_got *done,
                void *arg);
    /*
     * Items whose key begins with `prefix` and is greater than `after`
     * (NULL = from the start), in key order, at most `limit` (1..1000), all
     * from one revision: `at_revision`, or the newest when 0.
     */
    void (*list)(void *store, const char *prefix, const char *after,
                 uint64_t limit, uint64_t at_revision,
                 slipway_store_listed *done, void *arg);
    /* All comparisons hold: all operations are done, in one revision. */
    void (*txn)(void *store, const struct slipway_store_compare *compares,
                uint64_t compare_count, const struct slipway_store_op *ops,
                uint64_t op_count, slipway_store_done *done, void *arg);
    /*
     * Tells changes below `prefix` after `from_revision` (0 = from now on).
     * May repeat; says SYNCED when it has caught up.  Returns a handle.
     */
    void *(*watch)(void *store, const char *prefix, uint64_t from_revision,
                   slipway_store_event *event, void *arg);
    void (*unwatch)(void *store, void *watch);
    void (*lease_grant)(void *store, uint64_t ttl_ms,
                        slipway_store_leased *done, void *arg);
    /* NOTFOUND when the lease has ended. */
    void (*lease_keepalive)(void *store, uint64_t lease,
                            slipway_store_leased *done, void *arg);
    void (*lease_revoke)(void *store, uint64_t lease, slipway_store_done *done,
                         void *arg);
    /*
     * Makes `name` belong to `lease` if nobody holds it: OK and the create
     * revision, which is the fencing epoch; CONFLICT while another holds it.
     */
    void (*campaign)(void *store, const char *name, uint64_t lease,
                     slipway_store_done *done, void *arg);
    /* Forgets history up to `revision`. */
    void (*compact)(void *store, uint64_t revision, slipway_store_done *done,
                    void *arg);
    /* Writes a consistent copy to `path`, which must not exist. */
    void (*backup)(void *store, const char *path, slipway_store_done *done,
                   void *arg);
    /* OK when the store can be read and written just now. */
    void (*health)(void *store, slipway_store_done *done, void *arg);
};

SLIPWAY_NO_PADDING(slipway_store_plugin, 32 + 18 * sizeof(void *));

/* Defines the descriptor; members may be given in any order. */
#define SLIPWAY_STORE_PLUGIN(...)                                              \
    extern SLIPWAY_EXPORT const struct slipway_store_plugin                    \
        SLIPWAY_PLUGIN_SYMBOL;                                                 \
    const struct slipway_store_plugin SLIPWAY_PLUGIN_SYMBOL = {                \
        .size = sizeof(struct slipway_store_plugin),                           \
        .major = SLIPWAY_ABI_MAJOR,                                            \
        .level = SLIPWAY_ABI_LEVEL,                                            \
        .kind = SLIPWAY_KIND_STORE,                                            \
        __VA_ARGS__                                                            \
    }

#ifdef __cplusplus
}
#endif

#endif
