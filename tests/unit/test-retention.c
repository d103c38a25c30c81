/* SPDX-License-Identifier: Apache-2.0 */
/* Which tasks that are over are forgotten. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/server/tasks/retention.h"
#include "tests/lib/deploy-world.h"
#include "tests/lib/memory-store.h"

#define NOW_S 1000000
#define AGE_S 10000

struct outcome {
    size_t tasks, batches;
    bool ended;
    struct err err;
};

static void on_done(void *arg, size_t tasks, size_t batches,
                    const struct err *err)
{
    struct outcome *o = arg;
    o->tasks = tasks;
    o->batches = batches;
    o->ended = true;
    if (err)
        o->err = *err;
}

static void ignore(void *arg, uint64_t revision, const struct err *err)
{
    (void)arg;
    (void)revision;
    assert_null(err);
}

static void put_task(struct world *w, unsigned number, const char *state,
                     int64_t ended_s)
{
    char key[64];
    (void)snprintf(key, sizeof(key), "/v1/task/%032u", number);
    store_put(w->store, key,
              json_pack("{s:i, s:s, s:I}", "schema", 1, "state", state,
                        "ended_s", (json_int_t)ended_s),
              STORE_NEW, ignore, NULL);
}

static void put_batch(struct world *w, unsigned number, unsigned task)
{
    char key[64], id[40];
    (void)snprintf(key, sizeof(key), "/v1/batch/%032u", number);
    (void)snprintf(id, sizeof(id), "%032u", task);
    store_put(w->store, key,
              json_pack("{s:i, s:I, s:[{s:s}]}", "schema", 1, "created_s",
                        (json_int_t)1000, "tasks", "task", id),
              STORE_NEW, ignore, NULL);
}

static struct outcome run(struct world *w, size_t max_tasks)
{
    struct outcome o = {.err = ERR_INIT};
    world_settle(w);
    retention_run(&(struct retention_spec){.store = w->store,
                                           .hosts = w->hosts,
                                           .now_s = NOW_S,
                                           .max_age_s = AGE_S,
                                           .max_tasks = max_tasks,
                                           .done = on_done,
                                           .arg = &o});
    world_settle(w);
    assert_true(o.ended);
    return o;
}

static bool is_there(const char *kind, unsigned number)
{
    char key[64];
    (void)snprintf(key, sizeof(key), "/v1/%s/%032u", kind, number);
    return memory_store_value(key) != NULL;
}

static void test_old_ones_go_with_their_batch(void **state)
{
    struct world w;
    (void)state;
    world_new(&w, 1);
    put_task(&w, 1, "succeeded", NOW_S - AGE_S - 1);
    put_task(&w, 2, "failed", NOW_S - AGE_S);
    put_task(&w, 3, "running", 0);
    put_task(&w, 4, "cancelled", 5);
    put_batch(&w, 1, 1);
    put_batch(&w, 2, 2);
    put_batch(&w, 3, 3);
    struct outcome o = run(&w, 100);
    assert_int_equal(o.err.code, 0);
    assert_int_equal(o.tasks, 2);
    assert_int_equal(o.batches, 1);
    assert_false(is_there("task", 1));
    assert_true(is_there("task", 2));
    assert_true(is_there("task", 3));
    assert_false(is_there("task", 4));
    assert_false(is_there("batch", 1));
    assert_true(is_there("batch", 2));
    assert_true(is_there("batch", 3));
    world_free(&w);
}

static void test_the_oldest_of_too_many_go(void **state)
{
    struct world w;
    (void)state;
    world_new(&w, 1);
    for (unsigned i = 1; i <= 250; i++)
        put_task(&w, i, "succeeded", NOW_S - (int64_t)i);
    struct outcome o = run(&w, 200);
    assert_int_equal(o.tasks, 50);
    assert_true(is_there("task", 200));
    assert_false(is_there("task", 201));
    assert_false(is_there("task", 250));
    assert_int_equal(run(&w, 200).tasks, 0);
    world_free(&w);
}

static void learn_inventory(struct world *w, const struct host *host,
                            unsigned task)
{
    char id[40];
    (void)snprintf(id, sizeof(id), "%032u", task);
    json_t *facts = json_pack("{s:{s:s, s:i, s:i}}", "inventory", "task", id,
                              "step", 0, "at_s", 5);
    host_learn(w->hosts, host->id, &(struct host_news){.facts = facts}, NULL,
               NULL);
    json_decref(facts);
    world_settle(w);
}

static void test_the_newest_inventory_of_a_host_stays(void **state)
{
    struct world w;
    (void)state;
    world_new(&w, 1);
    for (unsigned i = 1; i <= 3; i++)
        put_task(&w, i, "succeeded", 5);
    put_batch(&w, 2, 2);
    learn_inventory(&w, world_host(&w), 2);
    assert_int_equal(run(&w, 0).tasks, 2); /* neither by age nor by number */
    assert_false(is_there("task", 1));
    assert_true(is_there("task", 2));
    assert_false(is_there("task", 3));
    assert_true(is_there("batch", 2));
    put_task(&w, 4, "succeeded", 5);
    learn_inventory(&w, world_host(&w), 4); /* which makes 2 an old one */
    struct outcome o = run(&w, 100);
    assert_int_equal(o.tasks, 1);
    assert_int_equal(o.batches, 1);
    assert_false(is_there("task", 2));
    assert_true(is_there("task", 4));
    world_free(&w);
}

static void test_a_store_that_refuses_is_told(void **state)
{
    struct world w;
    (void)state;
    world_new(&w, 1);
    put_task(&w, 1, "failed", 5);
    world_settle(&w);
    memory_store_refuse(1);
    struct outcome o = run(&w, 10);
    assert_int_not_equal(o.err.code, 0);
    assert_true(is_there("task", 1));
    world_free(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_old_ones_go_with_their_batch),
        cmocka_unit_test(test_the_oldest_of_too_many_go),
        cmocka_unit_test(test_the_newest_inventory_of_a_host_stays),
        cmocka_unit_test(test_a_store_that_refuses_is_told),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
