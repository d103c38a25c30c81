/* SPDX-License-Identifier: Apache-2.0 */
/* slipway enrol: for how long unknown machines load the engine. */
#include "core/cli/cli.h"
#include "core/cli/rest.h"
#include "core/util/macros.h"
#include "core/util/num.h"

int enrol_open(struct cli *cli)
{
    const char *text = cli_option(cli, "for");
    struct err err = ERR_INIT;
    uint64_t for_ms;

    if (num_parse_duration(text ? text : "30m", &for_ms, &err) < 0)
        return cli_fail(EXIT_USAGE, "--for: %s", err.text);
    return cli_call_and_show(
        cli,
        &(struct rest_request){.method = "POST",
                               .path = cli->verb->path,
                               .body = json_pack("{s:I}", "for_s",
                                                 (json_int_t)(for_ms / 1000))});
}
