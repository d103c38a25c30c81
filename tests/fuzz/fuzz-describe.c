/* SPDX-License-Identifier: Apache-2.0 */
/* Plugin files of any machine: described or refused, and what is described
 * can be checked, explained and written as JSON.  The loader's own, smaller
 * reader sees the same bytes. */
#include <stdlib.h>

#include "core/plugin/describe.h"
#include "core/plugin/elf-check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO_PLUGIN_INFO info = NULL;
    struct err err = ERR_INIT;
    (void)elf_check(data, size, SLIPWAY_KIND_ACTION, &err);
    if (plugin_describe(data, size, NULL, &info, &err))
        return 0;
    (void)plugin_info_check(info, &err);
    json_t *json = plugin_info_json(info);
    char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;
    if (!text)
        abort();
    free(text);
    json_decref(json);
    return 0;
}
