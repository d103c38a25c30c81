/* SPDX-License-Identifier: Apache-2.0 */
/* Declared parameters: the rules of a table, and a profile's `with` object
 * against it. */
#include "core/plugin/params.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "core/util/json.h"

enum { NOTE, COUNT, FAST, ROOM, MODE, IMAGE, DISK, PASSWORD };

static const struct slipway_param declared[] = {
    SLIPWAY_PARAM(.name = "note", .type = SLIPWAY_PARAM_TEXT, .help = "h",
                  .min = 1, .max = 8),
    SLIPWAY_PARAM(.name = "count", .type = SLIPWAY_PARAM_NUMBER, .help = "h",
                  .default_text = "3", .max = 10),
    SLIPWAY_PARAM(.name = "fast", .type = SLIPWAY_PARAM_BOOL, .help = "h",
                  .default_text = "true"),
    SLIPWAY_PARAM(.name = "room", .type = SLIPWAY_PARAM_SIZE, .help = "h",
                  .default_text = "1 MiB"),
    SLIPWAY_PARAM(.name = "mode", .type = SLIPWAY_PARAM_CHOICE, .help = "h",
                  .choices = "quick full"),
    SLIPWAY_PARAM(.name = "image", .type = SLIPWAY_PARAM_IMAGE,
                  .help = "What to write.", .flags = SLIPWAY_PARAM_REQUIRED),
    SLIPWAY_PARAM(.name = "disk", .type = SLIPWAY_PARAM_DISK, .help = "h"),
    SLIPWAY_PARAM(.name = "password", .type = SLIPWAY_PARAM_SECRET,
                  .help = "h"),
};

static struct param_table table;

static int setup(void **state)
{
    (void)state;
    return param_table_copy(declared, ARRAY_LENGTH(declared), &table, NULL);
}

static int teardown(void **state)
{
    (void)state;
    param_table_done(&table);
    return 0;
}

static struct param_values *values_of(const char *text, struct err *err)
{
    struct param_values *values = NULL;
    AUTO_JSON *with = json_parse(text, strlen(text), 4096, err);
    assert_non_null(with);
    (void)param_values_check(&table, with, "$.steps[1].with", &values, err);
    return values;
}

static void test_values(void **state)
{
    (void)state;
    struct err err = ERR_INIT;
    uint64_t number = 0;
    struct param_values *v = values_of(
        "{\"image\": \"debian-12@3\", \"room\": \"8 GiB\", \"fast\": false,"
        " \"mode\": \"full\", \"disk\": {\"select\": \"smallest\","
        " \"min\": \"8 GiB\"}, \"password\": \"\\u00fcber\"}",
        &err);
    assert_string_equal(err.text, "");
    assert_string_equal(param_values_text(v, IMAGE), "debian-12@3");
    assert_null(param_values_text(v, NOTE));
    assert_int_equal(param_values_number(v, NOTE, &number), ERR_INVALID);
    assert_int_equal(param_values_number(v, COUNT, &number), 0);
    assert_int_equal(number, 3);
    assert_string_equal(param_values_text(v, COUNT), "3");
    assert_int_equal(param_values_number(v, FAST, &number), 0);
    assert_int_equal(number, 0);
    assert_int_equal(param_values_number(v, ROOM, &number), 0);
    assert_int_equal(number, UINT64_C(8) << 30);
    assert_string_equal(param_values_text(v, ROOM), "8 GiB");
    assert_string_equal(param_values_text(v, MODE), "full");
    assert_string_equal(param_values_text(v, DISK),
                        "{\"min\":\"8 GiB\",\"select\":\"smallest\"}");
    assert_non_null(param_values_json(v, DISK));
    assert_string_equal(param_values_text(v, PASSWORD), "\xc3\xbc"
                                                        "ber");
    assert_null(param_values_text(v, 99));
    json_t *all = param_values_object(v);
    assert_int_equal(json_integer_value(json_object_get(all, "count")), 3);
    assert_null(json_object_get(all, "note"));
    /* What a plan carries is itself a valid `with`. */
    struct param_values *again = NULL;
    assert_int_equal(param_values_check(&table, all, "$", &again, &err), 0);
    param_values_free(again);
    json_decref(all);
    param_values_free(v);
}

