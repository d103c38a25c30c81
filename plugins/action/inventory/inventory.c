/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The action plugin `inventory`: what this machine is made of becomes the
 * step's result.  It changes nothing and needs no disk.
 */
#include <slipway/action.h>

static int run(const struct slipway_action_host *host)
{
    const char *facts = "{}";
    int code = host->facts(host, &facts);

    if (code != SLIPWAY_OK)
        return code;
    return host->result(host, facts);
}

SLIPWAY_ACTION_PLUGIN(
        .name = "inventory", .version = PLUGIN_VERSION,
        .summary = "Reports what the machine is made of; changes nothing.",
        .timeout_ms = 120000, .run = run);
