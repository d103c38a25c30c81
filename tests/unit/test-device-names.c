/* SPDX-License-Identifier: Apache-2.0 */
/* Names of devices: lists as they are published, damaged and absent. */
#include "core/server/hosts/device-names.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/util/json.h"

static const char *folder(void)
{
    return getenv("TEST_DIR") ? getenv("TEST_DIR") : "/tmp";
}

static void put_list(const char *name, const char *text, size_t length)
{
    char path[400];
    (void)snprintf(path, sizeof(path), "%s/%s", folder(), name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, length, file), length);
    assert_int_equal(fclose(file), 0);
}

static json_t *inventory(void)
{
    return json_pack("{s:[{s:s, s:s}, {s:s, s:s}, {s:s}, {s:s, s:s}],"
                     " s:[{s:s, s:s}]}",
                     "pci", "vendor_id", "8086", "device_id", "100e",
                     "vendor_id", "8086", "device_id", "ffff", "vendor_id",
                     "80", "vendor_id", "1af4", "device_id", "1000", "usb",
                     "vendor_id", "0627", "device_id", "0001");
}

static const char *name_of(const json_t *json, const char *bus, size_t place,
                           const char *key)
{
    const char *text = json_string_value(json_object_get(
        json_array_get(json_object_get(json, bus), place), key));
    return text ? text : "";
}

static const char pci_list[] = "# a comment\n"
                               "\n"
                               "1af3  Somebody Else\n"
                               "\t1000  not this one\n"
                               "1af4  Red Hat, Inc.\n"
                               "\t1000  Virtio network device\n"
                               "\t\t1af4 0001  a subsystem\n"
                               "8086  Intel Corporation\n"
                               "# between\n"
                               "\t100e  82540EM Gigabit Ethernet Controller\n"
                               "\t\t8086 ffff  no device of this number\n"
                               "C 02  Network controller\n"
                               "\t100e  nor this\n";

static void devices_get_the_names_of_the_lists(void **state)
{
    static const char usb_list[] = "0627  Adomax Technology Co., Ltd\n"
                                   "\t0001  QEMU Tablet\n"
                                   "AT 0100  USB Undefined\n";
    AUTO_JSON *json = inventory();
    (void)state;
    put_list("pci.ids", pci_list, strlen(pci_list));
    put_list("usb.ids", usb_list, strlen(usb_list));
    device_names_add(json, folder());
    assert_string_equal(name_of(json, "pci", 0, "vendor_name"),
                        "Intel Corporation");
    assert_string_equal(name_of(json, "pci", 0, "device_name"),
                        "82540EM Gigabit Ethernet Controller");
    assert_string_equal(name_of(json, "pci", 1, "vendor_name"),
                        "Intel Corporation");
    assert_string_equal(name_of(json, "pci", 1, "device_name"), "");
    assert_string_equal(name_of(json, "pci", 2, "vendor_name"), "");
    assert_string_equal(name_of(json, "pci", 3, "device_name"),
                        "Virtio network device");
    assert_string_equal(name_of(json, "usb", 0, "device_name"), "QEMU Tablet");
}

static void damaged_lists_are_survived(void **state)
{
    (void)state;
    for (size_t length = 0; length < strlen(pci_list); length++) {
        AUTO_JSON *json = inventory();
        put_list("pci.ids", pci_list, length);
        device_names_add(json, folder());
    }
    AUTO_JSON *json = inventory();
    put_list("pci.ids", "8086  \xff\xfe\0\n\t", 12);
    device_names_add(json, folder());
    assert_string_equal(name_of(json, "pci", 0, "vendor_name"), "");
}

static void without_lists_there_are_numbers(void **state)
{
    AUTO_JSON *json = inventory();
    AUTO_JSON *before = inventory();
    AUTO_JSON *empty = json_object();
    (void)state;
    device_names_add(json, "/nonexistent");
    assert_true(json_equal(json, before));
    device_names_add(empty, folder());
    assert_int_equal(json_object_size(empty), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(devices_get_the_names_of_the_lists),
        cmocka_unit_test(damaged_lists_are_survived),
        cmocka_unit_test(without_lists_there_are_numbers),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
