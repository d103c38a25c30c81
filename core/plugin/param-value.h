/* SPDX-License-Identifier: Apache-2.0 */
/* One value of a declared parameter: from a profile's JSON, or a default. */
#ifndef CORE_PLUGIN_PARAM_VALUE_H
#define CORE_PLUGIN_PARAM_VALUE_H

#include "core/plugin/params.h"

struct param_value {
    bool present;
    bool has_number;
    uint64_t number; /* NUMBER, SIZE, BOOL */
    char *text;      /* as the profile wrote it */
    json_t *json;    /* the JSON value itself */
};

/* Both fail with the second half of a sentence ("must be ..."), so that the
 * caller can say which parameter it is about. */
int param_value_parse(const struct param *param, const json_t *json,
                      struct param_value *ret, struct err *err);
/* The declared default, which must exist. */
int param_value_default(const struct param *param, struct param_value *ret,
                        struct err *err);
/* Wipes and frees. */
void param_value_done(struct param_value *value);

#endif
