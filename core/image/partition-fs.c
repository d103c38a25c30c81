/* SPDX-License-Identifier: Apache-2.0 */
/* File systems by their superblocks: see partition.h. */
#include <string.h>

#include "core/image/partition.h"
#include "core/util/bytes.h"

struct signature {
    const char *name;
    uint32_t offset;
    uint32_t length;
    const char *bytes;
};

/* ext is not here: its three generations share one number. */
static const struct signature signatures[] = {
    {"vfat", 82, 5, "FAT32"},
    {"vfat", 54, 4, "FAT1"},
    {"ntfs", 3, 8, "NTFS    "},
    {"xfs", 0, 4, "XFSB"},
    {"btrfs", 65536 + 64, 8, "_BHRfS_M"},
    {"swap", 4096 - 10, 10, "SWAPSPACE2"},
    {"squashfs", 0, 4, "hsqs"},
    {"luks", 0, 6, "LUKS\xba\xbe"},
    {"lvm", 512, 8, "LABELONE"},
    {"iso9660", 32769, 5, "CD001"},
    {"f2fs", 1024, 4, "\x10\x20\xf5\xf2"},
};

static const char *const ext_names[] = {"ext2", "ext3", "ext4"};

#define EXT_SUPERBLOCK 1024
#define EXT_SUPERBLOCK_BYTES 1024
#define EXT_MAGIC 0xef53
#define EXT_COMPAT_JOURNAL 0x4u
/* extents, 64bit, mmp, flex_bg: ext4 brought them. */
#define EXT_INCOMPAT_EXT4 (0x40u | 0x80u | 0x100u | 0x200u)

static const char *ext_name(const uint8_t *head)
{
    const uint8_t *sb = head + EXT_SUPERBLOCK;
    if (get_le32(sb + 0x60) & EXT_INCOMPAT_EXT4)
        return ext_names[2];
    return get_le32(sb + 0x5c) & EXT_COMPAT_JOURNAL ? ext_names[1]
                                                    : ext_names[0];
}

const char *partition_file_system(const uint8_t *head, size_t length)
{
    if (length >= EXT_SUPERBLOCK + EXT_SUPERBLOCK_BYTES &&
        get_le16(head + EXT_SUPERBLOCK + 56) == EXT_MAGIC)
        return ext_name(head);
    for (size_t i = 0; i < ARRAY_LENGTH(signatures); i++) {
        const struct signature *s = &signatures[i];
        if (length >= (size_t)s->offset + s->length &&
            !memcmp(head + s->offset, s->bytes, s->length))
            return s->name;
    }
    return "";
}

const char *partition_file_system_known(const char *name)
{
    for (size_t i = 0; i < ARRAY_LENGTH(ext_names); i++)
        if (!strcmp(ext_names[i], name))
            return ext_names[i];
    for (size_t i = 0; i < ARRAY_LENGTH(signatures); i++)
        if (!strcmp(signatures[i].name, name))
            return signatures[i].name;
    return "";
}
