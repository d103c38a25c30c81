/* SPDX-License-Identifier: Apache-2.0 */
/* The DHCP server's life: start, end, counters and listing. */
#include "core/server/dhcp/dhcp.h"

#include <arpa/inet.h>
#include <string.h>

#include "core/server/dhcp/dhcp-internal.h"
#include "core/util/crypto.h"

static int load_leases(struct dhcp *d, const char *path, struct err *err)
{
    struct lease_log_found found;
    uint32_t longest_s = MAX(d->config.lease_s, d->config.quarantine_s);
    int code = lease_log_open(&d->log, d->seam, path, err);
    if (!code)
        code = lease_log_load(&d->log, d->leases, longest_s, &found, err);
    if (code)
        return code;
    if (found.torn)
        log_warn("the last record of the lease log '%s' was cut off by a "
                 "crash and is dropped; its client was not answered",
                 path);
    if (found.damaged)
        log_error("%llu of %llu records of the lease log '%s' are damaged; "
                  "the addresses that can still be read in them are not used "
                  "for %u s, check the disk",
                  (unsigned long long)found.damaged,
                  (unsigned long long)found.records, path, longest_s);
    log_debug("%zu leases were read from '%s'", leases_count(d->leases), path);
    /* A torn line must go before anything is appended behind it. */
    if (!dhcp_tidy_log(d, found.torn || found.damaged) && found.torn)
        return err_set(err, ERR_IO,
                       "the lease log '%s' ends in half a record and cannot "
                       "be rewritten, make room on its disk",
                       path);
    return 0;
}

/* What is known of clients: leases and their log, or what a proxy hears. */
static int open_memory(struct dhcp *d, uint64_t seed, const char *log_path,
                       struct err *err)
{
    bool proxy = d->config.mode == DHCP_MODE_PROXY;
    d->leases = leases_new(d->subnets, d->config.subnet_count, seed, err);
    if (!d->leases)
        return ERR_NO_MEMORY;
    if (!proxy) {
        int code = load_leases(d, log_path, err);
        return code ? code : commit_new(d, err);
    }
    d->seen = seen_new(seed);
    return d->seen ? 0 : err_set(err, ERR_NO_MEMORY, "no memory for the "
                                 "machines of the network");
}

static int open_sockets(struct dhcp *d, struct err *err)
{
    const struct seam *seam = d->seam;
    int code = seam->datagram_open(seam->context, d->loop, &d->config.port67,
                                   dhcp_on_port67, d, &d->port67, err);
    if (code)
        return err_prefix(err, "DHCP: ");
    code = seam->datagram_open(seam->context, d->loop, &d->config.pxe,
                               dhcp_on_pxe, d, &d->pxe, err);
    return code ? err_prefix(err, "PXE: ") : 0;
}

int dhcp_new(struct loop *loop, const struct dhcp_config *config,
             const struct dhcp_policy *policy, struct dhcp **ret,
             struct err *err)
{
    uint64_t seed;
    int code = dhcp_config_check(config, err);
    if (code)
        return code;
    struct dhcp *d = calloc(1, sizeof(*d));
    if (!d || dhcp_config_copy(d, config)) {
        if (d)
            dhcp_config_free(d);
        free(d);
        return err_set(err, ERR_NO_MEMORY, "no memory for the DHCP server");
    }
    d->loop = loop;
    d->seam = loop_seam(loop);
    d->policy = *policy;
    d->seam->random(d->seam->context, &seed, sizeof(seed));
    code = open_memory(d, seed, config->lease_log, err);
    if (!code)
        code = open_sockets(d, err);
    if (!code)
        code = probing_new(d, err);
    if (code) {
        dhcp_free(d);
        return code;
    }
    *ret = d;
    return 0;
}

void dhcp_free(struct dhcp *dhcp)
{
    if (!dhcp)
        return;
    commit_free(dhcp);
    rendezvous_forget(dhcp);
    probing_free(dhcp);
    if (dhcp->port67)
        dhcp->seam->datagram_close(dhcp->seam->context, dhcp->port67);
    if (dhcp->pxe)
        dhcp->seam->datagram_close(dhcp->seam->context, dhcp->pxe);
    lease_log_close(&dhcp->log);
    leases_free(dhcp->leases);
    seen_free(dhcp->seen);
    dhcp_config_free(dhcp);
    free(dhcp);
}

static const char *state_word(const struct lease *lease, uint64_t now_ms)
{
    switch (lease->state) {
    case LEASE_OFFERED:
        return lease_ended(lease, now_ms) ? "expired" : "offered";
    case LEASE_BOUND:
        return lease_ended(lease, now_ms) ? "expired" : "bound";
    case LEASE_RELEASED:
        return "released";
    default:
        return lease_ended(lease, now_ms) ? "expired" : "conflict";
    }
}

void dhcp_leases(struct dhcp *dhcp,
                 void (*fn)(void *arg, const struct dhcp_lease_view *lease),
                 void *arg)
{
    uint64_t now = loop_now_ms(dhcp->loop);
    int64_t wall_s = dhcp->seam->wall_s(dhcp->seam->context);
    AUTO_FREE struct lease **all = leases_sorted(dhcp->leases);
    size_t count = all ? leases_count(dhcp->leases) : 0;
    for (size_t i = 0; i < count; i++) {
        const struct lease *lease = all[i];
        char address[INET_ADDRSTRLEN];
        char mac[MAC_TEXT_BYTES];
        char client[2 * LEASE_KEY_BYTES + 1];
        lease_key_mac(&lease->key, mac);
        const struct dhcp_lease_view view = {
            .address =
                inet_ntop(AF_INET, &lease->address, address, sizeof(address)),
            .mac = mac,
            .client = hex_format(lease->key.bytes, LEASE_KEY_BYTES, client),
            .host_name = lease->host_name,
            .state = state_word(lease, now),
            .until_s =
                wall_s + ((int64_t)lease->until_ms - (int64_t)now) / 1000,
        };
        fn(arg, &view);
    }
}

void dhcp_client_at(const struct dhcp *dhcp, const char *address,
                    char ret_mac[18])
{
    struct in_addr wanted;
    uint8_t mac[6];
    ret_mac[0] = '\0';
    if (inet_pton(AF_INET, address, &wanted) != 1)
        return;
    if (dhcp->seen && seen_find(dhcp->seen, wanted, mac))
        (void)mac_format(mac, ret_mac);
    const struct lease *lease = lease_of_address(dhcp->leases, wanted);
    if (lease)
        lease_key_mac(&lease->key, ret_mac);
}

void dhcp_counters(const struct dhcp *dhcp, struct dhcp_counters *ret)
{
    *ret = dhcp->counters;
    ret->pool_size = leases_pool_size(dhcp->leases);
    ret->pool_free = leases_pool_free(dhcp->leases, loop_now_ms(dhcp->loop));
}
