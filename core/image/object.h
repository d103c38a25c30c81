/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Objects: frames sealed once at import with AES-256-GCM and named by the
 * SHA-256 of the sealed bytes.  The key depends on every byte of the frame, so
 * one key never seals two messages and the nonce may be zero.  Readers take
 * keys from the index; only the importer derives them.  Any thread.
 */
#ifndef CORE_IMAGE_OBJECT_H
#define CORE_IMAGE_OBJECT_H

#include "core/image/frame.h"
#include "core/util/crypto.h"

/* What a site seals with: one secret for each epoch. */
struct seal_secret {
    uint32_t epoch;
    struct secret_key key;
};

struct object_id {
    struct digest name;
    struct secret_key key;
};

/* Bytes of the largest object of a chunk. */
size_t object_max_bytes(size_t plain_bytes);

/* key = HKDF-SHA256(secret, domain || SHA-256(message)); the domain without
 * its NUL. */
int object_key(const struct seal_secret *secret, const char *domain,
               const void *message, size_t length, struct secret_key *ret_key,
               struct err *err);

/* The same from the message's digest. */
int object_key_of(const struct seal_secret *secret, const char *domain,
                  const struct digest *digest, struct secret_key *ret_key,
                  struct err *err);

/* Seals a frame into `out`, frame_bytes + SEAL_TAG_BYTES long. */
int object_seal(const struct seal_secret *secret, const uint8_t *frame,
                size_t frame_bytes, uint8_t *out, struct object_id *ret_id,
                struct err *err);

/* ERR_CORRUPT unless these are the bytes of that name. */
int object_check(const struct digest *name, const void *sealed, size_t length,
                 struct err *err);

/*
 * Checks the name, unseals into `frame` (room for `length` bytes) and unpacks
 * into exactly `plain_bytes` at `plain`.  ERR_CORRUPT, with a sentence that
 * names the object, for anything else.
 */
int object_open(struct frame_unpacker *unpacker, const struct object_id *id,
                const void *sealed, size_t length, uint8_t *frame, void *plain,
                size_t plain_bytes, struct err *err);

/* The same for bytes whose name was checked already. */
int object_open_checked(struct frame_unpacker *unpacker,
                        const struct object_id *id, const void *sealed,
                        size_t length, uint8_t *frame, void *plain,
                        size_t plain_bytes, struct err *err);

#endif
