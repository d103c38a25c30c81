/* SPDX-License-Identifier: Apache-2.0 */
#include "core/engine/build/build.h"

#include <lzma.h>
#include <zstd.h>

int compress_zstd(const struct buf *plain, struct buf *ret, struct err *err)
{
    ZSTD_CCtx *context = ZSTD_createCCtx();
    size_t bound = ZSTD_compressBound(plain->length);
    uint8_t *room = context ? buf_reserve(ret, bound) : NULL;
    if (!room) {
        ZSTD_freeCCtx(context);
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    }
    (void)ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, 19);
    (void)ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1);
    /* The whole initramfs is one window: the kernel has it in memory anyway
     * and takes windows up to 128 MiB. */
    (void)ZSTD_CCtx_setParameter(context, ZSTD_c_windowLog, 26);
    (void)ZSTD_CCtx_setParameter(context, ZSTD_c_enableLongDistanceMatching, 1);
    size_t length =
        ZSTD_compress2(context, room, bound, plain->data, plain->length);
    ZSTD_freeCCtx(context);
    if (ZSTD_isError(length))
        return err_set(err, ERR_INTERNAL, "cannot compress: %s",
                       ZSTD_getErrorName(length));
    ret->length += length;
    return 0;
}

int compress_xz(const struct buf *plain, bool x86, struct buf *ret,
                struct err *err)
{
    lzma_options_lzma options;
    if (lzma_lzma_preset(&options, 9 | LZMA_PRESET_EXTREME))
        return err_set(err, ERR_INTERNAL, "xz knows no level 9");
    /* The kernel's decoder (Linux, Documentation/staging/xz.rst) knows the
     * branch filters and the check CRC32, and no other check. */
    lzma_filter filters[3] = {
        {.id = LZMA_FILTER_X86, .options = NULL},
        {.id = LZMA_FILTER_LZMA2, .options = &options},
        {.id = LZMA_VLI_UNKNOWN, .options = NULL},
    };
    size_t bound = lzma_stream_buffer_bound(plain->length);
    uint8_t *room = bound ? buf_reserve(ret, bound) : NULL;
    if (!room)
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    size_t length = 0;
    lzma_ret rc = lzma_stream_buffer_encode(
        x86 ? filters : filters + 1, LZMA_CHECK_CRC32, NULL, plain->data,
        plain->length, room, &length, bound);
    if (rc != LZMA_OK)
        return err_set(err, ERR_INTERNAL, "cannot compress: xz error %d",
                       (int)rc);
    ret->length += length;
    return 0;
}
