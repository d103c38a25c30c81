/* SPDX-License-Identifier: Apache-2.0 */
/* Profiles: parsing, gates, variables, and the examples that we ship. */
#include "core/profile/profile.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/profile/expand.h"
#include "core/profile/match.h"
#include "core/util/json.h"

#define STEP "\"steps\": [{\"action\": \"inventory\"}]"

static struct profile *good(const char *text)
{
    struct err err = ERR_INIT;
    struct profile *profile = NULL;
    if (profile_parse_text(text, strlen(text), "p.json", &profile, &err))
        fail_msg("%s", err.text);
    return profile;
}

static void refused(const char *text, const char *sentence)
{
    struct err err = ERR_INIT;
    struct profile *profile = NULL;
    assert_int_not_equal(
        profile_parse_text(text, strlen(text), "p.json", &profile, &err), 0);
    assert_null(profile);
    if (strncmp(err.text, "p.json: ", 8) != 0 || !strstr(err.text, sentence))
        fail_msg("'%s' does not say '%s'", err.text, sentence);
}

static void test_defaults(void **state)
{
    (void)state;
    AUTO_PROFILE *p = good("{\"name\": \"a\", " STEP "}");
    assert_string_equal(p->transport[0], "unicast");
    assert_string_equal(p->then, "boot-disk");
    assert_int_equal(p->step_count, 1);
    assert_int_equal(json_object_size(p->steps[0].with), 0);
}

static void test_errors_name_file_and_path(void **state)
{
    (void)state;
    refused("{", "line 1");
    refused("[]", "$ must be an object");
    refused("{\"name\": \"a\", \"name\": \"b\", " STEP "}", "duplicate");
    refused("{\"name\": \"a\"}", "$.steps is missing");
    refused("{\"name\": \"A\", " STEP "}", "$.name must be a name");
    refused("{\"name\": \"a\", \"hosts\": [], " STEP "}",
            "$.hosts is not known here");
    refused("{\"name\": \"a\", \"steps\": []}", "$.steps must have 1 to 32");
    refused("{\"name\": \"a\", \"steps\": [{\"action\": \"x\", \"wiht\": {}}]}",
            "$.steps[0].wiht is not known here");
    refused("{\"name\": \"a\", \"steps\": [{\"action\": \"../x\"}]}",
            "$.steps[0].action must be a name");
    refused("{\"name\": \"a\", \"match\": {\"product\": \"a(\"}, " STEP "}",
            "$.match.product cannot be used");
    refused("{\"name\": \"a\", \"match\": {\"arch\": []}, " STEP "}",
            "$.match.arch must be a list");
    refused("{\"name\": \"a\", \"transport\": [\"u\", \"u\"], " STEP "}",
            "$.transport names 'u' twice");
    refused("{\"name\": \"a\", \"kexec\": 1, " STEP "}", "$.kexec");
    refused("{\"name\": \"a\", \"then\": \"kexec\", \"kexec\": true, " STEP "}",
            "$.kexec only says how 'boot-disk' may be done");
    refused("{\"name\": \"a\", \"then\": \"fly\", " STEP "}",
            "$.then cannot be used: 'fly' is not one of");
}

static void test_then(void **state)
{
    static const char *const words[] = {"boot-disk", "firmware", "kexec",
                                        "reboot",    "poweroff", "stay"};
    char text[200];
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(words); i++) {
        snprintf(text, sizeof(text), "{\"name\": \"a\", \"then\": \"%s\", %s}",
                 words[i], STEP);
        AUTO_PROFILE *p = good(text);
        assert_string_equal(p->then, words[i]);
        assert_false(p->kexec);
    }
    AUTO_PROFILE *p = good("{\"name\": \"a\", \"kexec\": true, " STEP "}");
    assert_string_equal(p->then, "boot-disk");
    assert_true(p->kexec);
}

