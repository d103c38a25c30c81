/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The log: one line an event on standard error, or one JSON object a line.
 * Text is full sentences without a final stop, values in single quotes.  All
 * calls keep errno and may come from any thread.
 */
#ifndef CORE_UTIL_LOG_H
#define CORE_UTIL_LOG_H

#include <slipway/plugin.h>

#include "core/util/macros.h"

enum log_level {
    LOG_ERROR = SLIPWAY_LOG_ERROR,
    LOG_WARN = SLIPWAY_LOG_WARN,
    LOG_NOTICE = SLIPWAY_LOG_NOTICE,
    LOG_INFO = SLIPWAY_LOG_INFO,
    LOG_DEBUG = SLIPWAY_LOG_DEBUG,
};

enum log_format { LOG_FORMAT_TEXT, LOG_FORMAT_JSON };

/* Receives every finished line in place of standard error. */
typedef void log_sink(void *arg, enum log_level level, const char *line);

/* Process-wide settings, made once at start before other threads exist.
 * `program` is kept by reference. */
void log_open(const char *program, enum log_level level,
              enum log_format format);
void log_set_sink(log_sink *sink, void *arg);

/* Names what the calling thread is working on; NULL clears.  Kept by
 * reference: "host 'lab-01'". */
void log_context(const char *what);

void log_at(enum log_level level, const char *format, ...) PRINTF(2, 3);
void log_error(const char *format, ...) PRINTF(1, 2);
void log_warn(const char *format, ...) PRINTF(1, 2);
void log_notice(const char *format, ...) PRINTF(1, 2);
void log_info(const char *format, ...) PRINTF(1, 2);
void log_debug(const char *format, ...) PRINTF(1, 2);

/* 0 and the level for "error", "warn", "notice", "info", "debug"; else -1. */
int log_level_parse(const char *word, enum log_level *ret_level);

#endif
