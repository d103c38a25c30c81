/* SPDX-License-Identifier: Apache-2.0 */
/* Receiving and reading files of other formats: see import-convert.h. */
#include "core/server/images/import-convert.h"

#include <fcntl.h>
#include <inttypes.h>
#include <sys/stat.h>

#include "core/util/file.h"

#define PIECE_BYTES ((size_t)256 * 1024)

static int no_space(struct err *err)
{
    return err_set(err, ERR_NO_SPACE,
                   "the server's disk has no room for the file before it is "
                   "converted: free some space and send it again, which goes "
                   "on where it was");
}

/* Better refused at once than after hours of sending. */
static int take_space(int fd, uint64_t size_bytes, struct err *err)
{
    if (!fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, (off_t)size_bytes) ||
        (errno != ENOSPC && errno != EDQUOT && errno != EFBIG))
        return 0;
    return no_space(err);
}

static int append(int fd, const void *data, size_t length, uint64_t offset,
                  struct err *err)
{
    struct err local = ERR_INIT;
    int rc = file_pwrite_all(fd, data, length, offset, &local);
    if (rc == ERR_NO_SPACE)
        return no_space(err);
    return rc ? err_set(err, rc, "%s", local.text) : 0;
}

static int receive(int spool_fd, int pipe_fd, uint64_t offset,
                   uint64_t size_bytes, struct err *err)
{
    AUTO_FREE uint8_t *piece = malloc(PIECE_BYTES);
    if (!piece)
        return err_set(err, ERR_NO_MEMORY, "no memory to receive an image");
    while (offset < size_bytes) {
        ssize_t got =
            read(pipe_fd, piece, MIN(PIECE_BYTES, size_bytes - offset));
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return err_set_errno(err, ERR_IO, errno, "cannot read the image");
        if (!got)
            return err_set(err, ERR_UNAVAILABLE,
                           "the image ended after %" PRIu64 " of %" PRIu64
                           " bytes: its sending was interrupted",
                           offset, size_bytes);
        int rc = append(spool_fd, piece, (size_t)got, offset, err);
        if (rc)
            return rc;
        offset += (uint64_t)got;
    }
    return 0;
}

int import_spool(int spool_fd, int pipe_fd, uint64_t size_bytes,
                 int (*begun)(void *arg, uint64_t offset_bytes), void *arg,
                 struct err *err)
{
    struct stat st;
    if (fstat(spool_fd, &st))
        return err_set_errno(err, ERR_IO, errno, "cannot open the spool file");
    uint64_t offset = MIN((uint64_t)st.st_size, size_bytes);
    int rc = take_space(spool_fd, size_bytes, err);
    if (!rc && begun(arg, offset))
        rc = err_set(err, ERR_CANCELLED, "the import was cancelled");
    return rc ? rc : receive(spool_fd, pipe_fd, offset, size_bytes, err);
}

static int read_spool(void *arg, void *data, size_t length, uint64_t offset,
                      struct err *err)
{
    return file_pread_all(*(const int *)arg, data, length, offset, err);
}

static int hole(void *arg, uint64_t offset, uint64_t *ret_bytes,
                struct err *err)
{
    return disk_hole(arg, offset, ret_bytes, err);
}

static int read_disk(void *arg, void *data, size_t length, uint64_t offset,
                     struct err *err)
{
    return disk_read(arg, data, length, offset, err);
}

int import_convert(struct objects *objects, int spool_fd,
                   enum disk_format format, struct import_spec *spec,
                   struct manifest *ret, struct err *err)
{
    AUTO_DISK struct disk *disk = NULL;
    struct stat st;
    if (fstat(spool_fd, &st))
        return err_set_errno(err, ERR_IO, errno, "cannot open the spool file");
    const struct disk_input input = {read_spool, &spool_fd,
                                     (uint64_t)st.st_size};
    int rc = disk_open(format, &input, &disk, err);
    if (rc)
        return rc;
    const struct import_source source = {hole, read_disk, disk};
    spec->fd = -1;
    spec->source = &source;
    spec->size_bytes = disk_size_bytes(disk);
    rc = import_run(objects, spec, ret, err);
    spec->source = NULL;
    return rc;
}
