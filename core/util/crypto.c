/* SPDX-License-Identifier: Apache-2.0 */
/* Digests, sealing and signatures: see crypto.h. */
#include "core/util/crypto.h"

#include <gnutls/abstract.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <string.h>

void secret_wipe(void *data, size_t length)
{
    explicit_bzero(data, length);
}

void digest_of(const void *data, size_t length, struct digest *ret)
{
    if (gnutls_hash_fast(GNUTLS_DIG_SHA256, data, length, ret->bytes) != 0)
        abort(); /* SHA-256 is always there; without it nothing is safe */
}

bool digest_equal(const struct digest *a, const struct digest *b)
{
    return gnutls_memcmp(a->bytes, b->bytes, DIGEST_BYTES) == 0;
}

char *digest_hex(const struct digest *digest, char out[DIGEST_HEX_BYTES])
{
    return hex_format(digest->bytes, DIGEST_BYTES, out);
}

int digest_parse(const char *hex, struct digest *ret, struct err *err)
{
    if (hex_parse(hex, ret->bytes, DIGEST_BYTES) != 0)
        return err_set(err, ERR_INVALID,
                       "'%.70s' is not a SHA-256 of 64 hexadecimal digits",
                       hex);
    return 0;
}

int digest_stream_init(struct digest_stream *stream)
{
    gnutls_hash_hd_t hash;
    if (gnutls_hash_init(&hash, GNUTLS_DIG_SHA256) != 0)
        return ERR_NO_MEMORY;
    stream->state = hash;
    return 0;
}

void digest_stream_add(struct digest_stream *stream, const void *data,
                       size_t length)
{
    if (gnutls_hash(stream->state, data, length) != 0)
        abort(); /* only fails on a broken handle */
}

void digest_stream_done(struct digest_stream *stream, struct digest *ret)
{
    if (!stream->state)
        return;
    uint8_t dropped[DIGEST_BYTES];
    gnutls_hash_deinit(stream->state, ret ? ret->bytes : dropped);
    stream->state = NULL;
}

char *base64url_format(const void *data, size_t length)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                 "abcdefghijklmnopqrstuvwxyz0123456789-_";
    const uint8_t *in = data;
    char *text = malloc(length / 3 * 4 + 5);
    if (!text)
        return NULL;
    char *at = text;
    for (size_t i = 0; i < length; i += 3) {
        size_t left = MIN(length - i, (size_t)3);
        uint32_t group = (uint32_t)in[i] << 16;
        if (left > 1)
            group |= (uint32_t)in[i + 1] << 8;
        if (left > 2)
            group |= in[i + 2];
        for (size_t digit = 0; digit <= left; digit++)
            *at++ = digits[(group >> (18 - 6 * digit)) & 63];
    }
    *at = 0;
    return text;
}

int hkdf_sha256(const struct secret_key *secret, const void *info,
                size_t info_length, struct secret_key *ret_key, struct err *err)
{
    struct secret_key extracted;
    static const uint8_t no_salt[DIGEST_BYTES];
    gnutls_datum_t key = {(unsigned char *)secret->bytes,
                          sizeof(secret->bytes)};
    gnutls_datum_t salt = {(unsigned char *)no_salt, sizeof(no_salt)};
    gnutls_datum_t middle = {extracted.bytes, sizeof(extracted.bytes)};
    gnutls_datum_t context = {(unsigned char *)info, (unsigned)info_length};
    int rc = gnutls_hkdf_extract(GNUTLS_MAC_SHA256, &key, &salt,
                                 extracted.bytes);
    if (rc == 0)
        rc = gnutls_hkdf_expand(GNUTLS_MAC_SHA256, &middle, &context,
                                ret_key->bytes, sizeof(ret_key->bytes));
    secret_wipe(&extracted, sizeof(extracted));
    if (rc != 0)
        return err_set(err, ERR_INTERNAL, "key derivation failed: %s",
                       gnutls_strerror(rc));
    return 0;
}

void hmac_sha256(const void *key, size_t key_length, const void *data,
                 size_t length, struct digest *ret)
{
    if (gnutls_hmac_fast(GNUTLS_MAC_SHA256, key, key_length, data, length,
                         ret->bytes) != 0)
        abort(); /* see digest_of */
}

static const uint8_t zero_nonce[SEAL_NONCE_BYTES];

static int cipher_open(const struct secret_key *key,
                       gnutls_aead_cipher_hd_t *ret, struct err *err)
{
    gnutls_datum_t datum = {(unsigned char *)key->bytes, sizeof(key->bytes)};
    int rc = gnutls_aead_cipher_init(ret, GNUTLS_CIPHER_AES_256_GCM, &datum);
    if (rc != 0)
        return err_set(err, ERR_INTERNAL, "cannot set up AES-256-GCM: %s",
                       gnutls_strerror(rc));
    return 0;
}

int seal(const struct secret_key *key, const uint8_t *nonce, const void *plain,
         size_t length, void *out, struct err *err)
{
    gnutls_aead_cipher_hd_t cipher;
    int code = cipher_open(key, &cipher, err);
    if (code != 0)
        return code;
    size_t sealed = length + SEAL_TAG_BYTES;
    int rc = gnutls_aead_cipher_encrypt(
        cipher, nonce ? nonce : zero_nonce, SEAL_NONCE_BYTES, NULL, 0,
        SEAL_TAG_BYTES, plain, length, out, &sealed);
    gnutls_aead_cipher_deinit(cipher);
    if (rc != 0)
        return err_set(err, ERR_INTERNAL, "sealing failed: %s",
                       gnutls_strerror(rc));
    return 0;
}

