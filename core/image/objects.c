/* SPDX-License-Identifier: Apache-2.0 */
/* The object store on disk: see objects.h. */
#include "core/image/objects.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "core/image/objects-path.h"
#include "core/util/bytes.h"
#include "core/util/file.h"

#define FOLDER_MODE 0750
#define FILE_MODE 0440
#define INDEX_DOMAIN "slipway index 1"
#define INDEX_FILE_MAGIC "SLI1" /* then the epoch, then the sealed bytes */
#define INDEX_FILE_HEADER_BYTES 8

struct objects {
    int objects_fd;
    int index_fd;
    int manifest_fd;
};

void objects_path(const struct digest *name, const char *suffix,
                  char out[OBJECTS_PATH_BYTES])
{
    char hex[DIGEST_HEX_BYTES];
    (void)digest_hex(name, hex);
    (void)snprintf(out, OBJECTS_PATH_BYTES, "%.2s/%s%s", hex, hex, suffix);
}

int objects_make_folder(int folder_fd, const char *path, struct err *err)
{
    char name[3] = {path[0], path[1], 0};
    if (mkdirat(folder_fd, name, FOLDER_MODE) && errno != EEXIST)
        return err_set_errno(err, errno == ENOSPC ? ERR_NO_SPACE : ERR_IO,
                             errno, "cannot make a folder '%s' for objects",
                             name);
    return 0;
}

struct objects *objects_from_fds(int objects_fd, int index_fd, int manifest_fd,
                                 struct err *err)
{
    struct objects *objects = calloc(1, sizeof(*objects));
    if (!objects)
        (void)err_set(err, ERR_NO_MEMORY, "no memory for the object store");
    else
        *objects = (struct objects){objects_fd, index_fd, manifest_fd};
    return objects;
}

struct objects *objects_open(int state_fd, struct err *err)
{
    AUTO_CLOSE int objects_fd =
        file_open_dir(state_fd, "objects", FOLDER_MODE, err);
    AUTO_CLOSE int index_fd =
        objects_fd < 0 ? -1 : file_open_dir(state_fd, "index", 0700, err);
    AUTO_CLOSE int manifest_fd =
        index_fd < 0 ? -1
                     : file_open_dir(state_fd, "manifests", FOLDER_MODE, err);
    if (manifest_fd < 0)
        return NULL;
    struct objects *objects =
        objects_from_fds(objects_fd, index_fd, manifest_fd, err);
    if (objects) {
        (void)TAKE_FD(objects_fd);
        (void)TAKE_FD(index_fd);
        (void)TAKE_FD(manifest_fd);
    }
    return objects;
}

void objects_free(struct objects *objects)
{
    if (!objects)
        return;
    (void)close(objects->objects_fd);
    (void)close(objects->index_fd);
    (void)close(objects->manifest_fd);
    free(objects);
}

int objects_folder_fd(const struct objects *objects)
{
    return objects->objects_fd;
}

int objects_index_fd(const struct objects *objects)
{
    return objects->index_fd;
}

int objects_manifest_fd(const struct objects *objects)
{
    return objects->manifest_fd;
}

