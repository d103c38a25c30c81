/* SPDX-License-Identifier: Apache-2.0 */
/* PCRE2 patterns, compiled once, with limits that bound every match. */
#ifndef CORE_UTIL_PATTERN_H
#define CORE_UTIL_PATTERN_H

#include <stdbool.h>

#include "core/util/err.h"

struct pattern;

struct pattern *pattern_new(const char *text, struct err *err);
void pattern_free(struct pattern *pattern);
/* A match that runs into a limit counts as none. */
bool pattern_matches(const struct pattern *pattern, const char *subject);

#endif
