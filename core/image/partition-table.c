/* SPDX-License-Identifier: Apache-2.0 */
/* GPT and MBR: see partition-table.h. */
#include "core/image/partition-table.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/util/bytes.h"

#define MBR_BYTES 512
#define MBR_CODE_BYTES 440
#define MBR_TABLE 446
#define MBR_ENTRY_BYTES 16
#define MBR_PROTECTIVE 0xee
#define MBR_MAX_LOGICAL 60 /* as many as Linux shows */
#define GPT_HEADER_BYTES 92
#define GPT_ENTRY_BYTES 128
#define GPT_MAX_ENTRIES 1024
#define GPT_NAME_UNITS 36

struct table {
    partition_read *read;
    void *arg;
    uint64_t size_bytes;
    uint32_t sector_bytes;
    struct partitions *ret;
    struct err *err;
};

uint32_t gpt_crc32(const uint8_t *data, size_t length)
{
    uint32_t crc = 0xffffffff;
    for (size_t i = 0; i < length; i++) {
        crc ^= data[i];
        for (int bit = 0; bit < 8; bit++)
            crc = (crc >> 1) ^ (0xedb88320 & -(crc & 1));
    }
    return ~crc;
}

/* Adds an entry when it lies inside the image; NULL when it does not. */
static struct partition *add(struct table *t, unsigned number,
                             uint64_t first_sector, uint64_t sectors)
{
    uint64_t total = t->size_bytes / t->sector_bytes;
    if (t->ret->count == PARTITIONS_MAX || !first_sector || !sectors ||
        first_sector >= total || sectors > total - first_sector)
        return NULL;
    struct partition *p = &t->ret->list[t->ret->count++];
    *p = (struct partition){.number = number, .file_system = ""};
    p->start_bytes = first_sector * t->sector_bytes;
    p->length_bytes = sectors * t->sector_bytes;
    return p;
}

/* GUIDs are stored with their first three fields little-endian. */
static void guid_format(const uint8_t *g, char out[PARTITION_TYPE_BYTES])
{
    (void)snprintf(out, PARTITION_TYPE_BYTES,
                   "%08" PRIx32 "-%04x-%04x-%02x%02x-"
                   "%02x%02x%02x%02x%02x%02x",
                   get_le32(g), get_le16(g + 4), get_le16(g + 6), g[8], g[9],
                   g[10], g[11], g[12], g[13], g[14], g[15]);
}

/* UTF-16LE to UTF-8; what is not plain text becomes '?'. */
static void name_format(const uint8_t *units, char *out)
{
    for (size_t i = 0; i < GPT_NAME_UNITS; i++) {
        uint16_t u = get_le16(units + 2 * i);
        if (!u)
            break;
        if (u < 0x20 || (u >= 0x7f && u < 0xa0) || (u >= 0xd800 && u < 0xe000))
            u = '?';
        if (u < 0x80) {
            *out++ = (char)u;
        } else if (u < 0x800) {
            *out++ = (char)(0xc0 | (u >> 6));
            *out++ = (char)(0x80 | (u & 0x3f));
        } else {
            *out++ = (char)(0xe0 | (u >> 12));
            *out++ = (char)(0x80 | ((u >> 6) & 0x3f));
            *out++ = (char)(0x80 | (u & 0x3f));
        }
    }
    *out = 0;
}

static int gpt_entries(struct table *t, const uint8_t *entries, uint32_t count,
                       uint32_t stride)
{
    static const uint8_t unused[16];
    for (uint32_t i = 0; i < count; i++) {
        const uint8_t *entry = entries + (size_t)i * stride;
        if (!memcmp(entry, unused, sizeof(unused)))
            continue;
        uint64_t first = get_le64(entry + 32);
        uint64_t last = get_le64(entry + 40);
        struct partition *p =
            last < first ? NULL : add(t, i + 1, first, last - first + 1);
        if (!p)
            return err_set(t->err, ERR_CORRUPT,
                           "partition %" PRIu32 " of the image's GPT does not "
                           "lie inside the image",
                           i + 1);
        guid_format(entry, p->type);
        name_format(entry + 56, p->name);
    }
    return 0;
}

/* The header has its signature and a good checksum. */
static int gpt_body(struct table *t, const uint8_t *header)
{
    uint64_t lba = get_le64(header + 72);
    uint32_t count = get_le32(header + 80);
    uint32_t stride = get_le32(header + 84);
    uint64_t sectors = t->size_bytes / t->sector_bytes;
    if (count > GPT_MAX_ENTRIES || stride < GPT_ENTRY_BYTES ||
        stride % GPT_ENTRY_BYTES || stride > 4096 || lba < 2 || lba >= sectors)
        return err_set(t->err, ERR_CORRUPT,
                       "the image's GPT has a header that makes no sense");
    size_t bytes = (size_t)count * stride;
    AUTO_FREE uint8_t *entries = malloc(bytes + 1);
    if (!entries)
        return err_set(t->err, ERR_NO_MEMORY, "no memory for a GPT");
    if (bytes > t->size_bytes - lba * t->sector_bytes)
        return err_set(t->err, ERR_CORRUPT,
                       "the image's GPT does not lie inside the image");
    int rc = t->read(t->arg, entries, bytes, lba * t->sector_bytes, t->err);
    if (rc)
        return rc;
    if (gpt_crc32(entries, bytes) != get_le32(header + 88))
        return err_set(t->err, ERR_CORRUPT,
                       "the entries of the image's GPT do not match their "
                       "checksum: is the image complete");
    t->ret->table = "gpt";
    return gpt_entries(t, entries, count, stride);
}

