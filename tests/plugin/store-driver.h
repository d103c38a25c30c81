/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Asking a store plugin from a test as if it answered at once: each call runs
 * the loop until the completion has come, and checks that it did not come
 * inside the request.
 */
#ifndef TESTS_PLUGIN_STORE_DRIVER_H
#define TESTS_PLUGIN_STORE_DRIVER_H

#include <stdbool.h>

#include <slipway/store.h>

#include "core/util/loop.h"

#define DRIVER_MAX_ITEMS 1000

struct driver_item {
    char key[SLIPWAY_STORE_MAX_KEY_BYTES + 1];
    uint64_t create_revision, revision, lease, length;
    char *value;
};

/* The last answer. */
struct driver_answer {
    uint32_t result;
    uint64_t revision;
    uint64_t lease, remaining_ms;
    uint64_t more;
    char sentence[300];
    struct driver_item *items;
    size_t count;
};

/* One event of a watch. */
struct driver_event {
    uint32_t event;
    uint64_t revision;
    char key[SLIPWAY_STORE_MAX_KEY_BYTES + 1];
    char *value; /* NULL for a delete and for SYNCED, COMPACTED */
};

struct driver_watch {
    struct driver *driver;
    void *handle;
    struct driver_event *events;
    size_t count;
    uint64_t synced; /* newest SYNCED revision */
    bool compacted;
};

struct driver {
    const struct slipway_store_plugin *plugin;
    struct loop *loop;
    struct slipway_store_host host;
    void *store;
    bool inside;  /* a request is being made */
    bool waiting; /* its completion has not come */
    struct driver_answer answer;
    char why[300]; /* of an open that failed */
};

/* The plugin NAME of the build tree. */
const struct slipway_store_plugin *driver_plugin(const char *name);
/* 0 or the plugin's code, with `why`. */
int driver_open(struct driver *driver,
                const struct slipway_store_plugin *plugin,
                const char *location);
void driver_close(struct driver *driver);

uint32_t driver_get(struct driver *driver, const char *key);
uint32_t driver_list(struct driver *driver, const char *prefix,
                     const char *after, uint64_t limit, uint64_t at_revision);
uint32_t driver_txn(struct driver *driver,
                    const struct slipway_store_compare *compares,
                    uint64_t compare_count, const struct slipway_store_op *ops,
                    uint64_t op_count);
/* One operation without a comparison. */
uint32_t driver_put(struct driver *driver, const char *key, const char *value);
uint32_t driver_put_lease(struct driver *driver, const char *key,
                          const char *value, uint64_t lease);
uint32_t driver_delete(struct driver *driver, const char *key);
uint32_t driver_lease_grant(struct driver *driver, uint64_t ttl_ms);
uint32_t driver_lease_keepalive(struct driver *driver, uint64_t lease);
uint32_t driver_lease_revoke(struct driver *driver, uint64_t lease);
uint32_t driver_campaign(struct driver *driver, const char *name,
                         uint64_t lease);
uint32_t driver_compact(struct driver *driver, uint64_t revision);
uint32_t driver_backup(struct driver *driver, const char *path);
uint32_t driver_health(struct driver *driver);

void driver_watch(struct driver *driver, const char *prefix,
                  uint64_t from_revision, struct driver_watch *ret);
void driver_unwatch(struct driver_watch *watch);
/* Runs the loop until the watch has said SYNCED for `revision` or COMPACTED. */
void driver_wait_synced(struct driver_watch *watch, uint64_t revision);
/* Runs the loop until the watch has told `count` events. */
void driver_wait_events(struct driver_watch *watch, size_t count);

#define COMPARE(k, r)                                                          \
    {                                                                          \
        .size = sizeof(struct slipway_store_compare),                          \
        .what = SLIPWAY_STORE_REVISION, .revision = (r), .key = (k)            \
    }
#define PUT(k, v)                                                              \
    {                                                                          \
        .size = sizeof(struct slipway_store_op), .op = SLIPWAY_STORE_PUT,      \
        .length = strlen(v), .key = (k), .value = (v)                          \
    }
#define DELETE(k)                                                              \
    {                                                                          \
        .size = sizeof(struct slipway_store_op), .op = SLIPWAY_STORE_DELETE,   \
        .key = (k)                                                             \
    }

#endif
