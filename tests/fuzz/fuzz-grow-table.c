/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Partition tables of disks that anybody may have written, about to be
 * extended.  The input: one byte of flags (bit 0: sectors of 4096 bytes; bit
 * 1: the sums of a GPT are made right first, as a stranger can), the disk's
 * length in units of 64 KiB (two bytes), the partition's number (two) and its
 * first byte (eight), all little-endian, then the beginning of the disk.
 *
 * What was extended once is whole and long enough: again, nothing is written.
 * What is refused was not written to.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "core/engine/change/grow-table.h"
#include "core/image/partition-table.h"
#include "core/util/bytes.h"
#include "core/util/file.h"

#define HEAD_BYTES 13
#define UNIT_BYTES 65536
#define START_MAX ((size_t)1 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void mend_sums(uint8_t *start, size_t size, uint32_t sector)
{
    uint8_t *header = start + sector;
    if (size < 2 * (size_t)sector)
        return;
    uint64_t at = get_le64(header + 72);
    uint64_t bytes = (uint64_t)get_le32(header + 80) * get_le32(header + 84);
    uint32_t length = get_le32(header + 12);
    if (at <= size / sector && bytes <= size - at * sector)
        put_le32(header + 88, gpt_crc32(start + at * sector, (size_t)bytes));
    put_le32(header + 16, 0);
    if (length <= sector)
        put_le32(header + 16, gpt_crc32(header, length));
}

static void grow(int fd, struct change_request *request)
{
    struct change_ranges changed = {NULL, 0, 0, false};
    struct err err = ERR_INIT;
    uint64_t length = request->length, again;
    if (grow_table(fd, request, &changed, &length, &err)) {
        assert(err.text[0] && changed.count == 0);
    } else {
        change_ranges_done(&changed);
        again = length;
        assert(grow_table(fd, request, &changed, &again, &err) == 0);
        assert(changed.count == 0 && again == length);
    }
    change_ranges_done(&changed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < HEAD_BYTES || size - HEAD_BYTES > START_MAX)
        return 0;
    struct change_request *request = calloc(1, sizeof(*request));
    size_t length = size - HEAD_BYTES;
    uint8_t *start = malloc(length + 1);
    AUTO_CLOSE int fd = memfd_create("disk", MFD_CLOEXEC);
    if (request && start && fd >= 0) {
        memcpy(start, data + HEAD_BYTES, length);
        request->sector_bytes = data[0] & 1 ? 4096 : 512;
        request->disk_bytes = (uint64_t)get_le16(data + 1) * UNIT_BYTES;
        request->partition = get_le16(data + 3);
        request->offset = get_le64(data + 5);
        request->length = 1;
        if (data[0] & 2)
            mend_sums(start, length, request->sector_bytes);
        if (ftruncate(fd, (off_t)request->disk_bytes) == 0 &&
            file_pwrite_all(fd, start,
                            MIN(length, (size_t)request->disk_bytes), 0,
                            NULL) == 0)
            grow(fd, request);
    }
    free(start);
    free(request);
    return 0;
}
