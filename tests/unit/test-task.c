/* SPDX-License-Identifier: Apache-2.0 */
/* The life of a task under virtual time. */
#include "core/server/tasks/task.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/lib/deploy-world.h"
#include "tests/lib/memory-store.h"

#define LOCAL SLIPWAY_INTENT_LOCAL
#define ENGINE SLIPWAY_INTENT_ENGINE
#define DISCOVER SLIPWAY_BOOT_DHCP_DISCOVER
#define REQUEST SLIPWAY_BOOT_DHCP_REQUEST

struct fixture {
    struct world w;
    struct engine e;
    char id[MESSAGE_ID_BYTES]; /* of the task */
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    world_new(&f->w, 1);
    engine_init(&f->e, &f->w, 1);
    memcpy(f->id, world_start(&f->w)->now.id, sizeof(f->id));
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    engine_done(&f->e);
    world_free(&f->w);
    free(f);
    return 0;
}

static void do_steps(struct engine *e)
{
    for (uint32_t i = 0; i < 2; i++) {
        assert_true(engine_report(e, MESSAGE_STEP_STARTED, i, false));
        assert_true(engine_report(e, MESSAGE_PROGRESS, i, false));
        assert_true(engine_report(e, MESSAGE_STEP_DONE, i, false));
    }
}

static void assert_over(struct fixture *f, enum task_state state)
{
    assert_int_equal(world_state(f->id), state);
    assert_null(task_find(f->w.tasks, f->id));
    assert_int_equal(memory_store_count("/v1/active/"), 0);
    assert_int_equal(world_firmware(&f->w, WORLD_MAC, DISCOVER), LOCAL);
}

static void test_from_armed_to_succeeded(void **state)
{
    struct fixture *f = *state;
    engine_up(&f->e);
    assert_int_equal(world_state(f->id), TASK_RUNNING);
    do_steps(&f->e);
    assert_true(engine_report(&f->e, MESSAGE_LEAVING, 0, false));
    assert_int_equal(world_state(f->id), TASK_LEAVING);
    world_run(&f->w, TASK_LEAVING_MS - 2000);
    assert_int_equal(world_state(f->id), TASK_LEAVING);
    world_run(&f->w, 4000);
    assert_over(f, TASK_SUCCEEDED);
    assert_int_equal(memory_store_count("/v1/ticket/"), 0);
    /* The session stays a while, so that a repeated report is acknowledged. */
    assert_true(engine_report(&f->e, MESSAGE_LEAVING, 0, true));
    world_run(&f->w, SESSION_AFTER_MS + 1000);
    assert_int_equal(memory_store_count("/v1/session/"), 0);
    const json_t *inventory =
        json_object_get(world_host(&f->w)->facts, "inventory");
    assert_string_equal(json_string_value(json_object_get(inventory, "task")),
                        f->id);
}

static void test_a_boot_while_leaving_goes_to_the_disk(void **state)
{
    struct fixture *f = *state;
    engine_up(&f->e);
    do_steps(&f->e);
    assert_true(engine_report(&f->e, MESSAGE_LEAVING, 0, false));
    assert_int_equal(world_firmware(&f->w, WORLD_MAC, DISCOVER), LOCAL);
    assert_over(f, TASK_SUCCEEDED);
}

static void never(void *arg, const struct message_plan *plan,
                  const struct err *err)
{
    (void)arg;
    (void)plan;
    (void)err;
    fail_msg("a poll that is gone was answered");
}

static void test_a_closed_connection_ends_leaving_at_once(void **state)
{
    struct fixture *f = *state;
    char header[MESSAGE_AUTHORIZATION_BYTES];
    struct session *session = NULL;
    engine_up(&f->e);
    do_steps(&f->e);
    message_authorization_format(f->e.welcome.session, f->e.welcome.token,
                                 header);
    assert_int_equal(
        session_authenticate(f->w.sessions, header, &f->e.key, &session, NULL),
        0);
    struct session_poll *poll =
        session_plan(f->w.sessions, session, never, NULL);
    assert_true(engine_report(&f->e, MESSAGE_LEAVING, 0, false));
    world_settle(&f->w);
    assert_int_equal(world_state(f->id), TASK_LEAVING);
    session_poll_gone(poll);
    world_settle(&f->w);
    assert_over(f, TASK_SUCCEEDED);
}

