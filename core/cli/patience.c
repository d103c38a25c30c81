/* SPDX-License-Identifier: Apache-2.0 */
#include "core/cli/patience.h"

#include <time.h>

#include "core/util/macros.h"

#define WAIT_FIRST_MS UINT64_C(500)
#define WAIT_MAX_MS UINT64_C(8000)
#define GIVE_UP_MS (5 * 60 * UINT64_C(1000))

void patience_sleep(uint64_t ms)
{
    struct timespec time = {(time_t)(ms / 1000), (long)(ms % 1000) * 1000000};

    (void)nanosleep(&time, NULL);
}

bool patience_wait(struct patience *patience)
{
    uint64_t ms = MIN(MAX(patience->waited_ms, WAIT_FIRST_MS), WAIT_MAX_MS);

    if (patience->waited_ms >= GIVE_UP_MS)
        return false;
    patience_sleep(ms);
    patience->waited_ms += ms;
    return true;
}
