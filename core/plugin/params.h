/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Declared parameters: a plugin's table (read from its file or from the loaded
 * plugin, so that it also works for other machines' plugins), and the check of
 * a profile's `with` object against it.
 */
#ifndef CORE_PLUGIN_PARAMS_H
#define CORE_PLUGIN_PARAMS_H

#include <jansson.h>
#include <stdbool.h>

#include <slipway/params.h>

#include "core/util/err.h"

#define PARAMS_MAX 64         /* declared by one plugin */
#define PARAMS_TEXT_MAX 4096u /* bytes of a TEXT without its own maximum */
#define PARAMS_JSON_MAX 32768u /* bytes of a JSON without its own maximum */
#define PARAMS_NUMBER_MAX (UINT64_C(1) << 53) /* what JSON carries exactly */

struct param {
    uint32_t type;  /* SLIPWAY_PARAM_* */
    uint32_t flags; /* SLIPWAY_PARAM_REQUIRED or 0 */
    char *name;
    char *help;
    char *default_text; /* NULL = absent */
    char *choices;      /* NULL unless CHOICE */
    uint64_t min;
    uint64_t max; /* 0 = the type's own */
};

struct param_table {
    struct param *items; /* owned */
    size_t count;
};

void param_table_done(struct param_table *table);
/* Copies a loaded plugin's table, entry by entry with its stride, and checks
 * it.  `params` may be NULL when `count` is 0. */
int param_table_copy(const struct slipway_param *params, uint64_t count,
                     struct param_table *ret, struct err *err);
/* The rules of params.h: names, types, help, bounds, defaults that are valid
 * values, no default for a secret.  The sentence names the parameter. */
int param_table_check(const struct param_table *table, struct err *err);
/* "text", "number", ...; NULL for an unknown type. */
const char *param_type_word(uint32_t type);

/* The values of one step, one for each entry of the table. */
struct param_values;

/*
 * Checks `with` (an object; NULL = empty) against the table: exactly its keys,
 * right types, in range; fills in defaults.  A failure names the JSON path:
 * `path` is where `with` stands, "$.steps[1].with".
 */
int param_values_check(const struct param_table *table, const json_t *with,
                       const char *path, struct param_values **ret,
                       struct err *err);
void param_values_free(struct param_values *values);

/* Value `index`: its text as the profile wrote it (a DISK as compact JSON), or
 * the default; NULL when absent.  Borrowed. */
const char *param_values_text(const struct param_values *values, size_t index);
/* NUMBER, SIZE (bytes) and BOOL (0 or 1); ERR_INVALID when absent or of
 * another type. */
int param_values_number(const struct param_values *values, size_t index,
                        uint64_t *ret);
/* A DISK's selector object; NULL when absent.  Borrowed. */
const json_t *param_values_json(const struct param_values *values,
                                size_t index);
/* All values with defaults filled in, for a plan; the caller frees it.  NULL =
 * no memory. */
json_t *param_values_object(const struct param_values *values);

#endif
