/* SPDX-License-Identifier: Apache-2.0 */
#include "core/server/store/table.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

void table_done(struct table *table)
{
    free(table->entries);
    memset(table, 0, sizeof(*table));
}

/* Index of the first entry that is not less than `key`. */
static size_t lower_bound(const struct table *table, const char *key)
{
    size_t low = 0, high = table->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(table->entries[middle].key, key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool is_at(const struct table *table, size_t i, const char *key)
{
    return i < table->count && strcmp(table->entries[i].key, key) == 0;
}

void *table_find(const struct table *table, const char *key)
{
    size_t i = lower_bound(table, key);
    return is_at(table, i, key) ? table->entries[i].value : NULL;
}

int table_add(struct table *table, const char *key, void *value)
{
    size_t i = lower_bound(table, key);
    if (is_at(table, i, key))
        return -1;
    if (table->count == table->capacity) {
        size_t capacity = table->capacity ? table->capacity * 2 : 16;
        void *entries =
            reallocarray(table->entries, capacity, sizeof(struct table_entry));
        if (!entries)
            return -1;
        table->entries = entries;
        table->capacity = capacity;
    }
    memmove(&table->entries[i + 1], &table->entries[i],
            (table->count - i) * sizeof(struct table_entry));
    table->entries[i] = (struct table_entry){key, value};
    table->count++;
    return 0;
}

void *table_remove(struct table *table, const char *key)
{
    size_t i = lower_bound(table, key);
    if (!is_at(table, i, key))
        return NULL;
    void *value = table->entries[i].value;
    table->count--;
    memmove(&table->entries[i], &table->entries[i + 1],
            (table->count - i) * sizeof(struct table_entry));
    return value;
}

size_t table_after(const struct table *table, const char *key)
{
    if (!key)
        return 0;
    size_t i = lower_bound(table, key);
    return is_at(table, i, key) ? i + 1 : i;
}
