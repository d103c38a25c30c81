/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random requests against a store plugin and a model in memory that answers
 * what the store must.  A watch from the start must tell the same history.
 * The seed is printed; SLIPWAY_SEED repeats a run.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "core/util/num.h"
#include "tests/lib/faulty-store.h"
#include "tests/plugin/store-driver.h"

#define KEYS 24
#define STEPS 1500
#define MAX_HISTORY 8192

/* One change.  The newest entry of a key up to a revision is its state. */
struct change {
    uint64_t revision;
    unsigned key;
    bool gone;
    uint64_t create_revision;
    char value[24];
};

static struct {
    struct change history[MAX_HISTORY];
    size_t count;
    uint64_t revision;
    uint64_t compacted;
} model;

static uint64_t state;
static struct driver d;
static char location[512];

static uint64_t pick(uint64_t below)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state % below;
}

static uint64_t choose_seed(void)
{
    const char *text = getenv("SLIPWAY_SEED");
    uint64_t seed = (uint64_t)time(NULL) * 2654435761u + 1;
    if (text)
        (void)num_parse_u64(text, 1, UINT64_MAX, &seed, NULL);
    printf("# SLIPWAY_SEED=%llu\n", (unsigned long long)seed);
    state = seed;
    return seed;
}

static const char *key_name(unsigned key, char out[32])
{
    static const char *const prefixes[] = {"/a/", "/ab/", "/b/"};
    (void)snprintf(out, 32, "%s%02u", prefixes[key % 3], key / 3);
    return out;
}

/* The key's state at a revision; NULL = it is not there. */
static const struct change *model_find(unsigned key, uint64_t revision)
{
    const struct change *found = NULL;
    for (size_t i = 0; i < model.count; i++)
        if (model.history[i].key == key &&
            model.history[i].revision <= revision)
            found = &model.history[i];
    return found && !found->gone ? found : NULL;
}

static void model_change(unsigned key, bool gone, const char *value)
{
    const struct change *before = model_find(key, UINT64_MAX);
    struct change *change = &model.history[model.count++];
    assert_true(model.count < MAX_HISTORY);
    *change = (struct change){
        .revision = model.revision,
        .key = key,
        .gone = gone,
        .create_revision = before ? before->create_revision : model.revision};
    (void)snprintf(change->value, sizeof(change->value), "%.23s", value);
}

/* A transaction of a few operations on different keys, sometimes under
 * comparisons that do not hold. */
static void step_txn(void)
{
    struct slipway_store_op ops[4];
    struct slipway_store_compare compares[2];
    char names[4][32], values[4][24], compared[2][32];
    unsigned keys[4];
    size_t op_count = 1 + pick(4), compare_count = pick(3);
    bool holds = true, changes = false;
    for (size_t i = 0; i < compare_count; i++) {
        unsigned key = (unsigned)pick(KEYS);
        const struct change *now = model_find(key, UINT64_MAX);
        uint64_t revision = now ? now->revision : 0;
        if (pick(4) == 0)
            revision = pick(model.revision + 2);
        holds &= revision == (now ? now->revision : 0);
        compares[i] = (struct slipway_store_compare)COMPARE(
            key_name(key, compared[i]), revision);
    }
    for (size_t i = 0; i < op_count; i++) {
        keys[i] = (unsigned)((pick(KEYS / 4) * 4 + i) % KEYS);
        (void)key_name(keys[i], names[i]);
        (void)snprintf(values[i], sizeof(values[i]), "%llx",
                       (unsigned long long)pick(1u << 30));
        ops[i] = pick(3) ? (struct slipway_store_op)PUT(names[i], values[i])
                         : (struct slipway_store_op)DELETE(names[i]);
        changes |= ops[i].op == SLIPWAY_STORE_PUT ||
                   model_find(keys[i], UINT64_MAX) != NULL;
    }
    uint32_t result = driver_txn(&d, compares, compare_count, ops, op_count);
    assert_int_equal(result, holds ? SLIPWAY_STORE_OK : SLIPWAY_STORE_CONFLICT);
    if (!holds)
        return;
    if (changes)
        model.revision++;
    assert_int_equal(d.answer.revision, model.revision);
    for (size_t i = 0; i < op_count; i++) {
        bool put = ops[i].op == SLIPWAY_STORE_PUT;
        if (put || model_find(keys[i], UINT64_MAX))
            model_change(keys[i], !put, put ? values[i] : "");
    }
}