/* No poll is open between two of them: the engine's goodbye was not seen, and
 * every task stayed 30 s longer in leaving. */
static void test_the_reports_connection_ends_leaving_at_once(void **state)
{
    struct fixture *f = *state;
    char header[MESSAGE_AUTHORIZATION_BYTES];
    struct session *session = NULL;
    engine_up(&f->e);
    do_steps(&f->e);
    message_authorization_format(f->e.welcome.session, f->e.welcome.token,
                                 header);
    assert_int_equal(
        session_authenticate(f->w.sessions, header, &f->e.key, &session, NULL),
        0);
    session_speaks(session, 7);
    sessions_connection_closed(f->w.sessions, 7); /* before its last word */
    world_settle(&f->w);
    assert_int_equal(world_state(f->id), TASK_RUNNING);
    session_speaks(session, 8);
    assert_true(engine_report(&f->e, MESSAGE_LEAVING, 0, false));
    sessions_connection_closed(f->w.sessions, 7);
    world_settle(&f->w);
    assert_int_equal(world_state(f->id), TASK_LEAVING);
    sessions_connection_closed(f->w.sessions, 8);
    world_settle(&f->w);
    assert_over(f, TASK_SUCCEEDED);
}

static void test_a_failed_step_fails_the_task(void **state)
{
    struct fixture *f = *state;
    engine_up(&f->e);
    assert_true(engine_report(&f->e, MESSAGE_STEP_STARTED, 0, false));
    assert_true(engine_report(&f->e, MESSAGE_STEP_FAILED, 0, false));
    assert_over(f, TASK_FAILED);
    assert_string_equal(json_string_value(world_member(f->id, "sentence")),
                        "step 1 (inventory): some text");
    assert_true(engine_report(&f->e, MESSAGE_LEAVING, 0, false));
    assert_int_equal(world_state(f->id), TASK_FAILED);
}

static void test_leaving_otherwise_is_a_failure(void **state)
{
    struct fixture *f = *state;
    engine_up(&f->e);
    do_steps(&f->e);
    assert_true(engine_leave_failed(&f->e, "kexec-impossible"));
    assert_over(f, TASK_FAILED);
    assert_string_equal(json_string_value(world_member(f->id, "code")),
                        "kexec-impossible");
    assert_string_equal(json_string_value(world_member(f->id, "sentence")),
                        "some text");
}

static void test_leaving_early_is_a_failure(void **state)
{
    struct fixture *f = *state;
    engine_up(&f->e);
    assert_true(engine_report(&f->e, MESSAGE_STEP_DONE, 0, false));
    assert_true(engine_report(&f->e, MESSAGE_LEAVING, 0, false));
    assert_over(f, TASK_FAILED);
    assert_string_equal(json_string_value(world_member(f->id, "code")),
                        "left-early");
}

static void test_a_silent_engine_is_lost_after_120_s(void **state)
{
    struct fixture *f = *state;
    engine_up(&f->e);
    world_run(&f->w, TASK_SILENCE_MS - 5000);
    assert_true(engine_report(&f->e, MESSAGE_PROGRESS, 0, false));
    world_run(&f->w, TASK_SILENCE_MS - 5000);
    assert_int_equal(world_state(f->id), TASK_RUNNING);
    world_run(&f->w, 10000);
    assert_int_equal(world_state(f->id), TASK_ARMED);
    assert_int_equal(json_integer_value(world_member(f->id, "attempt")), 2);
    assert_int_equal(world_events(&f->w, "session-lost"), 1);
}

