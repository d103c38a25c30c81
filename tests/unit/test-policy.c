/* SPDX-License-Identifier: Apache-2.0 */
/* What machines that ask to boot are told, and who they are. */
#include "core/server/boot/policy.h"

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
#define REQUEST SLIPWAY_BOOT_DHCP_REQUEST
#define STRANGER "52:54:00:00:00:99"

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

static struct boot_decision ask(struct world *w, const char *mac,
                                const char *uuid, const char *arch)
{
    const struct boot_client client = {mac, uuid, arch, false};
    struct boot_decision decision;
    w->dhcp.decide(w->dhcp.arg, &client, DISCOVER, &decision);
    world_settle(w);
    return decision;
}

static void test_without_a_task_the_disk(void **state)
{
    struct world *w = *state;
    struct boot_decision d = ask(w, WORLD_MAC, "", "x86-uefi");
    assert_int_equal(d.intent, LOCAL);
    assert_string_equal(d.host_name, "lab-01");
    assert_string_equal(d.reason, "no task is armed");
    assert_string_equal(world_host(w)->arch, "x86-uefi");
}

static void test_an_armed_task_loads_the_engine(void **state)
{
    struct world *w = *state;
    world_start(w);
    assert_int_equal(ask(w, WORLD_MAC, "", "x86-uefi").intent, ENGINE);
    /* By its UUID, through another port and in the other byte order. */
    assert_int_equal(ask(w, STRANGER, WORLD_UUID, "x86-uefi").intent, ENGINE);
    assert_int_equal(
        ask(w, STRANGER, "44332211-6655-8877-99aa-bbccddeeff00", "x86-uefi")
            .intent,
        ENGINE);
    /* An installed system that asks for an address is no firmware. */
    assert_int_equal(ask(w, WORLD_MAC, "", "").intent, 0);
}

static void test_strangers_boot_their_disk_and_are_told_once(void **state)
{
    struct world *w = *state;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(ask(w, STRANGER, "", "x86-uefi").intent, LOCAL);
        assert_int_equal(world_firmware(w, STRANGER, SLIPWAY_BOOT_DHCP_REQUEST),
                         LOCAL);
    }
    assert_int_equal(world_events(w, "host-unknown"), 1);
    AUTO_JSON *list = hosts_unknown_json(w->hosts);
    assert_int_equal(json_array_size(list), 1);
    assert_int_equal(
        json_integer_value(json_object_get(json_array_get(list, 0), "count")),
        6);
}

static void test_strangers_are_bounded(void **state)
{
    struct world *w = *state;
    char mac[IDENTITY_MAC_BYTES];
    for (unsigned i = 0; i < HOSTS_MAX_UNKNOWN + 10; i++) {
        snprintf(mac, sizeof(mac), "52:54:00:aa:%02x:%02x", i >> 8, i & 255);
        host_unknown_seen(w->hosts, mac, "", "x86-uefi");
    }
    AUTO_JSON *list = hosts_unknown_json(w->hosts);
    assert_int_equal(json_array_size(list), HOSTS_MAX_UNKNOWN);
}

static void test_a_flood_of_strangers_leaves_events_to_others(void **state)
{
    struct world *w = *state;
    char mac[IDENTITY_MAC_BYTES];
    for (unsigned i = 0; i < 1000; i++) {
        snprintf(mac, sizeof(mac), "52:54:00:aa:%02x:%02x", i >> 8, i & 255);
        host_unknown_seen(w->hosts, mac, "", "x86-uefi");
    }
    assert_int_equal(world_events(w, "host-unknown"), HOSTS_UNKNOWN_PER_S);
    loop_run_for(w->loop, 1000);
    host_unknown_seen(w->hosts, "52:54:00:bb:00:00", "", "x86-uefi");
    assert_int_equal(world_events(w, "host-unknown"), HOSTS_UNKNOWN_PER_S + 1);
}

static void created(void *arg, const struct host *host, const struct err *err)
{
    *(int *)arg = err ? err->code : host != NULL;
}

static int create(struct world *w, json_t *spec)
{
    int result = 0;
    AUTO_JSON *json = spec;
    host_create(w->hosts, json, created, &result);
    world_settle(w);
    return result;
}

static void test_a_label_gives_the_proxy_style(void **state)
{
    struct world *w = *state;
    assert_int_equal(create(w, json_pack("{s:s, s:[s], s:{s:s}}", "name",
                                         "lab-02", "macs", STRANGER, "labels",
                                         "proxy-style", "direct")),
                     1);
    assert_int_equal(create(w, json_pack("{s:s, s:[s], s:{s:s}}", "name",
                                         "lab-03", "macs", "52:54:00:00:00:98",
                                         "labels", "proxy-style", "fast")),
                     1);
    assert_int_equal(ask(w, STRANGER, "", "x86-uefi").proxy_style,
                     PROXY_STYLE_DIRECT);
    assert_int_equal(ask(w, "52:54:00:00:00:98", "", "x86-uefi").proxy_style,
                     PROXY_STYLE_DEFAULT);
    assert_int_equal(ask(w, WORLD_MAC, "", "x86-uefi").proxy_style,
                     PROXY_STYLE_DEFAULT);
}

