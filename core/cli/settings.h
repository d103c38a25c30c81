/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which server, with which token: options, then the environment
 * (SLIPWAY_SERVER, SLIPWAY_TOKEN_FILE, SLIPWAY_CA), then
 * $XDG_CONFIG_HOME/slipway/config.json {"server", "token_file", "ca"}.
 */
#ifndef CORE_CLI_SETTINGS_H
#define CORE_CLI_SETTINGS_H

#include "core/cli/cli.h"

int settings_load(struct cli *cli, struct err *err);
/* "10.0.0.1" or "https://10.0.0.1:7443" as a URL without a path; the caller
 * frees it. */
int settings_server_url(const char *text, char **ret, struct err *err);

#endif
