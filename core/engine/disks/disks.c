/* SPDX-License-Identifier: Apache-2.0 */
#include "core/engine/disks/disks.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "core/engine/disks/disks-internal.h"
#include "core/util/num.h"

int disk_text(const char *folder, const char *name, char *out, size_t size)
{
    AUTO_FREE char *path = NULL;
    out[0] = '\0';
    if (asprintf(&path, "%s/%s", folder, name) < 0) {
        path = NULL;
        return -1;
    }
    AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
    char text[4096];
    ssize_t got = fd >= 0 ? read(fd, text, sizeof(text) - 1) : -1;
    if (got < 0)
        return -1;
    text[got] = '\0';
    char *at = text + strspn(text, " \t\n");
    size_t length = strlen(at);
    while (length && strchr(" \t\n", at[length - 1]))
        length--;
    at[length] = '\0';
    /* Firmware of cheap disks puts anything here. */
    for (char *c = at; *c; c++)
        if (*c < 0x20 || *c > 0x7e)
            *c = '?';
    (void)snprintf(out, size, "%s", at);
    return 0;
}

static uint64_t disk_number(const char *folder, const char *name,
                            uint64_t fallback)
{
    char text[32];
    uint64_t value = 0;
    if (disk_text(folder, name, text, sizeof(text)) ||
        num_parse_u64(text, 0, UINT64_MAX, &value, NULL))
        return fallback;
    return value;
}

/* What is no disk to install on, though it is a block device. */
static bool is_disk_name(const char *name)
{
    static const char *const others[] = {"loop",     "ram",  "zram", "sr",
                                         "fd",       "md",   "dm-",  "nbd",
                                         "mtdblock", "drbd", "rbd"};
    for (size_t i = 0; i < ARRAY_LENGTH(others); i++)
        if (!strncmp(name, others[i], strlen(others[i])))
            return false;
    /* The boot and protected areas of an eMMC, the paths below a multipath
     * NVMe name. */
    if (!strncmp(name, "mmcblk", 6) &&
        (strstr(name, "boot") || strstr(name, "rpmb")))
        return false;
    return name[0] != '.' && strlen(name) < sizeof(((struct disk *)0)->name);
}

/* One entry of /sys/block.  False: it is none, or it has no medium. */
static bool read_disk(const char *root, const char *name, struct disk *ret)
{
    struct disk disk = {0};
    AUTO_FREE char *folder = NULL;
    if (asprintf(&folder, "%s/sys/block/%s", root, name) < 0) {
        folder = NULL;
        return false;
    }
    uint64_t sectors = disk_number(folder, "size", 0);
    if (sectors == 0 || sectors > UINT64_MAX / 512 ||
        disk_number(folder, "hidden", 0))
        return false;
    (void)snprintf(disk.name, sizeof(disk.name), "%s", name);
    (void)snprintf(disk.node, sizeof(disk.node), "%s/dev/%s", root, name);
    /* sysfs counts in units of 512 whatever the sector size. */
    disk.size_bytes = sectors * 512;
    disk.logical_sector_bytes =
        (uint32_t)disk_number(folder, "queue/logical_block_size", 512);
    disk.physical_sector_bytes = (uint32_t)disk_number(
        folder, "queue/physical_block_size", disk.logical_sector_bytes);
    disk.read_only = disk_number(folder, "ro", 0) != 0;
    disk.removable = disk_number(folder, "removable", 0) != 0;
    disk.rotational = disk_number(folder, "queue/rotational", 0) != 0;
    disk_place(folder, &disk);
    disk_names(folder, &disk);
    *ret = disk;
    return true;
}

static struct disk *list_room(struct disk_list *list)
{
    if (list->count >= DISKS_MAX)
        return NULL;
    struct disk *disks =
        reallocarray(list->disks, list->count + 1, sizeof(*disks));
    if (!disks)
        return NULL;
    list->disks = disks;
    return &disks[list->count];
}

