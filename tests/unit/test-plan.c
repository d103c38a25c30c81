/* SPDX-License-Identifier: Apache-2.0 */
/* The plan: there and back, signature, and what an engine refuses. */
#include "core/profile/plan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "core/util/json.h"

#define SITE "0123456789abcdef0123456789abcdef"
#define HOST "11111111111111111111111111111111"

struct fixture {
    struct signing_key key;
    char *text;
    char signature[MESSAGE_SIGNATURE_BYTES];
};

static struct plan *make(void)
{
    struct plan *plan = plan_new();
    strcpy(plan->site, SITE);
    strcpy(plan->task, "22222222222222222222222222222222");
    plan->attempt = 1;
    strcpy(plan->host_id, HOST);
    strcpy(plan->host_name, "lab-01");
    plan->epoch = 7;
    plan->not_after_s = 2000;
    strcpy(plan->tier, "network");
    strcpy(plan->servers[0].address, "10.0.0.1");
    plan->servers[0].tls_port = 7443;
    plan->servers[0].http_port = 7080;
    plan->server_count = 1;
    strcpy(plan->transport[0], "unicast");
    plan->transport_count = 1;
    strcpy(plan->steps[0].action, "install");
    plan->steps[0].with = json_pack("{s:s}", "image", "debian-12");
    strcpy(plan->steps[0].images[0].param, "image");
    plan->steps[0].images[0].manifest.bytes[0] = 9;
    plan->steps[0].image_count = 1;
    plan->steps[0].timeout_ms = 3600000;
    plan->step_count = 1;
    strcpy(plan->then, "boot-disk");
    return plan;
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    AUTO_PLAN *plan = make();
    assert_int_equal(signing_key_generate(&f->key, NULL), 0);
    f->text = plan_format(plan);
    assert_int_equal(plan_sign(f->text, &f->key, f->signature, NULL), 0);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    free(f->text);
    free(f);
    return 0;
}

static int verify(const struct fixture *f, const struct plan_expect *expect,
                  struct err *err)
{
    AUTO_PLAN *plan = NULL;
    return plan_verify(f->text, f->signature, &f->key.public_key, 1, expect,
                       &plan, err);
}

static void test_there_and_back(void **state)
{
    struct fixture *f = *state;
    AUTO_PLAN *plan = NULL;
    struct err err = ERR_INIT;
    if (plan_parse(f->text, strlen(f->text), &plan, &err))
        fail_msg("%s", err.text);
    AUTO_FREE char *again = plan_format(plan);
    assert_string_equal(f->text, again);
    assert_int_equal(plan->servers[0].http_port, 7080);
    assert_int_equal(plan->steps[0].images[0].manifest.bytes[0], 9);
}

static void test_what_an_engine_refuses(void **state)
{
    struct fixture *f = *state;
    struct err err = ERR_INIT;
    struct plan_expect expect = {SITE, HOST, 7, 1000};
    assert_int_equal(verify(f, &expect, &err), 0);
    expect.epoch = 8;
    assert_int_equal(verify(f, &expect, &err), ERR_VERIFY);
    assert_non_null(strstr(err.text, "older than epoch 8"));
    expect.epoch = 7;
    expect.now_s = 2001;
    assert_int_equal(verify(f, &expect, &err), ERR_VERIFY);
    assert_non_null(strstr(err.text, "ended 1 s ago"));
    expect.now_s = 1000;
    expect.host_id = SITE;
    assert_int_equal(verify(f, &expect, &err), ERR_VERIFY);
    expect.host_id = NULL;
    expect.site = HOST;
    assert_int_equal(verify(f, &expect, &err), ERR_VERIFY);
}

static void test_every_flipped_bit_is_found(void **state)
{
    struct fixture *f = *state;
    const struct plan_expect expect = {SITE, HOST, 7, 1000};
    struct err err = ERR_INIT;
    for (size_t i = 0; i < strlen(f->text); i++) {
        f->text[i] ^= 1;
        assert_int_equal(verify(f, &expect, &err), ERR_VERIFY);
        f->text[i] ^= 1;
    }
    f->signature[0] = f->signature[0] == '0' ? '1' : '0';
    assert_int_equal(verify(f, &expect, &err), ERR_VERIFY);
    f->signature[0] = '\0';
    assert_int_equal(verify(f, &expect, &err), ERR_VERIFY);
}

static void refused(const struct fixture *f, const char *key, json_t *value,
                    const char *sentence)
{
    struct err err = ERR_INIT;
    AUTO_PLAN *plan = NULL;
    AUTO_JSON *json =
        json_parse(f->text, strlen(f->text), PLAN_MAX_BYTES, NULL);
    json_object_set_new(json, key, value);
    AUTO_FREE char *text = json_text(json);
    assert_int_equal(plan_parse(text, strlen(text), &plan, &err), ERR_INVALID);
    if (!strstr(err.text, sentence))
        fail_msg("'%s' does not say '%s'", err.text, sentence);
}

static void test_strict(void **state)
{
    struct fixture *f = *state;
    refused(f, "more", json_true(), "$.more is not known here");
    refused(f, "site", json_string("x"), "$.site is not an id");
    refused(f, "then", json_string("fly"), "$.then is not known");
    refused(f, "kexec", json_string("yes"), "$.kexec");
    refused(f, "transport", json_pack("[s,s,s,s,s]", "a", "b", "c", "d", "e"),
            "more than 4");
    refused(f, "steps", json_pack("[{s:s}]", "action", "../x"),
            "$.steps[0].action is not a name");
    refused(f, "servers",
            json_pack("[{s:s, s:i, s:i}]", "address", "a", "tls_port", 0,
                      "http_port", 1),
            "$.servers[0].tls_port");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_there_and_back),
        TEST(test_what_an_engine_refuses),
        TEST(test_every_flipped_bit_is_found),
        TEST(test_strict),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
