/* SPDX-License-Identifier: Apache-2.0 */
/*
 * VHDX, fixed and dynamic, as [MS-VHDX] describes it: two headers, a table of
 * regions, one of metadata, and the block allocation table (BAT).
 */
#include <inttypes.h>
#include <string.h>

#include "core/image/disk-format-parts.h"
#include "core/util/bytes.h"

#define KIB UINT64_C(1024)
#define MIB (UINT64_C(1024) * KIB)
#define HEADER_1_OFFSET (64 * KIB)
#define HEADER_2_OFFSET (128 * KIB)
#define HEADER_BYTES 4096
#define REGIONS_OFFSET (192 * KIB)
#define REGIONS_BYTES 65536
#define REGION_BYTES 32
#define REGIONS_MAX 2047
#define METADATA_BYTES 65536
#define ITEM_BYTES 32
#define ITEMS_MAX 2047
#define GUID_BYTES 16
#define WINDOW_BYTES 65536 /* of the BAT in memory */

/* States of a block (section 2.5.1.1). */
#define BLOCK_PRESENT 6
#define BLOCK_PARTLY 7

/* GUIDs as they stand in the file. */
static const uint8_t guid_bat[GUID_BYTES] = {0x66, 0x77, 0xc2, 0x2d, 0x23, 0xf6,
                                             0x00, 0x42, 0x9d, 0x64, 0x11, 0x5e,
                                             0x9b, 0xfd, 0x4a, 0x08};
static const uint8_t guid_metadata[GUID_BYTES] = {
    0x06, 0xa2, 0x7c, 0x8b, 0x90, 0x47, 0x9a, 0x4b,
    0xb8, 0xfe, 0x57, 0x5f, 0x05, 0x0f, 0x88, 0x6e};
static const uint8_t guid_parameters[GUID_BYTES] = {
    0x37, 0x67, 0xa1, 0xca, 0x36, 0xfa, 0x43, 0x4d,
    0xb3, 0xb6, 0x33, 0xf0, 0xaa, 0x44, 0xe7, 0x6b};
static const uint8_t guid_size[GUID_BYTES] = {0x24, 0x42, 0xa5, 0x2f, 0x1b, 0xcd,
                                              0x76, 0x48, 0xb2, 0x11, 0x5d, 0xbe,
                                              0xd8, 0x3b, 0xf4, 0xb8};
static const uint8_t guid_sector[GUID_BYTES] = {
    0x1d, 0xbf, 0x41, 0x81, 0x6f, 0xa9, 0x09, 0x47,
    0xba, 0x47, 0xf2, 0x33, 0xa8, 0xfa, 0xab, 0x5f};

struct vhdx {
    uint64_t bat_offset;
    uint64_t bat_bytes;
    uint64_t block_bytes;
    uint64_t ratio; /* after so many blocks the BAT names a bitmap */
    uint8_t window[WINDOW_BYTES];
    uint64_t window_offset; /* in the BAT */
    size_t window_length;   /* 0 = nothing is in it */
};

/* CRC-32C (Castagnoli), with the four bytes at `hole` taken as zeros. */
static uint32_t crc32c(const uint8_t *data, size_t length, size_t hole)
{
    uint32_t crc = UINT32_MAX;
    for (size_t i = 0; i < length; i++) {
        crc ^= i >= hole && i < hole + 4 ? 0 : data[i];
        for (unsigned bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78u : 0);
    }
    return ~crc;
}

static bool is_zero(const uint8_t *data, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (data[i])
            return false;
    return true;
}

/* One of the two headers, when it is whole. */
static bool header_ok(const uint8_t *h)
{
    return !memcmp(h, "head", 4) &&
           get_le32(h + 4) == crc32c(h, HEADER_BYTES, 4) &&
           get_le16(h + 66) == 1;
}