static void test_an_engine_that_comes_back_goes_on(void **state)
{
    struct fixture *f = *state;
    engine_up(&f->e);
    assert_true(engine_report(&f->e, MESSAGE_STEP_STARTED, 0, false));
    assert_true(engine_report(&f->e, MESSAGE_STEP_DONE, 0, false));
    world_run(&f->w, TASK_SILENCE_MS + 1000);
    assert_int_equal(world_state(f->id), TASK_ARMED);
    assert_true(engine_report(&f->e, MESSAGE_STEP_STARTED, 1, false));
    assert_false(f->e.reply.cancel);
    assert_int_equal(world_state(f->id), TASK_RUNNING);
    assert_int_equal(json_integer_value(world_member(f->id, "attempt")), 2);
    /* Once more, and its poll comes first. */
    world_run(&f->w, TASK_SILENCE_MS + 1000);
    assert_int_equal(world_state(f->id), TASK_ARMED);
    assert_true(engine_plan(&f->e));
    assert_int_equal(f->e.plan.state, MESSAGE_READY);
    assert_true(engine_report(&f->e, MESSAGE_STEP_DONE, 1, false));
    assert_true(engine_report(&f->e, MESSAGE_LEAVING, 0, false));
    world_run(&f->w, TASK_LEAVING_MS + 1000);
    assert_over(f, TASK_SUCCEEDED);
}

static void test_an_engine_that_was_replaced_is_told_to_stop(void **state)
{
    struct fixture *f = *state;
    struct engine second;
    engine_up(&f->e);
    assert_true(engine_report(&f->e, MESSAGE_STEP_DONE, 0, false));
    engine_init(&second, &f->w, 2);
    engine_up(&second); /* its firmware booted again */
    const json_t *step = json_array_get(world_member(f->id, "steps"), 0);
    assert_string_equal(json_string_value(json_object_get(step, "state")),
                        "waiting");
    assert_true(engine_report(&f->e, MESSAGE_STEP_DONE, 1, false));
    assert_true(f->e.reply.cancel);
    assert_true(engine_plan(&f->e));
    assert_int_equal(f->e.plan.state, MESSAGE_LOCAL);
    assert_int_equal(world_state(f->id), TASK_RUNNING);
    engine_done(&second);
}

static void test_firmware_that_boots_again_is_lost_at_once(void **state)
{
    struct fixture *f = *state;
    for (uint32_t attempt = 1; attempt <= TASK_MAX_ATTEMPTS; attempt++) {
        engine_up(&f->e);
        assert_int_equal(json_integer_value(world_member(f->id, "attempt")),
                         attempt);
        f->e.attempt = attempt;
        f->e.seq = 0;
        assert_true(engine_report(&f->e, MESSAGE_STEP_DONE, 0, false));
        f->e.key.bytes[0]++; /* every start makes a new key */
    }
    assert_int_equal(world_firmware(&f->w, WORLD_MAC, DISCOVER), LOCAL);
    assert_over(f, TASK_FAILED);
    assert_string_equal(json_string_value(world_member(f->id, "code")),
                        "attempts-exhausted");
}

static void test_a_restart_of_the_server_does_not_count(void **state)
{
    struct fixture *f = *state;
    engine_up(&f->e);
    uint64_t epoch = f->e.plan.epoch;
    world_run(&f->w, TASK_SILENCE_MS - 5000);
    world_kill(&f->w);
    world_boot(&f->w);
    world_run(&f->w, TASK_SILENCE_MS - 5000);
    assert_int_equal(world_state(f->id), TASK_RUNNING);
    assert_true(engine_report(&f->e, MESSAGE_STEP_DONE, 0, false));
    assert_true(f->e.reply.epoch > epoch);
    /* A plan asked for now is signed again with the new epoch. */
    assert_true(engine_plan(&f->e));
    struct plan *plan = NULL;
    struct err err = ERR_INIT;
    const struct plan_expect expect = {f->w.deploy.site_id, NULL,
                                       f->e.plan.epoch, 0};
    if (plan_verify(f->e.plan.text, f->e.plan.signature,
                    &f->w.signing.public_key, 1, &expect, &plan, &err))
        fail_msg("%s", err.text);
    assert_int_equal(plan->epoch, f->e.plan.epoch);
    plan_free(plan);
}

static void cancelled(void *arg, struct task *task, const struct err *err)
{
    (void)task;
    *(int *)arg = err ? err->code : 1;
}

