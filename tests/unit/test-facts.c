/* SPDX-License-Identifier: Apache-2.0 */
/* Inventory: SMBIOS tables, good and damaged, a machine without any, and the
 * devices and variables that a made-up sysfs shows. */
#include "core/engine/facts/facts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "core/util/buf.h"
#include "core/util/bytes.h"
#include "core/util/json.h"

/* A structure of `length` bytes with `fields` set, then its strings. */
struct field {
    size_t at;
    uint32_t value;
    unsigned bytes;
};

static void add(struct buf *table, uint8_t type, uint8_t length,
                const struct field *fields, size_t count,
                const char *const *strings)
{
    uint8_t bytes[256] = {type, length};
    for (size_t i = 0; i < count; i++)
        for (unsigned j = 0; j < fields[i].bytes; j++)
            bytes[fields[i].at + j] = (uint8_t)(fields[i].value >> (8 * j));
    assert_int_equal(buf_append(table, bytes, length), 0);
    for (; *strings; strings++)
        assert_int_equal(buf_append(table, *strings, strlen(*strings) + 1), 0);
    if (table->data[table->length - 1] != 0 || length == table->length)
        assert_int_equal(buf_append_byte(table, 0), 0);
    assert_int_equal(buf_append_byte(table, 0), 0);
}

static void make_table(struct buf *table)
{
    static const struct field bios[] = {{4, 1, 1}, {5, 2, 1}, {8, 3, 1}};
    static const char *const bios_texts[] = {"Maker Inc.", "1.2.3",
                                             "04/01/2024", NULL};
    static const struct field system[] = {
        {4, 1, 1},          {5, 2, 1},           {7, 3, 1},
        {8, 0x33221100, 4}, {12, 0x77665544, 4}, {16, 0xbbaa9988, 4},
        {20, 0xffeeddcc, 4}};
    static const char *const system_texts[] = {"Dell Inc.", "PowerEdge R640",
                                               "  ABC1234 ", NULL};
    static const struct field cpu[] = {
        {4, 1, 1},     {16, 2, 1},  {22, 2400, 2}, {24, 0x41, 1},
        {35, 0xff, 1}, {37, 64, 1}, {42, 300, 2}};
    static const char *const cpu_texts[] = {"CPU0", "Big Processor", NULL};
    static const struct field memory[] = {{12, 0x7fff, 2}, {16, 1, 1},
                                          {18, 0x1a, 1},   {21, 3200, 2},
                                          {24, 2, 1},      {28, 65536, 4},
                                          {32, 2933, 2}};
    static const char *const memory_texts[] = {"DIMM_A1", "SN-1", NULL};
    static const struct field empty[] = {{12, 0, 2}, {16, 1, 1}};
    static const char *const empty_texts[] = {"DIMM_A2", NULL};
    static const char *const none[] = {NULL};
    add(table, 0, 24, bios, ARRAY_LENGTH(bios), bios_texts);
    add(table, 1, 27, system, ARRAY_LENGTH(system), system_texts);
    add(table, 4, 48, cpu, ARRAY_LENGTH(cpu), cpu_texts);
    add(table, 17, 40, memory, ARRAY_LENGTH(memory), memory_texts);
    add(table, 17, 40, empty, ARRAY_LENGTH(empty), empty_texts);
    add(table, 127, 4, NULL, 0, none);
}

static const char *text_at(const json_t *json, const char *a, const char *b)
{
    const char *text =
        json_string_value(json_object_get(json_object_get(json, a), b));
    return text ? text : "";
}

