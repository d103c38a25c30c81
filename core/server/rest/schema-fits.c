/* SPDX-License-Identifier: Apache-2.0 */
/* The JSON Schema subset: does a value fit? */
#include "core/server/rest/schema-parts.h"

#include <stdio.h>
#include <string.h>

#include "core/util/json.h"
#include "core/util/macros.h"

/* Where a check stands: the JSON path in the value, and how deep. */
struct place {
    const struct schemas *schemas;
    char path[JSON_PATH_BYTES];
    unsigned depth;
    struct err *err;
};

static int fits(struct place *place, const json_t *schema,
                const json_t *value);

static int bad(struct place *place, const char *what, const char *more)
{
    return err_set(place->err, ERR_INVALID, "%s: %s%s",
                   place->path[0] ? place->path : "$", what, more);
}

static const char *type_of(const json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        return "object";
    case JSON_ARRAY:
        return "array";
    case JSON_STRING:
        return "string";
    case JSON_INTEGER:
        return "integer";
    case JSON_REAL:
        return "number";
    case JSON_TRUE:
    case JSON_FALSE:
        return "boolean";
    default:
        return "null";
    }
}

static bool is_of_type(const json_t *value, const char *type)
{
    return strcmp(type_of(value), type) == 0 ||
           (json_is_integer(value) && strcmp(type, "number") == 0);
}

static int fits_type(struct place *place, const json_t *type,
                     const json_t *value)
{
    size_t i;
    json_t *one;
    if (json_is_string(type)) {
        if (is_of_type(value, json_string_value(type)))
            return 0;
        return bad(place, "must be of type ", json_string_value(type));
    }
    json_array_foreach (type, i, one)
        if (is_of_type(value, json_string_value(one)))
            return 0;
    return bad(place, "has the wrong type, ", type_of(value));
}

static int fits_enum(struct place *place, const json_t *list,
                     const json_t *value)
{
    size_t i;
    json_t *one;
    json_array_foreach (list, i, one)
        if (json_equal(one, value))
            return 0;
    AUTO_FREE char *text = json_dumps(list, JSON_COMPACT);
    return bad(place, "must be one of ", text ? text : "a list");
}

static int fits_required(struct place *place, const json_t *names,
                         const json_t *value)
{
    size_t i;
    json_t *name;
    if (!json_is_object(value))
        return 0;
    json_array_foreach (names, i, name)
        if (!json_object_get(value, json_string_value(name)))
            return bad(place, "lacks the key ", json_string_value(name));
    return 0;
}

/* A count or a number against its bound; `lower` tells which side. */
static int fits_bound(struct place *place, const json_t *bound, double have,
                      bool lower, const char *what)
{
    double limit = json_number_value(bound);
    if (lower ? have >= limit : have <= limit)
        return 0;
    char text[80];
    (void)snprintf(text, sizeof(text), "must %s at %s %.15g%s",
                   what[0] ? "have" : "be", lower ? "least" : "most", limit,
                   what);
    return bad(place, text, "");
}

static int enter(const struct place *from, struct place *to, const char *name,
                 size_t index)
{
    *to = *from;
    const char *base = from->path[0] ? from->path : "$";
    if (name)
        (void)snprintf(to->path, sizeof(to->path), "%.100s.%.50s", base, name);
    else
        (void)snprintf(to->path, sizeof(to->path), "%.120s[%zu]", base, index);
    return 0;
}

static int fits_members(struct place *place, const json_t *schema,
                        const json_t *value)
{
    const json_t *properties = json_object_get(schema, "properties");
    const json_t *others = json_object_get(schema, "additionalProperties");
    const char *name;
    json_t *member;
    json_object_foreach ((json_t *)(uintptr_t)value, name, member) {
        struct place inner;
        (void)enter(place, &inner, name, 0);
        const json_t *rule = json_object_get(properties, name);
        if (!rule && json_is_false(others))
            return bad(place, "has the unknown key ", name);
        if (!rule)
            rule = json_is_object(others) ? others : NULL;
        int code = rule ? fits(&inner, rule, member) : 0;
        if (code != 0)
            return code;
    }
    return 0;
}

static int fits_items(struct place *place, const json_t *rule,
                      const json_t *value)
{
    size_t i;
    json_t *item;
    json_array_foreach (value, i, item) {
        struct place inner;
        (void)enter(place, &inner, NULL, i);
        int code = fits(&inner, rule, item);
        if (code != 0)
            return code;
    }
    return 0;
}

