/* SPDX-License-Identifier: Apache-2.0 */
/* See faulty-store.h.  Every completion goes through a `struct call`, which
 * keeps what the inner store said until its delay is over. */
#include "tests/lib/faulty-store.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum shape { SHAPE_DONE, SHAPE_GOT, SHAPE_LISTED, SHAPE_LEASED };

struct faulty {
    const struct slipway_store_host *host;
    void *inner;
    struct call *calls; /* not yet told, oldest first */
    struct call **end;
    struct slipway_timer *timer;
};

struct call {
    struct call *next;
    struct faulty *store;
    enum shape shape;
    union {
        slipway_store_done *done;
        slipway_store_got *got;
        slipway_store_listed *listed;
        slipway_store_leased *leased;
    } completion;
    void *arg;
    bool lie;      /* say UNKNOWN whatever became of it */
    bool answered; /* the inner store has said something */
    uint64_t due_ms;
    uint32_t result;
    uint64_t number; /* revision or lease */
    uint64_t remaining_ms;
    struct slipway_store_item *items;
    uint64_t count, more;
    char sentence[128];
};

static const struct slipway_store_plugin *inner;
static struct slipway_store_plugin wrapper;
static struct faulty_store_spec spec;
static struct faulty_store_counts counts;
static uint64_t random_state = 1;

static uint64_t next_random(uint64_t below)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return below ? random_state % below : 0;
}

static void call_free(struct call *call)
{
    for (uint64_t i = 0; i < call->count; i++) {
        free((void *)(uintptr_t)call->items[i].key);
        free((void *)(uintptr_t)call->items[i].value);
    }
    free(call->items);
    free(call);
}

static void call_tell(struct call *call)
{
    const char *sentence = call->sentence[0] ? call->sentence : NULL;
    switch (call->shape) {
    case SHAPE_DONE:
        call->completion.done(call->arg, call->result, call->number, sentence);
        break;
    case SHAPE_GOT:
        call->completion.got(call->arg, call->result,
                             call->count ? call->items : NULL, sentence);
        break;
    case SHAPE_LISTED:
        call->completion.listed(call->arg, call->result, call->items,
                                call->count, call->more, call->number,
                                sentence);
        break;
    case SHAPE_LEASED:
        call->completion.leased(call->arg, call->result, call->number,
                                call->remaining_ms, sentence);
    }
}

static void tell_due(void *arg);

static void arm(struct faulty *store)
{
    if (store->timer || !store->calls || !store->calls->answered)
        return;
    uint64_t now = store->host->now_ms(store->host);
    uint64_t due = store->calls->due_ms;
    store->timer = store->host->timer(store->host, due > now ? due - now : 0,
                                      tell_due, store);
}

/* Tells what is due, in the order of asking. */
static void tell_due(void *arg)
{
    struct faulty *store = arg;
    store->timer = NULL;
    while (store->calls && store->calls->answered &&
           store->calls->due_ms <= store->host->now_ms(store->host)) {
        struct call *call = store->calls;
        store->calls = call->next;
        if (!store->calls)
            store->end = &store->calls;
        call_tell(call);
        call_free(call);
    }
    arm(store);
}

static void answer(struct call *call, uint32_t result, const char *sentence)
{
    struct faulty *store = call->store;
    call->result = call->lie ? SLIPWAY_STORE_UNKNOWN : result;
    if (call->lie)
        sentence = "the connection was lost";
    (void)snprintf(call->sentence, sizeof(call->sentence), "%s",
                   sentence ? sentence : "");
    call->answered = true;
    call->due_ms =
        store->host->now_ms(store->host) + next_random(spec.delay_max_ms + 1);
    arm(store);
}

static struct call *call_new(struct faulty *store, enum shape shape, void *arg)
{
    struct call *call = calloc(1, sizeof(*call));
    if (!call)
        abort();
    call->store = store;
    call->shape = shape;
    call->arg = arg;
    *store->end = call;
    store->end = &call->next;
    return call;
}

