/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers in text: see num.h. */
#include "core/util/num.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static int digit_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return 99;
}

/* Reads digits from *text on; false when there is none or it overflows. */
static bool read_digits(const char **text, unsigned base, uint64_t *ret_value)
{
    const char *p = *text;
    uint64_t value = 0;
    for (; (unsigned)digit_value(*p) < base; p++) {
        uint64_t next;
        if (__builtin_mul_overflow(value, (uint64_t)base, &next) ||
            __builtin_add_overflow(next, (uint64_t)digit_value(*p), &value))
            return false;
    }
    if (p == *text)
        return false;
    *text = p;
    *ret_value = value;
    return true;
}

int num_parse_u64(const char *text, uint64_t min, uint64_t max,
                  uint64_t *ret_value, struct err *err)
{
    const char *p = text;
    uint64_t value;
    if (!read_digits(&p, 10, &value) || *p)
        return err_set(err, ERR_INVALID, "'%s' is not a whole number", text);
    if (value < min || value > max)
        return err_set(err, ERR_INVALID,
                       "%s is outside the range %" PRIu64 " to %" PRIu64, text,
                       min, max);
    *ret_value = value;
    return 0;
}

int num_parse_hex(const char *text, uint64_t max, uint64_t *ret_value,
                  struct err *err)
{
    const char *p = text;
    uint64_t value;
    if (!read_digits(&p, 16, &value) || *p || value > max)
        return err_set(err, ERR_INVALID,
                       "'%s' is not a hexadecimal number up to %" PRIx64, text,
                       max);
    *ret_value = value;
    return 0;
}

struct unit {
    const char *name;
    uint64_t factor;
};

static int parse_with_units(const char *text, const struct unit *units,
                            size_t count, const char *what,
                            uint64_t *ret_value, struct err *err)
{
    const char *p = text;
    uint64_t value;
    if (!read_digits(&p, 10, &value))
        return err_set(err, ERR_INVALID, "'%s' is not %s", text, what);
    p += strspn(p, " ");
    for (size_t i = 0; i < count; i++) {
        if (strcmp(p, units[i].name) != 0)
            continue;
        if (__builtin_mul_overflow(value, units[i].factor, &value))
            return err_set(err, ERR_INVALID, "'%s' is too large", text);
        *ret_value = value;
        return 0;
    }
    return err_set(err, ERR_INVALID, "'%s' is not %s", text, what);
}

int num_parse_size(const char *text, uint64_t *ret_bytes, struct err *err)
{
    static const struct unit units[] = {
        {"", 1},
        {"B", 1},
        {"KiB", UINT64_C(1) << 10},
        {"MiB", UINT64_C(1) << 20},
        {"GiB", UINT64_C(1) << 30},
        {"TiB", UINT64_C(1) << 40},
        {"kB", 1000},
        {"KB", 1000},
        {"MB", 1000000},
        {"GB", 1000000000},
        {"TB", UINT64_C(1000000000000)},
    };
    return parse_with_units(text, units, ARRAY_LENGTH(units),
                            "a size like '8 GiB'", ret_bytes, err);
}

int num_parse_duration(const char *text, uint64_t *ret_ms, struct err *err)
{
    static const struct unit units[] = {
        {"ms", 1},       {"s", 1000},        {"m", 60000},
        {"h", 3600000}, {"d", UINT64_C(86400000)},
    };
    return parse_with_units(text, units, ARRAY_LENGTH(units),
                            "a time like '30s' or '5m'", ret_ms, err);
}

const char *num_format_size(uint64_t bytes, char out[NUM_SIZE_TEXT_BYTES])
{
    static const char *const names[] = {"B",   "KiB", "MiB",
                                        "GiB", "TiB", "PiB"};
    double value = (double)bytes;
    size_t unit = 0;
    while (value >= 1024 && unit + 1 < ARRAY_LENGTH(names)) {
        value /= 1024;
        unit++;
    }
    (void)snprintf(out, NUM_SIZE_TEXT_BYTES, unit ? "%.1f %s" : "%.0f %s",
                   value, names[unit]);
    return out;
}