/* A folder's own open description, so that reading it moves no other. */
static DIR *open_dir(int parent_fd, const char *name)
{
    int fd = openat(parent_fd, name,
                    O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    if (fd >= 0 && !dir)
        (void)close(fd);
    return dir;
}

static bool has_suffix(const char *name, const char *suffix)
{
    size_t length = strlen(name);
    size_t end = strlen(suffix);
    return length > end && !strcmp(name + length - end, suffix);
}

static void sweep_folder(int parent_fd, const char *name)
{
    DIR *dir = open_dir(parent_fd, name);
    if (!dir)
        return;
    struct dirent *entry;
    while ((entry = readdir(dir)))
        if (has_suffix(entry->d_name, OBJECTS_TEMPORARY))
            (void)unlinkat(dirfd(dir), entry->d_name, 0);
    (void)closedir(dir);
}

/* "HEX.gone" gets its name back; in objects/tmp it is another folder. */
static void put_back(int parent_fd, const char *folder, const char *gone)
{
    char from[OBJECTS_PATH_BYTES];
    char to[OBJECTS_PATH_BYTES];
    size_t length = strlen(gone) - strlen(OBJECTS_GONE);
    (void)snprintf(from, sizeof(from), "%.3s/%.80s", folder, gone);
    (void)snprintf(to, sizeof(to), "%.2s/%.*s", gone,
                   (int)MIN(length, (size_t)80), gone);
    (void)renameat(parent_fd, from, parent_fd, to);
}

static void restore_folder(int parent_fd, const char *name)
{
    DIR *dir = open_dir(parent_fd, name);
    struct dirent *entry;
    while (dir && (entry = readdir(dir)))
        if (has_suffix(entry->d_name, OBJECTS_GONE) &&
            strlen(entry->d_name) < OBJECTS_PATH_BYTES - 8)
            put_back(parent_fd, name, entry->d_name);
    if (dir)
        (void)closedir(dir);
}

void objects_restore(struct objects *objects)
{
    const int folders[] = {objects->index_fd, objects->manifest_fd};
    restore_folder(objects->objects_fd, OBJECTS_TEMPORARY_FOLDER);
    for (size_t i = 0; i < ARRAY_LENGTH(folders); i++)
        for (unsigned byte = 0; byte < 256; byte++) {
            char name[3];
            (void)snprintf(name, sizeof(name), "%02x", byte);
            restore_folder(folders[i], name);
        }
}

void objects_sweep(struct objects *objects)
{
    objects_restore(objects);
    /* Index and manifests are few files: theirs lie among the others. */
    const int folders[] = {objects->index_fd, objects->manifest_fd};
    sweep_folder(objects->objects_fd, OBJECTS_TEMPORARY_FOLDER);
    for (size_t i = 0; i < ARRAY_LENGTH(folders); i++)
        for (unsigned byte = 0; byte < 256; byte++) {
            char name[3];
            (void)snprintf(name, sizeof(name), "%02x", byte);
            sweep_folder(folders[i], name);
        }
}

int objects_fd(const struct objects *objects, const struct digest *name,
               uint64_t *ret_length, struct err *err)
{
    char path[OBJECTS_PATH_BYTES];
    objects_path(name, "", path);
    AUTO_CLOSE int fd =
        openat(objects->objects_fd, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    struct stat st;
    if (fd < 0 || fstat(fd, &st))
        return errno == ENOENT
                   ? err_set(err, ERR_NOT_FOUND,
                             "object %s is not in the store", path + 3)
                   : err_set_errno(err, ERR_IO, errno, "cannot open object %s",
                                   path + 3);
    if (!S_ISREG(st.st_mode))
        return err_set(err, ERR_CORRUPT, "object %s is not a file", path + 3);
    *ret_length = (uint64_t)st.st_size;
    return TAKE_FD(fd);
}

int objects_read(const struct objects *objects, const struct digest *name,
                 void *data, size_t max, size_t *ret_length, struct err *err)
{
    uint64_t length;
    AUTO_CLOSE int fd = objects_fd(objects, name, &length, err);
    char hex[DIGEST_HEX_BYTES];
    if (fd < 0)
        return fd;
    if (length > max)
        return err_set(err, ERR_CORRUPT, "object %s is damaged: it is too long",
                       digest_hex(name, hex));
    int rc = file_pread_all(fd, data, (size_t)length, 0, err);
    if (rc)
        return err ? err_prefix(err, "object %s: ", digest_hex(name, hex)) : rc;
    *ret_length = (size_t)length;
    return 0;
}

/* Makes the file new, and says whether it still has its name afterwards: a
 * collector that took the name away before does not give it back. */
static bool file_touch(int folder_fd, const char *path, int fd)
{
    struct stat ours;
    struct stat named;
    return !futimens(fd, NULL) && !fstat(fd, &ours) &&
           !fstatat(folder_fd, path, &named, AT_SYMLINK_NOFOLLOW) &&
           ours.st_ino == named.st_ino && ours.st_dev == named.st_dev;
}

int objects_touch(const struct objects *objects, const struct digest *name,
                  uint64_t *ret_length, struct err *err)
{
    char path[OBJECTS_PATH_BYTES];
    uint64_t length;
    objects_path(name, "", path);
    AUTO_CLOSE int fd = objects_fd(objects, name, &length, err);
    if (fd < 0)
        return fd;
    if (!file_touch(objects->objects_fd, path, fd))
        return err_set(err, ERR_NOT_FOUND, "object %s is not in the store",
                       path + 3);
    *ret_length = length;
    return 0;
}

bool objects_file_keep(int folder_fd, const char *path, const void *data,
                       size_t length)
{
    uint8_t piece[16384];
    struct stat st;
    AUTO_CLOSE int fd =
        openat(folder_fd, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0 || fstat(fd, &st) || (uint64_t)st.st_size != length ||
        !file_touch(folder_fd, path, fd))
        return false;
    for (size_t at = 0; at < length; at += sizeof(piece)) {
        size_t some = MIN(sizeof(piece), length - at);
        if (file_pread_all(fd, piece, some, at, NULL) ||
            memcmp(piece, (const uint8_t *)data + at, some))
            return false;
    }
    return true;
}

/* Writes ab/abcd... below `folder_fd` unless it is there with these bytes. */
static int put_file(int folder_fd, const struct digest *digest,
                    const char *suffix, const void *data, size_t length,
                    struct err *err)
{
    char path[OBJECTS_PATH_BYTES];
    objects_path(digest, suffix, path);
    if (objects_file_keep(folder_fd, path, data, length))
        return 0;
    int rc = objects_make_folder(folder_fd, path, err);
    if (!rc)
        rc = file_write(folder_fd, path, data, length, FILE_MODE, err);
    /* That synced the folder of the file, not the folder's own name. */
    if (!rc && fsync(folder_fd))
        rc = err_set_errno(err, ERR_IO, errno,
                           "the index could not be brought to the disk");
    return rc;
}

int objects_index_put(struct objects *objects, const struct seal_secret *secret,
                      const struct digest *digest, const void *data,
                      size_t length, struct err *err)
{
    size_t bytes = INDEX_FILE_HEADER_BYTES + length + SEAL_TAG_BYTES;
    AUTO_FREE uint8_t *file = malloc(bytes);
    struct secret_key key;
    if (!file)
        return err_set(err, ERR_NO_MEMORY, "no memory for an index page");
    int rc = object_key(secret, INDEX_DOMAIN, data, length, &key, err);
    if (rc)
        return rc;
    memcpy(file, INDEX_FILE_MAGIC, 4);
    put_le32(file + 4, secret->epoch);
    rc = seal(&key, NULL, data, length, file + INDEX_FILE_HEADER_BYTES, err);
    secret_wipe(&key, sizeof(key));
    return rc ? rc : put_file(objects->index_fd, digest, "", file, bytes, err);
}

/* Opens a file of index/ that has been read whole. */
static int index_open(const struct seal_secret *secret,
                      const struct digest *digest, const struct buf *file,
                      struct buf *ret, struct err *err)
{
    char hex[DIGEST_HEX_BYTES];
    struct digest found;
    struct secret_key key;
    (void)digest_hex(digest, hex);
    if (file->length <= INDEX_FILE_HEADER_BYTES + SEAL_TAG_BYTES ||
        memcmp(file->data, INDEX_FILE_MAGIC, 4))
        return err_set(err, ERR_CORRUPT, "index file %s is damaged", hex);
    if (get_le32(file->data + 4) != secret->epoch)
        return err_set(err, ERR_UNSUPPORTED,
                       "index file %s was sealed in epoch %u, and this "
                       "server's secret is of epoch %u",
                       hex, get_le32(file->data + 4), secret->epoch);
    size_t sealed = file->length - INDEX_FILE_HEADER_BYTES;
    uint8_t *plain = buf_reserve(ret, sealed);
    if (!plain)
        return err_set(err, ERR_NO_MEMORY, "no memory for an index page");
    int rc = object_key_of(secret, INDEX_DOMAIN, digest, &key, err);
    if (rc)
        return rc;
    rc = unseal(&key, NULL, file->data + INDEX_FILE_HEADER_BYTES, sealed, plain,
                NULL);
    secret_wipe(&key, sizeof(key));
    if (!rc)
        digest_of(plain, sealed - SEAL_TAG_BYTES, &found);
    if (rc || !digest_equal(&found, digest))
        return err_set(err, ERR_CORRUPT, "index file %s is damaged", hex);
    ret->length = sealed - SEAL_TAG_BYTES;
    return 0;
}

int objects_index_get(const struct objects *objects,
                      const struct seal_secret *secret,
                      const struct digest *digest, struct buf *ret,
                      struct err *err)
{
    char path[OBJECTS_PATH_BYTES];
    AUTO_BUF file =
        BUF_INIT(INDEX_FILE_HEADER_BYTES + INDEX_MAX_BYTES + SEAL_TAG_BYTES);
    objects_path(digest, "", path);
    buf_clear(ret);
    int rc = file_read(objects->index_fd, path, &file, err);
    if (rc)
        return err ? err_prefix(err, "index file: ") : rc;
    return index_open(secret, digest, &file, ret, err);
}

int objects_manifest_put(struct objects *objects, const void *text,
                         size_t length,
                         const uint8_t signature[SIGNATURE_BYTES],
                         struct digest *ret_digest, struct err *err)
{
    char hex[2 * SIGNATURE_BYTES + 1];
    struct digest digest;
    digest_of(text, length, &digest);
    (void)hex_format(signature, SIGNATURE_BYTES, hex);
    /* The signature first: a manifest that is there is complete. */
    int rc = put_file(objects->manifest_fd, &digest, ".sig", hex,
                      sizeof(hex) - 1, err);
    if (!rc)
        rc = put_file(objects->manifest_fd, &digest, "", text, length, err);
    if (!rc)
        *ret_digest = digest;
    return rc;
}

int objects_manifest_get(const struct objects *objects,
                         const struct digest *digest, struct buf *ret_text,
                         uint8_t ret_signature[SIGNATURE_BYTES],
                         struct err *err)
{
    char path[OBJECTS_PATH_BYTES];
    char signature_path[OBJECTS_PATH_BYTES];
    struct digest found;
    AUTO_BUF signature = BUF_INIT(2 * SIGNATURE_BYTES);
    objects_path(digest, "", path);
    objects_path(digest, ".sig", signature_path);
    int rc = file_read(objects->manifest_fd, path, ret_text, err);
    if (!rc)
        rc = file_read(objects->manifest_fd, signature_path, &signature, err);
    if (rc)
        return err ? err_prefix(err, "manifest: ") : rc;
    digest_of(ret_text->data, ret_text->length, &found);
    if (!digest_equal(&found, digest))
        return err_set(err, ERR_CORRUPT,
                       "manifest %s is damaged: its bytes do not have that "
                       "digest",
                       path + 3);
    if (hex_parse(buf_text(&signature), ret_signature, SIGNATURE_BYTES))
        return err_set(err, ERR_CORRUPT,
                       "the signature of manifest %s is damaged", path + 3);
    return 0;
}
