/* SPDX-License-Identifier: Apache-2.0 */
/* slipway profile: files to documents. */
#include <string.h>

#include "core/cli/output.h"
#include "core/cli/rest.h"
#include "core/util/json.h"

#define MAX_PROFILE (256 * 1024)

/* A syntax error is told here, with the file's name; what a profile means is
 * the server's to judge. */
static json_t *read_profile(const char *file)
{
    struct err err = ERR_INIT;
    json_t *json = json_read_file(file, MAX_PROFILE, &err);

    if (!json)
        (void)cli_fail(EXIT_FAILED, "%s", err.text);
    return json;
}

static int store(struct cli *cli, const struct rest_request *request,
                 const char *file)
{
    struct rest_reply reply;
    int code = rest_call(cli, request, &reply);

    if (code)
        (void)fprintf(stderr, "slipway: '%s' was not stored\n", file);
    else if (cli->json)
        output_json(reply.json);
    else
        output_object(reply.json, cli->verb->columns);
    rest_reply_done(&reply);
    return code;
}

int profile_add(struct cli *cli)
{
    json_t *body = read_profile(cli->args[0]);

    if (!body)
        return EXIT_FAILED;
    return store(cli,
                 &(struct rest_request){
                     .method = "POST", .path = cli->verb->path, .body = body},
                 cli->args[0]);
}

int profile_replace(struct cli *cli)
{
    const char *file = cli->args[0];
    json_t *body = read_profile(file);
    const char *name = json_string_value(json_object_get(body, "name"));
    AUTO_FREE char *path = NULL;
    struct rest_reply before;
    int code;

    if (!body)
        return EXIT_FAILED;
    if (!name) {
        json_decref(body);
        return cli_fail(EXIT_FAILED, "'%s' has no member 'name'", file);
    }
    cli->args[0] = name;
    path = cli_path(cli, "/api/v1/profiles/{0}");
    code = rest_get(cli, path, &before);
    if (code == 0)
        code = store(cli,
                     &(struct rest_request){.method = "PUT",
                                            .path = path,
                                            .body = body,
                                            .if_match = before.etag},
                     file);
    else
        json_decref(body);
    rest_reply_done(&before);
    return code;
}

/* The document itself, so that it can be written to a file and changed. */
int profile_show(struct cli *cli)
{
    AUTO_FREE char *path = cli_path(cli, cli->verb->path);
    struct rest_reply reply;
    int code = rest_get(cli, path, &reply);

    if (code == 0)
        output_json(cli->json ? reply.json
                              : json_object_get(reply.json, "profile"));
    rest_reply_done(&reply);
    return code;
}