static void step_get(void)
{
    char name[32];
    unsigned key = (unsigned)pick(KEYS);
    const struct change *now = model_find(key, UINT64_MAX);
    uint32_t result = driver_get(&d, key_name(key, name));
    assert_int_equal(result, now ? SLIPWAY_STORE_OK : SLIPWAY_STORE_NOTFOUND);
    if (!now)
        return;
    assert_string_equal(d.answer.items[0].value, now->value);
    assert_int_equal(d.answer.items[0].revision, now->revision);
    assert_int_equal(d.answer.items[0].create_revision, now->create_revision);
}

static void step_list(void)
{
    static const char *const prefixes[] = {"", "/", "/a", "/a/", "/ab/", "/c"};
    const char *prefix = prefixes[pick(6)];
    uint64_t at =
        pick(2) ? 0
                : model.compacted + pick(model.revision - model.compacted + 1);
    uint64_t limit = 1 + pick(30), found = 0;
    char after[32] = "", name[32];
    if (pick(2))
        (void)key_name((unsigned)pick(KEYS), after);
    assert_int_equal(
        driver_list(&d, prefix, after[0] ? after : NULL, limit, at),
        SLIPWAY_STORE_OK);
    /* Keys in the order of their names: prefix by prefix. */
    for (unsigned i = 0; i < KEYS; i++) {
        unsigned key = (i % (KEYS / 3)) * 3 + i / (KEYS / 3);
        const struct change *then = model_find(key, at ? at : UINT64_MAX);
        (void)key_name(key, name);
        if (!then || strncmp(name, prefix, strlen(prefix)) ||
            strcmp(name, after) <= 0)
            continue;
        if (found++ >= limit)
            continue;
        assert_true(d.answer.count >= found);
        const struct driver_item *item = &d.answer.items[found - 1];
        assert_string_equal(item->key, name);
        assert_string_equal(item->value, then->value);
        assert_int_equal(item->revision, then->revision);
        assert_int_equal(item->create_revision, then->create_revision);
    }
    assert_int_equal(d.answer.count, found < limit ? found : limit);
    assert_int_equal(d.answer.more, found > limit);
}

static void step_compact(void)
{
    uint64_t to = model.compacted + pick(model.revision - model.compacted + 1);
    assert_int_equal(driver_compact(&d, to), SLIPWAY_STORE_OK);
    if (to > model.compacted)
        model.compacted = to;
}

static void step_reopen(struct driver_watch *watch)
{
    const struct slipway_store_plugin *plugin = d.plugin;
    driver_wait_synced(watch, model.revision);
    struct driver_event *events = watch->events;
    size_t count = watch->count;
    watch->events = NULL;
    watch->count = 0;
    driver_unwatch(watch);
    driver_close(&d);
    assert_int_equal(driver_open(&d, plugin, location), 0);
    driver_watch(&d, "", model.revision, watch);
    watch->events = events;
    watch->count = count;
    watch->synced = model.revision;
}

static void check_watch(const struct driver_watch *watch)
{
    char name[32];
    assert_false(watch->compacted);
    assert_int_equal(watch->count, model.count);
    for (size_t i = 0; i < model.count; i++) {
        const struct driver_event *event = &watch->events[i];
        const struct change *change = &model.history[i];
        assert_string_equal(event->key, key_name(change->key, name));
        assert_int_equal(event->revision, change->revision);
        assert_int_equal(event->event, change->gone ? SLIPWAY_STORE_EVENT_DELETE
                                                    : SLIPWAY_STORE_EVENT_PUT);
        if (!change->gone)
            assert_string_equal(event->value, change->value);
    }
}

