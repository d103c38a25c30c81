/* SPDX-License-Identifier: Apache-2.0 */
/* The last partition of an installed image, extended to the disk's end. */
#include <string.h>

#include "core/engine/actions/action-host-parts.h"
#include "core/util/json.h"

#define MBR_PRIMARY_MAX 4

static const struct partition *last_partition(const struct partitions *parts)
{
    const struct partition *last = NULL;

    for (size_t i = 0; i < parts->count; i++)
        if (!last || parts->list[i].start_bytes > last->start_bytes)
            last = &parts->list[i];
    return last;
}

/* The partition that would grow, or NULL after refusing. */
static const struct partition *growable(struct action_host *host,
                                        const struct action_image *image)
{
    const struct manifest *m = &image->manifest;
    const struct partition *last = last_partition(&m->partitions);

    if (!last)
        action_refuse(host, ERR_UNSUPPORTED,
                      "image '%s' has no partition that could grow; leave "
                      "'grow' out",
                      m->name);
    else if (strcmp(m->partitions.table, "mbr") == 0 &&
             last->number > MBR_PRIMARY_MAX)
        action_refuse(host, ERR_UNSUPPORTED,
                      "the last partition of image '%s' is a logical one "
                      "(number %u), which cannot be extended; leave 'grow' "
                      "out",
                      m->name, last->number);
    else if (!personalise_grows(last->file_system))
        action_refuse(host, ERR_UNSUPPORTED,
                      "the last partition of image '%s' (number %u) holds %s, "
                      "which cannot grow; leave 'grow' out, or make the "
                      "image with an ext4, XFS or btrfs at its end",
                      m->name, last->number,
                      *last->file_system ? last->file_system
                                         : "nothing that is known");
    else
        return last;
    return NULL;
}

static void ask_manifest(struct action_host *host, struct action_image *image)
{
    if (growable(host, image))
        action_reply(host, 0, NULL, -1);
}

static void grow(struct action_host *host, struct action_image *image)
{
    const struct disk *disk = &host->spec.target->disks.disks[host->disk];
    const struct partition *last = growable(host, image);
    struct personalise_spec spec = {.grow = true};

    if (!last)
        return;
    if (!action_declared(host, host->disk, 0, disk->size_bytes))
        action_refuse(host, ERR_INVALID,
                      "action '%s' grows what is on disk '%s' and has not "
                      "declared the whole disk in prepare",
                      host->step->action, disk->name);
    else if (action_may_change(host, image) == 0)
        action_start_change(host, last, &spec);
}

void action_note_growth(struct action_host *host, uint64_t length_bytes)
{
    struct disk_state *state = &host->disks[host->disk];
    const struct partition *p = host->partition;
    uint64_t before =
        state->grown == p->number ? state->grown_bytes : p->length_bytes;

    if (length_bytes <= before)
        return;
    state->grown = p->number;
    state->grown_bytes = length_bytes;
    (void)json_array_append_new(
        host->grown,
        json_pack("{s:s, s:i, s:s, s:I, s:I}", "disk",
                  host->spec.target->disks.disks[host->disk].name, "partition",
                  (int)p->number, "file_system", p->file_system, "from_bytes",
                  (json_int_t)before, "to_bytes", (json_int_t)length_bytes));
}

void action_serve_grow(struct action_host *host, const json_t *head)
{
    if (action_find_disk(host, head, &host->disk) < 0)
        return;
    if (host->phase == ACTION_PREPARE)
        action_with_image(host, head, ask_manifest);
    else if (host->phase == ACTION_RUN)
        action_with_image(host, head, grow);
    else
        action_refuse(host, ERR_INVALID,
                      "action '%s' grows a partition in %s; only run may",
                      host->step->action, action_phase_word(host->phase));
}
