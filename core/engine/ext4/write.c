/* SPDX-License-Identifier: Apache-2.0 */
#include "core/engine/ext4/write.h"

#include <stdbool.h>
#include <string.h>
#include <time.h>

#define NAME_BYTES 256

static int fail(struct err *err, errcode_t code, const struct change_file *file)
{
    int kind =
        code == EXT2_ET_BLOCK_ALLOC_FAIL || code == EXT2_ET_INODE_ALLOC_FAIL
            ? ERR_NO_SPACE
            : ERR_IO;
    return err_set(err, kind, "cannot write '%s' into the image's file system: %s",
                   file->path, error_message(code));
}

/* A name in a folder; a folder without room gets another block. */
static errcode_t link_name(ext2_filsys fs, ext2_ino_t folder, const char *name,
                           ext2_ino_t inode, int type)
{
    errcode_t rc = ext2fs_link(fs, folder, name, inode, type);
    if (rc != EXT2_ET_DIR_NO_SPACE)
        return rc;
    rc = ext2fs_expand_dir(fs, folder);
    return rc ? rc : ext2fs_link(fs, folder, name, inode, type);
}

static errcode_t make_folder(ext2_filsys fs, ext2_ino_t parent,
                             const char *name, ext2_ino_t *ret)
{
    errcode_t rc = ext2fs_mkdir(fs, parent, 0, name);
    if (rc == EXT2_ET_DIR_NO_SPACE) {
        rc = ext2fs_expand_dir(fs, parent);
        if (!rc)
            rc = ext2fs_mkdir(fs, parent, 0, name);
    }
    if (!rc)
        rc = ext2fs_lookup(fs, parent, name, (int)strlen(name), NULL, ret);
    struct ext2_inode inode;
    if (!rc)
        rc = ext2fs_read_inode(fs, *ret, &inode);
    if (rc)
        return rc;
    inode.i_mode = LINUX_S_IFDIR | 0755;
    inode.i_atime = inode.i_ctime = inode.i_mtime = (uint32_t)time(NULL);
    return ext2fs_write_inode(fs, *ret, &inode);
}

/* The folder that `name` means inside `parent`, made when it is missing. */
static int enter_folder(ext2_filsys fs, ext2_ino_t parent, const char *name,
                        const struct change_file *file, ext2_ino_t *ret,
                        struct err *err)
{
    errcode_t rc = ext2fs_namei_follow(fs, EXT2_ROOT_INO, parent, name, ret);
    if (rc == EXT2_ET_FILE_NOT_FOUND)
        rc = make_folder(fs, parent, name, ret);
    if (!rc && ext2fs_check_directory(fs, *ret))
        return err_set(err, ERR_CONFLICT,
                       "cannot write '%s' into the image's file system: '%s' "
                       "there is not a folder",
                       file->path, name);
    return rc ? fail(err, rc, file) : 0;
}

/* Splits off the next component; false when it is not acceptable. */
static bool next_name(const char **at, char name[NAME_BYTES])
{
    size_t length = strcspn(*at, "/");
    if (length == 0 || length >= NAME_BYTES)
        return false;
    memcpy(name, *at, length);
    name[length] = '\0';
    *at += length;
    return strcmp(name, ".") && strcmp(name, "..");
}

/* The folder that the file goes into, and the file's own name. */
static int find_place(ext2_filsys fs, const struct change_file *file,
                      ext2_ino_t *ret_folder, char name[NAME_BYTES],
                      struct err *err)
{
    const char *at = file->path;
    ext2_ino_t folder = EXT2_ROOT_INO;
    while (*at == '/') {
        at++;
        if (!next_name(&at, name))
            break;
        if (!*at) {
            *ret_folder = folder;
            return 0;
        }
        int rc = enter_folder(fs, folder, name, file, &folder, err);
        if (rc)
            return rc;
    }
    return err_set(err, ERR_INVALID,
                   "'%.200s' is not an absolute path of plain names",
                   file->path);
}

/* Frees what the last name of an inode held. */
static errcode_t release(ext2_filsys fs, ext2_ino_t number,
                         struct ext2_inode *inode)
{
    errcode_t rc = 0;
    inode->i_links_count = 0;
    inode->i_dtime = (uint32_t)time(NULL);
    rc = ext2fs_free_ext_attr(fs, number, (struct ext2_inode_large *)inode);
    if (!rc && ext2fs_inode_has_valid_blocks2(fs, inode))
        rc = ext2fs_punch(fs, number, inode, NULL, 0, ~0ULL);
    if (!rc)
        rc = ext2fs_write_inode(fs, number, inode);
    if (!rc)
        ext2fs_inode_alloc_stats2(fs, number, -1, 0);
    return rc;
}

