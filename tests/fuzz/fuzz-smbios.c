/* SPDX-License-Identifier: Apache-2.0 */
/* A firmware's SMBIOS table. */
#include "core/engine/facts/facts.h"

#include "core/util/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO_JSON *facts = json_object();
    (void)facts_add_smbios(facts, data, size);
    return 0;
}