/* True when the request must not reach the inner store. */
static bool refused(struct call *call, bool changes)
{
    if (next_random(1000) < spec.unavailable_permille) {
        counts.unavailable++;
        answer(call, SLIPWAY_STORE_UNAVAILABLE, "the store is away");
        return true;
    }
    if (!changes || next_random(1000) >= spec.unknown_permille)
        return false;
    call->lie = true;
    if (next_random(2)) {
        counts.unknown_done++;
        return false;
    }
    counts.unknown_not_done++;
    answer(call, SLIPWAY_STORE_UNKNOWN, NULL);
    return true;
}

static void keep_items(struct call *call,
                       const struct slipway_store_item *items, uint64_t count)
{
    call->items = calloc(count + 1, sizeof(*items));
    for (uint64_t i = 0; call->items && i < count; i++) {
        char *value = malloc(items[i].length + 1);
        char *key = strdup(items[i].key);
        if (!value || !key)
            abort();
        memcpy(value, items[i].value, items[i].length + 1);
        call->items[i] = items[i];
        call->items[i].key = key;
        call->items[i].value = value;
        call->count++;
    }
}

static void on_done(void *arg, uint32_t result, uint64_t revision,
                    const char *sentence)
{
    struct call *call = arg;
    call->number = call->lie ? 0 : revision;
    answer(call, result, sentence);
}

static void on_got(void *arg, uint32_t result,
                   const struct slipway_store_item *item, const char *sentence)
{
    struct call *call = arg;
    if (item)
        keep_items(call, item, 1);
    answer(call, result, sentence);
}

static void on_listed(void *arg, uint32_t result,
                      const struct slipway_store_item *items, uint64_t count,
                      uint64_t more, uint64_t revision, const char *sentence)
{
    struct call *call = arg;
    keep_items(call, items, count);
    call->more = more;
    call->number = revision;
    answer(call, result, sentence);
}

static void on_leased(void *arg, uint32_t result, uint64_t lease,
                      uint64_t remaining_ms, const char *sentence)
{
    struct call *call = arg;
    call->number = call->lie ? 0 : lease;
    call->remaining_ms = call->lie ? 0 : remaining_ms;
    answer(call, result, sentence);
}

static int faulty_open(const struct slipway_store_host *host,
                       const char *location, char *why, uint64_t why_bytes,
                       void **ret_store)
{
    struct faulty *store = calloc(1, sizeof(*store));
    if (!store)
        return SLIPWAY_EINTERNAL;
    store->host = host;
    store->end = &store->calls;
    int code = inner->open(host, location, why, why_bytes, &store->inner);
    if (code)
        free(store);
    else
        *ret_store = store;
    return code;
}

static void faulty_close(void *handle)
{
    struct faulty *store = handle;
    inner->close(store->inner);
    if (store->timer)
        store->host->timer_cancel(store->host, store->timer);
    while (store->calls) {
        struct call *call = store->calls;
        store->calls = call->next;
        call_free(call);
    }
    free(store);
}

static void faulty_get(void *handle, const char *key, slipway_store_got *done,
                       void *arg)
{
    struct faulty *store = handle;
    struct call *call = call_new(store, SHAPE_GOT, arg);
    call->completion.got = done;
    if (!refused(call, false))
        inner->get(store->inner, key, on_got, call);
}

static void faulty_list(void *handle, const char *prefix, const char *after,
                        uint64_t limit, uint64_t at_revision,
                        slipway_store_listed *done, void *arg)
{
    struct faulty *store = handle;
    struct call *call = call_new(store, SHAPE_LISTED, arg);
    call->completion.listed = done;
    if (!refused(call, false))
        inner->list(store->inner, prefix, after, limit, at_revision, on_listed,
                    call);
}

static void faulty_txn(void *handle,
                       const struct slipway_store_compare *compares,
                       uint64_t compare_count,
                       const struct slipway_store_op *ops, uint64_t op_count,
                       slipway_store_done *done, void *arg)
{
    struct faulty *store = handle;
    struct call *call = call_new(store, SHAPE_DONE, arg);
    call->completion.done = done;
    if (!refused(call, true))
        inner->txn(store->inner, compares, compare_count, ops, op_count,
                   on_done, call);
}

