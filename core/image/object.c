/* SPDX-License-Identifier: Apache-2.0 */
/* Sealing and opening frames: see object.h. */
#include "core/image/object.h"

#include <string.h>

#define OBJECT_DOMAIN "slipway object 1"
#define DOMAIN_MAX_BYTES 64

size_t object_max_bytes(size_t plain_bytes)
{
    return frame_max_bytes(plain_bytes) + SEAL_TAG_BYTES;
}

int object_key_of(const struct seal_secret *secret, const char *domain,
                  const struct digest *digest, struct secret_key *ret_key,
                  struct err *err)
{
    uint8_t info[DOMAIN_MAX_BYTES + DIGEST_BYTES];
    size_t domain_bytes = strnlen(domain, DOMAIN_MAX_BYTES);
    memcpy(info, domain, domain_bytes);
    memcpy(info + domain_bytes, digest->bytes, DIGEST_BYTES);
    return hkdf_sha256(&secret->key, info, domain_bytes + DIGEST_BYTES, ret_key,
                       err);
}

int object_key(const struct seal_secret *secret, const char *domain,
               const void *message, size_t length, struct secret_key *ret_key,
               struct err *err)
{
    struct digest digest;
    digest_of(message, length, &digest);
    return object_key_of(secret, domain, &digest, ret_key, err);
}

int object_seal(const struct seal_secret *secret, const uint8_t *frame,
                size_t frame_bytes, uint8_t *out, struct object_id *ret_id,
                struct err *err)
{
    struct object_id id;
    int rc =
        object_key(secret, OBJECT_DOMAIN, frame, frame_bytes, &id.key, err);
    if (!rc)
        rc = seal(&id.key, NULL, frame, frame_bytes, out, err);
    if (!rc) {
        digest_of(out, frame_bytes + SEAL_TAG_BYTES, &id.name);
        *ret_id = id;
    }
    secret_wipe(&id, sizeof(id));
    return rc;
}

int object_check(const struct digest *name, const void *sealed, size_t length,
                 struct err *err)
{
    struct digest digest;
    digest_of(sealed, length, &digest);
    if (digest_equal(&digest, name))
        return 0;
    char hex[DIGEST_HEX_BYTES];
    return err_set(err, ERR_CORRUPT,
                   "object %s is damaged: its bytes do not have that digest",
                   digest_hex(name, hex));
}

int object_open_checked(struct frame_unpacker *unpacker,
                        const struct object_id *id, const void *sealed,
                        size_t length, uint8_t *frame, void *plain,
                        size_t plain_bytes, struct err *err)
{
    char hex[DIGEST_HEX_BYTES];
    if (length < FRAME_ALIGN_BYTES + SEAL_TAG_BYTES ||
        unseal(&id->key, NULL, sealed, length, frame, NULL))
        return err_set(err, ERR_CORRUPT,
                       "object %s cannot be opened with the key of the index",
                       digest_hex(&id->name, hex));
    int rc = frame_unpack(unpacker, frame, length - SEAL_TAG_BYTES, plain,
                          plain_bytes, err);
    if (rc)
        (void)err_prefix(err, "object %s: ", digest_hex(&id->name, hex));
    return rc;
}

int object_open(struct frame_unpacker *unpacker, const struct object_id *id,
                const void *sealed, size_t length, uint8_t *frame, void *plain,
                size_t plain_bytes, struct err *err)
{
    int rc = object_check(&id->name, sealed, length, err);
    return rc ? rc
              : object_open_checked(unpacker, id, sealed, length, frame, plain,
                                    plain_bytes, err);
}
