/* SPDX-License-Identifier: Apache-2.0 */
/* Tables of declared parameters and their rules: see params.h. */
#include "core/plugin/params.h"

#include <stdio.h>
#include <string.h>

#include "core/plugin/param-value.h"

static const char *const type_words[] = {
    NULL,     "text",  "number", "bool", "size",
    "choice", "image", "blob",   "disk", "secret", "json",
};

const char *param_type_word(uint32_t type)
{
    return type < ARRAY_LENGTH(type_words) ? type_words[type] : NULL;
}

void param_table_done(struct param_table *table)
{
    for (size_t i = 0; i < table->count; i++) {
        struct param *param = &table->items[i];
        free(param->name);
        free(param->help);
        free(param->default_text);
        free(param->choices);
    }
    free(table->items);
    *table = (struct param_table){NULL, 0};
}

/* A copy of an optional text; false when memory ran out. */
static bool copy_text(const char *text, char **ret)
{
    *ret = text ? strdup(text) : NULL;
    return *ret || !text;
}

static bool copy_param(const struct slipway_param *from, struct param *to)
{
    to->type = from->type;
    to->flags = from->flags;
    to->min = from->min;
    to->max = from->max;
    return copy_text(from->name, &to->name) &&
           copy_text(from->help, &to->help) &&
           copy_text(from->default_text, &to->default_text) &&
           copy_text(from->choices, &to->choices);
}

int param_table_copy(const struct slipway_param *params, uint64_t count,
                     struct param_table *ret, struct err *err)
{
    struct param_table table = {NULL, 0};
    if (count > PARAMS_MAX || (count && !params))
        return err_set(err, ERR_INVALID,
                       "its parameter table must have 0 to %d entries",
                       PARAMS_MAX);
    table.items = calloc(count ? count : 1, sizeof(*table.items));
    if (!table.items)
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    const uint8_t *at = (const uint8_t *)params;
    int code = 0;
    for (uint64_t i = 0; !code && i < count; i++) {
        uint64_t stride;
        memcpy(&stride, at, sizeof(stride));
        struct slipway_param one = {0};
        if (stride < sizeof(uint64_t) || stride % 8 || stride > 4096) {
            code = err_set(err, ERR_INVALID,
                           "parameter %u states a size of %llu bytes",
                           (unsigned)i, (unsigned long long)stride);
            break;
        }
        memcpy(&one, at, MIN(stride, sizeof(one)));
        at += stride;
        table.count++;
        if (!copy_param(&one, &table.items[i]))
            code = err_set(err, ERR_NO_MEMORY, "out of memory");
    }
    if (!code)
        code = param_table_check(&table, err);
    if (code)
        param_table_done(&table);
    else
        *ret = table;
    return code;
}

static bool param_name_ok(const char *name)
{
    size_t length = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_");
    return name[0] >= 'a' && name[0] <= 'z' && !name[length] && length <= 32;
}

/* Words separated by one space each. */
static bool choices_ok(const char *choices)
{
    size_t length = strlen(choices);
    return length && choices[0] != ' ' && choices[length - 1] != ' ' &&
           !strstr(choices, "  ");
}

/* The members that depend on the type. */
static int check_type(const struct param *param, struct err *err)
{
    bool bounded = param->type == SLIPWAY_PARAM_TEXT ||
                   param->type == SLIPWAY_PARAM_NUMBER ||
                   param->type == SLIPWAY_PARAM_SIZE ||
                   param->type == SLIPWAY_PARAM_SECRET ||
                   param->type == SLIPWAY_PARAM_JSON;
    if (!param_type_word(param->type))
        return err_set(err, ERR_INVALID, "has the unknown type %u",
                       (unsigned)param->type);
    if (param->flags & ~(uint32_t)SLIPWAY_PARAM_REQUIRED)
        return err_set(err, ERR_INVALID, "sets unknown flags (0x%x)",
                       (unsigned)param->flags);
    if (param->type == SLIPWAY_PARAM_CHOICE &&
        !(param->choices && choices_ok(param->choices)))
        return err_set(err, ERR_INVALID,
                       "is a choice but does not list its words, separated "
                       "by one space");
    if (param->type != SLIPWAY_PARAM_CHOICE && param->choices)
        return err_set(err, ERR_INVALID, "lists choices but is no choice");
    if (!bounded && (param->min || param->max))
        return err_set(err, ERR_INVALID,
                       "has bounds, which its type does not know");
    if (param->max && param->min > param->max)
        return err_set(err, ERR_INVALID, "has a minimum above its maximum");
    return 0;
}

static int check_default(const struct param *param, struct err *err)
{
    if (!param->default_text)
        return 0;
    if (param->flags & SLIPWAY_PARAM_REQUIRED)
        return err_set(err, ERR_INVALID,
                       "is required and has a default all the same");
    if (param->type == SLIPWAY_PARAM_SECRET)
        return err_set(err, ERR_INVALID,
                       "is a secret and must not have a default");
    struct param_value value = {0};
    struct err why = ERR_INIT;
    int code = param_value_default(param, &value, &why);
    param_value_done(&value);
    if (code)
        return err_set(err, code, "has a default that %s", why.text);
    return 0;
}

static int check_param(const struct param_table *table, size_t index,
                       struct err *err)
{
    const struct param *param = &table->items[index];
    for (size_t i = 0; i < index; i++)
        if (!strcmp(table->items[i].name, param->name))
            return err_set(err, ERR_INVALID, "is declared twice");
    if (!param->help || !param->help[0])
        return err_set(err, ERR_INVALID, "has no help text");
    int code = check_type(param, err);
    return code ? code : check_default(param, err);
}

int param_table_check(const struct param_table *table, struct err *err)
{
    for (size_t i = 0; i < table->count; i++) {
        const char *name = table->items[i].name;
        if (!name || !param_name_ok(name))
            return err_set(err, ERR_INVALID,
                           "parameter %zu has no name of the form "
                           "[a-z][a-z0-9_]{0,31}",
                           i);
        struct err why = ERR_INIT;
        int code = check_param(table, i, &why);
        if (code)
            return err_set(err, code, "parameter '%s' %s", name, why.text);
    }
    return 0;
}
