/* SPDX-License-Identifier: Apache-2.0 */
/* The head of an answer to a fetch of objects, in pieces. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "core/wire/http-head.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t length = http_head_length(data, size);
    struct http_head head;

    assert(length <= size);
    if (length && http_head_parse((const char *)data, length, &head, NULL) == 0)
        assert(head.status >= 100 && head.status <= 999);
    return 0;
}
