/* SPDX-License-Identifier: Apache-2.0 */
/* The definitions of core/server/rest/schema, built in as text. */
#include "core/server/rest/schema.h"

#include "core/server/rest/schema-text.h"
#include "core/util/macros.h"

int schemas_builtin(struct schemas **ret_schemas, struct err *err)
{
    struct schemas *schemas = schemas_new(err);
    if (!schemas)
        return ERR_NO_MEMORY;
    int code = 0;
    for (size_t i = 0; code == 0 && i < ARRAY_LENGTH(schema_texts); i++)
        code = schemas_add(schemas, schema_texts[i].file, schema_texts[i].text,
                           err);
    if (code == 0)
        code = schemas_check(schemas, err);
    if (code != 0) {
        schemas_free(schemas);
        return code;
    }
    *ret_schemas = schemas;
    return 0;
}
