/* SPDX-License-Identifier: Apache-2.0 */
#include "core/server/http/door-route.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/server/http/http-range.h"
#include "core/util/macros.h"

static enum door_route_kind parse(const char *text, struct door_route *ret)
{
    return door_route_parse(text, strlen(text), ret);
}

static void assert_path(const char *text, const char *path)
{
    struct door_route route;

    assert_int_equal(parse(text, &route), DOOR_PATH);
    assert_int_equal(route.length, strlen(path));
    assert_memory_equal(route.path, path, route.length);
}

static void test_paths(void **state)
{
    (void)state;
    assert_path("GET /objects/ab HTTP/1.1\r\n", "/objects/ab");
    assert_path("HEAD / HTTP/1.0\r\n", "/");
    /* The path is enough; the rest of the line may still be on its way. */
    assert_path("GET /objects/ab H", "/objects/ab");
    assert_path("GET http://10.0.0.1:7080/objects/ab HTTP/1.1\r\n",
                "/objects/ab");
}

static void test_incomplete(void **state)
{
    struct door_route route;

    (void)state;
    assert_int_equal(parse("", &route), DOOR_MORE);
    assert_int_equal(parse("G", &route), DOOR_MORE);
    assert_int_equal(parse("GET ", &route), DOOR_MORE);
    assert_int_equal(parse("GET /objects/ab", &route), DOOR_MORE);
}

static void test_not_http(void **state)
{
    struct door_route route;

    (void)state;
    assert_int_equal(parse("\n", &route), DOOR_BAD);
    assert_int_equal(parse("GET\r\n", &route), DOOR_BAD);
    assert_int_equal(parse("GET /x\r\n", &route), DOOR_BAD);
    assert_int_equal(parse(" GET /x HTTP/1.1\r\n", &route), DOOR_BAD);
    assert_int_equal(parse("OPTIONS * HTTP/1.1\r\n", &route), DOOR_BAD);
    assert_int_equal(parse("ABCDEFGHIJKLMNOPQRSTUVWXYZ", &route), DOOR_BAD);
    assert_int_equal(parse("\x16\x03\x01\x02\x01 \x01", &route), DOOR_MORE);
    assert_int_equal(parse("GET http://10.0.0.1 HTTP/1.1\r\n", &route),
                     DOOR_BAD);
}

static void test_too_long(void **state)
{
    char text[DOOR_LINE_BYTES];
    struct door_route route;

    (void)state;
    memset(text, 'a', sizeof(text));
    memcpy(text, "GET /", 5);
    assert_int_equal(door_route_parse(text, sizeof(text), &route), DOOR_LONG);
    assert_int_equal(door_route_parse(text, sizeof(text) - 1, &route),
                     DOOR_MORE);
}

struct range_case {
    const char *text;
    enum http_range_kind kind;
    uint64_t offset;
    uint64_t length;
};

static void test_ranges(void **state)
{
    static const struct range_case cases[] = {
        {NULL, HTTP_RANGE_WHOLE, 0, 0},
        {"bytes=0-", HTTP_RANGE_PART, 0, 1000},
        {"bytes=0-0", HTTP_RANGE_PART, 0, 1},
        {"bytes=500-", HTTP_RANGE_PART, 500, 500},
        {"bytes=999-", HTTP_RANGE_PART, 999, 1},
        {"bytes=10-5000", HTTP_RANGE_PART, 10, 990},
        {"Bytes= 10-19", HTTP_RANGE_PART, 10, 10},
        {"bytes=-1", HTTP_RANGE_PART, 999, 1},
        {"bytes=-5000", HTTP_RANGE_PART, 0, 1000},
        {"bytes=1000-", HTTP_RANGE_UNSATISFIABLE, 0, 0},
        {"bytes=-0", HTTP_RANGE_UNSATISFIABLE, 0, 0},
        {"bytes=18446744073709551615-", HTTP_RANGE_UNSATISFIABLE, 0, 0},
        /* What is not valid or not supported counts as none. */
        {"bytes=18446744073709551616-", HTTP_RANGE_WHOLE, 0, 0},
        {"bytes=5-4", HTTP_RANGE_WHOLE, 0, 0},
        {"bytes=0-1,5-6", HTTP_RANGE_WHOLE, 0, 0},
        {"bytes=a-b", HTTP_RANGE_WHOLE, 0, 0},
        {"bytes=-", HTTP_RANGE_WHOLE, 0, 0},
        {"bytes=", HTTP_RANGE_WHOLE, 0, 0},
        {"items=0-5", HTTP_RANGE_WHOLE, 0, 0},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        struct http_range range = {0};

        assert_int_equal(http_range_parse(cases[i].text, 1000, &range),
                         cases[i].kind);
        assert_int_equal(range.offset, cases[i].offset);
        assert_int_equal(range.length, cases[i].length);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_paths),    cmocka_unit_test(test_incomplete),
        cmocka_unit_test(test_not_http), cmocka_unit_test(test_too_long),
        cmocka_unit_test(test_ranges),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
