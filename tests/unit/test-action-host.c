/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whatever an action does, only its step ends: each fixture of tests/plugin
 * runs in a real action process.  This program is also that process, because
 * PID 1 starts /proc/self/exe.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/engine/actions/action-host.h"
#include "core/engine/actions/action-process.h"
#include "core/util/file.h"
#include "core/util/json.h"
#include "core/util/log.h"

#define FILE_MAX_BYTES (4 * 1024 * 1024)

struct outcome {
    struct loop *loop;
    struct target target;
    struct action_host *host;
    bool ended;
    int code;
    bool skipped;
    char sentence[ERR_TEXT_BYTES];
    char *result;
    unsigned progress; /* calls */
    unsigned permille; /* highest seen */
    unsigned notes;
    bool went_back;
    bool cancel; /* as soon as the plugin says something */
};

static void on_progress(void *arg, unsigned permille, const char *text,
                        uint64_t bytes_done, uint64_t bytes_total)
{
    struct outcome *outcome = arg;

    (void)text;
    (void)bytes_done;
    (void)bytes_total;
    outcome->progress++;
    outcome->went_back |= permille < outcome->permille;
    outcome->permille = permille;
}

static void on_note(void *arg, unsigned level, const char *text)
{
    struct outcome *outcome = arg;

    (void)level;
    (void)text;
    outcome->notes++;
    if (outcome->cancel)
        action_host_cancel(outcome->host);
}

static void on_checkpoint(void *arg, json_t *checkpoint)
{
    (void)arg;
    (void)checkpoint;
    fail_msg("a step without an image told of a checkpoint");
}

static void on_done(void *arg, const struct action_end *end)
{
    struct outcome *outcome = arg;

    assert_false(outcome->ended);
    outcome->ended = true;
    outcome->code = end->code;
    outcome->skipped = end->skipped;
    (void)snprintf(outcome->sentence, sizeof(outcome->sentence), "%s",
                   end->sentence);
    outcome->result = json_text(end->result);
    loop_stop(outcome->loop);
}

/* The plugin's file below `dir` ("plugins-built" or "tests/plugin/built"). */
static int plugin_file(const char *dir, const char *name, struct digest *digest)
{
    AUTO_BUF content = BUF_INIT(FILE_MAX_BYTES);
    char path[4096];
    struct err err = ERR_INIT;

    (void)snprintf(path, sizeof(path), "%s/%s/%s/action/%s.so",
                   getenv("top_builddir") ? getenv("top_builddir") : ".", dir,
                   SLIPWAY_MACHINE, name);
    if (file_read(AT_FDCWD, path, &content, &err) < 0)
        fail_msg("%s", err.text);
    digest_of(content.data, content.length, digest);
    return file_sealed_memfd(name, content.data, content.length, NULL);
}

static void run_step(const char *dir, const char *name, const char *with,
                     uint64_t timeout_ms, struct outcome *outcome)
{
    static const struct action_handlers handlers = {on_progress, on_note,
                                                    on_checkpoint, on_done};
    struct err err = ERR_INIT;
    struct plan *plan = plan_new();
    struct trust trust = {.site = ""};

    plan->step_count = 1;
    plan->steps[0].timeout_ms = timeout_ms;
    plan->steps[0].with = json_loads(with, 0, NULL);
    (void)snprintf(plan->steps[0].action, PLAN_NAME_BYTES, "%s", name);
    outcome->loop = loop_new(&seam_real, &err);
    if (!outcome->target.facts)
        outcome->target.facts = json_pack("{s:s}", "machine", SLIPWAY_MACHINE);
    struct action_spec spec = {
        .loop = outcome->loop,
        .target = &outcome->target,
        .trust = &trust,
        .plan = plan,
        .plugin_fd = plugin_file(dir, name, &plan->steps[0].plugin),
    };
    outcome->host = action_host_start(&spec, &handlers, outcome, &err);
    assert_non_null(outcome->host);
    loop_run(outcome->loop);
    assert_true(outcome->ended);
    action_host_free(outcome->host);
    loop_free(outcome->loop);
    json_decref(outcome->target.facts);
    outcome->target.facts = NULL;
    plan_free(plan);
}

