/* SPDX-License-Identifier: Apache-2.0 */
/* Option 43 of an answer to an engine: what was read can be written again. */
#include <assert.h>
#include <string.h>

#include "core/boot/pxe.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rendezvous first;
    struct rendezvous second;
    uint8_t bytes[RENDEZVOUS_VENDOR_MAX];
    size_t length;
    if (rendezvous_parse(data, size, &first, NULL))
        return 0;
    assert(rendezvous_format(&first, bytes, &length, NULL) == 0);
    assert(rendezvous_parse(bytes, length, &second, NULL) == 0);
    assert(strcmp(first.servers, second.servers) == 0);
    assert(strcmp(first.ticket, second.ticket) == 0);
    return 0;
}
