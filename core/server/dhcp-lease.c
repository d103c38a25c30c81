/* SPDX-License-Identifier: Apache-2.0 */
/* Which address a client gets or keeps: RFC 2131 section 4.3. */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "core/server/dhcp-internal.h"

static const char *text_of(struct in_addr address, char out[INET_ADDRSTRLEN])
{
    return inet_ntop(AF_INET, &address, out, INET_ADDRSTRLEN);
}

/* Is the address kept for another machine than this client? */
static bool reserved_for_other(void *arg, struct in_addr address)
{
    const struct exchange *x = arg;
    const struct dhcp_policy *p = &x->dhcp->policy;
    char text[INET_ADDRSTRLEN];
    return p->reserved &&
           p->reserved(p->arg, text_of(address, text), x->client.mac);
}

/* May this client have this address at all, whoever has it now? */
static bool may_have(struct exchange *x, struct in_addr address)
{
    if (x->reserved.s_addr && x->reserved.s_addr == address.s_addr)
        return true;
    return lease_in_pool(x->subnet, address) && !reserved_for_other(x, address);
}

/* Does nobody else have it just now? */
static bool is_free(const struct exchange *x, struct in_addr address)
{
    const struct lease *lease = lease_of_address(x->dhcp->leases, address);
    return !lease || memcmp(&lease->key, &x->key, sizeof(x->key)) == 0 ||
           lease_ended(lease, loop_now_ms(x->dhcp->loop));
}

static bool take_reserved(struct exchange *x, struct in_addr *ret)
{
    char address[INET_ADDRSTRLEN];
    if (!x->reserved.s_addr)
        return false;
    *ret = x->reserved;
    if (is_free(x, x->reserved))
        return true;
    log_warn("address %s is reserved for host '%s' but another client still "
             "has it, using the pool instead",
             text_of(x->reserved, address), x->decision.host_name);
    return false;
}

/* The order of RFC 2131 section 4.3.1: what the client has or had, what it
 * asks for, anything. */
static bool choose_address(struct exchange *x, struct in_addr *ret)
{
    struct dhcp *d = x->dhcp;
    const struct lease *lease = lease_of_client(d->leases, &x->key);
    struct in_addr requested = exchange_requested(x);
    if (take_reserved(x, ret))
        return true;
    if (lease && subnet_has(x->subnet, lease->address) &&
        may_have(x, lease->address)) {
        *ret = lease->address;
        return true;
    }
    if (requested.s_addr && may_have(x, requested) && is_free(x, requested)) {
        *ret = requested;
        return true;
    }
    return lease_pick(d->leases, x->subnet, loop_now_ms(d->loop),
                      reserved_for_other, x, ret);
}

static void no_address(struct exchange *x)
{
    struct dhcp *d = x->dhcp;
    char who[128];
    char server[INET_ADDRSTRLEN];
    d->counters.exhausted++;
    if (dhcp_due(d, &d->exhausted_told_ms, TELL_EVERY_MS)) {
        (void)text_of(x->subnet->server, server);
        log_warn("no address is left for %s in the network of %s, enlarge "
                 "the pools or shorten the leases",
                 exchange_who(x, who, sizeof(who)), server);
        dhcp_event(
            d, "pool-exhausted",
            json_pack("{s:s, s:s}", "mac", x->client.mac, "server", server));
    }
    exchange_silent(x, "no address is left");
}

void dhcp_discover(struct exchange *x)
{
    struct dhcp *d = x->dhcp;
    struct in_addr address;
    char text[INET_ADDRSTRLEN];
    struct dhcp_reply reply;
    uint64_t now = loop_now_ms(d->loop);
    if (!choose_address(x, &address)) {
        no_address(x);
        return;
    }
    struct lease *lease = lease_of_client(d->leases, &x->key);
    bool bound = lease && lease->address.s_addr == address.s_addr &&
                 lease->state == LEASE_BOUND && !lease_ended(lease, now);
    /* A machine that asks again while its lease runs has restarted: the lease
     * stays what it is until the ACK. */
    if (!bound)
        lease = lease_put(d->leases, &x->key, address, LEASE_OFFERED,
                          now + d->config.offer_ms);
    if (!lease) {
        exchange_silent(x, "there is no memory for a lease");
        return;
    }
    reply_begin(x, &reply, DHCP_OFFER);
    reply_note(&reply, "%s", text_of(address, text));
    reply_put_lease(x, &reply, address);
    reply_put_boot(x, &reply);
    reply_send(d, &reply);
    dhcp_tell_boot(x, lease);
}