static void *faulty_watch(void *handle, const char *prefix,
                          uint64_t from_revision, slipway_store_event *event,
                          void *arg)
{
    struct faulty *store = handle;
    return inner->watch(store->inner, prefix, from_revision, event, arg);
}

static void faulty_unwatch(void *handle, void *watch)
{
    inner->unwatch(((struct faulty *)handle)->inner, watch);
}

static void faulty_lease_grant(void *handle, uint64_t ttl_ms,
                               slipway_store_leased *done, void *arg)
{
    struct faulty *store = handle;
    struct call *call = call_new(store, SHAPE_LEASED, arg);
    call->completion.leased = done;
    if (!refused(call, true))
        inner->lease_grant(store->inner, ttl_ms, on_leased, call);
}

static void faulty_lease_keepalive(void *handle, uint64_t lease,
                                   slipway_store_leased *done, void *arg)
{
    struct faulty *store = handle;
    struct call *call = call_new(store, SHAPE_LEASED, arg);
    call->completion.leased = done;
    if (!refused(call, true))
        inner->lease_keepalive(store->inner, lease, on_leased, call);
}

static void faulty_lease_revoke(void *handle, uint64_t lease,
                                slipway_store_done *done, void *arg)
{
    struct faulty *store = handle;
    struct call *call = call_new(store, SHAPE_DONE, arg);
    call->completion.done = done;
    if (!refused(call, true))
        inner->lease_revoke(store->inner, lease, on_done, call);
}

static void faulty_campaign(void *handle, const char *name, uint64_t lease,
                            slipway_store_done *done, void *arg)
{
    struct faulty *store = handle;
    struct call *call = call_new(store, SHAPE_DONE, arg);
    call->completion.done = done;
    if (!refused(call, true))
        inner->campaign(store->inner, name, lease, on_done, call);
}

static void faulty_compact(void *handle, uint64_t revision,
                           slipway_store_done *done, void *arg)
{
    struct faulty *store = handle;
    struct call *call = call_new(store, SHAPE_DONE, arg);
    call->completion.done = done;
    if (!refused(call, true))
        inner->compact(store->inner, revision, on_done, call);
}

static void faulty_backup(void *handle, const char *path,
                          slipway_store_done *done, void *arg)
{
    struct faulty *store = handle;
    struct call *call = call_new(store, SHAPE_DONE, arg);
    call->completion.done = done;
    if (!refused(call, false))
        inner->backup(store->inner, path, on_done, call);
}

static void faulty_health(void *handle, slipway_store_done *done, void *arg)
{
    struct faulty *store = handle;
    struct call *call = call_new(store, SHAPE_DONE, arg);
    call->completion.done = done;
    if (!refused(call, false))
        inner->health(store->inner, on_done, call);
}

const struct slipway_store_plugin *
faulty_store(const struct slipway_store_plugin *wrapped)
{
    inner = wrapped;
    wrapper = *wrapped;
    wrapper.open = faulty_open;
    wrapper.close = faulty_close;
    wrapper.get = faulty_get;
    wrapper.list = faulty_list;
    wrapper.txn = faulty_txn;
    wrapper.watch = faulty_watch;
    wrapper.unwatch = faulty_unwatch;
    wrapper.lease_grant = faulty_lease_grant;
    wrapper.lease_keepalive = faulty_lease_keepalive;
    wrapper.lease_revoke = faulty_lease_revoke;
    wrapper.campaign = faulty_campaign;
    wrapper.compact = faulty_compact;
    wrapper.backup = faulty_backup;
    wrapper.health = faulty_health;
    return &wrapper;
}

void faulty_store_set(const struct faulty_store_spec *new_spec)
{
    spec = *new_spec;
    /* xorshift never leaves 0 */
    random_state = spec.seed ? spec.seed : 1;
    counts = (struct faulty_store_counts){0, 0, 0};
}

struct faulty_store_counts faulty_store_counts(void)
{
    return counts;
}
