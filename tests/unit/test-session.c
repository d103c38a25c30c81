/* SPDX-License-Identifier: Apache-2.0 */
/* Tickets, sessions, approvals and what an attacker tries. */
#include "core/server/sessions/session.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/util/json.h"
#include "tests/lib/deploy-world.h"
#include "tests/lib/memory-store.h"

#define DISCOVER SLIPWAY_BOOT_DHCP_DISCOVER

struct fixture {
    struct world w;
    struct engine e;
    struct engine other; /* another machine */
    char id[MESSAGE_ID_BYTES];
    char ticket[MESSAGE_TOKEN_BYTES];
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    world_new(&f->w, 1);
    engine_init(&f->e, &f->w, 1);
    engine_init(&f->other, &f->w, 2);
    memcpy(f->id, world_start(&f->w)->now.id, sizeof(f->id));
    assert_true(world_ticket(&f->w, WORLD_ADDRESS, f->ticket));
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    engine_done(&f->e);
    engine_done(&f->other);
    world_free(&f->w);
    free(f);
    return 0;
}

static void refused(struct engine *e, const char *ticket, const char *sentence)
{
    assert_false(engine_hello(e, ticket));
    assert_int_equal(e->err.code, ERR_DENIED);
    if (!strstr(e->err.text, sentence))
        fail_msg("'%s' does not say '%s'", e->err.text, sentence);
}

static void test_the_store_never_holds_a_secret(void **state)
{
    struct fixture *f = *state;
    char key[96];
    assert_true(engine_hello(&f->e, f->ticket));
    snprintf(key, sizeof(key), "/v1/session/%s", f->e.welcome.session);
    assert_null(strstr(memory_store_value(key), f->e.welcome.token));
    assert_null(strstr(memory_store_value(key), f->ticket));
    struct digest digest;
    char hex[DIGEST_HEX_BYTES];
    digest_of(f->ticket, strlen(f->ticket), &digest);
    snprintf(key, sizeof(key), "/v1/ticket/%s", digest_hex(&digest, hex));
    assert_null(strstr(memory_store_value(key), f->ticket));
}

static void test_a_repeated_request_gets_the_same_ticket(void **state)
{
    struct fixture *f = *state;
    char again[MESSAGE_TOKEN_BYTES];
    assert_true(world_ticket(&f->w, WORLD_ADDRESS, again));
    assert_string_equal(again, f->ticket);
    /* A restarted server does not know its text any more. */
    world_kill(&f->w);
    world_boot(&f->w);
    assert_true(world_ticket(&f->w, WORLD_ADDRESS, again));
    assert_string_not_equal(again, f->ticket);
    assert_int_equal(memory_store_count("/v1/ticket/"), 1);
    refused(&f->e, f->ticket, "does not know the boot ticket");
    assert_true(engine_hello(&f->e, again));
}

static void test_at_most_three_tickets(void **state)
{
    struct fixture *f = *state;
    char ticket[MESSAGE_TOKEN_BYTES];
    assert_true(world_ticket(&f->w, "10.0.0.101", ticket));
    assert_true(world_ticket(&f->w, "10.0.0.102", ticket));
    assert_false(world_ticket(&f->w, "10.0.0.103", ticket));
    assert_int_equal(world_events(&f->w, "ticket-limit"), 1);
    assert_int_equal(memory_store_count("/v1/ticket/"), 3);
}

static void test_a_ticket_waits_for_the_store(void **state)
{
    struct fixture *f = *state;
    char ticket[MESSAGE_TOKEN_BYTES];
    memory_store_refuse(3);
    assert_false(world_ticket(&f->w, "10.0.0.101", ticket)); /* not yet */
    world_run(&f->w, 2000);
    assert_int_equal(memory_store_count("/v1/ticket/"), 2);
    assert_true(world_ticket(&f->w, "10.0.0.101", ticket));
    assert_int_equal(memory_store_count("/v1/ticket/"), 2);
    /* The task ends while one waits. */
    memory_store_refuse(1);
    assert_false(world_ticket(&f->w, "10.0.0.102", ticket));
    task_fail(f->w.tasks, task_find(f->w.tasks, f->id), "test", "it ends");
    world_run(&f->w, 4000);
    assert_int_equal(memory_store_count("/v1/ticket/"), 0);
}

static void test_no_ticket_without_an_armed_task(void **state)
{
    struct fixture *f = *state;
    char ticket[MESSAGE_TOKEN_BYTES];
    assert_true(engine_hello(&f->e, f->ticket));
    assert_false(world_ticket(&f->w, WORLD_ADDRESS, ticket));
    assert_false(world_ticket(&f->w, "10.0.0.101", ticket));
}

