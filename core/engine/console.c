/* SPDX-License-Identifier: Apache-2.0 */
#include "core/engine/console.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/util/buf.h"
#include "core/util/num.h"

#define CONSOLE_MAX_FDS 4
#define LINE_BYTES 1024
#define BAR_WIDTH 30
#define PROGRESS_EVERY_MS 250
/* Rates are an average over this long, so that they can be read. */
#define RATE_SPAN_MS 2000
#define RULE "------------------------------------------------------------"

struct console {
    struct loop *loop;
    int fds[CONSOLE_MAX_FDS];
    size_t count;
    char who[LINE_BYTES]; /* as last shown */
    bool bar;             /* the cursor stands behind a progress bar */
    size_t bar_length;
    uint64_t drawn_ms;
    char step[64];
    char text[128];
    uint64_t rate_began_ms; /* begin of the span that is measured */
    uint64_t rate_began_bytes;
    uint64_t rate; /* bytes a second over the last span */
};

struct console *console_new(struct loop *loop, const int *fds, size_t count,
                            struct err *err)
{
    struct console *console = calloc(1, sizeof(*console));

    if (!console) {
        (void)err_set(err, ERR_NO_MEMORY, "not enough memory for the console");
        return NULL;
    }
    console->loop = loop;
    console->count = MIN(count, (size_t)CONSOLE_MAX_FDS);
    for (size_t i = 0; i < console->count; i++)
        console->fds[i] = fds[i];
    return console;
}

void console_free(struct console *console)
{
    if (console && console->bar)
        console_say(console, "%s", "");
    free(console);
}

static void put(struct console *console, const char *text, size_t length)
{
    for (size_t i = 0; i < console->count; i++)
        /* A console that cannot be written shows nothing; work goes on. */
        if (write(console->fds[i], text, length) < 0)
            continue;
}

/* Writes one line, after ending a progress bar.  What came from a server or a
 * device must not steer the terminal, so control bytes become '?'. */
static void put_line(struct console *console, const char *prefix,
                     const char *text)
{
    char line[LINE_BYTES + 4];
    int length = snprintf(line, LINE_BYTES, "%s%s%s",
                          console->bar ? "\r\n" : "", prefix, text);
    size_t used = MIN((size_t)MAX(length, 0), (size_t)LINE_BYTES - 1);

    for (size_t i = console->bar ? 2 : 0; i < used; i++)
        if ((unsigned char)line[i] < ' ' || line[i] == 0x7f)
            line[i] = '?';
    console->bar = false;
    line[used++] = '\r';
    line[used++] = '\n';
    put(console, line, used);
}

void console_say(struct console *console, const char *format, ...)
{
    char text[LINE_BYTES];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    put_line(console, text[0] ? "Slipway: " : "", text);
}

void console_who(struct console *console, const struct console_who *who)
{
    char line[LINE_BYTES];

    (void)snprintf(line, sizeof(line), "%s|%s|%s|%s|%s", who->name,
                   who->product, who->mac, who->address, who->server);
    if (strcmp(line, console->who) == 0)
        return;
    memcpy(console->who, line, sizeof(line));
    put_line(console, "", RULE);
    (void)snprintf(line, sizeof(line), "%s%s%s",
                   who->name[0] ? who->name : "a machine without a name yet",
                   who->product[0] ? ", " : "", who->product);
    put_line(console, " this machine  ", line);
    (void)snprintf(line, sizeof(line), "%s%s%s", who->mac,
                   who->address[0] ? "  address " : "", who->address);
    put_line(console, " network       ", line);
    put_line(console, " server        ",
             who->server[0] ? who->server : "not found yet");
    put_line(console, "", RULE);
}

void console_trouble(struct console *console, const char *what,
                     const char *remedy)
{
    put_line(console, "Slipway: TROUBLE: ", what);
    if (remedy && remedy[0])
        put_line(console, "         what to do: ", remedy);
}

