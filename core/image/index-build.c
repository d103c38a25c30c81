/* SPDX-License-Identifier: Apache-2.0 */
/* Building an index while chunks come in: see index.h. */
#include <string.h>

#include "core/image/index-format.h"
#include "core/image/index.h"
#include "core/util/bytes.h"

struct index_builder {
    unsigned chunk_shift;
    index_put *put;
    void *arg;
    struct index_record last; /* still growing; run 0 = none */
    uint64_t chunk_count;     /* in finished records */
    uint64_t page_first;      /* first chunk of the page that is filled */
    uint32_t record_count;    /* in it */
    uint32_t page_count;
    struct buf page;
    struct buf root; /* entries only; the header comes when all is known */
};

struct index_builder *index_builder_new(unsigned chunk_shift, index_put *put,
                                        void *arg)
{
    struct index_builder *b = calloc(1, sizeof(*b));
    if (!b)
        return NULL;
    b->chunk_shift = chunk_shift;
    b->put = put;
    b->arg = arg;
    buf_init(&b->page, INDEX_PAGE_MAX_BYTES);
    buf_init(&b->root, INDEX_ROOT_MAX_BYTES);
    return b;
}

void index_builder_free(struct index_builder *b)
{
    if (!b)
        return;
    if (b->page.data)
        secret_wipe(b->page.data, b->page.length);
    secret_wipe(&b->last, sizeof(b->last));
    buf_done(&b->page);
    buf_done(&b->root);
    free(b);
}

/* Room for a page's or root's header and the pointer to fill it. */
static uint8_t *grow(struct buf *buf, size_t bytes)
{
    uint8_t *p = buf_reserve(buf, bytes);
    if (p)
        buf->length += bytes;
    return p;
}

static int page_finish(struct index_builder *b, struct err *err)
{
    if (!b->record_count)
        return 0;
    put_le32(b->page.data + 4, b->record_count);
    struct digest digest;
    digest_of(b->page.data, b->page.length, &digest);
    int rc = b->put(b->arg, &digest, b->page.data, b->page.length, err);
    if (rc)
        return rc;
    uint8_t *entry = b->page_count < INDEX_ROOT_MAX_PAGES
                         ? grow(&b->root, INDEX_ROOT_ENTRY_BYTES)
                         : NULL;
    if (!entry)
        return err_set(err, ERR_TOO_BIG,
                       "the image has more than %d index pages",
                       INDEX_ROOT_MAX_PAGES);
    memcpy(entry, digest.bytes, DIGEST_BYTES);
    put_le64(entry + 32, b->page_first);
    put_le32(entry + 40, b->record_count);
    put_le32(entry + 44, 0);
    b->page_count++;
    b->page_first = b->chunk_count;
    b->record_count = 0;
    buf_clear(&b->page);
    return 0;
}

void index_record_write(uint8_t *out, const struct index_record *record)
{
    memcpy(out, record->plain.bytes, DIGEST_BYTES);
    memcpy(out + 32, record->id.name.bytes, DIGEST_BYTES);
    memcpy(out + 64, record->id.key.bytes, DIGEST_BYTES);
    put_le32(out + 96, record->object_bytes);
    put_le32(out + 100, record->flags);
    put_le64(out + 104, record->run);
}

/* Moves `last` into the page. */
static int record_finish(struct index_builder *b, struct err *err)
{
    if (!b->last.run)
        return 0;
    if (!b->record_count) {
        uint8_t *header = grow(&b->page, INDEX_PAGE_HEADER_BYTES);
        if (!header)
            return err_set(err, ERR_NO_MEMORY, "no memory for an index page");
        memcpy(header, INDEX_PAGE_MAGIC, 4);
        put_le64(header + 8, b->page_first);
    }
    uint8_t *p = grow(&b->page, INDEX_RECORD_BYTES);
    if (!p)
        return err_set(err, ERR_NO_MEMORY, "no memory for an index page");
    index_record_write(p, &b->last);
    b->chunk_count += b->last.run;
    b->last.run = 0;
    b->record_count++;
    return b->record_count == INDEX_PAGE_RECORDS ? page_finish(b, err) : 0;
}

int index_builder_add(struct index_builder *b,
                      const struct index_record *record, struct err *err)
{
    if (b->last.run && b->last.flags == record->flags &&
        digest_equal(&b->last.plain, &record->plain) &&
        digest_equal(&b->last.id.name, &record->id.name)) {
        b->last.run += record->run;
        return 0;
    }
    int rc = record_finish(b, err);
    if (!rc)
        b->last = *record;
    return rc;
}

int index_builder_finish(struct index_builder *b, uint64_t size_bytes,
                         struct digest *ret_root, struct err *err)
{
    int rc = record_finish(b, err);
    if (!rc)
        rc = page_finish(b, err);
    if (rc)
        return rc;
    uint8_t header[INDEX_ROOT_HEADER_BYTES] = {0};
    memcpy(header, INDEX_ROOT_MAGIC, 4);
    put_le32(header + 4, b->chunk_shift);
    put_le64(header + 8, size_bytes);
    put_le64(header + 16, b->chunk_count);
    put_le32(header + 24, b->page_count);
    AUTO_BUF root = BUF_INIT(INDEX_ROOT_MAX_BYTES);
    if (buf_append(&root, header, sizeof(header)) ||
        buf_append(&root, b->root.data, b->root.length))
        return err_set(err, ERR_NO_MEMORY, "no memory for the index root");
    struct digest digest;
    digest_of(root.data, root.length, &digest);
    rc = b->put(b->arg, &digest, root.data, root.length, err);
    if (!rc)
        *ret_root = digest;
    return rc;
}
