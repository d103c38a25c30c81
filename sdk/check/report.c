/* SPDX-License-Identifier: Apache-2.0 */
/* TAP, version 13 without its header: what every harness reads. */
#include <stdio.h>

#include "sdk/check/check.h"

static unsigned count, failures;

void report(bool ok, const char *what, const char *why)
{
    count++;
    failures += !ok;
    printf("%sok %u - %s\n", ok ? "" : "not ", count, what);
    if (!ok && why && why[0])
        printf("# %s\n", why);
    (void)fflush(stdout); /* a child may print next */
}

void report_skip(const char *what, const char *why)
{
    count++;
    printf("ok %u - %s # SKIP %s\n", count, what, why);
}

int report_end(void)
{
    printf("1..%u\n", count);
    return failures ? 1 : 0;
}
