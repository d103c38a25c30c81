/* SPDX-License-Identifier: Apache-2.0 */
/* Manifests; what is accepted must come back the same. */
#include <stdlib.h>
#include <string.h>

#include "core/image/manifest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct manifest first;
    static struct manifest second;
    if (manifest_parse(data, size, &first, NULL))
        return 0;
    char *text = manifest_format(&first, NULL);
    if (!text || manifest_parse(text, strlen(text), &second, NULL))
        abort();
    char *again = manifest_format(&second, NULL);
    if (!again || strcmp(text, again))
        abort();
    free(text);
    free(again);
    return 0;
}