static void expect_failure(const char *name, int code, const char *sentence)
{
    struct outcome outcome = {.ended = false};

    run_step("tests/plugin/built", name, "{}", 1500, &outcome);
    if (!strstr(outcome.sentence, sentence))
        fail_msg("%s: '%s' does not say '%s'", name, outcome.sentence,
                 sentence);
    assert_int_equal(outcome.code, code);
    free(outcome.result);
}

static void test_good_action_runs(void **state)
{
    struct outcome outcome = {.ended = false};

    (void)state;
    run_step("tests/plugin/built", "good", "{\"count\": 4}", 60000, &outcome);
    assert_string_equal(outcome.sentence, "");
    assert_int_equal(outcome.code, 0);
    assert_string_equal(outcome.result, "{\"good\":true}");
    assert_int_equal(outcome.permille, 1000);
    assert_int_equal(outcome.progress, 4);
    free(outcome.result);
}

static void test_inventory_is_the_facts(void **state)
{
    struct outcome outcome = {.ended = false};

    (void)state;
    run_step("plugins-built", "inventory", "{}", 60000, &outcome);
    assert_int_equal(outcome.code, 0);
    assert_string_equal(outcome.result,
                        "{\"machine\":\"" SLIPWAY_MACHINE "\"}");
    free(outcome.result);
}

static void test_crash_ends_its_step_only(void **state)
{
    (void)state;
    expect_failure("crash", ERR_INTERNAL, "crashed in run (signal 11)");
}

static void test_hang_ends_its_step_only(void **state)
{
    (void)state;
    expect_failure("hang", ERR_TIMEOUT, "did not end within its time limit");
}

static void test_nonsense_result_is_named(void **state)
{
    (void)state;
    expect_failure("bad-return", ERR_INTERNAL, "returned 4711 from run");
}

static void test_unfit_plugins_are_refused(void **state)
{
    (void)state;
    expect_failure("wrong-major", ERR_UNSUPPORTED, "cannot run");
    expect_failure("no-run", ERR_INVALID, "cannot run");
    expect_failure("not-a-plugin", ERR_INVALID, "cannot run");
}

static void test_leftover_processes_do_not_hold_the_step(void **state)
{
    struct outcome outcome = {.ended = false};

    (void)state;
    run_step("tests/plugin/built", "leak", "{}", 60000, &outcome);
    assert_int_equal(outcome.code, 0);
    free(outcome.result);
}

static void test_floods_are_cut(void **state)
{
    struct outcome outcome = {.ended = false};

    (void)state;
    run_step("tests/plugin/built", "floods-log", "{}", 60000, &outcome);
    assert_int_equal(outcome.code, 0);
    assert_true(outcome.notes < 1000);
    assert_false(outcome.went_back);
    free(outcome.result);
}

static void test_unknown_parameter_is_refused(void **state)
{
    struct outcome outcome = {.ended = false};

    (void)state;
    run_step("tests/plugin/built", "good", "{\"colour\": 1}", 60000, &outcome);
    assert_int_equal(outcome.code, ERR_INVALID);
    assert_non_null(strstr(outcome.sentence, "colour"));
    free(outcome.result);
}

static void test_cancel_ends_a_hanging_action(void **state)
{
    struct outcome outcome = {.cancel = true};

    (void)state;
    run_step("tests/plugin/built", "hang", "{}", 60000, &outcome);
    assert_int_equal(outcome.code, ERR_CANCELLED);
    assert_string_equal(outcome.sentence, "step 'hang' was cancelled");
    free(outcome.result);
}

static void test_install_without_a_disk_is_refused(void **state)
{
    struct outcome outcome = {.ended = false};

    (void)state;
    run_step("plugins-built", "install",
             "{\"image\": \"x\", \"disk\": {\"select\": \"first\"}}", 60000,
             &outcome);
    assert_int_equal(outcome.code, ERR_INVALID);
    assert_non_null(strstr(outcome.sentence, "no disk at all"));
    free(outcome.result);
}

static void test_install_checks_the_host_name_first(void **state)
{
    struct outcome outcome = {.ended = false};

    (void)state;
    run_step("plugins-built", "install",
             "{\"image\": \"x\", \"disk\": {\"select\": \"first\"}, "
             "\"hostname\": \"not a name\"}",
             60000, &outcome);
    assert_int_equal(outcome.code, ERR_INVALID);
    assert_non_null(strstr(outcome.sentence, "'not a name' is not a host"));
    free(outcome.result);
}

/* ---- services ---- */

/* A machine with one disk, which is a file; `silent`: it did not answer when
 * it was looked for. */