static int check_headers(struct disk *disk, struct err *err)
{
    uint8_t first[HEADER_BYTES];
    uint8_t second[HEADER_BYTES];
    int rc = disk_file_read(disk, first, sizeof(first), 0, "the file's mark",
                            err);
    if (rc || memcmp(first, "vhdxfile", 8))
        return err_set(err, ERR_CORRUPT, "this is not a VHDX file");
    rc = disk_file_read(disk, first, sizeof(first), HEADER_1_OFFSET,
                        "the first header", err);
    if (!rc)
        rc = disk_file_read(disk, second, sizeof(second), HEADER_2_OFFSET,
                            "the second header", err);
    if (rc)
        return rc;
    const uint8_t *newest = header_ok(first) ? first : NULL;
    if (header_ok(second) &&
        (!newest || get_le64(second + 8) > get_le64(newest + 8)))
        newest = second;
    if (!newest)
        return err_set(err, ERR_CORRUPT,
                       "both headers of the VHDX file are damaged");
    if (!is_zero(newest + 48, GUID_BYTES))
        return err_set(err, ERR_UNSUPPORTED,
                       "the VHDX file was not closed cleanly and its log is "
                       "still to be replayed: attach it once where it was "
                       "made, or convert it with 'qemu-img convert' first");
    return 0;
}

struct region {
    uint64_t offset;
    uint64_t bytes;
};

/* Finds the two regions that every file has. */
static int find_regions(const uint8_t *table, struct region *bat,
                        struct region *metadata, struct err *err)
{
    uint32_t count = get_le32(table + 8);
    if (count > REGIONS_MAX)
        return err_set(err, ERR_CORRUPT,
                       "the VHDX file's table of regions is damaged");
    for (uint32_t i = 0; i < count; i++) {
        const uint8_t *e = table + 16 + (size_t)i * REGION_BYTES;
        struct region found = {get_le64(e + 16), get_le32(e + 24)};
        if (!memcmp(e, guid_bat, GUID_BYTES))
            *bat = found;
        else if (!memcmp(e, guid_metadata, GUID_BYTES))
            *metadata = found;
        else if (get_le32(e + 28) & 1)
            return err_set(err, ERR_UNSUPPORTED,
                           "the VHDX file requires a region that is not known "
                           "here");
    }
    if (!bat->bytes || metadata->bytes < METADATA_BYTES)
        return err_set(err, ERR_CORRUPT,
                       "the VHDX file lacks its block table or its metadata");
    return 0;
}

static int read_regions(struct disk *disk, struct region *bat,
                        struct region *metadata, struct err *err)
{
    for (unsigned copy = 0; copy < 2; copy++) {
        AUTO_FREE uint8_t *table =
            disk_file_load(disk, REGIONS_BYTES,
                           REGIONS_OFFSET + copy * (uint64_t)REGIONS_BYTES,
                           "the table of regions", err);
        if (!table)
            return err ? err->code : ERR_CORRUPT;
        if (!memcmp(table, "regi", 4) &&
            get_le32(table + 4) == crc32c(table, REGIONS_BYTES, 4))
            return find_regions(table, bat, metadata, err);
    }
    return err_set(err, ERR_CORRUPT,
                   "both tables of regions of the VHDX file are damaged");
}

/* The bytes of a metadata item; NULL when it is missing or too short. */
static const uint8_t *item(const uint8_t *metadata, size_t length,
                           const uint8_t *guid, uint32_t want)
{
    uint16_t count = get_le16(metadata + 10);
    for (uint16_t i = 0; i < MIN(count, ITEMS_MAX); i++) {
        const uint8_t *e = metadata + 32 + (size_t)i * ITEM_BYTES;
        uint32_t offset = get_le32(e + 16);
        if (!memcmp(e, guid, GUID_BYTES))
            return get_le32(e + 20) >= want && offset <= length - want
                       ? metadata + offset
                       : NULL;
    }
    return NULL;
}

