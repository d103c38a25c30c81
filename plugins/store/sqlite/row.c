/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of the log and their check sums. */
#include <stdlib.h>
#include <string.h>

#include "sqlite.h"

static uint64_t add_bytes(uint64_t sum, const void *data, uint64_t length)
{
    const unsigned char *p = data;
    for (uint64_t i = 0; i < length; i++)
        sum = (sum ^ p[i]) * UINT64_C(0x100000001b3);
    return sum;
}

static uint64_t add_number(uint64_t sum, uint64_t number)
{
    unsigned char bytes[8];
    for (unsigned i = 0; i < 8; i++)
        bytes[i] = (unsigned char)(number >> (8 * i));
    return add_bytes(sum, bytes, sizeof(bytes));
}

/* FNV-1a of 64 bits: each step can be undone, so two rows that differ in one
 * byte never have the same sum.  SQLite itself does not check values. */
uint64_t row_sum(const struct row *row)
{
    uint64_t sum = UINT64_C(0xcbf29ce484222325);
    sum = add_number(sum, row->revision);
    sum = add_number(sum, row->seq);
    sum = add_number(sum, row->op);
    sum = add_number(sum, row->create_revision);
    sum = add_number(sum, row->lease);
    sum = add_bytes(sum, row->key, strlen(row->key) + 1);
    return add_bytes(sum, row->value, row->length);
}

int row_read(struct database *db, sqlite3_stmt *statement, int first,
             struct row *ret)
{
    const unsigned char *key = sqlite3_column_text(statement, first);
    *ret = (struct row){
        .key = key ? (const char *)key : "",
        .revision = (uint64_t)sqlite3_column_int64(statement, first + 1),
        .seq = (uint64_t)sqlite3_column_int64(statement, first + 2),
        .op = (uint32_t)sqlite3_column_int64(statement, first + 3),
        .create_revision = (uint64_t)sqlite3_column_int64(statement, first + 4),
        .lease = (uint64_t)sqlite3_column_int64(statement, first + 5),
        .value = sqlite3_column_blob(statement, first + 6),
        .length = (uint64_t)sqlite3_column_bytes(statement, first + 6),
        .sum = (uint64_t)sqlite3_column_int64(statement, first + 7),
    };
    if (!ret->value)
        ret->value = "";
    if (!key || row_sum(ret) != ret->sum)
        return database_damaged(db, key ? ret->key : "a key that is lost");
    return SQLITE_OK;
}

void item_copy(const struct row *row, struct slipway_store_item *ret)
{
    char *value = must(malloc(row->length + 1));
    memcpy(value, row->value, row->length);
    value[row->length] = 0;
    bool gone = row->op == SLIPWAY_STORE_DELETE;
    *ret = (struct slipway_store_item){
        .size = sizeof(*ret),
        .create_revision = gone ? 0 : row->create_revision,
        .revision = gone ? 0 : row->revision,
        .length = row->length,
        .lease = row->lease,
        .key = must(strdup(row->key)),
        .value = value,
    };
}

void item_done(struct slipway_store_item *item)
{
    free((void *)(uintptr_t)item->key);
    free((void *)(uintptr_t)item->value);
}
