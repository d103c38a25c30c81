/* SPDX-License-Identifier: Apache-2.0 */
/* The schemas of /engine/v1 and the messages of core/wire say the same: what
 * is formatted, at its longest, fits its schema and can be parsed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/server/rest/schema.h"
#include "core/util/json.h"
#include "core/util/macros.h"
#include "core/wire/message.h"

#define ID "0123456789abcdef0123456789abcdef"

static int setup(void **state)
{
    struct err err = ERR_INIT;
    return schemas_builtin((struct schemas **)state, &err);
}

static int teardown(void **state)
{
    schemas_free(*state);
    return 0;
}

static void fits(const struct schemas *schemas, const char *name,
                 const json_t *json)
{
    struct err err = ERR_INIT;
    assert_non_null(json);
    if (schemas_validate(schemas, name, json, &err) < 0)
        fail_msg("%s: %s", name, err.text);
}

static void fill(char *text, size_t size)
{
    memset(text, 'a', size - 1);
    text[size - 1] = '\0';
}

static struct message_servers most_servers(void)
{
    struct message_servers servers = {.count = 0};
    char text[MESSAGE_SERVER_BYTES];
    fill(text, sizeof(text));
    while (message_servers_add(&servers, text))
        servers.http_port[servers.count - 1] = UINT16_MAX;
    return servers;
}

static void test_hello(void **state)
{
    struct err err = ERR_INIT;
    struct message_hello back;
    struct message_hello m = {.protocol = MESSAGE_PROTOCOL};
    fill(m.version, sizeof(m.version));
    fill(m.machine, sizeof(m.machine));
    fill(m.ticket, sizeof(m.ticket));
    fill(m.facts.uuid, sizeof(m.facts.uuid));
    fill(m.facts.serial, sizeof(m.facts.serial));
    fill(m.facts.vendor, sizeof(m.facts.vendor));
    fill(m.facts.product, sizeof(m.facts.product));
    fill(m.facts.firmware, sizeof(m.facts.firmware));
    while (m.facts.mac_count < MESSAGE_MAX_MACS)
        memcpy(m.facts.macs[m.facts.mac_count++], "52:54:00:12:34:56", 18);
    AUTO_JSON *json = message_hello_format(&m);
    fits(*state, "session-hello", json);
    assert_int_equal(message_hello_parse(json, &back, &err), 0);
    char longer[MESSAGE_FACT_BYTES + 1];
    fill(longer, sizeof(longer));
    (void)json_object_set_new(json_object_get(json, "facts"), "serial",
                              json_string(longer));
    assert_int_equal(schemas_validate(*state, "session-hello", json, &err),
                     ERR_INVALID);
    assert_non_null(strstr(err.text, "$.facts.serial"));
    assert_int_equal(message_hello_parse(json, &back, &err), ERR_INVALID);
}

static void test_welcome(void **state)
{
    static const enum message_state states[] = {MESSAGE_READY, MESSAGE_PENDING,
                                                MESSAGE_LOCAL};
    struct message_welcome m = {.session = ID,
                                .host_id = ID,
                                .host_name = "lab-01",
                                .tier = "console",
                                .time_s = INT64_MAX,
                                .epoch = INT64_MAX,
                                .servers = most_servers(),
                                .leave_after_s = 86400};
    fill(m.token, sizeof(m.token));
    fill(m.code, sizeof(m.code));
    for (size_t i = 0; i < ARRAY_LENGTH(states); i++) {
        m.state = states[i];
        AUTO_JSON *json = message_welcome_format(&m);
        fits(*state, "session-welcome", json);
    }
    m = (struct message_welcome){.session = ID, .token = "t",
                                 .tier = "network"};
    AUTO_JSON *least = message_welcome_format(&m);
    fits(*state, "session-welcome", least);
}

static void test_plan(void **state)
{
    AUTO_JSON *request = message_plan_request_format(ID);
    fits(*state, "session-plan-request", request);
    AUTO_JSON *checkpoint = json_object();
    struct message_plan m = {.servers = most_servers(),
                             .text = (char *)(uintptr_t) "{}",
                             .checkpoint = checkpoint};
    memset(m.signature, '0', sizeof(m.signature) - 1);
    AUTO_JSON *json = message_plan_format(&m);
    fits(*state, "session-plan", json);
    m = (struct message_plan){.state = MESSAGE_PENDING};
    AUTO_JSON *none = message_plan_format(&m);
    fits(*state, "session-plan", none);
}

static void test_reports(void **state)
{
    AUTO_JSON *result = json_object();
    for (int kind = MESSAGE_STEP_STARTED; kind <= MESSAGE_INVENTORY; kind++) {
        struct err err = ERR_INIT;
        struct message_report back;
        struct message_report m = {.session = ID,
                                   .seq = INT64_MAX,
                                   .task = ID,
                                   .attempt = 1000,
                                   .kind = (enum message_report_kind)kind,
                                   .step = MESSAGE_MAX_STEPS - 1,
                                   .permille = 1000,
                                   .bytes_done = INT64_MAX,
                                   .bytes_total = INT64_MAX,
                                   .level = "notice",
                                   .method = "poweroff",
                                   .result = result};
        fill(m.code, sizeof(m.code));
        fill(m.text, sizeof(m.text));
        AUTO_JSON *json = message_report_format(&m);
        fits(*state, "session-report", json);
        if (message_report_parse(json, &back, &err) < 0)
            fail_msg("%s: %s", message_report_word(m.kind), err.text);
        message_report_done(&back);
    }
    struct message_report_reply reply = {.servers = most_servers()};
    AUTO_JSON *json = message_report_reply_format(&reply);
    fits(*state, "session-report-reply", json);
}

static void test_unknown_words(void **state)
{
    struct err err = ERR_INIT;
    AUTO_JSON *json = json_pack("{s:s, s:i, s:s}", "session", ID, "seq", 1,
                                "kind", "step-begun");
    assert_int_equal(schemas_validate(*state, "session-report", json, &err),
                     ERR_INVALID);
    assert_non_null(strstr(err.text, "$.kind"));
    (void)json_object_set_new(json, "kind", json_string("log"));
    (void)json_object_set_new(json, "colour", json_string("red"));
    assert_int_equal(schemas_validate(*state, "session-report", json, &err),
                     ERR_INVALID);
    assert_non_null(strstr(err.text, "colour"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hello),
        cmocka_unit_test(test_welcome),
        cmocka_unit_test(test_plan),
        cmocka_unit_test(test_reports),
        cmocka_unit_test(test_unknown_words),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, setup, teardown);
}
