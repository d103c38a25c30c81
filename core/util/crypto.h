/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Digests, key derivation, sealing and signatures, over GnuTLS.  All pure:
 * any thread.
 */
#ifndef CORE_UTIL_CRYPTO_H
#define CORE_UTIL_CRYPTO_H

#include <stdbool.h>

#include "core/util/err.h"

#define DIGEST_BYTES 32
#define DIGEST_HEX_BYTES 65 /* with the NUL */

struct digest {
    uint8_t bytes[DIGEST_BYTES]; /* SHA-256 */
};

/* A secret of fixed size.  No function prints it; wipe it when done. */
struct secret_key {
    uint8_t bytes[32];
};
void secret_wipe(void *data, size_t length);

void digest_of(const void *data, size_t length, struct digest *ret);
bool digest_equal(const struct digest *a, const struct digest *b);
char *digest_hex(const struct digest *digest, char out[DIGEST_HEX_BYTES]);
int digest_parse(const char *hex, struct digest *ret, struct err *err);

/* Digest of a stream: init, add any number of times, then finish. */
struct digest_stream {
    void *state;
};
int digest_stream_init(struct digest_stream *stream);
void digest_stream_add(struct digest_stream *stream, const void *data,
                       size_t length);
/* ret may be NULL: only frees. */
void digest_stream_done(struct digest_stream *stream, struct digest *ret);

/* Lower-case hexadecimal; out holds 2 * length + 1 bytes. */
char *hex_format(const void *data, size_t length, char *out);
/* Exactly `length` bytes, or -1. */
int hex_parse(const char *hex, void *out, size_t length);
/* URL-safe base64 without padding; caller frees; NULL = no memory. */
char *base64url_format(const void *data, size_t length);

/* HKDF-SHA256 (RFC 5869) with an empty salt. */
int hkdf_sha256(const struct secret_key *secret, const void *info,
                size_t info_length, struct secret_key *ret_key,
                struct err *err);
void hmac_sha256(const void *key, size_t key_length, const void *data,
                 size_t length, struct digest *ret);

#define SEAL_TAG_BYTES 16
#define SEAL_NONCE_BYTES 12

/*
 * AES-256-GCM.  `out` gets length + SEAL_TAG_BYTES bytes.  `nonce` may be
 * NULL for the zero nonce, which is only safe for a key that is used once.
 */
int seal(const struct secret_key *key, const uint8_t *nonce, const void *plain,
         size_t length, void *out, struct err *err);
/* The reverse; `length` counts the tag.  ERR_VERIFY when it was changed. */
int unseal(const struct secret_key *key, const uint8_t *nonce,
           const void *sealed, size_t length, void *out, struct err *err);

/* Ed25519 (RFC 8032).  A public key is 32 bytes, a signature 64. */
#define SIGNATURE_BYTES 64
struct verify_key {
    uint8_t bytes[32];
};
struct signing_key {
    uint8_t seed[32];
    struct verify_key public_key;
};
int signing_key_generate(struct signing_key *ret, struct err *err);
/* Signs prefix || data, where prefix is a domain such as
 * "slipway-manifest-1" whose terminating NUL is part of what is signed. */
int sign_bytes(const struct signing_key *key, const char *domain,
               const void *data, size_t length,
               uint8_t ret_signature[SIGNATURE_BYTES], struct err *err);
/* 0 when one of the keys made the signature; ERR_VERIFY otherwise. */
int verify_bytes(const struct verify_key *keys, size_t key_count,
                 const char *domain, const void *data, size_t length,
                 const uint8_t signature[SIGNATURE_BYTES], struct err *err);

/* Fit for keys; aborts if the kernel has no randomness. */
void random_bytes(void *out, size_t length);

#endif
