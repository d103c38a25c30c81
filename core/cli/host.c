/* SPDX-License-Identifier: Apache-2.0 */
/* slipway host: what needs a body. */
#include "core/cli/host.h"

#include <string.h>

#include "core/cli/output.h"
#include "core/cli/rest.h"
#include "core/util/json.h"

/* "a,b" as an array of strings. */
static json_t *split(const char *text)
{
    json_t *array = json_array();

    while (array && *text) {
        size_t length = strcspn(text, ",");

        if (length)
            (void)json_array_append_new(array, json_stringn(text, length));
        text += length + (text[length] == ',');
    }
    return array;
}

/* "k=v,k=v" as an object; NULL when a value is missing. */
static json_t *split_labels(const char *text)
{
    json_t *object = json_object();

    while (object && *text) {
        size_t length = strcspn(text, ",");
        const char *equals = memchr(text, '=', length);

        if (!equals || equals == text) {
            json_decref(object);
            return NULL;
        }
        (void)json_object_setn_new(
            object, text, (size_t)(equals - text),
            json_stringn(equals + 1, length - (size_t)(equals + 1 - text)));
        text += length + (text[length] == ',');
    }
    return object;
}

json_t *host_labels(const char *text)
{
    return split_labels(text);
}

/* The members that options give; NULL after the problem was said. */
static json_t *members(const struct cli *cli)
{
    static const struct {
        const char *option;
        const char *member;
    } texts[] = {{"name", "name"},
                 {"uuid", "uuid"},
                 {"arch", "arch"},
                 {"tier", "tier"},
                 {"address", "reserved_address"}};
    json_t *body = json_object();
    const char *value;

    for (size_t i = 0; body && i < ARRAY_LENGTH(texts); i++) {
        value = cli_option(cli, texts[i].option);
        if (value)
            (void)json_object_set_new(body, texts[i].member,
                                      json_string(value));
    }
    value = cli_option(cli, "mac");
    if (value)
        (void)json_object_set_new(body, "macs", split(value));
    value = cli_option(cli, "label");
    if (value) {
        json_t *labels = split_labels(value);

        if (!labels) {
            (void)cli_fail(EXIT_USAGE, "--label needs KEY=VALUE");
            json_decref(body);
            return NULL;
        }
        (void)json_object_set_new(body, "labels", labels);
    }
    return body;
}

static int call(struct cli *cli, const struct rest_request *request)
{
    struct rest_reply reply;
    int code = rest_call(cli, request, &reply);

    if (code == 0 && reply.json) {
        if (cli->json)
            output_json(reply.json);
        else if (cli->verb->columns)
            output_object(reply.json, cli->verb->columns);
    }
    rest_reply_done(&reply);
    return code;
}

int host_add(struct cli *cli)
{
    json_t *body = members(cli);

    if (!body)
        return EXIT_USAGE;
    (void)json_object_set_new(body, "name", json_string(cli->args[0]));
    return call(cli, &(struct rest_request){.method = "POST",
                                            .path = cli->verb->path,
                                            .body = body});
}

int host_change(struct cli *cli)
{
    AUTO_FREE char *path = cli_path(cli, cli->verb->path);
    json_t *body = members(cli);
    struct rest_reply before;
    int code;

    if (!body)
        return EXIT_USAGE;
    if (json_object_size(body) == 0) {
        json_decref(body);
        return cli_fail(EXIT_USAGE, "say what to change; see --help");
    }
    code = rest_get(cli, path, &before);
    if (code == 0)
        code = call(cli, &(struct rest_request){.method = "PATCH",
                                                .path = path,
                                                .body = body,
                                                .if_match = before.etag});
    else
        json_decref(body);
    rest_reply_done(&before);
    return code;
}

/* With a name the code is an unknown machine's, which becomes a host. */
static int approve_unknown(struct cli *cli, const char *code)
{
    json_t *body = members(cli);

    if (!body)
        return EXIT_USAGE;
    (void)json_object_set_new(body, "code", json_string(code));
    return call(cli, &(struct rest_request){.method = "POST",
                                            .path = "/api/v1/enrol/approve",
                                            .body = body});
}

/* The code may come as one argument or as its words. */
int host_approve(struct cli *cli)
{
    AUTO_FREE char *path = cli_path(cli, cli->verb->path);
    AUTO_BUF code = BUF_INIT(256);
    bool unknown = cli_option(cli, "name") != NULL;
    int first = unknown ? 0 : 1;

    for (int i = first; i < cli->arg_count; i++)
        (void)buf_printf(&code, "%s%s", i > first ? " " : "", cli->args[i]);
    if (unknown)
        return approve_unknown(cli, buf_text(&code));
    if (cli->arg_count < 2 || cli_option(cli, "tier") ||
        cli_option(cli, "label") || cli_option(cli, "address"))
        return cli_fail(EXIT_USAGE,
                        "say HOST CODE, or CODE --name NAME for a machine "
                        "that nobody has registered");
    return call(cli, &(struct rest_request){
                         .method = "POST",
                         .path = path,
                         .body = json_pack("{s:s}", "code", buf_text(&code))});
}
