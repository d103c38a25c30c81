/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A store plugin in memory, for tests under virtual time.  What was written
 * survives closing, like a disk.  It can pull the plug: at a chosen write the
 * store stops answering for good, with that write done or not.
 */
#ifndef TESTS_LIB_MEMORY_STORE_H
#define TESTS_LIB_MEMORY_STORE_H

#include <stdbool.h>

#include <slipway/store.h>

extern const struct slipway_store_plugin memory_store;

/* Forgets everything. */
void memory_store_reset(void);
/* The `count`th transaction from now is the last: `done` tells whether it
 * still happens.  0 = never. */
void memory_store_kill_at(unsigned count, bool done);
/* True once the plug was pulled; opening the store puts it in again. */
bool memory_store_dead(void);
/* The next `count` transactions are UNAVAILABLE. */
void memory_store_refuse(unsigned count);
/* Transactions that were done so far. */
unsigned memory_store_writes(void);
/* The value of a key, or NULL; and how many keys begin with `prefix`. */
const char *memory_store_value(const char *key);
unsigned memory_store_count(const char *prefix);

#endif
