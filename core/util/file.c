/* SPDX-License-Identifier: Apache-2.0 */
/* Files below a folder: see file.h. */
#include "core/util/file.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "core/util/crypto.h"

int file_read(int dir_fd, const char *name, struct buf *ret, struct err *err)
{
    AUTO_CLOSE int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return err_set_errno(err, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO,
                             errno, "cannot open '%s'", name);
    buf_clear(ret);
    for (;;) {
        size_t room = MIN((size_t)65536, ret->max - ret->length);
        if (room == 0) {
            /* Full: it must end exactly here. */
            char more;
            ssize_t got = read(fd, &more, 1);
            if (got == 0)
                return 0;
            return err_set(err, ERR_TOO_BIG,
                           "'%s' is larger than the %zu bytes allowed", name,
                           ret->max);
        }
        uint8_t *at = buf_reserve(ret, room);
        if (!at)
            return err_set(err, ERR_NO_MEMORY, "no memory to read '%s'", name);
        ssize_t got = read(fd, at, room);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return err_set_errno(err, ERR_IO, errno, "cannot read '%s'", name);
        ret->length += (size_t)got;
        ret->data[ret->length] = 0;
        if (got == 0)
            return 0;
    }
}

static int write_failed(struct err *err, int number, const char *what)
{
    return err_set_errno(err, number == ENOSPC || number == EDQUOT ||
                                      number == EFBIG
                                  ? ERR_NO_SPACE
                                  : ERR_IO,
                         number, "cannot write %s", what);
}

int file_write_all(int fd, const void *data, size_t length, struct err *err)
{
    const uint8_t *at = data;
    while (length > 0) {
        ssize_t put = write(fd, at, length);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return write_failed(err, errno, "the file");
        at += put;
        length -= (size_t)put;
    }
    return 0;
}

int file_pwrite_all(int fd, const void *data, size_t length, uint64_t offset,
                    struct err *err)
{
    const uint8_t *at = data;
    while (length > 0) {
        ssize_t put = pwrite(fd, at, length, (off_t)offset);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return write_failed(err, errno, "the file");
        at += put;
        offset += (uint64_t)put;
        length -= (size_t)put;
    }
    return 0;
}

int file_pread_all(int fd, void *data, size_t length, uint64_t offset,
                   struct err *err)
{
    uint8_t *at = data;
    while (length > 0) {
        ssize_t got = pread(fd, at, length, (off_t)offset);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return err_set_errno(err, ERR_IO, errno, "cannot read");
        if (got == 0)
            return err_set(err, ERR_IO, "the content ends too early");
        at += got;
        offset += (uint64_t)got;
        length -= (size_t)got;
    }
    return 0;
}

static int sync_folder(int dir_fd, const char *name)
{
    /* Names are one component; the folder is dir_fd itself, or for a path the
     * part before its last slash. */
    const char *slash = strrchr(name, '/');
    if (!slash) {
        if (dir_fd != AT_FDCWD)
            return fsync(dir_fd);
        AUTO_CLOSE int here = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        return here < 0 ? -1 : fsync(here);
    }
    AUTO_FREE char *folder = strndup(name, (size_t)(slash - name) + 1);
    if (!folder)
        return -1;
    AUTO_CLOSE int fd =
        openat(dir_fd, folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 ? -1 : fsync(fd);
}

static int write_temporary(int dir_fd, const char *temporary, const void *data,
                           size_t length, mode_t mode, struct err *err)
{
    AUTO_CLOSE int fd = openat(dir_fd, temporary,
                               O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    if (fd < 0)
        return write_failed(err, errno, temporary);
    int code = file_write_all(fd, data, length, err);
    if (code == 0 && fdatasync(fd) != 0)
        code = write_failed(err, errno, temporary);
    if (code != 0)
        (void)unlinkat(dir_fd, temporary, 0);
    return code;
}

static int write_named(int dir_fd, const char *name, const void *data,
                       size_t length, mode_t mode, bool must_be_new,
                       struct err *err)
{
    uint8_t salt[8];
    char hex[2 * sizeof(salt) + 1];
    random_bytes(salt, sizeof(salt));
    AUTO_FREE char *temporary = NULL;
    if (asprintf(&temporary, "%s.%s.tmp", name,
                 hex_format(salt, sizeof(salt), hex)) < 0) {
        temporary = NULL;
        return err_set(err, ERR_NO_MEMORY, "no memory to write '%s'", name);
    }
    int code = write_temporary(dir_fd, temporary, data, length, mode, err);
    if (code != 0)
        return code;
    int moved = must_be_new
                    ? linkat(dir_fd, temporary, dir_fd, name, 0)
                    : renameat(dir_fd, temporary, dir_fd, name);
    int number = errno;
    if (moved != 0 || must_be_new)
        (void)unlinkat(dir_fd, temporary, 0);
    if (moved != 0 && number == EEXIST)
        return err_set(err, ERR_CONFLICT, "'%s' exists already", name);
    if (moved != 0)
        return write_failed(err, number, name);
    if (sync_folder(dir_fd, name) != 0)
        return write_failed(err, errno, name);
    return 0;
}

int file_write(int dir_fd, const char *name, const void *data, size_t length,
               mode_t mode, struct err *err)
{
    return write_named(dir_fd, name, data, length, mode, false, err);
}

int file_create(int dir_fd, const char *name, const void *data, size_t length,
                mode_t mode, struct err *err)
{
    return write_named(dir_fd, name, data, length, mode, true, err);
}

int file_open_dir(int dir_fd, const char *name, mode_t mode, struct err *err)
{
    if (mkdirat(dir_fd, name, mode) != 0 && errno != EEXIST)
        return err_set_errno(err, ERR_IO, errno, "cannot make the folder '%s'",
                             name);
    int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return err_set_errno(err, ERR_IO, errno, "cannot open the folder '%s'",
                             name);
    return fd;
}

bool path_component_ok(const char *name)
{
    if (!*name || strcmp(name, ".") == 0 || strcmp(name, "..") == 0 ||
        strlen(name) > 255)
        return false;
    for (const unsigned char *p = (const unsigned char *)name; *p; p++)
        if (*p < 0x20 || *p == 0x7f || *p == '/')
            return false;
    return true;
}

int file_sealed_memfd(const char *name, const void *data, size_t length,
                      struct err *err)
{
    AUTO_CLOSE int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0)
        return err_set_errno(err, ERR_IO, errno,
                             "cannot make an anonymous file for '%s'", name);
    int code = file_write_all(fd, data, length, err);
    if (code != 0)
        return code;
    if (lseek(fd, 0, SEEK_SET) < 0 ||
        fcntl(fd, F_ADD_SEALS,
              F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) != 0)
        return err_set_errno(err, ERR_IO, errno,
                             "cannot seal the anonymous file for '%s'", name);
    return TAKE_FD(fd);
}
