/* SPDX-License-Identifier: Apache-2.0 */
/* REST: the interface's own description. */
#include "core/server/api/api.h"
#include "core/server/rest/openapi.h"
#include "core/server/rest/schema.h"
#include "core/server/server.h"

void api_openapi(struct server *server, struct request *r)
{
    const struct openapi *openapi = server->openapi;
    request_reply_cached(r, "application/json", openapi->text, openapi->length,
                         openapi->etag);
}

void api_schemas(struct server *server, struct request *r)
{
    request_reply(r, 200, json_deep_copy(schemas_document(server->schemas)),
                  0);
}
