/* SPDX-License-Identifier: Apache-2.0 */
#include "core/engine/change/change.h"

#include "core/engine/change/block-device.h"
#include "core/engine/change/grow-table.h"
#include "core/engine/change/mounted.h"
#include "core/engine/change/request.h"

/* What is done while the file system is mounted. */
static int work(int root, const struct change_request *request,
                struct err *err)
{
    int code = 0;
    for (size_t i = 0; i < request->file_count && !code; i++)
        code = mounted_needs(root, &request->files[i], err);
    if (!code && request->grow)
        code = mounted_grow(root, request->file_system, request->length, err);
    for (size_t i = 0; i < request->file_count && !code; i++)
        code = mounted_write(root, request->file_system, &request->files[i],
                             err);
    return code;
}

static int with_mounted(const struct change_request *request, struct err *err)
{
    AUTO_CLOSE int root = -1;
    int code = mounted_open(BLOCK_DEVICE, request->file_system, &root, err);
    if (code)
        return code;
    code = work(root, request, err);
    return code ? code : mounted_sync(root, err);
}

static int with_device(int fd, const struct change_request *request,
                       struct change_ranges *changed, struct err *err)
{
    const struct block_server server = {fd, request->offset, request->length,
                                        changed};
    struct block_device *device = NULL;
    int code =
        block_device_attach(&server, request->sector_bytes, &device, err);
    if (code)
        return code;
    code = with_mounted(request, err);
    int detached = block_device_detach(device, code ? NULL : err);
    return code ? code : detached;
}

static int change(struct change_request *request, struct change_ranges *changed,
                  struct err *err)
{
    AUTO_CLOSE int fd = -1;
    int code = change_open_disk(&fd, err);
    if (!code && request->grow) {
        uint64_t before = request->length;
        code = grow_table(fd, request, changed, &request->length, err);
        if (!code && request->length == before && !request->file_count)
            return 0; /* it fills the disk already */
    }
    if (!code)
        code = with_device(fd, request, changed, err);
    if (!code && fsync(fd))
        code = err_set_errno(err, ERR_IO, errno,
                             "the disk could not be written back");
    return code;
}

int change_main(void)
{
    return change_request_serve(change);
}
