/* SPDX-License-Identifier: Apache-2.0 */
/* Frames, objects, index and checkpoints: what they promise, and damage. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/image/checkpoint.h"
#include "core/image/index.h"
#include "core/util/bytes.h"

#define CHUNK ((size_t)1 << CHUNK_SHIFT_MIN)

static const struct seal_secret secret = {7,
                                          {"a secret of 32 bytes for tests!"}};

static void fill_text(uint8_t *data, size_t length)
{
    uint32_t state = 1;
    for (size_t i = 0; i < length; i++) {
        state = state * 1664525 + 1013904223;
        data[i] = "etaoin shrdlu.cm"[state >> 28];
    }
}

static void fill_noise(uint8_t *data, size_t length)
{
    uint64_t state = 88172645463325252;
    for (size_t i = 0; i < length; i++) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        data[i] = (uint8_t)state;
    }
}

static size_t pack(int level, const uint8_t *plain, size_t length,
                   uint8_t *frame, enum frame_algorithm *ret_algorithm)
{
    struct frame_packer *packer = frame_packer_new(level);
    size_t bytes = 0;
    assert_non_null(packer);
    assert_int_equal(frame_pack(packer, 7, plain, length, frame, &bytes,
                                ret_algorithm, NULL),
                     0);
    frame_packer_free(packer);
    assert_int_equal(bytes % FRAME_ALIGN_BYTES, 0);
    assert_true(bytes <= frame_max_bytes(length));
    return bytes;
}

static void frames_of_all_lengths_come_back(void **state)
{
    (void)state;
    static const size_t lengths[] = {1, 2, 511, 4080, 4081, 5000, CHUNK};
    uint8_t *plain = malloc(CHUNK);
    uint8_t *back = malloc(CHUNK);
    uint8_t *frame = malloc(frame_max_bytes(CHUNK));
    struct frame_unpacker *unpacker = frame_unpacker_new();
    for (size_t i = 0; i < 2 * ARRAY_LENGTH(lengths); i++) {
        size_t length = lengths[i / 2];
        enum frame_algorithm algorithm;
        if (i % 2)
            fill_noise(plain, length);
        else
            fill_text(plain, length);
        size_t bytes = pack(3, plain, length, frame, &algorithm);
        if (i % 2)
            assert_int_equal(algorithm, FRAME_STORED);
        assert_int_equal(
            frame_unpack(unpacker, frame, bytes, back, length, NULL), 0);
        assert_memory_equal(plain, back, length);
    }
    frame_unpacker_free(unpacker);
    free(plain);
    free(back);
    free(frame);
}

static void damaged_frames_are_refused(void **state)
{
    (void)state;
    uint8_t *plain = malloc(CHUNK);
    uint8_t *frame = malloc(frame_max_bytes(CHUNK) + FRAME_ALIGN_BYTES);
    enum frame_algorithm algorithm;
    struct frame_unpacker *u = frame_unpacker_new();
    fill_text(plain, CHUNK);
    size_t bytes = pack(3, plain, CHUNK, frame, &algorithm);
    assert_int_equal(algorithm, FRAME_ZSTD);
    /* Another length, a step too many, a byte in the padding, the header. */
    assert_int_equal(frame_unpack(u, frame, bytes, plain, CHUNK - 1, NULL),
                     ERR_CORRUPT);
    memset(frame + bytes, 0, FRAME_ALIGN_BYTES);
    assert_int_equal(
        frame_unpack(u, frame, bytes + FRAME_ALIGN_BYTES, plain, CHUNK, NULL),
        ERR_CORRUPT);
    assert_int_equal(frame_unpack(u, frame, bytes - 1, plain, CHUNK, NULL),
                     ERR_CORRUPT);
    frame[bytes - 1] ^= 1;
    assert_int_equal(frame_unpack(u, frame, bytes, plain, CHUNK, NULL),
                     ERR_CORRUPT);
    frame[bytes - 1] ^= 1;
    for (size_t i = 0; i < 4; i++) {
        frame[i] ^= 1;
        assert_int_equal(frame_unpack(u, frame, bytes, plain, CHUNK, NULL),
                         ERR_CORRUPT);
        frame[i] ^= 1;
    }
    frame[8] = 3; /* no such algorithm */
    assert_int_equal(frame_unpack(u, frame, bytes, plain, CHUNK, NULL),
                     ERR_CORRUPT);
    frame[8] = FRAME_ZSTD;
    assert_int_equal(frame_unpack(u, frame, bytes, plain, CHUNK, NULL), 0);
    frame_unpacker_free(u);
    free(plain);
    free(frame);
}

