/* SPDX-License-Identifier: Apache-2.0 */
/* slipway status: the server and its workers. */
#include "core/cli/output.h"
#include "core/cli/rest.h"

static const struct column worker_columns[] = {
    {"WORKER", "name", COLUMN_TEXT},       {"PID", "pid", COLUMN_TEXT},
    {"READY", "ready", COLUMN_TEXT},       {"ENDING", "draining", COLUMN_TEXT},
    {"RESTARTS", "restarts", COLUMN_TEXT}, {NULL, NULL, COLUMN_TEXT},
};

int status_show(struct cli *cli)
{
    struct rest_reply reply;
    int code = rest_get(cli, cli->verb->path, &reply);

    if (code == 0 && cli->json) {
        output_json(reply.json);
    } else if (code == 0) {
        output_object(reply.json, cli->verb->columns);
        (void)putchar('\n');
        output_table(json_object_get(reply.json, "workers"), worker_columns);
    }
    rest_reply_done(&reply);
    return code;
}