static int by_place(const void *a, const void *b)
{
    const struct disk *x = a, *y = b;
    int order = strcmp(x->path, y->path);
    return order ? order : strcmp(x->name, y->name);
}

int disks_scan(const char *root, unsigned probe_ms, struct disk_list *ret,
               struct err *err)
{
    struct disk_list list = {NULL, 0};
    AUTO_FREE char *folder = NULL;
    if (asprintf(&folder, "%s/sys/block", root) < 0) {
        folder = NULL;
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    }
    DIR *dir = opendir(folder);
    if (!dir)
        return err_set_errno(err, ERR_IO, errno,
                             "cannot look for disks in '%s'", folder);
    const struct dirent *entry = NULL;
    while ((entry = readdir(dir))) {
        struct disk disk;
        if (!is_disk_name(entry->d_name) ||
            !read_disk(root, entry->d_name, &disk))
            continue;
        struct disk *room = list_room(&list);
        if (!room)
            break; /* DISKS_MAX, or no memory: those found are listed */
        *room = disk;
        list.count++;
    }
    (void)closedir(dir);
    if (list.count)
        qsort(list.disks, list.count, sizeof(*list.disks), by_place);
    disks_probe(&list, probe_ms);
    *ret = list;
    return 0;
}

int disks_add_file(struct disk_list *list, const char *path,
                   uint32_t sector_bytes, struct err *err)
{
    struct stat status;
    if (stat(path, &status))
        return err_set_errno(err, ERR_IO, errno, "cannot use '%s' as a disk",
                             path);
    if (!S_ISREG(status.st_mode))
        return err_set(err, ERR_INVALID,
                       "'%s' is not a plain file, so it is not used as a "
                       "disk",
                       path);
    struct disk disk = {.size_bytes = (uint64_t)status.st_size,
                        .logical_sector_bytes = sector_bytes,
                        .physical_sector_bytes = sector_bytes,
                        .transport = "file"};
    const char *slash = strrchr(path, '/');
    (void)snprintf(disk.name, sizeof(disk.name), "%.31s",
                   slash ? slash + 1 : path);
    if (strlen(path) >= sizeof(disk.node))
        return err_set(err, ERR_TOO_BIG, "'%s' is too long a name", path);
    (void)snprintf(disk.node, sizeof(disk.node), "%s", path);
    (void)snprintf(disk.path, sizeof(disk.path), "file-%zu", list->count);
    struct disk *room = list_room(list);
    if (!room)
        return err_set(err, ERR_TOO_BIG, "no room for another disk");
    *room = disk;
    list->count++;
    return 0;
}

void disk_list_done(struct disk_list *list)
{
    free(list->disks);
    *list = (struct disk_list){NULL, 0};
}

json_t *disk_json(const struct disk *disk)
{
    json_t *json = json_pack(
        "{s:s, s:I, s:I, s:I, s:b, s:b, s:b, s:b}", "name", disk->name,
        "size_bytes", (json_int_t)disk->size_bytes, "logical_sector_bytes",
        (json_int_t)disk->logical_sector_bytes, "physical_sector_bytes",
        (json_int_t)disk->physical_sector_bytes, "read_only",
        (int)disk->read_only, "removable", (int)disk->removable, "rotational",
        (int)disk->rotational, "unreadable", (int)disk->unreadable);
    const struct {
        const char *key;
        const char *text;
    } texts[] = {{"serial", disk->serial},
                 {"vendor", disk->vendor},
                 {"model", disk->model},
                 {"firmware", disk->firmware},
                 {"wwn", disk->wwn},
                 {"path", disk->path},
                 {"transport", disk->transport},
                 {"finding", disk->finding}};
    for (size_t i = 0; json && i < ARRAY_LENGTH(texts); i++)
        if (texts[i].text[0] &&
            json_object_set_new(json, texts[i].key,
                                json_string(texts[i].text))) {
            json_decref(json);
            return NULL;
        }
    return json;
}
