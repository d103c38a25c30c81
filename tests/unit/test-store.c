/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Documents over a store that delays, refuses and does not say what became of
 * a change: what a completion says is what happened.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/server/store/store.h"
#include "core/util/macros.h"
#include "core/util/sim.h"
#include "tests/lib/faulty-store.h"
#include "tests/lib/memory-store.h"

#define KEYS 60
#define CHANGES 1500

/* What a key must hold, and the change of it that is under way. */
struct model {
    struct world *world;
    char key[32];
    uint64_t revision; /* 0 = not there */
    json_int_t value;
    bool busy;
    bool must_conflict;
    bool deletes;
    json_int_t next;
    uint64_t seen; /* at the end */
};

struct world {
    struct sim *sim;
    struct loop *loop;
    struct store *store;
    struct model models[KEYS];
    unsigned done, conflicts, unavailable;
    unsigned left;
    bool ended;
};

static void start(struct world *w);

static void on_changed(void *arg, uint64_t revision, const struct err *err)
{
    struct model *m = arg;
    struct world *w = m->world;
    m->busy = false;
    w->done++;
    if (err && err->code == ERR_CONFLICT) {
        w->conflicts++;
        assert_true(m->must_conflict);
    } else if (err) {
        assert_int_equal(err->code, ERR_UNAVAILABLE);
        w->unavailable++;
    } else {
        assert_false(m->must_conflict);
        assert_true(revision > m->revision);
        m->revision = m->deletes ? 0 : revision;
        m->value = m->next;
    }
    start(w);
}

/* One more change of some key that has none under way. */
static void start(struct world *w)
{
    struct model *m = &w->models[sim_random(w->sim, KEYS)];
    if (w->left == 0 || m->busy)
        return;
    w->left--;
    m->busy = true;
    m->must_conflict = sim_random(w->sim, 10) == 0;
    m->deletes = m->revision > 0 && sim_random(w->sim, 8) == 0;
    m->next = (json_int_t)w->left;
    uint64_t expected = m->must_conflict ? m->revision + 1000000 : m->revision;
    if (m->deletes)
        store_delete(w->store, m->key, expected, on_changed, m);
    else
        store_put(w->store, m->key,
                  json_pack("{s:i, s:I}", "schema", 1, "value", m->next),
                  expected, on_changed, m);
}

static void on_each(void *arg, const struct store_doc *doc,
                    const struct err *err)
{
    struct world *w = arg;
    assert_null(err);
    if (!doc) {
        w->ended = true;
        return;
    }
    for (size_t i = 0; i < KEYS; i++) {
        struct model *m = &w->models[i];
        if (strcmp(m->key, doc->key) != 0)
            continue;
        m->seen = doc->revision;
        assert_int_equal(m->value, json_integer_value(json_object_get(
                                       doc->json, "value")));
    }
}

static void world_init(struct world *w, uint64_t seed)
{
    struct err err = ERR_INIT;
    memset(w, 0, sizeof(*w));
    memory_store_reset();
    w->sim = sim_new(seed);
    w->loop = loop_new(sim_host(w->sim, "192.0.2.1"), &err);
    assert_non_null(w->loop);
    for (size_t i = 0; i < KEYS; i++) {
        w->models[i].world = w;
        (void)snprintf(w->models[i].key, sizeof(w->models[i].key),
                       "/v1/thing/%02zu", i);
    }
}

static void world_open(struct world *w, const struct slipway_store_plugin *p)
{
    struct err err = ERR_INIT;
    if (store_new(w->loop, p, "memory", "test", &w->store, &err) != 0)
        fail_msg("%s", err.text);
}

static void world_done(struct world *w)
{
    store_free(w->store);
    loop_free(w->loop);
    sim_free(w->sim);
}

static void one_run(uint64_t seed)
{
    struct world w;
    const struct faulty_store_spec hard = {
        .seed = seed,
        .unknown_permille = 150,
        .unavailable_permille = 30,
        .delay_max_ms = 40,
    };
    const struct faulty_store_spec easy = {.seed = seed};
    world_init(&w, seed);
    const struct slipway_store_plugin *plugin = faulty_store(&memory_store);
    faulty_store_set(&hard);
    world_open(&w, plugin);
    w.left = CHANGES;
    while (w.left > 0) {
        for (int i = 0; i < KEYS / 2; i++)
            start(&w);
        loop_run_for(w.loop, 60000);
    }
    loop_run_for(w.loop, 600000);
    assert_true(faulty_store_counts().unknown_done > 0);
    assert_true(faulty_store_counts().unknown_not_done > 0);
    faulty_store_set(&easy);
    for (size_t i = 0; i < KEYS; i++)
        assert_false(w.models[i].busy);
    store_each(w.store, "/v1/thing/", on_each, &w);
    loop_run_for(w.loop, 10000);
    assert_true(w.ended);
    for (size_t i = 0; i < KEYS; i++)
        assert_int_equal(w.models[i].seen, w.models[i].revision);
    assert_int_equal(w.done, CHANGES);
    assert_true(w.conflicts > 0);
    world_done(&w);
}

static void test_what_is_said_is_what_happened(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 5; seed++)
        one_run(seed);
}

struct outcome {
    bool called;
    int code;
    uint64_t revision;
};

static void on_done(void *arg, uint64_t revision, const struct err *err)
{
    struct outcome *o = arg;
    o->called = true;
    o->code = err ? err->code : 0;
    o->revision = revision;
}

static void test_all_or_nothing(void **state)
{
    struct world w;
    struct outcome o = {0};
    (void)state;
    world_init(&w, 7);
    world_open(&w, &memory_store);
    struct store_change first[] = {
        {STORE_CHANGE_PUT, "/v1/a", json_pack("{s:i}", "x", 1), STORE_NEW},
        {STORE_CHANGE_PUT, "/v1/b", json_pack("{s:i}", "x", 2), STORE_NEW},
    };
    store_apply(w.store, first, 2, on_done, &o);
    assert_false(o.called); /* never inside the call */
    loop_run_for(w.loop, 1000);
    assert_true(o.called);
    assert_int_equal(o.code, 0);
    struct store_change second[] = {
        {STORE_CHANGE_CHECK, "/v1/a", NULL, o.revision + 5},
        {STORE_CHANGE_DELETE, "/v1/b", NULL, STORE_ANY},
    };
    store_apply(w.store, second, 2, on_done, &o);
    loop_run_for(w.loop, 1000);
    assert_int_equal(o.code, ERR_CONFLICT);
    assert_non_null(memory_store_value("/v1/b"));
    world_done(&w);
}

static void test_too_big_is_refused_later(void **state)
{
    struct world w;
    struct outcome o = {0};
    static char text[SLIPWAY_STORE_MAX_VALUE_BYTES + 10];
    (void)state;
    memset(text, 'x', sizeof(text) - 1);
    world_init(&w, 8);
    world_open(&w, &memory_store);
    store_put(w.store, "/v1/a", json_pack("{s:s}", "x", text), STORE_ANY,
              on_done, &o);
    assert_false(o.called);
    loop_run_for(w.loop, 1000);
    assert_int_equal(o.code, ERR_TOO_BIG);
    world_done(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_said_is_what_happened),
        cmocka_unit_test(test_all_or_nothing),
        cmocka_unit_test(test_too_big_is_refused_later),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
