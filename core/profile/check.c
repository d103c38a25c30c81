/* SPDX-License-Identifier: Apache-2.0 */
#include "core/profile/check.h"

#include <stdio.h>
#include <string.h>

#include "core/profile/expand.h"
#include "core/util/json.h"

/* Values that wait for a host: replaced by what fits any parameter is not
 * possible, so steps with variables are checked for their keys only. */
static bool has_variable(const json_t *json)
{
    size_t i;
    const char *key;
    json_t *value;
    if (json_is_string(json))
        return expand_needed(json_string_value(json));
    if (json_is_array(json)) {
        json_array_foreach(json, i, value) if (has_variable(value)) return true;
    } else if (json_is_object(json)) {
        json_object_foreach((json_t *)json, key,
                            value) if (has_variable(value)) return true;
    }
    return false;
}

static const struct param *find_param(const struct param_table *table,
                                      const char *name)
{
    for (size_t i = 0; i < table->count; i++)
        if (strcmp(table->items[i].name, name) == 0)
            return &table->items[i];
    return NULL;
}

/* A template whose variables would become text of unknown form: its keys must
 * be declared and every required one given. */
static int check_keys(const struct param_table *table, const json_t *with,
                      const char *path, struct err *err)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)with, key, value)
    {
        if (!find_param(table, key))
            return err_set(err, ERR_INVALID, "%s.%.40s is not known here", path,
                           key);
    }
    for (size_t i = 0; i < table->count; i++)
        if ((table->items[i].flags & SLIPWAY_PARAM_REQUIRED) &&
            !json_object_get(with, table->items[i].name))
            return err_set(err, ERR_INVALID, "%s.%s is missing", path,
                           table->items[i].name);
    return 0;
}

static int check_step(const struct profile *profile, size_t i,
                      const struct profile_world *world, struct err *err)
{
    const struct profile_step *step = &profile->steps[i];
    const struct param_table *table = NULL;
    uint64_t timeout_ms = 0;
    char path[48];
    int code =
        world->action(world->arg, step->action, &table, &timeout_ms, err);
    if (code) {
        (void)err_prefix(err, "$.steps[%zu].action: ", i);
        return ERR_INVALID;
    }
    snprintf(path, sizeof(path), "$.steps[%zu].with", i);
    if (has_variable(step->with))
        return check_keys(table, step->with, path, err);
    struct param_values *values = NULL;
    code = param_values_check(table, step->with, path, &values, err);
    param_values_free(values);
    return code;
}

int profile_check(const struct profile *profile,
                  const struct profile_world *world, struct err *err)
{
    for (size_t i = 0; i < profile->transport_count; i++)
        if (!world->transport_known(world->arg, profile->transport[i]))
            return err_set(err, ERR_INVALID,
                           "profile '%s': $.transport[%zu]: transport '%s' is "
                           "not enabled; 'slipway plugin list' shows what is",
                           profile->name, i, profile->transport[i]);
    for (size_t i = 0; i < profile->step_count; i++) {
        int code = check_step(profile, i, world, err);
        if (code) {
            (void)err_prefix(err, "profile '%s': ", profile->name);
            return code;
        }
    }
    return 0;
}
