/* SPDX-License-Identifier: Apache-2.0 */
/*
 * VMDK in one file: monolithicSparse and streamOptimized, as VMware's "Virtual
 * Disk Format 5.0" describes the hosted sparse extent: a directory of tables
 * of grains.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "core/image/disk-format-parts.h"
#include "core/util/bytes.h"

#define MAGIC 0x564d444bu /* "KDMV" */
#define MAGIC_ESX "COWD"
#define SECTOR 512
#define HEADER_BYTES 512
#define TABLE_ENTRIES 512
#define GRAIN_MIN_SECTORS 8
#define GRAIN_HEADER_BYTES 12 /* of a compressed one: sector u64, size u32 */
#define DESCRIPTOR_MAX_BYTES 65536
#define IN_FOOTER UINT64_MAX
#define FOOTER_FROM_END 1024

#define FLAG_ZERO_GRAINS 4u /* table entry 1 = a grain of zeros */
#define FLAG_COMPRESSED 0x10000u

struct vmdk {
    uint32_t flags;
    uint64_t grain_bytes;
    uint64_t capacity; /* sectors */
    uint64_t directory_sector;
    uint64_t descriptor_sector;
    uint64_t descriptor_sectors;
    uint8_t *directory;
    uint64_t table_count;
    uint8_t table[TABLE_ENTRIES * 4];
    uint32_t table_sector; /* 0 = none is loaded */
};

static void vmdk_free(void *state)
{
    struct vmdk *v = state;
    if (v)
        free(v->directory);
    free(v);
}

static int not_sparse(const uint8_t *h, struct err *err)
{
    if (!memcmp(h, "# Disk Descriptor", 17))
        return err_set(err, ERR_UNSUPPORTED,
                       "the VMDK file only describes a disk whose content is "
                       "in other files: make one file of it with 'qemu-img "
                       "convert' first");
    if (!memcmp(h, MAGIC_ESX, 4))
        return err_set(err, ERR_UNSUPPORTED,
                       "the VMDK file is one extent of an ESX disk: export the "
                       "disk as one file (OVF) first");
    return err_set(err, ERR_CORRUPT, "this is not a VMDK file");
}

static int take_header(struct vmdk *v, const uint8_t *h, struct err *err)
{
    if (get_le32(h) != MAGIC)
        return not_sparse(h, err);
    uint32_t version = get_le32(h + 4);
    if (!version || version > 3)
        return err_set(err, ERR_UNSUPPORTED,
                       "the VMDK file is of version %" PRIu32
                       "; 1 to 3 are known here",
                       version);
    v->flags = get_le32(h + 8);
    v->capacity = get_le64(h + 12);
    uint64_t grain = get_le64(h + 20);
    v->descriptor_sector = get_le64(h + 28);
    v->descriptor_sectors = get_le64(h + 36);
    v->directory_sector = get_le64(h + 56);
    if (grain < GRAIN_MIN_SECTORS || grain > DISK_UNIT_MAX_BYTES / SECTOR ||
        grain & (grain - 1) || get_le32(h + 44) != TABLE_ENTRIES)
        return err_set(err, ERR_CORRUPT,
                       "the VMDK file has grains of %" PRIu64
                       " sectors in tables of %" PRIu32 ", which none has",
                       grain, get_le32(h + 44));
    if (v->flags & FLAG_COMPRESSED && get_le16(h + 77) != 1)
        return err_set(err, ERR_UNSUPPORTED,
                       "the VMDK file is compressed by a method that is not "
                       "known here");
    v->grain_bytes = grain * SECTOR;
    return 0;
}

