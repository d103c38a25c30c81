/* SPDX-License-Identifier: Apache-2.0 */
#include "core/cli/cli.h"

#include <stdarg.h>
#include <string.h>

#include <curl/curl.h>

#include "core/cli/output.h"
#include "core/cli/rest.h"
#include "core/util/json.h"

#define PAGE_LIMIT "200"
#define MAX_ITEMS 100000

const char *cli_option(const struct cli *cli, const char *name)
{
    for (int i = cli->option_count - 1; i >= 0; i--) {
        if (strcmp(cli->options[i]->name, name) == 0)
            return cli->values[i];
    }
    return NULL;
}

int cli_fail(int code, const char *format, ...)
{
    char text[ERR_TEXT_BYTES * 2];
    va_list list;

    va_start(list, format);
    (void)vsnprintf(text, sizeof(text), format, list);
    va_end(list);
    for (unsigned char *p = (unsigned char *)text; *p; p++) {
        if (*p < 0x20 || *p == 0x7f)
            *p = '?';
    }
    (void)fprintf(stderr, "slipway: %s\n", text);
    return code;
}

int cli_exit_code(const struct err *err)
{
    switch (err->code) {
    case ERR_INVALID:
    case ERR_TOO_BIG:
        return EXIT_USAGE;
    case ERR_NOT_FOUND:
        return EXIT_NOT_FOUND;
    case ERR_CONFLICT:
        return EXIT_CONFLICT;
    case ERR_DENIED:
        return EXIT_REFUSED;
    case ERR_UNAVAILABLE:
        return EXIT_UNAVAILABLE;
    case ERR_TIMEOUT:
        return EXIT_TIMED_OUT;
    default:
        return EXIT_FAILED;
    }
}

int cli_confirm(const struct cli *cli, const char *question)
{
    char answer[16];

    if (cli->yes)
        return 0;
    if (cli->no_input || isatty(STDIN_FILENO) != 1)
        return cli_fail(EXIT_USAGE,
                        "%s Say --yes to do it without being "
                        "asked",
                        question);
    (void)fprintf(stderr, "%s [y/N] ", question);
    if (!fgets(answer, sizeof(answer), stdin) ||
        (answer[0] != 'y' && answer[0] != 'Y'))
        return cli_fail(EXIT_FAILED, "nothing was done");
    return 0;
}

/* ---- paths -------------------------------------------------------------- */

static void put_escaped(struct buf *buf, const char *text)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                "abcdefghijklmnopqrstuvwxyz0123456789-._~@:";

    for (; *text; text++) {
        if (strchr(plain, *text))
            (void)buf_append_byte(buf, (uint8_t)*text);
        else
            (void)buf_printf(buf, "%%%02X", (unsigned char)*text);
    }
}

char *cli_path(const struct cli *cli, const char *path)
{
    struct buf buf = BUF_INIT(4096);

    for (; *path; path++) {
        if (path[0] == '{' && path[1] >= '0' && path[1] <= '3' &&
            path[2] == '}') {
            put_escaped(&buf, cli->args[path[1] - '0']);
            path += 2;
        } else {
            (void)buf_append_byte(&buf, (uint8_t)*path);
        }
    }
    return buf_take_text(&buf);
}

/* ---- lists -------------------------------------------------------------- */

/* One more page; `next` becomes where the one after it begins, or "". */
static int add_page(struct cli *cli, const char *path, json_t *items,
                    char next[256])
{
    AUTO_FREE char *whole = NULL;
    struct rest_reply reply;
    const char *after;
    int code;

    if (asprintf(&whole, "%s%s%s%s", path, strchr(path, '?') ? "&" : "?",
                 "limit=" PAGE_LIMIT, next) < 0) {
        whole = NULL;
        return cli_fail(EXIT_FAILED, "no memory is left");
    }
    code = rest_get(cli, whole, &reply);
    next[0] = '\0';
    if (code == 0) {
        (void)json_array_extend(items, json_object_get(reply.json, "items"));
        after = json_string_value(json_object_get(reply.json, "next"));
        if (after && json_array_size(items) < MAX_ITEMS) {
            struct buf buf = BUF_INIT(255);

            (void)buf_append_text(&buf, "&after=");
            put_escaped(&buf, after);
            (void)snprintf(next, 256, "%s", buf.failed ? "" : buf_text(&buf));
            buf_done(&buf);
        }
    }
    rest_reply_done(&reply);
    return code;
}

