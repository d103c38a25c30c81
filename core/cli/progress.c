/* SPDX-License-Identifier: Apache-2.0 */
#include "core/cli/progress.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "core/util/num.h"

#define BAR_WIDTH 20u
#define EVERY_MS 100u

static uint64_t now_ms(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

void progress_init(struct progress *p, const char *what, bool terminal)
{
    *p = (struct progress){
        .what = what, .terminal = terminal, .started_ms = now_ms()};
}

void progress_bar(unsigned permille, char out[32])
{
    unsigned full = permille * BAR_WIDTH / 1000;

    if (full > BAR_WIDTH)
        full = BAR_WIDTH;
    out[0] = '[';
    memset(out + 1, '#', full);
    memset(out + 1 + full, '.', BAR_WIDTH - full);
    out[BAR_WIDTH + 1] = ']';
    out[BAR_WIDTH + 2] = '\0';
}

void progress_line(struct progress *p, const char *line)
{
    if (!p->terminal)
        return;
    (void)fprintf(stderr, "\r%s\033[K", line);
    p->shown = true;
}

void progress_show(struct progress *p, uint64_t done, uint64_t total,
                   const char *text)
{
    char rate[NUM_SIZE_TEXT_BYTES];
    char size[NUM_SIZE_TEXT_BYTES];
    char bar[32];
    char line[200];
    uint64_t now = now_ms();
    uint64_t passed = now - p->started_ms;

    if (!p->terminal || !p->what ||
        (done != total && now - p->last_ms < EVERY_MS))
        return;
    p->last_ms = now;
    progress_bar(total ? (unsigned)(done * 1000 / total) : 0, bar);
    (void)snprintf(line, sizeof(line), "%.60s %s %3u%%  %s  %s/s  %.40s",
                   p->what, bar, total ? (unsigned)(done * 100 / total) : 0,
                   num_format_size(total, size),
                   num_format_size(passed ? done * 1000 / passed : 0, rate),
                   text);
    progress_line(p, line);
}

void progress_done(struct progress *p)
{
    if (p->shown)
        (void)fputc('\n', stderr);
    p->shown = false;
}
