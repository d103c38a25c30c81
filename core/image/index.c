/* SPDX-License-Identifier: Apache-2.0 */
/* Reading the index of an image: see index.h. */
#include "core/image/index.h"

#include <inttypes.h>
#include <string.h>

#include "core/image/index-format.h"
#include "core/util/bytes.h"

void index_root_free(struct index_root *root)
{
    if (!root)
        return;
    free(root->pages);
    free(root);
}

void index_page_free(struct index_page *page)
{
    if (!page)
        return;
    if (page->records)
        secret_wipe(page->records, page->record_count * sizeof(*page->records));
    free(page->records);
    free(page);
}

size_t index_chunk_bytes(const struct index_root *root, uint64_t chunk)
{
    uint64_t left = root->size_bytes - (chunk << root->chunk_shift);
    return (size_t)MIN(left, UINT64_C(1) << root->chunk_shift);
}

uint32_t index_page_of(const struct index_root *root, uint64_t chunk)
{
    uint32_t low = 0;
    uint32_t high = root->page_count;
    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;
        if (root->pages[middle].first_chunk <= chunk)
            low = middle;
        else
            high = middle;
    }
    return low;
}

/* First chunk behind page `number`. */
static uint64_t page_end(const struct index_root *root, uint32_t number)
{
    return number + 1 < root->page_count ? root->pages[number + 1].first_chunk
                                         : root->chunk_count;
}

static int root_entries(struct index_root *root, struct cursor *c,
                        struct err *err)
{
    uint64_t before = 0;
    for (uint32_t i = 0; i < root->page_count; i++) {
        struct index_root_entry *entry = &root->pages[i];
        const uint8_t *digest = cursor_take(c, DIGEST_BYTES);
        if (digest)
            memcpy(entry->page.bytes, digest, DIGEST_BYTES);
        entry->first_chunk = cursor_le64(c);
        entry->record_count = cursor_le32(c);
        uint32_t reserved = cursor_le32(c);
        bool in_order =
            i == 0 ? entry->first_chunk == 0 : entry->first_chunk > before;
        if (c->bad || reserved || !in_order || !entry->record_count ||
            entry->record_count > INDEX_PAGE_RECORDS ||
            entry->first_chunk >= root->chunk_count)
            return err_set(err, ERR_CORRUPT,
                           "the index root is damaged at page %" PRIu32, i);
        before = entry->first_chunk;
    }
    return 0;
}

static bool root_header(struct index_root *root, struct cursor *c)
{
    const uint8_t *magic = cursor_take(c, 4);
    root->chunk_shift = cursor_le32(c);
    root->size_bytes = cursor_le64(c);
    root->chunk_count = cursor_le64(c);
    root->page_count = cursor_le32(c);
    uint32_t reserved = cursor_le32(c);
    if (c->bad || memcmp(magic, INDEX_ROOT_MAGIC, 4) || reserved ||
        root->chunk_shift < CHUNK_SHIFT_MIN ||
        root->chunk_shift > CHUNK_SHIFT_MAX || !root->size_bytes ||
        root->size_bytes > IMAGE_BYTES_MAX || !root->page_count ||
        root->page_count > INDEX_ROOT_MAX_PAGES)
        return false;
    uint64_t mask = (UINT64_C(1) << root->chunk_shift) - 1;
    return root->chunk_count == (root->size_bytes + mask) >> root->chunk_shift;
}

int index_root_parse(const void *data, size_t length,
                     struct index_root **ret_root, struct err *err)
{
    struct cursor c = cursor_on(data, length);
    struct index_root *root = calloc(1, sizeof(*root));
    if (!root)
        return err_set(err, ERR_NO_MEMORY, "no memory for an index root");
    if (!root_header(root, &c) ||
        cursor_left(&c) != (size_t)root->page_count * INDEX_ROOT_ENTRY_BYTES) {
        index_root_free(root);
        return err_set(err, ERR_CORRUPT, "the index root's header is damaged");
    }
    root->pages = calloc(root->page_count, sizeof(*root->pages));
    int rc = root->pages
                 ? root_entries(root, &c, err)
                 : err_set(err, ERR_NO_MEMORY, "no memory for an index root");
    if (rc)
        index_root_free(root);
    else
        *ret_root = root;
    return rc;
}

static bool is_zero(const void *data, size_t length)
{
    const uint8_t *p = data;
    for (size_t i = 0; i < length; i++)
        if (p[i])
            return false;
    return true;
}

