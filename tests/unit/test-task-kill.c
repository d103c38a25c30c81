/* SPDX-License-Identifier: Apache-2.0 */
/* The server is killed at every single write of a deployment, with that write
 * done and not done; the deployment ends as if nothing had been. */
#include "core/server/tasks/task.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/util/json.h"
#include "tests/lib/deploy-world.h"
#include "tests/lib/faulty-store.h"
#include "tests/lib/memory-store.h"

#define BATCH "00112233445566778899aabbccddeeff"

/* Who is killed frees nothing: what was on its way stays where it is. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "detect_leaks=0";
}

static unsigned deaths;

/* Restarts the server if it died; true when it had. */
static bool revive(struct world *w)
{
    bool died = memory_store_dead();
    deaths += died;
    while (memory_store_dead()) {
        world_kill(w);
        world_boot(w);
    }
    return died;
}

static void batch_started(void *arg, const json_t *batch, const struct err *err)
{
    (void)arg;
    (void)batch;
    if (err)
        fail_msg("%s", err->text);
}

/* The client repeats its request with the same id until it is answered. */
static void start(struct world *w, char ret_task[MESSAGE_ID_BYTES])
{
    AUTO_PROFILE *profile = world_profile("boot-disk");
    AUTO_JSON *select = json_pack("{s:[s]}", "hosts", "lab-01");
    while (!memory_store_value("/v1/batch/" BATCH)) {
        batch_start(w->batches, profile, select, BATCH, "test", batch_started,
                    NULL);
        world_settle(w);
        (void)revive(w);
    }
    world_settle(w);
    while (revive(w))
        world_settle(w);
    const char *text = memory_store_value("/v1/batch/" BATCH);
    AUTO_JSON *batch = json_parse(text, strlen(text), 1 << 20, NULL);
    const json_t *entry = json_array_get(json_object_get(batch, "tasks"), 0);
    snprintf(ret_task, MESSAGE_ID_BYTES, "%s",
             json_string_value(json_object_get(entry, "task")));
}

/* The machine's engine repeats what was not answered, with fresh tickets as
 * its rendezvous gives them. */
static void connect_engine(struct engine *e)
{
    struct world *w = e->world;
    char ticket[MESSAGE_TOKEN_BYTES];
    for (unsigned tries = 0; tries < 10; tries++) {
        bool given = world_ticket(w, e->address, ticket);
        if (revive(w) || !given)
            continue;
        bool good = engine_hello(e, ticket);
        while (revive(w))
            good = engine_hello(e, ticket); /* it may have been accepted */
        if (good)
            break;
    }
    assert_int_equal(e->err.code, 0);
    assert_int_equal(e->welcome.state, MESSAGE_READY);
    while (!engine_plan(e))
        assert_true(revive(w));
    assert_non_null(e->plan.text);
    e->attempt = 1;
}

static void report(struct engine *e, enum message_report_kind kind,
                   uint32_t step)
{
    bool good = engine_report(e, kind, step, false);
    while (!good || memory_store_dead()) {
        assert_true(revive(e->world));
        good = engine_report(e, kind, step, true);
    }
}

/* One deployment; returns how many writes it took after the host was made. */
static unsigned deploy(unsigned kill_at, bool done)
{
    struct world w;
    struct engine e;
    char task[MESSAGE_ID_BYTES];
    world_new(&w, 1);
    engine_init(&e, &w, 1);
    unsigned before = memory_store_writes();
    deaths = 0;
    memory_store_kill_at(kill_at, done);
    start(&w, task);
    assert_int_equal(world_firmware(&w, WORLD_MAC, SLIPWAY_BOOT_DHCP_DISCOVER),
                     SLIPWAY_INTENT_ENGINE);
    (void)revive(&w);
    connect_engine(&e);
    for (uint32_t i = 0; i < 2; i++) {
        report(&e, MESSAGE_STEP_STARTED, i);
        report(&e, MESSAGE_STEP_DONE, i);
    }
    report(&e, MESSAGE_LEAVING, 0);
    world_run(&w, TASK_LEAVING_MS + 1000);
    if (revive(&w))
        world_run(&w, TASK_LEAVING_MS + 1000);

    assert_int_equal(deaths, kill_at > 0);
    assert_int_equal(world_state(task), TASK_SUCCEEDED);
    assert_int_equal(json_integer_value(world_member(task, "attempt")), 1);
    assert_int_equal(memory_store_count("/v1/task/"), 1);
    assert_int_equal(memory_store_count("/v1/active/"), 0);
    const json_t *steps = world_member(task, "steps");
    for (size_t i = 0; i < 2; i++) {
        const json_t *step = json_array_get(steps, i);
        assert_string_equal(json_string_value(json_object_get(step, "state")),
                            "done");
        assert_non_null(json_object_get(step, "result"));
    }
    unsigned writes = memory_store_writes() - before;
    engine_done(&e);
    world_free(&w);
    return writes;
}

