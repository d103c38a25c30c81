/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The index of an image: which object holds each chunk.  Records stand in
 * pages, pages are named by the SHA-256 of their bytes, and a root lists the
 * pages.  The manifest names the root.  Formats: core/doc/image-format.md.
 */
#ifndef CORE_IMAGE_INDEX_H
#define CORE_IMAGE_INDEX_H

#include <stdbool.h>

#include "core/image/object.h"
#include "core/util/buf.h"

/* 64 TiB: far above any disk that is imaged, far below an overflow. */
#define IMAGE_BYTES_MAX (UINT64_C(1) << 46)

#define INDEX_RECORD_BYTES 112
#define INDEX_PAGE_RECORDS 4096
#define INDEX_PAGE_HEADER_BYTES 16
#define INDEX_PAGE_MAX_BYTES                                                   \
    (INDEX_PAGE_HEADER_BYTES + INDEX_PAGE_RECORDS * INDEX_RECORD_BYTES)
#define INDEX_ROOT_HEADER_BYTES 32
#define INDEX_ROOT_ENTRY_BYTES 48
/* 64 TiB of incompressible 1 MiB chunks; a root stays below 1 MiB. */
#define INDEX_ROOT_MAX_PAGES 16384
#define INDEX_ROOT_MAX_BYTES                                                   \
    (INDEX_ROOT_HEADER_BYTES + INDEX_ROOT_MAX_PAGES * INDEX_ROOT_ENTRY_BYTES)
#define INDEX_MAX_BYTES MAX(INDEX_PAGE_MAX_BYTES, INDEX_ROOT_MAX_BYTES)

/* Exactly one of them. */
enum index_flags { INDEX_HOLE = 1, INDEX_ZSTD = 2, INDEX_STORED = 4 };

/* `run` chunks in a row with this content.  A hole reads as zeros and has no
 * object: digests, key and length are zero. */
struct index_record {
    struct digest plain;   /* of one chunk's plain bytes */
    struct object_id id;   /* name and key */
    uint32_t object_bytes; /* sealed */
    uint32_t flags;
    uint64_t run;
};

struct index_root_entry {
    struct digest page;
    uint64_t first_chunk;
    uint32_t record_count;
};

struct index_root {
    unsigned chunk_shift;
    uint64_t size_bytes;
    uint64_t chunk_count;
    uint32_t page_count;
    struct index_root_entry *pages;
};

struct index_page {
    uint64_t first_chunk;
    uint64_t chunk_count;
    uint32_t record_count;
    struct index_record *records; /* holds keys: wiped when freed */
};

/* Parses the bytes of a root; ERR_CORRUPT with what is wrong. */
int index_root_parse(const void *data, size_t length,
                     struct index_root **ret_root, struct err *err);
void index_root_free(struct index_root *root);
/* Parses page `number` of `root` after checking its digest. */
int index_page_parse(const struct index_root *root, uint32_t number,
                     const void *data, size_t length,
                     struct index_page **ret_page, struct err *err);
void index_page_free(struct index_page *page);

/* Plain bytes of a chunk: all the same but perhaps the last. */
size_t index_chunk_bytes(const struct index_root *root, uint64_t chunk);
/* The page that holds `chunk`. */
uint32_t index_page_of(const struct index_root *root, uint64_t chunk);

/*
 * Builds an index chunk by chunk.  `put` is called with the bytes of every
 * finished page, and at the end of the root, and their digest; its failure
 * ends the building.
 */
typedef int index_put(void *arg, const struct digest *digest, const void *data,
                      size_t length, struct err *err);
struct index_builder;

struct index_builder *index_builder_new(unsigned chunk_shift, index_put *put,
                                        void *arg);
void index_builder_free(struct index_builder *builder);
/* The next chunk(s); equal neighbours become one run. */
int index_builder_add(struct index_builder *builder,
                      const struct index_record *record, struct err *err);
int index_builder_finish(struct index_builder *builder, uint64_t size_bytes,
                         struct digest *ret_root, struct err *err);

DEFINE_AUTO(index_root, struct index_root, index_root_free)
DEFINE_AUTO(index_page, struct index_page, index_page_free)
#define AUTO_INDEX_ROOT __attribute__((cleanup(auto_index_root)))
#define AUTO_INDEX_PAGE __attribute__((cleanup(auto_index_page)))

#endif
