/* SPDX-License-Identifier: Apache-2.0 */
/* What store.c (life, reading) and store-write.c (changes) share. */
#ifndef CORE_SERVER_STORE_STORE_INTERNAL_H
#define CORE_SERVER_STORE_STORE_INTERNAL_H

#include "core/server/store/store.h"

#define STORE_SLOTS 32 /* changes on their way at one time; others wait */

struct store_slot {
    char key[96];
    uint64_t revision; /* as far as we know; 0 = not there yet */
    bool busy;
};

/* One request under way.  All are on a list, so that store_free finds them. */
struct request_link {
    struct request_link *next;
    struct request_link *previous;
    void (*destroy)(struct request_link *link);
};

struct store {
    struct loop *loop;
    const struct slipway_store_plugin *plugin;
    struct slipway_store_host host;
    void *handle;
    char writer[64];
    struct request_link live; /* list head */
    struct store_slot slots[STORE_SLOTS];
    bool slots_known;
    bool slots_asked;
    struct loop_timer *slots_timer;
    struct change_set *waiting; /* for a slot, oldest first */
    struct change_set **waiting_end;
};

void store_link_add(struct store *store, struct request_link *link);
void store_link_remove(struct request_link *link);
/* The sentence and code for a plugin's result about `key`. */
void store_failure(struct err *err, uint32_t result, const char *key,
                   const char *sentence);

#endif
