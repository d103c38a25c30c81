/* SPDX-License-Identifier: Apache-2.0 */
/* Open pages of the index and the state of their records. */
#include <string.h>

#include "core/image/pipeline-parts.h"

uint64_t pipeline_bytes(const struct pipeline *p, uint64_t first,
                        uint64_t count)
{
    uint64_t start = first << p->chunk_shift;
    uint64_t end = (first + count) << p->chunk_shift;
    return MIN(end, p->size_bytes) - start;
}

void pipeline_open_pages(struct pipeline *p)
{
    for (size_t i = 0; i < PIPELINE_PAGES; i++) {
        struct open_page *page = &p->pages[i];
        if (page->used || p->next_page == p->root->page_count)
            continue;
        *page = (struct open_page){.used = true, .number = p->next_page++};
    }
}

static void close_page(struct pipeline *p, struct open_page *page)
{
    index_page_free(page->page);
    free(page->work);
    *page = (struct open_page){0};
    p->pages_left--;
    pipeline_open_pages(p);
    if (!p->pages_left)
        (void)pthread_cond_broadcast(&p->work);
}

static const struct index_record *record_at(const struct open_page *page,
                                            uint32_t record)
{
    return &page->page->records[record];
}

void pipeline_record_right(struct pipeline *p, struct open_page *page,
                           uint32_t record)
{
    struct record_work *work = &page->work[record];
    uint64_t run = record_at(page, record)->run;
    work->state = RECORD_RIGHT;
    chunk_set_add(&p->known, work->first_chunk, run);
    p->progress.done_bytes += pipeline_bytes(p, work->first_chunk, run);
    page->records_left--;
    if (!page->records_left)
        close_page(p, page);
}

void pipeline_record_wanted(struct pipeline *p, struct open_page *page,
                            uint32_t record)
{
    (void)p;
    page->work[record].state = RECORD_WANTED;
    page->wanted_from = MIN(page->wanted_from, record);
}

/* A checkpoint of an earlier run has vouched for this record. */
static bool is_known(const struct pipeline *p, const struct record_work *work,
                     uint64_t run)
{
    return p->mode == PIPELINE_RESUME &&
           chunk_set_has(&p->known, work->first_chunk, run);
}

int pipeline_start_page(struct pipeline *p, struct open_page *page,
                        struct err *err)
{
    uint32_t count = page->page->record_count;
    uint64_t chunk = page->page->first_chunk;
    page->work = calloc(count, sizeof(*page->work));
    if (!page->work)
        return err_set(err, ERR_NO_MEMORY, "no memory for an index page");
    page->records_left = count;
    for (uint32_t i = 0; i < count; i++) {
        struct record_work *work = &page->work[i];
        work->first_chunk = chunk;
        work->left_chunks = record_at(page, i)->run;
        chunk += work->left_chunks;
        if (p->mode == PIPELINE_FRESH &&
            record_at(page, i)->flags != INDEX_HOLE)
            work->state = RECORD_WANTED;
    }
    /* Last, since the page closes when its last record is right. */
    for (uint32_t i = 0; i < count && page->used; i++) {
        uint64_t run = record_at(page, i)->run;
        if (!is_known(p, &page->work[i], run))
            continue;
        p->progress.kept_bytes +=
            pipeline_bytes(p, page->work[i].first_chunk, run);
        pipeline_record_right(p, page, i);
    }
    (void)pthread_cond_broadcast(&p->work);
    return 0;
}

void pipeline_entry_free(struct pipeline *p, struct entry *entry)
{
    free(entry->data);
    free(entry->targets);
    p->reserved_bytes -= entry->bytes;
    *entry = (struct entry){0};
}
