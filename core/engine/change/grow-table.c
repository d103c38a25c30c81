/* SPDX-License-Identifier: Apache-2.0 */
#include "core/engine/change/grow-table.h"

#include <inttypes.h>
#include <string.h>

#include "core/image/partition-table.h"
#include "core/util/bytes.h"
#include "core/util/file.h"

#define MIB (UINT64_C(1) << 20)
#define MBR_BYTES 512
#define MBR_TABLE 446
#define MBR_ENTRY_BYTES 16
#define MBR_ENTRIES 4
#define MBR_PROTECTIVE 0xee
#define GPT_HEADER_MIN 92
#define GPT_ENTRY_MIN 128
#define GPT_ENTRIES_MAX 1024
#define GPT_ENTRY_MAX 4096

struct disk {
    int fd;
    uint64_t sectors;
    uint32_t sector_bytes;
    struct change_ranges *changed;
};

struct gpt {
    uint8_t *header; /* one sector */
    uint8_t *entries;
    uint32_t header_bytes;
    uint64_t entries_sector; /* of the primary table */
    uint32_t count;
    uint32_t stride;
    uint64_t entries_sectors; /* how many sectors they take */
};

static int damaged(struct err *err)
{
    return err_set(err, ERR_CORRUPT,
                   "the partition table on the disk is not the image's, so "
                   "the last partition is left as it is");
}

static int read_sectors(const struct disk *disk, void *data, size_t bytes,
                        uint64_t sector, struct err *err)
{
    return file_pread_all(disk->fd, data, bytes, sector * disk->sector_bytes,
                          err);
}

static int write_sectors(const struct disk *disk, const void *data,
                         size_t bytes, uint64_t sector, struct err *err)
{
    change_ranges_add(disk->changed, sector * disk->sector_bytes, bytes);
    return file_pwrite_all(disk->fd, data, bytes, sector * disk->sector_bytes,
                           err);
}

/* The last whole MiB that ends before sector `limit`, as sectors. */
static uint64_t aligned_end(const struct disk *disk, uint64_t limit)
{
    uint64_t unit = MIB / disk->sector_bytes;
    return limit / unit * unit;
}

/* ---- GPT ---- */

static int read_header(const struct disk *disk, struct gpt *gpt,
                       struct err *err)
{
    gpt->header = malloc(disk->sector_bytes);
    if (!gpt->header)
        return err_set(err, ERR_NO_MEMORY, "no memory for a GPT");
    int code = read_sectors(disk, gpt->header, disk->sector_bytes, 1, err);
    if (code)
        return code;
    uint8_t *h = gpt->header;
    gpt->header_bytes = get_le32(h + 12);
    uint32_t crc = get_le32(h + 16);
    gpt->entries_sector = get_le64(h + 72);
    gpt->count = get_le32(h + 80);
    gpt->stride = get_le32(h + 84);
    if (memcmp(h, "EFI PART", 8) || gpt->header_bytes < GPT_HEADER_MIN ||
        gpt->header_bytes > disk->sector_bytes || get_le64(h + 24) != 1 ||
        gpt->count > GPT_ENTRIES_MAX || gpt->stride < GPT_ENTRY_MIN ||
        gpt->stride % GPT_ENTRY_MIN || gpt->stride > GPT_ENTRY_MAX ||
        gpt->entries_sector < 2 || gpt->entries_sector >= disk->sectors)
        return damaged(err);
    put_le32(h + 16, 0);
    return gpt_crc32(h, gpt->header_bytes) == crc ? 0 : damaged(err);
}

static int read_entries(const struct disk *disk, struct gpt *gpt,
                        struct err *err)
{
    size_t bytes = (size_t)gpt->count * gpt->stride;
    gpt->entries_sectors =
        (bytes + disk->sector_bytes - 1) / disk->sector_bytes;
    /* Room for both copies, both headers and the MBR. */
    if (2 * gpt->entries_sectors + 3 >= disk->sectors)
        return damaged(err);
    gpt->entries =
        calloc((size_t)gpt->entries_sectors + 1, disk->sector_bytes);
    if (!gpt->entries)
        return err_set(err, ERR_NO_MEMORY, "no memory for a GPT");
    int code =
        read_sectors(disk, gpt->entries, bytes, gpt->entries_sector, err);
    if (code)
        return code;
    return gpt_crc32(gpt->entries, bytes) == get_le32(gpt->header + 88)
               ? 0
               : damaged(err);
}

/* True when nothing in the table lies behind the entry's partition. */
static bool gpt_is_last(const struct gpt *gpt, const uint8_t *entry)
{
    static const uint8_t unused[16];
    for (uint32_t i = 0; i < gpt->count; i++) {
        const uint8_t *other = gpt->entries + (size_t)i * gpt->stride;
        if (memcmp(other, unused, sizeof(unused)) &&
            get_le64(other + 32) > get_le64(entry + 32))
            return false;
    }
    return true;
}

/* A header for the copy that stands at `sector`. */
static void seal_header(struct gpt *gpt, uint64_t sector, uint64_t other,
                        uint64_t entries_sector)
{
    uint8_t *h = gpt->header;
    put_le64(h + 24, sector);
    put_le64(h + 32, other);
    put_le64(h + 72, entries_sector);
    put_le32(h + 88, gpt_crc32(gpt->entries,
                               (size_t)gpt->count * gpt->stride));
    put_le32(h + 16, 0);
    put_le32(h + 16, gpt_crc32(h, gpt->header_bytes));
}

