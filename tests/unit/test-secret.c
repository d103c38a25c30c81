/* SPDX-License-Identifier: Apache-2.0 */
/* Secrets: sealed in the store, in the plan of a session that may have them,
 * and nowhere else. */
#include "core/server/tasks/secret.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/profile/expand.h"
#include "core/server/tasks/task-secret.h"
#include "core/util/json.h"
#include "core/util/secret-memory.h"
#include "tests/lib/deploy-world.h"
#include "tests/lib/memory-store.h"

#define VALUE "correct horse \"battery\" staple"

/* ---- sealing ---- */

static json_t *sealed(const struct secrets *secrets, const char *name,
                      const char *value, const char *tier, struct err *err)
{
    const struct secret_spec spec = {name, value, tier, 1000, "ann"};
    return secret_seal(secrets, &spec, err);
}

static void a_secret_is_sealed_and_opens_again(void **state)
{
    const struct secret_key site = {{1, 2, 3}}, other = {{3, 2, 1}};
    struct secrets *a = secrets_new(&site, NULL), *b = secrets_new(&other, NULL);
    struct err err = ERR_INIT;
    (void)state;
    AUTO_JSON *document = sealed(a, "root", VALUE, "console", &err);
    AUTO_JSON *again = sealed(a, "root", VALUE, "console", &err);
    assert_non_null(document);
    AUTO_FREE char *text = json_text(document);
    assert_null(strstr(text, "battery"));
    assert_string_not_equal(
        json_string_value(json_object_get(document, "sealed")),
        json_string_value(json_object_get(again, "sealed")));
    assert_null(secrets_tier(a, "root"));
    assert_int_equal(secrets_apply(a, "root", document, &err), 0);
    assert_string_equal(secrets_tier(a, "root"), "console");
    char *value = secrets_open(a, "root", &err);
    assert_string_equal(value, VALUE);
    secret_free(value);
    assert_int_equal(secrets_apply(b, "root", document, &err), ERR_VERIFY);
    assert_int_equal(secrets_apply(a, "admin", document, &err), ERR_VERIFY);
    (void)json_object_set_new(document, "min_tier", json_string("network"));
    assert_int_equal(secrets_apply(a, "root", document, &err), ERR_VERIFY);
    secrets_remove(a, "root");
    assert_null(secrets_open(a, "root", &err));
    assert_int_equal(err.code, ERR_NOT_FOUND);
    secrets_free(a);
    secrets_free(b);
}

static void what_is_no_secret_is_refused(void **state)
{
    const struct secret_key site = {{1}};
    struct secrets *secrets = secrets_new(&site, NULL);
    struct err err = ERR_INIT;
    char longest[SECRET_MAX_BYTES + 2];
    (void)state;
    memset(longest, 'x', sizeof(longest) - 1);
    longest[sizeof(longest) - 1] = '\0';
    assert_null(sealed(secrets, "Root", VALUE, "console", &err));
    assert_null(sealed(secrets, "a}}b", VALUE, "console", &err));
    assert_null(sealed(secrets, "root", "short", "console", &err));
    assert_null(sealed(secrets, "root", longest, "console", &err));
    assert_null(sealed(secrets, "root", VALUE, "tpm", &err));
    assert_int_equal(err.code, ERR_INVALID);
    secrets_free(secrets);
}

/* ---- in texts ---- */

static char *give(void *arg, const char *name, struct err *err)
{
    (void)arg;
    if (!strcmp(name, "a.b-c"))
        return secret_copy("{{secret.x}}", strlen("{{secret.x}}"));
    (void)err_set(err, ERR_NOT_FOUND, "no '%s'", name);
    return NULL;
}

