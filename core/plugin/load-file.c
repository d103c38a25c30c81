/* SPDX-License-Identifier: Apache-2.0 */
/* A plugin's file on disk: who may have put it there, and a copy that nobody
 * can change while it is looked at. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "core/plugin/load.h"
#include "core/util/file.h"

const char *plugin_dir(void)
{
    /* secure_getenv: a set-id caller's environment is not ours. */
    const char *dir = secure_getenv("SLIPWAY_PLUGIN_DIR");
    return dir && dir[0] ? dir : PKGLIBDIR "/plugins";
}

/* Owner and mode of the file or of its folder. */
static int check_owner(int fd, const char *path, const char *what, uid_t owner,
                       struct stat *ret, struct err *err)
{
    if (fstat(fd, ret))
        return err_set_errno(err, ERR_IO, errno, "cannot look at '%s'", path);
    if (ret->st_uid != 0 && ret->st_uid != owner)
        return err_set(err, ERR_DENIED,
                       "plugin file '%s' is refused: %s belongs to user %u; "
                       "give it to root",
                       path, what, (unsigned)ret->st_uid);
    if (ret->st_mode & (S_IWGRP | S_IWOTH))
        return err_set(err, ERR_DENIED,
                       "plugin file '%s' is refused: %s can be written by "
                       "others (mode %04o); take that away with chmod go-w",
                       path, what, (unsigned)(ret->st_mode & 07777));
    return 0;
}

static int open_file(int dir_fd, const char *name, const char *path,
                     struct err *err)
{
    /* O_NONBLOCK: a FIFO of this name must not stop us. */
    int fd =
        openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    if (fd >= 0)
        return fd;
    if (errno == ENOENT)
        return err_set(err, ERR_NOT_FOUND, "there is no plugin file '%s'",
                       path);
    if (errno == ELOOP)
        return err_set(err, ERR_DENIED,
                       "plugin file '%s' is refused: it is a symbolic link; "
                       "put the file itself there",
                       path);
    return err_set_errno(err, ERR_IO, errno, "cannot open plugin file '%s'",
                         path);
}

/* Reads the whole file once and seals that copy. */
static int copy_sealed(int fd, const struct stat *status,
                       const struct plugin_place *place, const char *path,
                       int *ret_fd, struct digest *ret_digest, struct err *err)
{
    if (!S_ISREG(status->st_mode))
        return err_set(err, ERR_DENIED,
                       "plugin file '%s' is refused: it is not a regular file",
                       path);
    if (status->st_size <= 0 || status->st_size > (off_t)PLUGIN_MAX_BYTES)
        return err_set(err, ERR_TOO_BIG,
                       "plugin file '%s' is refused: it has %lld bytes; a "
                       "plugin has 1 to %u",
                       path, (long long)status->st_size, PLUGIN_MAX_BYTES);
    size_t length = (size_t)status->st_size;
    AUTO_FREE void *data = malloc(length);
    if (!data)
        return err_set(err, ERR_NO_MEMORY, "out of memory for '%s'", path);
    int code = file_pread_all(fd, data, length, 0, err);
    if (code)
        return err_prefix(err, "plugin file '%s': ", path);
    int sealed = file_sealed_memfd(place->name, data, length, err);
    if (sealed < 0)
        return err_prefix(err, "plugin file '%s': ", path);
    digest_of(data, length, ret_digest);
    *ret_fd = sealed;
    return 0;
}

int plugin_file_open(const struct plugin_place *place, int *ret_fd,
                     struct digest *ret_digest, struct err *err)
{
    char folder[512], path[600], name[PLUGIN_NAME_BYTES + 4];
    const char *kind = kind_word(place->kind);
    const struct machine *machine =
        place->machine ? machine_find(place->machine) : machine_own();
    if (!kind || !machine || !plugin_name_ok(place->name))
        return err_set(err, ERR_INVALID,
                       "'%.32s' is not the name of a plugin; names have the "
                       "form [a-z][a-z0-9-]{0,31}",
                       place->name);
    int n = snprintf(folder, sizeof(folder), "%s/%s/%s", place->dir,
                     machine->name, kind);
    if (n < 0 || (size_t)n >= sizeof(folder))
        return err_set(err, ERR_INVALID,
                       "the path of the plugin folder is longer than %zu "
                       "bytes",
                       sizeof(folder));
    (void)snprintf(name, sizeof(name), "%s.so", place->name);
    (void)snprintf(path, sizeof(path), "%s/%s", folder, name);

    AUTO_CLOSE int dir_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir_fd < 0)
        return err_set_errno(err, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO,
                             errno, "cannot open the plugin folder '%s'",
                             folder);
    int opened = open_file(dir_fd, name, path, err);
    if (opened < 0)
        return opened;
    AUTO_CLOSE int fd = opened;
    struct stat status;
    int code =
        check_owner(dir_fd, path, "its folder", place->owner, &status, err);
    if (!code)
        code = check_owner(fd, path, "the file", place->owner, &status, err);
    if (code)
        return code;
    return copy_sealed(fd, &status, place, path, ret_fd, ret_digest, err);
}
