/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing many objects with few syncs: see objects.h.  A put writes a temporary
 * file in a folder of its own, which is all that must be searched after a
 * crash; one syncfs covers many of them; only then they get their names.
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "core/image/objects-path.h"
#include "core/util/file.h"

#define BATCH_OBJECTS 256 /* for each sync */
#define SALT_BYTES 8
#define FILE_MODE 0440
#define FOLDER_MODE 0750

struct objects_batch {
    int folder_fd;
    char suffix[2 * SALT_BYTES + 8]; /* ".<salt>.tmp" of this writer's files */
    pthread_mutex_t lock;            /* pending, count */
    struct digest *pending;
    size_t count;
    size_t capacity;
};

struct objects_batch *objects_batch_new(struct objects *objects)
{
    struct objects_batch *batch = calloc(1, sizeof(*batch));
    if (!batch)
        return NULL;
    uint8_t salt[SALT_BYTES];
    char hex[2 * SALT_BYTES + 1];
    random_bytes(salt, sizeof(salt));
    (void)snprintf(batch->suffix, sizeof(batch->suffix), ".%s%s",
                   hex_format(salt, sizeof(salt), hex), OBJECTS_TEMPORARY);
    batch->folder_fd = objects_folder_fd(objects);
    /* If it cannot be made, the first put says so. */
    (void)mkdirat(batch->folder_fd, OBJECTS_TEMPORARY_FOLDER, FOLDER_MODE);
    (void)pthread_mutex_init(&batch->lock, NULL);
    return batch;
}

static void temporary_path(const struct objects_batch *batch,
                           const struct digest *name,
                           char out[OBJECTS_PATH_BYTES])
{
    char hex[DIGEST_HEX_BYTES];
    (void)snprintf(out, OBJECTS_PATH_BYTES, OBJECTS_TEMPORARY_FOLDER "/%s%s",
                   digest_hex(name, hex), batch->suffix);
}

static void drop(const struct objects_batch *batch, const struct digest *name)
{
    char path[OBJECTS_PATH_BYTES];
    temporary_path(batch, name, path);
    (void)unlinkat(batch->folder_fd, path, 0);
}

void objects_batch_free(struct objects_batch *batch)
{
    if (!batch)
        return;
    for (size_t i = 0; i < batch->count; i++)
        drop(batch, &batch->pending[i]);
    (void)pthread_mutex_destroy(&batch->lock);
    free(batch->pending);
    free(batch);
}

static int remember(struct objects_batch *batch, const struct digest *name,
                    bool *ret_full)
{
    int rc = 0;
    (void)pthread_mutex_lock(&batch->lock);
    if (batch->count == batch->capacity) {
        size_t capacity = batch->capacity ? 2 * batch->capacity : BATCH_OBJECTS;
        struct digest *pending =
            reallocarray(batch->pending, capacity, sizeof(*pending));
        if (pending) {
            batch->pending = pending;
            batch->capacity = capacity;
        } else {
            rc = ERR_NO_MEMORY;
        }
    }
    if (!rc)
        batch->pending[batch->count++] = *name;
    /* Only the put that fills the batch commits it. */
    *ret_full = !rc && batch->count == BATCH_OBJECTS;
    (void)pthread_mutex_unlock(&batch->lock);
    return rc;
}

static int commit_some(struct objects_batch *batch, struct err *err);

int objects_put(struct objects_batch *batch, const struct digest *name,
                const void *sealed, size_t length, struct err *err)
{
    char path[OBJECTS_PATH_BYTES];
    objects_path(name, "", path);
    if (objects_file_keep(batch->folder_fd, path, sealed, length))
        return 0;
    temporary_path(batch, name, path);
    AUTO_CLOSE int fd =
        openat(batch->folder_fd, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
               FILE_MODE);
    /* Another thread of this writer is putting the same object; if it fails,
     * the whole import fails. */
    if (fd < 0 && errno == EEXIST)
        return 0;
    if (fd < 0)
        return err_set_errno(
            err, errno == ENOSPC || errno == EDQUOT ? ERR_NO_SPACE : ERR_IO,
            errno, "cannot make a file for an object");
    struct err local = ERR_INIT;
    int rc = file_write_all(fd, sealed, length, &local);
    bool full = false;
    if (!rc)
        rc = remember(batch, name, &full);
    if (rc) {
        drop(batch, name);
        return rc == ERR_NO_SPACE
                   ? err_set(err, rc,
                             "the disk of the object store is full: free some "
                             "space and import again")
                   : err_set(err, rc, "an object: %s", local.text);
    }
    /* Lets the disk begin, so that the sync finds little left to do. */
    (void)sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE);
    return full ? commit_some(batch, err) : 0;
}

static int name_one(const struct objects_batch *batch,
                    const struct digest *name, struct err *err)
{
    char from[OBJECTS_PATH_BYTES];
    char to[OBJECTS_PATH_BYTES];
    temporary_path(batch, name, from);
    objects_path(name, "", to);
    int rc = objects_make_folder(batch->folder_fd, to, err);
    if (!rc && renameat(batch->folder_fd, from, batch->folder_fd, to))
        rc = err_set_errno(err, ERR_IO, errno, "cannot name an object");
    return rc;
}

/* Syncs and names everything that is pending. */
static int commit_some(struct objects_batch *batch, struct err *err)
{
    (void)pthread_mutex_lock(&batch->lock);
    AUTO_FREE struct digest *list = TAKE(batch->pending);
    size_t count = batch->count;
    batch->count = batch->capacity = 0;
    (void)pthread_mutex_unlock(&batch->lock);
    int rc = 0;
    if (count && syncfs(batch->folder_fd))
        rc = err_set_errno(
            err, errno == ENOSPC || errno == EDQUOT ? ERR_NO_SPACE : ERR_IO,
            errno, "objects could not be brought to the disk");
    for (size_t i = 0; i < count; i++) {
        if (!rc)
            rc = name_one(batch, &list[i], err);
        if (rc)
            drop(batch, &list[i]);
    }
    return rc;
}

int objects_commit(struct objects_batch *batch, struct err *err)
{
    int rc = commit_some(batch, err);
    if (!rc && syncfs(batch->folder_fd)) /* now the names */
        rc = err_set_errno(err, ERR_IO, errno,
                           "objects could not be brought to the disk");
    return rc;
}