static void test_gates(void **state)
{
    (void)state;
    struct err err = ERR_INIT;
    AUTO_PROFILE *p = good(
        "{\"name\": \"a\", \"match\": {\"arch\": \"x86-uefi\", \"product\": "
        "\"^PowerEdge R6[45]0$\", \"labels\": {\"room\": \"12\"}}, " STEP "}");
    AUTO_JSON *labels = json_pack("{s:s}", "room", "12");
    struct match_facts facts = {"lab-01", "x86-uefi", "Dell", "PowerEdge R640",
                                labels};
    assert_int_equal(match_check(p, &facts, true, &err), 0);
    facts.product = "PowerEdge R740";
    assert_int_equal(match_check(p, &facts, false, &err), ERR_NOT_APPLICABLE);
    assert_non_null(strstr(err.text, "'PowerEdge R740'"));
    facts.product = "";
    assert_int_equal(match_check(p, &facts, false, &err), 0);
    assert_int_equal(match_check(p, &facts, true, &err), ERR_NOT_APPLICABLE);
    facts.product = "PowerEdge R650";
    facts.arch = "x86-bios";
    assert_int_equal(match_check(p, &facts, false, &err), ERR_NOT_APPLICABLE);
    facts.arch = "x86-uefi";
    facts.labels = NULL;
    assert_int_equal(match_check(p, &facts, false, &err), ERR_NOT_APPLICABLE);
    assert_non_null(strstr(err.text, "no such label"));
}

static void test_a_pattern_that_explodes_is_no_match(void **state)
{
    (void)state;
    struct err err = ERR_INIT;
    AUTO_PROFILE *p = good(
        "{\"name\": \"a\", \"match\": {\"product\": \"^(a+)+$\"}, " STEP "}");
    struct match_facts facts = {
        "lab-01", "", "", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab", NULL};
    assert_int_equal(match_check(p, &facts, true, &err), ERR_NOT_APPLICABLE);
}

static void test_variables(void **state)
{
    (void)state;
    struct err err = ERR_INIT;
    AUTO_JSON *labels = json_pack("{s:s}", "room", "12");
    struct expand_host host = {"0123", "lab-01", "", "", "x86-uefi", "", labels};
    char *text = NULL;
    assert_int_equal(expand_text("{{host.name}}.{{ host.labels.room }}x", &host,
                                 &text, &err),
                     0);
    assert_string_equal(text, "lab-01.12x");
    free(text);
    assert_int_equal(expand_text("{{host.owner}}", &host, &text, &err),
                     ERR_INVALID);
    assert_non_null(strstr(err.text, "unknown variable"));
    assert_int_equal(expand_text("{{host.labels.row}}", &host, &text, &err),
                     ERR_INVALID);
    assert_non_null(strstr(err.text, "no label 'row'"));
    assert_int_equal(expand_text("{{host.uuid}}", &host, &text, &err),
                     ERR_INVALID);
    assert_int_equal(expand_text("{{host.name", &host, &text, &err),
                     ERR_INVALID);

    AUTO_PROFILE *p =
        good("{\"name\": \"a\", \"steps\": [{\"action\": \"x\", \"with\": "
             "{\"a\": {\"b\": [1, \"{{host.name}}\"]}}}]}");
    AUTO_PROFILE *q = NULL;
    assert_int_equal(expand_profile(p, &host, &q, &err), 0);
    AUTO_FREE char *with = json_text(q->steps[0].with);
    assert_string_equal(with, "{\"a\":{\"b\":[1,\"lab-01\"]}}");

    AUTO_PROFILE *bad =
        good("{\"name\": \"a\", \"steps\": [{\"action\": \"x\", \"with\": "
             "{\"a\": {\"b\": [1, \"{{host.nam}}\"]}}}]}");
    AUTO_PROFILE *none = NULL;
    assert_int_equal(expand_profile(bad, &host, &none, &err), ERR_INVALID);
    assert_non_null(strstr(err.text, "$.steps[0].with.a.b[1]"));
}

static void test_examples_are_profiles(void **state)
{
    (void)state;
    static const char *const names[] = {"inventory", "debian-server", "lab-pc"};
    for (size_t i = 0; i < ARRAY_LENGTH(names); i++) {
        struct err err = ERR_INIT;
        AUTO_PROFILE *p = NULL;
        char path[512];
        const char *top = getenv("top_srcdir");
        snprintf(path, sizeof(path), "%s/profiles/%s.json", top ? top : ".",
                 names[i]);
        AUTO_JSON *json = json_read_file(path, PROFILE_MAX_BYTES, &err);
        if (!json || profile_parse(json, path, &p, &err))
            fail_msg("%s", err.text);
        assert_string_equal(p->name, names[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_errors_name_file_and_path),
        cmocka_unit_test(test_then),
        cmocka_unit_test(test_gates),
        cmocka_unit_test(test_a_pattern_that_explodes_is_no_match),
        cmocka_unit_test(test_variables),
        cmocka_unit_test(test_examples_are_profiles),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
