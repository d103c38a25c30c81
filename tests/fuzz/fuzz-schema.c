/* SPDX-License-Identifier: Apache-2.0 */
/* A request's body against every schema that is built in: the validator must
 * come to an end, and say why whenever it refuses. */
#include <string.h>

#include "core/server/rest/schema.h"
#include "core/util/json.h"

#define MAX_BODY (64 * 1024)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct schemas *schemas;
    struct err err = ERR_INIT;
    if (!schemas && schemas_builtin(&schemas, &err) < 0)
        abort();
    AUTO_JSON *value = json_parse(data, size, MAX_BODY, &err);
    const char *name;
    json_t *schema;
    if (!value)
        return 0;
    json_object_foreach (json_object_get(schemas_document(schemas), "$defs"),
                         name, schema) {
        struct err why = ERR_INIT;
        if (schemas_validate(schemas, name, value, &why) != 0 && !why.text[0])
            abort();
    }
    return 0;
}