static bool gpt_signature(struct table *t, uint32_t at, uint8_t *header)
{
    return t->size_bytes >= (uint64_t)at + MBR_BYTES &&
           !t->read(t->arg, header, MBR_BYTES, at, NULL) &&
           !memcmp(header, "EFI PART", 8);
}

static int gpt_read(struct table *t)
{
    uint8_t header[MBR_BYTES];
    uint32_t other = t->sector_bytes == 512 ? 4096 : 512;
    if (!gpt_signature(t, t->sector_bytes, header)) {
        if (gpt_signature(t, other, header))
            return err_set(t->err, ERR_INVALID,
                           "the image's GPT was made for sectors of %" PRIu32
                           " bytes, not %" PRIu32
                           ": import it with that sector size",
                           other, t->sector_bytes);
        return err_set(t->err, ERR_CORRUPT,
                       "the image's first sector announces a GPT, but there "
                       "is none");
    }
    uint32_t length = get_le32(header + 12);
    uint32_t crc = get_le32(header + 16);
    put_le32(header + 16, 0);
    if (length < GPT_HEADER_BYTES || length > sizeof(header) ||
        gpt_crc32(header, length) != crc)
        return err_set(t->err, ERR_CORRUPT,
                       "the header of the image's GPT does not match its "
                       "checksum");
    return gpt_body(t, header);
}

static bool is_extended(uint8_t type)
{
    return type == 0x05 || type == 0x0f || type == 0x85;
}

static void mbr_add(struct table *t, unsigned number, const uint8_t *entry,
                    uint64_t base)
{
    struct partition *p =
        add(t, number, base + get_le32(entry + 8), get_le32(entry + 12));
    if (p)
        (void)snprintf(p->type, sizeof(p->type), "0x%02x", entry[4]);
}

/* The chain of logical partitions; a broken chain just ends. */
static void mbr_logical(struct table *t, uint64_t extended)
{
    uint64_t at = extended;
    uint8_t sector[MBR_BYTES];
    for (unsigned i = 0; i < MBR_MAX_LOGICAL; i++) {
        if (at >= t->size_bytes / t->sector_bytes ||
            t->read(t->arg, sector, MBR_BYTES, at * t->sector_bytes, NULL) ||
            get_le16(sector + 510) != 0xaa55)
            return;
        const uint8_t *entry = sector + MBR_TABLE;
        const uint8_t *next = entry + MBR_ENTRY_BYTES;
        if (entry[4])
            mbr_add(t, 5 + i, entry, at);
        if (!is_extended(next[4]))
            return;
        at = extended + get_le32(next + 8);
    }
}

static bool mbr_plausible(const struct table *t, const uint8_t *sector)
{
    uint64_t sectors = t->size_bytes / t->sector_bytes;
    bool any = false;
    for (unsigned i = 0; i < 4; i++) {
        const uint8_t *entry = sector + MBR_TABLE + i * MBR_ENTRY_BYTES;
        if (entry[0] & 0x7f)
            return false;
        if (!entry[4])
            continue;
        any = true;
        if (!get_le32(entry + 8) || get_le32(entry + 8) >= sectors)
            return false;
    }
    return any;
}

static void mbr_read(struct table *t, const uint8_t *sector)
{
    t->ret->table = "mbr";
    for (unsigned i = 0; i < 4; i++) {
        const uint8_t *entry = sector + MBR_TABLE + i * MBR_ENTRY_BYTES;
        if (is_extended(entry[4]))
            mbr_logical(t, get_le32(entry + 8));
        else if (entry[4])
            mbr_add(t, i + 1, entry, 0);
    }
}

int partition_table_read(partition_read *read, void *arg, uint64_t size_bytes,
                         uint32_t sector_bytes, struct partitions *ret,
                         struct err *err)
{
    struct table t = {read, arg, size_bytes, sector_bytes, ret, err};
    uint8_t sector[MBR_BYTES];
    if (size_bytes < MBR_BYTES)
        return 0;
    int rc = read(arg, sector, sizeof(sector), 0, err);
    if (rc)
        return rc;
    /* A file system without a table has the same signature, but its bytes at
     * the table's place are not plausible. */
    if (get_le16(sector + 510) != 0xaa55 || !mbr_plausible(&t, sector))
        return 0;
    for (unsigned i = 0; i < MBR_CODE_BYTES; i++)
        ret->boots_bios = ret->boots_bios || sector[i];
    for (unsigned i = 0; i < 4; i++)
        if (sector[MBR_TABLE + i * MBR_ENTRY_BYTES + 4] == MBR_PROTECTIVE)
            return gpt_read(&t);
    mbr_read(&t, sector);
    return 0;
}
