/* SPDX-License-Identifier: Apache-2.0 */
#include "core/engine/build/build.h"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <fts.h>
#include <string.h>
#include <sys/stat.h>

#include "core/util/file.h"

static int spool_open(struct tree *tree, struct err *err)
{
    memset(tree, 0, sizeof(*tree));
    const char *folder = getenv("TMPDIR");
    if (!folder || !*folder)
        folder = "/tmp";
    tree->spool_fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (tree->spool_fd >= 0)
        return 0;
    /* Not every file system has nameless files. */
    AUTO_FREE char *name = NULL;
    if (asprintf(&name, "%s/slipway-build.XXXXXX", folder) < 0) {
        name = NULL;
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    }
    tree->spool_fd = mkstemp(name);
    if (tree->spool_fd < 0)
        return err_set_errno(err, ERR_IO, errno,
                             "cannot make a temporary file in '%s'", folder);
    (void)unlink(name); /* still there for us through its descriptor */
    return 0;
}

void tree_done(struct tree *tree)
{
    for (size_t i = 0; i < tree->count; i++)
        free(tree->files[i].path);
    free(tree->files);
    if (tree->spool_fd >= 0)
        (void)close(tree->spool_fd);
    memset(tree, 0, sizeof(*tree));
    tree->spool_fd = -1;
}

static int tree_add(struct tree *tree, const char *path, struct err *err)
{
    if (tree->count == BUILD_FILES_MAX)
        return err_set(err, ERR_TOO_BIG,
                       "there are more than %d files, which is no kernel",
                       BUILD_FILES_MAX);
    if (tree->count == tree->capacity) {
        size_t capacity = tree->capacity ? tree->capacity * 2 : 256;
        struct tree_file *files =
            reallocarray(tree->files, capacity, sizeof(*files));
        if (!files)
            return err_set(err, ERR_NO_MEMORY, "out of memory");
        tree->files = files;
        tree->capacity = capacity;
    }
    char *copy = strdup(path);
    if (!copy)
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    tree->files[tree->count++] =
        (struct tree_file){.path = copy, .offset = tree->spool_length};
    return 0;
}

/* Bytes of the file that was added last. */
static int spool_write(struct tree *tree, const void *data, size_t length,
                       struct err *err)
{
    struct tree_file *file = &tree->files[tree->count - 1];
    if (length > BUILD_FILE_MAX - file->length)
        return err_set(err, ERR_TOO_BIG, "'%s' is larger than %zu MiB",
                       file->path, BUILD_FILE_MAX >> 20);
    if (file_pwrite_all(tree->spool_fd, data, length, tree->spool_length, err))
        return err_prefix(err, "temporary file: ");
    file->length += length;
    tree->spool_length += length;
    return 0;
}

static int by_path(const void *a, const void *b)
{
    return strcmp(((const struct tree_file *)a)->path,
                  ((const struct tree_file *)b)->path);
}

static void tree_sort(struct tree *tree)
{
    if (tree->count)
        qsort(tree->files, tree->count, sizeof(*tree->files), by_path);
}

/* ------------------------------------------------------ Debian package */

static int archive_fail(struct err *err, struct archive *archive,
                        const char *package)
{
    const char *text = archive_error_string(archive);
    return err_set(err, ERR_CORRUPT,
                   "'%s' cannot be read as a Debian package: %s", package,
                   text ? text : "unknown reason");
}

/* The member data.tar.* of the outer ar archive, as libarchive reads it. */
struct member {
    struct archive *outer;
    const void *block;
    size_t length;
};

static la_ssize_t member_read(struct archive *inner, void *arg,
                              const void **ret_block)
{
    struct member *member = arg;
    la_int64_t offset = 0;
    int rc = archive_read_data_block(member->outer, &member->block,
                                     &member->length, &offset);
    (void)inner;
    if (rc == ARCHIVE_EOF)
        return 0;
    if (rc != ARCHIVE_OK)
        return -1;
    *ret_block = member->block;
    return (la_ssize_t)member->length;
}

static int spool_entry(struct tree *tree, struct archive *archive,
                       struct archive_entry *entry, const char *path,
                       const char *package, struct err *err)
{
    int rc = tree_add(tree, path, err);
    if (rc)
        return rc;
    if (archive_entry_mtime_is_set(entry))
        tree->newest_s =
            MAX(tree->newest_s, (int64_t)archive_entry_mtime(entry));
    for (;;) {
        const void *block = NULL;
        size_t length = 0;
        la_int64_t offset = 0;
        int got = archive_read_data_block(archive, &block, &length, &offset);
        if (got == ARCHIVE_EOF)
            return 0;
        if (got != ARCHIVE_OK)
            return archive_fail(err, archive, package);
        rc = spool_write(tree, block, length, err);
        if (rc)
            return rc;
    }
}

static int spool_data(struct tree *tree, struct archive *inner,
                      tree_wanted *wanted, const char *package, struct err *err)
{
    for (;;) {
        struct archive_entry *entry = NULL;
        int got = archive_read_next_header(inner, &entry);
        if (got == ARCHIVE_EOF)
            return 0;
        if (got != ARCHIVE_OK)
            return archive_fail(err, inner, package);
        const char *path = archive_entry_pathname(entry);
        if (!path || archive_entry_filetype(entry) != AE_IFREG)
            continue;
        if (!strncmp(path, "./", 2))
            path += 2;
        if (!strncmp(path, "usr/lib/", 8)) /* Debian 13 and later */
            path += 4;
        if (!wanted(path))
            continue;
        int rc = spool_entry(tree, inner, entry, path, package, err);
        if (rc)
            return rc;
    }
}

