/* SPDX-License-Identifier: Apache-2.0 */
/* What a helper is asked to change: texts of plans and profiles are in it. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "core/engine/change/request.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct change_request *request = calloc(1, sizeof(*request));
    struct err err = ERR_INIT;
    if (!request)
        return 0;
    if (change_request_parse(data, size, request, &err)) {
        assert(err.text[0]);
    } else {
        assert(request->length > 0 && request->file_count <= CHANGE_FILES_MAX);
        for (size_t i = 0; i < request->file_count; i++)
            assert(request->files[i].path && request->files[i].data &&
                   request->files[i].length <= CHANGE_FILE_BYTES_MAX);
    }
    change_request_done(request);
    free(request);
    return 0;
}
