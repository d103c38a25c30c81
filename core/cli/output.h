/* SPDX-License-Identifier: Apache-2.0 */
/* What verbs print: aligned tables, objects, JSON. */
#ifndef CORE_CLI_OUTPUT_H
#define CORE_CLI_OUTPUT_H

#include "core/cli/cli.h"

/* One value as a column shows it; "-" when it is absent.  `out` has `size`
 * bytes; control characters of the server's texts become '?'. */
void output_value(const json_t *value, enum column_kind kind, char *out,
                  size_t size);
/* A table of objects with a line of titles. */
void output_table(const json_t *items, const struct column *columns);
/* One object: a line for each column, then nothing. */
void output_object(const json_t *object, const struct column *columns);
/* Indented, sorted, a line feed at the end. */
void output_json(const json_t *json);

#endif
