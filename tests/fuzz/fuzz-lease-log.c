/* SPDX-License-Identifier: Apache-2.0 */
/* The lease log as it may be found on a damaged disk. */
#include "core/server/dhcp/lease-log.h"
#include "core/util/sim.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct lease_log log;
    struct lease_log_found found;
    struct dhcp_range range = {{htonl(0x0a000064)}, {htonl(0x0a000073)}};
    struct dhcp_subnet subnet = {.ranges = &range, .range_count = 1};
    struct sim *sim = sim_new(1);
    const struct seam *seam = sim_host(sim, "10.0.0.1");
    struct leases *leases = leases_new(&subnet, 1, 1, NULL);
    if (lease_log_open(&log, seam, "log", NULL))
        abort();
    (void)seam->log_rewrite(seam->context, log.handle, data, size, NULL);
    if (lease_log_load(&log, leases, 600, &found, NULL) ||
        lease_log_compact(&log, leases, true, NULL) ||
        lease_log_load(&log, leases, 600, &found, NULL) || found.damaged ||
        found.torn)
        abort(); /* what we wrote must be good */
    lease_log_close(&log);
    leases_free(leases);
    sim_free(sim);
    return 0;
}
