/* SPDX-License-Identifier: Apache-2.0 */
/* The Accept header of any client. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/server/http/http-accept.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const types[] = {"application/json", "text/html",
                                        "text/plain"};
    char *header = malloc(size + 1); /* exactly as long: a reader past it is
                                        seen */
    if (!header)
        return 0;
    memcpy(header, data, size);
    header[size] = '\0';
    if (http_accept_best(header, types, 3) >= 3)
        abort();
    free(header);
    return 0;
}
