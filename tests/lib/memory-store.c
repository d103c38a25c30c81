/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/memory-store.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define MAX_KEYS 1024

struct key {
    char name[SLIPWAY_STORE_MAX_KEY_BYTES];
    char *value;
    uint64_t length;
    uint64_t revision;
    uint64_t create_revision;
};

/* One opening of the store. */
struct handle {
    const struct slipway_store_host *host;
    struct answer *answers;
};

struct answer {
    struct answer *next;
    struct handle *handle;
    struct slipway_timer *timer;
    uint32_t result;
    uint64_t revision;
    struct slipway_store_item *items; /* with copied keys and values */
    uint64_t count;
    uint64_t more;
    slipway_store_done *done;
    slipway_store_got *got;
    slipway_store_listed *listed;
    void *arg;
};

static struct {
    struct key keys[MAX_KEYS]; /* sorted */
    unsigned count;
    uint64_t revision;
    unsigned writes;
    unsigned kill_at;
    bool kill_done;
    bool dead;
    unsigned refuse;
} store;

/* --- answers ------------------------------------------------------------ */

static void answer_free(struct answer *answer)
{
    for (uint64_t i = 0; i < answer->count; i++) {
        free((void *)answer->items[i].key);
        free((void *)answer->items[i].value);
    }
    free(answer->items);
    free(answer);
}

static void answer_now(void *arg)
{
    struct answer *a = arg;
    struct answer **at = &a->handle->answers;
    while (*at != a)
        at = &(*at)->next;
    *at = a->next;
    if (a->done)
        a->done(a->arg, a->result, a->revision, NULL);
    if (a->got)
        a->got(a->arg, a->result, a->count ? &a->items[0] : NULL, NULL);
    if (a->listed)
        a->listed(a->arg, a->result, a->items, a->count, a->more, a->revision,
                  NULL);
    answer_free(a);
}

static struct answer *answer_new(void *handle, uint32_t result, void *arg)
{
    struct handle *h = handle;
    struct answer *a = calloc(1, sizeof(*a));
    assert(a);
    a->result = result;
    a->revision = store.revision;
    a->arg = arg;
    a->handle = h;
    a->next = h->answers;
    h->answers = a;
    return a;
}

/* A dead store takes requests and never answers. */
static void send(struct answer *a)
{
    if (!store.dead)
        a->timer = a->handle->host->timer(a->handle->host, 1, answer_now, a);
}

static void add_item(struct answer *a, const struct key *key)
{
    a->items = realloc(a->items, (a->count + 1) * sizeof(*a->items));
    assert(a->items);
    char *value = malloc(key->length + 1);
    assert(value);
    memcpy(value, key->value, key->length + 1);
    a->items[a->count++] = (struct slipway_store_item){
        .size = sizeof(*a->items),
        .create_revision = key->create_revision,
        .revision = key->revision,
        .length = key->length,
        .key = strdup(key->name),
        .value = value,
    };
}

/* --- keys --------------------------------------------------------------- */

static unsigned lower_bound(const char *name)
{
    unsigned i = 0;
    while (i < store.count && strcmp(store.keys[i].name, name) < 0)
        i++;
    return i;
}

static struct key *find(const char *name)
{
    unsigned i = lower_bound(name);
    return i < store.count && strcmp(store.keys[i].name, name) == 0
               ? &store.keys[i]
               : NULL;
}

static void erase(const char *name)
{
    struct key *key = find(name);
    if (!key)
        return;
    free(key->value);
    store.count--;
    memmove(key, key + 1,
            (size_t)(&store.keys[store.count] - key) * sizeof(*key));
}

static void put(const struct slipway_store_op *op)
{
    struct key *key = find(op->key);
    if (!key) {
        unsigned i = lower_bound(op->key);
        assert(store.count < MAX_KEYS);
        memmove(&store.keys[i + 1], &store.keys[i],
                (store.count - i) * sizeof(store.keys[0]));
        store.count++;
        key = &store.keys[i];
        memset(key, 0, sizeof(*key));
        assert(strlen(op->key) < sizeof(key->name));
        strcpy(key->name, op->key);
        key->create_revision = store.revision;
    }
    free(key->value);
    key->value = malloc(op->length + 1);
    assert(key->value);
    memcpy(key->value, op->value, op->length);
    key->value[op->length] = '\0';
    key->length = op->length;
    key->revision = store.revision;
}

static bool holds(const struct slipway_store_compare *c)
{
    const struct key *key = find(c->key);
    uint64_t has = key ? key->revision : 0;
    if (key && c->what == SLIPWAY_STORE_CREATE_REVISION)
        has = key->create_revision;
    return has == c->revision;
}