static void texts_are_filled_once(void **state)
{
    struct err err = ERR_INIT;
    (void)state;
    AUTO_JSON *with = json_pack("{s:[s, i], s:s}", "list",
                                "<{{secret.a.b-c}}{{ secret.a.b-c }}>", 1,
                                "plain", "{{secret.}} {{secret.A}} {{");
    AUTO_JSON *filled = secret_fill(with, give, NULL, &err);
    AUTO_FREE char *text = json_text(filled);
    assert_string_equal(text, "{\"list\":[\"<{{secret.x}}{{secret.x}}>\",1],"
                              "\"plain\":\"{{secret.}} {{secret.A}} {{\"}");
    AUTO_JSON *unknown = json_string("{{secret.other}}");
    assert_null(secret_fill(unknown, give, NULL, &err));
    assert_string_equal(err.text, "no 'other'");
}

static void redaction_misses_nothing(void **state)
{
    (void)state;
    json_t *json = json_pack("{s:[s, {s:i}], s:s}", "a", "x" VALUE VALUE "y",
                             "k" VALUE, 1, "b", "nothing");
    assert_int_equal(secret_redact(&json, VALUE), 0);
    AUTO_FREE char *text = json_text(json);
    assert_string_equal(text, "{\"a\":[\"x[secret][secret]y\","
                              "{\"k[secret]\":1}],\"b\":\"nothing\"}");
    json_decref(json);
    assert_null(secret_redact_text("nothing", VALUE));
}

/* A label is set by others than a secret: it must not name one. */
static void a_label_does_not_become_a_secret(void **state)
{
    AUTO_JSON *labels = json_pack("{s:s}", "room", "{{secret.root}}");
    const struct expand_host host = {.id = "1", .name = "n", .labels = labels};
    struct err err = ERR_INIT;
    char *text = NULL;
    (void)state;
    assert_int_equal(expand_text("{{host.labels.room}}", &host, &text, &err),
                     ERR_INVALID);
    assert_non_null(strstr(err.text, "holds '{{'"));
    assert_int_equal(
        expand_text("a {{ secret.root }} {{host.name}}", &host, &text, &err),
        0);
    assert_string_equal(text, "a {{ secret.root }} n");
    assert_false(expand_needed("{{secret.root}}"));
    assert_true(expand_needed("{{secret.root}} {{host.name}}"));
    free(text);
}

/* ---- with tasks ---- */

static int setup(void **state)
{
    struct world *w = calloc(1, sizeof(*w));
    world_new(w, 1);
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    world_free(*state);
    free(*state);
    return 0;
}

static struct profile *secret_profile(void)
{
    struct profile *profile = NULL;
    AUTO_JSON *json = json_pack(
        "{s:s, s:[{s:s, s:{s:s, s:s}}]}", "name", "test", "steps", "action",
        "install", "with", "image", "debian-12", "hostname",
        "{{host.name}}{{secret." WORLD_SECRET "}}");
    assert_int_equal(profile_parse(json, "test", &profile, NULL), 0);
    return profile;
}

static int check(struct world *w, struct err *err)
{
    AUTO_PROFILE *profile = secret_profile();
    const struct task_start start = {profile, world_host(w), "", NULL, "ann"};
    return task_start_check(w->tasks, &start, err);
}

static void a_host_below_the_tier_is_refused_at_the_start(void **state)
{
    struct world *w = *state;
    struct err err = ERR_INIT;
    assert_int_equal(check(w, &err), ERR_INVALID);
    assert_non_null(strstr(err.text, "there is no secret '" WORLD_SECRET "'"));
    w->secret_value = VALUE;
    w->secret_tier = "console";
    assert_int_equal(check(w, &err), ERR_DENIED);
    assert_non_null(strstr(err.text, "only for machines of tier 'console'"));
    assert_null(strstr(err.text, "battery"));
    w->secret_tier = "network";
    assert_int_equal(check(w, &err), 0);
}

static void started(void *arg, const struct task *task, const struct err *err)
{
    char *id = arg;
    assert_null(err);
    strcpy(id, task->now.id);
}

static void assert_not_in(const json_t *json)
{
    AUTO_FREE char *text = json ? json_text(json) : NULL;
    if (text)
        assert_null(strstr(text, "battery"));
}

/* No document, event, audit record or kept result shows the value. */
static void assert_nowhere(const struct world *w, const char *task)
{
    char key[64];
    snprintf(key, sizeof(key), "/v1/task/%s", task);
    assert_null(strstr(memory_store_value(key), "battery"));
    assert_not_in(w->events);
    assert_not_in(w->audits);
    assert_not_in(w->kept);
}