/* The backup first: whatever is cut off, one copy is whole. */
static int write_gpt(const struct disk *disk, struct gpt *gpt, struct err *err)
{
    size_t bytes = (size_t)gpt->entries_sectors * disk->sector_bytes;
    uint64_t backup = disk->sectors - 1;
    uint64_t backup_entries = backup - gpt->entries_sectors;
    put_le64(gpt->header + 48, backup_entries - 1); /* last usable sector */
    seal_header(gpt, backup, 1, backup_entries);
    int code = write_sectors(disk, gpt->entries, bytes, backup_entries, err);
    if (!code)
        code = write_sectors(disk, gpt->header, disk->sector_bytes, backup,
                             err);
    if (!code && fdatasync(disk->fd))
        code = err_set_errno(err, ERR_IO, errno, "the disk cannot be written");
    seal_header(gpt, 1, backup, gpt->entries_sector);
    if (!code)
        code = write_sectors(disk, gpt->entries,
                             (size_t)gpt->count * gpt->stride,
                             gpt->entries_sector, err);
    if (!code)
        code = write_sectors(disk, gpt->header, disk->sector_bytes, 1, err);
    return code;
}

/* The MBR's one entry says how long the disk is, as far as 32 bits do. */
static int write_protective(const struct disk *disk, uint8_t *mbr,
                            struct err *err)
{
    uint8_t *entry = mbr + MBR_TABLE;
    uint32_t sectors = (uint32_t)MIN(disk->sectors - 1, (uint64_t)UINT32_MAX);
    if (entry[4] != MBR_PROTECTIVE || get_le32(entry + 8) != 1 ||
        get_le32(entry + 12) == sectors)
        return 0; /* a hybrid is left alone */
    put_le32(entry + 12, sectors);
    return write_sectors(disk, mbr, MBR_BYTES, 0, err);
}

static int extend_gpt(const struct disk *disk,
                      const struct change_request *request, uint8_t *mbr,
                      struct gpt *gpt, uint64_t *ret_length, struct err *err)
{
    int code = read_header(disk, gpt, err);
    if (!code)
        code = read_entries(disk, gpt, err);
    if (code)
        return code;
    if (request->partition < 1 || request->partition > gpt->count)
        return damaged(err);
    uint8_t *entry =
        gpt->entries + (size_t)(request->partition - 1) * gpt->stride;
    uint64_t first = get_le64(entry + 32), last = get_le64(entry + 40);
    if (first != request->offset / disk->sector_bytes || last < first ||
        last >= disk->sectors || !gpt_is_last(gpt, entry))
        return damaged(err);
    uint64_t end = aligned_end(disk, disk->sectors - 1 - gpt->entries_sectors);
    if (end > last + 1)
        put_le64(entry + 40, end - 1);
    else if (get_le64(gpt->header + 32) == disk->sectors - 1 ||
             last >= disk->sectors - 1 - gpt->entries_sectors)
        return 0; /* the disk is as long as the image */
    *ret_length =
        (get_le64(entry + 40) - first + 1) * (uint64_t)disk->sector_bytes;
    code = write_gpt(disk, gpt, err);
    return code ? code : write_protective(disk, mbr, err);
}

/* ---- MBR ---- */

static bool mbr_is_last(const uint8_t *mbr, uint32_t first)
{
    for (unsigned i = 0; i < MBR_ENTRIES; i++) {
        const uint8_t *entry = mbr + MBR_TABLE + i * MBR_ENTRY_BYTES;
        if (entry[4] && get_le32(entry + 8) > first)
            return false;
    }
    return true;
}

static int extend_mbr(const struct disk *disk,
                      const struct change_request *request, uint8_t *mbr,
                      uint64_t *ret_length, struct err *err)
{
    if (request->partition < 1 || request->partition > MBR_ENTRIES)
        return err_set(err, ERR_UNSUPPORTED,
                       "the last partition is a logical one, which cannot be "
                       "extended; leave 'grow' out");
    uint8_t *entry =
        mbr + MBR_TABLE + (request->partition - 1) * MBR_ENTRY_BYTES;
    uint32_t first = get_le32(entry + 8), length = get_le32(entry + 12);
    if (!entry[4] || first != request->offset / disk->sector_bytes ||
        !mbr_is_last(mbr, first))
        return damaged(err);
    uint64_t end = aligned_end(
        disk, MIN(disk->sectors, (uint64_t)first + UINT32_MAX));
    if (end <= (uint64_t)first + length)
        return 0;
    put_le32(entry + 12, (uint32_t)(end - first));
    /* The end in cylinders, heads and sectors: beyond what they can say. */
    memcpy(entry + 5, "\xfe\xff\xff", 3);
    *ret_length = (end - first) * disk->sector_bytes;
    return write_sectors(disk, mbr, MBR_BYTES, 0, err);
}

int grow_table(int fd, const struct change_request *request,
               struct change_ranges *changed, uint64_t *ret_length,
               struct err *err)
{
    const struct disk disk = {fd, request->disk_bytes / request->sector_bytes,
                              request->sector_bytes, changed};
    struct gpt gpt = {0};
    uint8_t mbr[MBR_BYTES];
    int code = read_sectors(&disk, mbr, sizeof(mbr), 0, err);
    if (code)
        return code;
    if (get_le16(mbr + 510) != 0xaa55)
        return damaged(err);
    bool protective = false;
    for (unsigned i = 0; i < MBR_ENTRIES; i++)
        protective |=
            mbr[MBR_TABLE + i * MBR_ENTRY_BYTES + 4] == MBR_PROTECTIVE;
    code = protective
               ? extend_gpt(&disk, request, mbr, &gpt, ret_length, err)
               : extend_mbr(&disk, request, mbr, ret_length, err);
    free(gpt.header);
    free(gpt.entries);
    if (!code && fdatasync(fd))
        code = err_set_errno(err, ERR_IO, errno, "the disk cannot be written");
    return code;
}
