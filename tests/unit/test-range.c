/* SPDX-License-Identifier: Apache-2.0 */
#include "core/cli/range.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/cli/cli.h"
#include "core/cli/output.h"
#include "core/cli/settings.h"
#include "core/util/json.h"
#include "core/util/macros.h"

static void assert_names(const char *text, const char *json)
{
    json_t *got = NULL;
    AUTO_JSON *wanted = json_loads(json, 0, NULL);
    struct err err = ERR_INIT;

    if (range_expand(text, &got, &err) != 0)
        fail_msg("'%s': %s", text, err.text);
    if (!json_equal(got, wanted))
        fail_msg("'%s' gave %s", text, json_dumps(got, JSON_COMPACT));
    json_decref(got);
}

static void test_names(void **state)
{
    (void)state;
    assert_names("a", "[\"a\"]");
    assert_names("a,b,a", "[\"a\", \"b\"]");
    assert_names("lab-[1-3]", "[\"lab-1\", \"lab-2\", \"lab-3\"]");
    assert_names("lab-[009-011]x",
                 "[\"lab-009x\", \"lab-010x\", \"lab-011x\"]");
    assert_names("r[1-2]-n[1,5],z",
                 "[\"r1-n1\", \"r1-n5\", \"r2-n1\", \"r2-n5\", \"z\"]");
    assert_names("52:54:00:12:34:56", "[\"52:54:00:12:34:56\"]");
}

static void test_refused(void **state)
{
    static const char *const bad[] = {
        "",
        ",a",
        "a,",
        "a[",
        "a[]",
        "a]",
        "a[1",
        "a[3-1]",
        "a[x-y]",
        "a[-3]",
        "a[1-]",
        "a[1-301]",
        "a[1-99999999999]",
        "a[1-2",
        "a[1,,2]",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(bad); i++) {
        json_t *names = NULL;
        struct err err = ERR_INIT;

        if (range_expand(bad[i], &names, &err) == 0)
            fail_msg("'%s' was accepted", bad[i]);
        assert_true(err.text[0] != '\0');
    }
}

static void test_all_hosts_of_one_request(void **state)
{
    json_t *names = NULL;

    (void)state;
    assert_int_equal(range_expand("lab-[001-300]", &names, NULL), 0);
    assert_int_equal(json_array_size(names), RANGE_MAX_HOSTS);
    json_decref(names);
}

static void test_server_names(void **state)
{
    char *url = NULL;

    (void)state;
    assert_int_equal(settings_server_url("10.0.0.1", &url, NULL), 0);
    assert_string_equal(url, "https://10.0.0.1:7443");
    free(url);
    assert_int_equal(settings_server_url("https://a.b:1/", &url, NULL), 0);
    assert_string_equal(url, "https://a.b:1");
    free(url);
    assert_int_equal(settings_server_url("http://a", &url, NULL), ERR_INVALID);
    assert_int_equal(settings_server_url("a/b", &url, NULL), ERR_INVALID);
    assert_int_equal(settings_server_url("", &url, NULL), ERR_INVALID);
}

static void assert_value(const char *json, enum column_kind kind,
                         const char *text)
{
    AUTO_JSON *value = json_loads(json, JSON_DECODE_ANY, NULL);
    char out[64];

    output_value(value, kind, out, sizeof(out));
    assert_string_equal(out, text);
}

static void test_values(void **state)
{
    (void)state;
    assert_value("\"x\"", COLUMN_TEXT, "x");
    assert_value("\"\"", COLUMN_TEXT, "-");
    assert_value("null", COLUMN_TEXT, "-");
    assert_value("true", COLUMN_TEXT, "yes");
    assert_value("[\"a\", \"b\"]", COLUMN_TEXT, "a,b");
    assert_value("{\"room\": \"1\", \"x\": \"y\"}", COLUMN_LABELS,
                 "room=1,x=y");
    assert_value("1790000000", COLUMN_TIME, "2026-09-21 14:13:20Z");
    assert_value("1790000000123", COLUMN_TIME, "2026-09-21 14:13:20Z");
    assert_value("0", COLUMN_TIME, "-");
    assert_value("501", COLUMN_PERMILLE, "50%");
    /* What a peer sent cannot move the cursor. */
    assert_value("\"a\\u001b[2Jb\"", COLUMN_TEXT, "a?[2Jb");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_all_hosts_of_one_request),
        cmocka_unit_test(test_server_names),
        cmocka_unit_test(test_values),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
