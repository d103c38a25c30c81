/* SPDX-License-Identifier: Apache-2.0 */
/* Which address a client gets or keeps: RFC 2131 section 4.3. */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "core/server/dhcp/dhcp-internal.h"

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
    log_warn("address %s is reserved for host '%s' but another machine still "
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
    if (probing_find_ready(x, reserved_for_other, ret))
        return true;
    return lease_pick(d->leases, x->subnet, loop_now_ms(d->loop),
                      reserved_for_other, x, ret);
}

/* The address is held for the client from now on.  A machine that asks again
 * while its lease runs has restarted: the lease stays what it is until the
 * ACK. */
static struct lease *hold(struct exchange *x, struct in_addr address)
{
    struct dhcp *d = x->dhcp;
    struct lease *lease = lease_of_client(d->leases, &x->key);
    uint64_t now = loop_now_ms(d->loop);
    if (lease && lease->address.s_addr == address.s_addr &&
        lease->state == LEASE_BOUND && !lease_ended(lease, now))
        return lease;
    return lease_put(d->leases, &x->key, address, LEASE_OFFERED,
                     now + d->config.offer_ms);
}

void dhcp_choose_offer(struct exchange *x, const struct offering *offering)
{
    struct in_addr address;
    if (!choose_address(x, &address)) {
        dhcp_no_address(x);
        return;
    }
    struct lease *lease = hold(x, address);
    if (!lease)
        exchange_silent(x, "there is no memory for a lease");
    else if (!probing_begin(x, lease, offering))
        dhcp_offer(x, lease);
}

void dhcp_discover(struct exchange *x)
{
    const struct offering offering = {
        .answer_ms = loop_now_ms(x->dhcp->loop) + OFFER_WITHIN_MS};
    if (!probing_asks_again(x))
        dhcp_choose_offer(x, &offering);
}

void dhcp_offer(struct exchange *x, struct lease *lease)
{
    char text[INET_ADDRSTRLEN];
    struct dhcp_reply reply;
    reply_begin(x, &reply, DHCP_OFFER);
    reply_note(&reply, "%s", text_of(lease->address, text));
    reply_put_lease(x, &reply, lease->address);
    reply_put_boot(x, &reply);
    reply_send(x->dhcp, &reply);
    dhcp_tell_boot(x, text, &lease->boot_told_ms);
}

/* The client has chosen an offer (RFC 2131 section 4.3.2, SELECTING). */
static void selecting(struct exchange *x, struct in_addr server)
{
    struct dhcp *d = x->dhcp;
    struct in_addr requested = exchange_requested(x);
    struct lease *lease = lease_of_client(d->leases, &x->key);
    uint64_t now = loop_now_ms(d->loop);
    if (server.s_addr != x->server_id.s_addr) {
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

/* Frees the address, if it is the client's and this server gave it (RFC 2131
 * section 4.3.4); otherwise anybody could free anybody's. */
void dhcp_release(struct exchange *x)
{
    struct dhcp *d = x->dhcp;
    char text[INET_ADDRSTRLEN];
    char who[128];
    uint64_t now = loop_now_ms(d->loop);
    if (exchange_for_other(x)) {
        exchange_silent(x, "it is meant for another server");
        return;
    }
    if (commit_defers(x))
        return;
    struct lease *lease = lease_of_client(d->leases, &x->key);
    if (!lease || lease->address.s_addr != x->packet.ciaddr.s_addr ||
        lease->state != LEASE_BOUND) {
        exchange_silent(x, "it releases an address that it does not have");
        return;
    }
    lease_set(d->leases, lease, LEASE_RELEASED, now);
    dhcp_record(d, LEASE_RELEASED, lease, now);
    d->counters.silent++;
    log_info("DHCP RELEASE of %s: %s is free", exchange_who(x, who, 128),
             text_of(lease->address, text));
}
