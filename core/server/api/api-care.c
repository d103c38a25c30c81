/* SPDX-License-Identifier: Apache-2.0 */
/* REST of verifying and collecting. */
#include <string.h>

#include "core/server/api/api-image.h"
#include "core/server/images/care.h"
#include "core/server/rest/route.h"
#include "core/server/server.h"
#include "core/util/json.h"

static struct care *find(struct server *server, struct request *r)
{
    const char *id = request_path_value(r, "id");
    struct care *care = cares_find(server->cares, id);
    if (!care)
        request_problem(r, "not-found",
                        "nothing of the last %d has the id '%s', or the server "
                        "was started since",
                        CARES_KEPT, id);
    return care;
}

void api_care_list(struct server *server, struct request *r)
{
    json_t *items = json_array();
    const struct care *care;
    for (size_t i = 0; (care = cares_at(server->cares, i)); i++)
        (void)json_array_append_new(items, care_json(care));
    route_reply_list(r, items, NULL);
}

void api_care_get(struct server *server, struct request *r)
{
    const struct care *care = find(server, r);
    if (care)
        request_reply(r, 200, care_json(care), 0);
}

void api_care_start(struct server *server, struct request *r)
{
    struct err err = ERR_INIT;
    const struct care *care = NULL;
    const json_t *body = request_body(r);
    const char *kind = json_string_value(json_object_get(body, "kind"));
    struct care_spec spec = {
        .collect = !strcmp(kind, "collect"), /* the schema has checked it */
        .dry_run = json_is_true(json_object_get(body, "dry_run")),
        .images = json_object_get(body, "images"),
        .actor = request_actor(r),
    };
    request_new_id(r, spec.id);
    if (care_start(server->cares, &spec, &care, &err))
        request_fail(r, &err);
    else
        request_reply(r, 202, care_json(care), 0);
}

void api_care_end(struct server *server, struct request *r)
{
    struct care *care = find(server, r);
    if (!care)
        return;
    care_end(care);
    request_reply(r, 204, NULL, 0);
}
