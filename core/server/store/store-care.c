/* SPDX-License-Identifier: Apache-2.0 */
/* Looking after a store: health, compaction.  See store.h. */
#include "core/server/store/store-internal.h"

#include "core/util/log.h"
#include "core/util/macros.h"

struct health_check {
    struct request_link link; /* first */
    store_done *done;
    void *arg;
};

static void health_destroy(struct request_link *link)
{
    free(link);
}

static void on_health(void *arg, uint32_t result, uint64_t revision,
                      const char *sentence)
{
    struct health_check *check = arg;
    struct err err = ERR_INIT;
    store_done *done = check->done;
    void *done_arg = check->arg;
    if (result != SLIPWAY_STORE_OK)
        store_failure(&err, result, "health", sentence);
    store_link_remove(&check->link);
    free(check);
    done(done_arg, revision, err.code ? &err : NULL);
}

void store_health(struct store *store, store_done *done, void *arg)
{
    struct health_check *check = calloc(1, sizeof(*check));
    if (!check)
        abort();
    check->done = done;
    check->arg = arg;
    check->link.destroy = health_destroy;
    store_link_add(store, &check->link);
    store->plugin->health(store->handle, on_health, check);
}

/* ---- compaction ---- */

struct compaction {
    struct request_link link; /* first */
    struct store *store;
    uint64_t keep;
};

static void compaction_destroy(struct request_link *link)
{
    free(link);
}

static void compaction_end(struct compaction *c)
{
    store_link_remove(&c->link);
    compaction_destroy(&c->link);
}

static void on_compacted(void *arg, uint32_t result, uint64_t revision,
                         const char *sentence)
{
    (void)revision;
    if (result != SLIPWAY_STORE_OK)
        log_warn("the store keeps its whole history for now: %s",
                 sentence ? sentence : "it gave no reason");
    compaction_end(arg);
}

static void on_newest(void *arg, uint32_t result,
                      const struct slipway_store_item *items, uint64_t count,
                      uint64_t more, uint64_t revision, const char *sentence)
{
    struct compaction *c = arg;
    (void)items;
    (void)count;
    (void)more;
    (void)sentence;
    if (result != SLIPWAY_STORE_OK || revision <= c->keep) {
        compaction_end(c);
        return;
    }
    c->store->plugin->compact(c->store->handle, revision - c->keep,
                              on_compacted, c);
}

void store_compact(struct store *store, uint64_t keep)
{
    struct compaction *c = calloc(1, sizeof(*c));
    if (!c)
        return; /* the next time */
    c->store = store;
    c->keep = keep;
    c->link.destroy = compaction_destroy;
    store_link_add(store, &c->link);
    store->plugin->list(store->handle, "/v1/", NULL, 1, 0, on_newest, c);
}