static void make_location(const char *name)
{
    const char *own = getenv("TEST_DIR");
    const char *dir = getenv("SLIPWAY_STORE_LOCATION");
    (void)snprintf(location, sizeof(location), "%s/%s",
                   dir   ? dir
                   : own ? own
                         : "/tmp",
                   name);
}

static const struct slipway_store_plugin *plugin_under_test(void)
{
    const char *name = getenv("SLIPWAY_STORE");
    return driver_plugin(name ? name : "sqlite");
}

static void test_agrees_with_model(void **unused)
{
    (void)unused;
    struct driver_watch watch;
    choose_seed();
    make_location("random");
    assert_int_equal(driver_open(&d, plugin_under_test(), location), 0);
    driver_watch(&d, "", 0, &watch);
    for (unsigned i = 0; i < STEPS; i++) {
        uint64_t what = pick(200);
        if (what < 100)
            step_txn();
        else if (what < 140)
            step_get();
        else if (what < 194)
            step_list();
        else if (what < 198) {
            driver_wait_synced(&watch, model.revision);
            step_compact();
        } else
            step_reopen(&watch);
    }
    driver_wait_synced(&watch, model.revision);
    check_watch(&watch);
    driver_unwatch(&watch);
    driver_close(&d);
}

/*
 * A counter that many transactions raise, each with a marker of its own,
 * through a store that loses answers: UNKNOWN is settled by reading the
 * marker, and in the end every increment was made exactly once.
 */
static uint64_t read_counter(uint64_t *ret_revision)
{
    uint64_t value = 0;
    uint32_t result;
    do
        result = driver_get(&d, "/counter");
    while (result == SLIPWAY_STORE_UNAVAILABLE);
    *ret_revision = 0;
    if (result == SLIPWAY_STORE_OK) {
        *ret_revision = d.answer.items[0].revision;
        assert_int_equal(
            num_parse_u64(d.answer.items[0].value, 0, 100000, &value, NULL), 0);
    }
    return value;
}

static bool marker_exists(const char *marker)
{
    uint32_t result;
    do
        result = driver_get(&d, marker);
    while (result == SLIPWAY_STORE_UNAVAILABLE);
    return result == SLIPWAY_STORE_OK;
}

static void raise_counter(unsigned i)
{
    char marker[32], text[32];
    (void)snprintf(marker, sizeof(marker), "/op/%u", i);
    for (;;) {
        uint64_t revision;
        uint64_t value = read_counter(&revision);
        (void)snprintf(text, sizeof(text), "%llu",
                       (unsigned long long)value + 1);
        struct slipway_store_compare compare[] = {COMPARE("/counter", revision),
                                                  COMPARE(marker, 0)};
        struct slipway_store_op ops[] = {PUT("/counter", text),
                                         PUT(marker, "done")};
        uint32_t result = driver_txn(&d, compare, 2, ops, 2);
        if (result == SLIPWAY_STORE_OK ||
            (result == SLIPWAY_STORE_UNKNOWN && marker_exists(marker)))
            return;
    }
}

static void test_unknown_can_be_settled(void **unused)
{
    (void)unused;
    uint64_t revision;
    struct faulty_store_spec spec = {.seed = choose_seed(),
                                     .unknown_permille = 300,
                                     .unavailable_permille = 100,
                                     .delay_max_ms = 2};
    make_location("faulty");
    faulty_store_set(&spec);
    assert_int_equal(
        driver_open(&d, faulty_store(plugin_under_test()), location), 0);
    for (unsigned i = 0; i < 200; i++)
        raise_counter(i);
    assert_int_equal(read_counter(&revision), 200);
    struct faulty_store_counts counts = faulty_store_counts();
    assert_true(counts.unknown_done > 0 && counts.unknown_not_done > 0);
    assert_true(counts.unavailable > 0);
    driver_close(&d);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_agrees_with_model),
        cmocka_unit_test(test_unknown_can_be_settled),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("store-random", tests, NULL, NULL);
}
