/* SPDX-License-Identifier: Apache-2.0 */
/* Which objects a pipeline wants from whom, and what arrives. */
#include <string.h>

#include "core/image/pipeline-parts.h"

static struct entry *find_entry(struct pipeline *p, const struct digest *name)
{
    for (size_t i = 0; i < PIPELINE_MAX_ENTRIES; i++) {
        struct entry *entry = &p->entries[i];
        if (entry->state != ENTRY_FREE &&
            !memcmp(entry->name.bytes, name->bytes, DIGEST_BYTES))
            return entry;
    }
    return NULL;
}

static struct entry *free_entry(struct pipeline *p)
{
    for (size_t i = 0; i < PIPELINE_MAX_ENTRIES; i++)
        if (p->entries[i].state == ENTRY_FREE)
            return &p->entries[i];
    return NULL;
}

static int add_target(struct entry *entry, struct open_page *page,
                      uint32_t record)
{
    if (entry->target_count == entry->target_capacity) {
        size_t capacity =
            entry->target_capacity ? 2 * entry->target_capacity : 1;
        struct target *targets =
            reallocarray(entry->targets, capacity, sizeof(*targets));
        if (!targets)
            return ERR_NO_MEMORY;
        entry->targets = targets;
        entry->target_capacity = capacity;
    }
    entry->targets[entry->target_count++] = (struct target){page, record};
    page->work[record].state = RECORD_COMING;
    return 0;
}

/* A loose entry that this transport has not given up. */
static struct entry *take_loose(struct pipeline *p, unsigned transport)
{
    for (size_t i = 0; i < PIPELINE_MAX_ENTRIES; i++) {
        struct entry *entry = &p->entries[i];
        if (entry->state == ENTRY_LOOSE &&
            !(entry->gave_up & (UINT32_C(1) << transport)))
            return entry;
    }
    return NULL;
}

enum claim { CLAIM_NEW, CLAIM_JOINED, CLAIM_LATER, CLAIM_FULL };

/* Tries to make a wanted record's object come. */
static enum claim claim(struct pipeline *p, struct open_page *page,
                        uint32_t record, struct entry **ret_entry)
{
    const struct index_record *r = &page->page->records[record];
    struct entry *entry = find_entry(p, &r->id.name);
    if (entry && entry->state == ENTRY_WRITING)
        return CLAIM_LATER; /* its targets are fixed: fetch it again */
    if (entry)
        return add_target(entry, page, record) ? CLAIM_FULL : CLAIM_JOINED;
    /* One object always fits, or nothing would ever move. */
    if (p->reserved_bytes &&
        p->reserved_bytes + r->object_bytes > p->budget_bytes)
        return CLAIM_FULL;
    entry = free_entry(p);
    if (!entry || add_target(entry, page, record))
        return CLAIM_FULL;
    entry->name = r->id.name;
    entry->bytes = r->object_bytes;
    p->reserved_bytes += entry->bytes;
    *ret_entry = entry;
    return CLAIM_NEW;
}

/* The first wanted record of a page that can be fetched now.  CLAIM_FULL:
 * there is one and no room. */
static enum claim claim_in_page(struct pipeline *p, struct open_page *page,
                                struct entry **ret_entry)
{
    bool later = false;
    for (uint32_t i = page->wanted_from; i < page->page->record_count; i++) {
        enum claim result = CLAIM_JOINED;
        if (page->work[i].state == RECORD_WANTED)
            result = claim(p, page, i, ret_entry);
        if (result == CLAIM_NEW || result == CLAIM_FULL)
            return result;
        later = later || result == CLAIM_LATER;
        /* Everything before is dealt with, unless something waits there. */
        if (!later)
            page->wanted_from = i + 1;
    }
    return CLAIM_LATER;
}

/* With the lock: pages in the order of the image. */
static struct entry *claim_next(struct pipeline *p)
{
    struct entry *entry = NULL;
    struct open_page *first = &p->pages[0];
    struct open_page *second = &p->pages[1];
    if (second->used && (!first->used || second->number < first->number)) {
        first = &p->pages[1];
        second = &p->pages[0];
    }
    enum claim result = CLAIM_LATER;
    if (first->work)
        result = claim_in_page(p, first, &entry);
    if (result == CLAIM_LATER && second->work)
        result = claim_in_page(p, second, &entry);
    return result == CLAIM_NEW ? entry : NULL;
}

