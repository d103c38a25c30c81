/* SPDX-License-Identifier: Apache-2.0 */
/* The JSON Schema subset, loading and checking of schemas: see schema.h. */
#include "core/server/rest/schema-parts.h"

#include <stdio.h>
#include <string.h>

#include "core/util/json.h"
#include "core/util/macros.h"
#include "core/util/pattern.h"

#define MAX_FILE_BYTES (256 * 1024)
#define REF_PREFIX "#/$defs/"
#define NAME_BYTES 128

struct schemas *schemas_new(struct err *err)
{
    struct schemas *schemas = calloc(1, sizeof(*schemas));
    if (schemas)
        schemas->document = json_pack("{s:{}}", "$defs");
    if (!schemas || !schemas->document) {
        free(schemas);
        (void)err_set(err, ERR_NO_MEMORY, "no memory for schemas");
        return NULL;
    }
    schemas->definitions = json_object_get(schemas->document, "$defs");
    return schemas;
}

void schemas_free(struct schemas *schemas)
{
    if (!schemas)
        return;
    for (size_t i = 0; i < schemas->pattern_count; i++)
        pattern_free(schemas->patterns[i].pattern);
    json_decref(schemas->document);
    free(schemas);
}

void schemas_move_references(json_t *value, const char *from, const char *to)
{
    const char *key;
    json_t *member;
    void *next;
    size_t i;
    json_array_foreach (value, i, member)
        schemas_move_references(member, from, to);
    json_object_foreach_safe (value, next, key, member) {
        const char *text = json_string_value(member);
        if (strcmp(key, "$ref") == 0 && text &&
            strncmp(text, from, strlen(from)) == 0)
            (void)json_object_set_new(
                value, key, json_pack("s+", to, text + strlen(from)));
        else
            schemas_move_references(member, from, to);
    }
}

static int add(struct schemas *schemas, const char *file, const char *name,
               json_t *definition, struct err *err)
{
    if (json_object_get(schemas->definitions, name))
        return err_set(err, ERR_INVALID,
                       "schema file '%s': '%s' is defined twice", file, name);
    if (json_object_set(schemas->definitions, name, definition) < 0)
        return err_set(err, ERR_NO_MEMORY, "no memory for schemas");
    return 0;
}

/* A schema of its own becomes one of many, its definitions named after it. */
static int add_whole(struct schemas *schemas, const char *file, json_t *root,
                     const char *prefix, struct err *err)
{
    char name[NAME_BYTES];
    (void)snprintf(name, sizeof(name), REF_PREFIX "%s", prefix);
    schemas_move_references(root, REF_PREFIX, name);
    (void)json_object_del(root, "$defs");
    (void)json_object_del(root, "$schema");
    (void)snprintf(name, sizeof(name), "%.*s", (int)strlen(prefix) - 1, prefix);
    return add(schemas, file, name, root, err);
}

int schemas_add(struct schemas *schemas, const char *file, const char *text,
                struct err *err)
{
    AUTO_JSON *root = json_parse(text, strlen(text), MAX_FILE_BYTES, err);
    if (!root)
        return err_prefix(err, "schema file '%s': ", file);
    AUTO_JSON *definitions = json_incref(json_object_get(root, "$defs"));
    char prefix[NAME_BYTES / 2] = "";
    const char *name;
    json_t *definition;
    int code = 0;
    if (json_object_get(root, "type")) {
        (void)snprintf(prefix, sizeof(prefix), "%.*s-",
                       (int)strcspn(file, "."), file);
        code = add_whole(schemas, file, root, prefix, err);
    }
    json_object_foreach (definitions, name, definition) {
        char full[NAME_BYTES];
        (void)snprintf(full, sizeof(full), "%s%s", prefix, name);
        if (code == 0)
            code = add(schemas, file, full, definition, err);
    }
    return code;
}

const json_t *schemas_find(const struct schemas *schemas, const char *name)
{
    return json_object_get(schemas->definitions, name);
}

const json_t *schemas_document(const struct schemas *schemas)
{
    return schemas->document;
}

/* ---- is the schema itself in order? ---- */