static int cancel(struct fixture *f)
{
    int result = 0;
    task_cancel(f->w.tasks, f->id, "somebody", cancelled, &result);
    world_settle(&f->w);
    return result;
}

static void test_cancel_before_the_machine_came(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(cancel(f), 1);
    assert_over(f, TASK_CANCELLED);
    assert_int_equal(cancel(f), ERR_NOT_FOUND);
}

static void test_cancel_while_running(void **state)
{
    struct fixture *f = *state;
    engine_up(&f->e);
    assert_int_equal(cancel(f), 1);
    assert_int_equal(cancel(f), 1); /* asked twice is asked once */
    assert_int_equal(world_state(f->id), TASK_CANCELLING);
    assert_true(engine_plan(&f->e));
    assert_true(f->e.plan.cancel);
    assert_true(engine_report(&f->e, MESSAGE_STEP_FAILED, 0, false));
    assert_over(f, TASK_CANCELLED);
}

static void test_cancel_of_a_machine_that_is_gone(void **state)
{
    struct fixture *f = *state;
    engine_up(&f->e);
    assert_int_equal(cancel(f), 1);
    world_run(&f->w, TASK_SILENCE_MS + 1000);
    assert_over(f, TASK_CANCELLED);
}

static void test_cancel_when_all_is_done_comes_too_late(void **state)
{
    struct fixture *f = *state;
    engine_up(&f->e);
    do_steps(&f->e);
    assert_true(engine_report(&f->e, MESSAGE_LEAVING, 0, false));
    assert_int_equal(cancel(f), ERR_CONFLICT);
    world_run(&f->w, TASK_LEAVING_MS + 1000);
    assert_over(f, TASK_SUCCEEDED);
}

static void test_an_engine_that_never_connects(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < POLICY_ENGINE_BOOTS; i++) {
        assert_int_equal(world_firmware(&f->w, WORLD_MAC, DISCOVER), ENGINE);
        assert_int_equal(world_firmware(&f->w, WORLD_MAC, REQUEST), ENGINE);
        assert_int_equal(world_firmware(&f->w, WORLD_MAC, REQUEST), ENGINE);
        world_run(&f->w, 60000);
    }
    assert_int_equal(world_firmware(&f->w, WORLD_MAC, DISCOVER), LOCAL);
    assert_over(f, TASK_FAILED);
    assert_string_equal(json_string_value(world_member(f->id, "code")),
                        "engine-never-connected");
}

static void test_progress_is_shown_and_forgotten(void **state)
{
    struct fixture *f = *state;
    engine_up(&f->e);
    unsigned writes = memory_store_writes();
    assert_true(engine_report(&f->e, MESSAGE_PROGRESS, 0, false));
    assert_true(engine_report(&f->e, MESSAGE_PROGRESS, 0, true));
    assert_int_equal(memory_store_writes(), writes);
    assert_int_equal(world_events(&f->w, "task-progress"), 1);
    assert_string_equal(task_find(f->w.tasks, f->id)->progress.text,
                        "some text");
}

static void test_a_replayed_report_changes_nothing(void **state)
{
    struct fixture *f = *state;
    engine_up(&f->e);
    assert_true(engine_report(&f->e, MESSAGE_STEP_STARTED, 0, false));
    assert_true(engine_report(&f->e, MESSAGE_STEP_DONE, 0, false));
    unsigned writes = memory_store_writes();
    size_t kept = json_array_size(f->w.kept);
    assert_true(engine_report(&f->e, MESSAGE_STEP_DONE, 0, true));
    f->e.seq--;
    assert_true(engine_report(&f->e, MESSAGE_STEP_STARTED, 0, true));
    assert_int_equal(memory_store_writes(), writes);
    assert_int_equal(json_array_size(f->w.kept), kept);
    const json_t *step = json_array_get(world_member(f->id, "steps"), 0);
    assert_string_equal(json_string_value(json_object_get(step, "state")),
                        "done");
}