/* A streamed file knows where its directory is only at its end. */
static int read_header(struct disk *disk, struct vmdk *v, struct err *err)
{
    uint8_t h[HEADER_BYTES];
    int rc = disk->input.size_bytes < sizeof(h)
                 ? err_set(err, ERR_CORRUPT, "this is not a VMDK file")
                 : disk_file_read(disk, h, sizeof(h), 0, "the header", err);
    if (!rc)
        rc = take_header(v, h, err);
    if (rc || v->directory_sector != IN_FOOTER)
        return rc;
    uint64_t descriptor_sector = v->descriptor_sector;
    uint64_t descriptor_sectors = v->descriptor_sectors;
    uint64_t at = disk->input.size_bytes - MIN(disk->input.size_bytes,
                                               (uint64_t)FOOTER_FROM_END);
    rc = disk_file_read(disk, h, sizeof(h), at, "the footer", err);
    if (!rc && get_le32(h) != MAGIC)
        rc = err_set(err, ERR_CORRUPT,
                     "the VMDK file's footer is missing: it was cut off or is "
                     "damaged");
    if (!rc)
        rc = take_header(v, h, err);
    v->descriptor_sector = descriptor_sector;
    v->descriptor_sectors = descriptor_sectors;
    return rc;
}

/* The value behind `key=` at the start of a line, with its quotes. */
static bool find_value(const char *text, const char *key, char *out,
                       size_t out_bytes)
{
    size_t length = strlen(key);
    for (const char *line = text; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (!strncmp(line, key, length) && line[length] == '=') {
            (void)snprintf(out, out_bytes, "%.*s",
                           (int)strcspn(line + length + 1, "\r\n"),
                           line + length + 1);
            return true;
        }
    }
    return false;
}

static unsigned count_extents(const char *text)
{
    unsigned count = 0;
    for (const char *line = text; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        count += !strncmp(line, "RW ", 3) || !strncmp(line, "RDONLY ", 7);
    }
    return count;
}

static int check_descriptor(const char *text, struct err *err)
{
    char type[48];
    char parent[32];
    if (!find_value(text, "createType", type, sizeof(type)))
        return err_set(err, ERR_CORRUPT,
                       "the VMDK file's description does not say of what type "
                       "it is");
    if (strcmp(type, "\"monolithicSparse\"") != 0 &&
        strcmp(type, "\"streamOptimized\"") != 0)
        return err_set(err, ERR_UNSUPPORTED,
                       "the VMDK file is of the type %s; monolithicSparse and "
                       "streamOptimized are known here",
                       type);
    if (find_value(text, "parentCID", parent, sizeof(parent)) &&
        strncasecmp(parent, "ffffffff", 8) != 0)
        return err_set(err, ERR_UNSUPPORTED,
                       "the VMDK file holds only what differs from its parent: "
                       "consolidate its snapshots first");
    if (count_extents(text) != 1)
        return err_set(err, ERR_UNSUPPORTED,
                       "the VMDK file's disk has %u extents, not one",
                       count_extents(text));
    return 0;
}

static int read_descriptor(struct disk *disk, struct vmdk *v, struct err *err)
{
    if (!v->descriptor_sector ||
        v->descriptor_sector > disk->input.size_bytes / SECTOR)
        return err_set(err, ERR_UNSUPPORTED,
                       "the VMDK file has no description inside: it is one "
                       "extent of a disk of several files");
    uint64_t bytes = MIN(v->descriptor_sectors, DESCRIPTOR_MAX_BYTES / SECTOR) *
                     SECTOR;
    AUTO_FREE char *raw =
        disk_file_load(disk, (size_t)bytes, v->descriptor_sector * SECTOR,
                       "the description", err);
    AUTO_FREE char *text = raw ? strndup(raw, (size_t)bytes) : NULL;
    if (!text)
        return raw ? err_set(err, ERR_NO_MEMORY, "no memory to read an image")
                   : (err ? err->code : ERR_CORRUPT);
    for (char *p = text; *p; p++) /* it is quoted in sentences */
        if ((unsigned char)*p < ' ' && *p != '\n' && *p != '\r')
            *p = '?';
    return check_descriptor(text, err);
}

