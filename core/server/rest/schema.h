/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON Schema 2020-12, a stated subset: type, enum, const, required,
 * properties, additionalProperties, items, minItems, maxItems, minLength,
 * maxLength, minimum, maximum, minProperties, maxProperties, pattern, oneOf,
 * $ref to "#/$defs/NAME", and the annotations title, description, default,
 * examples, $schema, $id, $defs, $comment.  Any other keyword is an error when
 * a schema is loaded, so that nothing is believed to be checked that is not.
 * Constant after loading; checks run on one thread at a time.
 */
#ifndef CORE_SERVER_REST_SCHEMA_H
#define CORE_SERVER_REST_SCHEMA_H

#include <jansson.h>

#include "core/util/err.h"

struct schemas;

struct schemas *schemas_new(struct err *err);
void schemas_free(struct schemas *schemas);
/*
 * Adds one file.  {"$defs": {NAME: schema, ...}} are definitions; any other
 * schema NAME.json is the definition NAME, and its own are "NAME-...".
 */
int schemas_add(struct schemas *schemas, const char *file, const char *text,
                struct err *err);
/* After the last file: every $ref leads somewhere, every keyword is known,
 * every pattern is valid. */
int schemas_check(struct schemas *schemas, struct err *err);
/* The definition, or NULL. */
const json_t *schemas_find(const struct schemas *schemas, const char *name);
/* 0, or ERR_INVALID with a sentence that names the JSON path in `value`. */
int schemas_validate(const struct schemas *schemas, const char *name,
                     const json_t *value, struct err *err);
/* Every "$ref" below `value` that begins with `from` begins with `to`. */
void schemas_move_references(json_t *value, const char *from, const char *to);
/* All definitions as one document. */
const json_t *schemas_document(const struct schemas *schemas);

/* The definitions that are built into slipwayd: schema/ *.json and
 * profiles/schema. */
int schemas_builtin(struct schemas **ret_schemas, struct err *err);

#endif
