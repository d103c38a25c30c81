/* SPDX-License-Identifier: Apache-2.0 */
/* slipway explain: what a problem means and what to do about it. */
#include <string.h>

#include "core/cli/output.h"
#include "core/cli/rest.h"

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));

    return text ? text : "";
}

int explain_show(struct cli *cli)
{
    AUTO_FREE char *path = cli_path(cli, cli->verb->path);
    struct rest_reply reply;
    int code = rest_get(cli, path, &reply);

    if (code == 0 && cli->json)
        output_json(reply.json);
    else if (code == 0)
        (void)printf("%s (%s, status %lld)\n\n%s\n\nWhat to do: %s\n",
                     text_of(reply.json, "title"), text_of(reply.json, "id"),
                     (long long)json_integer_value(
                         json_object_get(reply.json, "status")),
                     text_of(reply.json, "meaning"),
                     text_of(reply.json, "remedy"));
    rest_reply_done(&reply);
    return code;
}