static void test_killed_at_every_write(void **state)
{
    (void)state;
    unsigned writes = deploy(0, false);
    assert_true(writes > 10);
    for (unsigned at = 1; at <= writes; at++) {
        print_message("# killed at write %u of %u\n", at, writes);
        (void)deploy(at, false);
        (void)deploy(at, true);
    }
}

/* --- a store that is slow, refuses and does not know -------------------- */

static void try_report(struct engine *e, enum message_report_kind kind,
                       uint32_t step)
{
    bool good = engine_report(e, kind, step, false);
    for (unsigned tries = 0; !good; tries++) {
        assert_true(tries < 50);
        assert_int_equal(e->err.code, ERR_UNAVAILABLE);
        good = engine_report(e, kind, step, true);
    }
}

static void tell(void *arg, const struct task *task, const struct err *err)
{
    (void)err; /* tried again */
    if (task)
        memcpy(arg, task->now.id, MESSAGE_ID_BYTES);
}

static void deploy_on_faulty_store(uint64_t seed)
{
    struct world w;
    struct engine e;
    char task[MESSAGE_ID_BYTES] = "", ticket[MESSAGE_TOKEN_BYTES];
    world_new(&w, seed);
    engine_init(&e, &w, 1);
    world_kill(&w);
    faulty_store_set(&(struct faulty_store_spec){.seed = seed});
    w.plugin = faulty_store(&memory_store);
    world_boot(&w);
    faulty_store_set(&(struct faulty_store_spec){.seed = seed,
                                                 .unknown_permille = 200,
                                                 .unavailable_permille = 100,
                                                 .delay_max_ms = 40});
    AUTO_PROFILE *profile = world_profile("boot-disk");
    while (!*task) {
        const struct task_start start = {profile, world_host(&w), "", NULL,
                                         "test"};
        task_start(w.tasks, &start, tell, task);
        world_run(&w, 10000);
    }
    assert_int_equal(world_state(task), TASK_ARMED);
    assert_int_equal(world_firmware(&w, WORLD_MAC, SLIPWAY_BOOT_DHCP_DISCOVER),
                     SLIPWAY_INTENT_ENGINE);
    do {
        while (!world_ticket(&w, e.address, ticket))
            world_run(&w, 4000);
    } while (!engine_hello(&e, ticket));
    assert_true(engine_plan(&e));
    for (uint32_t i = 0; i < 2; i++) {
        try_report(&e, MESSAGE_STEP_STARTED, i);
        try_report(&e, MESSAGE_STEP_DONE, i);
    }
    try_report(&e, MESSAGE_LEAVING, 0);
    world_run(&w, TASK_LEAVING_MS + 60000);
    assert_int_equal(world_state(task), TASK_SUCCEEDED);
    assert_int_equal(json_integer_value(world_member(task, "attempt")), 1);
    assert_int_equal(memory_store_count("/v1/active/"), 0);
    engine_done(&e);
    world_free(&w);
}

static void test_a_store_that_does_not_know(void **state)
{
    (void)state;
    uint64_t unknown = 0;
    for (uint64_t seed = 1; seed <= 200; seed++) {
        deploy_on_faulty_store(seed);
        unknown += faulty_store_counts().unknown_done;
    }
    assert_true(unknown > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_killed_at_every_write),
        cmocka_unit_test(test_a_store_that_does_not_know),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
