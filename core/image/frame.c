/* SPDX-License-Identifier: Apache-2.0 */
/* Packing and unpacking chunks: see frame.h. */
#include "core/image/frame.h"

#include <stdbool.h>
#include <string.h>

#include <zstd.h>
#include <zstd_errors.h>

#include "core/util/bytes.h"

static const uint8_t frame_magic[4] = {'S', 'L', 'F', '1'};

struct frame_packer {
    ZSTD_CCtx *zstd;
};

struct frame_unpacker {
    ZSTD_DCtx *zstd;
};

static size_t aligned(size_t bytes)
{
    return (bytes + FRAME_ALIGN_BYTES - 1) & ~(size_t)(FRAME_ALIGN_BYTES - 1);
}

size_t frame_max_bytes(size_t plain_bytes)
{
    return aligned(FRAME_HEADER_BYTES + plain_bytes);
}

struct frame_packer *frame_packer_new(int level)
{
    AUTO_FREE struct frame_packer *packer = calloc(1, sizeof(*packer));
    if (!packer)
        return NULL;
    packer->zstd = ZSTD_createCCtx();
    if (!packer->zstd)
        return NULL;
    /* Our name and GCM's tag protect the content better than its checksum. */
    (void)ZSTD_CCtx_setParameter(packer->zstd, ZSTD_c_checksumFlag, 0);
    (void)ZSTD_CCtx_setParameter(packer->zstd, ZSTD_c_compressionLevel, level);
    return TAKE(packer);
}

void frame_packer_free(struct frame_packer *packer)
{
    if (!packer)
        return;
    (void)ZSTD_freeCCtx(packer->zstd); /* it cannot fail */
    free(packer);
}

struct frame_unpacker *frame_unpacker_new(void)
{
    AUTO_FREE struct frame_unpacker *unpacker = calloc(1, sizeof(*unpacker));
    if (!unpacker)
        return NULL;
    unpacker->zstd = ZSTD_createDCtx();
    return unpacker->zstd ? TAKE(unpacker) : NULL;
}

void frame_unpacker_free(struct frame_unpacker *unpacker)
{
    if (!unpacker)
        return;
    (void)ZSTD_freeDCtx(unpacker->zstd); /* it cannot fail */
    free(unpacker);
}

int frame_pack(struct frame_packer *packer, uint32_t epoch, const void *plain,
               size_t plain_bytes, uint8_t *frame, size_t *ret_bytes,
               enum frame_algorithm *ret_algorithm, struct err *err)
{
    size_t max = frame_max_bytes(plain_bytes);
    uint8_t *body = frame + FRAME_HEADER_BYTES;
    enum frame_algorithm algorithm = FRAME_ZSTD;
    size_t length = ZSTD_compress2(packer->zstd, body, max - FRAME_HEADER_BYTES,
                                   plain, plain_bytes);
    if (ZSTD_isError(length) &&
        ZSTD_getErrorCode(length) != ZSTD_error_dstSize_tooSmall)
        return err_set(err, ERR_INTERNAL, "a chunk could not be compressed: %s",
                       ZSTD_getErrorName(length));
    if (ZSTD_isError(length) || aligned(FRAME_HEADER_BYTES + length) >= max) {
        algorithm = FRAME_STORED;
        length = plain_bytes;
        memcpy(body, plain, plain_bytes);
    }
    size_t bytes = aligned(FRAME_HEADER_BYTES + length);
    memcpy(frame, frame_magic, sizeof(frame_magic));
    put_le32(frame + 4, epoch);
    put_le32(frame + 8, algorithm);
    put_le32(frame + 12, (uint32_t)plain_bytes);
    memset(body + length, 0, bytes - FRAME_HEADER_BYTES - length);
    *ret_bytes = bytes;
    *ret_algorithm = algorithm;
    return 0;
}

/* Bytes of the body without its padding; 0 = damaged. */
static size_t body_bytes(uint32_t algorithm, const uint8_t *body,
                         size_t body_max, size_t plain_bytes)
{
    if (algorithm == FRAME_STORED)
        return plain_bytes <= body_max ? plain_bytes : 0;
    if (algorithm != FRAME_ZSTD)
        return 0;
    size_t length = ZSTD_findFrameCompressedSize(body, body_max);
    return ZSTD_isError(length) ? 0 : length;
}

static bool all_zero(const uint8_t *data, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (data[i])
            return false;
    return true;
}

int frame_unpack(struct frame_unpacker *unpacker, const uint8_t *frame,
                 size_t frame_bytes, void *plain, size_t plain_bytes,
                 struct err *err)
{
    if (frame_bytes < FRAME_ALIGN_BYTES || frame_bytes % FRAME_ALIGN_BYTES ||
        memcmp(frame, frame_magic, sizeof(frame_magic)))
        return err_set(err, ERR_CORRUPT, "it does not hold a frame");
    uint32_t algorithm = get_le32(frame + 8);
    if (get_le32(frame + 12) != plain_bytes)
        return err_set(err, ERR_CORRUPT,
                       "its frame holds %u bytes where %zu are expected",
                       get_le32(frame + 12), plain_bytes);
    const uint8_t *body = frame + FRAME_HEADER_BYTES;
    size_t body_max = frame_bytes - FRAME_HEADER_BYTES;
    size_t length = body_bytes(algorithm, body, body_max, plain_bytes);
    if (!length || body_max - length >= FRAME_ALIGN_BYTES ||
        !all_zero(body + length, body_max - length))
        return err_set(err, ERR_CORRUPT, "its frame is damaged");
    if (algorithm == FRAME_STORED) {
        memcpy(plain, body, plain_bytes);
        return 0;
    }
    size_t got =
        ZSTD_decompressDCtx(unpacker->zstd, plain, plain_bytes, body, length);
    if (ZSTD_isError(got) || got != plain_bytes)
        return err_set(err, ERR_CORRUPT, "its frame cannot be decompressed: %s",
                       ZSTD_isError(got) ? ZSTD_getErrorName(got)
                                         : "wrong length");
    return 0;
}
