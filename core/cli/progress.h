/* SPDX-License-Identifier: Apache-2.0 */
/* A progress bar on standard error; nothing at all without a terminal. */
#ifndef CORE_CLI_PROGRESS_H
#define CORE_CLI_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct progress {
    const char *what; /* NULL = no bar */
    bool terminal;
    bool shown;
    uint64_t started_ms;
    uint64_t last_ms;
};

void progress_init(struct progress *progress, const char *what, bool terminal);
/* In bytes; at most ten times a second. */
void progress_show(struct progress *progress, uint64_t done, uint64_t total,
                   const char *text);
/* A line in place of the bar, as it is. */
void progress_line(struct progress *progress, const char *line);
/* Leaves the terminal on a fresh line. */
void progress_done(struct progress *progress);
/* "[#####.....]" of `permille`. */
void progress_bar(unsigned permille, char out[32]);

#endif
