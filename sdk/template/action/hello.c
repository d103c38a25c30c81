/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An action to start from: writes a greeting to the log, shows progress, and
 * gives a result.  Copy the folder, change the name here and in the Makefile,
 * and read slipway-plugin(7).
 */
#include <stdio.h>

#include <slipway/action.h>

/* The order of the table; the host's getters take these numbers. */
enum { GREETING, TIMES, PARAMS };

static const struct slipway_param params[PARAMS] = {
    SLIPWAY_PARAM(.name = "greeting", .type = SLIPWAY_PARAM_TEXT,
                  .help = "What to say.", .default_text = "hello", .min = 1,
                  .max = 64),
    SLIPWAY_PARAM(.name = "times", .type = SLIPWAY_PARAM_NUMBER,
                  .help = "How often to say it.", .default_text = "3", .min = 1,
                  .max = 100),
};

static int run(const struct slipway_action_host *host)
{
    const char *greeting = host->param_text(host, GREETING);
    uint64_t times = 0;
    char result[64];

    if (!greeting || host->param_number(host, TIMES, &times))
        return host->fail(host, SLIPWAY_EINVAL, "there is nothing to say");
    for (uint64_t i = 1; i <= times; i++) {
        if (host->cancelled(host))
            return SLIPWAY_ECANCELLED;
        host->log(host, SLIPWAY_LOG_INFO, greeting);
        host->progress(host, (uint32_t)(1000 * i / times), "greeting");
    }
    /* A dry run may do all this: nothing of the machine was changed. */
    snprintf(result, sizeof(result), "{\"greeted\":%llu}",
             (unsigned long long)times);
    return host->result(host, result);
}

SLIPWAY_ACTION_PLUGIN(.name = "hello", .version = "1.0",
                      .summary = "Says hello from the target machine.",
                      .params = params, .params_count = PARAMS,
                      .timeout_ms = 60000, .run = run);
