/* SPDX-License-Identifier: Apache-2.0 */
/*
 * qcow2, versions 2 and 3, as QEMU's docs/interop/qcow2.rst describes it: a
 * table (L1) of tables (L2) of clusters.  Internal snapshots are passed over:
 * the disk is its newest state.
 */
#include <inttypes.h>
#include <string.h>

#include "core/image/disk-format-parts.h"
#include "core/util/bytes.h"

#define MAGIC 0x514649fbu
#define HEADER_2_BYTES 72
#define HEADER_3_BYTES 104
#define HEADER_MAX_BYTES 112
#define CLUSTER_BITS_MIN 9
#define CLUSTER_BITS_MAX 21
#define SUBCLUSTERS 32

/* Incompatible features. */
#define FEATURE_DIRTY 1u /* only the reference counts, which nobody reads */
#define FEATURE_CORRUPT 2u
#define FEATURE_DATA_FILE 4u
#define FEATURE_COMPRESSION 8u
#define FEATURE_SUBCLUSTERS 16u
#define FEATURES_READ (FEATURE_DIRTY | FEATURE_COMPRESSION | FEATURE_SUBCLUSTERS)

#define OFFSET_MASK UINT64_C(0x00fffffffffffe00)
#define ENTRY_COMPRESSED (UINT64_C(1) << 62)
#define ENTRY_ZERO UINT64_C(1)

struct qcow2 {
    unsigned cluster_bits;
    unsigned entry_bytes; /* of L2: 8, with subclusters 16 */
    bool zero_flag;       /* version 3 knows clusters of zeros */
    enum disk_extent_kind packing;
    uint8_t *l1;
    uint64_t l1_count;
    uint8_t *l2; /* one table */
    uint64_t l2_offset;
    bool has_l2;
};

static void qcow2_free(void *state)
{
    struct qcow2 *q = state;
    if (!q)
        return;
    free(q->l1);
    free(q->l2);
    free(q);
}

static uint64_t cluster_bytes(const struct qcow2 *q)
{
    return UINT64_C(1) << q->cluster_bits;
}

static uint64_t entries(const struct qcow2 *q)
{
    return cluster_bytes(q) / q->entry_bytes;
}

static int check_features(struct qcow2 *q, const uint8_t *h, size_t header,
                          struct err *err)
{
    uint64_t features = get_be64(h + 72);
    if (features & FEATURE_CORRUPT)
        return err_set(err, ERR_CORRUPT,
                       "the qcow2 file is marked as corrupt: mend it with "
                       "'qemu-img check -r all' first");
    if (features & FEATURE_DATA_FILE)
        return err_set(err, ERR_UNSUPPORTED,
                       "the qcow2 file keeps its data in another file: "
                       "convert it with 'qemu-img convert' first");
    if (features & ~(uint64_t)FEATURES_READ)
        return err_set(err, ERR_UNSUPPORTED,
                       "the qcow2 file uses features that are not known here "
                       "(0x%" PRIx64 ")",
                       features & ~(uint64_t)FEATURES_READ);
    if (features & FEATURE_SUBCLUSTERS)
        q->entry_bytes = 16;
    if ((features & FEATURE_COMPRESSION) && header > HEADER_3_BYTES) {
        if (h[104] > 1)
            return err_set(err, ERR_UNSUPPORTED,
                           "the qcow2 file is compressed by a method that is "
                           "not known here (%u)",
                           h[104]);
        q->packing = h[104] ? DISK_ZSTD : DISK_DEFLATE;
    }
    return 0;
}

static int check_header(struct disk *disk, struct qcow2 *q, const uint8_t *h,
                        size_t length, struct err *err)
{
    if (length < HEADER_2_BYTES || get_be32(h) != MAGIC)
        return err_set(err, ERR_CORRUPT, "this is not a qcow2 file");
    uint32_t version = get_be32(h + 4);
    if (version != 2 && version != 3)
        return err_set(err, ERR_UNSUPPORTED,
                       "the qcow2 file is of version %" PRIu32
                       "; 2 and 3 are known here",
                       version);
    if (get_be64(h + 8))
        return err_set(err, ERR_UNSUPPORTED,
                       "the qcow2 file holds only what differs from a backing "
                       "file: join them with 'qemu-img convert' first");
    if (get_be32(h + 32))
        return err_set(err, ERR_UNSUPPORTED,
                       "the qcow2 file is encrypted: convert it to one that "
                       "is not first");
    q->cluster_bits = get_be32(h + 20);
    if (q->cluster_bits < CLUSTER_BITS_MIN ||
        q->cluster_bits > CLUSTER_BITS_MAX)
        return err_set(err, ERR_CORRUPT,
                       "the qcow2 file has clusters of 2^%u bytes, which none "
                       "has",
                       q->cluster_bits);
    disk->size_bytes = get_be64(h + 24);
    if (version == 2)
        return 0;
    q->zero_flag = true;
    uint32_t header = length < HEADER_3_BYTES ? 0 : get_be32(h + 100);
    if (header < HEADER_3_BYTES)
        return err_set(err, ERR_CORRUPT, "the qcow2 file's header is damaged");
    return check_features(q, h, MIN(header, length), err);
}

