/* SPDX-License-Identifier: Apache-2.0 */
/* Devices and files that images are written to: see device.h. */
#include "core/image/device.h"

#include <fcntl.h>
#include <inttypes.h>
#include <linux/fs.h>
#include <sys/ioctl.h>

static int failed(const struct device *device, const char *what,
                  uint64_t offset, int number, struct err *err)
{
    return err_set_errno(
        err, number == ENOSPC || number == EFBIG ? ERR_NO_SPACE : ERR_IO,
        number, "%s cannot be %s at byte %" PRIu64, device->name, what, offset);
}

int device_read(struct device *device, void *data, size_t length,
                uint64_t offset, struct err *err)
{
    uint8_t *at = data;
    while (length) {
        ssize_t got = pread(device->fd, at, length, (off_t)offset);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return failed(device, "read", offset, errno, err);
        if (!got)
            return err_set(err, ERR_IO,
                           "%s ends at byte %" PRIu64 ", before the image does",
                           device->name, offset);
        at += got;
        offset += (uint64_t)got;
        length -= (size_t)got;
    }
    return 0;
}

static int write_all(struct device *device, const void *data, size_t length,
                     uint64_t offset, struct err *err)
{
    const uint8_t *at = data;
    while (length) {
        ssize_t put = pwrite(device->fd, at, length, (off_t)offset);
        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0)
            return failed(device, "written", offset, put ? errno : EIO, err);
        at += put;
        offset += (uint64_t)put;
        length -= (size_t)put;
    }
    return 0;
}

int device_write(struct device *device, const void *data, size_t length,
                 uint64_t offset, struct err *err)
{
    int rc = write_all(device, data, length, offset, err);
    /* Only a hint; a failure to write shows in the sync. */
    if (!rc)
        (void)sync_file_range(device->fd, (off_t)offset, (off_t)length,
                              SYNC_FILE_RANGE_WRITE);
    return rc;
}

/* True when the range is zero now. */
static bool punch(struct device *device, uint64_t offset, uint64_t length)
{
    if (atomic_load(&device->no_punch))
        return false;
    if (!fallocate(device->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                   (off_t)offset, (off_t)length))
        return true;
    atomic_store(&device->no_punch, true);
    return false;
}

static bool offload(struct device *device, uint64_t offset, uint64_t length)
{
    uint64_t range[2] = {offset, length};
    if (atomic_load(&device->no_offload))
        return false;
    if (!ioctl(device->fd, BLKZEROOUT, range))
        return true;
    atomic_store(&device->no_offload, true);
    return false;
}

int device_zero(struct device *device, uint64_t offset, uint64_t length,
                const void *zeros, size_t zeros_length, struct err *err)
{
    if (punch(device, offset, length) || offload(device, offset, length))
        return 0;
    while (length) {
        size_t some = (size_t)MIN(length, (uint64_t)zeros_length);
        int rc = device_write(device, zeros, some, offset, err);
        if (rc)
            return rc;
        offset += some;
        length -= some;
    }
    return 0;
}

int device_sync(struct device *device, struct err *err)
{
    if (!fdatasync(device->fd))
        return 0;
    return err_set_errno(err, errno == ENOSPC ? ERR_NO_SPACE : ERR_IO, errno,
                         "%s did not take what was written to it",
                         device->name);
}

void device_forget_cache(struct device *device)
{
    (void)posix_fadvise(device->fd, 0, 0, POSIX_FADV_DONTNEED);
}
