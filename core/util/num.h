/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers in text: the whole text, in range, or an error that says so. */
#ifndef CORE_UTIL_NUM_H
#define CORE_UTIL_NUM_H

#include "core/util/err.h"

/* Decimal digits only, min <= value <= max. */
int num_parse_u64(const char *text, uint64_t min, uint64_t max,
                  uint64_t *ret_value, struct err *err);
/* The same for `base` 16 without a prefix. */
int num_parse_hex(const char *text, uint64_t max, uint64_t *ret_value,
                  struct err *err);
/* "512", "8 GiB", "8GB", "100 MiB": bytes; binary with i, decimal without. */
int num_parse_size(const char *text, uint64_t *ret_bytes, struct err *err);
/* "30s", "5m", "2h", "1d" or plain milliseconds with "ms". */
int num_parse_duration(const char *text, uint64_t *ret_ms, struct err *err);

#define NUM_SIZE_TEXT_BYTES 24
/* "8.0 GiB" into `out`; returns `out`. */
const char *num_format_size(uint64_t bytes, char out[NUM_SIZE_TEXT_BYTES]);

#endif
