/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The whole engine as it runs on a target, against a server of this protocol:
 * plans that are run, refused, cancelled; replies that are lost.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/engine/actions/action-process.h"
#include "core/engine/engine.h"
#include "core/profile/plan.h"
#include "core/util/json.h"
#include "core/util/log.h"
#include "tests/unit/engine-server.h"

#define SCREEN_BYTES 16384

struct result {
    int code;
    struct err err;
    struct handoff leave;
    char screen[SCREEN_BYTES]; /* what a person saw */
};

static const char *built_path(const char *dir, const char *name, char out[4096])
{
    (void)snprintf(out, 4096, "%s/%s/%s/action/%s.so",
                   getenv("top_builddir") ? getenv("top_builddir") : ".", dir,
                   SLIPWAY_MACHINE, name);
    return out;
}

/* A plan of these steps ("good", "crash", ... up to a NULL). */
static void give_plan(struct engine_server *server, uint64_t epoch,
                      const char *then, const char *const *steps)
{
    struct plan *plan = plan_new();
    char path[4096];

    (void)snprintf(plan->site, sizeof(plan->site), "%s", ENGINE_SERVER_SITE);
    (void)snprintf(plan->task, sizeof(plan->task), "%s", ENGINE_SERVER_TASK);
    (void)snprintf(plan->host_id, sizeof(plan->host_id), "%s",
                   ENGINE_SERVER_HOST);
    (void)snprintf(plan->host_name, sizeof(plan->host_name), "lab-01");
    (void)snprintf(plan->tier, sizeof(plan->tier), "network");
    (void)snprintf(plan->then, sizeof(plan->then), "%s", then);
    (void)snprintf(plan->transport[0], PLAN_NAME_BYTES, "unicast");
    plan->transport_count = 1;
    plan->attempt = 1;
    plan->epoch = epoch;
    plan->not_after_s = 2400000000;
    (void)snprintf(plan->servers[0].address, MESSAGE_SERVER_BYTES, "127.0.0.1");
    plan->servers[0].tls_port = 7443;
    plan->servers[0].http_port = 7080;
    plan->server_count = 1;
    for (; steps[plan->step_count]; plan->step_count++) {
        struct plan_step *step = &plan->steps[plan->step_count];
        const char *name = steps[plan->step_count];
        bool own = strcmp(name, "inventory") == 0;
        (void)snprintf(step->action, sizeof(step->action), "%s", name);
        step->with = json_object();
        step->timeout_ms = 60000;
        engine_server_file(
            server,
            built_path(own ? "plugins-built" : "tests/plugin/built", name,
                       path),
            &step->plugin);
    }
    server->plan = plan_format(plan);
    assert_non_null(server->plan);
    plan_free(plan);
}

static void run_engine(struct engine_server *server, struct result *result)
{
    char path[4096];
    struct target target = {.ticket = "x"};
    struct engine_setup setup = {
        .target = &target, .trust = &server->trust, .patience_ms = 3000};

    (void)snprintf(path, sizeof(path), "%s/screen",
                   getenv("TEST_DIR") ? getenv("TEST_DIR") : "/tmp");
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    memset(result, 0, sizeof(*result));
    target.loop = setup.loop = loop_new(&seam_real, NULL);
    if (server->trust.server_count == 0) /* else the trust file's */
        target.server = server->name;
    target.facts = json_pack("{s:{s:s, s:s}}", "system", "vendor", "QEMU",
                             "product", "Standard PC");
    setup.console = console_new(setup.loop, &fd, 1, NULL);
    result->code = engine_work(&setup, &result->leave, &result->err);
    console_free(setup.console);
    loop_free(setup.loop);
    json_decref(target.facts);
    ssize_t got = pread(fd, result->screen, SCREEN_BYTES - 1, 0);
    assert_true(got >= 0);
    (void)close(fd);
    (void)unlink(path);
}

static void expect_screen(const struct result *result, const char *text)
{
    if (!strstr(result->screen, text))
        fail_msg("the screen does not say '%s':\n%s", text, result->screen);
}

static const char *const inventory_then_good[] = {"inventory", "good", NULL};
static const char *const crash_then_good[] = {"crash", "good", NULL};
static const char *const only_hang[] = {"hang", NULL};
static const char *const only_good[] = {"good", NULL};

