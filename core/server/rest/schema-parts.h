/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of schemas; for schema*.c only. */
#ifndef CORE_SERVER_REST_SCHEMA_PARTS_H
#define CORE_SERVER_REST_SCHEMA_PARTS_H

#include "core/server/rest/schema.h"
#include "core/util/pattern.h"

#define SCHEMA_MAX_PATTERNS 128
#define SCHEMA_MAX_DEPTH 48 /* of references and of values */

struct schema_pattern {
    const json_t *text; /* the schema's string, by identity */
    struct pattern *pattern;
};

struct schemas {
    json_t *document;
    json_t *definitions; /* borrowed from document */
    struct schema_pattern patterns[SCHEMA_MAX_PATTERNS];
    size_t pattern_count;
};

/* The definition that a "$ref" leads to, or NULL. */
const json_t *schemas_follow(const struct schemas *schemas, const json_t *ref);

#endif
