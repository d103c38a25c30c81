/* SPDX-License-Identifier: Apache-2.0 */
/* Waiting for a server that is restarted or out of reach: pauses that grow up
 * to 8 s, and an end after five minutes without any success. */
#ifndef CORE_CLI_PATIENCE_H
#define CORE_CLI_PATIENCE_H

#include <stdbool.h>
#include <stdint.h>

struct patience {
    uint64_t waited_ms; /* since the last success; set it to 0 at each */
};

/* Waits; false, at once, when it is hopeless. */
bool patience_wait(struct patience *patience);
void patience_sleep(uint64_t ms);

#endif
