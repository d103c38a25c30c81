/* SPDX-License-Identifier: Apache-2.0 */
/* Checkpoints, which may come back from a disk. */
#include <stdlib.h>
#include <string.h>

#include "core/image/checkpoint.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct digest root = {{0}};
    struct chunk_set set;
    if (size >= CHECKPOINT_HEADER_BYTES)
        memcpy(root.bytes, data + 8, DIGEST_BYTES);
    if (chunk_set_init(&set, 1000))
        return 0;
    (void)checkpoint_parse(data, size, &root, &set);
    chunk_set_done(&set);
    return 0;
}
