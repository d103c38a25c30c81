/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of slipway-plugin-check: check.c (options, file and descriptor),
 * behaviour.c (an action under the mock host), report.c (TAP). */
#ifndef SDK_CHECK_CHECK_H
#define SDK_CHECK_CHECK_H

#include <stdbool.h>

#include "core/plugin/describe.h"

struct check_options {
    const char *file;
    json_t *params;   /* from --params, by the plugin's table */
    unsigned limit_s; /* for the behaviour of an action */
    bool run;         /* false: look only */
};

/* One line of TAP; `why` explains a failure and may be NULL. */
void report(bool ok, const char *what, const char *why);
void report_skip(const char *what, const char *why);
/* The plan at the end; the exit status. */
int report_end(void);

/* Loads the action and runs it dry in a child process. */
void check_behaviour(const struct check_options *options,
                     const struct plugin_info *info, const void *data,
                     size_t length);

#endif