static void use_service_on(const char *what, bool silent,
                           struct outcome *outcome)
{
    char with[64], path[4096];
    struct err err = ERR_INIT;

    (void)snprintf(with, sizeof(with), "{\"what\": \"%s\"}", what);
    (void)snprintf(path, sizeof(path), "%s/disk",
                   getenv("TEST_DIR") ? getenv("TEST_DIR") : "/tmp");
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, 4096), 0);
    memset(outcome, 0, sizeof(*outcome));
    if (disks_add_file(&outcome->target.disks, path, 512, &err) < 0)
        fail_msg("%s", err.text);
    outcome->target.disks.disks[0].silent = silent;
    run_step("tests/plugin/built", "services", with, 60000, outcome);
    char text[8] = "";
    assert_int_equal(pread(fd, text, 7, 512), 7);
    assert_string_equal(text, strcmp(what, "write") == 0 && !silent ? "written"
                                                                 : "");
    (void)close(fd);
    (void)unlink(path);
    disk_list_done(&outcome->target.disks);
}

static void use_service(const char *what, struct outcome *outcome)
{
    use_service_on(what, false, outcome);
}

static void expect_service_refused(const char *what, int code,
                                   const char *sentence)
{
    struct outcome outcome;

    use_service(what, &outcome);
    if (!strstr(outcome.sentence, sentence))
        fail_msg("%s: '%s' does not say '%s'", what, outcome.sentence,
                 sentence);
    assert_int_equal(outcome.code, code);
    free(outcome.result);
}
static void test_commands_run_and_end(void **state)
{
    struct outcome outcome;

    (void)state;
    use_service("command", &outcome);
    assert_string_equal(outcome.sentence, "");
    assert_string_equal(outcome.result, "{\"errors\":1,\"output\":\"what came "
                                        "in\",\"status\":7}");
    free(outcome.result);
    expect_service_refused("slow-command", ERR_IO, "did not end in time");
}

static void test_declared_disks_can_be_written(void **state)
{
    struct outcome outcome;

    (void)state;
    use_service("write", &outcome);
    assert_string_equal(outcome.sentence, "");
    assert_int_equal(outcome.code, 0);
    free(outcome.result);
}

/* PID 1 would wait for it together with the step. */
static void test_a_disk_that_hangs_is_not_opened(void **state)
{
    struct outcome outcome;

    (void)state;
    use_service_on("write", true, &outcome);
    assert_non_null(strstr(outcome.sentence, "does not answer"));
    assert_int_equal(outcome.code, SLIPWAY_EIO);
    free(outcome.result);
}

static void test_misuse_of_services_is_refused(void **state)
{
    (void)state;
    expect_service_refused("undeclared", ERR_INVALID,
                           "has not declared it in prepare");
    expect_service_refused("early", ERR_INVALID, "only run and verify may");
    expect_service_refused("late", ERR_INVALID, "only prepare may");
    expect_service_refused("beyond", ERR_NO_SPACE, "beyond the end of disk");
    expect_service_refused("blob", ERR_INVALID, "names no image");
    expect_service_refused("result", ERR_INVALID, "is not a JSON object");
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good_action_runs),
        cmocka_unit_test(test_inventory_is_the_facts),
        cmocka_unit_test(test_crash_ends_its_step_only),
        cmocka_unit_test(test_hang_ends_its_step_only),
        cmocka_unit_test(test_nonsense_result_is_named),
        cmocka_unit_test(test_unfit_plugins_are_refused),
        cmocka_unit_test(test_leftover_processes_do_not_hold_the_step),
        cmocka_unit_test(test_floods_are_cut),
        cmocka_unit_test(test_unknown_parameter_is_refused),
        cmocka_unit_test(test_cancel_ends_a_hanging_action),
        cmocka_unit_test(test_commands_run_and_end),
        cmocka_unit_test(test_declared_disks_can_be_written),
        cmocka_unit_test(test_a_disk_that_hangs_is_not_opened),
        cmocka_unit_test(test_misuse_of_services_is_refused),
        cmocka_unit_test(test_install_without_a_disk_is_refused),
        cmocka_unit_test(test_install_checks_the_host_name_first),
    };

    log_open("test-action-host", LOG_INFO, LOG_FORMAT_TEXT);
    if (argc == 3 && strcmp(argv[1], "action") == 0)
        return action_process_main(argv[2]);
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
