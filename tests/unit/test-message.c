/* SPDX-License-Identifier: Apache-2.0 */
/* Messages between engine and server: there and back, and what is refused. */
#include "core/wire/message.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "core/util/json.h"

#define ID "0123456789abcdef0123456789abcdef"

static void test_hello(void **state)
{
    (void)state;
    struct err err = ERR_INIT;
    struct message_hello m = {.protocol = 1,
                              .version = "0.1.0",
                              .machine = "x86_64",
                              .ticket = "abc",
                              .facts = {.uuid = "u",
                                        .vendor = "V",
                                        .firmware = "uefi",
                                        .mac_count = 1,
                                        .macs = {"52:54:00:12:34:56"}}};
    struct message_hello back;
    AUTO_JSON *json = message_hello_format(&m);
    assert_int_equal(message_hello_parse(json, &back, &err), 0);
    assert_memory_equal(&m, &back, sizeof(m));
    json_object_set_new(json, "more", json_true());
    assert_int_equal(message_hello_parse(json, &back, &err), ERR_INVALID);
    assert_string_equal(err.text, "$.more is not known here");
}

static void hello_refused(const char *member, json_t *value,
                          const char *sentence)
{
    struct err err = ERR_INIT;
    struct message_hello back;
    AUTO_JSON *json = json_pack("{s:i, s:{s:s, s:s}, s:{s:[s]}}", "protocol", 1,
                                "engine", "version", "1", "machine", "x86_64",
                                "facts", "macs", "52:54:00:12:34:56");
    assert_int_equal(message_hello_parse(json, &back, &err), 0);
    json_object_set_new(json_object_get(json, "facts"), member, value);
    assert_int_equal(message_hello_parse(json, &back, &err), ERR_INVALID);
    if (!strstr(err.text, sentence))
        fail_msg("'%s' does not say '%s'", err.text, sentence);
}

static void test_facts_are_bounded_and_printable(void **state)
{
    (void)state;
    char text[100];
    memset(text, 'a', sizeof(text));
    text[99] = '\0';
    hello_refused("serial", json_string(text), "longer than 64 bytes");
    hello_refused("serial", json_string("a\nb"), "control character");
    hello_refused("serial", json_string("\033[2J"), "control character");
    hello_refused("serial", json_integer(1), "must be a string");
    hello_refused("macs", json_pack("[s]", "52:54:00:12:34:5G"), "macs");
    hello_refused("macs", json_pack("[s]", "52:54:00:AB:34:56"), "lower-case");
    json_t *many = json_array();
    for (int i = 0; i <= MESSAGE_MAX_MACS; i++)
        json_array_append_new(many, json_string("52:54:00:12:34:56"));
    hello_refused("macs", many, "more than 16");
}

static void test_welcome_ignores_what_it_does_not_know(void **state)
{
    (void)state;
    struct err err = ERR_INIT;
    struct message_welcome m = {.session = ID,
                                .token = "t",
                                .state = MESSAGE_PENDING,
                                .code = "four short words here",
                                .host_id = ID,
                                .host_name = "lab-01",
                                .tier = "console",
                                .time_s = 1790000000,
                                .epoch = 7,
                                .servers = {2,
                                            {"10.0.0.1:7443", "10.0.0.2:7443"},
                                            {7080, 80}},
                                .leave_after_s = 600};
    struct message_welcome back;
    AUTO_JSON *json = message_welcome_format(&m);
    json_object_set_new(json, "later", json_true());
    assert_int_equal(message_welcome_parse(json, &back, &err), 0);
    assert_memory_equal(&m, &back, sizeof(m));
    json_object_set_new(json, "http_ports", json_pack("[i]", 80));
    assert_int_equal(message_welcome_parse(json, &back, &err), ERR_INVALID);
    json_object_set_new(json, "http_ports", json_pack("[i, i]", 80, 0));
    assert_int_equal(message_welcome_parse(json, &back, &err), ERR_INVALID);
    json_object_del(json, "http_ports"); /* of an older server */
    assert_int_equal(message_welcome_parse(json, &back, &err), 0);
    assert_int_equal(back.servers.http_port[1], 0);
    json_object_set_new(json, "state", json_string("other"));
    assert_int_equal(message_welcome_parse(json, &back, &err), ERR_INVALID);
    assert_non_null(strstr(err.text, "$.state has the unknown value 'other'"));
}

