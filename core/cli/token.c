/* SPDX-License-Identifier: Apache-2.0 */
/* slipway token create. */
#include <time.h>

#include "core/cli/rest.h"
#include "core/util/num.h"

int token_create(struct cli *cli)
{
    const char *scope = cli_option(cli, "scope");
    const char *expires = cli_option(cli, "expires");
    struct err err = ERR_INIT;
    uint64_t lifetime_ms = 0;
    json_t *body;

    if (!scope)
        return cli_fail(EXIT_USAGE, "--scope is missing: viewer, operator or "
                                    "admin");
    if (expires && num_parse_duration(expires, &lifetime_ms, &err) != 0)
        return cli_fail(EXIT_USAGE, "--expires: %s", err.text);
    body = json_pack("{s:s, s:s}", "name", cli->args[0], "scope", scope);
    if (lifetime_ms)
        (void)json_object_set_new(
            body, "expires_s",
            json_integer((json_int_t)time(NULL) +
                         (json_int_t)(lifetime_ms / 1000)));
    return cli_call_and_show(
        cli, &(struct rest_request){
                 .method = "POST", .path = cli->verb->path, .body = body});
}