static void test_names_of_two_hosts_are_a_conflict(void **state)
{
    struct world *w = *state;
    world_start(w);
    assert_int_equal(create(w, json_pack("{s:s, s:[s]}", "name", "lab-02",
                                         "macs", STRANGER)),
                     1);
    struct boot_decision d = ask(w, STRANGER, WORLD_UUID, "x86-uefi");
    assert_int_equal(d.intent, LOCAL);
    assert_string_equal(d.host_id, "");
    (void)ask(w, STRANGER, WORLD_UUID, "x86-uefi");
    assert_int_equal(world_events(w, "identity-conflict"), 1);
    char ticket[MESSAGE_TOKEN_BYTES];
    struct engine e;
    engine_init(&e, w, 1);
    strcpy(e.hello.facts.macs[0], STRANGER);
    assert_true(world_ticket(w, WORLD_ADDRESS, ticket));
    assert_false(engine_hello(&e, ticket));
    assert_int_equal(e.err.code, ERR_DENIED);
}

static void test_uuids_that_many_machines_share(void **state)
{
    struct world *w = *state;
    static const char *const shared[] = {
        "00000000-0000-0000-0000-000000000000",
        "FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF",
        "03000200-0400-0500-0006-000700080009",
    };
    const struct host *host = NULL;
    for (size_t i = 0; i < ARRAY_LENGTH(shared); i++) {
        assert_int_equal(
            create(w, json_pack("{s:s, s:s}", "name", "x", "uuid", shared[i])),
            ERR_INVALID);
        assert_int_equal(host_identify(w->hosts, WORLD_MAC, shared[i], &host),
                         HOST_KNOWN);
        assert_int_equal(host_identify(w->hosts, STRANGER, shared[i], &host),
                         HOST_UNKNOWN);
    }
}

static void test_two_hosts_never_share_a_name(void **state)
{
    struct world *w = *state;
    assert_int_equal(create(w, json_pack("{s:s, s:[s]}", "name", "lab-01",
                                         "macs", STRANGER)),
                     ERR_CONFLICT);
    assert_int_equal(create(w, json_pack("{s:s, s:[s]}", "name", "lab-02",
                                         "macs", "52-54-00-00-00-01")),
                     ERR_CONFLICT);
    assert_int_equal(create(w, json_pack("{s:s, s:s}", "name", "lab-02", "uuid",
                                         WORLD_UUID)),
                     ERR_CONFLICT);
    assert_int_equal(create(w, json_pack("{s:s}", "name", "lab-02")),
                     ERR_INVALID);
    assert_int_equal(memory_store_count("/v1/host/"), 1);
    assert_int_equal(memory_store_count("/v1/alias/"), 3);
}

static void test_a_docks_mac_names_no_machine(void **state)
{
    static const char dock[1][IDENTITY_MAC_BYTES] = {STRANGER};
    struct world *w = *state;
    const struct host *host;
    world_start(w);
    /* Given to a host before the dock was listed, it finds that host no
     * more: the laptop behind the dock is told by its UUID. */
    assert_int_equal(create(w, json_pack("{s:s, s:[s]}", "name", "lab-02",
                                         "macs", STRANGER)),
                     1);
    hosts_set_dock_macs(w->hosts, dock, 1);
    assert_int_equal(ask(w, STRANGER, WORLD_UUID, "x86-uefi").intent, ENGINE);
    assert_int_equal(world_events(w, "identity-conflict"), 0);
    assert_int_equal(host_identify(w->hosts, STRANGER, "", &host),
                     HOST_UNKNOWN);
    assert_null(host_find_any(w->hosts, STRANGER));
    assert_int_equal(create(w, json_pack("{s:s, s:[s]}", "name", "lab-03",
                                         "macs", STRANGER)),
                     ERR_INVALID);
    /* Nor does an approved engine bring it in. */
    host = host_find_name(w->hosts, "lab-01");
    host_learn(w->hosts, host->id,
               &(struct host_news){.macs = dock, .mac_count = 1}, NULL, NULL);
    world_settle(w);
    assert_int_equal(host_find_name(w->hosts, "lab-01")->mac_count, 1);
}

