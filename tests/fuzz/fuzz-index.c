/* SPDX-License-Identifier: Apache-2.0 */
/* Index roots and pages. */
#include <stdlib.h>

#include "core/image/index.h"
#include "core/util/bytes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A root that names these bytes as its only page. */
static void parse_page(const uint8_t *data, size_t size)
{
    struct index_root_entry entry = {.first_chunk = 0};
    struct index_root root = {
        .chunk_shift = CHUNK_SHIFT_MIN, .page_count = 1, .pages = &entry};
    if (size < INDEX_PAGE_HEADER_BYTES + INDEX_RECORD_BYTES)
        return;
    digest_of(data, size, &entry.page);
    entry.record_count = get_le32(data + 4) % (INDEX_PAGE_RECORDS + 1);
    if (!entry.record_count)
        return;
    root.chunk_count = size / INDEX_RECORD_BYTES;
    root.size_bytes = (root.chunk_count << root.chunk_shift) - 1;
    struct index_page *page = NULL;
    if (!index_page_parse(&root, 0, data, size, &page, NULL))
        index_page_free(page);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct index_root *root = NULL;
    if (!index_root_parse(data, size, &root, NULL)) {
        uint64_t last = root->chunk_count - 1;
        if (index_page_of(root, last) >= root->page_count ||
            !index_chunk_bytes(root, last))
            abort();
        index_root_free(root);
    }
    parse_page(data, size);
    return 0;
}