static void test_plan(void **state)
{
    (void)state;
    struct err err = ERR_INIT;
    struct message_plan m = {.epoch = 7,
                             .servers = {1, {"10.0.0.1:7443"}, {7080}},
                             .state = MESSAGE_READY,
                             .text = (char *)"{\"a\": 1}",
                             .signature = "00"};
    struct message_plan back;
    AUTO_JSON *json = message_plan_format(&m);
    assert_int_equal(message_plan_parse(json, &back, &err), 0);
    assert_string_equal(back.text, m.text);
    message_plan_done(&back);
    json_object_del(json, "signature");
    assert_int_equal(message_plan_parse(json, &back, &err), ERR_INVALID);
    m.text = NULL;
    AUTO_JSON *none = message_plan_format(&m);
    assert_int_equal(message_plan_parse(none, &back, &err), 0);
    assert_null(back.text);
}

static void report_there_and_back(struct message_report *m)
{
    struct err err = ERR_INIT;
    struct message_report back;
    strcpy(m->session, ID);
    strcpy(m->task, ID);
    m->seq = 5;
    m->attempt = 1;
    AUTO_JSON *json = message_report_format(m);
    if (message_report_parse(json, &back, &err))
        fail_msg("%s", err.text);
    AUTO_JSON *again = message_report_format(&back);
    assert_true(json_equal(json, again));
    assert_string_equal(back.text, m->text);
    message_report_done(&back);
    json_object_set_new(json, "more", json_true());
    assert_int_equal(message_report_parse(json, &back, &err), ERR_INVALID);
}

static void test_reports(void **state)
{
    (void)state;
    AUTO_JSON *result = json_pack("{s:i}", "a", 1);
    report_there_and_back(
        &(struct message_report){.kind = MESSAGE_STEP_STARTED, .step = 1});
    report_there_and_back(&(struct message_report){.kind = MESSAGE_PROGRESS,
                                                   .permille = 500,
                                                   .bytes_total = 9,
                                                   .text = "writing"});
    report_there_and_back(
        &(struct message_report){.kind = MESSAGE_STEP_DONE, .result = result});
    report_there_and_back(&(struct message_report){
        .kind = MESSAGE_STEP_FAILED, .code = "io", .text = "a disk failed"});
    report_there_and_back(&(struct message_report){
        .kind = MESSAGE_LEAVING, .method = "firmware", .text = "note"});
    report_there_and_back(&(struct message_report){
        .kind = MESSAGE_LOG, .level = "warn", .text = "line"});
}

static void test_results_are_bounded(void **state)
{
    (void)state;
    struct err err = ERR_INIT;
    struct message_report back;
    char *text = calloc(1, MESSAGE_MAX_RESULT_BYTES + 1);
    memset(text, 'x', MESSAGE_MAX_RESULT_BYTES);
    AUTO_JSON *json =
        json_pack("{s:s, s:i, s:s, s:i, s:s, s:i, s:{s:s}}", "session", ID,
                  "seq", 1, "task", ID, "attempt", 1, "kind", "step-done",
                  "step", 0, "result", "a", text);
    free(text);
    assert_int_equal(message_report_parse(json, &back, &err), ERR_INVALID);
    assert_non_null(strstr(err.text, "$.result is larger"));
}

static void test_authorization(void **state)
{
    (void)state;
    char header[MESSAGE_AUTHORIZATION_BYTES];
    char session[MESSAGE_ID_BYTES], token[MESSAGE_TOKEN_BYTES];
    message_authorization_format(ID, "abc_-", header);
    assert_int_equal(message_authorization_parse(header, session, token, NULL),
                     0);
    assert_string_equal(session, ID);
    assert_string_equal(token, "abc_-");
    static const char *const wrong[] = {
        "",
        "Bearer x",
        "Slipway ",
        "Slipway " ID,
        "Slipway " ID ".",
        "Slipway 0123456789ABCDEF0123456789abcdef.x",
    };
    for (size_t i = 0; i < ARRAY_LENGTH(wrong); i++)
        assert_int_equal(
            message_authorization_parse(wrong[i], session, token, NULL),
            ERR_DENIED);
    assert_int_equal(message_authorization_parse(NULL, session, token, NULL),
                     ERR_DENIED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hello),
        cmocka_unit_test(test_facts_are_bounded_and_printable),
        cmocka_unit_test(test_welcome_ignores_what_it_does_not_know),
        cmocka_unit_test(test_plan),
        cmocka_unit_test(test_reports),
        cmocka_unit_test(test_results_are_bounded),
        cmocka_unit_test(test_authorization),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
