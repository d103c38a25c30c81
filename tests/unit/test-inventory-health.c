/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What disks say of their health: pages as the standards draw them, made here
 * by hand, and disks that err, lie or never answer.
 */
#include "plugins/action/inventory/health.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <slipway/mock.h>

extern const struct slipway_action_plugin slipway_plugin_descriptor;

#define SHORT_LIMIT_MS 300

static void put_le(uint8_t *at, uint64_t value, int bytes)
{
    for (int i = 0; i < bytes; i++)
        at[i] = (uint8_t)(value >> (8 * i));
}

static json_int_t number(const json_t *json, const char *key)
{
    const json_t *value = json_object_get(json, key);
    if (!json_is_integer(value))
        fail_msg("there is no '%s'", key);
    return json_integer_value(value);
}

static const char *text(const json_t *json, const char *key)
{
    const char *value = json_string_value(json_object_get(json, key));
    return value ? value : "";
}

static void an_nvme_log_becomes_figures(void **state)
{
    struct health_pages pages = {.kind = HEALTH_NVME};
    (void)state;
    put_le(pages.nvme + 1, 310, 2); /* K */
    pages.nvme[3] = 97;
    pages.nvme[4] = 10;
    pages.nvme[5] = 12;
    put_le(pages.nvme + 32, 1000, 8);
    put_le(pages.nvme + 48, UINT64_MAX, 8); /* more than 2^63 bytes */
    put_le(pages.nvme + 112, 42, 8);
    put_le(pages.nvme + 128, 8760, 8);
    pages.nvme[144 + 12] = 1; /* in the upper half of 128 bits */
    json_t *health = health_json(&pages);
    assert_string_equal(text(health, "source"), "nvme");
    assert_string_equal(text(health, "status"), "good");
    assert_null(json_object_get(health, "warnings"));
    assert_int_equal(number(health, "temperature_c"), 37);
    assert_int_equal(number(health, "spare_percent"), 97);
    assert_int_equal(number(health, "spare_limit_percent"), 10);
    assert_int_equal(number(health, "wear_percent"), 12);
    assert_int_equal(number(health, "read_bytes"), 512000000);
    assert_int_equal(number(health, "written_bytes"), INT64_MAX);
    assert_int_equal(number(health, "power_cycles"), 42);
    assert_int_equal(number(health, "power_on_hours"), 8760);
    assert_int_equal(number(health, "unsafe_shutdowns"), INT64_MAX);
    assert_int_equal(number(health, "media_errors"), 0);
    json_decref(health);
}

static void nvme_warnings_have_words(void **state)
{
    struct health_pages pages = {.kind = HEALTH_NVME};
    (void)state;
    pages.nvme[0] = 0x03;
    json_t *health = health_json(&pages);
    assert_string_equal(text(health, "status"), "warning");
    const json_t *words = json_object_get(health, "warnings");
    assert_int_equal(json_array_size(words), 2);
    assert_string_equal(json_string_value(json_array_get(words, 1)),
                        "temperature");
    /* 0 K: no thermometer. */
    assert_null(json_object_get(health, "temperature_c"));
    json_decref(health);
    pages.nvme[0] = 0xff;
    health = health_json(&pages);
    assert_string_equal(text(health, "status"), "failing");
    json_decref(health);
}

/* Entry `place` of both tables. */
static void put_attribute(struct health_pages *pages, int place, uint8_t id,
                          uint8_t value, uint8_t limit, uint64_t raw)
{
    uint8_t *at = pages->ata + 2 + 12 * place;
    at[0] = id;
    at[1] = 1;
    at[3] = value;
    put_le(at + 5, raw, 6);
    pages->limits[2 + 12 * (29 - place)] = id;
    pages->limits[3 + 12 * (29 - place)] = limit;
}

