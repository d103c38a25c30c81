/* SPDX-License-Identifier: Apache-2.0 */
/*
 * slipway-ext4-personalise: writes files into an ext4 file system on a disk
 * without mounting it.  Called as core/engine/change/request.h says.
 */
#include "core/engine/change/request.h"
#include "core/engine/ext4/device.h"
#include "core/engine/ext4/write.h"

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

static int write_files(ext2_filsys fs, const struct change_request *request,
                       struct err *err)
{
    int code = 0;
    for (size_t i = 0; i < request->file_count && !code; i++)
        code = check_needs(fs, &request->files[i], err);
    for (size_t i = 0; i < request->file_count && !code; i++)
        code = write_file(fs, &request->files[i], err);
    return code;
}

static int personalise(struct change_request *request,
                       struct change_ranges *changed, struct err *err)
{
    AUTO_CLOSE int fd = -1;
    ext2_filsys fs = NULL;
    if (request->grow)
        return err_set(err, ERR_UNSUPPORTED, "ext4 grows mounted only");
    int code = change_open_disk(&fd, err);
    if (code)
        return code;
    device_init(fd, request->offset, request->length, changed);
    code = open_file_system(request->length, &fs, err);
    if (!code)
        code = write_files(fs, request, err);
    if (code) {
        if (fs) {
            fs->flags &= ~(EXT2_FLAG_DIRTY | EXT2_FLAG_CHANGED);
            ext2fs_free(fs); /* without writing anything more */
        }
        return code;
    }
    errcode_t closed = ext2fs_close_free(&fs);
    if (closed || fsync(fd))
        return err_set(err, ERR_IO,
                       "the file system could not be written back: %s",
                       closed ? error_message(closed) : err_errno_text(errno));
    return 0;
}

int main(void)
{
    add_error_table(&et_ext2_error_table);
    return change_request_serve(personalise);
}
