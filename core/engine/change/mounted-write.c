/* SPDX-License-Identifier: Apache-2.0 */
/* Files into a mounted file system whose links are not trusted. */
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "core/engine/change/mounted.h"
#include "core/util/file.h"

#define NAME_BYTES 256
#define PATH_BYTES 1280

/* Opens a path of the file system as if its root were this machine's: absolute
 * links and ".." stay inside, and nothing mounted or magic is entered. */
static int open_inside(int root, const char *path, int flags)
{
    struct open_how how = {
        .flags = (uint64_t)(flags | O_CLOEXEC),
        .resolve =
            RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV,
    };
    return (int)syscall(SYS_openat2, root, path, &how, sizeof(how));
}

static int fail(const struct change_file *file, int number, struct err *err)
{
    return err_set_errno(err, number == ENOSPC ? ERR_NO_SPACE : ERR_IO, number,
                         "cannot write '%s' into the image's file system",
                         file->path);
}

int mounted_needs(int root, const struct change_file *file, struct err *err)
{
    if (!file->needs)
        return 0;
    AUTO_CLOSE int fd = open_inside(root, file->needs, O_PATH);
    if (fd >= 0)
        return 0;
    return errno == ENOENT || errno == ENOTDIR ? change_needs(file, err)
                                               : fail(file, errno, err);
}

/* A folder that this made belongs to root whatever the umask. */
static int make_folder(int parent, const char *name)
{
    if (mkdirat(parent, name, 0755))
        return -1;
    AUTO_CLOSE int fd =
        openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return fd < 0 ? -1 : fchmod(fd, 0755);
}

/* The folder that `path` (up to a component's end) means; made when missing
 * inside `parent`. */
static int enter(int root, int parent, const char *path, const char *name)
{
    int fd = open_inside(root, path, O_RDONLY | O_DIRECTORY);
    if (fd >= 0 || errno != ENOENT)
        return fd;
    if (make_folder(parent, name))
        return -1;
    return open_inside(root, path, O_RDONLY | O_DIRECTORY);
}

static int bad_path(const struct change_file *file, struct err *err)
{
    return err_set(err, ERR_INVALID,
                   "'%.200s' is not an absolute path of plain names",
                   file->path);
}

/* Splits off the component at `*at` ("/name..."); false when it is none. */
static bool next_name(const char **at, char name[NAME_BYTES])
{
    if (**at != '/')
        return false;
    size_t length = strcspn(++*at, "/");
    if (length == 0 || length >= NAME_BYTES)
        return false;
    memcpy(name, *at, length);
    name[length] = '\0';
    *at += length;
    return strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
}

/* The folder that the file goes into, and the file's own name. */
static int find_place(int root, const struct change_file *file,
                      int *ret_folder, char name[NAME_BYTES], struct err *err)
{
    char path[PATH_BYTES];
    const char *at = file->path;
    AUTO_CLOSE int folder = open_inside(root, "/", O_RDONLY | O_DIRECTORY);
    if (strlen(at) >= sizeof(path))
        return bad_path(file, err);
    while (folder >= 0) {
        if (!next_name(&at, name))
            return bad_path(file, err);
        if (!*at) {
            *ret_folder = TAKE_FD(folder);
            return 0;
        }
        size_t length = (size_t)(at - file->path);
        memcpy(path, file->path, length);
        path[length] = '\0';
        int inner = enter(root, folder, path, name);
        auto_close(&folder);
        folder = inner;
    }
    return fail(file, errno, err);
}

static int remove_old(int folder, const char *name,
                      const struct change_file *file, struct err *err)
{
    if (unlinkat(folder, name, 0) == 0 || errno == ENOENT)
        return 0;
    if (errno == EISDIR)
        return err_set(err, ERR_CONFLICT,
                       "cannot write '%s' into the image's file system: it is "
                       "a folder there",
                       file->path);
    return fail(file, errno, err);
}

int mounted_write(int root, const char *file_system,
                  const struct change_file *file, struct err *err)
{
    char name[NAME_BYTES];
    AUTO_CLOSE int folder = -1;
    bool owned = strcmp(file_system, "vfat") != 0;
    int code = find_place(root, file, &folder, name, err);
    if (!code)
        code = remove_old(folder, name, file, err);
    if (code)
        return code;
    AUTO_CLOSE int fd =
        openat(folder, name,
               O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return fail(file, errno, err);
    code = file_write_all(fd, file->data, file->length, err);
    if (code)
        return code;
    if (owned && (fchown(fd, file->owner, file->group) ||
                  fchmod(fd, (mode_t)file->mode)))
        return fail(file, errno, err);
    return fsync(fd) ? fail(file, errno, err) : 0;
}
