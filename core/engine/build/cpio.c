/* SPDX-License-Identifier: Apache-2.0 */
#include "core/engine/build/build.h"

#include <string.h>
#include <sys/stat.h>

#define CPIO_MAX ((size_t)1 << 30)

void cpio_init(struct cpio *cpio)
{
    buf_init(&cpio->data, CPIO_MAX);
    cpio->folders = json_object();
    cpio->inode = 0;
}

void cpio_done(struct cpio *cpio)
{
    buf_done(&cpio->data);
    json_decref(cpio->folders);
    cpio->folders = NULL;
}

struct entry {
    const char *path;
    unsigned mode;
    unsigned links;
    unsigned major;
    unsigned minor;
    const void *data;
    size_t length;
};

static void pad(struct cpio *cpio)
{
    while (cpio->data.length % 4 && !cpio->data.failed)
        (void)buf_append_byte(&cpio->data, 0);
}

/* Format "newc": Linux, Documentation/driver-api/early-userspace/
 * buffer-format.rst. */
static int put_entry(struct cpio *cpio, const struct entry *e, struct err *err)
{
    if (e->length > UINT32_MAX)
        return err_set(err, ERR_TOO_BIG, "'%s' is too large for an initramfs",
                       e->path);
    size_t name_length = strlen(e->path) + 1;
    (void)buf_printf(&cpio->data,
                     "070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X"
                     "%08X",
                     cpio->inode++, e->mode, 0u, 0u, e->links, 0u,
                     (unsigned)e->length, 0u, 0u, e->major, e->minor,
                     (unsigned)name_length, 0u);
    (void)buf_append(&cpio->data, e->path, name_length);
    pad(cpio);
    if (e->length)
        (void)buf_append(&cpio->data, e->data, e->length);
    pad(cpio);
    return cpio->data.failed
               ? err_set(err, ERR_TOO_BIG,
                         "the initramfs is larger than %zu MiB", CPIO_MAX >> 20)
               : 0;
}

int cpio_add_folder(struct cpio *cpio, const char *path, struct err *err)
{
    for (const char *at = path; at; at++) {
        at = strchr(at, '/');
        AUTO_FREE char *part =
            at ? strndup(path, (size_t)(at - path)) : strdup(path);
        if (!part || !cpio->folders)
            return err_set(err, ERR_NO_MEMORY, "out of memory");
        if (*part && !json_object_get(cpio->folders, part)) {
            const struct entry e = {
                .path = part, .mode = S_IFDIR | 0755, .links = 2};
            int rc = put_entry(cpio, &e, err);
            if (rc)
                return rc;
            if (json_object_set_new(cpio->folders, part, json_true()))
                return err_set(err, ERR_NO_MEMORY, "out of memory");
        }
        if (!at)
            break;
    }
    return 0;
}

static int put_with_parents(struct cpio *cpio, const struct entry *e,
                            struct err *err)
{
    const char *slash = strrchr(e->path, '/');
    if (slash) {
        AUTO_FREE char *parent = strndup(e->path, (size_t)(slash - e->path));
        if (!parent)
            return err_set(err, ERR_NO_MEMORY, "out of memory");
        int rc = cpio_add_folder(cpio, parent, err);
        if (rc)
            return rc;
    }
    return put_entry(cpio, e, err);
}

int cpio_add_file(struct cpio *cpio, const char *path, unsigned mode,
                  const void *data, size_t length, struct err *err)
{
    const struct entry e = {.path = path,
                            .mode = S_IFREG | (mode & 07777),
                            .links = 1,
                            .data = data,
                            .length = length};
    return put_with_parents(cpio, &e, err);
}

int cpio_add_link(struct cpio *cpio, const char *path, const char *target,
                  struct err *err)
{
    const struct entry e = {.path = path,
                            .mode = S_IFLNK | 0777,
                            .links = 1,
                            .data = target,
                            .length = strlen(target)};
    return put_with_parents(cpio, &e, err);
}

int cpio_add_device(struct cpio *cpio, const char *path, unsigned major,
                    unsigned minor, struct err *err)
{
    const struct entry e = {.path = path,
                            .mode = S_IFCHR | 0600,
                            .links = 1,
                            .major = major,
                            .minor = minor};
    return put_with_parents(cpio, &e, err);
}

int cpio_finish(struct cpio *cpio, struct err *err)
{
    cpio->inode = 0;
    const struct entry e = {.path = "TRAILER!!!", .links = 1};
    return put_entry(cpio, &e, err);
}
