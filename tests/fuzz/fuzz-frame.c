/* SPDX-License-Identifier: Apache-2.0 */
/* Frames from a store that somebody changed: bytes after unsealing. */
#include <stdlib.h>

#include "core/image/frame.h"
#include "core/util/bytes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t plain[1 << CHUNK_SHIFT_MIN];
    static struct frame_unpacker *unpacker;
    if (!unpacker)
        unpacker = frame_unpacker_new();
    /* The length that the frame claims, so that it gets past that check. */
    size_t length = size < FRAME_HEADER_BYTES ? 1 : get_le32(data + 12);
    if (length > sizeof(plain))
        length = sizeof(plain);
    (void)frame_unpack(unpacker, data, size, plain, length, NULL);
    return 0;
}
