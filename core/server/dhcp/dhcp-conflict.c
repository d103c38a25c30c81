/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Addresses of ours that other machines use: found by a probe or told by a
 * client (RFC 2131 section 4.3.3).
 */
#include <arpa/inet.h>
#include <string.h>

#include "core/server/dhcp/dhcp-internal.h"

static const char *text_of(struct in_addr address, char out[INET_ADDRSTRLEN])
{
    return inet_ntop(AF_INET, &address, out, INET_ADDRSTRLEN);
}

static void tell(struct dhcp *d, const struct conflict *c, const char *address)
{
    char holder[48] = "an unknown machine";
    char found[64] = "a probe";
    if (c->holder_mac[0])
        (void)snprintf(holder, sizeof(holder), "machine %s", c->holder_mac);
    if (strcmp(c->how, "decline") == 0)
        (void)snprintf(found, sizeof(found), "client %s", c->client_mac);
    log_warn("address %s is in use by %s, as %s found, and is not given away "
             "for %u s: if that machine has a fixed address, take the address "
             "out of the pools",
             address, holder, found, d->config.quarantine_s);
    dhcp_event(d, "address-conflict",
               json_pack("{s:s, s:s, s:s, s:s, s:I}", "address", address,
                         "mac", c->client_mac, "holder_mac", c->holder_mac,
                         "how", c->how, "quarantine_s",
                         (json_int_t)d->config.quarantine_s));
}

void dhcp_conflict(struct dhcp *d, const struct conflict *conflict)
{
    static const struct lease_key nobody;
    char address[INET_ADDRSTRLEN];
    uint64_t until =
        loop_now_ms(d->loop) + (uint64_t)d->config.quarantine_s * 1000;
    d->counters.conflicts++;
    tell(d, conflict, text_of(conflict->address, address));
    /* Whoever had it in the table has lost it with that. */
    const struct lease *lease = lease_put(d->leases, &nobody, conflict->address,
                                          LEASE_DECLINED, until);
    /* A refusal of the disk is logged there; the memory has it anyway. */
    if (lease)
        dhcp_record(d, LEASE_DECLINED, lease, until);
}

void dhcp_decline(struct exchange *x)
{
    struct dhcp *d = x->dhcp;
    const struct conflict conflict = {
        .address = exchange_requested(x),
        .client_mac = x->client.mac,
        .holder_mac = "",
        .how = "decline",
    };
    if (exchange_for_other(x)) {
        exchange_silent(x, "it is meant for another server");
        return;
    }
    if (commit_defers(x))
        return;
    const struct lease *lease = lease_of_client(d->leases, &x->key);
    if (!lease || lease->address.s_addr != conflict.address.s_addr) {
        exchange_silent(x, "it declines an address that it does not have");
        return;
    }
    dhcp_conflict(d, &conflict);
    d->counters.silent++;
}

/* Addresses of this subnet's pools that are kept from use now. */
static unsigned count_conflicts(const struct exchange *x)
{
    uint64_t now = loop_now_ms(x->dhcp->loop);
    unsigned count = 0;
    const struct lease *at = leases_first(x->dhcp->leases, LEASE_DECLINED);
    for (; at; at = at->later)
        count += !lease_ended(at, now) && lease_in_pool(x->subnet, at->address);
    return count;
}

void dhcp_no_address(struct exchange *x)
{
    struct dhcp *d = x->dhcp;
    char who[128];
    char server[INET_ADDRSTRLEN];
    d->counters.exhausted++;
    exchange_silent(x, "no address is left");
    if (!dhcp_due(d, &d->exhausted_told_ms, TELL_EVERY_MS))
        return;
    unsigned conflicts = count_conflicts(x);
    (void)exchange_who(x, who, sizeof(who));
    (void)text_of(x->own, server);
    if (conflicts)
        log_warn("no address is left for %s in the network of %s: %u addresses "
                 "of its pools are in use by machines that did not get them "
                 "here, see 'slipway lease list'; give the pools a range that "
                 "nobody else uses",
                 who, server, conflicts);
    else
        log_warn("no address is left for %s in the network of %s, enlarge "
                 "the pools or shorten the leases",
                 who, server);
    dhcp_event(d, "pool-exhausted",
               json_pack("{s:s, s:s, s:I}", "mac", x->client.mac, "server",
                         server, "conflicts", (json_int_t)conflicts));
}
