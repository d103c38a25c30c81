/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an installed disk would boot: kernel, initrd and command line, from the
 * disk's own boot loader configuration.  The parsers are pure and take bytes
 * that anybody may have written; the search reads below descriptors of mounted
 * file systems and leaves none of them.
 *
 * Nothing is guessed: a configuration that chooses its entry in a way that is
 * not followed here is an error, and the firmware starts the disk instead.
 */
#ifndef CORE_ENGINE_HANDOFF_INSTALLED_H
#define CORE_ENGINE_HANDOFF_INSTALLED_H

#include <stdbool.h>

#include "core/util/buf.h"
#include "core/util/err.h"

#define INSTALLED_PATH_BYTES 256
#define INSTALLED_LINE_BYTES 2048 /* COMMAND_LINE_SIZE of Linux on x86 */
#define INSTALLED_INITRDS_MAX 4
#define INSTALLED_NAME_BYTES 128
#define INSTALLED_CONFIG_MAX (256 * 1024) /* a grub.cfg with many kernels */
#define INSTALLED_FS_MAX 16

/* One way to start the installed system. */
struct installed_entry {
    char title[INSTALLED_NAME_BYTES];
    char fs_uuid[64]; /* of the file system that has the files; "" = the one
                         that has the configuration */
    char kernel[INSTALLED_PATH_BYTES]; /* from that file system's top */
    char initrd[INSTALLED_INITRDS_MAX][INSTALLED_PATH_BYTES];
    size_t initrd_count;
    char line[INSTALLED_LINE_BYTES];
    bool unified; /* `kernel` is a unified kernel image: it has all three */
};

/* ---- GRUB's variables, the command line (installed-line.c) ---- */

/* A variable of GRUB's environment block, NULL = no block: 0, or
 * ERR_NOT_FOUND. */
int installed_grubenv_find(const struct buf *env, const char *name, char *out,
                           size_t size);
/*
 * Adds one word.  A word that is a variable becomes its value in `env`, or
 * nothing; a variable inside of a word is ERR_UNSUPPORTED.
 */
int installed_line_add(struct installed_entry *entry, const char *word,
                       const struct buf *env, struct err *err);
/* Copies a path of an entry: absolute afterwards, GRUB's own prefix "($root)"
 * removed.  ERR_UNSUPPORTED when it names another device or a variable. */
int installed_path_copy(const char *path, char out[INSTALLED_PATH_BYTES],
                        struct err *err);

/* ---- grub.cfg (installed-grub.c) ---- */

/*
 * The entry that GRUB would start by itself; `env` is its environment block
 * or NULL.  ERR_NOT_APPLICABLE when the configuration has no entries of its
 * own, which is so where GRUB reads loader/entries (blscfg).
 */
int installed_grub_parse(const char *text, size_t length, const struct buf *env,
                         struct installed_entry *ret, struct err *err);
/* ---- the Boot Loader Specification (installed-loader.c) ---- */

/* loader/entries/NAME.conf (type 1).  `env` expands $kernelopts; may be NULL.
 * `sort` gets what the entry is ordered by, the greatest is the default. */
int installed_loader_parse(const char *text, size_t length,
                           const struct buf *env, struct installed_entry *ret,
                           char sort[INSTALLED_NAME_BYTES], struct err *err);
/* The `default` of loader/loader.conf, a shell pattern; "" = none. */
void installed_loader_default(const char *text, size_t length,
                              char ret[INSTALLED_NAME_BYTES]);

/* ---- unified kernel images (installed-uki.c) ---- */

struct installed_piece {
    uint64_t offset; /* in the file */
    uint64_t length; /* 0 = there is none */
};

struct installed_uki {
    struct installed_piece kernel;
    struct installed_piece initrd;
    struct installed_piece line;
};

/* Finds the sections of a PE file from its first bytes.  ERR_NOT_APPLICABLE:
 * it is a program, but no unified kernel image. */
int installed_uki_parse(const uint8_t *head, size_t length, uint64_t file_bytes,
                        struct installed_uki *ret, struct err *err);
struct installed_fs;
/* The unified kernel image at a path of a mounted file system: a descriptor
 * that the caller closes, and where its sections are. */
int installed_uki_open(const struct installed_fs *fs, const char *path,
                       struct installed_uki *ret, struct err *err);
/* "6.1.0-56-amd64" from the head of an x86 kernel, "" when it has none
 * (Documentation/x86/boot.rst, field kernel_version). */
void installed_kernel_version(const uint8_t *head, size_t length,
                              char ret[INSTALLED_NAME_BYTES]);

/* ---- the search (installed-find.c) ---- */

/* A partition of the disk; root_fd -1 = it is not mounted. */
struct installed_fs {
    int root_fd;
    char node[64]; /* "/dev/vda2" */
    char type[24]; /* "ext4", "LVM2_member", ... */
    char uuid[64];
    char label[64];
    char part_uuid[64];
    char part_label[64];
};

struct installed_disk {
    struct installed_fs fs[INSTALLED_FS_MAX];
    size_t count;
};

/* A file below the top of a mounted file system; links stay inside it.  Only
 * regular files.  The caller closes it. */
int installed_open(const struct installed_fs *fs, const char *path,
                   struct err *err);
/*
 * The entry that the disk would boot, and which file system has its files.  It
 * is checked that its root= is on this very disk.
 */
int installed_find(const struct installed_disk *disk,
                   struct installed_entry *ret, const struct installed_fs **fs,
                   struct err *err);

#endif
