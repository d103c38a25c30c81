/* SPDX-License-Identifier: Apache-2.0 */
#include "core/engine/ext4/device.h"

#include <string.h>

#include "core/util/file.h"

static struct {
    int fd;
    uint64_t offset;
    uint64_t length;
    struct change_ranges *changed;
} device = {.fd = -1};

void device_init(int fd, uint64_t offset, uint64_t length,
                 struct change_ranges *changed)
{
    device.fd = fd;
    device.offset = offset;
    device.length = length;
    device.changed = changed;
}

/* ------------------------------------------------- libext2fs's io_manager */

static struct struct_io_manager manager;

/* Where `count` of libext2fs's units at `block` lie on the disk: blocks, or
 * bytes when the count is negative. */
static errcode_t place(io_channel channel, unsigned long long block, int count,
                       uint64_t *ret_offset, size_t *ret_length)
{
    uint64_t size = (uint64_t)channel->block_size;
    uint64_t length =
        count < 0 ? (uint64_t) - (int64_t)count : (uint64_t)count * size;
    if (block > device.length / size || length > device.length ||
        block * size > device.length - length)
        return EXT2_ET_BAD_BLOCK_NUM;
    *ret_offset = device.offset + block * size;
    *ret_length = (size_t)length;
    return 0;
}

static errcode_t device_open(const char *name, int flags, io_channel *channel)
{
    io_channel io = calloc(1, sizeof(*io));
    char *copy = strdup(name);
    (void)flags;
    if (!io || !copy) {
        free(io);
        free(copy);
        return EXT2_ET_NO_MEMORY;
    }
    io->magic = EXT2_ET_MAGIC_IO_CHANNEL;
    io->manager = &manager;
    io->name = copy;
    io->block_size = 1024;
    io->refcount = 1;
    *channel = io;
    return 0;
}

static errcode_t device_close(io_channel channel)
{
    if (--channel->refcount > 0)
        return 0;
    free(channel->name);
    free(channel);
    return 0;
}

static errcode_t device_set_block_size(io_channel channel, int size)
{
    if (size <= 0)
        return EXT2_ET_INVALID_ARGUMENT;
    channel->block_size = size;
    return 0;
}

static errcode_t device_read64(io_channel channel, unsigned long long block,
                               int count, void *data)
{
    uint64_t offset = 0;
    size_t length = 0;
    errcode_t rc = place(channel, block, count, &offset, &length);
    if (rc)
        return rc;
    return file_pread_all(device.fd, data, length, offset, NULL)
               ? EXT2_ET_SHORT_READ
               : 0;
}

static errcode_t device_read(io_channel channel, unsigned long block, int count,
                             void *data)
{
    return device_read64(channel, block, count, data);
}

static errcode_t device_write64(io_channel channel, unsigned long long block,
                                int count, const void *data)
{
    uint64_t offset = 0;
    size_t length = 0;
    errcode_t rc = place(channel, block, count, &offset, &length);
    if (rc)
        return rc;
    /* Before the write: a failed one may have changed something too. */
    change_ranges_add(device.changed, offset, length);
    return file_pwrite_all(device.fd, data, length, offset, NULL)
               ? EXT2_ET_SHORT_WRITE
               : 0;
}

static errcode_t device_write(io_channel channel, unsigned long block,
                              int count, const void *data)
{
    return device_write64(channel, block, count, data);
}

static errcode_t device_write_byte(io_channel channel, unsigned long offset,
                                   int count, const void *data)
{
    (void)channel;
    if (count < 0 || offset > device.length ||
        (uint64_t)count > device.length - offset)
        return EXT2_ET_BAD_BLOCK_NUM;
    change_ranges_add(device.changed, device.offset + offset, (uint64_t)count);
    return file_pwrite_all(device.fd, data, (size_t)count,
                           device.offset + offset, NULL)
               ? EXT2_ET_SHORT_WRITE
               : 0;
}

static errcode_t device_flush(io_channel channel)
{
    (void)channel;
    return fdatasync(device.fd) ? EXT2_ET_SHORT_WRITE : 0;
}

static struct struct_io_manager manager = {
    .magic = EXT2_ET_MAGIC_IO_MANAGER,
    .name = "Slipway device",
    .open = device_open,
    .close = device_close,
    .set_blksize = device_set_block_size,
    .read_blk = device_read,
    .write_blk = device_write,
    .flush = device_flush,
    .write_byte = device_write_byte,
    .read_blk64 = device_read64,
    .write_blk64 = device_write64,
};

io_manager device_manager(void)
{
    return &manager;
}
