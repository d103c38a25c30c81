/* SPDX-License-Identifier: Apache-2.0 */
/* slipway image verify and gc: started on the server and watched. */
#include <string.h>
#include <time.h>

#include "core/cli/output.h"
#include "core/cli/progress.h"
#include "core/cli/rest.h"
#include "core/util/json.h"
#include "core/util/num.h"

#define CARE "/api/v1/care"
#define POLL_MS 200

static json_int_t number(const json_t *json, const char *key)
{
    return json_integer_value(json_object_get(json, key));
}

static const char *text(const json_t *json, const char *key)
{
    const char *value = json_string_value(json_object_get(json, key));

    return value ? value : "";
}

/* Starts it and waits for its end; *ret is what the server says of it then. */
static int run(struct cli *cli, json_t *body, const char *what, json_t **ret)
{
    struct progress bar;
    struct rest_reply reply;
    struct timespec pause = {0, POLL_MS * 1000000L};
    struct rest_request request = {
        .method = "POST", .path = CARE, .body = body};
    char path[80];
    int code = rest_call(cli, &request, &reply);

    (void)snprintf(path, sizeof(path), CARE "/%.32s", text(reply.json, "id"));
    progress_init(&bar, what, cli->terminal);
    while (code == 0 && strcmp(text(reply.json, "state"), "running") == 0) {
        progress_show(&bar, (uint64_t)number(reply.json, "permille"), 1000,
                      "");
        (void)nanosleep(&pause, NULL);
        rest_reply_done(&reply);
        code = rest_get(cli, path, &reply);
    }
    progress_done(&bar);
    if (code == 0) {
        const json_t *problem = json_object_get(reply.json, "problem");

        *ret = TAKE(reply.json);
        if (strcmp(text(*ret, "state"), "done") != 0)
            code = problem ? rest_say_problem(problem, number(problem, "status"))
                           : cli_fail(EXIT_FAILED, "it was ended");
    }
    rest_reply_done(&reply);
    return code;
}

static void show_damage(const json_t *care)
{
    size_t i;
    json_t *piece;

    json_array_foreach (json_object_get(care, "damaged"), i, piece) {
        char value[ERR_TEXT_BYTES];

        output_value(json_object_get(piece, "message"), COLUMN_TEXT, value,
                     sizeof(value));
        (void)printf("%s: bytes %" JSON_INTEGER_FORMAT
                     " to %" JSON_INTEGER_FORMAT ": %s\n",
                     text(piece, "image"), number(piece, "offset_bytes"),
                     number(piece, "offset_bytes") +
                         number(piece, "length_bytes"),
                     value);
    }
}

int image_verify(struct cli *cli)
{
    AUTO_JSON *care = NULL;
    json_t *body = json_pack("{s:s}", "kind", "verify");
    json_t *names = json_array();
    bool all = cli_option(cli, "all") != NULL;
    json_int_t damaged;
    int code;

    for (int i = 0; i < cli->arg_count; i++)
        (void)json_array_append_new(names, json_string(cli->args[i]));
    if (all == (cli->arg_count > 0)) {
        json_decref(body);
        json_decref(names);
        return cli_fail(EXIT_USAGE, "name images, or say --all");
    }
    if (all)
        json_decref(names);
    else
        (void)json_object_set_new(body, "images", names);
    code = run(cli, body, "verifying", &care);
    if (code != 0)
        return code;
    damaged = number(json_object_get(care, "result"), "damaged_pieces");
    if (cli->json)
        output_json(care);
    else
        show_damage(care);
    if (damaged)
        return cli_fail(EXIT_FAILED,
                        "%" JSON_INTEGER_FORMAT " pieces are damaged: look "
                        "after the server's disk; importing the same content "
                        "again mends objects and index pages",
                        damaged);
    if (!cli->json)
        (void)printf("%" JSON_INTEGER_FORMAT " images are whole\n",
                     number(json_object_get(care, "result"), "images"));
    return 0;
}

int image_gc(struct cli *cli)
{
    AUTO_JSON *care = NULL;
    bool dry = cli_option(cli, "dry-run") != NULL;
    char size[NUM_SIZE_TEXT_BYTES];
    const json_t *result;
    int code = run(cli,
                   json_pack("{s:s, s:b}", "kind", "collect", "dry_run", dry),
                   "collecting", &care);

    if (code != 0)
        return code;
    result = json_object_get(care, "result");
    if (cli->json) {
        output_json(care);
        return 0;
    }
    (void)printf("%s%s in %" JSON_INTEGER_FORMAT " files; %" JSON_INTEGER_FORMAT
                 " files are named, %" JSON_INTEGER_FORMAT " are too new\n",
                 dry ? "would free " : "freed ",
                 num_format_size((uint64_t)number(result, "freed_bytes"), size),
                 number(result, "freed_files"), number(result, "kept_files"),
                 number(result, "young_files"));
    return 0;
}
