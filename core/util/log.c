/* SPDX-License-Identifier: Apache-2.0 */
/* The log: see log.h. */
#include "core/util/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <jansson.h>

#define LINE_BYTES 1024

static struct {
    const char *program;
    enum log_level level;
    enum log_format format;
    log_sink *sink;
    void *sink_arg;
} settings = {"slipway", LOG_INFO, LOG_FORMAT_TEXT, NULL, NULL};

static _Thread_local const char *context;

static const char *const level_words[] = {"error", "warn", "notice", "info",
                                          "debug"};

void log_open(const char *program, enum log_level level, enum log_format format)
{
    settings.program = program;
    settings.level = level;
    settings.format = format;
}

void log_set_sink(log_sink *sink, void *arg)
{
    settings.sink = sink;
    settings.sink_arg = arg;
}

void log_context(const char *what)
{
    context = what;
}

int log_level_parse(const char *word, enum log_level *ret_level)
{
    for (size_t i = 0; i < ARRAY_LENGTH(level_words); i++) {
        if (strcmp(word, level_words[i]) == 0) {
            *ret_level = (enum log_level)i;
            return 0;
        }
    }
    return -1;
}

/* A peer's bytes must not move the cursor or forge a second line. */
static void blank_controls(char *text)
{
    for (unsigned char *p = (unsigned char *)text; *p; p++)
        if (*p < 0x20 || *p == 0x7f)
            *p = '?';
}

static void timestamp(char *out, size_t size)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    struct tm tm;
    (void)gmtime_r(&now.tv_sec, &tm);
    size_t used = strftime(out, size, "%Y-%m-%dT%H:%M:%S", &tm);
    (void)snprintf(out + used, size - used, ".%03ldZ", now.tv_nsec / 1000000);
}

static void write_json(enum log_level level, const char *time,
                       const char *message)
{
    json_t *line = json_pack("{s:s, s:s, s:s, s:s*, s:s}", "time", time,
                             "level", level_words[level], "program",
                             settings.program, "about", context, "message",
                             message);
    char *text = line ? json_dumps(line, JSON_COMPACT) : NULL;
    if (text)
        (void)fprintf(stderr, "%s\n", text);
    free(text);
    json_decref(line);
}

static void write_line(enum log_level level, char *message)
{
    blank_controls(message);
    if (settings.sink) {
        settings.sink(settings.sink_arg, level, message);
        return;
    }
    char time[40];
    timestamp(time, sizeof(time));
    if (settings.format == LOG_FORMAT_JSON)
        write_json(level, time, message);
    else
        (void)fprintf(stderr, "%s %s %s: %s%s%s\n", time, settings.program,
                      level_words[level], context ? context : "",
                      context ? ": " : "", message);
}

static void PRINTF(2, 0)
    log_va(enum log_level level, const char *format, va_list args)
{
    if (level > settings.level)
        return;
    int saved = errno;
    char message[LINE_BYTES];
    (void)vsnprintf(message, sizeof(message), format, args);
    write_line(level, message);
    errno = saved;
}

void log_at(enum log_level level, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    log_va(level, format, args);
    va_end(args);
}

#define DEFINE_LEVEL(name, level)                                              \
    void name(const char *format, ...)                                         \
    {                                                                          \
        va_list args;                                                          \
        va_start(args, format);                                                \
        log_va(level, format, args);                                           \
        va_end(args);                                                          \
    }

DEFINE_LEVEL(log_error, LOG_ERROR)
DEFINE_LEVEL(log_warn, LOG_WARN)
DEFINE_LEVEL(log_notice, LOG_NOTICE)
DEFINE_LEVEL(log_info, LOG_INFO)
DEFINE_LEVEL(log_debug, LOG_DEBUG)