const json_t *schemas_follow(const struct schemas *schemas, const json_t *ref)
{
    const char *text = json_string_value(ref);
    if (!text || strncmp(text, REF_PREFIX, strlen(REF_PREFIX)) != 0)
        return NULL;
    return schemas_find(schemas, text + strlen(REF_PREFIX));
}

static int check_schema(struct schemas *schemas, const char *where,
                        const json_t *schema, unsigned depth, struct err *err);

static int check_properties(struct schemas *schemas, const char *where,
                            const json_t *value, unsigned depth,
                            struct err *err)
{
    const char *name;
    json_t *schema;
    json_object_foreach ((json_t *)(uintptr_t)value, name, schema) {
        int code = check_schema(schemas, where, schema, depth, err);
        if (code != 0)
            return err_prefix(err, "'%s': ", name);
    }
    return 0;
}

static int check_alternatives(struct schemas *schemas, const char *where,
                              const json_t *value, unsigned depth,
                              struct err *err)
{
    size_t i;
    json_t *schema;
    json_array_foreach (value, i, schema) {
        int code = check_schema(schemas, where, schema, depth, err);
        if (code != 0)
            return code;
    }
    return 0;
}

static int check_pattern(struct schemas *schemas, const json_t *value,
                         struct err *err)
{
    if (!json_is_string(value) || schemas->pattern_count == SCHEMA_MAX_PATTERNS)
        return err_set(err, ERR_INVALID, "a pattern is no string, or there "
                       "are more than %d", SCHEMA_MAX_PATTERNS);
    struct pattern *pattern = pattern_new(json_string_value(value), err);
    if (!pattern)
        return ERR_INVALID;
    schemas->patterns[schemas->pattern_count++] =
        (struct schema_pattern){value, pattern};
    return 0;
}

static const char plain_keywords[] =
    " type enum const required minItems maxItems minLength maxLength minimum "
    "maximum minProperties maxProperties title description default examples "
    "$schema $id $comment ";

static bool is_plain(const char *keyword)
{
    char word[40];
    (void)snprintf(word, sizeof(word), " %s ", keyword);
    return strstr(plain_keywords, word) != NULL;
}

static int check_keyword(struct schemas *schemas, const char *where,
                         const char *keyword, const json_t *value,
                         unsigned depth, struct err *err)
{
    if (is_plain(keyword))
        return 0;
    if (strcmp(keyword, "properties") == 0 && json_is_object(value))
        return check_properties(schemas, where, value, depth, err);
    if (strcmp(keyword, "items") == 0 && json_is_object(value))
        return check_schema(schemas, where, value, depth, err);
    if (strcmp(keyword, "additionalProperties") == 0)
        return json_is_boolean(value)
                   ? 0
                   : check_schema(schemas, where, value, depth, err);
    if (strcmp(keyword, "oneOf") == 0 && json_is_array(value))
        return check_alternatives(schemas, where, value, depth, err);
    if (strcmp(keyword, "pattern") == 0)
        return check_pattern(schemas, value, err);
    if (strcmp(keyword, "$ref") == 0 && schemas_follow(schemas, value))
        return 0;
    return err_set(err, ERR_INVALID, "the schema '%s' has '%s', which this "
                   "validator does not know or which leads nowhere", where,
                   keyword);
}

static int check_schema(struct schemas *schemas, const char *where,
                        const json_t *schema, unsigned depth, struct err *err)
{
    if (!json_is_object(schema) || depth > SCHEMA_MAX_DEPTH)
        return err_set(err, ERR_INVALID, "the schema '%s' has something that "
                       "is no schema, or is too deep", where);
    const char *keyword;
    json_t *value;
    json_object_foreach ((json_t *)(uintptr_t)schema, keyword, value) {
        int code =
            check_keyword(schemas, where, keyword, value, depth + 1, err);
        if (code != 0)
            return code;
    }
    return 0;
}

int schemas_check(struct schemas *schemas, struct err *err)
{
    const char *name;
    json_t *schema;
    json_object_foreach (schemas->definitions, name, schema) {
        int code = check_schema(schemas, name, schema, 0, err);
        if (code != 0)
            return code;
    }
    return 0;
}
