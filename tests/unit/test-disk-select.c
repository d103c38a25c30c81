/* SPDX-License-Identifier: Apache-2.0 */
/* Which disk a selector means, and what is said when it means none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/engine/disks/disk-select.h"
#include "core/util/json.h"

#define GIB (UINT64_C(1) << 30)

static struct disk disks[] = {
    {.name = "sda",
     .serial = "S1",
     .model = "Fast SSD",
     .size_bytes = 8 * GIB,
     .path = "pci-1",
     .transport = "sata"},
    {.name = "sdb",
     .serial = "S2",
     .model = "Slow HDD",
     .size_bytes = 64 * GIB,
     .path = "pci-2",
     .transport = "sata"},
    {.name = "sdc",
     .serial = "S3",
     .model = "Stick",
     .size_bytes = 1 * GIB,
     .removable = true,
     .transport = "usb"},
    {.name = "sdd",
     .serial = "S4",
     .model = "Dead",
     .size_bytes = 2 * GIB,
     .unreadable = true},
    {.name = "sde",
     .serial = "S5",
     .model = "Locked",
     .size_bytes = 2 * GIB,
     .read_only = true},
    {.name = "nvme0n1",
     .serial = "N1",
     .model = "Fast NVMe",
     .size_bytes = 8 * GIB,
     .path = "pci-3",
     .transport = "nvme"},
};

static int choose(const char *text, size_t count, size_t *ret, struct err *err)
{
    struct disk_list list = {disks, count};
    AUTO_JSON *selector = json_parse(text, strlen(text), 1000, NULL);

    assert_non_null(selector);
    return disk_select(&list, selector, ret, err);
}

static void expect(const char *text, const char *name)
{
    struct err err = ERR_INIT;
    size_t index;

    if (choose(text, ARRAY_LENGTH(disks), &index, &err) < 0)
        fail_msg("%s: %s", text, err.text);
    assert_string_equal(disks[index].name, name);
}

static void refuse(const char *text, int code, const char *sentence)
{
    struct err err = ERR_INIT;
    size_t index;

    assert_int_equal(choose(text, ARRAY_LENGTH(disks), &index, &err), code);
    if (!strstr(err.text, sentence))
        fail_msg("'%s' does not say '%s'", err.text, sentence);
}

static void test_choices(void **state)
{
    (void)state;
    expect("{\"select\": \"smallest\"}", "sda");
    expect("{\"select\": \"largest\"}", "sdb");
    expect("{\"select\": \"first\"}", "sda");
    expect("{\"select\": \"smallest\", \"min\": \"9 GiB\"}", "sdb");
    expect("{\"select\": \"largest\", \"max\": 8589934592}", "sda");
    expect("{\"serial\": \"N1\"}", "nvme0n1");
    expect("{\"path\": \"pci-2\"}", "sdb");
    expect("{\"model\": \"Slow*\"}", "sdb");
    expect("{\"transport\": \"nvme\", \"select\": \"only\"}", "nvme0n1");
}

static void test_refusals(void **state)
{
    (void)state;
    refuse("{}", ERR_CONFLICT, "3 disks fit");
    refuse("{\"model\": \"Fast*\"}", ERR_CONFLICT, "sda 8.0 GiB serial 'S1'");
    refuse("{\"min\": \"1 TiB\"}", ERR_NOT_FOUND, "no disk fits");
    refuse("{\"serial\": \"S3\"}", ERR_NOT_FOUND, "(removable)");
    refuse("{\"serial\": \"S4\"}", ERR_NOT_FOUND, "(cannot be read)");
    refuse("{\"serial\": \"S5\"}", ERR_NOT_FOUND, "(read-only)");
    refuse("{\"select\": \"best\"}", ERR_INVALID, "disk.select");
    refuse("{\"colour\": \"red\"}", ERR_INVALID, "colour");
    refuse("{\"min\": \"many\"}", ERR_INVALID, "a size");
    refuse("{\"min\": -1}", ERR_INVALID, "a size");
}

static void test_no_disk_at_all(void **state)
{
    struct err err = ERR_INIT;
    size_t index;

    (void)state;
    assert_int_equal(choose("{\"select\": \"first\"}", 0, &index, &err),
                     ERR_NOT_FOUND);
    assert_non_null(strstr(err.text, "no disk at all"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_choices),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_no_disk_at_all),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