int pipeline_next_wanted(struct pipeline *p, unsigned transport,
                         struct digest *ret_name, uint64_t *ret_length)
{
    (void)pthread_mutex_lock(&p->lock);
    struct entry *entry = NULL;
    if (p->state == PIPELINE_RUNNING) {
        entry = take_loose(p, transport);
        if (!entry)
            entry = claim_next(p);
    }
    if (entry) {
        entry->state = ENTRY_ASKED;
        entry->transport = transport;
        *ret_name = entry->name;
        *ret_length = entry->bytes;
    }
    (void)pthread_mutex_unlock(&p->lock);
    return entry ? 1 : 0;
}

/* With the lock: an entry that may take bytes. */
static struct entry *find_expected(struct pipeline *p,
                                   const struct digest *name)
{
    struct entry *entry = find_entry(p, name);
    return entry && (entry->state == ENTRY_ASKED || entry->state == ENTRY_LOOSE)
               ? entry
               : NULL;
}

int pipeline_deliver(struct pipeline *p, const struct digest *name,
                     const void *data, size_t length, struct err *err)
{
    int rc = 0;
    char hex[DIGEST_HEX_BYTES];
    /* Without the lock: hashing takes a while and needs none of the state. */
    struct err check = ERR_INIT;
    bool good = !object_check(name, data, length, &check);
    uint8_t *copy = good ? malloc(length) : NULL;
    if (copy)
        memcpy(copy, data, length);
    (void)pthread_mutex_lock(&p->lock);
    struct entry *entry = find_expected(p, name);
    if (!entry || p->state != PIPELINE_RUNNING)
        rc = err_set(err, ERR_NOT_FOUND, "object %s is not wanted",
                     digest_hex(name, hex));
    else if (!good || length != entry->bytes)
        rc = err_set(err, ERR_VERIFY, "%s",
                     good ? "an object has another length than the index says"
                          : check.text);
    else if (!copy)
        rc = err_set(err, ERR_NO_MEMORY, "no memory for an object");
    if (rc) {
        p->progress.refused += rc == ERR_VERIFY;
    } else {
        entry->state = ENTRY_DELIVERED;
        entry->data = TAKE(copy);
        (void)pthread_cond_signal(&p->work);
    }
    (void)pthread_mutex_unlock(&p->lock);
    free(copy);
    return rc;
}

unsigned pipeline_give_up(struct pipeline *p, unsigned transport,
                          const struct digest *name, unsigned transports)
{
    unsigned left = 0;
    (void)pthread_mutex_lock(&p->lock);
    struct entry *entry = find_expected(p, name);
    if (entry) {
        entry->gave_up |= UINT32_C(1) << transport;
        if (entry->state == ENTRY_ASKED && entry->transport == transport)
            entry->state = ENTRY_LOOSE;
        for (unsigned i = 0; i < transports; i++)
            left += !(entry->gave_up & (UINT32_C(1) << i));
    }
    (void)pthread_mutex_unlock(&p->lock);
    return left;
}

bool pipeline_waits_for(struct pipeline *p, const struct digest *name,
                        uint64_t *ret_offset_bytes, uint64_t *ret_length_bytes)
{
    (void)pthread_mutex_lock(&p->lock);
    struct entry *entry = find_expected(p, name);
    const struct target *first = entry ? &entry->targets[0] : NULL;
    if (first) {
        uint64_t chunk = first->page->work[first->record].first_chunk;
        uint64_t run = first->page->page->records[first->record].run;
        *ret_offset_bytes = chunk << p->chunk_shift;
        *ret_length_bytes = pipeline_bytes(p, chunk, run);
    }
    (void)pthread_mutex_unlock(&p->lock);
    return first;
}

void pipeline_forgive(struct pipeline *p)
{
    (void)pthread_mutex_lock(&p->lock);
    for (size_t i = 0; i < PIPELINE_MAX_ENTRIES; i++)
        p->entries[i].gave_up = 0;
    (void)pthread_mutex_unlock(&p->lock);
}

void pipeline_return(struct pipeline *p, unsigned transport)
{
    (void)pthread_mutex_lock(&p->lock);
    for (size_t i = 0; i < PIPELINE_MAX_ENTRIES; i++) {
        struct entry *entry = &p->entries[i];
        if (entry->state == ENTRY_ASKED && entry->transport == transport)
            entry->state = ENTRY_LOOSE;
    }
    (void)pthread_mutex_unlock(&p->lock);
}
