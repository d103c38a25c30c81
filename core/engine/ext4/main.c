/* SPDX-License-Identifier: Apache-2.0 */
/*
 * slipway-ext4-personalise: writes files into an ext4 file system on a disk
 * without mounting it.  Descriptor 3 is the disk; standard input is
 *   {"offset": N, "length": N, "files": [{"path", "owner", "group", "mode",
 *    "data": hexadecimal}]}
 * and standard output {"ranges": [[offset, length], ...]} of the whole disk,
 * or {"error": "sentence"} with exit status 1.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "core/engine/ext4/device.h"
#include "core/engine/ext4/write.h"
#include "core/util/crypto.h"
#include "core/util/json.h"

#define DISK_FD 3
#define REQUEST_MAX ((size_t)192 << 20)
#define FILES_MAX 64
#define ID_MAX UINT32_MAX

static int read_request(json_t **ret, struct err *err)
{
    AUTO_BUF text = BUF_INIT(REQUEST_MAX);
    for (;;) {
        uint8_t *room = buf_reserve(&text, 65536);
        ssize_t got = room ? read(STDIN_FILENO, room, 65536) : -1;
        if (got < 0 && room && errno == EINTR)
            continue;
        if (got < 0)
            return err_set(err, ERR_IO, "the request cannot be read");
        if (got == 0)
            break;
        text.length += (size_t)got;
    }
    *ret = json_parse(text.data, text.length, REQUEST_MAX, err);
    return *ret ? 0 : ERR_INVALID;
}

/* What must hold before anything may be changed. */
static int check_clean(ext2_filsys fs, uint64_t length, struct err *err)
{
    const struct ext2_super_block *super = fs->super;
    if (ext2fs_has_feature_journal_needs_recovery(fs->super))
        return err_set(err, ERR_CONFLICT,
                       "the root file system was not unmounted cleanly when "
                       "the image was taken (its journal has to be replayed); "
                       "shut that machine down properly, then import the "
                       "image again");
    if (!(super->s_state & EXT2_VALID_FS) || (super->s_state & EXT2_ERROR_FS))
        return err_set(err, ERR_CONFLICT,
                       "the root file system of the image is marked as not "
                       "clean; run e2fsck on it, then import the image again");
    uint64_t bytes = (uint64_t)ext2fs_blocks_count(fs->super) * fs->blocksize;
    if (bytes > length)
        return err_set(err, ERR_CORRUPT,
                       "the root file system is larger (%llu bytes) than its "
                       "partition (%llu bytes)",
                       (unsigned long long)bytes, (unsigned long long)length);
    return 0;
}

static int take_file(ext2_filsys fs, struct json_reader *r, struct err *err)
{
    struct new_file file = {
        .path = json_get_text(r, "path"),
        .owner = (uint32_t)json_get_u64(r, "owner", 0, ID_MAX),
        .group = (uint32_t)json_get_u64(r, "group", 0, ID_MAX),
        .mode = (uint32_t)json_get_u64(r, "mode", 0, 07777),
    };
    const char *hex = json_get_text(r, "data");
    int rc = json_done(r);
    if (rc)
        return rc;
    file.length = strlen(hex) / 2;
    AUTO_FREE uint8_t *data = malloc(file.length + 1);
    if (!data)
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    if (hex_parse(hex, data, file.length))
        return err_set(err, ERR_INVALID, "'data' of '%s' is not hexadecimal",
                       file.path);
    file.data = data;
    return write_file(fs, &file, err);
}

static int take_files(ext2_filsys fs, struct json_reader *r, struct err *err)
{
    const json_t *files = json_get_array(r, "files");
    size_t count = json_array_size(files);
    if (count > FILES_MAX)
        return err_set(err, ERR_TOO_BIG, "more than %d files", FILES_MAX);
    int rc = json_done(r);
    for (size_t i = 0; i < count && !rc; i++) {
        struct json_reader one;
        json_reader_init(&one, json_array_get(files, i), "$.files[]", err);
        rc = take_file(fs, &one, err);
    }
    return rc;
}

static int open_file_system(uint64_t length, ext2_filsys *ret, struct err *err)
{
    errcode_t rc = ext2fs_open("disk", EXT2_FLAG_RW | EXT2_FLAG_64BITS, 0, 0,
                               device_manager(), ret);
    if (rc)
        return err_set(err, ERR_CORRUPT,
                       "the root file system is not an ext4 that can be "
                       "written to: %s",
                       error_message(rc));
    int code = check_clean(*ret, length, err);
    if (code)
        return code;
    rc = ext2fs_read_bitmaps(*ret);
    if (rc)
        return err_set(err, ERR_CORRUPT,
                       "the root file system's maps cannot be read: %s",
                       error_message(rc));
    /* The copies of the superblock say nothing that changes here, and each
     * would be one more range that differs from the image. */
    (*ret)->flags |= EXT2_FLAG_MASTER_SB_ONLY;
    return 0;
}

static int personalise(const json_t *request, struct err *err)
{
    struct json_reader r;
    json_reader_init(&r, request, "$", err);
    uint64_t offset = json_get_u64(&r, "offset", 0, INT64_MAX);
    uint64_t length = json_get_u64(&r, "length", 1, INT64_MAX);
    if (r.code)
        return r.code;
    /* A descriptor of our own: the engine's may be opened for direct I/O,
     * which takes whole sectors only. */
    AUTO_CLOSE int fd = open("/proc/self/fd/3", O_RDWR | O_CLOEXEC);
    if (fd < 0)
        fd = fcntl(DISK_FD, F_DUPFD_CLOEXEC, 0);
    if (fd < 0)
        return err_set_errno(err, ERR_IO, errno, "the disk cannot be opened");
    device_init(fd, offset, length);
    ext2_filsys fs = NULL;
    int rc = open_file_system(length, &fs, err);
    if (!rc)
        rc = take_files(fs, &r, err);
    if (rc) {
        if (fs) {
            fs->flags &= ~(EXT2_FLAG_DIRTY | EXT2_FLAG_CHANGED);
            ext2fs_free(fs); /* without writing anything more */
        }
        return rc;
    }
    errcode_t closed = ext2fs_close_free(&fs);
    if (closed || fsync(fd))
        return err_set(err, ERR_IO,
                       "the root file system could not be written back: %s",
                       closed ? error_message(closed) : err_errno_text(errno));
    return 0;
}

int main(void)
{
    struct err err = ERR_INIT;
    AUTO_JSON *request = NULL;
    add_error_table(&et_ext2_error_table);
    int rc = read_request(&request, &err);
    if (!rc)
        rc = personalise(request, &err);
    AUTO_JSON *ranges = rc ? NULL : device_ranges();
    if (!rc && !ranges)
        rc = err_set(&err, ERR_NO_MEMORY, "out of memory");
    AUTO_JSON *reply = rc ? json_pack("{s:s}", "error", err.text)
                          : json_pack("{s:O}", "ranges", ranges);
    AUTO_FREE char *text = json_text(reply);
    if (text)
        (void)puts(text);
    return rc || !text || fflush(stdout) ? 1 : 0;
}