static void the_plan_alone_has_the_value(void **state)
{
    struct world *w = *state;
    char task[MESSAGE_ID_BYTES] = "", ticket[MESSAGE_TOKEN_BYTES];
    struct engine e;
    AUTO_PLAN *plan = NULL;
    w->secret_value = VALUE;
    w->secret_tier = "network";
    AUTO_PROFILE *profile = secret_profile();
    const struct task_start start = {profile, world_host(w), "", NULL, "ann"};
    task_start(w->tasks, &start, started, task);
    world_settle(w);
    engine_init(&e, w, 1);
    assert_true(world_ticket(w, WORLD_ADDRESS, ticket));
    assert_true(engine_hello(&e, ticket));
    assert_true(engine_plan(&e));
    assert_int_equal(e.plan.state, MESSAGE_READY);
    const struct plan_expect expect = {.site = w->deploy.site_id};
    assert_int_equal(plan_verify(e.plan.text, e.plan.signature,
                                 &w->signing.public_key, 1, &expect, &plan,
                                 NULL),
                     0);
    assert_string_equal(
        json_string_value(json_object_get(plan->steps[0].with, "hostname")),
        "lab-01" VALUE);
    assert_nowhere(w, task);
    /* A restart signs the plan again, and fills it again. */
    world_kill(w);
    world_boot(w);
    assert_true(engine_plan(&e));
    assert_non_null(strstr(e.plan.text, "battery"));
    assert_nowhere(w, task);
    engine_done(&e);
}

static void a_report_is_cleaned(void **state)
{
    struct world *w = *state;
    w->secret_value = VALUE;
    w->secret_tier = "network";
    AUTO_PROFILE *profile = secret_profile();
    struct message_report report = {.kind = MESSAGE_STEP_FAILED};
    AUTO_JSON *given = json_pack("{s:s}", "said", "it is " VALUE);
    report.result = json_incref(given);
    snprintf(report.text, sizeof(report.text), "wrong: " VALUE);
    task_secret_redact(&w->deploy, profile, &report);
    assert_string_equal(report.text, "wrong: [secret]");
    assert_not_in(report.result);
    assert_string_equal(
        json_string_value(json_object_get(report.result, "said")),
        "it is [secret]");
    assert_ptr_not_equal(report.result, given); /* what came is not changed */
    json_decref(report.result);
}

static void a_deleted_secret_fails_the_task(void **state)
{
    struct world *w = *state;
    char task[MESSAGE_ID_BYTES] = "", ticket[MESSAGE_TOKEN_BYTES];
    struct engine e;
    w->secret_value = VALUE;
    w->secret_tier = "network";
    AUTO_PROFILE *profile = secret_profile();
    const struct task_start start = {profile, world_host(w), "", NULL, "ann"};
    task_start(w->tasks, &start, started, task);
    world_settle(w);
    engine_init(&e, w, 1);
    assert_true(world_ticket(w, WORLD_ADDRESS, ticket));
    assert_true(engine_hello(&e, ticket));
    w->secret_value = NULL;
    assert_true(engine_plan(&e));
    assert_int_equal(e.plan.state, MESSAGE_LOCAL);
    world_settle(w);
    assert_int_equal(world_state(task), TASK_FAILED);
    assert_non_null(strstr(json_string_value(world_member(task, "sentence")),
                           "there is no secret"));
    engine_done(&e);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_secret_is_sealed_and_opens_again),
        cmocka_unit_test(what_is_no_secret_is_refused),
        cmocka_unit_test(texts_are_filled_once),
        cmocka_unit_test(redaction_misses_nothing),
        cmocka_unit_test(a_label_does_not_become_a_secret),
        TEST(a_host_below_the_tier_is_refused_at_the_start),
        TEST(the_plan_alone_has_the_value),
        TEST(a_report_is_cleaned),
        TEST(a_deleted_secret_fails_the_task),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
