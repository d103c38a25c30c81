/* SPDX-License-Identifier: Apache-2.0 */
/* Reading stored images, and checking them whole: see reader.h. */
#include "core/image/reader.h"

#include <inttypes.h>
#include <string.h>

#define NO_CHUNK UINT64_MAX

struct image_reader {
    const struct objects *objects;
    const struct seal_secret *secret;
    struct index_root *root;
    struct index_page *page;
    uint32_t page_number; /* of `page`, when there is one */
    struct frame_unpacker *unpacker;
    uint8_t *sealed;
    uint8_t *frame;
    uint8_t *plain;
    uint64_t chunk; /* whose bytes are in `plain` */
};

void image_reader_free(struct image_reader *r)
{
    if (!r)
        return;
    index_root_free(r->root);
    index_page_free(r->page);
    frame_unpacker_free(r->unpacker);
    free(r->sealed);
    free(r->frame);
    free(r->plain);
    free(r);
}

static int open_root(struct image_reader *r, const struct digest *index_root,
                     struct err *err)
{
    AUTO_BUF bytes = BUF_INIT(INDEX_MAX_BYTES + SEAL_TAG_BYTES);
    int rc = objects_index_get(r->objects, r->secret, index_root, &bytes, err);
    if (!rc)
        rc = index_root_parse(bytes.data, bytes.length, &r->root, err);
    if (rc)
        return rc;
    size_t chunk = (size_t)1 << r->root->chunk_shift;
    r->unpacker = frame_unpacker_new();
    r->sealed = malloc(object_max_bytes(chunk));
    r->frame = malloc(object_max_bytes(chunk));
    r->plain = malloc(chunk);
    if (!r->unpacker || !r->sealed || !r->frame || !r->plain)
        return err_set(err, ERR_NO_MEMORY, "no memory to read an image");
    return 0;
}

struct image_reader *image_reader_new(const struct objects *objects,
                                      const struct seal_secret *secret,
                                      const struct digest *index_root,
                                      struct err *err)
{
    AUTO_IMAGE_READER struct image_reader *r = calloc(1, sizeof(*r));
    if (!r) {
        (void)err_set(err, ERR_NO_MEMORY, "no memory to read an image");
        return NULL;
    }
    r->objects = objects;
    r->secret = secret;
    r->chunk = NO_CHUNK;
    return open_root(r, index_root, err) ? NULL : TAKE(r);
}

const struct index_root *image_reader_root(const struct image_reader *reader)
{
    return reader->root;
}

static int load_page(struct image_reader *r, uint32_t number, struct err *err)
{
    if (r->page && r->page_number == number)
        return 0;
    AUTO_BUF bytes = BUF_INIT(INDEX_MAX_BYTES + SEAL_TAG_BYTES);
    index_page_free(TAKE(r->page));
    int rc = objects_index_get(r->objects, r->secret,
                               &r->root->pages[number].page, &bytes, err);
    if (!rc)
        rc = index_page_parse(r->root, number, bytes.data, bytes.length,
                              &r->page, err);
    if (bytes.data)
        secret_wipe(bytes.data, bytes.length);
    r->page_number = number;
    return rc;
}

/* The chunk's bytes from its record into `plain`. */
static int open_record(struct image_reader *r,
                       const struct index_record *record, size_t plain_bytes,
                       struct err *err)
{
    size_t length;
    r->chunk = NO_CHUNK;
    if (record->flags == INDEX_HOLE) {
        memset(r->plain, 0, plain_bytes);
        return 0;
    }
    int rc = objects_read(r->objects, &record->id.name, r->sealed,
                          object_max_bytes((size_t)1 << r->root->chunk_shift),
                          &length, err);
    if (!rc)
        rc = object_open(r->unpacker, &record->id, r->sealed, length, r->frame,
                         r->plain, plain_bytes, err);
    return rc;
}

/* The record of a chunk, and how many chunks of its run follow and include it;
 * borrowed. */
static int find_record(struct image_reader *r, uint64_t chunk,
                       const struct index_record **ret, uint64_t *ret_left,
                       struct err *err)
{
    int rc = load_page(r, index_page_of(r->root, chunk), err);
    if (rc)
        return rc;
    uint64_t first = r->page->first_chunk;
    for (uint32_t i = 0; i < r->page->record_count; i++) {
        const struct index_record *record = &r->page->records[i];
        if (chunk < first + record->run) {
            *ret = record;
            *ret_left = first + record->run - chunk;
            return 0;
        }
        first += record->run;
    }
    return err_set(err, ERR_CORRUPT, "an index page ends too early");
}

int image_reader_extent(struct image_reader *r, uint64_t offset,
                        struct image_extent *ret, struct err *err)
{
    const struct index_record *record;
    uint64_t left;
    int rc = find_record(r, offset >> r->root->chunk_shift, &record, &left, err);
    if (rc)
        return rc;
    ret->hole = record->flags == INDEX_HOLE;
    uint64_t end = offset + ((ret->hole ? left : 1) << r->root->chunk_shift);
    ret->length_bytes = MIN(end, r->root->size_bytes) - offset;
    ret->plain = record->plain;
    return 0;
}