/* True when a record may stand at `chunk`. */
static bool record_ok(const struct index_root *root,
                      const struct index_record *record, uint64_t chunk,
                      uint64_t end)
{
    if (!record->run || record->run > end - chunk)
        return false;
    if (record->flags == INDEX_HOLE)
        return is_zero(record, offsetof(struct index_record, flags));
    if (record->flags != INDEX_ZSTD && record->flags != INDEX_STORED)
        return false;
    /* A run's chunks are equal, also in length. */
    if (record->run > 1 && index_chunk_bytes(root, chunk) !=
                               index_chunk_bytes(root, chunk + record->run - 1))
        return false;
    size_t max = object_max_bytes(index_chunk_bytes(root, chunk));
    return record->object_bytes >= FRAME_ALIGN_BYTES + SEAL_TAG_BYTES &&
           record->object_bytes <= max &&
           (record->object_bytes - SEAL_TAG_BYTES) % FRAME_ALIGN_BYTES == 0;
}

void index_record_parse(const uint8_t *data, struct index_record *ret)
{
    memcpy(ret->plain.bytes, data, DIGEST_BYTES);
    memcpy(ret->id.name.bytes, data + DIGEST_BYTES, DIGEST_BYTES);
    memcpy(ret->id.key.bytes, data + 2 * DIGEST_BYTES, DIGEST_BYTES);
    ret->object_bytes = get_le32(data + 96);
    ret->flags = get_le32(data + 100);
    ret->run = get_le64(data + 104);
}

static int page_records(const struct index_root *root, struct index_page *page,
                        struct cursor *c, struct err *err)
{
    uint64_t chunk = page->first_chunk;
    uint64_t end = chunk + page->chunk_count;
    for (uint32_t i = 0; i < page->record_count; i++) {
        struct index_record *record = &page->records[i];
        const uint8_t *bytes = cursor_take(c, INDEX_RECORD_BYTES);
        if (bytes)
            index_record_parse(bytes, record);
        if (!bytes || !record_ok(root, record, chunk, end))
            return err_set(err, ERR_CORRUPT,
                           "record %" PRIu32 " of an index page is damaged", i);
        chunk += record->run;
    }
    if (chunk != end)
        return err_set(err, ERR_CORRUPT,
                       "an index page describes %" PRIu64
                       " chunks where %" PRIu64 " are expected",
                       chunk - page->first_chunk, page->chunk_count);
    return 0;
}

static int page_header(const struct index_root_entry *entry, struct cursor *c,
                       struct err *err)
{
    const uint8_t *magic = cursor_take(c, 4);
    uint32_t record_count = cursor_le32(c);
    uint64_t first_chunk = cursor_le64(c);
    if (c->bad || memcmp(magic, INDEX_PAGE_MAGIC, 4) ||
        record_count != entry->record_count ||
        first_chunk != entry->first_chunk ||
        cursor_left(c) != (size_t)record_count * INDEX_RECORD_BYTES)
        return err_set(err, ERR_CORRUPT, "an index page's header is damaged");
    return 0;
}

int index_page_parse(const struct index_root *root, uint32_t number,
                     const void *data, size_t length,
                     struct index_page **ret_page, struct err *err)
{
    const struct index_root_entry *entry = &root->pages[number];
    struct digest digest;
    char hex[DIGEST_HEX_BYTES];
    digest_of(data, length, &digest);
    if (!digest_equal(&digest, &entry->page))
        return err_set(err, ERR_CORRUPT,
                       "index page %s is damaged: its bytes do not have that "
                       "digest",
                       digest_hex(&entry->page, hex));
    struct cursor c = cursor_on(data, length);
    int rc = page_header(entry, &c, err);
    if (rc)
        return rc;
    AUTO_INDEX_PAGE struct index_page *page = calloc(1, sizeof(*page));
    if (page) {
        page->first_chunk = entry->first_chunk;
        page->chunk_count = page_end(root, number) - entry->first_chunk;
        page->record_count = entry->record_count;
        page->records = calloc(page->record_count, sizeof(*page->records));
    }
    if (!page || !page->records)
        return err_set(err, ERR_NO_MEMORY, "no memory for an index page");
    rc = page_records(root, page, &c, err);
    if (!rc)
        *ret_page = TAKE(page);
    return rc;
}