static void test_the_same_engine_gets_the_same_session(void **state)
{
    struct fixture *f = *state;
    assert_true(engine_hello(&f->e, f->ticket));
    struct message_welcome first = f->e.welcome;
    assert_true(engine_hello(&f->e, f->ticket));
    assert_string_equal(first.session, f->e.welcome.session);
    assert_string_equal(first.token, f->e.welcome.token);
    world_kill(&f->w);
    world_boot(&f->w);
    assert_true(engine_hello(&f->e, f->ticket));
    assert_string_equal(first.token, f->e.welcome.token);
    assert_int_equal(memory_store_count("/v1/session/"), 1);
}

static void test_a_stolen_ticket_shuts_both_out(void **state)
{
    struct fixture *f = *state;
    assert_true(engine_hello(&f->e, f->ticket));
    refused(&f->other, f->ticket, "already shown by another engine");
    assert_int_equal(world_events(&f->w, "ticket-alarm"), 1);
    assert_string_equal(json_string_value(json_array_get(f->w.audits, 0)),
                        "ticket.alarm");
    assert_false(engine_report(&f->e, MESSAGE_STEP_STARTED, 0, false));
    assert_int_equal(f->e.err.code, ERR_DENIED);
    refused(&f->e, f->ticket, "already shown by another engine");
    assert_int_equal(world_state(f->id), TASK_FAILED);
    assert_string_equal(json_string_value(world_member(f->id, "code")),
                        "ticket-alarm");
    /* A restart does not thaw them. */
    world_kill(&f->w);
    world_boot(&f->w);
    assert_false(engine_report(&f->e, MESSAGE_STEP_STARTED, 0, false));
    refused(&f->e, f->ticket, "already shown by another engine");
    assert_int_equal(json_array_size(f->w.audits), 1);
}

struct outcome {
    unsigned good;
    unsigned bad;
};

static void raced(void *arg, const struct message_welcome *welcome,
                  const struct err *err)
{
    struct outcome *outcome = arg;
    outcome->good += welcome != NULL;
    outcome->bad += err != NULL;
}

static void test_two_engines_race_for_one_ticket(void **state)
{
    struct fixture *f = *state;
    struct outcome outcome = {0, 0};
    strcpy(f->e.hello.ticket, f->ticket);
    strcpy(f->other.hello.ticket, f->ticket);
    /* Both are on their way before either is decided. */
    session_hello(f->w.sessions, &f->e.hello, &f->e.key, WORLD_ADDRESS, raced,
                  &outcome);
    session_hello(f->w.sessions, &f->other.hello, &f->other.key, WORLD_ADDRESS,
                  raced, &outcome);
    world_settle(&f->w);
    assert_int_equal(outcome.good, 1);
    assert_int_equal(outcome.bad, 1);
    assert_int_equal(memory_store_count("/v1/session/"), 1);
}

static void test_wrong_tickets(void **state)
{
    struct fixture *f = *state;
    refused(&f->e, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
            "does not know the boot ticket");
    f->e.address = "10.0.0.200";
    refused(&f->e, f->ticket, "was given to address 10.0.0.100");
    f->e.address = WORLD_ADDRESS;
    strcpy(f->e.hello.facts.macs[0], "52:54:00:00:00:99");
    strcpy(f->e.hello.facts.uuid, "");
    refused(&f->e, f->ticket, "another machine");
    assert_int_equal(world_events(&f->w, "ticket-refused"), 2);
    assert_int_equal(world_state(f->id), TASK_ARMED);
}

static void test_an_old_ticket(void **state)
{
    struct fixture *f = *state;
    world_run(&f->w, (TICKET_LIFE_S + 2) * 1000);
    refused(&f->e, f->ticket, "older than 15 minutes");
    char again[MESSAGE_TOKEN_BYTES];
    assert_true(world_ticket(&f->w, WORLD_ADDRESS, again));
    assert_true(engine_hello(&f->e, again));
}

static void test_a_ticket_of_an_earlier_attempt(void **state)
{
    struct fixture *f = *state;
    assert_true(engine_hello(&f->e, f->ticket));
    (void)world_firmware(&f->w, WORLD_MAC, DISCOVER);
    assert_int_equal(world_state(f->id), TASK_ARMED);
    refused(&f->other, f->ticket, "does not know the boot ticket");
}

static void test_a_token_works_with_its_key_only(void **state)
{
    struct fixture *f = *state;
    assert_true(engine_hello(&f->e, f->ticket));
    f->other.welcome = f->e.welcome;
    assert_false(engine_plan(&f->other));
    assert_int_equal(f->other.err.code, ERR_DENIED);
    f->e.welcome.token[0] ^= 1;
    assert_false(engine_plan(&f->e));
    assert_int_equal(f->e.err.code, ERR_DENIED);
}