/* Otherwise another level would be another message under the same key. */
static void three_levels_give_three_keys(void **state)
{
    (void)state;
    static const int levels[] = {1, 3, 19};
    uint8_t *plain = malloc(CHUNK);
    uint8_t *frame = malloc(frame_max_bytes(CHUNK));
    uint8_t *sealed = malloc(object_max_bytes(CHUNK));
    struct object_id ids[3];
    enum frame_algorithm algorithm;
    fill_text(plain, CHUNK);
    for (size_t i = 0; i < 3; i++) {
        size_t bytes = pack(levels[i], plain, CHUNK, frame, &algorithm);
        assert_int_equal(
            object_seal(&secret, frame, bytes, sealed, &ids[i], NULL), 0);
    }
    for (size_t i = 0; i < 3; i++) {
        assert_memory_not_equal(ids[i].key.bytes, ids[(i + 1) % 3].key.bytes,
                                sizeof(ids[i].key.bytes));
        assert_false(digest_equal(&ids[i].name, &ids[(i + 1) % 3].name));
    }
    free(plain);
    free(frame);
    free(sealed);
}

static void sealing_is_repeatable_and_secret(void **state)
{
    (void)state;
    uint8_t plain[4000];
    uint8_t frame[FRAME_ALIGN_BYTES];
    uint8_t a[FRAME_ALIGN_BYTES + SEAL_TAG_BYTES];
    uint8_t b[FRAME_ALIGN_BYTES + SEAL_TAG_BYTES];
    struct object_id ids[3];
    struct seal_secret other = secret;
    enum frame_algorithm algorithm;
    fill_text(plain, sizeof(plain));
    size_t bytes = pack(3, plain, sizeof(plain), frame, &algorithm);
    assert_int_equal(bytes, FRAME_ALIGN_BYTES);
    other.key.bytes[0] ^= 1;
    assert_int_equal(object_seal(&secret, frame, bytes, a, &ids[0], NULL), 0);
    assert_int_equal(object_seal(&secret, frame, bytes, b, &ids[1], NULL), 0);
    assert_memory_equal(a, b, sizeof(a));
    assert_int_equal(object_seal(&other, frame, bytes, b, &ids[2], NULL), 0);
    assert_false(digest_equal(&ids[0].name, &ids[2].name));
}

static void damaged_objects_are_named(void **state)
{
    (void)state;
    uint8_t plain[4000];
    uint8_t back[4000];
    uint8_t frame[FRAME_ALIGN_BYTES];
    uint8_t sealed[FRAME_ALIGN_BYTES + SEAL_TAG_BYTES];
    char hex[DIGEST_HEX_BYTES];
    struct object_id id;
    struct err err;
    enum frame_algorithm algorithm;
    struct frame_unpacker *u = frame_unpacker_new();
    fill_text(plain, sizeof(plain));
    size_t bytes = pack(3, plain, sizeof(plain), frame, &algorithm);
    assert_int_equal(object_seal(&secret, frame, bytes, sealed, &id, NULL), 0);
    assert_int_equal(object_open(u, &id, sealed, sizeof(sealed), frame, back,
                                 sizeof(back), NULL),
                     0);
    assert_memory_equal(plain, back, sizeof(back));
    sealed[1000] ^= 0x40;
    assert_int_equal(object_open(u, &id, sealed, sizeof(sealed), frame, back,
                                 sizeof(back), &err),
                     ERR_CORRUPT);
    assert_non_null(strstr(err.text, digest_hex(&id.name, hex)));
    sealed[1000] ^= 0x40;
    id.key.bytes[3] ^= 1;
    assert_int_equal(object_open(u, &id, sealed, sizeof(sealed), frame, back,
                                 sizeof(back), &err),
                     ERR_CORRUPT);
    assert_non_null(strstr(err.text, "key of the index"));
    frame_unpacker_free(u);
}

