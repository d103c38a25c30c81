/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checkpoints on their way to the server and, in the next attempt, back:
 *   {"step": 1, "disk": "...", "data": "534c4331..."}
 * The data are core/image/checkpoint.h's, in hexadecimal.  They are believed
 * of the same disk only; when it was exchanged everything is read again.
 */
#include <stdio.h>
#include <string.h>

#include "core/engine/actions/action-host-parts.h"
#include "core/image/checkpoint.h"
#include "core/util/crypto.h"
#include "core/util/json.h"

#define IDENTITY_BYTES 480

/* What stays the same over a reboot and differs between two disks. */
static void identify(const struct action_host *host, char out[IDENTITY_BYTES])
{
    const struct disk *disk = &host->spec.target->disks.disks[host->disk];

    (void)snprintf(out, IDENTITY_BYTES, "%s|%s|%s|%llu", disk->wwn,
                   disk->serial, disk->path,
                   (unsigned long long)disk->size_bytes);
}

void action_tell_checkpoint(struct action_host *host, const void *data,
                            size_t length)
{
    char disk[IDENTITY_BYTES];
    AUTO_FREE char *hex = malloc(2 * length + 1);

    if (!hex)
        return; /* more is read again, no more */
    identify(host, disk);
    json_t *checkpoint =
        json_pack("{s:I, s:s, s:s}", "step", (json_int_t)host->spec.step,
                  "disk", disk, "data", hex_format(data, length, hex));
    if (checkpoint)
        host->handlers.checkpoint(host->arg, checkpoint);
}

bool action_take_checkpoint(const struct action_host *host, struct buf *ret)
{
    struct json_reader r;
    char disk[IDENTITY_BYTES];

    if (!host->spec.checkpoint)
        return false;
    json_reader_init(&r, host->spec.checkpoint, "checkpoint", NULL);
    uint64_t step = json_get_u64(&r, "step", 0, MESSAGE_MAX_STEPS);
    const char *of = json_get_text(&r, "disk");
    const char *hex = json_get_text(&r, "data");
    size_t length = strlen(hex) / 2;
    identify(host, disk);
    if (json_done(&r) != 0 || step != host->spec.step ||
        strcmp(of, disk) != 0 || length == 0 || length > CHECKPOINT_MAX_BYTES)
        return false;
    uint8_t *room = buf_reserve(ret, length);
    if (!room || hex_parse(hex, room, length) != 0)
        return false;
    ret->length += length;
    return true;
}
