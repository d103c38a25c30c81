/* SPDX-License-Identifier: Apache-2.0 */
#include "core/engine/handoff/efi-variables.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>

#include "core/util/bytes.h"
#include "core/util/num.h"

#define GLOBAL_GUID "8be4df61-93ca-11d2-aa0d-00e098032b8c"
#define ATTRIBUTE_BYTES 4
/* Non-volatile, boot service access, run-time access. */
#define ATTRIBUTES 7u

bool efi_variables_writable(int folder_fd)
{
    struct statfs kind;
    struct statvfs flags;
    return !fstatfs(folder_fd, &kind) && (uint32_t)kind.f_type == EFIVARFS_MAGIC &&
           !fstatvfs(folder_fd, &flags) && !(flags.f_flag & ST_RDONLY);
}

static void file_name(const char *name, char out[EFI_NAME_BYTES])
{
    (void)snprintf(out, EFI_NAME_BYTES, "%.20s-" GLOBAL_GUID, name);
}

int efi_variable_read(int folder_fd, const char *name, struct buf *ret,
                      struct err *err)
{
    char file[EFI_NAME_BYTES];
    file_name(name, file);
    buf_clear(ret);
    AUTO_CLOSE int fd = openat(folder_fd, file, O_RDONLY | O_CLOEXEC);
    uint8_t *room = fd >= 0 ? buf_reserve(ret, EFI_VALUE_MAX) : NULL;
    if (fd < 0 && errno == ENOENT)
        return err_set(err, ERR_NOT_FOUND, "the firmware has no '%s'", name);
    /* One read: the kernel asks the firmware again for every one. */
    ssize_t got = room ? read(fd, room, EFI_VALUE_MAX) : -1;
    if (got < ATTRIBUTE_BYTES)
        return err_set_errno(err, ERR_IO, got < 0 ? errno : EIO,
                             "the firmware's '%s' cannot be read", name);
    memmove(room, room + ATTRIBUTE_BYTES, (size_t)got - ATTRIBUTE_BYTES);
    ret->length = (size_t)got - ATTRIBUTE_BYTES;
    return 0;
}

/* Boot variables are immutable files, against careless hands. */
static void make_mutable(int folder_fd, const char *file)
{
    AUTO_CLOSE int fd = openat(folder_fd, file, O_RDONLY | O_CLOEXEC);
    int flags = 0;
    if (fd < 0 || ioctl(fd, FS_IOC_GETFLAGS, &flags) ||
        !(flags & FS_IMMUTABLE_FL))
        return;
    flags &= ~FS_IMMUTABLE_FL;
    (void)ioctl(fd, FS_IOC_SETFLAGS, &flags); /* the write will tell */
}

int efi_variable_write(int folder_fd, const char *name, const void *data,
                       size_t length, struct err *err)
{
    char file[EFI_NAME_BYTES];
    AUTO_BUF value = BUF_INIT(EFI_VALUE_MAX);
    uint8_t attributes[ATTRIBUTE_BYTES];
    put_le32(attributes, ATTRIBUTES);
    (void)buf_append(&value, attributes, sizeof(attributes));
    if (buf_append(&value, data, length))
        return err_set(err, ERR_TOO_BIG, "'%s' would be too long", name);
    file_name(name, file);
    make_mutable(folder_fd, file);
    AUTO_CLOSE int fd =
        openat(folder_fd, file, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    ssize_t done = -1;
    /* The whole variable in one write: the kernel hands each to the firmware
     * as a complete new value. */
    if (fd >= 0)
        done = write(fd, value.data, value.length);
    if (done != (ssize_t)value.length)
        return err_set_errno(err, ERR_IO, done < 0 ? errno : EIO,
                             "the firmware refused to store '%s'", name);
    return 0;
}

int efi_variables_each_entry(int folder_fd,
                             void (*see)(void *arg, uint16_t number), void *arg,
                             struct err *err)
{
    AUTO_CLOSE int fd =
        openat(folder_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    if (!dir)
        return err_set_errno(err, ERR_IO, errno,
                             "the firmware's variables cannot be listed");
    (void)TAKE_FD(fd); /* the stream closes it */
    const struct dirent *entry = NULL;
    while ((entry = readdir(dir))) {
        uint64_t number = 0;
        char digits[5] = "";
        if (strncmp(entry->d_name, "Boot", 4) ||
            strlen(entry->d_name) != 8 + sizeof("-" GLOBAL_GUID) - 1 ||
            strcmp(entry->d_name + 8, "-" GLOBAL_GUID))
            continue;
        memcpy(digits, entry->d_name + 4, 4);
        if (!num_parse_hex(digits, 0xffff, &number, NULL))
            see(arg, (uint16_t)number);
    }
    (void)closedir(dir);
    return 0;
}