/* What a builder has put. */
struct shelf {
    struct digest digests[8];
    struct buf bytes[8];
    size_t count;
    bool full;
};

static int shelve(void *arg, const struct digest *digest, const void *data,
                  size_t length, struct err *err)
{
    struct shelf *shelf = arg;
    if (shelf->full)
        return err_set(err, ERR_NO_SPACE, "the shelf is full");
    shelf->digests[shelf->count] = *digest;
    buf_init(&shelf->bytes[shelf->count], INDEX_MAX_BYTES);
    assert_int_equal(buf_append(&shelf->bytes[shelf->count++], data, length),
                     0);
    return 0;
}

static void shelf_done(struct shelf *shelf)
{
    for (size_t i = 0; i < shelf->count; i++)
        buf_done(&shelf->bytes[i]);
}

static struct index_record data_record(uint32_t number)
{
    struct index_record record = {.object_bytes =
                                      FRAME_ALIGN_BYTES + SEAL_TAG_BYTES,
                                  .flags = INDEX_ZSTD,
                                  .run = 1};
    put_le32(record.plain.bytes, number);
    put_le32(record.id.name.bytes, ~number);
    record.id.key.bytes[5] = 9;
    return record;
}

/* 5000 different chunks, 1000 holes, 20 equal chunks and a short one. */
#define BUILT_CHUNKS 6021
#define BUILT_BYTES (((uint64_t)BUILT_CHUNKS << CHUNK_SHIFT_MIN) - 100)

static void build(struct shelf *shelf)
{
    struct index_record hole = {.flags = INDEX_HOLE, .run = 1};
    struct index_builder *b = index_builder_new(CHUNK_SHIFT_MIN, shelve, shelf);
    struct digest root;
    for (uint32_t i = 0; i < BUILT_CHUNKS; i++) {
        struct index_record record = i < 5000 ? data_record(i)
                                     : i < 6000
                                         ? hole
                                         : data_record(i < 6020 ? 77 : 78);
        assert_int_equal(index_builder_add(b, &record, NULL), 0);
    }
    assert_int_equal(index_builder_finish(b, BUILT_BYTES, &root, NULL), 0);
    assert_true(digest_equal(&root, &shelf->digests[shelf->count - 1]));
    index_builder_free(b);
}

static void index_comes_back(void **state)
{
    (void)state;
    struct shelf shelf = {.count = 0};
    struct index_root *root;
    struct index_page *page;
    build(&shelf);
    assert_int_equal(shelf.count, 3);
    assert_int_equal(index_root_parse(shelf.bytes[2].data,
                                      shelf.bytes[2].length, &root, NULL),
                     0);
    assert_int_equal(root->page_count, 2);
    assert_int_equal(root->size_bytes, BUILT_BYTES);
    assert_int_equal(index_chunk_bytes(root, BUILT_CHUNKS - 1), CHUNK - 100);
    assert_int_equal(index_page_of(root, 4095), 0);
    assert_int_equal(index_page_of(root, 4096), 1);
    assert_int_equal(index_page_of(root, BUILT_CHUNKS - 1), 1);
    assert_int_equal(index_page_parse(root, 1, shelf.bytes[1].data,
                                      shelf.bytes[1].length, &page, NULL),
                     0);
    /* 904 of their own, one run of holes, one of equal chunks, the last. */
    assert_int_equal(page->record_count, 907);
    assert_int_equal(page->records[904].run, 1000);
    assert_int_equal(page->records[905].run, 20);
    index_page_free(page);
    index_root_free(root);
    shelf_done(&shelf);
}