static void ata_attributes_become_figures(void **state)
{
    struct health_pages pages = {.kind = HEALTH_ATA,
                                 .has_ata = 1,
                                 .has_limits = 1,
                                 .verdict = HEALTH_VERDICT_PASSED};
    (void)state;
    put_attribute(&pages, 0, 5, 100, 36, 0);
    put_attribute(&pages, 1, 9, 90, 0, UINT64_C(0xab1200002710));
    put_attribute(&pages, 2, 12, 100, 20, 77);
    put_attribute(&pages, 3, 190, 60, 45, 0x2a00000028);
    put_attribute(&pages, 4, 194, 34, 0, UINT64_C(0x000d00000022));
    put_attribute(&pages, 5, 197, 100, 0, 0);
    json_t *health = health_json(&pages);
    assert_string_equal(text(health, "status"), "good");
    assert_int_equal(number(health, "power_on_hours"), 10000);
    assert_int_equal(number(health, "power_cycles"), 77);
    assert_int_equal(number(health, "temperature_c"), 34);
    assert_int_equal(number(health, "reallocated_sectors"), 0);
    assert_null(json_object_get(health, "failing_attributes"));
    json_decref(health);
    /* Sectors that cannot be read warn before the disk itself does. */
    put_attribute(&pages, 5, 197, 100, 0, 8);
    health = health_json(&pages);
    assert_string_equal(text(health, "status"), "warning");
    assert_int_equal(number(health, "pending_sectors"), 8);
    json_decref(health);
}

static void a_failing_ata_disk_is_named_so(void **state)
{
    struct health_pages pages = {.kind = HEALTH_ATA,
                                 .verdict = HEALTH_VERDICT_FAILING};
    (void)state;
    json_t *health = health_json(&pages);
    assert_string_equal(text(health, "status"), "failing");
    json_decref(health);
    /* Its own verdict may say otherwise: an attribute below its limit. */
    pages.verdict = HEALTH_VERDICT_PASSED;
    pages.has_ata = pages.has_limits = 1;
    put_attribute(&pages, 7, 5, 30, 36, 4000);
    health = health_json(&pages);
    assert_string_equal(text(health, "status"), "failing");
    const json_t *failing = json_object_get(health, "failing_attributes");
    assert_int_equal(json_integer_value(json_array_get(failing, 0)), 5);
    assert_int_equal(number(health, "reallocated_sectors"), 4000);
    json_decref(health);
}

static void scsi_exceptions_have_a_status(void **state)
{
    static const struct {
        uint8_t sense;
        const char *status;
    } cases[] = {{0x00, "good"}, {0x0b, "warning"}, {0x5d, "failing"}};
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct health_pages pages = {
            .kind = HEALTH_SCSI,
            .scsi_length = 12,
            .scsi = {0x2f, 0, 0, 8, 0, 0, 3, 4, cases[i].sense, 0x10, 31}};
        json_t *health = health_json(&pages);
        assert_string_equal(text(health, "status"), cases[i].status);
        assert_int_equal(number(health, "temperature_c"), 31);
        if (cases[i].sense)
            assert_int_equal(number(health, "sense_qualifier"), 0x10);
        json_decref(health);
    }
    struct health_pages none = {.kind = HEALTH_SCSI, .scsi_length = 4};
    json_t *health = health_json(&none);
    assert_string_equal(text(health, "status"), "unknown");
    json_decref(health);
}

static void any_page_is_survived(void **state)
{
    (void)state;
    srand(20240401);
    for (int round = 0; round < 20000; round++) {
        struct health_pages pages = {.kind = HEALTH_NONE};
        uint8_t *bytes = (uint8_t *)&pages;
        for (size_t i = 0; i < sizeof(pages); i++)
            bytes[i] = (uint8_t)rand();
        pages.kind = (enum health_kind)(round % 4);
        pages.scsi_length %= HEALTH_PAGE_BYTES + 1;
        json_t *health = health_json(&pages);
        assert_non_null(health);
        assert_non_null(json_object_get(health, "status"));
        json_decref(health);
    }
}

/* ---- asking ---- */

struct world {
    struct slipway_mock *mock;
    const struct slipway_action_host *host;
    json_t *list;
};

/* A machine with disks of these kernel names, which are one small file. */
static void make_world(struct world *w, const char *const *names)
{
    static char path[300];
    const char *folder = getenv("TEST_DIR");
    const struct slipway_disk *disks = NULL;
    uint64_t count = 0;
    (void)snprintf(path, sizeof(path), "%s/disk", folder ? folder : "/tmp");
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fclose(file), 0);
    w->mock = slipway_mock_new(&slipway_plugin_descriptor);
    assert_non_null(w->mock);
    w->host = slipway_mock_host(w->mock);
    w->list = json_array();
    for (size_t i = 0; names[i]; i++) {
        assert_int_equal(slipway_mock_disk(w->mock, path, "S", 512), 0);
        assert_int_equal(w->host->disks(w->host, &disks, &count), 0);
        ((struct slipway_disk *)(uintptr_t)disks)[i].name = names[i];
        (void)json_array_append_new(w->list,
                                    json_pack("{s:s}", "name", names[i]));
    }
}