/* Options of the verb that the route takes as query, like --state. */
static char *with_query(const struct cli *cli, char *path)
{
    struct buf buf = BUF_INIT(4096);
    bool first = true;

    (void)buf_append_text(&buf, path);
    free(path);
    for (const struct option_spec *o = cli->verb->options; o && o->name; o++) {
        const char *value = cli_option(cli, o->name);

        if (!value)
            continue;
        (void)buf_printf(&buf, "%s%s=", first ? "?" : "&", o->name);
        put_escaped(&buf, value);
        first = false;
    }
    return buf_take_text(&buf);
}

/* Lists that are short enough come whole and know no `limit`. */
static int whole_list(struct cli *cli, const char *path, json_t *items)
{
    struct rest_reply reply;
    int code = rest_get(cli, path, &reply);

    if (code == 0)
        (void)json_array_extend(items, json_object_get(reply.json, "items"));
    rest_reply_done(&reply);
    return code;
}

int cli_list(struct cli *cli)
{
    AUTO_FREE char *path = with_query(cli, cli_path(cli, cli->verb->path));
    AUTO_JSON *items = json_array();
    bool whole = cli->verb->path[0] == '=';
    char next[256] = "";
    int code = 0;

    if (!path || !items)
        return cli_fail(EXIT_FAILED, "no memory is left");
    if (whole)
        code = whole_list(cli, path + 1, items);
    else
        do
            code = add_page(cli, path, items, next);
        while (code == 0 && next[0]);
    if (code)
        return code;
    if (cli->json) {
        AUTO_JSON *list = json_pack("{s:O}", "items", items);

        output_json(list);
    } else {
        output_table(items, cli->verb->columns);
    }
    return EXIT_OK;
}

/* ---- single objects ----------------------------------------------------- */

int cli_call_and_show(struct cli *cli, const struct rest_request *request)
{
    struct rest_reply reply;
    int code = rest_call(cli, request, &reply);

    if (code == 0 && reply.json) {
        if (cli->json || !cli->verb->columns)
            output_json(reply.json);
        else
            output_object(reply.json, cli->verb->columns);
    }
    rest_reply_done(&reply);
    return code;
}

int cli_show(struct cli *cli)
{
    AUTO_FREE char *path = cli_path(cli, cli->verb->path);

    return cli_call_and_show(cli,
                         &(struct rest_request){.method = "GET", .path = path});
}

int cli_post(struct cli *cli)
{
    AUTO_FREE char *path = cli_path(cli, cli->verb->path);

    return cli_call_and_show(
        cli, &(struct rest_request){.method = "POST", .path = path});
}

/* Deletes what was looked at just before, whatever revision it has. */
int cli_delete(struct cli *cli)
{
    AUTO_FREE char *path = cli_path(cli, cli->verb->path);
    struct rest_request request = {.method = "DELETE", .path = path};
    struct rest_reply before = {0};
    int code = 0;

    /* Tokens and uploads have no revision to look at. */
    if (strcmp(cli->verb->noun, "token") != 0 &&
        strcmp(cli->verb->noun, "upload") != 0) {
        code = rest_get(cli, path, &before);
        request.if_match = before.etag;
    }
    if (code == 0)
        code = cli_call_and_show(cli, &request);
    rest_reply_done(&before);
    return code;
}

void cli_done(struct cli *cli)
{
    rest_done(cli);
    free(cli->server);
    free(cli->token);
    free(cli->ca);
}