static void a_table_becomes_facts(void **state)
{
    AUTO_BUF table = BUF_INIT(4096);
    AUTO_JSON *facts = json_object();
    (void)state;
    make_table(&table);
    assert_int_equal(facts_add_smbios(facts, table.data, table.length), 0);
    assert_string_equal(text_at(facts, "firmware", "version"), "1.2.3");
    assert_string_equal(text_at(facts, "system", "product"), "PowerEdge R640");
    assert_string_equal(text_at(facts, "system", "serial"), "ABC1234");
    assert_string_equal(text_at(facts, "system", "uuid"),
                        "33221100-5544-7766-8899-aabbccddeeff");
    const json_t *cpu = json_array_get(json_object_get(facts, "cpus"), 0);
    assert_int_equal(json_integer_value(json_object_get(cpu, "cores")), 300);
    assert_int_equal(json_integer_value(json_object_get(cpu, "threads")), 64);
    const json_t *modules =
        json_object_get(json_object_get(facts, "memory"), "modules");
    assert_int_equal(json_array_size(modules), 1);
    assert_int_equal(json_integer_value(json_object_get(
                         json_object_get(facts, "memory"), "slots")),
                     2);
    const json_t *module = json_array_get(modules, 0);
    assert_int_equal(json_integer_value(json_object_get(module, "bytes")),
                     INT64_C(64) << 30);
    assert_int_equal(json_integer_value(json_object_get(module, "mt_s")), 3200);
    assert_int_equal(
        json_integer_value(json_object_get(module, "configured_mt_s")), 2933);
    assert_string_equal(json_string_value(json_object_get(module, "kind")),
                        "DDR4");
    assert_string_equal(json_string_value(json_object_get(module, "serial")),
                        "SN-1");
}

static void every_cut_of_a_table_is_survived(void **state)
{
    AUTO_BUF table = BUF_INIT(4096);
    (void)state;
    make_table(&table);
    for (size_t length = 0; length < table.length; length++) {
        /* On the heap and exact, so that a sanitizer sees any overrun. */
        AUTO_FREE uint8_t *cut = malloc(length + 1);
        AUTO_JSON *facts = json_object();
        assert_non_null(cut);
        memcpy(cut, table.data, length);
        assert_int_equal(facts_add_smbios(facts, cut, length), 0);
    }
}

static void every_wrong_byte_is_survived(void **state)
{
    AUTO_BUF table = BUF_INIT(4096);
    (void)state;
    make_table(&table);
    for (size_t i = 0; i < table.length; i++) {
        static const uint8_t values[] = {0, 1, 0x7f, 0xff};
        uint8_t saved = table.data[i];
        for (size_t j = 0; j < sizeof(values); j++) {
            AUTO_JSON *facts = json_object();
            table.data[i] = values[j];
            assert_int_equal(facts_add_smbios(facts, table.data, table.length),
                             0);
        }
        table.data[i] = saved;
    }
}

static void vendors_fillers_are_no_facts(void **state)
{
    static const struct field system[] = {{4, 1, 1}, {5, 2, 1}, {7, 3, 1}};
    static const char *const texts[] = {
        "To Be Filled By O.E.M.", "System Product Name", "\x01\xffX", NULL};
    AUTO_BUF table = BUF_INIT(4096);
    AUTO_JSON *facts = json_object();
    (void)state;
    add(&table, 1, 27, system, ARRAY_LENGTH(system), texts);
    assert_int_equal(facts_add_smbios(facts, table.data, table.length), 0);
    assert_string_equal(text_at(facts, "system", "vendor"), "");
    assert_string_equal(text_at(facts, "system", "product"), "");
    assert_string_equal(text_at(facts, "system", "serial"), "??X");
    /* All zero is no identity. */
    assert_string_equal(text_at(facts, "system", "uuid"), "");
}

static void a_machine_without_anything_has_facts(void **state)
{
    const struct disk_list none = {NULL, 0};
    AUTO_JSON *facts = facts_collect("/nonexistent", &none, NULL);
    (void)state;
    assert_non_null(facts);
    assert_string_equal(text_at(facts, "firmware", "kind"), "bios");
    assert_int_equal(json_array_size(json_object_get(facts, "disks")), 0);
    AUTO_JSON *identity = facts_identity(facts);
    assert_non_null(identity);
    assert_string_equal(
        json_string_value(json_object_get(identity, "firmware")), "bios");
    assert_null(json_object_get(identity, "uuid"));
}

