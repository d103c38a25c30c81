/* SPDX-License-Identifier: Apache-2.0 */
/* Reading and unpacking, the same for every format: see disk-format.h. */
#include "core/image/disk-format-parts.h"

#include <inttypes.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#include "core/image/index.h"

static const char *const words[] = {
    [DISK_RAW] = "raw",
    [DISK_QCOW2] = "qcow2",
    [DISK_VHDX] = "vhdx",
    [DISK_VMDK] = "vmdk",
};

int disk_format_parse(const char *word, enum disk_format *ret, struct err *err)
{
    for (size_t i = 0; i < ARRAY_LENGTH(words); i++)
        if (!strcmp(word, words[i])) {
            *ret = (enum disk_format)i;
            return 0;
        }
    return err_set(err, ERR_INVALID,
                   "there is no image format '%.16s': it is raw, qcow2, vhdx "
                   "or vmdk",
                   word);
}

const char *disk_format_word(enum disk_format format)
{
    return words[format];
}

int disk_open(enum disk_format format, const struct disk_input *input,
              struct disk **ret, struct err *err)
{
    int (*const open[])(struct disk *, struct err *) = {
        [DISK_QCOW2] = disk_qcow2_open,
        [DISK_VHDX] = disk_vhdx_open,
        [DISK_VMDK] = disk_vmdk_open,
    };
    if (format == DISK_RAW)
        return err_set(err, ERR_INVALID, "a raw image needs no reader");
    AUTO_DISK struct disk *disk = calloc(1, sizeof(*disk));
    if (!disk)
        return err_set(err, ERR_NO_MEMORY, "no memory to read an image");
    disk->input = *input;
    int rc = open[format](disk, err);
    if (!rc)
        *ret = TAKE(disk);
    return rc;
}

void disk_free(struct disk *disk)
{
    if (!disk)
        return;
    if (disk->free_state)
        disk->free_state(disk->state);
    (void)ZSTD_freeDCtx(disk->zstd); /* cannot fail */
    free(disk->packed);
    free(disk->plain);
    free(disk);
}

uint64_t disk_size_bytes(const struct disk *disk)
{
    return disk->size_bytes;
}

int disk_size_check(uint64_t size_bytes, struct err *err)
{
    if (size_bytes && size_bytes <= IMAGE_BYTES_MAX)
        return 0;
    return err_set(err, ERR_CORRUPT,
                   "the file says that its disk has %" PRIu64
                   " bytes: a disk has between 1 byte and 64 TiB",
                   size_bytes);
}

int disk_file_read(struct disk *disk, void *data, size_t length,
                   uint64_t offset, const char *what, struct err *err)
{
    uint64_t size = disk->input.size_bytes;
    if (length > size || offset > size - length)
        return err_set(err, ERR_CORRUPT,
                       "%s at byte %" PRIu64
                       " lies behind the end of the file of %" PRIu64
                       " bytes: it was cut off or is damaged",
                       what, offset, size);
    return disk->input.read(disk->input.arg, data, length, offset, err);
}

void *disk_file_load(struct disk *disk, size_t length, uint64_t offset,
                     const char *what, struct err *err)
{
    if (!length || length > DISK_TABLE_MAX_BYTES) {
        (void)err_set(err, ERR_CORRUPT, "%s has %zu bytes, at most %zu fit",
                      what, length, DISK_TABLE_MAX_BYTES);
        return NULL;
    }
    /* Before memory is taken for what the file cannot hold. */
    if (length > disk->input.size_bytes) {
        (void)err_set(err, ERR_CORRUPT, "%s is longer than the whole file",
                      what);
        return NULL;
    }
    AUTO_FREE void *data = malloc(length);
    if (!data) {
        (void)err_set(err, ERR_NO_MEMORY, "no memory to read an image");
        return NULL;
    }
    return disk_file_read(disk, data, length, offset, what, err) ? NULL
                                                                 : TAKE(data);
}

/* ---- unpacking ---- */

static bool inflate_unit(const uint8_t *packed, size_t packed_bytes,
                         int window_bits, uint8_t *plain, size_t plain_bytes)
{
    /* The input may be followed by anything: formats round its length up. */
    z_stream z = {.next_in = (Bytef *)(uintptr_t)packed,
                  .avail_in = (uInt)packed_bytes,
                  .next_out = plain,
                  .avail_out = (uInt)plain_bytes};
    if (inflateInit2(&z, window_bits) != Z_OK)
        return false;
    int rc = inflate(&z, Z_FINISH);
    bool ok = !z.avail_out && (rc == Z_STREAM_END || rc == Z_OK ||
                               rc == Z_BUF_ERROR);
    (void)inflateEnd(&z);
    return ok;
}