static int load_l1(struct disk *disk, struct qcow2 *q, const uint8_t *h,
                   struct err *err)
{
    int rc = disk_size_check(disk->size_bytes, err);
    if (rc)
        return rc;
    uint64_t covers = cluster_bytes(q) * entries(q);
    q->l1_count = (disk->size_bytes + covers - 1) / covers;
    if (get_be32(h + 36) < q->l1_count)
        return err_set(err, ERR_CORRUPT,
                       "the qcow2 file's first table has %" PRIu32
                       " entries, its disk needs %" PRIu64,
                       get_be32(h + 36), q->l1_count);
    if (q->l1_count > DISK_TABLE_MAX_BYTES / 8)
        return err_set(err, ERR_UNSUPPORTED,
                       "the qcow2 file's clusters are too small for a disk of "
                       "that size");
    q->l1 = disk_file_load(disk, (size_t)q->l1_count * 8, get_be64(h + 40),
                           "the first table", err);
    q->l2 = malloc((size_t)cluster_bytes(q));
    if (q->l1 && !q->l2)
        return err_set(err, ERR_NO_MEMORY, "no memory to read an image");
    return q->l1 ? 0 : (err ? err->code : ERR_CORRUPT);
}

static int load_l2(struct disk *disk, struct qcow2 *q, uint64_t offset,
                   struct err *err)
{
    if (q->has_l2 && q->l2_offset == offset)
        return 0;
    q->has_l2 = false;
    if (offset % cluster_bytes(q))
        return err_set(err, ERR_CORRUPT,
                       "the qcow2 file names a table at byte %" PRIu64
                       ", where none can be",
                       offset);
    int rc = disk_file_read(disk, q->l2, (size_t)cluster_bytes(q), offset,
                            "a table", err);
    q->l2_offset = offset;
    q->has_l2 = !rc;
    return rc;
}

/* A cluster's part that one bit of its bitmap stands for. */
static void map_subcluster(const struct qcow2 *q, uint64_t bitmap,
                           uint64_t inside, uint64_t host,
                           struct disk_extent *ret)
{
    uint64_t bytes = cluster_bytes(q) / SUBCLUSTERS;
    unsigned bit = (unsigned)(inside / bytes);
    bool zero = bitmap >> (bit + SUBCLUSTERS) & 1;
    bool stored = bitmap >> bit & 1;
    ret->length_bytes = bytes - inside % bytes;
    ret->kind = stored && !zero && host ? DISK_DATA : DISK_HOLE;
    ret->file_offset = host + inside;
}

static void map_compressed(const struct qcow2 *q, uint64_t entry,
                           uint64_t inside, struct disk_extent *ret)
{
    unsigned bits = 62 - (q->cluster_bits - 8);
    uint64_t sectors = (entry & (ENTRY_COMPRESSED - 1)) >> bits;
    ret->kind = q->packing;
    ret->length_bytes = cluster_bytes(q) - inside;
    ret->file_offset = entry & ((UINT64_C(1) << bits) - 1);
    ret->packed_bytes =
        (uint32_t)((sectors + 1) * 512 - ret->file_offset % 512);
    ret->unit_bytes = (uint32_t)cluster_bytes(q);
    ret->skip_bytes = (uint32_t)inside;
}

static bool is_hole(const struct qcow2 *q, uint64_t entry)
{
    if (entry & ENTRY_COMPRESSED || q->entry_bytes == 16)
        return false;
    return !(entry & OFFSET_MASK) || (q->zero_flag && (entry & ENTRY_ZERO));
}

static int qcow2_map(struct disk *disk, uint64_t offset,
                     struct disk_extent *ret, struct err *err)
{
    struct qcow2 *q = disk->state;
    uint64_t cluster = offset >> q->cluster_bits;
    uint64_t inside = offset & (cluster_bytes(q) - 1);
    uint64_t index = cluster % entries(q);
    uint64_t l1 = get_be64(q->l1 + cluster / entries(q) * 8) & OFFSET_MASK;
    *ret = (struct disk_extent){.kind = DISK_HOLE};
    if (!l1) {
        ret->length_bytes = (entries(q) - index) * cluster_bytes(q) - inside;
        return 0;
    }
    int rc = load_l2(disk, q, l1, err);
    if (rc)
        return rc;
    const uint8_t *at = q->l2 + index * q->entry_bytes;
    uint64_t entry = get_be64(at);
    if (is_hole(q, entry)) {
        uint64_t count = 1;
        while (index + count < entries(q) &&
               is_hole(q, get_be64(at + count * 8)))
            count++;
        ret->length_bytes = count * cluster_bytes(q) - inside;
        return 0;
    }
    if (entry & ENTRY_COMPRESSED) {
        map_compressed(q, entry, inside, ret);
        return 0;
    }
    uint64_t host = entry & OFFSET_MASK;
    if (host % cluster_bytes(q))
        return err_set(err, ERR_CORRUPT,
                       "the qcow2 file names a cluster at byte %" PRIu64
                       ", where none can be",
                       host);
    if (q->entry_bytes == 16) {
        map_subcluster(q, get_be64(at + 8), inside, host, ret);
        return 0;
    }
    *ret = (struct disk_extent){.kind = DISK_DATA,
                                .length_bytes = cluster_bytes(q) - inside,
                                .file_offset = host + inside};
    return 0;
}

int disk_qcow2_open(struct disk *disk, struct err *err)
{
    uint8_t header[HEADER_MAX_BYTES] = {0};
    size_t length = (size_t)MIN(disk->input.size_bytes, sizeof(header));
    struct qcow2 *q = calloc(1, sizeof(*q));
    if (!q)
        return err_set(err, ERR_NO_MEMORY, "no memory to read an image");
    q->entry_bytes = 8;
    q->packing = DISK_DEFLATE;
    disk->state = q;
    disk->free_state = qcow2_free;
    disk->map = qcow2_map;
    int rc = disk_file_read(disk, header, length, 0, "the header", err);
    if (!rc)
        rc = check_header(disk, q, header, length, err);
    return rc ? rc : load_l1(disk, q, header, err);
}
