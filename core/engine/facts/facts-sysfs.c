/* SPDX-License-Identifier: Apache-2.0 */
/* Reading the small files of sysfs and procfs. */
#include "core/engine/facts/facts-internal.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "core/util/file.h"
#include "core/util/json.h"

int facts_read(const char *root, const char *path, struct buf *ret)
{
    AUTO_FREE char *full = NULL;
    if (asprintf(&full, "%s%s", root, path) < 0) {
        full = NULL;
        return -1;
    }
    AUTO_CLOSE int fd = open(full, O_RDONLY | O_CLOEXEC);
    buf_clear(ret);
    /* The size of a sysfs or procfs file is not known before its end. */
    while (fd >= 0) {
        uint8_t *room = buf_reserve(ret, 4096);
        ssize_t got = room ? read(fd, room, 4096) : -1;
        if (got < 0 && room && errno == EINTR)
            continue;
        if (got < 0)
            return -1;
        if (got == 0) {
            *room = '\0'; /* callers read it as text */
            return 0;
        }
        ret->length += (size_t)got;
    }
    return -1;
}

void facts_text(const char *folder, const char *name, char *out, size_t size)
{
    AUTO_BUF data = BUF_INIT(8192);
    AUTO_FREE char *path = NULL;
    out[0] = '\0';
    if (asprintf(&path, "/%s", name) < 0) {
        path = NULL;
        return;
    }
    if (facts_read(folder, path, &data))
        return;
    (void)snprintf(out, size, "%.*s", (int)strcspn(buf_text(&data), "\n"),
                   buf_text(&data));
    /* Devices give these texts; firmware of cheap ones puts anything here. */
    for (char *c = out; *c; c++)
        if (*c < 0x20 || *c > 0x7e)
            *c = '?';
}

void facts_link_name(const char *folder, const char *name, char *out,
                     size_t size)
{
    char target[PATH_MAX];
    AUTO_FREE char *path = NULL;
    out[0] = '\0';
    if (asprintf(&path, "%s/%s", folder, name) < 0) {
        path = NULL;
        return;
    }
    ssize_t length = readlink(path, target, sizeof(target) - 1);
    if (length <= 0)
        return;
    target[length] = '\0';
    const char *slash = strrchr(target, '/');
    (void)snprintf(out, size, "%.*s", (int)size - 1,
                   slash ? slash + 1 : target);
}

const char *facts_without_prefix(const char *text)
{
    return strncmp(text, "0x", 2) ? text : text + 2;
}

int facts_put_text(json_t *object, const char *key, const char *text)
{
    return *text ? json_object_set_new(object, key, json_string(text)) : 0;
}

json_t *facts_object_at(json_t *facts, const char *key)
{
    json_t *object = json_object_get(facts, key);
    if (!object && !json_object_set_new(facts, key, json_object()))
        object = json_object_get(facts, key);
    return object;
}

int facts_by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}
