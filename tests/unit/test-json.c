/* SPDX-License-Identifier: Apache-2.0 */
/* Strict JSON, numbers and buffers: what comes from outside. */
#include "core/util/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "core/util/num.h"

static json_t *parsed(const char *text)
{
    json_t *json = json_parse(text, strlen(text), 4096, NULL);
    assert_non_null(json);
    return json;
}

/* Reads {"name": text, "size": 1..9, "steps": [{"action": text}]}. */
static int read_sample(const char *text, struct err *err)
{
    AUTO_JSON *json = parsed(text);
    struct json_reader r, step;
    json_reader_init(&r, json, "", err);
    (void)json_get_text(&r, "name");
    (void)json_opt_u64(&r, "size", 1, 9, 5);
    json_reader_element(&step, &r, "steps", 0);
    (void)json_get_text(&step, "action");
    if (json_done(&step) != 0)
        return json_reader_join(&r, &step);
    return json_done(&r);
}

static void errors_name_the_path(void **state)
{
    static const struct {
        const char *text, *sentence;
    } cases[] = {
        {"{\"steps\":[{\"action\":\"a\"}]}", "$.name is missing"},
        {"{\"name\":1,\"steps\":[{\"action\":\"a\"}]}",
         "$.name must be a string"},
        {"{\"name\":\"x\",\"size\":10,\"steps\":[{\"action\":\"a\"}]}",
         "$.size is outside the range 1 to 9"},
        {"{\"name\":\"x\",\"size\":-1,\"steps\":[{\"action\":\"a\"}]}",
         "$.size must be a whole number"},
        {"{\"name\":\"x\",\"steps\":[{\"action\":\"a\",\"nmae\":1}]}",
         "$.steps[0].nmae is not known here"},
        {"{\"name\":\"x\",\"steps\":[7]}", "$.steps[0] must be an object"},
        {"{\"name\":\"x\\u0000y\",\"steps\":[{\"action\":\"a\"}]}",
         "$.name must not hold a NUL character"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        struct err err = ERR_INIT;
        if (strstr(cases[i].text, "u0000")) {
            /* the parser itself refuses it already */
            assert_null(json_parse(cases[i].text, strlen(cases[i].text), 4096,
                                   &err));
            continue;
        }
        assert_int_equal(read_sample(cases[i].text, &err), ERR_INVALID);
        assert_string_equal(err.text, cases[i].sentence);
    }
    assert_int_equal(
        read_sample("{\"name\":\"x\",\"steps\":[{\"action\":\"a\"}]}", NULL),
        0);
}

static void duplicates_and_size_are_refused(void **state)
{
    (void)state;
    assert_null(json_parse("{\"a\":1,\"a\":2}", 13, 4096, NULL));
    assert_null(json_parse("{}", 2, 1, NULL));
    assert_null(json_parse("{} x", 4, 4096, NULL));
}

/* Measuring the depth once took time that doubled with every level. */
static void deep_nesting_is_refused_at_once(void **state)
{
    char deep[200];
    (void)state;
    memset(deep, '[', 100);
    memset(deep + 100, ']', 100);
    assert_null(json_parse(deep, sizeof(deep), 4096, NULL));
}

static void numbers_are_read_whole_or_not_at_all(void **state)
{
    uint64_t value;
    (void)state;
    assert_int_equal(num_parse_u64("69", 1, 65535, &value, NULL), 0);
    assert_int_equal(value, 69);
    assert_true(num_parse_u64("", 0, 9, &value, NULL) < 0);
    assert_true(num_parse_u64("7x", 0, 9, &value, NULL) < 0);
    assert_true(num_parse_u64("-1", 0, 9, &value, NULL) < 0);
    assert_true(num_parse_u64("18446744073709551616", 0, UINT64_MAX, &value,
                              NULL) < 0);
    assert_int_equal(num_parse_size("8 GiB", &value, NULL), 0);
    assert_int_equal(value, UINT64_C(8) << 30);
    assert_int_equal(num_parse_size("8GB", &value, NULL), 0);
    assert_int_equal(value, UINT64_C(8000000000));
    assert_true(num_parse_size("99999999999 TiB", &value, NULL) < 0);
    assert_true(num_parse_size("8 Gigs", &value, NULL) < 0);
    assert_int_equal(num_parse_duration("5m", &value, NULL), 0);
    assert_int_equal(value, 300000);
}

static void a_buffer_never_passes_its_maximum(void **state)
{
    AUTO_BUF buf = BUF_INIT(8);
    (void)state;
    assert_int_equal(buf_append_text(&buf, "12345"), 0);
    assert_int_equal(buf_printf(&buf, "%d", 6789), -1);
    assert_string_equal(buf_text(&buf), "12345");
    buf_clear(&buf);
    assert_int_equal(buf_printf(&buf, "%s", "12345678"), 0);
    buf_consume(&buf, 6);
    assert_string_equal(buf_text(&buf), "78");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(errors_name_the_path),
        cmocka_unit_test(duplicates_and_size_are_refused),
        cmocka_unit_test(deep_nesting_is_refused_at_once),
        cmocka_unit_test(numbers_are_read_whole_or_not_at_all),
        cmocka_unit_test(a_buffer_never_passes_its_maximum),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
