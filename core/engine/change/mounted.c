/* SPDX-License-Identifier: Apache-2.0 */
#include "core/engine/change/mounted.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>

/* The kernel's driver for what the manifest names, and its options. */
static const struct driver {
    const char *file_system;
    const char *name;
    const char *flags[2];
    bool grows;
} drivers[] = {
    /* New inode tables are zeroed by the installed system, not by us. */
    {"ext2", "ext4", {"noinit_itable", NULL}, true},
    {"ext3", "ext4", {"noinit_itable", NULL}, true},
    {"ext4", "ext4", {"noinit_itable", NULL}, true},
    /* Another disk of this machine may hold the same image. */
    {"xfs", "xfs", {"nouuid", NULL}, true},
    {"btrfs", "btrfs", {NULL, NULL}, true},
    {"vfat", "vfat", {NULL, NULL}, false},
};

static const struct driver *find_driver(const char *file_system)
{
    for (size_t i = 0; i < ARRAY_LENGTH(drivers); i++)
        if (strcmp(drivers[i].file_system, file_system) == 0)
            return &drivers[i];
    return NULL;
}

bool mounted_writable(const char *file_system)
{
    return find_driver(file_system) != NULL;
}

bool mounted_growable(const char *file_system)
{
    const struct driver *driver = find_driver(file_system);
    return driver && driver->grows;
}

/* Why the kernel refuses: it says so on the descriptor, "e TEXT". */
static int refused(int context, const struct driver *driver, int number,
                   struct err *err)
{
    char text[256];
    ssize_t got = read(context, text, sizeof(text) - 1);
    text[got > 0 ? got : 0] = '\0';
    return err_set(err, ERR_IO,
                   "the kernel cannot mount the %s file system of the image: "
                   "%s%s%.200s",
                   driver->file_system, err_errno_text(number),
                   got > 2 ? ": " : "", got > 2 ? text + 2 : "");
}

static int set_up(int context, const char *device, const struct driver *driver)
{
    if (fsconfig(context, FSCONFIG_SET_STRING, "source", device, 0))
        return -1;
    for (size_t i = 0; driver->flags[i]; i++)
        if (fsconfig(context, FSCONFIG_SET_FLAG, driver->flags[i], NULL, 0))
            return -1;
    return fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL, 0);
}

int mounted_open(const char *device, const char *file_system, int *ret_root,
                 struct err *err)
{
    const struct driver *driver = find_driver(file_system);
    if (!driver)
        return err_set(err, ERR_UNSUPPORTED,
                       "nothing can be written into a file system of type "
                       "'%.40s'",
                       file_system);
    AUTO_CLOSE int context = fsopen(driver->name, FSOPEN_CLOEXEC);
    if (context < 0)
        return err_set_errno(err, ERR_UNSUPPORTED, errno,
                             "this engine's kernel does not know the file "
                             "system '%s'",
                             driver->name);
    if (set_up(context, device, driver))
        return refused(context, driver, errno, err);
    int root = fsmount(context, FSMOUNT_CLOEXEC,
                       MOUNT_ATTR_NODEV | MOUNT_ATTR_NOSUID |
                           MOUNT_ATTR_NOEXEC | MOUNT_ATTR_NOATIME);
    if (root < 0)
        return refused(context, driver, errno, err);
    *ret_root = root;
    return 0;
}

int mounted_folder(int root, struct err *err)
{
    int fd = openat(root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        (void)err_set_errno(err, ERR_IO, errno,
                            "the root of the image's file system cannot be "
                            "opened");
    return fd;
}

int mounted_sync(int root, struct err *err)
{
    AUTO_CLOSE int fd = mounted_folder(root, err);
    if (fd < 0)
        return ERR_IO;
    if (syncfs(fd))
        return err_set_errno(err, ERR_IO, errno,
                             "the file system could not be written back");
    return 0;
}