static int read_data_member(struct tree *tree, struct archive *outer,
                            tree_wanted *wanted, const char *package,
                            struct err *err)
{
    struct member member = {.outer = outer};
    struct archive *inner = archive_read_new();
    if (!inner)
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    archive_read_support_filter_all(inner);
    archive_read_support_format_tar(inner);
    int rc = 0;
    if (archive_read_open(inner, &member, NULL, member_read, NULL))
        rc = archive_fail(err, inner, package);
    else
        rc = spool_data(tree, inner, wanted, package, err);
    archive_read_free(inner);
    return rc;
}

static int read_package(struct tree *tree, struct archive *outer,
                        tree_wanted *wanted, const char *package,
                        struct err *err)
{
    for (;;) {
        struct archive_entry *entry = NULL;
        int got = archive_read_next_header(outer, &entry);
        if (got == ARCHIVE_EOF)
            return err_set(err, ERR_CORRUPT,
                           "'%s' has no data.tar inside, so it is not a "
                           "Debian package",
                           package);
        if (got != ARCHIVE_OK)
            return archive_fail(err, outer, package);
        const char *name = archive_entry_pathname(entry);
        if (name && !strncmp(name, "data.tar", 8))
            return read_data_member(tree, outer, wanted, package, err);
    }
}

int tree_from_package(const char *package, tree_wanted *wanted,
                      struct tree *ret, struct err *err)
{
    struct tree tree;
    int rc = spool_open(&tree, err);
    if (rc)
        return rc;
    struct archive *outer = archive_read_new();
    if (!outer) {
        tree_done(&tree);
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    }
    archive_read_support_format_ar(outer);
    if (archive_read_open_filename(outer, package, 1 << 16))
        rc = archive_fail(err, outer, package);
    else
        rc = read_package(&tree, outer, wanted, package, err);
    archive_read_free(outer);
    if (rc) {
        tree_done(&tree);
        return rc;
    }
    tree_sort(&tree);
    *ret = tree;
    return 0;
}

/* -------------------------------------------------------------- folder */

static int spool_file(struct tree *tree, const char *from, const char *path,
                      struct err *err)
{
    AUTO_CLOSE int fd = open(from, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return err_set_errno(err, ERR_IO, errno, "cannot open '%s'", from);
    int rc = tree_add(tree, path, err);
    if (rc)
        return rc;
    for (;;) {
        char block[1 << 16];
        ssize_t got = read(fd, block, sizeof(block));
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return err_set_errno(err, ERR_IO, errno, "cannot read '%s'", from);
        if (got == 0)
            return 0;
        rc = spool_write(tree, block, (size_t)got, err);
        if (rc)
            return rc;
    }
}

static int walk_folder(struct tree *tree, FTS *walk, const char *folder,
                       const char *prefix, tree_wanted *wanted, struct err *err)
{
    size_t skip = strlen(folder);
    FTSENT *entry = NULL;
    while ((entry = fts_read(walk))) {
        if (entry->fts_info == FTS_DNR || entry->fts_info == FTS_ERR ||
            entry->fts_info == FTS_NS)
            return err_set_errno(err, ERR_IO, entry->fts_errno,
                                 "cannot read '%s'", entry->fts_path);
        if (entry->fts_info != FTS_F)
            continue;
        const char *path = entry->fts_path + skip;
        path += strspn(path, "/");
        if (!wanted(path))
            continue;
        AUTO_FREE char *named = NULL;
        if (asprintf(&named, "%s%s", prefix, path) < 0) {
            named = NULL;
            return err_set(err, ERR_NO_MEMORY, "out of memory");
        }
        int rc = spool_file(tree, entry->fts_path, named, err);
        if (rc)
            return rc;
    }
    return 0;
}

int tree_from_folder(const char *folder, const char *prefix,
                     tree_wanted *wanted, struct tree *ret, struct err *err)
{
    struct tree tree;
    int rc = spool_open(&tree, err);
    if (rc)
        return rc;
    AUTO_FREE char *top = strdup(folder);
    char *const tops[] = {top, NULL};
    FTS *walk =
        top ? fts_open(tops, FTS_PHYSICAL | FTS_NOCHDIR | FTS_XDEV, NULL)
            : NULL;
    if (!walk)
        rc = err_set_errno(err, ERR_IO, errno, "cannot read '%s'", folder);
    else
        rc = walk_folder(&tree, walk, folder, prefix, wanted, err);
    if (walk)
        (void)fts_close(walk);
    if (rc) {
        tree_done(&tree);
        return rc;
    }
    tree_sort(&tree);
    *ret = tree;
    return 0;
}

int tree_read(const struct tree *tree, const struct tree_file *file,
              struct buf *ret, struct err *err)
{
    buf_clear(ret);
    uint8_t *room = buf_reserve(ret, (size_t)file->length);
    if (!room)
        return err_set(err, ERR_NO_MEMORY, "out of memory for '%s'",
                       file->path);
    int rc = file_pread_all(tree->spool_fd, room, (size_t)file->length,
                            file->offset, err);
    if (rc)
        return rc;
    ret->length += (size_t)file->length;
    return 0;
}
