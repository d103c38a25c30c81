/* SPDX-License-Identifier: Apache-2.0 */
/* The enrolment window, and unknown machines that become hosts. */
#include "core/server/hosts/enrol.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/util/json.h"
#include "tests/lib/deploy-world.h"
#include "tests/lib/memory-store.h"

#define LOCAL SLIPWAY_INTENT_LOCAL
#define ENGINE SLIPWAY_INTENT_ENGINE
#define DISCOVER SLIPWAY_BOOT_DHCP_DISCOVER
#define STRANGER "52:54:00:00:00:99"
#define STRANGER_UUID "99999999-1111-2222-3333-444444444444"
#define WINDOW_S 1800
#define KEY "/v1/setting/enrol"

struct fixture {
    struct world w;
    struct engine e;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    world_new(&f->w, 1);
    engine_init(&f->e, &f->w, 1);
    strcpy(f->e.hello.facts.macs[0], STRANGER);
    strcpy(f->e.hello.facts.uuid, STRANGER_UUID);
    strcpy(f->e.hello.facts.serial, "SN42");
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

static void window_done(void *arg, const struct err *err)
{
    assert_null(err);
    *(bool *)arg = true;
}

static void open_window(struct fixture *f)
{
    bool done = false;
    enrol_open(f->w.enrol, WINDOW_S, "admin", window_done, &done);
    world_settle(&f->w);
    assert_true(done);
}

static void close_window(struct fixture *f)
{
    bool done = false;
    enrol_close(f->w.enrol, "admin", window_done, &done);
    world_settle(&f->w);
    assert_true(done);
}

static uint32_t boot(struct fixture *f)
{
    world_run(&f->w, POLICY_SAME_BOOT_MS);
    return world_firmware(&f->w, STRANGER, DISCOVER);
}

static unsigned audits(const struct world *w, const char *action)
{
    unsigned count = 0;
    size_t i;
    const json_t *at;
    json_array_foreach (w->audits, i, at)
        count += strcmp(json_string_value(at), action) == 0;
    return count;
}

struct outcome {
    const struct host *host;
    struct err err;
    bool told;
};

static void on_host(void *arg, const struct host *host, const struct err *err)
{
    struct outcome *o = arg;
    o->told = true;
    o->host = host;
    if (err)
        o->err = *err;
}

static struct outcome approve(struct fixture *f, const char *code,
                              const char *name)
{
    struct outcome o = {.host = NULL};
    AUTO_JSON *spec = json_pack("{s:s, s:s, s:{s:s}}", "code", code, "name",
                                name, "labels", "room", "12");
    session_enrol_approve(f->w.sessions, code, spec, "admin", on_host, &o);
    world_settle(&f->w);
    assert_true(o.told);
    return o;
}

/* ---- the window --------------------------------------------------------- */

static void test_unknown_machines_load_the_engine_while_it_is_open(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(boot(f), LOCAL);
    open_window(f);
    assert_int_equal(world_events(&f->w, "enrol-opened"), 1);
    assert_int_equal(audits(&f->w, "enrol.open"), 1);
    assert_int_equal(boot(f), ENGINE);
    /* A known machine without a task has nothing to do with it. */
    assert_int_equal(world_firmware(&f->w, WORLD_MAC, DISCOVER), LOCAL);
    close_window(f);
    assert_int_equal(world_events(&f->w, "enrol-closed"), 1);
    assert_int_equal(audits(&f->w, "enrol.close"), 1);
    assert_int_equal(boot(f), LOCAL);
    assert_int_equal(memory_store_count(KEY), 0);
}

static void test_it_closes_by_itself(void **state)
{
    struct fixture *f = *state;
    open_window(f);
    world_run(&f->w, (WINDOW_S - 60) * 1000);
    assert_int_equal(boot(f), ENGINE);
    world_run(&f->w, 60 * 1000);
    assert_false(enrol_is_open(f->w.enrol));
    assert_int_equal(world_events(&f->w, "enrol-closed"), 1);
    assert_int_equal(audits(&f->w, "enrol.close"), 1);
    assert_int_equal(memory_store_count(KEY), 0);
    assert_int_equal(boot(f), LOCAL);
}

static void test_it_survives_a_kill(void **state)
{
    struct fixture *f = *state;
    open_window(f);
    world_kill(&f->w);
    world_boot(&f->w);
    assert_true(enrol_is_open(f->w.enrol));
    assert_int_equal(boot(f), ENGINE);
    world_run(&f->w, WINDOW_S * 1000);
    assert_false(enrol_is_open(f->w.enrol));
}

static void test_one_that_ended_while_nobody_ran_is_closed_at_start(void **state)
{
    struct fixture *f = *state;
    open_window(f);
    world_kill(&f->w);
    assert_true(f->w.seam->advance(
        f->w.seam->context,
        f->w.seam->now_ms(f->w.seam->context) + WINDOW_S * 1000));
    world_boot(&f->w);
    world_settle(&f->w);
    assert_false(enrol_is_open(f->w.enrol));
    assert_int_equal(audits(&f->w, "enrol.close"), 1);
    assert_int_equal(memory_store_count(KEY), 0);
}

static void test_a_machine_whose_engine_never_comes_boots_its_disk(void **state)
{
    struct fixture *f = *state;
    open_window(f);
    for (int i = 0; i < POLICY_ENGINE_BOOTS; i++)
        assert_int_equal(boot(f), ENGINE);
    assert_int_equal(boot(f), LOCAL);
    assert_int_equal(boot(f), LOCAL);
    open_window(f);
    assert_int_equal(boot(f), ENGINE);
}

/* ---- machines ----------------------------------------------------------- */

static void test_without_a_window_there_is_no_code(void **state)
{
    struct fixture *f = *state;
    assert_true(engine_hello(&f->e, ""));
    assert_int_equal(f->e.welcome.state, MESSAGE_LOCAL);
    assert_int_equal(memory_store_count("/v1/session/"), 0);
}

static void test_an_approved_machine_is_a_host(void **state)
{
    struct fixture *f = *state;
    open_window(f);
    assert_true(engine_hello(&f->e, ""));
    assert_int_equal(f->e.welcome.state, MESSAGE_PENDING);
    assert_string_equal(f->e.welcome.host_id, "");
    assert_true(*f->e.welcome.code);
    assert_int_equal(world_events(&f->w, "enrol-waiting"), 1);
    assert_true(engine_plan(&f->e));
    assert_int_equal(f->e.plan.state, MESSAGE_PENDING);
    struct outcome o = approve(f, f->e.welcome.code, "lab-99");
    assert_non_null(o.host);
    assert_string_equal(o.host->name, "lab-99");
    assert_string_equal(o.host->macs[0], STRANGER);
    assert_string_equal(o.host->uuid, STRANGER_UUID);
    assert_string_equal(json_string_value(json_object_get(o.host->labels,
                                                          "room")), "12");
    assert_string_equal(json_string_value(json_object_get(o.host->facts,
                                                          "serial")), "SN42");
    assert_int_equal(audits(&f->w, "enrol.approve"), 1);
    assert_int_equal(world_events(&f->w, "enrol-approved"), 1);
    /* It is sent to its disk, and stays there: it is known now. */
    assert_true(engine_plan(&f->e));
    assert_int_equal(f->e.plan.state, MESSAGE_LOCAL);
    assert_null(f->e.plan.text);
    assert_int_equal(boot(f), LOCAL);
    assert_int_equal(approve(f, f->e.welcome.code, "lab-98").err.code,
                     ERR_NOT_FOUND);
}

static void test_its_inventory_is_the_hosts(void **state)
{
    struct fixture *f = *state;
    open_window(f);
    assert_true(engine_hello(&f->e, ""));
    assert_true(engine_report(&f->e, MESSAGE_INVENTORY, 0, false));
    assert_false(f->e.reply.cancel);
    assert_int_equal(json_array_size(f->w.kept), 1);
    world_kill(&f->w); /* the inventory is not forgotten with the memory */
    world_boot(&f->w);
    struct outcome o = approve(f, f->e.welcome.code, "lab-99");
    assert_non_null(o.host);
    const json_t *where = json_object_get(o.host->facts, "inventory");
    assert_non_null(json_object_get(where, "kept"));
}

static void test_an_inventory_that_comes_after_the_approval_counts(void **state)
{
    struct fixture *f = *state;
    open_window(f);
    assert_true(engine_hello(&f->e, ""));
    assert_non_null(approve(f, f->e.welcome.code, "lab-99").host);
    assert_true(engine_report(&f->e, MESSAGE_INVENTORY, 0, false));
    world_settle(&f->w);
    const struct host *host = host_find_name(f->w.hosts, "lab-99");
    assert_non_null(json_object_get(host->facts, "inventory"));
}

static void learned(void *arg, const struct host *host, const struct err *err)
{
    assert_null(err);
    assert_non_null(host);
    ++*(unsigned *)arg;
}

/* Lost once when the store was slow: two changes of one host at a time. */
static void test_facts_told_at_once_are_all_kept(void **state)
{
    struct fixture *f = *state;
    const char *id = world_host(&f->w)->id;
    unsigned count = 0;
    AUTO_JSON *first = json_pack("{s:s}", "serial", "SN1");
    AUTO_JSON *second = json_pack("{s:s}", "vendor", "Maker");
    host_learn(f->w.hosts, id, &(struct host_news){.facts = first}, learned,
               &count);
    host_learn(f->w.hosts, id, &(struct host_news){.facts = second}, learned,
               &count);
    AUTO_JSON *third = json_pack("{s:s}", "product", "Box");
    host_learn(f->w.hosts, id, &(struct host_news){.facts = third}, NULL, NULL);
    world_settle(&f->w);
    assert_int_equal(count, 2);
    const json_t *facts = world_host(&f->w)->facts;
    assert_string_equal(json_string_value(json_object_get(facts, "serial")),
                        "SN1");
    assert_string_equal(json_string_value(json_object_get(facts, "vendor")),
                        "Maker");
    assert_string_equal(json_string_value(json_object_get(facts, "product")),
                        "Box");
}

static void test_an_approved_machine_does_not_wait_again_after_a_kill(void **state)
{
    struct fixture *f = *state;
    open_window(f);
    assert_true(engine_hello(&f->e, ""));
    assert_non_null(approve(f, f->e.welcome.code, "lab-99").host);
    world_kill(&f->w);
    world_boot(&f->w);
    AUTO_JSON *pending = sessions_pending_json(f->w.sessions);
    assert_int_equal(json_array_size(pending), 0);
}

static void test_a_repeated_hello_has_the_same_code(void **state)
{
    struct fixture *f = *state;
    struct engine other;
    char code[MESSAGE_NAME_BYTES];
    open_window(f);
    assert_true(engine_hello(&f->e, ""));
    strcpy(code, f->e.welcome.code);
    assert_true(engine_hello(&f->e, ""));
    assert_string_equal(f->e.welcome.code, code);
    assert_int_equal(memory_store_count("/v1/session/"), 1);
    engine_init(&other, &f->w, 2);
    strcpy(other.hello.facts.macs[0], STRANGER);
    strcpy(other.hello.facts.uuid, STRANGER_UUID);
    assert_true(engine_hello(&other, ""));
    assert_string_not_equal(other.welcome.code, code);
    engine_done(&other);
}

static void test_a_code_that_nobody_shows_makes_no_host(void **state)
{
    struct fixture *f = *state;
    open_window(f);
    assert_true(engine_hello(&f->e, ""));
    struct outcome o = approve(f, "acorn acorn acorn acorn", "lab-99");
    assert_int_equal(o.err.code, ERR_NOT_FOUND);
    assert_non_null(strstr(o.err.text, "screen"));
    assert_null(host_find_name(f->w.hosts, "lab-99"));
}

static void test_a_name_that_is_taken_lets_the_machine_wait(void **state)
{
    struct fixture *f = *state;
    open_window(f);
    assert_true(engine_hello(&f->e, ""));
    assert_int_equal(approve(f, f->e.welcome.code, "lab-01").err.code,
                     ERR_CONFLICT);
    assert_non_null(approve(f, f->e.welcome.code, "lab-99").host);
}

static void test_nobody_in_ten_minutes_and_it_stays_on_its_disk(void **state)
{
    struct fixture *f = *state;
    open_window(f);
    assert_int_equal(boot(f), ENGINE);
    assert_true(engine_hello(&f->e, ""));
    assert_int_equal(f->e.welcome.leave_after_s, 600);
    world_run(&f->w, 601 * 1000);
    assert_true(engine_plan(&f->e));
    assert_int_equal(f->e.plan.state, MESSAGE_LOCAL);
    assert_true(enrol_is_open(f->w.enrol));
    assert_int_equal(boot(f), LOCAL);
    assert_int_equal(approve(f, f->e.welcome.code, "lab-99").err.code,
                     ERR_NOT_FOUND);
}

static void test_the_ten_minutes_go_on_after_a_restart(void **state)
{
    struct fixture *f = *state;
    open_window(f);
    assert_true(engine_hello(&f->e, ""));
    world_run(&f->w, 500 * 1000);
    world_kill(&f->w);
    world_boot(&f->w);
    world_run(&f->w, 101 * 1000);
    assert_int_equal(approve(f, f->e.welcome.code, "lab-99").err.code,
                     ERR_NOT_FOUND);
}

static void test_it_may_be_approved_after_the_window(void **state)
{
    struct fixture *f = *state;
    open_window(f);
    assert_true(engine_hello(&f->e, ""));
    close_window(f);
    assert_non_null(approve(f, f->e.welcome.code, "lab-99").host);
}

static void test_names_that_many_machines_share_are_left_out(void **state)
{
    static const char dock[1][IDENTITY_MAC_BYTES] = {"52:54:00:00:00:d0"};
    struct fixture *f = *state;
    hosts_set_dock_macs(f->w.hosts, dock, 1);
    open_window(f);
    strcpy(f->e.hello.facts.macs[1], dock[0]);
    f->e.hello.facts.mac_count = 2;
    strcpy(f->e.hello.facts.uuid, "00000000-0000-0000-0000-000000000000");
    assert_true(engine_hello(&f->e, ""));
    struct outcome o = approve(f, f->e.welcome.code, "lab-99");
    assert_non_null(o.host);
    assert_int_equal(o.host->mac_count, 1);
    assert_string_equal(o.host->uuid, "");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_unknown_machines_load_the_engine_while_it_is_open),
        TEST(test_it_closes_by_itself),
        TEST(test_it_survives_a_kill),
        TEST(test_one_that_ended_while_nobody_ran_is_closed_at_start),
        TEST(test_a_machine_whose_engine_never_comes_boots_its_disk),
        TEST(test_without_a_window_there_is_no_code),
        TEST(test_an_approved_machine_is_a_host),
        TEST(test_its_inventory_is_the_hosts),
        TEST(test_an_inventory_that_comes_after_the_approval_counts),
        TEST(test_an_approved_machine_does_not_wait_again_after_a_kill),
        TEST(test_facts_told_at_once_are_all_kept),
        TEST(test_a_repeated_hello_has_the_same_code),
        TEST(test_a_code_that_nobody_shows_makes_no_host),
        TEST(test_a_name_that_is_taken_lets_the_machine_wait),
        TEST(test_nobody_in_ten_minutes_and_it_stays_on_its_disk),
        TEST(test_the_ten_minutes_go_on_after_a_restart),
        TEST(test_it_may_be_approved_after_the_window),
        TEST(test_names_that_many_machines_share_are_left_out),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