/* --- the plugin --------------------------------------------------------- */

static int open_store(const struct slipway_store_host *host,
                      const char *location, char *why, uint64_t why_bytes,
                      void **ret)
{
    (void)location;
    (void)why;
    (void)why_bytes;
    struct handle *h = calloc(1, sizeof(*h));
    assert(h);
    h->host = host;
    store.dead = false;
    *ret = h;
    return 0;
}

static void close_store(void *handle)
{
    struct handle *h = handle;
    while (h->answers) {
        struct answer *a = h->answers;
        h->answers = a->next;
        if (a->timer)
            h->host->timer_cancel(h->host, a->timer);
        answer_free(a);
    }
    free(h);
}

static void get(void *handle, const char *name, slipway_store_got *got,
                void *arg)
{
    const struct key *key = find(name);
    struct answer *a = answer_new(
        handle, key ? SLIPWAY_STORE_OK : SLIPWAY_STORE_NOTFOUND, arg);
    a->got = got;
    if (key)
        add_item(a, key);
    send(a);
}

static void list(void *handle, const char *prefix, const char *after,
                 uint64_t limit, uint64_t at_revision,
                 slipway_store_listed *listed, void *arg)
{
    struct answer *a = answer_new(handle, SLIPWAY_STORE_OK, arg);
    (void)at_revision; /* nothing changes while these tests list */
    a->listed = listed;
    for (unsigned i = 0; i < store.count; i++) {
        const struct key *key = &store.keys[i];
        if (strncmp(key->name, prefix, strlen(prefix)) != 0 ||
            (after && strcmp(key->name, after) <= 0))
            continue;
        if (a->count < limit)
            add_item(a, key);
        else
            a->more = 1;
    }
    send(a);
}

static void txn(void *handle, const struct slipway_store_compare *compares,
                uint64_t compare_count, const struct slipway_store_op *ops,
                uint64_t op_count, slipway_store_done *done, void *arg)
{
    struct answer *a = answer_new(handle, SLIPWAY_STORE_OK, arg);
    bool last = store.kill_at > 0 && --store.kill_at == 0;
    a->done = done;
    if (store.refuse > 0) {
        store.refuse--;
        a->result = SLIPWAY_STORE_UNAVAILABLE;
    }
    for (uint64_t i = 0; i < compare_count && !a->result; i++)
        if (!holds(&compares[i]))
            a->result = SLIPWAY_STORE_CONFLICT;
    if (!a->result && !store.dead && (!last || store.kill_done)) {
        store.revision++;
        store.writes++;
        for (uint64_t i = 0; i < op_count; i++) {
            if (ops[i].op == SLIPWAY_STORE_PUT)
                put(&ops[i]);
            else
                erase(ops[i].key);
        }
        a->revision = store.revision;
    }
    store.dead = store.dead || last;
    send(a);
}

static void health(void *handle, slipway_store_done *done, void *arg)
{
    struct answer *a = answer_new(handle, SLIPWAY_STORE_OK, arg);
    a->done = done;
    send(a);
}

/* Only what the server's documents need; the rest is never called here. */
const struct slipway_store_plugin memory_store = {
    .size = sizeof(struct slipway_store_plugin),
    .major = SLIPWAY_ABI_MAJOR,
    .level = SLIPWAY_ABI_LEVEL,
    .kind = SLIPWAY_KIND_STORE,
    .name = "memory",
    .version = "1",
    .summary = "a store for tests",
    .open = open_store,
    .close = close_store,
    .get = get,
    .list = list,
    .txn = txn,
    .health = health,
};

/* --- for the test ------------------------------------------------------- */

void memory_store_reset(void)
{
    while (store.count > 0)
        erase(store.keys[0].name);
    memset(&store, 0, sizeof(store));
}

void memory_store_kill_at(unsigned count, bool done)
{
    store.kill_at = count;
    store.kill_done = done;
}

bool memory_store_dead(void)
{
    return store.dead;
}

void memory_store_refuse(unsigned count)
{
    store.refuse = count;
}

unsigned memory_store_writes(void)
{
    return store.writes;
}

const char *memory_store_value(const char *key)
{
    const struct key *found = find(key);
    return found ? found->value : NULL;
}

unsigned memory_store_count(const char *prefix)
{
    unsigned count = 0;
    for (unsigned i = 0; i < store.count; i++)
        count += strncmp(store.keys[i].name, prefix, strlen(prefix)) == 0;
    return count;
}
