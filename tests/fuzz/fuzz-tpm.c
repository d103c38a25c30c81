/* SPDX-License-Identifier: Apache-2.0 */
/* What a TPM answers. */
#include "plugins/action/inventory/tpm.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tpm_maker maker;
    (void)tpm_parse(data, size, &maker);
    return 0;
}