static int remove_old(ext2_filsys fs, ext2_ino_t folder, const char *name,
                      const struct change_file *file, struct err *err)
{
    ext2_ino_t number = 0;
    /* Room for the part that only large inodes have. */
    union {
        struct ext2_inode inode;
        struct ext2_inode_large large;
    } old;
    errcode_t rc =
        ext2fs_lookup(fs, folder, name, (int)strlen(name), NULL, &number);
    if (rc == EXT2_ET_FILE_NOT_FOUND)
        return 0;
    memset(&old, 0, sizeof(old));
    if (!rc)
        rc = ext2fs_read_inode(fs, number, &old.inode);
    if (rc)
        return fail(err, rc, file);
    if (LINUX_S_ISDIR(old.inode.i_mode))
        return err_set(err, ERR_CONFLICT,
                       "cannot write '%s' into the image's file system: it is "
                       "a folder there",
                       file->path);
    rc = ext2fs_unlink(fs, folder, name, number, 0);
    if (!rc && old.inode.i_links_count > 1) {
        old.inode.i_links_count--;
        rc = ext2fs_write_inode(fs, number, &old.inode);
    } else if (!rc) {
        rc = release(fs, number, &old.inode);
    }
    return rc ? fail(err, rc, file) : 0;
}

static errcode_t make_inode(ext2_filsys fs, ext2_ino_t folder,
                            const struct change_file *file, ext2_ino_t *ret)
{
    struct ext2_inode inode;
    errcode_t rc = ext2fs_new_inode(
        fs, folder, (int)(LINUX_S_IFREG | file->mode), NULL, ret);
    if (rc)
        return rc;
    ext2fs_inode_alloc_stats2(fs, *ret, +1, 0);
    memset(&inode, 0, sizeof(inode));
    inode.i_mode = (uint16_t)(LINUX_S_IFREG | (file->mode & 07777));
    inode.i_uid = (uint16_t)file->owner;
    inode.i_gid = (uint16_t)file->group;
    ext2fs_set_i_uid_high(inode, file->owner >> 16);
    ext2fs_set_i_gid_high(inode, file->group >> 16);
    inode.i_atime = inode.i_ctime = inode.i_mtime = (uint32_t)time(NULL);
    inode.i_links_count = 1;
    rc = ext2fs_inode_size_set(fs, &inode, file->length);
    if (!rc && ext2fs_has_feature_extents(fs->super)) {
        ext2_extent_handle_t extents;
        inode.i_flags |= EXT4_EXTENTS_FL;
        rc = ext2fs_extent_open2(fs, *ret, &inode, &extents);
        if (!rc)
            ext2fs_extent_free(extents);
    }
    return rc ? rc : ext2fs_write_new_inode(fs, *ret, &inode);
}

static errcode_t write_bytes(ext2_filsys fs, ext2_ino_t number,
                             const struct change_file *file)
{
    ext2_file_t open_file = NULL;
    errcode_t rc = ext2fs_file_open(fs, number, EXT2_FILE_WRITE, &open_file);
    const char *at = (const char *)file->data;
    size_t left = file->length;
    while (!rc && left) {
        unsigned written = 0;
        rc = ext2fs_file_write(open_file, at, (unsigned)left, &written);
        if (!rc && written == 0)
            rc = EXT2_ET_SHORT_WRITE;
        at += written;
        left -= written;
    }
    if (open_file) {
        errcode_t closed = ext2fs_file_close(open_file);
        rc = rc ? rc : closed;
    }
    return rc;
}

int check_needs(ext2_filsys fs, const struct change_file *file,
                struct err *err)
{
    ext2_ino_t found = 0;
    if (!file->needs)
        return 0;
    errcode_t rc = ext2fs_namei_follow(fs, EXT2_ROOT_INO, EXT2_ROOT_INO,
                                       file->needs, &found);
    if (rc == EXT2_ET_FILE_NOT_FOUND || rc == EXT2_ET_NO_DIRECTORY)
        return change_needs(file, err);
    return rc ? fail(err, rc, file) : 0;
}

int write_file(ext2_filsys fs, const struct change_file *file, struct err *err)
{
    ext2_ino_t folder = 0, number = 0;
    char name[NAME_BYTES];
    int code = find_place(fs, file, &folder, name, err);
    if (!code)
        code = remove_old(fs, folder, name, file, err);
    if (code)
        return code;
    errcode_t rc = make_inode(fs, folder, file, &number);
    if (!rc)
        rc = link_name(fs, folder, name, number, EXT2_FT_REG_FILE);
    if (!rc)
        rc = write_bytes(fs, number, file);
    return rc ? fail(err, rc, file) : 0;
}