int unseal(const struct secret_key *key, const uint8_t *nonce,
           const void *sealed, size_t length, void *out, struct err *err)
{
    if (length < SEAL_TAG_BYTES)
        return err_set(err, ERR_VERIFY, "the sealed bytes are cut short");
    gnutls_aead_cipher_hd_t cipher;
    int code = cipher_open(key, &cipher, err);
    if (code != 0)
        return code;
    size_t plain = length - SEAL_TAG_BYTES;
    int rc = gnutls_aead_cipher_decrypt(
        cipher, nonce ? nonce : zero_nonce, SEAL_NONCE_BYTES, NULL, 0,
        SEAL_TAG_BYTES, sealed, length, out, &plain);
    gnutls_aead_cipher_deinit(cipher);
    if (rc != 0)
        return err_set(err, ERR_VERIFY,
                       "the sealed bytes were changed or the key is wrong");
    return 0;
}

/* What is signed: the domain with its NUL, then the exact bytes. */
static uint8_t *with_domain(const char *domain, const void *data, size_t length,
                            gnutls_datum_t *ret)
{
    size_t prefix = strlen(domain) + 1;
    uint8_t *bytes = malloc(prefix + length);
    if (!bytes)
        return NULL;
    memcpy(bytes, domain, prefix);
    if (length)
        memcpy(bytes + prefix, data, length);
    *ret = (gnutls_datum_t){bytes, (unsigned)(prefix + length)};
    return bytes;
}

int signing_key_generate(struct signing_key *ret, struct err *err)
{
    gnutls_privkey_t key;
    gnutls_datum_t seed = {NULL, 0}, public_part = {NULL, 0};
    int rc = gnutls_privkey_init(&key);
    if (rc != 0)
        return err_set(err, ERR_NO_MEMORY, "no memory for a signing key");
    rc = gnutls_privkey_generate2(key, GNUTLS_PK_EDDSA_ED25519, 256, 0, NULL,
                                  0);
    if (rc == 0)
        rc = gnutls_privkey_export_ecc_raw2(key, NULL, &public_part, NULL,
                                            &seed, 0);
    gnutls_privkey_deinit(key);
    bool ok = rc == 0 && seed.size == sizeof(ret->seed) &&
              public_part.size == sizeof(ret->public_key.bytes);
    if (ok) {
        memcpy(ret->seed, seed.data, sizeof(ret->seed));
        memcpy(ret->public_key.bytes, public_part.data,
               sizeof(ret->public_key.bytes));
    }
    if (seed.data)
        secret_wipe(seed.data, seed.size);
    gnutls_free(seed.data);
    gnutls_free(public_part.data);
    return ok ? 0
              : err_set(err, ERR_INTERNAL, "cannot make a signing key: %s",
                        gnutls_strerror(rc));
}

int sign_bytes(const struct signing_key *key, const char *domain,
               const void *data, size_t length,
               uint8_t ret_signature[SIGNATURE_BYTES], struct err *err)
{
    gnutls_datum_t message, signature = {NULL, 0};
    AUTO_FREE uint8_t *bytes = with_domain(domain, data, length, &message);
    gnutls_privkey_t private_key;
    if (!bytes || gnutls_privkey_init(&private_key) != 0)
        return err_set(err, ERR_NO_MEMORY, "no memory to sign");
    gnutls_datum_t x = {(unsigned char *)key->public_key.bytes, 32};
    gnutls_datum_t k = {(unsigned char *)key->seed, 32};
    int rc = gnutls_privkey_import_ecc_raw(
        private_key, GNUTLS_ECC_CURVE_ED25519, &x, NULL, &k);
    if (rc == 0)
        rc = gnutls_privkey_sign_data2(private_key, GNUTLS_SIGN_EDDSA_ED25519,
                                       0, &message, &signature);
    gnutls_privkey_deinit(private_key);
    bool ok = rc == 0 && signature.size == SIGNATURE_BYTES;
    if (ok)
        memcpy(ret_signature, signature.data, SIGNATURE_BYTES);
    gnutls_free(signature.data);
    return ok ? 0
              : err_set(err, ERR_INTERNAL, "signing failed: %s",
                        gnutls_strerror(rc));
}

static bool verifies(const struct verify_key *key,
                     const gnutls_datum_t *message,
                     const gnutls_datum_t *signature)
{
    gnutls_pubkey_t public_key;
    if (gnutls_pubkey_init(&public_key) != 0)
        return false;
    gnutls_datum_t x = {(unsigned char *)key->bytes, sizeof(key->bytes)};
    bool ok = gnutls_pubkey_import_ecc_raw(
                  public_key, GNUTLS_ECC_CURVE_ED25519, &x, NULL) == 0 &&
              gnutls_pubkey_verify_data2(public_key, GNUTLS_SIGN_EDDSA_ED25519,
                                         0, message, signature) >= 0;
    gnutls_pubkey_deinit(public_key);
    return ok;
}

int verify_bytes(const struct verify_key *keys, size_t key_count,
                 const char *domain, const void *data, size_t length,
                 const uint8_t signature[SIGNATURE_BYTES], struct err *err)
{
    gnutls_datum_t message;
    AUTO_FREE uint8_t *bytes = with_domain(domain, data, length, &message);
    if (!bytes)
        return err_set(err, ERR_NO_MEMORY, "no memory to verify a signature");
    gnutls_datum_t sig = {(unsigned char *)signature, SIGNATURE_BYTES};
    for (size_t i = 0; i < key_count; i++)
        if (verifies(&keys[i], &message, &sig))
            return 0;
    return err_set(err, ERR_VERIFY,
                   "the signature is not from this site's signing keys");
}