static bool unzstd_unit(struct disk *disk, const uint8_t *packed,
                        size_t packed_bytes, uint8_t *plain, size_t plain_bytes)
{
    ZSTD_inBuffer in = {packed, packed_bytes, 0};
    ZSTD_outBuffer out = {plain, plain_bytes, 0};
    if (!disk->zstd)
        disk->zstd = ZSTD_createDCtx();
    if (!disk->zstd)
        return false;
    (void)ZSTD_DCtx_reset(disk->zstd, ZSTD_reset_session_only);
    while (out.pos < out.size) {
        size_t before = out.pos + in.pos;
        size_t rc = ZSTD_decompressStream(disk->zstd, &out, &in);
        if (ZSTD_isError(rc) || out.pos + in.pos == before)
            return false;
    }
    return true;
}

/* The data that the tables name, each once, fits into the file; twice leaves
 * room for what is rounded up.  More is a trap: a small file whose tables name
 * one place a million times. */
static int take(struct disk *disk, uint64_t bytes, struct err *err)
{
    disk->taken_bytes += bytes;
    if (disk->taken_bytes / 2 <= disk->input.size_bytes + DISK_UNIT_MAX_BYTES)
        return 0;
    return err_set(err, ERR_CORRUPT,
                   "the tables of the file name far more data than its %" PRIu64
                   " bytes hold",
                   disk->input.size_bytes);
}

static int load_unit(struct disk *disk, const struct disk_extent *e,
                     struct err *err)
{
    uint64_t left = disk->input.size_bytes - MIN(disk->input.size_bytes,
                                                 e->file_offset);
    size_t packed_bytes = (size_t)MIN(left, e->packed_bytes);
    disk->has_plain = false;
    if (!disk->packed)
        disk->packed = malloc(2 * DISK_UNIT_MAX_BYTES);
    if (!disk->plain)
        disk->plain = malloc(DISK_UNIT_MAX_BYTES);
    if (!disk->packed || !disk->plain)
        return err_set(err, ERR_NO_MEMORY, "no memory to read an image");
    if (e->packed_bytes > 2 * DISK_UNIT_MAX_BYTES || !packed_bytes)
        return err_set(err, ERR_CORRUPT,
                       "the packed data at byte %" PRIu64
                       " of the file is too long or behind its end: it was "
                       "cut off or is damaged",
                       e->file_offset);
    int rc = take(disk, packed_bytes, err);
    if (!rc)
        rc = disk_file_read(disk, disk->packed, packed_bytes, e->file_offset,
                            "packed data", err);
    if (rc)
        return rc;
    bool ok = e->kind == DISK_ZSTD
                  ? unzstd_unit(disk, disk->packed, packed_bytes, disk->plain,
                                e->unit_bytes)
                  : inflate_unit(disk->packed, packed_bytes,
                                 e->kind == DISK_ZLIB ? MAX_WBITS : -MAX_WBITS,
                                 disk->plain, e->unit_bytes);
    if (!ok)
        return err_set(err, ERR_CORRUPT,
                       "the packed data at byte %" PRIu64
                       " of the file does not unpack to %" PRIu32
                       " bytes: it is damaged or was cut off",
                       e->file_offset, e->unit_bytes);
    disk->plain_of = e->file_offset;
    disk->has_plain = true;
    return 0;
}

/* ---- reading ---- */

/* What lies at `offset`, clipped to the disk. */
static int map(struct disk *disk, uint64_t offset, struct disk_extent *ret,
               struct err *err)
{
    if (offset >= disk->size_bytes)
        return err_set(err, ERR_INVALID, "behind the end of the disk");
    int rc = disk->map(disk, offset, ret, err);
    if (!rc)
        ret->length_bytes = MIN(ret->length_bytes, disk->size_bytes - offset);
    return rc;
}

int disk_hole(struct disk *disk, uint64_t offset, uint64_t *ret_bytes,
              struct err *err)
{
    uint64_t bytes = 0;
    while (offset + bytes < disk->size_bytes) {
        struct disk_extent e;
        int rc = map(disk, offset + bytes, &e, err);
        if (rc)
            return rc;
        if (e.kind != DISK_HOLE)
            break;
        bytes += e.length_bytes;
    }
    *ret_bytes = bytes;
    return 0;
}

static int read_extent(struct disk *disk, const struct disk_extent *e,
                       uint8_t *data, size_t length, struct err *err)
{
    int rc;
    switch (e->kind) {
    case DISK_HOLE:
        memset(data, 0, length);
        return 0;
    case DISK_DATA:
        rc = take(disk, length, err);
        return rc ? rc
                  : disk_file_read(disk, data, length, e->file_offset, "data",
                                   err);
    default:
        rc = disk->has_plain && disk->plain_of == e->file_offset
                 ? 0
                 : load_unit(disk, e, err);
        if (!rc)
            memcpy(data, disk->plain + e->skip_bytes, length);
        return rc;
    }
}

int disk_read(struct disk *disk, void *data, size_t length, uint64_t offset,
              struct err *err)
{
    for (size_t done = 0; done < length;) {
        struct disk_extent e;
        int rc = map(disk, offset + done, &e, err);
        size_t some = rc ? 0 : (size_t)MIN(e.length_bytes, length - done);
        if (!rc)
            rc = read_extent(disk, &e, (uint8_t *)data + done, some, err);
        if (rc)
            return rc;
        done += some;
    }
    return 0;
}