void console_code(struct console *console, const char *host, const char *code)
{
    char wide[2 * 128], command[LINE_BYTES];
    size_t used = 0;

    /* Spaced capitals are read from across a room, also on a serial line. */
    for (const char *at = code; *at && used + 3 < sizeof(wide); at++) {
        wide[used++] = *at >= 'a' && *at <= 'z' ? *at - 'a' + 'A' : *at;
        wide[used++] = ' ';
    }
    if (host[0])
        (void)snprintf(command, sizeof(command), "slipway host approve %s '%s'",
                       host, code);
    else
        (void)snprintf(command, sizeof(command),
                       "slipway host approve '%s' --name NAME", code);
    wide[used] = '\0';
    put_line(console, "", RULE);
    put_line(console, "",
             host[0] ? " This machine waits for approval.  Its code is"
                     : " Nobody has registered this machine.  Its code is");
    put_line(console, "", "");
    put_line(console, "      ", wide);
    put_line(console, "", "");
    put_line(console, "", " An administrator who sees it here says");
    put_line(console, "    ", command);
    put_line(console, "", RULE);
}

/* Bytes a second, or 0 while too little is known. */
static uint64_t measure_rate(struct console *console, uint64_t now_ms,
                             uint64_t bytes_done)
{
    uint64_t span_ms = now_ms - console->rate_began_ms;

    if (bytes_done < console->rate_began_bytes) {
        console->rate_began_ms = now_ms;
        console->rate_began_bytes = bytes_done;
        console->rate = 0;
    } else if (span_ms >= RATE_SPAN_MS) {
        console->rate =
            (bytes_done - console->rate_began_bytes) * 1000 / span_ms;
        console->rate_began_ms = now_ms;
        console->rate_began_bytes = bytes_done;
    }
    return console->rate;
}

static void draw(struct console *console, unsigned permille,
                 uint64_t bytes_done, uint64_t bytes_total, uint64_t rate)
{
    char line[LINE_BYTES], bar[BAR_WIDTH + 1], done[NUM_SIZE_TEXT_BYTES];
    char total[NUM_SIZE_TEXT_BYTES], speed[NUM_SIZE_TEXT_BYTES];
    char bytes[3 * NUM_SIZE_TEXT_BYTES + 16] = "";
    unsigned filled = permille * BAR_WIDTH / 1000;

    memset(bar, '.', BAR_WIDTH);
    memset(bar, '#', filled);
    bar[BAR_WIDTH] = '\0';
    if (bytes_total > 0)
        (void)snprintf(bytes, sizeof(bytes), "  %s of %s",
                       num_format_size(bytes_done, done),
                       num_format_size(bytes_total, total));
    if (bytes_total > 0 && rate > 0) {
        size_t used = strlen(bytes);
        (void)snprintf(bytes + used, sizeof(bytes) - used, ", %s/s",
                       num_format_size(rate, speed));
    }
    int length =
        snprintf(line, sizeof(line), "%s [%s] %3u %%%s  %s", console->step, bar,
                 permille / 10, bytes, console->text);
    size_t used = MIN((size_t)MAX(length, 0), (size_t)110);
    for (size_t i = 0; i < used; i++)
        if ((unsigned char)line[i] < ' ' || line[i] == 0x7f)
            line[i] = '?';
    size_t shown = used;
    /* Spaces wipe the rest of a longer line before. */
    while (used < console->bar_length && console->bar)
        line[used++] = ' ';
    console->bar_length = shown;
    put(console, "\r", 1);
    put(console, line, used);
    console->bar = true;
}

void console_progress(struct console *console, const char *step,
                      unsigned permille, const char *text, uint64_t bytes_done,
                      uint64_t bytes_total)
{
    uint64_t now_ms = loop_now_ms(console->loop);
    bool changed = strcmp(console->step, step) != 0 ||
                   strncmp(console->text, text, sizeof(console->text) - 1) != 0;

    if (strcmp(console->step, step) != 0) {
        if (console->bar)
            put(console, "\r\n", 2);
        console->bar = false;
        console->bar_length = 0;
    }
    (void)snprintf(console->step, sizeof(console->step), "%s", step);
    (void)snprintf(console->text, sizeof(console->text), "%s", text);
    permille = MIN(permille, 1000u);
    uint64_t rate = measure_rate(console, now_ms, bytes_done);
    if (!changed && permille < 1000 &&
        now_ms - console->drawn_ms < PROGRESS_EVERY_MS)
        return;
    console->drawn_ms = now_ms;
    draw(console, permille, bytes_done, bytes_total, rate);
}