/* The client has chosen an offer (RFC 2131 section 4.3.2, SELECTING). */
static void selecting(struct exchange *x, struct in_addr server)
{
    struct dhcp *d = x->dhcp;
    struct in_addr requested = exchange_requested(x);
    struct lease *lease = lease_of_client(d->leases, &x->key);
    uint64_t now = loop_now_ms(d->loop);
    if (server.s_addr != x->subnet->server.s_addr) {
        if (lease && lease->state == LEASE_OFFERED)
            lease_set(d->leases, lease, LEASE_RELEASED, now);
        exchange_silent(x, "it has chosen another server");
        return;
    }
    if (!requested.s_addr) {
        exchange_silent(x, "it names no address");
        return;
    }
    /* An offer that was made before a restart is not in the table; what was
     * offered then may be had now unless somebody else got it since. */
    bool ours = lease ? lease->address.s_addr == requested.s_addr
                      : is_free(x, requested);
    if (!ours || !subnet_has(x->subnet, requested) || !may_have(x, requested)) {
        reply_nak(x, "this address was not offered");
        return;
    }
    dhcp_grant(x, requested);
}

/* The client believes that it has `address`: it has restarted (INIT-REBOOT)
 * or its time is running out (RENEWING, REBINDING). */
static void keeping(struct exchange *x, struct in_addr address)
{
    struct dhcp *d = x->dhcp;
    const struct lease *lease = lease_of_client(d->leases, &x->key);
    bool reserved = x->reserved.s_addr == address.s_addr;
    if (!subnet_has(x->subnet, address)) {
        reply_nak(x, "this address is of another network");
        return;
    }
    if (!lease && !reserved) {
        /* RFC 2131 section 4.3.2: another server may know the client. */
        exchange_silent(x, "nothing is known about its address");
        return;
    }
    if (lease && lease->address.s_addr != address.s_addr && !reserved) {
        reply_nak(x, "another address is leased to this client");
        return;
    }
    if (!may_have(x, address)) {
        reply_nak(x, "this address is not in the pools any more");
        return;
    }
    if (!is_free(x, address)) {
        reply_nak(x, "this address is leased to somebody else");
        return;
    }
    dhcp_grant(x, address);
}

void dhcp_request(struct exchange *x)
{
    struct in_addr server;
    struct in_addr requested = exchange_requested(x);
    if (packet_option_address(&x->packet, OPTION_SERVER_ID, &server))
        selecting(x, server);
    else if (x->packet.ciaddr.s_addr)
        keeping(x, x->packet.ciaddr);
    else if (requested.s_addr)
        keeping(x, requested);
    else
        exchange_silent(x, "it names no address");
}

/* Somebody uses the address that we gave: keep it from use for a while, also
 * across a restart. */
void dhcp_decline(struct exchange *x)
{
    struct dhcp *d = x->dhcp;
    static const struct lease_key nobody;
    struct in_addr requested = exchange_requested(x);
    char text[INET_ADDRSTRLEN];
    uint64_t until =
        loop_now_ms(d->loop) + (uint64_t)d->config.quarantine_s * 1000;
    dhcp_commit(d);
    struct lease *lease = lease_of_client(d->leases, &x->key);
    if (!lease || lease->address.s_addr != requested.s_addr) {
        exchange_silent(x, "it declines an address that it does not have");
        return;
    }
    (void)text_of(requested, text);
    log_warn("%s says that address %s is already in use, not using it for "
             "%u s: look for a machine with a fixed address",
             x->client.mac, text, d->config.quarantine_s);
    dhcp_event(d, "address-conflict",
               json_pack("{s:s, s:s}", "mac", x->client.mac, "address", text));
    lease = lease_put(d->leases, &nobody, requested, LEASE_DECLINED, until);
    /* A refusal of the disk is logged there; the memory has it anyway. */
    if (lease)
        (void)dhcp_record(d, LEASE_DECLINED, lease, until);
    /* The client's own entry has lost its address with that. */
    d->counters.silent++;
}

void dhcp_release(struct exchange *x)
{
    struct dhcp *d = x->dhcp;
    char text[INET_ADDRSTRLEN];
    char who[128];
    uint64_t now = loop_now_ms(d->loop);
    dhcp_commit(d);
    struct lease *lease = lease_of_client(d->leases, &x->key);
    if (!lease || lease->address.s_addr != x->packet.ciaddr.s_addr ||
        lease->state != LEASE_BOUND) {
        exchange_silent(x, "it releases an address that it does not have");
        return;
    }
    lease_set(d->leases, lease, LEASE_RELEASED, now);
    (void)dhcp_record(d, LEASE_RELEASED, lease, now); /* as for decline */
    d->counters.silent++;
    log_info("DHCP RELEASE of %s: %s is free", exchange_who(x, who, 128),
             text_of(lease->address, text));
}
