/* SPDX-License-Identifier: Apache-2.0 */
/* Partition tables and superblocks of images that somebody uploads. */
#include <stdlib.h>
#include <string.h>

#include "core/image/partition.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
    const uint8_t *data;
    size_t size;
};

static int read_input(void *arg, void *out, size_t length, uint64_t offset,
                      struct err *err)
{
    const struct input *input = arg;
    if (offset > input->size || length > input->size - offset)
        return err_set(err, ERR_INVALID, "behind the end");
    memcpy(out, input->data + offset, length);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct partitions partitions;
    struct input input = {data, size};
    for (uint32_t sector = 512; sector <= 4096; sector *= 8)
        (void)partitions_read(read_input, &input, size, sector, &partitions,
                              NULL);
    return 0;
}
