/* SPDX-License-Identifier: Apache-2.0 */
/* The trust file: what is accepted is within its bounds. */
#include <assert.h>
#include <string.h>

#include "core/wire/trust.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct trust trust;

    if (trust_parse(data, size, &trust, NULL) < 0)
        return 0;
    assert(strlen(trust.site) == SITE_ID_BYTES - 1);
    assert(trust.ca_pin_count >= 1 && trust.ca_pin_count <= TRUST_MAX_KEYS);
    assert(trust.signing_key_count >= 1 &&
           trust.signing_key_count <= TRUST_MAX_KEYS);
    assert(trust.server_count <= TRUST_MAX_SERVERS);
    for (size_t i = 0; i < trust.server_count; i++)
        assert(server_name_check(trust.servers[i], NULL) == 0);
    return 0;
}
