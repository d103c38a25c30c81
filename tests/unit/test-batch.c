/* SPDX-License-Identifier: Apache-2.0 */
/* Batches: all or nothing before anything is written, everything afterwards. */
#include "core/server/tasks/batch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/util/json.h"
#include "tests/lib/deploy-world.h"
#include "tests/lib/memory-store.h"

#define HOSTS 5
#define BATCH "00112233445566778899aabbccddeeff"

struct outcome {
    bool answered;
    size_t tasks;
    struct err err;
};

static void created(void *arg, const struct host *host, const struct err *err)
{
    (void)arg;
    assert_null(err);
    assert_non_null(host);
}

static int setup(void **state)
{
    struct world *w = calloc(1, sizeof(*w));
    char name[16], mac[IDENTITY_MAC_BYTES];
    world_new(w, 1);
    for (int i = 2; i <= HOSTS; i++) {
        snprintf(name, sizeof(name), "lab-%02d", i);
        snprintf(mac, sizeof(mac), "52:54:00:00:00:%02x", i);
        AUTO_JSON *spec = json_pack("{s:s, s:[s], s:{s:s}}", "name", name,
                                    "macs", mac, "labels", "room", "12");
        host_create(w->hosts, spec, created, NULL);
        world_settle(w);
    }
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    world_free(*state);
    free(*state);
    return 0;
}

static void answered(void *arg, const json_t *batch, const struct err *err)
{
    struct outcome *outcome = arg;
    outcome->answered = true;
    outcome->tasks = json_array_size(json_object_get(batch, "tasks"));
    if (err)
        outcome->err = *err;
}

static struct outcome start(struct world *w, json_t *select)
{
    /* It outlives this call: a killed server never answers. */
    static struct outcome outcome;
    AUTO_PROFILE *profile = world_profile("boot-disk");
    AUTO_JSON *json = select;
    memset(&outcome, 0, sizeof(outcome));
    batch_start(w->batches, profile, json, BATCH, "test", answered, &outcome);
    world_run(w, 2000);
    return outcome;
}

static void test_by_names_and_by_labels(void **state)
{
    struct world *w = *state;
    struct outcome o = start(w, json_pack("{s:{s:s}}", "labels", "room", "12"));
    assert_true(o.answered);
    assert_int_equal(o.err.code, 0);
    assert_int_equal(o.tasks, HOSTS);
    assert_int_equal(memory_store_count("/v1/active/"), HOSTS);
    assert_int_equal(world_events(w, "batch-created"), 1);
}

static void refused(struct world *w, json_t *select, const char *sentence)
{
    unsigned writes = memory_store_writes();
    struct outcome o = start(w, select);
    assert_int_not_equal(o.err.code, 0);
    if (!strstr(o.err.text, sentence))
        fail_msg("'%s' does not say '%s'", o.err.text, sentence);
    assert_int_equal(memory_store_writes(), writes);
}

static void test_refusals_name_every_host(void **state)
{
    struct world *w = *state;
    refused(w, json_pack("{s:[s,s,s]}", "hosts", "lab-01", "lab-77", "lab-78"),
            "2 of the hosts are not known: 'lab-77', 'lab-78'");
    refused(w, json_pack("{s:[s,s]}", "hosts", "lab-01", "52:54:00:00:00:01"),
            "names host 'lab-01' twice");
    refused(w, json_pack("{s:{s:s}}", "labels", "room", "13"), "no host has");
    refused(w, json_pack("{s:{}}", "labels"), "at least one label");
    refused(w, json_object(), "either 'hosts' or 'labels'");
    world_start(w);
    refused(w, json_pack("{s:[s,s]}", "hosts", "lab-01", "lab-02"),
            "1 of 2 hosts are refused and nothing was started: host 'lab-01'");
}

static void test_a_killed_server_completes_the_batch(void **state)
{
    struct world *w = *state;
    /* Document, then a task and its arming for each host, and the mark. */
    memory_store_kill_at(5, true);
    (void)start(w, json_pack("{s:{s:s}}", "labels", "room", "12"));
    assert_true(memory_store_dead());
    unsigned before = memory_store_count("/v1/task/");
    assert_true(before > 0 && before < HOSTS);
    world_kill(w);
    world_boot(w);
    world_run(w, 2000);
    assert_int_equal(memory_store_count("/v1/task/"), HOSTS);
    assert_int_equal(memory_store_count("/v1/active/"), HOSTS);
    assert_non_null(strstr(memory_store_value("/v1/batch/" BATCH),
                           "\"state\":\"started\""));
}

static void test_cancelling_stops_all_of_it(void **state)
{
    struct world *w = *state;
    struct outcome o = {.answered = false};
    (void)start(w, json_pack("{s:{s:s}}", "labels", "room", "12"));
    batch_cancel(w->batches, BATCH, "test", answered, &o);
    world_run(w, 2000);
    assert_true(o.answered);
    assert_int_equal(o.err.code, 0);
    assert_int_equal(memory_store_count("/v1/active/"), 0);
    batch_cancel(w->batches, BATCH, "test", answered, &o);
    world_run(w, 2000);
    assert_int_equal(o.err.code, 0);
    batch_cancel(w->batches, "ffffffffffffffffffffffffffffffff", "test",
                 answered, &o);
    world_run(w, 2000);
    assert_int_equal(o.err.code, ERR_NOT_FOUND);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

const char *__asan_default_options(void);
/* Who is killed frees nothing: what was on its way stays where it is. */
const char *__asan_default_options(void)
{
    return "detect_leaks=0";
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_by_names_and_by_labels),
        TEST(test_refusals_name_every_host),
        TEST(test_a_killed_server_completes_the_batch),
        TEST(test_cancelling_stops_all_of_it),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
