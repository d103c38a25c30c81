/* SPDX-License-Identifier: Apache-2.0 */
/* Inventory: SMBIOS tables, good and damaged, and a machine without any. */
#include "core/engine/facts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

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
                                          {24, 2, 1},      {28, 65536, 4}};
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
    const json_t *module = json_array_get(modules, 0);
    assert_int_equal(json_integer_value(json_object_get(module, "bytes")),
                     INT64_C(64) << 30);
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
        cmocka_unit_test(this_machine_has_a_processor_and_memory),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