static int read_directory(struct disk *disk, struct vmdk *v, struct err *err)
{
    if (v->capacity > UINT64_MAX / SECTOR)
        v->capacity = UINT64_MAX / SECTOR; /* refused just below */
    disk->size_bytes = v->capacity * SECTOR;
    int rc = disk_size_check(disk->size_bytes, err);
    if (rc)
        return rc;
    uint64_t covers = v->grain_bytes * TABLE_ENTRIES;
    v->table_count = (disk->size_bytes + covers - 1) / covers;
    if (v->table_count > DISK_TABLE_MAX_BYTES / 4)
        return err_set(err, ERR_UNSUPPORTED,
                       "the VMDK file's grains are too small for a disk of "
                       "that size");
    if (v->directory_sector > disk->input.size_bytes / SECTOR)
        return err_set(err, ERR_CORRUPT,
                       "the VMDK file's directory lies behind its end: it was "
                       "cut off or is damaged");
    v->directory = disk_file_load(disk, (size_t)v->table_count * 4,
                                  v->directory_sector * SECTOR,
                                  "the directory", err);
    return v->directory ? 0 : (err ? err->code : ERR_CORRUPT);
}

static int load_table(struct disk *disk, struct vmdk *v, uint32_t sector,
                      struct err *err)
{
    if (v->table_sector == sector)
        return 0;
    v->table_sector = 0;
    int rc = disk_file_read(disk, v->table, sizeof(v->table),
                            (uint64_t)sector * SECTOR, "a table", err);
    if (!rc)
        v->table_sector = sector;
    return rc;
}

/* A compressed grain names its own place in front of its bytes. */
static int map_compressed(struct disk *disk, const struct vmdk *v,
                          uint64_t grain, uint64_t inside, uint32_t sector,
                          struct disk_extent *ret, struct err *err)
{
    uint8_t h[GRAIN_HEADER_BYTES];
    uint64_t at = (uint64_t)sector * SECTOR;
    uint64_t start = grain * v->grain_bytes;
    if (!disk->has_plain || disk->plain_of != at + sizeof(h)) {
        int rc = disk_file_read(disk, h, sizeof(h), at, "a grain", err);
        if (rc)
            return rc;
        if (get_le64(h) != start / SECTOR)
            return err_set(err, ERR_CORRUPT,
                           "the grain at byte %" PRIu64
                           " of the VMDK file belongs to another place: it is "
                           "damaged",
                           at);
        ret->packed_bytes = get_le32(h + 8);
    }
    ret->kind = DISK_ZLIB;
    ret->file_offset = at + sizeof(h);
    ret->unit_bytes =
        (uint32_t)MIN(v->grain_bytes, disk->size_bytes - start);
    ret->skip_bytes = (uint32_t)inside;
    return 0;
}

static int vmdk_map(struct disk *disk, uint64_t offset, struct disk_extent *ret,
                    struct err *err)
{
    struct vmdk *v = disk->state;
    uint64_t grain = offset / v->grain_bytes;
    uint64_t inside = offset % v->grain_bytes;
    uint64_t index = grain % TABLE_ENTRIES;
    uint32_t table = get_le32(v->directory + grain / TABLE_ENTRIES * 4);
    *ret = (struct disk_extent){.kind = DISK_HOLE};
    if (!table) {
        ret->length_bytes = (TABLE_ENTRIES - index) * v->grain_bytes - inside;
        return 0;
    }
    int rc = load_table(disk, v, table, err);
    if (rc)
        return rc;
    ret->length_bytes = v->grain_bytes - inside;
    uint32_t sector = get_le32(v->table + index * 4);
    if (!sector || (sector == 1 && v->flags & FLAG_ZERO_GRAINS))
        return 0;
    if (v->flags & FLAG_COMPRESSED)
        return map_compressed(disk, v, grain, inside, sector, ret, err);
    ret->kind = DISK_DATA;
    ret->file_offset = (uint64_t)sector * SECTOR + inside;
    return 0;
}

int disk_vmdk_open(struct disk *disk, struct err *err)
{
    struct vmdk *v = calloc(1, sizeof(*v));
    if (!v)
        return err_set(err, ERR_NO_MEMORY, "no memory to read an image");
    disk->state = v;
    disk->free_state = vmdk_free;
    disk->map = vmdk_map;
    int rc = read_header(disk, v, err);
    if (!rc)
        rc = read_descriptor(disk, v, err);
    return rc ? rc : read_directory(disk, v, err);
}
