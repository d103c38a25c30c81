/* SPDX-License-Identifier: Apache-2.0 */
/* What a neighbour on the cable sends. */
#include "plugins/action/inventory/lldp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct lldp_neighbour neighbour;
    (void)lldp_parse(data, size, &neighbour);
    return 0;
}