static void test_plan_is_run_and_reported(void **state)
{
    struct engine_server server = {.epoch = 7};
    struct result result;

    (void)state;
    give_plan(&server, 7, "reboot", inventory_then_good);
    engine_server_start(&server);
    run_engine(&server, &result);
    assert_int_equal(result.code, 0);
    assert_int_equal(result.leave.method, HANDOFF_REBOOT);
    assert_string_equal(result.leave.host_name, "lab-01");
    assert_int_equal(server.sessions, 1);
    assert_int_equal(engine_server_count(&server, "step-started"), 2);
    assert_int_equal(engine_server_count(&server, "step-done"), 2);
    assert_int_equal(engine_server_count(&server, "leaving"), 1);
    const json_t *facts =
        json_object_get(engine_server_report(&server, "step-done"), "result");
    assert_non_null(json_object_get(facts, "system"));
    expect_screen(&result, "lab-01, QEMU Standard PC");
    expect_screen(&result, "step 2 of 2: good");
    engine_server_stop(&server);
}

/* No disk was installed: a kexec that is demanded fails the task, after every
 * step was done. */
static void test_impossible_kexec_is_reported(void **state)
{
    struct engine_server server = {.epoch = 7};
    struct result result;

    (void)state;
    give_plan(&server, 7, "kexec", only_good);
    engine_server_start(&server);
    run_engine(&server, &result);
    assert_int_equal(result.leave.method, HANDOFF_FIRMWARE);
    assert_int_equal(engine_server_count(&server, "step-done"), 1);
    const json_t *m = engine_server_report(&server, "leaving");
    assert_string_equal(json_string_value(json_object_get(m, "code")),
                        "kexec-impossible");
    assert_string_equal(json_string_value(json_object_get(m, "method")),
                        "firmware");
    assert_non_null(strstr(json_string_value(json_object_get(m, "note")),
                           "not by kexec because no disk was installed"));
    expect_screen(&result, "TROUBLE: not by kexec");
    engine_server_stop(&server);
}

static void test_lost_answers_are_asked_again(void **state)
{
    struct engine_server server = {.epoch = 7, .drop_reports = 3};
    struct result result;
    size_t index;
    json_t *report;
    json_int_t last = 0;

    (void)state;
    give_plan(&server, 7, "poweroff", inventory_then_good);
    engine_server_start(&server);
    run_engine(&server, &result);
    assert_int_equal(result.code, 0);
    assert_int_equal(server.sessions, 1);
    assert_int_equal(engine_server_count(&server, "step-done"), 2);
    /* In order, without a gap, and the repeated ones the same. */
    json_array_foreach(server.reports, index, report)
    {
        json_int_t seq = json_integer_value(json_object_get(report, "seq"));
        assert_true(seq == last || seq == last + 1);
        if (seq == last)
            assert_true(
                json_equal(report, json_array_get(server.reports, index - 1)));
        last = seq;
    }
    assert_true(json_array_size(server.reports) >= 9);
    engine_server_stop(&server);
}

static void test_crash_ends_the_task_with_its_sentence(void **state)
{
    struct engine_server server = {.epoch = 7};
    struct result result;

    (void)state;
    give_plan(&server, 7, "boot-disk", crash_then_good);
    engine_server_start(&server);
    run_engine(&server, &result);
    assert_int_equal(result.leave.method, HANDOFF_REBOOT);
    assert_int_equal(engine_server_count(&server, "step-started"), 1);
    const json_t *failed = engine_server_report(&server, "step-failed");
    assert_non_null(failed);
    assert_non_null(
        strstr(json_string_value(json_object_get(failed, "sentence")),
               "action 'crash' crashed"));
    expect_screen(&result, "TROUBLE: action 'crash' crashed");
    engine_server_stop(&server);
}

static void expect_refused(struct engine_server *server, uint64_t epoch,
                           const char *sentence)
{
    struct result result;

    give_plan(server, epoch, "reboot", only_good);
    engine_server_start(server);
    run_engine(server, &result);
    assert_true(result.code < 0);
    if (!strstr(result.err.text, sentence))
        fail_msg("'%s' does not say '%s'", result.err.text, sentence);
    assert_int_equal(engine_server_count(server, "step-started"), 0);
    engine_server_stop(server);
}

static void test_damaged_plan_is_refused(void **state)
{
    struct engine_server server = {.epoch = 7, .damage_plan = true};

    (void)state;
    expect_refused(&server, 7, "the plan is refused");
}

static void test_old_epoch_is_refused(void **state)
{
    struct engine_server server = {.epoch = 8};

    (void)state;
    expect_refused(&server, 7, "epoch");
}

static void test_refused_ticket_is_said(void **state)
{
    struct engine_server server = {.epoch = 7, .refuse = 403};

    (void)state;
    expect_refused(&server, 7, "this ticket is not valid");
}

static void test_damaged_action_is_refused(void **state)
{
    struct engine_server server = {.epoch = 7, .damage_files = true};
    struct result result;

    (void)state;
    give_plan(&server, 7, "reboot", only_good);
    engine_server_start(&server);
    run_engine(&server, &result);
    const json_t *failed = engine_server_report(&server, "step-failed");
    assert_non_null(failed);
    assert_non_null(
        strstr(json_string_value(json_object_get(failed, "sentence")),
               "damaged plugin"));
    engine_server_stop(&server);
}