static const struct {
    const char *with;
    const char *sentence;
} refused[] = {
    {"{}", "$.steps[1].with.image must be given: What to write."},
    {"[]", "$.steps[1].with: must be an object"},
    {"{\"image\":\"x\",\"disc\":1}",
     "$.steps[1].with.disc: there is no such parameter"},
    {"{\"image\":\"x\",\"note\":\"\"}",
     "$.steps[1].with.note must have 1 to 8 bytes and has 0"},
    {"{\"image\":\"x\",\"note\":\"123456789\"}",
     "$.steps[1].with.note must have 1 to 8 bytes and has 9"},
    {"{\"image\":\"x\",\"note\":7}", "$.steps[1].with.note must be a text"},
    {"{\"image\":\"x\",\"count\":11}",
     "$.steps[1].with.count must be from 0 to 10"},
    {"{\"image\":\"x\",\"count\":\"1\"}",
     "$.steps[1].with.count must be a whole number from 0 to 2^53"},
    {"{\"image\":\"x\",\"count\":-1}",
     "$.steps[1].with.count must be a whole number from 0 to 2^53"},
    {"{\"image\":\"x\",\"count\":9007199254740993}",
     "$.steps[1].with.count must be a whole number from 0 to 2^53"},
    {"{\"image\":\"x\",\"fast\":1}",
     "$.steps[1].with.fast must be true or false"},
    {"{\"image\":\"x\",\"room\":\"much\"}",
     "$.steps[1].with.room must be a size such as \"8 GiB\""},
    {"{\"image\":\"x\",\"mode\":\"ful\"}",
     "$.steps[1].with.mode must be one of: quick full"},
    {"{\"image\":\"x\",\"mode\":\"quick full\"}",
     "$.steps[1].with.mode must be one of: quick full"},
    {"{\"image\":\"X\"}", "$.steps[1].with.image must be the name of an "
                          "image, \"debian-12\" or \"debian-12@3\""},
    {"{\"image\":\"x@0\"}", "$.steps[1].with.image must be the name of an "
                            "image, \"debian-12\" or \"debian-12@3\""},
    {"{\"image\":\"x\",\"disk\":{}}",
     "$.steps[1].with.disk must be a disk selector such as {\"select\": "
     "\"smallest\"}"},
    {"{\"image\":\"x\",\"disk\":{\"select\":\"any\"}}",
     "$.steps[1].with.disk must have 'select' as one of: smallest largest "
     "first only"},
    {"{\"image\":\"x\",\"disk\":{\"size\":1}}",
     "$.steps[1].with.disk has the unknown member 'size'; a disk is selected "
     "by select, min, max, serial, model, path and transport"},
};

static void test_refused_values(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(refused); i++) {
        struct err err = ERR_INIT;
        assert_null(values_of(refused[i].with, &err));
        assert_string_equal(err.text, refused[i].sentence);
    }
}

/* A table of one parameter that is wrong in one way. */
static void check_table(struct slipway_param param, const char *sentence)
{
    struct param_table copy = {NULL, 0};
    struct err err = ERR_INIT;
    param.size = sizeof(param);
    assert_int_equal(param_table_copy(&param, 1, &copy, &err), ERR_INVALID);
    assert_string_equal(err.text, sentence);
}

#define P(...) ((struct slipway_param){.name = "p", .help = "h", __VA_ARGS__})

static void test_refused_tables(void **state)
{
    (void)state;
    check_table((struct slipway_param){.name = "P", .help = "h"},
                "parameter 0 has no name of the form [a-z][a-z0-9_]{0,31}");
    check_table((struct slipway_param){.name = "p", .type = SLIPWAY_PARAM_TEXT},
                "parameter 'p' has no help text");
    check_table(P(.type = 77), "parameter 'p' has the unknown type 77");
    check_table(P(.type = SLIPWAY_PARAM_TEXT, .flags = 8),
                "parameter 'p' sets unknown flags (0x8)");
    check_table(P(.type = SLIPWAY_PARAM_CHOICE, .choices = "a  b"),
                "parameter 'p' is a choice but does not list its words, "
                "separated by one space");
    check_table(P(.type = SLIPWAY_PARAM_TEXT, .choices = "a"),
                "parameter 'p' lists choices but is no choice");
    check_table(P(.type = SLIPWAY_PARAM_BOOL, .max = 1),
                "parameter 'p' has bounds, which its type does not know");
    check_table(P(.type = SLIPWAY_PARAM_NUMBER, .min = 2, .max = 1),
                "parameter 'p' has a minimum above its maximum");
    check_table(P(.type = SLIPWAY_PARAM_SECRET, .default_text = "x"),
                "parameter 'p' is a secret and must not have a default");
    check_table(P(.type = SLIPWAY_PARAM_TEXT, .default_text = "x",
                  .flags = SLIPWAY_PARAM_REQUIRED),
                "parameter 'p' is required and has a default all the same");
    check_table(P(.type = SLIPWAY_PARAM_NUMBER, .default_text = "x"),
                "parameter 'p' has a default that is not written as in a "
                "profile");
}

static void test_same_name_twice(void **state)
{
    (void)state;
    struct param_table copy = {NULL, 0};
    struct err err = ERR_INIT;
    struct slipway_param two[] = {
        SLIPWAY_PARAM(.name = "p", .type = SLIPWAY_PARAM_TEXT, .help = "h"),
        SLIPWAY_PARAM(.name = "p", .type = SLIPWAY_PARAM_TEXT, .help = "h"),
    };
    assert_int_equal(param_table_copy(two, 2, &copy, &err), ERR_INVALID);
    assert_string_equal(err.text, "parameter 'p' is declared twice");
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_refused_values),
        cmocka_unit_test(test_refused_tables),
        cmocka_unit_test(test_same_name_twice),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("params", tests, setup, teardown);
}
