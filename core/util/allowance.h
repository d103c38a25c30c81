/* SPDX-License-Identifier: Apache-2.0 */
/* So many in so long a time: for lines and events that a flood of packets
 * must not turn into a flood of their own. */
#ifndef CORE_UTIL_ALLOWANCE_H
#define CORE_UTIL_ALLOWANCE_H

#include <stdbool.h>
#include <stdint.h>

struct allowance {
    uint64_t since_ms; /* the present span's begin; 0 = none yet */
    unsigned taken;    /* in it */
};

/* Takes one of the `most` that may be had in each `span_ms`; false = there is
 * none left now. */
static inline bool allowance_take(struct allowance *a, uint64_t now_ms,
                                  unsigned most, uint64_t span_ms)
{
    if (a->since_ms == 0 || now_ms - a->since_ms >= span_ms)
        *a = (struct allowance){.since_ms = now_ms};
    if (a->taken >= most)
        return false;
    a->taken++;
    return true;
}

#endif