static void test_another_protocol(void **state)
{
    struct fixture *f = *state;
    f->e.hello.protocol = 9;
    assert_false(engine_hello(&f->e, f->ticket));
    assert_int_equal(f->e.err.code, ERR_UNSUPPORTED);
}

static void test_a_machine_without_plugins(void **state)
{
    struct fixture *f = *state;
    strcpy(f->e.hello.machine, "sparc64");
    refused(&f->e, f->ticket, "not there for 'sparc64'");
    assert_int_equal(world_state(f->id), TASK_FAILED);
}

static void test_unknown_machines_boot_their_disk(void **state)
{
    struct fixture *f = *state;
    strcpy(f->e.hello.facts.macs[0], "52:54:00:00:00:99");
    strcpy(f->e.hello.facts.uuid, "");
    assert_true(engine_hello(&f->e, ""));
    assert_int_equal(f->e.welcome.state, MESSAGE_LOCAL);
    assert_string_equal(f->e.welcome.host_id, "");
    assert_int_equal(memory_store_count("/v1/session/"), 0);
}

/* --- approval ----------------------------------------------------------- */

static void approved(void *arg, const struct err *err)
{
    *(int *)arg = err ? err->code : 1;
}

static int approve(struct fixture *f, const char *code)
{
    int result = 0;
    session_approve(f->w.sessions, world_host(&f->w)->id, code, "admin",
                    approved, &result);
    world_settle(&f->w);
    return result;
}

static void test_an_admin_approves_the_code(void **state)
{
    struct fixture *f = *state;
    strcpy(f->e.hello.facts.macs[1], "52:54:00:00:00:77");
    f->e.hello.facts.mac_count = 2;
    assert_true(engine_hello(&f->e, ""));
    assert_int_equal(f->e.welcome.state, MESSAGE_PENDING);
    assert_null(host_find_any(f->w.hosts, "52:54:00:00:00:77"));
    assert_int_equal(world_events(&f->w, "session-pending"), 1);
    assert_true(engine_plan(&f->e)); /* after 30 s */
    assert_int_equal(f->e.plan.state, MESSAGE_PENDING);
    assert_null(f->e.plan.text);
    assert_int_equal(approve(f, "not the code"), ERR_NOT_FOUND);
    assert_int_equal(world_state(f->id), TASK_ARMED);
    /* In any case and with any separators. */
    for (char *c = f->e.welcome.code; *c; c++)
        *c = (char)(*c == ' ' ? '-' : *c - 32);
    assert_int_equal(approve(f, f->e.welcome.code), 1);
    assert_int_equal(world_state(f->id), TASK_RUNNING);
    assert_ptr_equal(host_find_any(f->w.hosts, "52:54:00:00:00:77"),
                     world_host(&f->w));
    assert_true(engine_plan(&f->e));
    assert_int_equal(f->e.plan.state, MESSAGE_READY);
    assert_non_null(strstr(f->e.plan.text, "\"tier\":\"console\""));
    world_kill(&f->w);
    world_boot(&f->w);
    assert_true(engine_plan(&f->e));
    assert_int_equal(f->e.plan.state, MESSAGE_READY);
}

static void test_the_code_is_another_for_another_key(void **state)
{
    struct fixture *f = *state;
    assert_true(engine_hello(&f->e, ""));
    assert_true(engine_hello(&f->other, ""));
    assert_string_not_equal(f->e.welcome.code, f->other.welcome.code);
    assert_int_equal(approve(f, f->e.welcome.code), 1);
    assert_int_equal(approve(f, f->other.welcome.code), ERR_CONFLICT);
    assert_true(engine_plan(&f->e));
    assert_non_null(f->e.plan.text);
}

/* world_start's task is of no batch: its name is "". */
static void assert_code(struct fixture *f, const char *batch, const char *code,
                        int wanted, const char *part)
{
    struct err err = ERR_INIT;
    const struct host *host = NULL;
    assert_int_equal(
        session_find_code(f->w.sessions, batch, code, &host, &err), wanted);
    if (wanted == 0)
        assert_ptr_equal(host, world_host(&f->w));
    else
        assert_non_null(strstr(err.text, part));
}

