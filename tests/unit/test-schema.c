/* SPDX-License-Identifier: Apache-2.0 */
/* The JSON Schema subset: what fits, what does not, and unknown keywords. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/server/rest/schema.h"
#include "core/util/macros.h"

struct sample {
    const char *schema;
    const char *value;
    bool fits;
};

static const struct sample samples[] = {
    {"{\"type\":\"string\"}", "\"a\"", true},
    {"{\"type\":\"string\"}", "1", false},
    {"{\"type\":\"number\"}", "1", true},
    {"{\"type\":\"integer\"}", "1.5", false},
    {"{\"type\":[\"string\",\"null\"]}", "null", true},
    {"{\"type\":[\"string\",\"null\"]}", "[]", false},
    {"{\"enum\":[\"a\",2]}", "2", true},
    {"{\"enum\":[\"a\",2]}", "\"b\"", false},
    {"{\"const\":{\"x\":1}}", "{\"x\":1}", true},
    {"{\"const\":{\"x\":1}}", "{\"x\":2}", false},
    {"{\"required\":[\"x\"]}", "{\"x\":null}", true},
    {"{\"required\":[\"x\"]}", "{}", false},
    {"{\"required\":[\"x\"]}", "3", true},
    {"{\"properties\":{\"x\":{\"type\":\"string\"}}}", "{\"x\":1}", false},
    {"{\"properties\":{\"x\":{}},\"additionalProperties\":false}",
     "{\"x\":1,\"y\":2}", false},
    {"{\"additionalProperties\":{\"type\":\"string\"}}", "{\"y\":2}", false},
    {"{\"additionalProperties\":{\"type\":\"string\"}}", "{\"y\":\"2\"}", true},
    {"{\"items\":{\"minimum\":3}}", "[3,4]", true},
    {"{\"items\":{\"minimum\":3}}", "[3,2]", false},
    {"{\"minItems\":1,\"maxItems\":2}", "[]", false},
    {"{\"minItems\":1,\"maxItems\":2}", "[1,2,3]", false},
    {"{\"minLength\":2,\"maxLength\":3}", "\"a\"", false},
    {"{\"minLength\":2,\"maxLength\":3}", "\"abc\"", true},
    {"{\"maxLength\":3}", "\"\u00e4\u00f6\u00fc\"", true}, /* not bytes */
    {"{\"minProperties\":1}", "{}", false},
    {"{\"maximum\":9}", "10", false},
    {"{\"pattern\":\"^[a-z]+$\"}", "\"abc\"", true},
    {"{\"pattern\":\"^[a-z]+$\"}", "\"a1\"", false},
    {"{\"pattern\":\"^[a-z]+$\"}", "7", true},
    {"{\"oneOf\":[{\"type\":\"string\"},{\"type\":\"integer\"}]}", "1", true},
    {"{\"oneOf\":[{\"type\":\"string\"},{\"type\":\"integer\"}]}", "[]", false},
    {"{\"oneOf\":[{\"minimum\":1},{\"minimum\":2}]}", "3", false},
    {"{\"$ref\":\"#/$defs/other\"}", "true", true},
    {"{\"$ref\":\"#/$defs/other\"}", "1", false},
    {"{\"$ref\":\"#/$defs/loop\"}", "1", false}, /* and does not hang */
};

static struct schemas *load(const char *schema, struct err *err)
{
    char text[1024];
    struct schemas *schemas = schemas_new(err);
    (void)snprintf(text, sizeof(text),
                   "{\"$defs\":{\"it\":%s,\"other\":{\"type\":\"boolean\"},"
                   "\"loop\":{\"$ref\":\"#/$defs/loop\"}}}",
                   schema);
    if (schemas_add(schemas, "test", text, err) == 0 &&
        schemas_check(schemas, err) == 0)
        return schemas;
    schemas_free(schemas);
    return NULL;
}

static void test_samples(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(samples); i++) {
        const struct sample *sample = &samples[i];
        struct err err = ERR_INIT;
        struct schemas *schemas = load(sample->schema, &err);
        if (!schemas)
            fail_msg("%s: %s", sample->schema, err.text);
        json_t *value = json_loads(sample->value, JSON_DECODE_ANY, NULL);
        int code = schemas_validate(schemas, "it", value, &err);
        if ((code == 0) != sample->fits)
            fail_msg("%s with %s: %s", sample->schema, sample->value,
                     code ? err.text : "fits");
        json_decref(value);
        schemas_free(schemas);
    }
}

/* A schema of its own: NAME.json is NAME, and what it defines NAME-... */
static void test_whole_schemas(void **state)
{
    static const char text[] =
        "{\"$schema\":\"x\",\"type\":\"object\",\"properties\":"
        "{\"a\":{\"$ref\":\"#/$defs/part\"}},"
        "\"$defs\":{\"part\":{\"pattern\":\"^\\\\d$\"}}}";
    struct err err = ERR_INIT;
    struct schemas *schemas = schemas_new(&err);
    (void)state;
    assert_int_equal(schemas_add(schemas, "whole.json", text, &err), 0);
    assert_int_equal(schemas_check(schemas, &err), 0);
    assert_non_null(schemas_find(schemas, "whole-part"));
    assert_null(schemas_find(schemas, "part"));
    json_t *value = json_pack("{s:s}", "a", "7");
    assert_int_equal(schemas_validate(schemas, "whole", value, &err), 0);
    (void)json_object_set_new(value, "a", json_string("x"));
    assert_int_equal(schemas_validate(schemas, "whole", value, &err),
                     ERR_INVALID);
    json_decref(value);
    assert_int_equal(schemas_add(schemas, "whole.json", text, &err),
                     ERR_INVALID);
    assert_non_null(strstr(err.text, "defined twice"));
    schemas_free(schemas);
}

static void test_paths_are_named(void **state)
{
    struct err err = ERR_INIT;
    struct schemas *schemas =
        load("{\"properties\":{\"a\":{\"items\":{\"type\":\"string\"}}}}",
             &err);
    json_t *value = json_loads("{\"a\":[\"x\",{}]}", 0, NULL);
    (void)state;
    assert_non_null(schemas);
    assert_int_equal(schemas_validate(schemas, "it", value, &err),
                     ERR_INVALID);
    assert_non_null(strstr(err.text, "$.a[1]"));
    json_decref(value);
    schemas_free(schemas);
}

static void test_bad_schemas(void **state)
{
    static const char *const bad[] = {
        "{\"if\":{}}",
        "{\"properties\":{\"x\":{\"format\":\"uri\"}}}",
        "{\"$ref\":\"#/$defs/nowhere\"}",
        "{\"$ref\":\"http://example.org/\"}",
        "{\"pattern\":\"(\"}",
        "{\"items\":[]}",
        "{\"oneOf\":{}}",
        "7",
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(bad); i++) {
        struct err err = ERR_INIT;
        struct schemas *schemas = load(bad[i], &err);
        if (schemas)
            fail_msg("%s was accepted", bad[i]);
        assert_string_not_equal(err.text, "");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_samples),
        cmocka_unit_test(test_whole_schemas),
        cmocka_unit_test(test_paths_are_named),
        cmocka_unit_test(test_bad_schemas),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