static void end_world(struct world *w)
{
    json_decref(w->list);
    slipway_mock_free(w->mock);
}

static const json_t *health_of(const struct world *w, size_t disk)
{
    return json_object_get(json_array_get(w->list, disk), "health");
}

static void a_disk_that_cannot_be_asked_is_a_finding(void **state)
{
    static const char *const names[] = {"nvme0n1", "sda", "vda", NULL};
    struct world w;
    (void)state;
    make_world(&w, names);
    /* The real questions; a plain file refuses each. */
    assert_int_equal(health_add(w.host, w.list, 10000, health_ask), 0);
    for (size_t i = 0; i < 2; i++) {
        assert_string_equal(text(health_of(&w, i), "status"), "unknown");
        assert_non_null(strstr(text(health_of(&w, i), "finding"),
                               "does not tell its health"));
    }
    assert_null(health_of(&w, 2)); /* virtio disks have none */
    end_world(&w);
}

static void ask_or_hang(int fd, enum health_kind kind,
                        struct health_pages *ret_pages)
{
    (void)fd;
    memset(ret_pages, 0, sizeof(*ret_pages));
    ret_pages->kind = kind;
    if (kind == HEALTH_NVME)
        for (;;)
            (void)pause();
}

static void a_disk_that_hangs_costs_its_own_health_only(void **state)
{
    static const char *const names[] = {"nvme0n1", "sda", "nvme1n1", NULL};
    struct world w;
    (void)state;
    make_world(&w, names);
    uint64_t start_ms = w.host->now_ms(w.host);
    assert_int_equal(health_add(w.host, w.list, SHORT_LIMIT_MS, ask_or_hang),
                     0);
    assert_true(w.host->now_ms(w.host) - start_ms < 5000);
    assert_non_null(strstr(text(health_of(&w, 0), "finding"), "within"));
    assert_string_equal(text(health_of(&w, 1), "source"), "scsi");
    assert_non_null(strstr(text(health_of(&w, 2), "finding"), "within"));
    end_world(&w);
}

static void ask_and_crash(int fd, enum health_kind kind,
                          struct health_pages *ret_pages)
{
    (void)fd;
    (void)kind;
    (void)ret_pages;
    _exit(9);
}

static void an_asker_that_dies_is_a_finding(void **state)
{
    static const char *const names[] = {"sda", NULL};
    struct world w;
    (void)state;
    make_world(&w, names);
    assert_int_equal(health_add(w.host, w.list, 10000, ask_and_crash), 0);
    assert_string_equal(text(health_of(&w, 0), "status"), "unknown");
    end_world(&w);
}

static void a_disk_that_cannot_be_opened_is_a_finding(void **state)
{
    static const char *const names[] = {"sda", NULL};
    struct world w;
    char path[300];
    (void)state;
    make_world(&w, names);
    (void)snprintf(path, sizeof(path), "%s/disk",
                   getenv("TEST_DIR") ? getenv("TEST_DIR") : "/tmp");
    assert_int_equal(unlink(path), 0);
    assert_int_equal(health_add(w.host, w.list, 10000, health_ask), 0);
    assert_string_equal(text(health_of(&w, 0), "finding"),
                        "it cannot be opened");
    end_world(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_nvme_log_becomes_figures),
        cmocka_unit_test(nvme_warnings_have_words),
        cmocka_unit_test(ata_attributes_become_figures),
        cmocka_unit_test(a_failing_ata_disk_is_named_so),
        cmocka_unit_test(scsi_exceptions_have_a_status),
        cmocka_unit_test(any_page_is_survived),
        cmocka_unit_test(a_disk_that_cannot_be_asked_is_a_finding),
        cmocka_unit_test(a_disk_that_hangs_costs_its_own_health_only),
        cmocka_unit_test(an_asker_that_dies_is_a_finding),
        cmocka_unit_test(a_disk_that_cannot_be_opened_is_a_finding),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
