/* SPDX-License-Identifier: Apache-2.0 */
/* Growing a mounted file system by the ioctl that its own tool uses. */
#include <fcntl.h>
#include <linux/btrfs.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/statvfs.h>

#include "core/engine/change/mounted.h"

/* Linux, fs/ext4/ext4.h and fs/xfs/libxfs/xfs_fs.h: parts of the kernel's
 * interface that its exported headers leave out. */
#define EXT4_RESIZE _IOW('f', 16, uint64_t) /* EXT4_IOC_RESIZE_FS: blocks */
struct xfs_geometry {
    uint32_t block_bytes, rt_extent, ag_blocks, ag_count, log_blocks;
    uint32_t sector_bytes, inode_bytes, inode_percent;
    uint64_t data_blocks, rt_blocks, rt_extents, log_start;
    uint8_t uuid[16];
    uint32_t stripe_unit, stripe_width;
    int32_t version;
    uint32_t flags, log_sector_bytes, rt_sector_bytes, dir_block_bytes;
};
struct xfs_growth {
    uint64_t blocks;
    uint32_t inode_percent;
};
#define XFS_GEOMETRY _IOR('X', 100, struct xfs_geometry)
#define XFS_GROW _IOW('X', 110, struct xfs_growth)

static int failed(const char *file_system, int number, struct err *err)
{
    return err_set_errno(err, ERR_IO, number,
                         "the %s file system of the last partition cannot "
                         "grow; leave 'grow' out, or look into the kernel's "
                         "messages on the console",
                         file_system);
}

static int grow_ext(int root, const char *name, uint64_t length,
                    struct err *err)
{
    struct statvfs status;
    if (fstatvfs(root, &status))
        return failed(name, errno, err);
    uint64_t blocks = length / status.f_frsize;
    return ioctl(root, EXT4_RESIZE, &blocks) ? failed(name, errno, err) : 0;
}

static int grow_xfs(int root, uint64_t length, struct err *err)
{
    struct xfs_geometry geometry = {0};
    if (ioctl(root, XFS_GEOMETRY, &geometry) || geometry.block_bytes < 512)
        return failed("xfs", errno, err);
    struct xfs_growth growth = {length / geometry.block_bytes,
                                geometry.inode_percent};
    if (growth.blocks <= geometry.data_blocks)
        return 0;
    return ioctl(root, XFS_GROW, &growth) ? failed("xfs", errno, err) : 0;
}

static int grow_btrfs(int root, struct err *err)
{
    struct btrfs_ioctl_vol_args arguments = {.name = "max"};
    return ioctl(root, BTRFS_IOC_RESIZE, &arguments)
               ? failed("btrfs", errno, err)
               : 0;
}

int mounted_grow(int root, const char *file_system, uint64_t length,
                 struct err *err)
{
    AUTO_CLOSE int fd = mounted_folder(root, err);
    if (fd < 0)
        return ERR_IO;
    if (strcmp(file_system, "xfs") == 0)
        return grow_xfs(fd, length, err);
    if (strcmp(file_system, "btrfs") == 0)
        return grow_btrfs(fd, err);
    if (strncmp(file_system, "ext", 3) == 0)
        return grow_ext(fd, file_system, length, err);
    return err_set(err, ERR_UNSUPPORTED,
                   "a file system of type '%.40s' cannot grow", file_system);
}