static void test_a_store_that_is_away_delays_and_loses_nothing(void **state)
{
    struct fixture *f = *state;
    engine_up(&f->e);
    do_steps(&f->e);
    assert_true(engine_report(&f->e, MESSAGE_LEAVING, 0, false));
    memory_store_refuse(60);
    world_run(&f->w, TASK_LEAVING_MS + 5000);
    assert_int_equal(world_state(f->id), TASK_LEAVING);
    memory_store_refuse(0);
    world_run(&f->w, 10000);
    assert_over(f, TASK_SUCCEEDED);
}

static void refused(void *arg, const struct task *task, const struct err *err)
{
    assert_null(task);
    *(struct err *)arg = *err;
}

static void test_one_active_task_per_host(void **state)
{
    struct fixture *f = *state;
    struct err err = ERR_INIT;
    AUTO_PROFILE *profile = world_profile("boot-disk");
    const struct task_start start = {profile, world_host(&f->w), "", NULL,
                                     "test"};
    task_start(f->w.tasks, &start, refused, &err);
    world_settle(&f->w);
    assert_int_equal(err.code, ERR_CONFLICT);
    assert_non_null(strstr(err.text, "lab-01"));
    assert_int_equal(memory_store_count("/v1/task/"), 1);
}

static void test_what_a_start_refuses(void **state)
{
    struct fixture *f = *state;
    struct err err = ERR_INIT;
    cancel(f);
    strcpy(f->w.min_tier, "console");
    AUTO_PROFILE *profile = world_profile("boot-disk");
    const struct task_start start = {profile, world_host(&f->w), "", NULL,
                                     "test"};
    assert_int_equal(task_start_check(f->w.tasks, &start, &err), ERR_DENIED);
    assert_non_null(strstr(err.text, "tier 'console'"));
    strcpy(f->w.min_tier, "network");
    json_object_set_new(profile->steps[1].with, "image", json_string("other"));
    assert_int_equal(task_start_check(f->w.tasks, &start, &err), ERR_NOT_FOUND);
    json_object_set_new(profile->steps[1].with, "image",
                        json_string("debian-12"));
    json_object_set_new(profile->steps[1].with, "grow", json_true());
    assert_int_equal(task_start_check(f->w.tasks, &start, &err), ERR_INVALID);
    assert_non_null(strstr(err.text, "grow"));
}

static void test_a_server_that_was_replaced_writes_nothing(void **state)
{
    struct fixture *f = *state;
    struct world second = f->w; /* the same store, another process */
    engine_up(&f->e);
    /* It starts: its epoch replaces the first one's. */
    second.ready = false;
    world_boot(&second);
    assert_false(engine_report(&f->e, MESSAGE_STEP_DONE, 0, false));
    assert_int_equal(f->e.err.code, ERR_CONFLICT);
    world_kill(&second);
    const json_t *step = json_array_get(world_member(f->id, "steps"), 0);
    assert_string_equal(json_string_value(json_object_get(step, "state")),
                        "waiting");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_from_armed_to_succeeded),
        TEST(test_a_boot_while_leaving_goes_to_the_disk),
        TEST(test_a_closed_connection_ends_leaving_at_once),
        TEST(test_the_reports_connection_ends_leaving_at_once),
        TEST(test_a_failed_step_fails_the_task),
        TEST(test_leaving_otherwise_is_a_failure),
        TEST(test_leaving_early_is_a_failure),
        TEST(test_a_silent_engine_is_lost_after_120_s),
        TEST(test_an_engine_that_comes_back_goes_on),
        TEST(test_an_engine_that_was_replaced_is_told_to_stop),
        TEST(test_firmware_that_boots_again_is_lost_at_once),
        TEST(test_a_restart_of_the_server_does_not_count),
        TEST(test_cancel_before_the_machine_came),
        TEST(test_cancel_while_running),
        TEST(test_cancel_of_a_machine_that_is_gone),
        TEST(test_cancel_when_all_is_done_comes_too_late),
        TEST(test_an_engine_that_never_connects),
        TEST(test_progress_is_shown_and_forgotten),
        TEST(test_a_replayed_report_changes_nothing),
        TEST(test_a_store_that_is_away_delays_and_loses_nothing),
        TEST(test_one_active_task_per_host),
        TEST(test_what_a_start_refuses),
        TEST(test_a_server_that_was_replaced_writes_nothing),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