static void every_flipped_bit_of_a_page_is_found(void **state)
{
    (void)state;
    struct shelf shelf = {.count = 0};
    struct index_root *root;
    struct index_page *page;
    build(&shelf);
    assert_int_equal(index_root_parse(shelf.bytes[2].data,
                                      shelf.bytes[2].length, &root, NULL),
                     0);
    for (size_t i = 0; i < shelf.bytes[1].length; i += 97) {
        shelf.bytes[1].data[i] ^= 4;
        assert_int_equal(index_page_parse(root, 1, shelf.bytes[1].data,
                                          shelf.bytes[1].length, &page, NULL),
                         ERR_CORRUPT);
        shelf.bytes[1].data[i] ^= 4;
    }
    assert_int_equal(index_page_parse(root, 0, shelf.bytes[1].data,
                                      shelf.bytes[1].length, &page, NULL),
                     ERR_CORRUPT);
    index_root_free(root);
    shelf_done(&shelf);
}

/* Changes `bytes` at `at` of page 1, names it properly, and parses. */
static int parse_forged(const struct shelf *shelf, size_t at, uint64_t value,
                        size_t bytes)
{
    struct index_root *root;
    struct index_page *page = NULL;
    uint8_t *copy = malloc(shelf->bytes[1].length);
    uint8_t word[8];
    memcpy(copy, shelf->bytes[1].data, shelf->bytes[1].length);
    put_le64(word, value);
    memcpy(copy + at, word, bytes);
    assert_int_equal(index_root_parse(shelf->bytes[2].data,
                                      shelf->bytes[2].length, &root, NULL),
                     0);
    digest_of(copy, shelf->bytes[1].length, &root->pages[1].page);
    int rc =
        index_page_parse(root, 1, copy, shelf->bytes[1].length, &page, NULL);
    index_page_free(page);
    index_root_free(root);
    free(copy);
    return rc;
}

static void records_that_make_no_sense_are_refused(void **state)
{
    (void)state;
    struct shelf shelf = {.count = 0};
    build(&shelf);
    size_t first = INDEX_PAGE_HEADER_BYTES;
    size_t hole = first + (size_t)904 * INDEX_RECORD_BYTES;
    size_t last = first + (size_t)906 * INDEX_RECORD_BYTES;
    assert_int_equal(parse_forged(&shelf, first, 1, 1), 0);
    assert_int_equal(parse_forged(&shelf, 0, 0, 4), ERR_CORRUPT);
    assert_int_equal(parse_forged(&shelf, 8, 5000, 8), ERR_CORRUPT);
    /* length, flags, run */
    assert_int_equal(parse_forged(&shelf, first + 96, 17, 4), ERR_CORRUPT);
    assert_int_equal(parse_forged(&shelf, first + 96, 1 << 30, 4), ERR_CORRUPT);
    assert_int_equal(parse_forged(&shelf, first + 100, 0, 4), ERR_CORRUPT);
    assert_int_equal(parse_forged(&shelf, first + 100, 6, 4), ERR_CORRUPT);
    assert_int_equal(parse_forged(&shelf, first + 104, 0, 8), ERR_CORRUPT);
    assert_int_equal(parse_forged(&shelf, first + 104, 2, 8), ERR_CORRUPT);
    assert_int_equal(parse_forged(&shelf, first + 104, UINT64_MAX, 8),
                     ERR_CORRUPT);
    assert_int_equal(parse_forged(&shelf, hole + 40, 1, 1), ERR_CORRUPT);
    assert_int_equal(parse_forged(&shelf, hole + 104, 999, 8), ERR_CORRUPT);
    /* The last, shorter chunk cannot be part of a run. */
    assert_int_equal(parse_forged(&shelf, last + 104, 2, 8), ERR_CORRUPT);
    shelf_done(&shelf);
}

