/* SPDX-License-Identifier: Apache-2.0 */
/* Writing qcow2: QEMU's docs/interop/qcow2.rst; see qcow2.h. */
#include "core/cli/qcow2.h"

#include "core/util/bytes.h"
#include "core/util/file.h"

#define CLUSTER_BITS 16
#define CLUSTER_BYTES (UINT64_C(1) << CLUSTER_BITS)
#define L2_ENTRIES (CLUSTER_BYTES / 8)
#define REFCOUNTS (CLUSTER_BYTES / 2) /* of 16 bits, in a cluster */
#define REFCOUNT_ORDER 4
#define HEADER_BYTES 104
#define COPIED (UINT64_C(1) << 63) /* its reference count is 1 */
#define NO_TABLE UINT64_MAX

struct qcow2_writer {
    int fd;
    uint64_t size_bytes;
    uint64_t next; /* cluster at the end of the file */
    uint64_t l1_count;
    uint8_t *l1;
    uint64_t l2_index; /* of L1; NO_TABLE = none is open */
    uint8_t l2[CLUSTER_BYTES];
};

static uint64_t clusters(uint64_t bytes)
{
    return (bytes + CLUSTER_BYTES - 1) / CLUSTER_BYTES;
}

struct qcow2_writer *qcow2_writer_new(int fd, uint64_t size_bytes,
                                      struct err *err)
{
    struct qcow2_writer *w = calloc(1, sizeof(*w));

    if (w) {
        w->fd = fd;
        w->size_bytes = size_bytes;
        w->next = 1; /* the header's */
        w->l1_count = (clusters(size_bytes) + L2_ENTRIES - 1) / L2_ENTRIES;
        w->l2_index = NO_TABLE;
        w->l1 = calloc((size_t)w->l1_count + 1, 8);
    }
    if (w && w->l1)
        return w;
    qcow2_writer_free(w);
    (void)err_set(err, ERR_NO_MEMORY, "no memory is left");
    return NULL;
}

void qcow2_writer_free(struct qcow2_writer *w)
{
    if (w)
        free(w->l1);
    free(w);
}

/* Appends whole clusters' worth of `length` bytes; the rest stays a hole. */
static int append(struct qcow2_writer *w, const void *data, uint64_t length,
                  uint64_t *ret_offset, struct err *err)
{
    *ret_offset = w->next * CLUSTER_BYTES;
    w->next += clusters(length);
    return file_pwrite_all(w->fd, data, (size_t)length, *ret_offset, err);
}

static int close_table(struct qcow2_writer *w, struct err *err)
{
    uint64_t offset = 0;
    int rc;

    if (w->l2_index == NO_TABLE)
        return 0;
    rc = append(w, w->l2, sizeof(w->l2), &offset, err);
    if (rc != 0)
        return rc;
    put_be64(w->l1 + w->l2_index * 8, offset | COPIED);
    w->l2_index = NO_TABLE;
    memset(w->l2, 0, sizeof(w->l2));
    return 0;
}

/* Where the cluster of `offset` is in the file; made when it is new. */
static int place(struct qcow2_writer *w, uint64_t offset, uint64_t *ret,
                 struct err *err)
{
    uint64_t cluster = offset / CLUSTER_BYTES;
    uint8_t *entry = w->l2 + cluster % L2_ENTRIES * 8;
    int rc = w->l2_index == cluster / L2_ENTRIES ? 0 : close_table(w, err);

    if (rc != 0)
        return rc;
    w->l2_index = cluster / L2_ENTRIES;
    if (!get_be64(entry))
        put_be64(entry, w->next++ * CLUSTER_BYTES | COPIED);
    *ret = (get_be64(entry) & ~COPIED) + offset % CLUSTER_BYTES;
    return 0;
}

int qcow2_write(struct qcow2_writer *w, const void *data, size_t length,
                uint64_t offset, struct err *err)
{
    const uint8_t *at = data;

    if (offset > w->size_bytes || length > w->size_bytes - offset)
        return err_set(err, ERR_CORRUPT,
                       "the server sends more than the image has");
    while (length) {
        size_t some = (size_t)MIN(length,
                                  CLUSTER_BYTES - offset % CLUSTER_BYTES);
        uint64_t where = 0;
        int rc = place(w, offset, &where, err);

        if (rc == 0)
            rc = file_pwrite_all(w->fd, at, some, where, err);
        if (rc != 0)
            return rc;
        at += some;
        offset += some;
        length -= some;
    }
    return 0;
}

/* The reference counts of all clusters, their own among them: each is 1. */
static int write_refcounts(struct qcow2_writer *w, uint64_t *ret_table,
                           uint64_t *ret_clusters, struct err *err)
{
    uint64_t blocks = 0;
    uint64_t table = 0;
    uint64_t total = 0;
    int rc = 0;

    while (w->next + blocks + table > total) {
        total = w->next + blocks + table;
        blocks = (total + REFCOUNTS - 1) / REFCOUNTS;
        table = clusters(blocks * 8);
    }
    total = w->next + blocks + table;
    AUTO_FREE uint8_t *names = calloc((size_t)table, CLUSTER_BYTES);
    AUTO_FREE uint8_t *block = malloc(CLUSTER_BYTES);
    if (!names || !block)
        return err_set(err, ERR_NO_MEMORY, "no memory is left");
    for (uint64_t i = 0; rc == 0 && i < blocks; i++) {
        uint64_t offset = 0;

        for (uint64_t k = 0; k < REFCOUNTS; k++)
            put_be16(block + k * 2, i * REFCOUNTS + k < total);
        rc = append(w, block, CLUSTER_BYTES, &offset, err);
        put_be64(names + i * 8, offset);
    }
    *ret_clusters = table;
    return rc ? rc : append(w, names, table * CLUSTER_BYTES, ret_table, err);
}

int qcow2_finish(struct qcow2_writer *w, struct err *err)
{
    uint8_t h[HEADER_BYTES] = {'Q', 'F', 'I', 0xfb, 0, 0, 0, 3};
    uint64_t l1_offset = 0;
    uint64_t table_offset = 0;
    uint64_t table_clusters = 0;
    int rc = close_table(w, err);

    if (rc == 0)
        rc = append(w, w->l1, w->l1_count * 8, &l1_offset, err);
    if (rc == 0)
        rc = write_refcounts(w, &table_offset, &table_clusters, err);
    if (rc != 0)
        return rc;
    put_be32(h + 20, CLUSTER_BITS);
    put_be64(h + 24, w->size_bytes);
    put_be32(h + 36, (uint32_t)w->l1_count);
    put_be64(h + 40, l1_offset);
    put_be64(h + 48, table_offset);
    put_be32(h + 56, (uint32_t)table_clusters);
    put_be32(h + 96, REFCOUNT_ORDER);
    put_be32(h + 100, HEADER_BYTES);
    return file_pwrite_all(w->fd, h, sizeof(h), 0, err);
}
