/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A sorted table from text to pointers: found by key, walked in key order,
 * which is also the order of lists in REST.  A few thousand entries; insertion
 * moves pointers.  Keys are borrowed: they lie inside what they name.
 */
#ifndef CORE_SERVER_STORE_TABLE_H
#define CORE_SERVER_STORE_TABLE_H

#include <stddef.h>

struct table_entry {
    const char *key;
    void *value;
};

struct table {
    struct table_entry *entries;
    size_t count;
    size_t capacity;
};

/* Frees the table, not what it points to. */
void table_done(struct table *table);
/* NULL when there is none. */
void *table_find(const struct table *table, const char *key);
/* 0, or -1 when the key is there already or memory ran out. */
int table_add(struct table *table, const char *key, void *value);
/* What was removed, or NULL. */
void *table_remove(struct table *table, const char *key);
/* Index of the first entry whose key is greater than `key` (NULL = 0). */
size_t table_after(const struct table *table, const char *key);

#endif