/* ---- a machine whose sysfs is a folder of files ---- */

static char root[300];

/* Makes the folders of `path` below the root and the file with these bytes. */
static void put_bytes(const char *path, const void *bytes, size_t length)
{
    char full[1024];
    (void)snprintf(full, sizeof(full), "%s/%s", root, path);
    for (char *at = full + strlen(root); (at = strchr(at, '/')); at++) {
        *at = '\0';
        (void)mkdir(full, 0755);
        *at = '/';
    }
    FILE *file = fopen(full, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, length, file), length);
    assert_int_equal(fclose(file), 0);
}

static void put(const char *path, const char *text)
{
    put_bytes(path, text, strlen(text));
}

static void put_link(const char *path, const char *target)
{
    char full[1024];
    (void)snprintf(full, sizeof(full), "%s/%s", root, path);
    assert_int_equal(symlink(target, full), 0);
}

static int set_up(void **state)
{
    static unsigned count;
    const char *folder = getenv("TEST_DIR");
    (void)state;
    (void)snprintf(root, sizeof(root), "%s/machine%u", folder ? folder : "/tmp",
                   count++);
    return mkdir(root, 0755);
}

static json_t *collect(void)
{
    const struct disk_list none = {NULL, 0};
    json_t *facts = facts_collect(root, &none, NULL);
    assert_non_null(facts);
    return facts;
}

static const char *text_in(const json_t *list, size_t place, const char *key)
{
    const char *text =
        json_string_value(json_object_get(json_array_get(list, place), key));
    return text ? text : "";
}

static void devices_of_both_buses_are_listed(void **state)
{
    (void)state;
    put("sys/bus/pci/devices/0000:00:02.0/vendor", "0x8086\n");
    put("sys/bus/pci/devices/0000:00:02.0/device", "0x100e\n");
    put("sys/bus/pci/devices/0000:00:02.0/class", "0x020000\n");
    put("sys/bus/pci/devices/0000:00:02.0/subsystem_vendor", "0x1af4\n");
    put("sys/bus/pci/devices/0000:00:02.0/subsystem_device", "0x1100\n");
    put("sys/bus/pci/devices/0000:00:02.0/revision", "0x03\n");
    put_link("sys/bus/pci/devices/0000:00:02.0/driver",
             "../../../bus/pci/drivers/e1000");
    put("sys/bus/pci/devices/0000:00:01.0/vendor", "0x1234\n");
    put("sys/bus/usb/devices/1-1.2/idVendor", "0627\n");
    put("sys/bus/usb/devices/1-1.2/idProduct", "0001\n");
    put("sys/bus/usb/devices/1-1.2/bDeviceClass", "00\n");
    put("sys/bus/usb/devices/1-1.2/product", "USB \xff\x01 Tablet\n");
    put("sys/bus/usb/devices/1-1.2/speed", "480\n");
    put("sys/bus/usb/devices/1-1.2:1.0/bInterfaceNumber", "00\n");
    put("sys/bus/usb/devices/usb1/idVendor", "1d6b\n");
    put("sys/bus/usb/devices/usb1/speed", "1.5\n");
    AUTO_JSON *facts = collect();
    const json_t *pci = json_object_get(facts, "pci");
    assert_int_equal(json_array_size(pci), 2);
    assert_string_equal(text_in(pci, 0, "address"), "0000:00:01.0");
    assert_string_equal(text_in(pci, 1, "class"), "020000");
    assert_string_equal(text_in(pci, 1, "vendor_id"), "8086");
    assert_string_equal(text_in(pci, 1, "device_id"), "100e");
    assert_string_equal(text_in(pci, 1, "subsystem_vendor_id"), "1af4");
    assert_string_equal(text_in(pci, 1, "driver"), "e1000");
    const json_t *usb = json_object_get(facts, "usb");
    assert_int_equal(json_array_size(usb), 2); /* an interface is no device */
    assert_string_equal(text_in(usb, 0, "path"), "1-1.2");
    assert_string_equal(text_in(usb, 0, "product"), "USB ?? Tablet");
    assert_int_equal(json_integer_value(
                         json_object_get(json_array_get(usb, 0), "speed_mbit")),
                     480);
    assert_null(json_object_get(json_array_get(usb, 1), "speed_mbit"));
}