static int load_chunk(struct image_reader *r, uint64_t chunk, struct err *err)
{
    const struct index_record *record;
    uint64_t left;
    if (r->chunk == chunk)
        return 0;
    int rc = find_record(r, chunk, &record, &left, err);
    if (!rc)
        rc = open_record(r, record, index_chunk_bytes(r->root, chunk), err);
    if (!rc)
        r->chunk = chunk;
    return rc;
}

int image_reader_read(void *reader, void *data, size_t length, uint64_t offset,
                      struct err *err)
{
    struct image_reader *r = reader;
    uint8_t *out = data;
    if (offset > r->root->size_bytes || length > r->root->size_bytes - offset)
        return err_set(err, ERR_INVALID,
                       "byte %" PRIu64 " lies behind the end of the image",
                       offset + length);
    while (length) {
        uint64_t chunk = offset >> r->root->chunk_shift;
        int rc = load_chunk(r, chunk, err);
        if (rc)
            return rc;
        size_t skip = (size_t)(offset - (chunk << r->root->chunk_shift));
        size_t some = MIN(length, index_chunk_bytes(r->root, chunk) - skip);
        memcpy(out, r->plain + skip, some);
        out += some;
        offset += some;
        length -= some;
    }
    return 0;
}

static void report(struct image_damage *damage, const char *what,
                   uint64_t offset, uint64_t length, const struct err *err)
{
    const struct image_fault fault = {what, offset, length, *err};
    if (!damage->count++)
        damage->first = *err;
    if (damage->found)
        damage->found(damage->arg, &fault);
}

static int check_record(struct image_reader *r,
                        const struct index_record *record, size_t bytes,
                        struct err *err)
{
    struct digest plain;
    char hex[DIGEST_HEX_BYTES];
    int rc = open_record(r, record, bytes, err);
    if (rc)
        return rc;
    digest_of(r->plain, bytes, &plain);
    if (digest_equal(&plain, &record->plain))
        return 0;
    return err_set(err, ERR_CORRUPT,
                   "object %s does not hold what the index says",
                   digest_hex(&record->id.name, hex));
}

int image_reader_verified(struct image_reader *r, void *data, size_t length,
                          uint64_t offset, struct err *err)
{
    const struct index_record *record;
    uint64_t left;
    int rc = find_record(r, offset >> r->root->chunk_shift, &record, &left, err);
    if (!rc)
        rc = check_record(r, record, length, err);
    if (!rc)
        memcpy(data, r->plain, length);
    return rc;
}

/* Non-zero when it was cancelled. */
static int check_page(struct image_reader *r, struct image_damage *damage)
{
    struct err err = ERR_INIT;
    uint64_t chunk = r->page->first_chunk;
    for (uint32_t i = 0; i < r->page->record_count; i++) {
        const struct index_record *record = &r->page->records[i];
        uint64_t offset = chunk << r->root->chunk_shift;
        size_t bytes = index_chunk_bytes(r->root, chunk);
        chunk += record->run;
        uint64_t end =
            MIN(chunk << r->root->chunk_shift, r->root->size_bytes);
        if (record->flags != INDEX_HOLE && check_record(r, record, bytes, &err))
            report(damage, "object", offset, end - offset, &err);
        if (damage->progress && damage->progress(damage->arg, end))
            return ERR_CANCELLED;
    }
    return 0;
}

static void report_page(const struct image_reader *r, uint32_t page,
                        struct image_damage *damage, const struct err *err)
{
    const struct index_root *root = r->root;
    uint64_t offset = root->pages[page].first_chunk << root->chunk_shift;
    uint64_t end = page + 1 < root->page_count
                       ? root->pages[page + 1].first_chunk << root->chunk_shift
                       : root->size_bytes;
    report(damage, "index-page", offset, end - offset, err);
}

int image_check(const struct objects *objects, const struct seal_secret *secret,
                const struct digest *index_root, struct image_damage *damage,
                struct err *err)
{
    struct err what = ERR_INIT;
    damage->count = 0;
    AUTO_IMAGE_READER struct image_reader *r =
        image_reader_new(objects, secret, index_root, &what);
    if (!r)
        report(damage, "index-root", 0, 0, &what);
    for (uint32_t i = 0; r && i < r->root->page_count; i++) {
        if (load_page(r, i, &what))
            report_page(r, i, damage, &what);
        else if (check_page(r, damage))
            return err_set(err, ERR_CANCELLED, "the check was cancelled");
    }
    if (!damage->count)
        return 0;
    return err_set(err, ERR_CORRUPT,
                   "the image is damaged in %u places, the first one: %s",
                   damage->count, damage->first.text);
}