static void test_a_change_moves_the_aliases(void **state)
{
    struct world *w = *state;
    int result = 0;
    AUTO_JSON *patch =
        json_pack("{s:s, s:[s]}", "name", "lab-99", "macs", STRANGER);
    char id[MESSAGE_ID_BYTES];
    memcpy(id, world_host(w)->id, sizeof(id));
    uint64_t revision = world_host(w)->revision;
    host_change(w->hosts, id, patch, revision, created, &result);
    world_settle(w);
    assert_int_equal(result, 1);
    host_change(w->hosts, id, patch, revision, created, &result);
    world_settle(w);
    assert_int_equal(result, ERR_CONFLICT);
    world_kill(w);
    world_boot(w);
    assert_null(host_find_any(w->hosts, "lab-01"));
    assert_null(host_find_any(w->hosts, WORLD_MAC));
    assert_string_equal(host_find_any(w->hosts, STRANGER)->name, "lab-99");
    assert_non_null(memory_store_value("/v1/alias/name/lab-99"));
    assert_null(memory_store_value("/v1/alias/name/lab-01"));
}

static void test_a_host_with_a_task_is_not_deleted(void **state)
{
    struct world *w = *state;
    int result = 1;
    char id[MESSAGE_ID_BYTES];
    memcpy(id, world_host(w)->id, sizeof(id));
    struct task *task = world_start(w);
    host_delete(w->hosts, id, STORE_ANY, created, &result);
    world_settle(w);
    assert_int_equal(result, ERR_CONFLICT);
    task_fail(w->tasks, task, "test", "the test ends it");
    world_settle(w);
    host_delete(w->hosts, id, STORE_ANY, created, &result);
    world_settle(w);
    assert_int_equal(result, 0);
    assert_int_equal(memory_store_count("/v1/alias/"), 0);
}

static void test_a_boot_loop_is_told(void **state)
{
    struct world *w = *state;
    for (unsigned i = 1; i <= POLICY_LOCAL_BOOTS; i++) {
        struct boot_decision d = ask(w, WORLD_MAC, "", "x86-uefi");
        assert_int_equal(d.intent, LOCAL);
        assert_int_equal(d.attempt, i);
        (void)world_firmware(w, WORLD_MAC, REQUEST);
        assert_int_equal(world_events(w, "host-boot-loop"),
                         i == POLICY_LOCAL_BOOTS);
        world_run(w, 20000);
    }
    world_run(w, POLICY_LOCAL_WINDOW_MS);
    assert_int_equal(ask(w, WORLD_MAC, "", "x86-uefi").attempt, 1);
}

/* iPXE asks DHCP once more after the ROM did; counted as boots of their own
 * the two would use up the attempts of a task twice as fast. */
static void test_the_loader_belongs_to_the_boot_of_its_rom(void **state)
{
    struct world *w = *state;
    const struct boot_client loader = {WORLD_MAC, "", "x86-bios", true};
    struct boot_decision d;
    world_start(w);
    for (unsigned boot = 1; boot <= POLICY_ENGINE_BOOTS; boot++) {
        assert_int_equal(ask(w, WORLD_MAC, "", "x86-bios").attempt, boot);
        (void)world_firmware(w, WORLD_MAC, REQUEST);
        world_run(w, POLICY_SAME_BOOT_MS + 1000); /* a slow download */
        w->dhcp.decide(w->dhcp.arg, &loader, DISCOVER, &d);
        assert_int_equal(d.intent, ENGINE);
        assert_int_equal(d.attempt, boot);
        w->dhcp.decide(w->dhcp.arg, &loader, REQUEST, &d);
        assert_int_equal(d.attempt, boot);
        world_settle(w);
        world_run(w, 60000);
    }
    assert_int_equal(ask(w, WORLD_MAC, "", "x86-bios").intent, LOCAL);
}

static void test_an_arch_plugin_may_ask_for_labels(void **state)
{
    struct world *w = *state;
    assert_int_equal(
        create(w, json_pack("{s:s, s:[s], s:{s:s}}", "name", "lab-02", "macs",
                            STRANGER, "labels", "local-boot", "exit")),
        1);
    const struct host *host = host_find_name(w->hosts, "lab-02");
    assert_string_equal(
        w->dhcp.host_label(w->dhcp.arg, host->id, "local-boot"), "exit");
    assert_null(w->dhcp.host_label(w->dhcp.arg, host->id, "room"));
    assert_null(w->dhcp.host_label(w->dhcp.arg, "gone", "local-boot"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_without_a_task_the_disk),
        TEST(test_an_armed_task_loads_the_engine),
        TEST(test_strangers_boot_their_disk_and_are_told_once),
        TEST(test_strangers_are_bounded),
        TEST(test_a_flood_of_strangers_leaves_events_to_others),
        TEST(test_a_label_gives_the_proxy_style),
        TEST(test_names_of_two_hosts_are_a_conflict),
        TEST(test_uuids_that_many_machines_share),
        TEST(test_two_hosts_never_share_a_name),
        TEST(test_a_docks_mac_names_no_machine),
        TEST(test_a_change_moves_the_aliases),
        TEST(test_a_host_with_a_task_is_not_deleted),
        TEST(test_a_boot_loop_is_told),
        TEST(test_the_loader_belongs_to_the_boot_of_its_rom),
        TEST(test_an_arch_plugin_may_ask_for_labels),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
