/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Changes of documents: see store.h.
 *
 * How an unknown outcome is settled.  Each change also writes a marker key, a
 * slot that this writer alone uses and that one change at a time owns: the
 * transaction puts the change's own random id there and demands that the slot
 * is still at the revision that we know.  After UNKNOWN the slot is read.  If
 * it holds our id, the change was made, in the slot's revision.  If not, it
 * may still be on its way; so the slot is overwritten, by compare-and-swap,
 * with another id (the fence).  Once that is done the old transaction can
 * never hold any more, and the change is made again.
 *
 *   WRITE --OK/CONFLICT/...--> completion
 *     | UNKNOWN                    ^
 *     v                            |
 *   READ --our id----------------->+
 *     | other id (the fence's: WRITE again)
 *     v                            |
 *   FENCE --OK--> WRITE again -----+
 *     | UNKNOWN or CONFLICT: back to READ, where the fence's own id means
 *     | that the fence stands, not that the change was made
 */
#include "core/server/store/store-internal.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "core/util/crypto.h"
#include "core/util/json.h"
#include "core/util/log.h"
#include "core/util/macros.h"

#define SLOT_PREFIX "/v1/op/slot-"
#define RETRY_FIRST_MS 50
#define RETRY_MAX_MS 5000
#define MAX_TRIES 8 /* of a change that came to nothing */

struct change {
    enum store_change_kind kind;
    char *key;
    char *text;
    uint64_t expected;
};

struct change_set {
    struct request_link link; /* first */
    struct store *store;
    struct change_set *next_waiting;
    struct change changes[STORE_MAX_CHANGES];
    size_t count;
    struct store_slot *slot;
    char id[33];    /* in the slot: the change was made */
    char fence[33]; /* in the slot: it never will be; "" = not tried yet */
    unsigned tries;
    uint64_t delay_ms;
    struct loop_timer *timer;
    struct err failure; /* found before anything was sent */
    store_done *done;
    void *arg;
};

static void change_set_destroy(struct request_link *link)
{
    struct change_set *set = (struct change_set *)link;
    loop_timer_cancel(set->timer);
    for (size_t i = 0; i < set->count; i++) {
        free(set->changes[i].key);
        free(set->changes[i].text);
    }
    free(set);
}

static void start_waiting(struct store *store);
static void send_change(void *arg);
static void read_slot(void *arg);

/* The completion; the slot goes to who waits longest. */
static void finish(struct change_set *set, uint64_t revision,
                   const struct err *failure)
{
    struct store *store = set->store;
    struct err err = ERR_INIT;
    if (failure)
        err = *failure;
    store_done *done = set->done;
    void *arg = set->arg;
    if (set->slot)
        set->slot->busy = false;
    store_link_remove(&set->link);
    change_set_destroy(&set->link);
    done(arg, revision, failure ? &err : NULL);
    start_waiting(store);
}

static void finish_result(struct change_set *set, uint32_t result,
                          const char *sentence)
{
    struct err err = ERR_INIT;
    store_failure(&err, result, set->changes[0].key, sentence);
    finish(set, 0, &err);
}

/* Calls `step` again a little later, each time waiting twice as long. */
static void later(struct change_set *set, void (*step)(void *arg))
{
    set->delay_ms = set->delay_ms ? MIN(set->delay_ms * 2, RETRY_MAX_MS)
                                  : RETRY_FIRST_MS;
    set->timer = loop_timer(set->store->loop, set->delay_ms, step, set);
    if (!set->timer) {
        log_error("no memory to settle a change of '%s' in the store",
                  set->changes[0].key);
        abort(); /* going on could tell somebody something untrue */
    }
}

static void new_id(struct change_set *set, char out[33])
{
    const struct seam *seam = loop_seam(set->store->loop);
    uint8_t raw[16];
    seam->random(seam->context, raw, sizeof(raw));
    (void)hex_format(raw, sizeof(raw), out);
}

/* What the slot holds: {"schema": 1, "id": ID}. */
static void slot_text(const char *id, char out[80])
{
    (void)snprintf(out, 80, "{\"id\":\"%s\",\"schema\":1}", id);
}

static bool holds(const struct slipway_store_item *item, const char *id)
{
    char text[80];
    slot_text(id, text);
    return item->length == strlen(text) &&
           memcmp(item->value, text, item->length) == 0;
}

/* ---- FENCE ---- */

/* The change was certainly not made, and will not be. */
static void fenced(struct change_set *set, uint64_t revision)
{
    set->slot->revision = revision;
    if (++set->tries < MAX_TRIES)
        later(set, send_change);
    else
        finish_result(set, SLIPWAY_STORE_UNAVAILABLE, NULL);
}

static void on_fenced(void *arg, uint32_t result, uint64_t revision,
                      const char *sentence)
{
    struct change_set *set = arg;
    (void)sentence;
    if (result == SLIPWAY_STORE_OK)
        fenced(set, revision);
    else /* perhaps the change came through just now: look again */
        later(set, read_slot);
}

static void fence(struct change_set *set, uint64_t slot_revision)
{
    struct store *store = set->store;
    char text[80];
    set->slot->revision = slot_revision;
    new_id(set, set->fence);
    slot_text(set->fence, text);
    const struct slipway_store_compare compare = {
        .size = sizeof(compare),
        .what = SLIPWAY_STORE_REVISION,
        .revision = slot_revision,
        .key = set->slot->key,
    };
    const struct slipway_store_op op = {
        .size = sizeof(op),
        .op = SLIPWAY_STORE_PUT,
        .length = strlen(text),
        .key = set->slot->key,
        .value = text,
    };
    /* From here on the slot never holds the old id. */
    store->plugin->txn(store->handle, &compare, 1, &op, 1, on_fenced, set);
}

/* ---- READ ---- */

static void on_slot(void *arg, uint32_t result,
                    const struct slipway_store_item *item, const char *sentence)
{
    struct change_set *set = arg;
    if (result == SLIPWAY_STORE_NOTFOUND) {
        fence(set, 0);
    } else if (result == SLIPWAY_STORE_AUTH ||
               result == SLIPWAY_STORE_CORRUPT) {
        finish_result(set, result, sentence);
    } else if (result != SLIPWAY_STORE_OK) {
        later(set, read_slot);
    } else if (holds(item, set->id)) {
        set->slot->revision = item->revision;
        finish(set, item->revision, NULL);
    } else if (set->fence[0] && holds(item, set->fence)) {
        fenced(set, item->revision);
    } else {
        fence(set, item->revision);
    }
}

static void read_slot(void *arg)
{
    struct change_set *set = arg;
    set->timer = NULL;
    set->store->plugin->get(set->store->handle, set->slot->key, on_slot, set);
}

/* ---- WRITE ---- */

/* Was it a document of the change, or our slot, that differed?  The latter
 * happens when a change of the process before us came through late. */
static void on_conflict(void *arg, uint32_t result,
                        const struct slipway_store_item *item,
                        const char *sentence)
{
    struct change_set *set = arg;
    uint64_t revision = result == SLIPWAY_STORE_OK ? item->revision : 0;
    bool known =
        result == SLIPWAY_STORE_OK || result == SLIPWAY_STORE_NOTFOUND;
    if (!known && ++set->tries < MAX_TRIES) {
        later(set, send_change);
    } else if (!known) {
        finish_result(set, SLIPWAY_STORE_UNAVAILABLE, sentence);
    } else if (revision == set->slot->revision) {
        finish_result(set, SLIPWAY_STORE_CONFLICT, NULL);
    } else {
        set->slot->revision = revision;
        send_change(set);
    }
}

static void on_written(void *arg, uint32_t result, uint64_t revision,
                       const char *sentence)
{
    struct change_set *set = arg;
    if (result == SLIPWAY_STORE_OK) {
        set->slot->revision = revision;
        finish(set, revision, NULL);
    } else if (result == SLIPWAY_STORE_UNKNOWN) {
        log_debug("the outcome of a change of '%s' is not known, reading it",
                  set->changes[0].key);
        later(set, read_slot);
    } else if (result == SLIPWAY_STORE_CONFLICT) {
        set->store->plugin->get(set->store->handle, set->slot->key,
                                on_conflict, set);
    } else {
        finish_result(set, result, sentence);
    }
}

static size_t fill_compares(const struct change_set *set,
                            struct slipway_store_compare *compares)
{
    size_t count = 0;
    compares[count++] = (struct slipway_store_compare){
        .size = sizeof(*compares),
        .what = SLIPWAY_STORE_REVISION,
        .revision = set->slot->revision,
        .key = set->slot->key,
    };
    for (size_t i = 0; i < set->count; i++)
        if (set->changes[i].expected != STORE_ANY)
            compares[count++] = (struct slipway_store_compare){
                .size = sizeof(*compares),
                .what = SLIPWAY_STORE_REVISION,
                .revision = set->changes[i].expected,
                .key = set->changes[i].key,
            };
    return count;
}

static size_t fill_ops(const struct change_set *set, const char *marker,
                       struct slipway_store_op *ops)
{
    size_t count = 0;
    ops[count++] = (struct slipway_store_op){
        .size = sizeof(*ops),
        .op = SLIPWAY_STORE_PUT,
        .length = strlen(marker),
        .key = set->slot->key,
        .value = marker,
    };
    for (size_t i = 0; i < set->count; i++) {
        const struct change *change = &set->changes[i];
        if (change->kind == STORE_CHANGE_CHECK)
            continue;
        bool put = change->kind == STORE_CHANGE_PUT;
        ops[count++] = (struct slipway_store_op){
            .size = sizeof(*ops),
            .op = put ? SLIPWAY_STORE_PUT : SLIPWAY_STORE_DELETE,
            .length = put ? strlen(change->text) : 0,
            .key = change->key,
            .value = change->text,
        };
    }
    return count;
}

static void send_change(void *arg)
{
    struct change_set *set = arg;
    struct store *store = set->store;
    struct slipway_store_compare compares[STORE_MAX_CHANGES + 1];
    struct slipway_store_op ops[STORE_MAX_CHANGES + 1];
    char marker[80];
    set->timer = NULL;
    new_id(set, set->id);
    set->fence[0] = '\0';
    slot_text(set->id, marker);
    size_t compare_count = fill_compares(set, compares);
    size_t op_count = fill_ops(set, marker, ops);
    store->plugin->txn(store->handle, compares, compare_count, ops, op_count,
                       on_written, set);
}

/* ---- slots ---- */

static void ask_slots(void *arg);

static void on_slots(void *arg, uint32_t result,
                     const struct slipway_store_item *items, uint64_t count,
                     uint64_t more, uint64_t revision, const char *sentence)
{
    struct store *store = arg;
    (void)more;
    (void)revision;
    if (result != SLIPWAY_STORE_OK) {
        log_warn("the store does not list its markers, trying again: %s",
                 sentence ? sentence : "no reason was given");
        store->slots_timer =
            loop_timer(store->loop, RETRY_MAX_MS / 5, ask_slots, store);
        return;
    }
    for (uint64_t i = 0; i < count; i++)
        for (size_t s = 0; s < STORE_SLOTS; s++)
            if (strcmp(items[i].key, store->slots[s].key) == 0)
                store->slots[s].revision = items[i].revision;
    store->slots_known = true;
    start_waiting(store);
}

static void ask_slots(void *arg)
{
    struct store *store = arg;
    char prefix[96];
    store->slots_timer = NULL;
    (void)snprintf(prefix, sizeof(prefix), SLOT_PREFIX "%s-", store->writer);
    for (size_t s = 0; s < STORE_SLOTS; s++)
        (void)snprintf(store->slots[s].key, sizeof(store->slots[s].key),
                       SLOT_PREFIX "%s-%02zu", store->writer, s);
    store->plugin->list(store->handle, prefix, NULL, STORE_SLOTS, 0, on_slots,
                        store);
}

static struct store_slot *free_slot(struct store *store)
{
    for (size_t s = 0; s < STORE_SLOTS; s++)
        if (!store->slots[s].busy)
            return &store->slots[s];
    return NULL;
}

static void start_waiting(struct store *store)
{
    if (!store->slots_known) {
        if (!store->slots_asked && store->waiting) {
            store->slots_asked = true;
            ask_slots(store);
        }
        return;
    }
    struct store_slot *slot;
    while (store->waiting && (slot = free_slot(store))) {
        struct change_set *set = store->waiting;
        store->waiting = set->next_waiting;
        if (!store->waiting)
            store->waiting_end = &store->waiting;
        slot->busy = true;
        set->slot = slot;
        send_change(set);
    }
}

/* ---- the calls ---- */

static void fail_later(void *arg)
{
    struct change_set *set = arg;
    set->timer = NULL;
    struct err failure = set->failure;
    finish(set, 0, &failure);
}

static void take_change(struct change_set *set, struct store_change *from)
{
    struct change *change = &set->changes[set->count++];
    AUTO_JSON *json = from->json;
    change->kind = from->kind;
    change->expected = from->expected;
    change->key = strdup(from->key);
    if (from->kind == STORE_CHANGE_PUT)
        change->text = json ? json_text(json) : NULL;
    if (!change->key || (from->kind == STORE_CHANGE_PUT && !change->text))
        (void)err_set(&set->failure, ERR_NO_MEMORY,
                      "no memory to change '%s' in the store", from->key);
    else if (strlen(change->key) > SLIPWAY_STORE_MAX_KEY_BYTES)
        (void)err_set(&set->failure, ERR_TOO_BIG,
                      "the store's key '%.60s...' is too long", change->key);
    else if (change->text &&
             strlen(change->text) > SLIPWAY_STORE_MAX_VALUE_BYTES)
        (void)err_set(&set->failure, ERR_TOO_BIG,
                      "the document '%s' would have %zu bytes; at most %u "
                      "can be stored", change->key, strlen(change->text),
                      SLIPWAY_STORE_MAX_VALUE_BYTES);
}

void store_apply(struct store *store, struct store_change *changes,
                 size_t count, store_done *done, void *arg)
{
    assert(count > 0 && count <= STORE_MAX_CHANGES);
    struct change_set *set = calloc(1, sizeof(*set));
    if (!set) {
        log_error("no memory to change '%s' in the store", changes[0].key);
        abort();
    }
    set->store = store;
    set->done = done;
    set->arg = arg;
    set->link.destroy = change_set_destroy;
    store_link_add(store, &set->link);
    for (size_t i = 0; i < count; i++)
        take_change(set, &changes[i]);
    if (set->failure.code) {
        set->timer = loop_timer(store->loop, 0, fail_later, set);
        if (!set->timer)
            abort();
        return;
    }
    *store->waiting_end = set;
    store->waiting_end = &set->next_waiting;
    start_waiting(store);
}

void store_put(struct store *store, const char *key, json_t *json,
               uint64_t expected, store_done *done, void *arg)
{
    struct store_change change = {STORE_CHANGE_PUT, key, json, expected};
    store_apply(store, &change, 1, done, arg);
}

void store_delete(struct store *store, const char *key, uint64_t expected,
                  store_done *done, void *arg)
{
    struct store_change change = {STORE_CHANGE_DELETE, key, NULL, expected};
    store_apply(store, &change, 1, done, arg);
}
