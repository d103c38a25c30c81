/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Disks of other programs, the format FUZZ_FORMAT.  Such files are large and
 * almost empty, so the input is a list: the file's size (u32), then pieces of
 * offset (u32), length (u16) and bytes; what no piece covers is zeros, and of
 * two pieces the first wins.
 */
#include <stdlib.h>
#include <string.h>

#include "core/image/disk-format.h"
#include "core/util/bytes.h"

#define PIECES_MAX 256
#define READ_MAX_BYTES (1u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct piece {
    uint32_t offset;
    uint16_t length;
    const uint8_t *data;
};

struct sparse {
    struct piece pieces[PIECES_MAX];
    size_t count;
};

/* The checksums of VHDX, which no fuzzer would guess. */
static void mend_checksum(uint8_t *data, size_t length)
{
    uint32_t crc = UINT32_MAX;
    if (memcmp(data, "head", 4) != 0 && memcmp(data, "regi", 4) != 0)
        return;
    for (size_t i = 0; i < length; i++) {
        crc ^= i >= 4 && i < 8 ? 0 : data[i];
        for (unsigned bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78u : 0);
    }
    put_le32(data + 4, ~crc);
}

static int read_sparse(void *arg, void *data, size_t length, uint64_t offset,
                       struct err *err)
{
    const struct sparse *s = arg;
    uint8_t *out = data;
    (void)err;
    memset(out, 0, length);
    for (size_t i = s->count; i-- > 0;) {
        const struct piece *p = &s->pieces[i];
        uint64_t from = MAX(offset, p->offset);
        uint64_t to = MIN(offset + length, (uint64_t)p->offset + p->length);
        if (from < to)
            memcpy(out + (from - offset), p->data + (from - p->offset),
                   (size_t)(to - from));
    }
    if (length >= 4096)
        mend_checksum(out, length);
    return 0;
}

/* Holes and data must lead to the end, whatever the tables say. */
static void walk(struct disk *disk)
{
    static uint8_t out[65536];
    uint64_t offset = 0;
    uint64_t left = READ_MAX_BYTES;
    while (offset < disk_size_bytes(disk) && left) {
        uint64_t hole = 0;
        size_t some = (size_t)MIN(disk_size_bytes(disk) - offset, sizeof(out));
        if (disk_hole(disk, offset, &hole, NULL))
            return;
        if (hole > disk_size_bytes(disk) - offset)
            abort();
        if (!hole && disk_read(disk, out, some, offset, NULL))
            return;
        offset += hole ? hole : some;
        left -= hole ? 1 : MIN(left, some);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cursor c = cursor_on(data, size);
    struct sparse s = {.count = 0};
    struct disk_input input = {read_sparse, &s, cursor_le32(&c)};
    while (s.count < PIECES_MAX && cursor_left(&c)) {
        struct piece *p = &s.pieces[s.count];
        p->offset = cursor_le32(&c);
        const uint8_t *length = cursor_take(&c, 2);
        p->length = length ? get_le16(length) : 0;
        p->data = cursor_take(&c, p->length);
        if (!p->data)
            break;
        s.count++;
    }
    struct disk *disk = NULL;
    if (!disk_open(FUZZ_FORMAT, &input, &disk, NULL)) {
        walk(disk);
        disk_free(disk);
    }
    return 0;
}
