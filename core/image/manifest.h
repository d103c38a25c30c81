/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Manifests: the signed JSON document that vouches for an image.  It is signed
 * as exact bytes (domain "slipway-manifest-1"), kept as exact bytes and never
 * formatted again.
 */
#ifndef CORE_IMAGE_MANIFEST_H
#define CORE_IMAGE_MANIFEST_H

#include <stdbool.h>

#include <jansson.h>

#include "core/image/index.h"
#include "core/image/partition.h"
#include "core/util/crypto.h"

#define MANIFEST_DOMAIN "slipway-manifest-1"
#define MANIFEST_MAX_BYTES (256 * 1024)
#define IMAGE_NAME_BYTES 64 /* [a-z0-9][a-z0-9._-]*, with the NUL */
#define IMAGE_REVISION_MAX 1000000000

enum image_kind { IMAGE_DISK, IMAGE_BLOB };

struct manifest {
    char name[IMAGE_NAME_BYTES];
    uint64_t revision; /* from 1 */
    enum image_kind kind;
    uint64_t size_bytes;
    uint64_t stored_bytes; /* sum of its objects, each counted once a chunk */
    uint32_t sector_bytes; /* of the disk it was made for; 1 for a blob */
    unsigned chunk_shift;
    uint32_t seal_epoch;
    int64_t made_s;
    struct digest index_root;
    struct partitions partitions; /* table "none" for a blob */
};

bool image_name_ok(const char *name);
const char *image_kind_word(enum image_kind kind);
int image_kind_parse(const char *word, enum image_kind *ret, struct err *err);

/* The JSON text; the caller frees it. */
char *manifest_format(const struct manifest *manifest, struct err *err);
/* The members other parts show to people: what manifest_format writes. */
json_t *manifest_json(const struct manifest *manifest);
/* Strict; bounds every number.  `ret` is valid on success only. */
int manifest_parse(const void *text, size_t length, struct manifest *ret,
                   struct err *err);
/* The same after the signature: ERR_VERIFY before anything is parsed. */
int manifest_open(const void *text, size_t length,
                  const uint8_t signature[SIGNATURE_BYTES],
                  const struct verify_key *keys, size_t key_count,
                  struct manifest *ret, struct err *err);
int manifest_sign(const struct signing_key *key, const void *text,
                  size_t length, uint8_t ret_signature[SIGNATURE_BYTES],
                  struct err *err);

#endif