static int fits_pattern(struct place *place, const json_t *text,
                        const json_t *value)
{
    const struct schemas *schemas = place->schemas;
    for (size_t i = 0; i < schemas->pattern_count; i++) {
        if (schemas->patterns[i].text != text)
            continue;
        if (pattern_matches(schemas->patterns[i].pattern,
                            json_string_value(value)))
            return 0;
        break;
    }
    return bad(place, "does not match the pattern ", json_string_value(text));
}

static int fits_one_of(struct place *place, const json_t *list,
                       const json_t *value)
{
    size_t i;
    unsigned fitting = 0;
    json_t *schema;
    struct err first = ERR_INIT;
    json_array_foreach (list, i, schema) {
        struct err why = ERR_INIT;
        struct place inner = *place;
        inner.err = &why;
        if (fits(&inner, schema, value) == 0)
            fitting++;
        else if (!first.code)
            first = why;
    }
    if (fitting == 1)
        return 0;
    if (fitting > 1)
        return bad(place, "fits more than one of the allowed forms", "");
    return err_set(place->err, ERR_INVALID, "%s", first.text);
}

struct bound {
    const char *keyword;
    bool lower;
    const char *what; /* "" = the number itself */
};

static int fits_bounds(struct place *place, const json_t *schema,
                       const struct bound *bounds, size_t count, double have)
{
    for (size_t i = 0; i < count; i++) {
        const json_t *bound = json_object_get(schema, bounds[i].keyword);
        int code = bound ? fits_bound(place, bound, have, bounds[i].lower,
                                      bounds[i].what)
                         : 0;
        if (code != 0)
            return code;
    }
    return 0;
}

/* Code points: continuation bytes of UTF-8 count nothing. */
static size_t count_characters(const json_t *string)
{
    const char *text = json_string_value(string);
    size_t count = 0;
    for (size_t i = 0; i < json_string_length(string); i++)
        count += ((unsigned char)text[i] & 0xc0) != 0x80;
    return count;
}

static int fits_size(struct place *place, const json_t *schema,
                     const json_t *value)
{
    static const struct bound text[] = {{"minLength", true, " characters"},
                                        {"maxLength", false, " characters"}};
    static const struct bound array[] = {{"minItems", true, " items"},
                                         {"maxItems", false, " items"}};
    static const struct bound object[] = {{"minProperties", true, " keys"},
                                          {"maxProperties", false, " keys"}};
    static const struct bound number[] = {{"minimum", true, ""},
                                          {"maximum", false, ""}};
    if (json_is_string(value))
        return fits_bounds(place, schema, text, 2,
                           (double)count_characters(value));
    if (json_is_array(value))
        return fits_bounds(place, schema, array, 2,
                           (double)json_array_size(value));
    if (json_is_object(value))
        return fits_bounds(place, schema, object, 2,
                           (double)json_object_size(value));
    if (json_is_number(value))
        return fits_bounds(place, schema, number, 2, json_number_value(value));
    return 0;
}

static int fits_content(struct place *place, const json_t *schema,
                        const json_t *value)
{
    const json_t *items = json_object_get(schema, "items");
    const json_t *pattern = json_object_get(schema, "pattern");
    if (json_is_object(value))
        return fits_members(place, schema, value);
    if (json_is_array(value) && items)
        return fits_items(place, items, value);
    if (json_is_string(value) && pattern)
        return fits_pattern(place, pattern, value);
    return 0;
}

static int fits(struct place *place, const json_t *schema, const json_t *value)
{
    const json_t *rule;
    int code = 0;
    if (++place->depth > SCHEMA_MAX_DEPTH)
        return bad(place, "is nested too deeply", "");
    if ((rule = json_object_get(schema, "$ref")))
        code = fits(place, schemas_follow(place->schemas, rule), value);
    if (code == 0 && (rule = json_object_get(schema, "type")))
        code = fits_type(place, rule, value);
    if (code == 0 && (rule = json_object_get(schema, "enum")))
        code = fits_enum(place, rule, value);
    if (code == 0 && (rule = json_object_get(schema, "const")) &&
        !json_equal(rule, value))
        code = bad(place, "is not the one allowed value", "");
    if (code == 0 && (rule = json_object_get(schema, "required")))
        code = fits_required(place, rule, value);
    if (code == 0)
        code = fits_size(place, schema, value);
    if (code == 0)
        code = fits_content(place, schema, value);
    if (code == 0 && (rule = json_object_get(schema, "oneOf")))
        code = fits_one_of(place, rule, value);
    place->depth--;
    return code;
}

int schemas_validate(const struct schemas *schemas, const char *name,
                     const json_t *value, struct err *err)
{
    const json_t *schema = schemas_find(schemas, name);
    struct place place = {.schemas = schemas, .err = err};
    if (!schema)
        return err_set(err, ERR_INTERNAL, "there is no schema '%s'", name);
    return fits(&place, schema, value);
}