static int take_metadata(struct disk *disk, struct vhdx *v,
                         const uint8_t *metadata, size_t length,
                         struct err *err)
{
    const uint8_t *parameters = item(metadata, length, guid_parameters, 8);
    const uint8_t *size = item(metadata, length, guid_size, 8);
    const uint8_t *sector = item(metadata, length, guid_sector, 4);
    if (memcmp(metadata, "metadata", 8) || !parameters || !size || !sector)
        return err_set(err, ERR_CORRUPT,
                       "the metadata of the VHDX file are damaged");
    if (get_le32(parameters + 4) & 2)
        return err_set(err, ERR_UNSUPPORTED,
                       "the VHDX file holds only what differs from its parent: "
                       "merge them first");
    v->block_bytes = get_le32(parameters);
    uint32_t sector_bytes = get_le32(sector);
    if (v->block_bytes < MIB || v->block_bytes > 256 * MIB ||
        v->block_bytes & (v->block_bytes - 1) ||
        (sector_bytes != 512 && sector_bytes != 4096))
        return err_set(err, ERR_CORRUPT,
                       "the VHDX file has blocks of %" PRIu64
                       " and sectors of %" PRIu32 " bytes, which none has",
                       v->block_bytes, sector_bytes);
    v->ratio = (UINT64_C(1) << 23) * sector_bytes / v->block_bytes;
    disk->size_bytes = get_le64(size);
    return disk_size_check(disk->size_bytes, err);
}

static uint64_t bat_index(const struct vhdx *v, uint64_t block)
{
    return block + block / v->ratio;
}

static int read_metadata(struct disk *disk, struct vhdx *v,
                         const struct region *metadata, struct err *err)
{
    size_t length = (size_t)MIN(metadata->bytes, MIB);
    AUTO_FREE uint8_t *data = disk_file_load(disk, length, metadata->offset,
                                             "the metadata", err);
    int rc = data ? take_metadata(disk, v, data, length, err)
                  : (err ? err->code : ERR_CORRUPT);
    uint64_t last = rc ? 0 : (disk->size_bytes - 1) / v->block_bytes;
    if (!rc && v->bat_bytes / 8 <= bat_index(v, last))
        rc = err_set(err, ERR_CORRUPT,
                     "the block table of the VHDX file is too short for its "
                     "disk of %" PRIu64 " bytes",
                     disk->size_bytes);
    return rc;
}

/* Entry `index` of the BAT. */
static int bat_entry(struct disk *disk, uint64_t index, uint64_t *ret,
                     struct err *err)
{
    struct vhdx *v = disk->state;
    uint64_t at = index * 8;
    if (at < v->window_offset || at >= v->window_offset + v->window_length) {
        uint64_t start = at - at % WINDOW_BYTES;
        v->window_length = 0;
        size_t length = (size_t)MIN(v->bat_bytes - start, WINDOW_BYTES);
        int rc = disk_file_read(disk, v->window, length - length % 8,
                                v->bat_offset + start, "the block table", err);
        if (rc)
            return rc;
        v->window_offset = start;
        v->window_length = length - length % 8;
    }
    *ret = get_le64(v->window + (at - v->window_offset));
    return 0;
}

static int vhdx_map(struct disk *disk, uint64_t offset, struct disk_extent *ret,
                    struct err *err)
{
    struct vhdx *v = disk->state;
    uint64_t inside = offset & (v->block_bytes - 1);
    uint64_t entry;
    int rc = bat_entry(disk, bat_index(v, offset / v->block_bytes), &entry, err);
    if (rc)
        return rc;
    unsigned state = entry & 7;
    if (state == BLOCK_PARTLY)
        return err_set(err, ERR_UNSUPPORTED,
                       "the VHDX file has a block that is partly in a parent: "
                       "merge them first");
    *ret = (struct disk_extent){.kind = DISK_HOLE,
                                .length_bytes = v->block_bytes - inside};
    if (state == BLOCK_PRESENT) {
        ret->kind = DISK_DATA;
        ret->file_offset = (entry & ~(MIB - 1)) + inside;
        if (entry < MIB)
            return err_set(err, ERR_CORRUPT,
                           "the VHDX file names a block inside of its headers");
    }
    return 0;
}

int disk_vhdx_open(struct disk *disk, struct err *err)
{
    struct region bat = {0, 0};
    struct region metadata = {0, 0};
    struct vhdx *v = calloc(1, sizeof(*v));
    if (!v)
        return err_set(err, ERR_NO_MEMORY, "no memory to read an image");
    disk->state = v;
    disk->free_state = free;
    disk->map = vhdx_map;
    int rc = check_headers(disk, err);
    if (!rc)
        rc = read_regions(disk, &bat, &metadata, err);
    v->bat_offset = bat.offset;
    v->bat_bytes = bat.bytes;
    return rc ? rc : read_metadata(disk, v, &metadata, err);
}
