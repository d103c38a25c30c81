/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parts of slipway-engine-build, which makes the engine's unified kernel image
 * from a kernel package, the engine's files and the site's public trust file.
 * A short-lived program on one thread; everything it holds lives until it
 * ends.  The same input gives the same bytes.
 */
#ifndef CORE_ENGINE_BUILD_BUILD_H
#define CORE_ENGINE_BUILD_BUILD_H

#include <stdbool.h>
#include <sys/types.h>

#include <jansson.h>

#include "core/util/buf.h"
#include "core/util/err.h"

/* Largest file that is read into memory, and most files of a package. */
#define BUILD_FILE_MAX ((size_t)256 << 20)
#define BUILD_FILES_MAX 100000

/* ------------------------------------------------------------ tree.c */

/* One regular file of a package or folder; its bytes lie in a spool file. */
struct tree_file {
    char *path; /* from the top, without "./": "lib/modules/V/..." */
    uint64_t offset;
    uint64_t length;
};

/* A set of files, sorted by path once it is complete. */
struct tree {
    struct tree_file *files;
    size_t count;
    size_t capacity;
    int spool_fd;
    uint64_t spool_length;
    int64_t newest_s; /* latest time in a package; 0 for a folder */
};

typedef bool tree_wanted(const char *path);

/* The wanted files of a Debian package (deb(5): ar, data.tar.*). */
int tree_from_package(const char *package, tree_wanted *wanted,
                      struct tree *ret, struct err *err);
/* The same of an unpacked folder, whose files get `prefix` before their paths;
 * symbolic links are not followed. */
int tree_from_folder(const char *folder, const char *prefix,
                     tree_wanted *wanted, struct tree *ret, struct err *err);
void tree_done(struct tree *tree);
/* The file's bytes; `ret` is emptied first. */
int tree_read(const struct tree *tree, const struct tree_file *file,
              struct buf *ret, struct err *err);

/* --------------------------------------------------------- modules.c */

/* What a module says about itself in its .modinfo section. */
struct module {
    char *name; /* "virtio_net": '-' written as '_' */
    const struct tree_file *file;
    json_t *depends;  /* array of names */
    json_t *aliases;  /* array of patterns */
    json_t *firmware; /* array of file names below /lib/firmware */
    const char *kind; /* from the list, "" for a dependency */
    bool needs_firmware;
    bool chosen;
};

struct module_set {
    struct module *modules; /* sorted by name */
    size_t count;
    size_t chosen;
};

/* Reads every module of the tree, then marks those that the list file names
 * and all that they depend on. */
int modules_choose(const struct tree *tree, const char *list_path,
                   struct module_set *ret, struct err *err);
void module_set_done(struct module_set *set);
/* The index that the engine loads modules by (core/engine/init/modules.h). */
int modules_index(const struct module_set *set, struct buf *ret,
                  struct err *err);

/* --------------------------------------------------------- library.c */

/* Where the build machine (or a sysroot) keeps shared libraries. */
struct library_search {
    const char *sysroot; /* "" = this machine */
    const char *machine; /* "x86_64" */
};

/*
 * Names of files that an ELF file needs: its NEEDED entries, and its program
 * interpreter with a leading '/'.  Appended to the array `names`, once each.
 */
int library_needed(const char *path, json_t *names, struct err *err);
/* Finds a library of the right machine; `ret_path` is the caller's. */
int library_find(const struct library_search *search, const char *name,
                 char **ret_path, struct err *err);

/* ------------------------------------------------------------ cpio.c */

/* An initramfs in memory: cpio "newc" entries with time 0, owner root, and
 * inode numbers in order, so that equal content gives equal bytes. */
struct cpio {
    struct buf data;
    json_t *folders; /* made so far */
    unsigned inode;
};

void cpio_init(struct cpio *cpio);
void cpio_done(struct cpio *cpio);
/* Parents are made as needed. */
int cpio_add_file(struct cpio *cpio, const char *path, unsigned mode,
                  const void *data, size_t length, struct err *err);
int cpio_add_link(struct cpio *cpio, const char *path, const char *target,
                  struct err *err);
int cpio_add_folder(struct cpio *cpio, const char *path, struct err *err);
int cpio_add_device(struct cpio *cpio, const char *path, unsigned major,
                    unsigned minor, struct err *err);
int cpio_finish(struct cpio *cpio, struct err *err);

/* -------------------------------------------------------- compress.c */

/* zstd at the highest ordinary level, or xz with the x86 filter and the one
 * check that the kernel's decoder knows (CRC32). */
int compress_zstd(const struct buf *plain, struct buf *ret, struct err *err);
int compress_xz(const struct buf *plain, bool x86, struct buf *ret,
                struct err *err);

/* -------------------------------------------------------------- pe.c */

struct pe_section {
    const char *name; /* at most 8 bytes */
    const void *data;
    size_t length;
};

/*
 * Appends sections to a PE32+ image (Microsoft PE/COFF specification, section
 * tables): each at the next free page after the last, readable data.
 */
int pe_append(const struct buf *image, const struct pe_section *sections,
              size_t count, struct buf *ret, struct err *err);
/* 0 when sections can be appended to this image. */
int pe_check(const struct buf *image, struct err *err);

#endif
