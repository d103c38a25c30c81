/* SPDX-License-Identifier: Apache-2.0 */
/* Disks: which there are, which one is meant, and who may write where. */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "core/engine/actions/action-host-parts.h"
#include "core/engine/disks/disk-select.h"
#include "core/util/json.h"

static const struct disk_list *disks_of(const struct action_host *host)
{
    return &host->spec.target->disks;
}

static json_t *disk_message(const struct disk *disk, size_t index)
{
    uint64_t flags = (disk->read_only ? SLIPWAY_DISK_READ_ONLY : 0) |
                     (disk->removable ? SLIPWAY_DISK_REMOVABLE : 0) |
                     (disk->rotational ? SLIPWAY_DISK_ROTATIONAL : 0) |
                     (disk->unreadable ? SLIPWAY_DISK_UNREADABLE : 0);

    /* Texts of devices may hold anything; what JSON refuses is left out. */
    return json_pack(
        "{s:I, s:I, s:I, s:I, s:I, s:s*, s:s*, s:s*, s:s*, s:s*, "
        "s:s*}",
        "id", (json_int_t)index + 1, "size_bytes", (json_int_t)disk->size_bytes,
        "flags", (json_int_t)flags, "logical_sector_bytes",
        (json_int_t)disk->logical_sector_bytes, "physical_sector_bytes",
        (json_int_t)disk->physical_sector_bytes, "name", disk->name, "serial",
        disk->serial, "model", disk->model, "wwn", disk->wwn, "path",
        disk->path, "transport", disk->transport);
}

void action_serve_disks(struct action_host *host, const json_t *head)
{
    AUTO_JSON *list = json_array();

    (void)head;
    for (size_t i = 0; i < disks_of(host)->count; i++)
        (void)json_array_append_new(list,
                                    disk_message(&disks_of(host)->disks[i], i));
    AUTO_FREE char *text = json_text(list);
    action_reply_text(host, text);
}

void action_serve_select(struct action_host *host, const json_t *head)
{
    const char *param = json_string_value(json_object_get(head, "param"));
    const json_t *selector =
        param ? json_object_get(host->step->with, param) : NULL;
    AUTO_JSON *any = NULL;
    struct err err = ERR_INIT;
    size_t disk;

    if (!selector)
        selector = any = json_object(); /* absent: the only disk there is */
    if (disk_select(disks_of(host), selector, &disk, &err) < 0)
        action_refuse(host, err.code, "%s", err.text);
    else
        action_reply(host, 0, json_pack("{s:I}", "disk", (json_int_t)disk + 1),
                     -1);
}

int action_find_disk(struct action_host *host, const json_t *head,
                     size_t *ret_disk)
{
    json_int_t id = json_integer_value(json_object_get(head, "disk"));

    if (id < 1 || (uint64_t)id > disks_of(host)->count) {
        action_refuse(host, ERR_INVALID,
                      "action '%s' names a disk that there is not",
                      host->step->action);
        return -1;
    }
    *ret_disk = (size_t)id - 1;
    return 0;
}

void action_serve_declare(struct action_host *host, const json_t *head)
{
    json_int_t offset = json_integer_value(json_object_get(head, "offset"));
    json_int_t length = json_integer_value(json_object_get(head, "length"));
    size_t disk;

    if (action_find_disk(host, head, &disk) < 0)
        return;
    const struct disk *facts = &disks_of(host)->disks[disk];
    if (host->phase != ACTION_PREPARE) {
        action_refuse(host, ERR_INVALID,
                      "action '%s' declares what it writes in %s; only "
                      "prepare may",
                      host->step->action, action_phase_word(host->phase));
    } else if (!(host->plugin_flags & SLIPWAY_ACTION_DESTRUCTIVE)) {
        action_refuse(host, ERR_INVALID,
                      "action '%s' wants to write disk '%s' and does not say "
                      "in its description that it writes disks",
                      host->step->action, facts->name);
    } else if (facts->read_only) {
        action_refuse(host, ERR_IO,
                      "disk '%s' cannot be written: it is "
                      "read-only",
                      facts->name);
    } else if (offset < 0 || length < 0 ||
               (uint64_t)offset > facts->size_bytes ||
               (uint64_t)length > facts->size_bytes - (uint64_t)offset) {
        action_refuse(host, ERR_NO_SPACE,
                      "action '%s' wants to write beyond the end of disk '%s'",
                      host->step->action, facts->name);
    } else if (host->declared_count == ACTION_MAX_DECLARED) {
        action_refuse(host, ERR_TOO_BIG,
                      "action '%s' declares more than %d ranges",
                      host->step->action, ACTION_MAX_DECLARED);
    } else {
        host->declared[host->declared_count++] =
            (struct declared_write){disk, (uint64_t)offset, (uint64_t)length};
        action_reply(host, 0, NULL, -1);
    }
}

bool action_declared(const struct action_host *host, size_t disk,
                     uint64_t offset, uint64_t length)
{
    for (size_t i = 0; i < host->declared_count; i++) {
        const struct declared_write *d = &host->declared[i];
        if (d->disk == disk && d->offset <= offset &&
            (d->length == 0 ||
             (length <= d->length && offset - d->offset <= d->length - length)))
            return true;
    }
    return false;
}

int action_open_disk(struct action_host *host, size_t disk, bool writable)
{
    const struct disk *facts = &disks_of(host)->disks[disk];
    struct stat status;
    int flags = O_CLOEXEC | (writable ? O_RDWR : O_RDONLY);

    if (facts->silent) { /* it would take PID 1 along */
        action_refuse(host, ERR_IO,
                      "disk '%s' is not opened, because it does not answer: %s",
                      facts->name, facts->finding);
        return -1;
    }

    /* O_EXCL on a block device: refused while anything else uses it. */
    if (writable && stat(facts->node, &status) == 0 && S_ISBLK(status.st_mode))
        flags |= O_EXCL;
    int fd = open(facts->node, flags);
    if (fd < 0)
        action_refuse(host, ERR_IO, "disk '%s' cannot be opened%s: %s",
                      facts->name, writable ? " for writing" : "",
                      err_errno_text(errno));
    return fd;
}

void action_serve_open(struct action_host *host, const json_t *head)
{
    bool writable = json_is_true(json_object_get(head, "writable"));
    bool declared = false;
    size_t disk;

    if (action_find_disk(host, head, &disk) < 0)
        return;
    if (host->phase < ACTION_RUN) {
        action_refuse(host, ERR_INVALID,
                      "action '%s' opens a disk in %s; only run and verify may",
                      host->step->action, action_phase_word(host->phase));
        return;
    }
    for (size_t i = 0; i < host->declared_count; i++)
        declared |= host->declared[i].disk == disk;
    if (writable && !declared) {
        action_refuse(host, ERR_INVALID,
                      "action '%s' wants to write disk '%s' and has not "
                      "declared it in prepare",
                      host->step->action, disks_of(host)->disks[disk].name);
        return;
    }
    AUTO_CLOSE int fd = action_open_disk(host, disk, writable);
    if (fd < 0)
        return;
    if (writable) {
        /* What the plugin does now, no index vouches for. */
        host->disks[disk].verified = false;
    }
    action_reply(host, 0, NULL, fd);
}
