/* SPDX-License-Identifier: Apache-2.0 */
/* What stands on an installed disk: GRUB's configuration and block, entries of
 * other loaders, EFI programs and kernels. */
#include "core/engine/handoff/installed.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO_BUF env = BUF_INIT(INSTALLED_CONFIG_MAX);
    struct installed_entry entry;
    struct installed_uki uki;
    char name[INSTALLED_NAME_BYTES];
    /* The block, a NUL, the configuration. */
    const uint8_t *nul = size > 0 ? memchr(data, '\0', size) : NULL;
    size_t block = nul ? (size_t)(nul - data) : 0;
    const char *text = (const char *)data + (nul ? block + 1 : 0);
    size_t length = size - (nul ? block + 1 : 0);

    if (block > 0)
        (void)buf_append(&env, data, block);
    (void)installed_grub_parse(text, length, &env, &entry, NULL);
    (void)installed_loader_parse(text, length, &env, &entry, name, NULL);
    installed_loader_default(text, length, name);
    (void)installed_uki_parse(data, size, size, &uki, NULL);
    installed_kernel_version(data, size, name);
    return 0;
}