static void test_nothing_to_do_boots_the_disk(void **state)
{
    struct engine_server server = {.epoch = 7, .state = "local"};
    struct result result;

    (void)state;
    engine_server_start(&server);
    run_engine(&server, &result);
    assert_int_equal(result.code, 0);
    assert_int_equal(result.leave.method, HANDOFF_FIRMWARE);
    expect_screen(&result, "starts its own disk");
    engine_server_stop(&server);
}

static void test_code_is_shown_until_approved(void **state)
{
    struct engine_server server = {
        .epoch = 7, .state = "pending", .approve_later = true};
    struct result result;

    (void)state;
    give_plan(&server, 7, "reboot", only_good);
    engine_server_start(&server);
    run_engine(&server, &result);
    assert_int_equal(result.code, 0);
    expect_screen(&result, "F O U R   P L A I N   E N G L I S H");
    assert_int_equal(engine_server_count(&server, "step-done"), 1);
    engine_server_stop(&server);
}

static void test_cancel_stops_a_hanging_step(void **state)
{
    struct engine_server server = {.epoch = 7, .cancel_at = "step-started"};
    struct result result;

    (void)state;
    give_plan(&server, 7, "reboot", only_hang);
    engine_server_start(&server);
    run_engine(&server, &result);
    const json_t *failed = engine_server_report(&server, "step-failed");
    assert_non_null(failed);
    assert_string_equal(json_string_value(json_object_get(failed, "code")),
                        "cancelled");
    assert_int_equal(engine_server_count(&server, "leaving"), 1);
    engine_server_stop(&server);
}

static void test_foreign_server_is_not_talked_to(void **state)
{
    struct engine_server server = {.epoch = 7};
    struct result result;

    (void)state;
    engine_server_start(&server);
    server.trust.ca_pins[0].bytes[0] ^= 1;
    run_engine(&server, &result);
    assert_int_equal(result.code, ERR_DENIED);
    assert_non_null(strstr(result.err.text, "another site"));
    expect_screen(&result, "another site");
    assert_int_equal(server.sessions, 0);
    engine_server_stop(&server);
}

static void test_next_server_is_asked(void **state)
{
    struct engine_server server = {.epoch = 7};
    struct result result;

    (void)state;
    give_plan(&server, 7, "reboot", only_good);
    engine_server_start(&server);
    /* Port 1 is nobody's. */
    (void)snprintf(server.trust.servers[0], SERVER_NAME_BYTES, "127.0.0.1:1");
    memcpy(server.trust.servers[1], server.name, SERVER_NAME_BYTES);
    server.trust.server_count = 2;
    run_engine(&server, &result);
    assert_int_equal(result.code, 0);
    assert_int_equal(engine_server_count(&server, "leaving"), 1);
    expect_screen(&result, "server 127.0.0.1:1 does not answer");
    expect_screen(&result, "answers again");
    engine_server_stop(&server);
}

static void test_silent_server_ends_the_patience(void **state)
{
    struct engine_server server = {.epoch = 7};
    struct result result;

    (void)state;
    engine_server_start(&server);
    struct trust trust = server.trust;
    char name[SERVER_NAME_BYTES];
    memcpy(name, server.name, sizeof(name));
    engine_server_stop(&server);
    memset(&server, 0, sizeof(server));
    server.trust = trust;
    memcpy(server.name, name, sizeof(name));
    run_engine(&server, &result);
    assert_int_equal(result.code, ERR_UNAVAILABLE);
    expect_screen(&result, "does not answer: Connection refused");
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plan_is_run_and_reported),
        cmocka_unit_test(test_impossible_kexec_is_reported),
        cmocka_unit_test(test_lost_answers_are_asked_again),
        cmocka_unit_test(test_crash_ends_the_task_with_its_sentence),
        cmocka_unit_test(test_damaged_plan_is_refused),
        cmocka_unit_test(test_old_epoch_is_refused),
        cmocka_unit_test(test_refused_ticket_is_said),
        cmocka_unit_test(test_damaged_action_is_refused),
        cmocka_unit_test(test_nothing_to_do_boots_the_disk),
        cmocka_unit_test(test_code_is_shown_until_approved),
        cmocka_unit_test(test_cancel_stops_a_hanging_step),
        cmocka_unit_test(test_foreign_server_is_not_talked_to),
        cmocka_unit_test(test_next_server_is_asked),
        cmocka_unit_test(test_silent_server_ends_the_patience),
    };

    log_open("test-engine", LOG_INFO, LOG_FORMAT_TEXT);
    if (argc == 3 && strcmp(argv[1], "action") == 0)
        return action_process_main(argv[2]);
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
