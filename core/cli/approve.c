/* SPDX-License-Identifier: Apache-2.0 */
/* slipway batch approve: the codes of many screens at once. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/cli/cli.h"
#include "core/cli/output.h"
#include "core/cli/rest.h"
#include "core/util/json.h"

enum {
    CODES_MAX = 300,
    CODE_BYTES = 65,
    LINE_BYTES = 256,
};

static const struct column valid_columns[] = {
    {"HOST", "host_name", COLUMN_TEXT},
    {"CODE", "code", COLUMN_TEXT},
    {NULL, NULL, COLUMN_TEXT},
};

/* Without blanks and the line feed at its ends; cuts `line`. */
static char *trimmed(char *line)
{
    static const char blank[] = " \t\r\n";
    size_t length;

    line += strspn(line, blank);
    for (length = strlen(line); length && strchr(blank, line[length - 1]);)
        length--;
    line[length] = '\0';
    return line;
}

/* A code a line; empty lines and those that begin with '#' are none.  On a
 * terminal an empty line ends.  0 or an exit code. */
static int read_codes(FILE *stream, bool terminal, json_t *codes)
{
    char line[LINE_BYTES];

    while (fgets(line, sizeof(line), stream)) {
        const char *code = trimmed(line);

        if (terminal && !*code)
            break;
        if (!*code || *code == '#')
            continue;
        if (strlen(code) >= CODE_BYTES)
            return cli_fail(EXIT_USAGE, "'%.20s...' is too long for a code",
                            code);
        if (json_array_size(codes) == CODES_MAX)
            return cli_fail(EXIT_USAGE,
                            "at most %d codes can be approved at once",
                            CODES_MAX);
        (void)json_array_append_new(codes, json_string(code));
    }
    if (json_array_size(codes) == 0)
        return cli_fail(EXIT_USAGE, "no code was given; nothing was done");
    return 0;
}

static int get_codes(const struct cli *cli, json_t *codes)
{
    const char *path = cli_option(cli, "codes");
    bool terminal = isatty(STDIN_FILENO) == 1;

    if (!path && (cli->no_input || !terminal))
        return cli_fail(EXIT_USAGE, "say --codes FILE, or - for standard "
                                    "input; a code a line");
    if (!path)
        (void)fputs("Codes as the screens show them, one a line; an empty "
                    "line ends.\n",
                    stderr);
    if (!path || strcmp(path, "-") == 0)
        return read_codes(stdin, terminal, codes);
    FILE *file = fopen(path, "re");

    if (!file)
        return cli_fail(EXIT_NOT_FOUND, "'%s' cannot be read", path);
    int code = read_codes(file, false, codes);

    (void)fclose(file);
    return code;
}

static int post(struct cli *cli, json_t *codes, bool check,
                struct rest_reply *ret)
{
    AUTO_FREE char *path = cli_path(cli, cli->verb->path);

    return rest_call(cli,
                     &(struct rest_request){
                         .method = "POST",
                         .path = path,
                         .body = json_pack("{s:O, s:b}", "codes", codes,
                                           "check", check)},
                     ret);
}

static bool is_refused(const json_t *item)
{
    const char *state = json_string_value(json_object_get(item, "state"));

    return !state || strcmp(state, "refused") == 0;
}

/* Says which codes are refused and why. */
static void tell_refused(const json_t *reply)
{
    const json_t *items = json_object_get(reply, "items");
    char code[CODE_BYTES], sentence[512];
    const json_t *item;
    size_t i;

    json_array_foreach (items, i, item) {
        if (!is_refused(item))
            continue;
        output_value(json_object_get(item, "code"), COLUMN_TEXT, code,
                     sizeof(code));
        output_value(json_object_get(item, "sentence"), COLUMN_TEXT, sentence,
                     sizeof(sentence));
        (void)fprintf(stderr, "slipway: '%s' is refused: %s\n", code, sentence);
    }
}

/* The items that were not refused: a new array. */
static json_t *good_items(const json_t *reply)
{
    const json_t *items = json_object_get(reply, "items");
    json_t *good = json_array();
    json_t *item;
    size_t i;

    json_array_foreach (items, i, item)
        if (!is_refused(item))
            (void)json_array_append(good, item);
    return good;
}

/* Shows whose codes these are and asks; `codes` keeps the valid ones. */
static int confirm(struct cli *cli, json_t *codes, size_t *ret_refused)
{
    struct rest_reply reply;
    char question[80];
    int code = post(cli, codes, true, &reply);

    if (code == 0) {
        AUTO_JSON *good = good_items(reply.json);
        size_t count = json_array_size(good);

        *ret_refused = json_array_size(codes) - count;
        tell_refused(reply.json);
        (void)json_array_clear(codes);
        for (size_t i = 0; i < count; i++)
            (void)json_array_append(
                codes, json_object_get(json_array_get(good, i), "code"));
        (void)snprintf(question, sizeof(question),
                       "Approve %s machine%s?", count == 1 ? "this" : "these",
                       count == 1 ? "" : "s");
        if (count == 0)
            code = cli_fail(EXIT_CONFLICT, "nothing was approved");
        else if (!cli->json)
            output_table(good, valid_columns);
        if (count)
            code = cli_confirm(cli, question);
    }
    rest_reply_done(&reply);
    return code;
}

int batch_approve(struct cli *cli)
{
    AUTO_JSON *codes = json_array();
    struct rest_reply reply;
    size_t refused = 0;
    int code = get_codes(cli, codes);

    if (code == 0)
        code = confirm(cli, codes, &refused);
    if (code != 0)
        return code;
    code = post(cli, codes, false, &reply);
    if (code == 0) {
        AUTO_JSON *good = good_items(reply.json);

        tell_refused(reply.json);
        refused += json_array_size(codes) - json_array_size(good);
        if (cli->json)
            output_json(reply.json);
        else
            (void)printf("%zu approved, %zu refused\n", json_array_size(good),
                         refused);
        if (refused)
            code = json_array_size(good) ? EXIT_PARTLY : EXIT_CONFLICT;
    }
    rest_reply_done(&reply);
    return code;
}
