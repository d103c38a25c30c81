/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A store plugin that wraps another one and makes its life hard: it delays
 * completions, refuses changes with UNAVAILABLE, and answers UNKNOWN, half of
 * the time after having done what was asked and half of the time without.
 * For tests of what uses a store.  One seed is one run.
 */
#ifndef TESTS_LIB_FAULTY_STORE_H
#define TESTS_LIB_FAULTY_STORE_H

#include <slipway/store.h>

struct faulty_store_spec {
    uint64_t seed;
    uint32_t unknown_permille;     /* of txn, campaign, lease requests */
    uint32_t unavailable_permille; /* of all requests but watches */
    uint64_t delay_max_ms;         /* of each completion; order is kept */
};

/* What was done so far, for a test to see that it tested something. */
struct faulty_store_counts {
    uint64_t unknown_done;
    uint64_t unknown_not_done;
    uint64_t unavailable;
};

/*
 * The wrapper around `inner`, which outlives it.  There is one at a time: a
 * descriptor has no room for a context.  Set the spec before or after open.
 */
const struct slipway_store_plugin *
faulty_store(const struct slipway_store_plugin *inner);
void faulty_store_set(const struct faulty_store_spec *spec);
struct faulty_store_counts faulty_store_counts(void);

#endif
