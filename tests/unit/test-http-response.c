/* SPDX-License-Identifier: Apache-2.0 */
/* Responses cut at every byte, and what a hostile server may send. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/wire/http-response.h"

/* Feeds `text` in two parts, cut at `cut`. */
static int feed_cut(struct http_response_reader *reader, const char *text,
                    size_t cut, struct err *err)
{
    size_t length = strlen(text), used;
    int code = http_reader_feed(reader, (const uint8_t *)text, cut, &used, err);

    if (code == 0 && used == cut)
        code = http_reader_feed(reader, (const uint8_t *)text + cut,
                                length - cut, &used, err);
    return code;
}

static void expect_body(const char *text, unsigned status, const char *body,
                        bool keep_alive)
{
    for (size_t cut = 0; cut <= strlen(text); cut++) {
        struct http_response_reader reader;
        http_reader_init(&reader, 100, false);
        assert_int_equal(feed_cut(&reader, text, cut, NULL), 0);
        assert_int_equal(http_reader_end(&reader, NULL), 0);
        assert_int_equal(reader.phase, HTTP_COMPLETE);
        assert_int_equal(reader.response.status, status);
        assert_string_equal(buf_text(&reader.response.body), body);
        assert_int_equal(reader.response.keep_alive, keep_alive);
        http_reader_done(&reader);
    }
}

static void test_bodies(void **state)
{
    (void)state;
    expect_body("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", 200, "abc",
                true);
    expect_body("HTTP/1.1 204 No Content\r\n\r\n", 204, "", true);
    expect_body("HTTP/1.1 200 OK\r\n\r\nto the end", 200, "to the end", false);
    expect_body("HTTP/1.1 200 OK\r\nconnection: Close\r\nCONTENT-LENGTH: 0\r\n"
                "\r\n",
                200, "", false);
    expect_body("HTTP/1.0 404 No\nContent-Length: 1\n\nx", 404, "x", false);
    expect_body("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                "3;note=1\r\nabc\r\nA\r\n0123456789\r\n0\r\nX: y\r\n\r\n",
                200, "abc0123456789", true);
    expect_body("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n"
                "Content-Length: 2\r\n\r\nhi",
                200, "hi", true);
}

static void expect_code(const char *text, int code)
{
    for (size_t cut = 0; cut <= strlen(text); cut++) {
        struct http_response_reader reader;
        struct err err = ERR_INIT;
        http_reader_init(&reader, 100, false);
        int got = feed_cut(&reader, text, cut, &err);
        if (got == 0)
            got = http_reader_end(&reader, &err);
        assert_int_equal(got, code);
        assert_true(err.text[0] != '\0');
        http_reader_done(&reader);
    }
}

static void test_hostile_answers(void **state)
{
    (void)state;
    expect_code("SSH-2.0-OpenSSH\r\n", ERR_CORRUPT);
    expect_code("HTTP/1.1 99 Low\r\n\r\n", ERR_CORRUPT);
    expect_code("HTTP/1.1 2000 X\r\n\r\n", ERR_CORRUPT);
    expect_code("HTTP/1.1 2\r\n\r\n", ERR_CORRUPT);
    expect_code("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", ERR_CORRUPT);
    expect_code("HTTP/1.1 200 OK\r\nContent-Length: 3, 3\r\n\r\nabc",
                ERR_CORRUPT);
    expect_code("HTTP/1.1 200 OK\r\nContent-Length: 101\r\n\r\n", ERR_TOO_BIG);
    expect_code("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n"
                "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                ERR_CORRUPT);
    expect_code("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
                ERR_CORRUPT);
    expect_code("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                "ffffffffffffffff0\r\n",
                ERR_CORRUPT);
    expect_code("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                "2\r\nabX",
                ERR_UNAVAILABLE);
    expect_code("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                "2\r\nabX\r\n",
                ERR_CORRUPT);
    expect_code("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab",
                ERR_UNAVAILABLE);
}

static void test_endless_heads_end(void **state)
{
    struct http_response_reader reader;
    size_t used;
    int code = 0;

    (void)state;
    http_reader_init(&reader, 100, false);
    for (int i = 0; i < 100000 && code == 0; i++)
        code = http_reader_feed(&reader, (const uint8_t *)"HTTP/1.1 200 OK", 15,
                                &used, NULL);
    assert_int_equal(code, ERR_TOO_BIG);
    http_reader_done(&reader);
    code = 0;
    http_reader_init(&reader, 100, false);
    assert_int_equal(http_reader_feed(&reader,
                                      (const uint8_t *)"HTTP/1.1 200 OK\r\n",
                                      17, &used, NULL),
                     0);
    for (int i = 0; i < 100000 && code == 0; i++)
        code = http_reader_feed(&reader, (const uint8_t *)"X: y\r\n", 6, &used,
                                NULL);
    assert_int_equal(code, ERR_TOO_BIG);
    http_reader_done(&reader);
}

static void test_headers_are_found(void **state)
{
    static const char text[] = "HTTP/1.1 200 OK\r\nSlipway-Signature:  abc\r\n"
                               "X:\r\nContent-Length: 0\r\n\r\nrest";
    struct http_response_reader reader;
    size_t used;

    (void)state;
    http_reader_init(&reader, 100, false);
    assert_int_equal(http_reader_feed(&reader, (const uint8_t *)text,
                                      sizeof(text) - 1, &used, NULL),
                     0);
    assert_int_equal(used, sizeof(text) - 1 - 4);
    assert_string_equal(
        http_response_header(&reader.response, "slipway-signature"), "abc");
    assert_string_equal(http_response_header(&reader.response, "X"), "");
    assert_null(http_response_header(&reader.response, "Slipway"));
    http_reader_done(&reader);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bodies),
        cmocka_unit_test(test_hostile_answers),
        cmocka_unit_test(test_endless_heads_end),
        cmocka_unit_test(test_headers_are_found),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