static void test_each_code_of_a_batch_says_whose_it_is_or_why_not(void **state)
{
    struct fixture *f = *state;
    assert_true(engine_hello(&f->e, ""));
    assert_true(engine_hello(&f->other, ""));
    assert_code(f, "", f->e.welcome.code, 0, NULL);
    assert_code(f, "", "acorn acorn acorn acorn", ERR_NOT_FOUND,
                "compare it with the machine's screen");
    assert_code(f, "0123456789abcdef0123456789abcdef", f->e.welcome.code,
                ERR_CONFLICT, "is not of this batch");
    assert_int_equal(approve(f, f->e.welcome.code), 1);
    assert_code(f, "", f->e.welcome.code, ERR_CONFLICT, "approved already");
    assert_code(f, "", f->other.welcome.code, ERR_CONFLICT,
                "does not wait with this code any more");
}

static void test_an_expired_code_is_refused_by_its_name(void **state)
{
    struct fixture *f = *state;
    assert_true(engine_hello(&f->e, ""));
    world_run(&f->w, (SESSION_PENDING_S + 1) * 1000);
    assert_code(f, "", f->e.welcome.code, ERR_CONFLICT,
                "start the machine again");
}

static void changed(void *arg, const struct host *host, const struct err *err)
{
    (void)arg;
    (void)host;
    assert_null(err);
}

static void test_tier_console_wants_an_approval_beside_the_ticket(void **state)
{
    struct fixture *f = *state;
    AUTO_JSON *patch = json_pack("{s:s}", "tier", "console");
    host_change(f->w.hosts, world_host(&f->w)->id, patch, STORE_ANY, changed,
                NULL);
    world_settle(&f->w);
    assert_true(engine_hello(&f->e, f->ticket));
    assert_int_equal(f->e.welcome.state, MESSAGE_PENDING);
    refused(&f->other, f->ticket, "already shown by another engine");
}

static void test_pending_machines_are_forgotten(void **state)
{
    struct fixture *f = *state;
    assert_true(engine_hello(&f->e, ""));
    AUTO_JSON *before = sessions_pending_json(f->w.sessions);
    assert_int_equal(json_array_size(before), 1);
    assert_null(json_object_get(json_array_get(before, 0), "code"));
    world_run(&f->w, (SESSION_PENDING_S + 1) * 1000);
    AUTO_JSON *after = sessions_pending_json(f->w.sessions);
    assert_int_equal(json_array_size(after), 0);
    assert_int_equal(approve(f, f->e.welcome.code), ERR_NOT_FOUND);
}

/* --- content ------------------------------------------------------------ */

static void test_only_what_the_plan_names(void **state)
{
    struct fixture *f = *state;
    char header[MESSAGE_AUTHORIZATION_BYTES];
    struct session *s = NULL;
    struct digest plugin, manifest, other;
    digest_of("install", 7, &plugin);
    digest_of("debian", 6, &manifest);
    digest_of("other", 5, &other);
    engine_up(&f->e);
    message_authorization_format(f->e.welcome.session, f->e.welcome.token,
                                 header);
    assert_int_equal(
        session_authenticate(f->w.sessions, header, &f->e.key, &s, NULL), 0);
    assert_true(session_may_fetch_plugin(f->w.sessions, s, &plugin));
    assert_false(session_may_fetch_plugin(f->w.sessions, s, &other));
    assert_true(session_may_fetch_manifest(f->w.sessions, s, &manifest));
    assert_false(session_may_fetch_manifest(f->w.sessions, s, &other));
    assert_true(engine_report(&f->e, MESSAGE_STEP_FAILED, 0, false));
    assert_false(session_may_fetch_plugin(f->w.sessions, s, &plugin));
    assert_false(session_may_fetch_manifest(f->w.sessions, s, &manifest));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_the_store_never_holds_a_secret),
        TEST(test_a_repeated_request_gets_the_same_ticket),
        TEST(test_at_most_three_tickets),
        TEST(test_a_ticket_waits_for_the_store),
        TEST(test_no_ticket_without_an_armed_task),
        TEST(test_the_same_engine_gets_the_same_session),
        TEST(test_a_stolen_ticket_shuts_both_out),
        TEST(test_two_engines_race_for_one_ticket),
        TEST(test_wrong_tickets),
        TEST(test_an_old_ticket),
        TEST(test_a_ticket_of_an_earlier_attempt),
        TEST(test_a_token_works_with_its_key_only),
        TEST(test_another_protocol),
        TEST(test_a_machine_without_plugins),
        TEST(test_unknown_machines_boot_their_disk),
        TEST(test_an_admin_approves_the_code),
        TEST(test_each_code_of_a_batch_says_whose_it_is_or_why_not),
        TEST(test_an_expired_code_is_refused_by_its_name),
        TEST(test_the_code_is_another_for_another_key),
        TEST(test_tier_console_wants_an_approval_beside_the_ticket),
        TEST(test_pending_machines_are_forgotten),
        TEST(test_only_what_the_plan_names),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