#define EFIVARS "sys/firmware/efi/efivars/"
#define EFI_GLOBAL "-8be4df61-93ca-11d2-aa0d-00e098032b8c"

static void secure_boot_and_setup_mode_are_told(void **state)
{
    (void)state;
    put_bytes(EFIVARS "SecureBoot" EFI_GLOBAL, "\6\0\0\0\1", 5);
    put_bytes(EFIVARS "SetupMode" EFI_GLOBAL, "\6\0\0\0\0", 5);
    AUTO_JSON *facts = collect();
    const json_t *firmware = json_object_get(facts, "firmware");
    assert_string_equal(text_at(facts, "firmware", "kind"), "uefi");
    assert_true(json_is_true(json_object_get(firmware, "secure_boot")));
    assert_true(json_is_false(json_object_get(firmware, "setup_mode")));
}

static void a_variable_of_another_shape_is_no_fact(void **state)
{
    (void)state;
    put_bytes(EFIVARS "SecureBoot" EFI_GLOBAL, "\6\0\0\0", 4);
    put_bytes(EFIVARS "SetupMode" EFI_GLOBAL, "\6\0\0\0\7", 5);
    AUTO_JSON *facts = collect();
    const json_t *firmware = json_object_get(facts, "firmware");
    assert_null(json_object_get(firmware, "secure_boot"));
    assert_null(json_object_get(firmware, "setup_mode"));
    assert_null(json_object_get(facts, "tpm"));
}

static void a_tpm_of_either_version_is_told(void **state)
{
    (void)state;
    put("sys/class/tpm/tpm0/tpm_version_major", "2\n");
    put("sys/class/tpm/tpm0/device/description", "TPM 2.0 Device\n");
    AUTO_JSON *facts = collect();
    assert_string_equal(text_at(facts, "tpm", "version"), "2.0");
    assert_string_equal(text_at(facts, "tpm", "description"), "TPM 2.0 Device");
    put("sys/class/tpm/tpm0/tpm_version_major", "1\n");
    put("sys/class/tpm/tpm0/caps",
        "Manufacturer: 0x49465800\nTCG version: 1.2\n");
    AUTO_JSON *older = collect();
    assert_string_equal(text_at(older, "tpm", "version"), "1.2");
    assert_string_equal(text_at(older, "tpm", "manufacturer"), "IFX");
}

static void this_machine_has_a_processor_and_memory(void **state)
{
    const struct disk_list none = {NULL, 0};
    AUTO_JSON *facts = facts_collect("", &none, NULL);
    (void)state;
    assert_non_null(facts);
    assert_true(json_integer_value(json_object_get(
                    json_object_get(facts, "cpu"), "threads")) >= 1);
    assert_true(json_integer_value(json_object_get(
                    json_object_get(facts, "memory"), "bytes")) > 1 << 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_table_becomes_facts),
        cmocka_unit_test(every_cut_of_a_table_is_survived),
        cmocka_unit_test(every_wrong_byte_is_survived),
        cmocka_unit_test(vendors_fillers_are_no_facts),
        cmocka_unit_test(a_machine_without_anything_has_facts),
        cmocka_unit_test_setup(devices_of_both_buses_are_listed, set_up),
        cmocka_unit_test_setup(secure_boot_and_setup_mode_are_told, set_up),
        cmocka_unit_test_setup(a_variable_of_another_shape_is_no_fact, set_up),
        cmocka_unit_test_setup(a_tpm_of_either_version_is_told, set_up),
        cmocka_unit_test(this_machine_has_a_processor_and_memory),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