static void damaged_roots_are_refused(void **state)
{
    (void)state;
    struct shelf shelf = {.count = 0};
    struct index_root *root;
    build(&shelf);
    struct buf *bytes = &shelf.bytes[2];
    for (size_t length = 0; length < bytes->length; length++)
        assert_int_equal(index_root_parse(bytes->data, length, &root, NULL),
                         ERR_CORRUPT);
    static const size_t at[] = {0,  4,       15,      16,      24,
                                28, 32 + 32, 32 + 40, 32 + 44, 80 + 39};
    for (size_t i = 0; i < ARRAY_LENGTH(at); i++) {
        bytes->data[at[i]] ^= 0xff;
        assert_int_equal(
            index_root_parse(bytes->data, bytes->length, &root, NULL),
            ERR_CORRUPT);
        bytes->data[at[i]] ^= 0xff;
    }
    shelf_done(&shelf);
}

static void builder_passes_on_failures(void **state)
{
    (void)state;
    struct shelf shelf = {.full = true};
    struct digest root;
    struct err err;
    struct index_record record = data_record(1);
    struct index_builder *b =
        index_builder_new(CHUNK_SHIFT_MIN, shelve, &shelf);
    assert_int_equal(index_builder_add(b, &record, NULL), 0);
    assert_int_equal(index_builder_finish(b, CHUNK, &root, &err), ERR_NO_SPACE);
    assert_string_equal(err.text, "the shelf is full");
    index_builder_free(b);
}

static void checkpoints_come_back(void **state)
{
    (void)state;
    struct digest root = {{1}};
    struct digest other = {{2}};
    struct chunk_set a;
    struct chunk_set b;
    AUTO_BUF text = BUF_INIT(CHECKPOINT_MAX_BYTES);
    assert_int_equal(chunk_set_init(&a, 10000), 0);
    assert_int_equal(chunk_set_init(&b, 10000), 0);
    chunk_set_add(&a, 0, 3);
    chunk_set_add(&a, 60, 70);
    chunk_set_add(&a, 9999, 1);
    assert_int_equal(checkpoint_format(&a, &root, &text), 0);
    assert_int_equal(checkpoint_parse(text.data, text.length, &other, &b),
                     ERR_NOT_APPLICABLE);
    assert_int_equal(checkpoint_parse(text.data, text.length, &root, &b), 0);
    assert_memory_equal(a.words, b.words, 10000 / 8);
    assert_true(chunk_set_has(&b, 60, 70));
    assert_false(chunk_set_has(&b, 60, 71));
    for (size_t length = 0; length < text.length; length++)
        assert_int_equal(checkpoint_parse(text.data, length, &root, &b),
                         ERR_CORRUPT);
    put_le64(text.data + CHECKPOINT_HEADER_BYTES + 8, 61);
    assert_int_equal(checkpoint_parse(text.data, text.length, &root, &b),
                     ERR_CORRUPT);
    chunk_set_done(&a);
    chunk_set_done(&b);
}

/* More ranges than fit are forgotten, not refused. */
static void checkpoints_stay_small(void **state)
{
    (void)state;
    struct digest root = {{1}};
    struct chunk_set a;
    AUTO_BUF text = BUF_INIT(CHECKPOINT_MAX_BYTES);
    assert_int_equal(chunk_set_init(&a, 20000), 0);
    for (uint64_t i = 0; i < 20000; i += 2)
        chunk_set_add(&a, i, 1);
    assert_int_equal(checkpoint_format(&a, &root, &text), 0);
    assert_int_equal(text.length, CHECKPOINT_MAX_BYTES);
    assert_int_equal(checkpoint_parse(text.data, text.length, &root, &a), 0);
    chunk_set_done(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_of_all_lengths_come_back),
        cmocka_unit_test(damaged_frames_are_refused),
        cmocka_unit_test(three_levels_give_three_keys),
        cmocka_unit_test(sealing_is_repeatable_and_secret),
        cmocka_unit_test(damaged_objects_are_named),
        cmocka_unit_test(index_comes_back),
        cmocka_unit_test(every_flipped_bit_of_a_page_is_found),
        cmocka_unit_test(records_that_make_no_sense_are_refused),
        cmocka_unit_test(damaged_roots_are_refused),
        cmocka_unit_test(builder_passes_on_failures),
        cmocka_unit_test(checkpoints_come_back),
        cmocka_unit_test(checkpoints_stay_small),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
