/* SPDX-License-Identifier: Apache-2.0 */
/* A step's `with` object against a table of parameters: see params.h. */
#include <string.h>

#include "core/plugin/param-value.h"

struct param_values {
    size_t count;
    char **names;
    struct param_value *items;
};

void param_values_free(struct param_values *values)
{
    if (!values)
        return;
    for (size_t i = 0; i < values->count; i++) {
        param_value_done(&values->items[i]);
        free(values->names[i]);
    }
    free(values->names);
    free(values->items);
    free(values);
}

DEFINE_AUTO(param_values, struct param_values, param_values_free)

static struct param_values *values_new(const struct param_table *table)
{
    struct param_values *values = calloc(1, sizeof(*values));
    if (!values)
        return NULL;
    values->names = calloc(table->count + 1, sizeof(*values->names));
    values->items = calloc(table->count + 1, sizeof(*values->items));
    bool ok = values->names && values->items;
    for (size_t i = 0; ok && i < table->count; i++) {
        values->count = i + 1;
        values->names[i] = strdup(table->items[i].name);
        ok = values->names[i] != NULL;
    }
    if (!ok) {
        param_values_free(values);
        return NULL;
    }
    return values;
}

/* Refuses keys that the plugin did not declare. */
static int check_keys(const struct param_table *table, const json_t *with,
                      const char *path, struct err *err)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)with, key, value)
    {
        size_t i = 0;
        while (i < table->count && strcmp(table->items[i].name, key))
            i++;
        if (i == table->count)
            return err_set(err, ERR_INVALID,
                           "%s.%.64s: there is no such parameter", path, key);
    }
    return 0;
}

static int fill_value(const struct param *param, const json_t *given,
                      const char *path, struct param_value *ret,
                      struct err *err)
{
    struct err why = ERR_INIT;
    int code = 0;
    if (given)
        code = param_value_parse(param, given, ret, &why);
    else if (param->default_text)
        code = param_value_default(param, ret, &why);
    else if (param->flags & SLIPWAY_PARAM_REQUIRED)
        code = err_set(&why, ERR_INVALID, "must be given: %s", param->help);
    if (code)
        return err_set(err, code, "%s.%s %s", path, param->name, why.text);
    return 0;
}

int param_values_check(const struct param_table *table, const json_t *with,
                       const char *path, struct param_values **ret,
                       struct err *err)
{
    if (with && !json_is_object(with))
        return err_set(err, ERR_INVALID, "%s: must be an object", path);
    int code = with ? check_keys(table, with, path, err) : 0;
    if (code)
        return code;
    __attribute__((cleanup(auto_param_values))) struct param_values *values =
        values_new(table);
    if (!values)
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    for (size_t i = 0; i < table->count; i++) {
        const struct param *param = &table->items[i];
        code = fill_value(param, json_object_get(with, param->name), path,
                          &values->items[i], err);
        if (code)
            return code;
    }
    *ret = TAKE(values);
    return 0;
}

const char *param_values_text(const struct param_values *values, size_t index)
{
    return index < values->count ? values->items[index].text : NULL;
}

int param_values_number(const struct param_values *values, size_t index,
                        uint64_t *ret)
{
    if (index >= values->count || !values->items[index].has_number)
        return ERR_INVALID;
    *ret = values->items[index].number;
    return 0;
}

const json_t *param_values_json(const struct param_values *values, size_t index)
{
    if (index >= values->count || !json_is_object(values->items[index].json))
        return NULL;
    return values->items[index].json;
}

json_t *param_values_object(const struct param_values *values)
{
    json_t *object = json_object();
    for (size_t i = 0; object && i < values->count; i++) {
        if (!values->items[i].present)
            continue;
        if (json_object_set(object, values->names[i], values->items[i].json)) {
            json_decref(object);
            object = NULL;
        }
    }
    return object;
}
