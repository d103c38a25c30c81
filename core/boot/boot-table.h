/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The published boot files: which names a booting machine may ask for and
 * what each one is.  Nothing is ever joined from a name of the wire: a name
 * either stands in the table or does not exist.  The table lives on the loop;
 * workers have a copy that is rebuilt from its JSON form.
 */
#ifndef CORE_BOOT_BOOT_TABLE_H
#define CORE_BOOT_BOOT_TABLE_H

#include <stdbool.h>

#include <jansson.h>

#include "core/util/crypto.h"
#include "core/util/err.h"

#define BOOT_NAME_BYTES 65 /* [a-z0-9][a-z0-9._-]{0,63} */
#define BOOT_PATH_BYTES 256
#define BOOT_TABLE_MAX 1024 /* names; a table fits one message to a worker */

/* The folder that a file's path is relative to. */
enum boot_root {
    BOOT_ROOT_STATE, /* `state_dir`/boot: engine builds */
    BOOT_ROOT_DATA,  /* $(pkgdatadir)/boot: files of arch plugins */
    BOOT_ROOTS,
};

struct boot_file {
    char name[BOOT_NAME_BYTES];
    char path[BOOT_PATH_BYTES]; /* components below the root */
    enum boot_root root;
    uint64_t length;
    struct digest digest; /* SHA-256 of the content */
    bool immutable;       /* this name never gets another content */
};

struct boot_table;

struct boot_table *boot_table_new(void); /* NULL = no memory */
void boot_table_free(struct boot_table *table);

bool boot_name_ok(const char *name);
/* Adds the file or replaces the one of that name.  ERR_INVALID for a bad name
 * or path, ERR_CONFLICT for another content under an immutable name,
 * ERR_TOO_BIG when the table is full. */
int boot_table_put(struct boot_table *table, const struct boot_file *file,
                   struct err *err);
/* False when there was none. */
bool boot_table_remove(struct boot_table *table, const char *name);
/* Borrowed until the table changes; NULL = no such name. */
const struct boot_file *boot_table_find(const struct boot_table *table,
                                        const char *name);
size_t boot_table_count(const struct boot_table *table);
/* In order of names; index < count. */
const struct boot_file *boot_table_at(const struct boot_table *table,
                                      size_t index);

/* Calls fn(arg) after every change; one listener (the workers). */
void boot_table_listen(struct boot_table *table, void (*fn)(void *arg),
                       void *arg);

/* [{"name", "root", "path", "length", "sha256", "immutable"}, ...]; the caller
 * owns it; NULL = no memory. */
json_t *boot_table_to_json(const struct boot_table *table);
/* Replaces the whole content; nothing changes on failure. */
int boot_table_from_json(struct boot_table *table, const json_t *json,
                         struct err *err);

/*
 * Opens the file read-only below roots[file->root], following no symbolic
 * link, and checks that it is a regular file of the stated length.  The
 * descriptor is the caller's; negative with err on failure.
 */
int boot_file_open(const struct boot_file *file, const int roots[BOOT_ROOTS],
                   struct err *err);

#endif
