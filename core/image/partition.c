/* SPDX-License-Identifier: Apache-2.0 */
/* Partition tables of images: see partition.h. */
#include "core/image/partition.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/image/partition-table.h"
#include "core/util/bytes.h"

#define TYPE_ESP "c12a7328-f81f-11d2-ba4b-00a0c93ec93b"
#define FAT_LABEL_BYTES 11
#define EXT_LAST_MOUNTED (1024 + 136) /* s_last_mounted, 64 bytes */

/* Discoverable Partitions Specification: root of x86-64, x86, arm64, ppc64le.
 */
static const char *const root_types[] = {
    "4f68bce3-e8cd-4db1-96e7-fbcaf984b709",
    "44479540-f297-41b2-9af7-d131d5f0458a",
    "b921b045-1df0-41c3-af44-4c6f280d3fae",
    "c31c45e6-3f39-412e-80fb-4809c4980599",
};

static bool is_esp(const struct partition *p)
{
    return !strcmp(p->type, TYPE_ESP) || !strcmp(p->type, "0xef");
}

static bool is_root_type(const struct partition *p)
{
    for (size_t i = 0; i < ARRAY_LENGTH(root_types); i++)
        if (!strcmp(p->type, root_types[i]))
            return true;
    return false;
}

const struct partition *partitions_find(const struct partitions *partitions,
                                        unsigned number)
{
    for (size_t i = 0; i < partitions->count; i++)
        if (partitions->list[i].number == number)
            return &partitions->list[i];
    return NULL;
}

/* How much speaks for this partition being the root: 0 = nothing. */
static unsigned root_score(const struct partition *p, const uint8_t *head)
{
    if (is_root_type(p))
        return 3;
    if (!strcmp(p->file_system, "xfs") || !strcmp(p->file_system, "btrfs"))
        return 1;
    if (strncmp(p->file_system, "ext", 3))
        return 0;
    return memcmp(head + EXT_LAST_MOUNTED, "/", 2) ? 1 : 2;
}

/* A FAT's label names a partition that has no name of its own.  Microsoft's
 * "FAT: General Overview of On-Disk Format": BS_BootSig, BS_VolLab. */
static void take_label(struct partition *p, const uint8_t *head)
{
    const uint8_t *signature = head + (head[66] == 0x29 ? 66 : 38);
    if (p->name[0] || strcmp(p->file_system, "vfat") || *signature != 0x29)
        return;
    size_t length = FAT_LABEL_BYTES;
    memcpy(p->name, signature + 5, length);
    while (length && p->name[length - 1] == ' ')
        length--;
    p->name[length] = '\0';
    for (char *at = p->name; *at; at++)
        if (*at < ' ' || *at > '~')
            *at = '?';
    if (!strcmp(p->name, "NO NAME"))
        p->name[0] = '\0';
}

struct guess {
    unsigned score;
    uint64_t length_bytes;
};

/* Looks into one partition; better roots replace the guess. */
static int look(partition_read *read, void *arg, uint8_t *head,
                struct partitions *all, struct partition *p,
                struct guess *guess, struct err *err)
{
    size_t length =
        (size_t)MIN(p->length_bytes, (uint64_t)PARTITION_HEAD_BYTES);
    memset(head, 0, PARTITION_HEAD_BYTES);
    int rc = read(arg, head, length, p->start_bytes, err);
    if (rc)
        return rc;
    p->file_system = partition_file_system(head, length);
    take_label(p, head);
    if (is_esp(p) && !all->esp) {
        all->esp = p->number;
        all->boots_uefi = !strcmp(p->file_system, "vfat");
    }
    unsigned score = root_score(p, head);
    if (score > guess->score || (score && score == guess->score &&
                                 p->length_bytes > guess->length_bytes)) {
        *guess = (struct guess){score, p->length_bytes};
        all->root = p->number;
    }
    return 0;
}

int partitions_read(partition_read *read, void *arg, uint64_t size_bytes,
                    uint32_t sector_bytes, struct partitions *ret,
                    struct err *err)
{
    AUTO_FREE uint8_t *head = malloc(PARTITION_HEAD_BYTES);
    if (!head)
        return err_set(err, ERR_NO_MEMORY, "no memory for a partition table");
    *ret = (struct partitions){.table = "none"};
    int rc =
        partition_table_read(read, arg, size_bytes, sector_bytes, ret, err);
    struct guess guess = {0};
    for (size_t i = 0; !rc && i < ret->count; i++)
        rc = look(read, arg, head, ret, &ret->list[i], &guess, err);
    return rc;
}
