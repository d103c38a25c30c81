/* SPDX-License-Identifier: Apache-2.0 */
#include "core/engine/handoff/installed-mount.h"

#include <blkid.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "core/util/log.h"

#define MOUNT_POINT "/run/installed"

/* A journal is not replayed: reading must not change the disk. */
static const struct {
    const char *type;   /* as libblkid names it */
    const char *driver; /* of the kernel */
    const char *options;
} known[] = {
    {"ext4", "ext4", "noload"},
    {"ext3", "ext4", "noload"},
    {"ext2", "ext4", ""},
    {"xfs", "xfs", "norecovery,nouuid"},
    {"btrfs", "btrfs", "rescue=nologreplay,subvolid=5"},
    {"vfat", "vfat", ""},
};

static void copy(char *out, size_t size, const char *text)
{
    (void)snprintf(out, size, "%s", text ? text : "");
}

static void copy_value(blkid_probe probe, const char *name, char *out,
                       size_t size)
{
    const char *value = NULL;

    out[0] = '\0';
    if (blkid_probe_lookup_value(probe, name, &value, NULL) == 0)
        copy(out, size, value);
}

static void probe_file_system(struct installed_fs *fs)
{
    blkid_probe probe = blkid_new_probe_from_filename(fs->node);

    if (!probe)
        return;
    (void)blkid_probe_enable_superblocks(probe, 1);
    (void)blkid_probe_set_superblocks_flags(
        probe, BLKID_SUBLKS_TYPE | BLKID_SUBLKS_UUID | BLKID_SUBLKS_LABEL);
    if (blkid_do_safeprobe(probe) == 0) {
        copy_value(probe, "TYPE", fs->type, sizeof(fs->type));
        copy_value(probe, "UUID", fs->uuid, sizeof(fs->uuid));
        copy_value(probe, "LABEL", fs->label, sizeof(fs->label));
    }
    blkid_free_probe(probe);
}

static void mount_one(struct installed_fs *fs, size_t number)
{
    char point[64];

    (void)snprintf(point, sizeof(point), MOUNT_POINT "/%zu", number);
    (void)mkdir(point, 0700);
    for (size_t i = 0; i < ARRAY_LENGTH(known); i++) {
        if (strcmp(fs->type, known[i].type) != 0)
            continue;
        if (mount(fs->node, point, known[i].driver,
                  MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC,
                  known[i].options) == 0)
            fs->root_fd = open(point, O_PATH | O_DIRECTORY | O_CLOEXEC);
        else
            log_info("%s (%s) cannot be looked into: %s", fs->node, fs->type,
                     err_errno_text(errno));
    }
}

static void add_partition(struct installed_disk *disk, const char *disk_node,
                          blkid_partition partition)
{
    struct installed_fs *fs = &disk->fs[disk->count];
    size_t length = strlen(disk_node);
    bool digit = disk_node[length - 1] >= '0' && disk_node[length - 1] <= '9';

    if (disk->count == INSTALLED_FS_MAX ||
        blkid_partition_is_extended(partition))
        return;
    fs->root_fd = -1;
    (void)snprintf(fs->node, sizeof(fs->node), "%.48s%s%d", disk_node,
                   digit ? "p" : "", blkid_partition_get_partno(partition));
    copy(fs->part_uuid, sizeof(fs->part_uuid),
         blkid_partition_get_uuid(partition));
    copy(fs->part_label, sizeof(fs->part_label),
         blkid_partition_get_name(partition));
    probe_file_system(fs);
    mount_one(fs, disk->count++);
}

static int read_table(const char *disk_node, struct installed_disk *ret,
                      struct err *err)
{
    blkid_probe probe = blkid_new_probe_from_filename(disk_node);
    blkid_partlist list = NULL;

    if (probe) {
        (void)blkid_probe_enable_superblocks(probe, 0);
        (void)blkid_probe_enable_partitions(probe, 1);
        list = blkid_probe_get_partitions(probe);
    }
    int count = list ? blkid_partlist_numof_partitions(list) : 0;
    for (int i = 0; i < count; i++)
        add_partition(ret, disk_node, blkid_partlist_get_partition(list, i));
    blkid_free_probe(probe);
    return ret->count > 0
               ? 0
               : err_set(err, ERR_NOT_FOUND, "the disk '%s' has no partitions",
                         disk_node);
}

int installed_mount(const char *disk_node, struct installed_disk *ret,
                    struct err *err)
{
    AUTO_CLOSE int disk = open(disk_node, O_RDONLY | O_CLOEXEC);

    ret->count = 0;
    if (disk < 0)
        return err_set_errno(err, ERR_IO, errno, "cannot open '%s'", disk_node);
    /* The table is new: the kernel shall make the partitions' devices. */
    if (ioctl(disk, BLKRRPART) != 0)
        log_info("the partitions of '%s' are not read anew: %s", disk_node,
                 err_errno_text(errno));
    if (unshare(CLONE_NEWNS) != 0 ||
        mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        (mkdir(MOUNT_POINT, 0700) != 0 && errno != EEXIST))
        return err_set_errno(err, ERR_IO, errno,
                             "the disk's file systems cannot be mounted");
    return read_table(disk_node, ret, err);
}
