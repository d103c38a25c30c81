/* SPDX-License-Identifier: Apache-2.0 */
/* Replies: what stands in them and where they go. */
#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/server/dhcp/dhcp-internal.h"

/*
 * Where a reply goes (RFC 2131 section 4.1).  One difference: a client that
 * has no address yet is answered by broadcast also when it did not ask for
 * that, because a unicast would need an entry in the kernel's neighbour table
 * and with it a privilege.
 */
static void address_reply(const struct exchange *x, struct dhcp_reply *reply)
{
    const struct packet *p = &x->packet;
    reply->local = (struct endpoint){.address = x->own};
    if (x->on_pxe_port) {
        reply->peer = x->datagram->peer;
        reply->peer.interface_index = 0;
        return;
    }
    reply->peer = (struct endpoint){.port = PACKET_CLIENT_PORT};
    if (x->type == DHCP_INFORM) {
        reply->peer.address = p->ciaddr; /* section 4.3.5, relay or not */
    } else if (p->giaddr.s_addr) {
        reply->peer.address = p->giaddr;
        reply->peer.port = PACKET_SERVER_PORT;
    } else if (p->ciaddr.s_addr && reply->type != DHCP_NAK) {
        reply->peer.address = p->ciaddr;
    } else {
        reply->peer.address.s_addr = INADDR_BROADCAST;
        reply->local.interface_index = x->datagram->local.interface_index;
    }
}

void reply_begin(struct exchange *x, struct dhcp_reply *reply,
                 enum dhcp_type type)
{
    char who[128];
    packet_reply_init(&reply->writer, &x->packet, type);
    (void)packet_put_address(&reply->writer, OPTION_SERVER_ID,
                             x->server_id); /* the writer remembers */
    if (x->type == DHCP_INFORM && !x->on_pxe_port)
        packet_set_ciaddr(&reply->writer, x->packet.ciaddr);
    reply->type = type;
    reply->on_pxe_port = x->on_pxe_port;
    address_reply(x, reply);
    (void)snprintf(reply->note, sizeof(reply->note), "%s",
                   exchange_who(x, who, sizeof(who)));
}

void reply_put_network(struct exchange *x, struct dhcp_reply *reply)
{
    const struct dhcp_subnet *s = x->subnet;
    struct packet_writer *w = &reply->writer;
    if (!s)
        return;
    /* The writer is sticky: one check in reply_send is enough. */
    (void)packet_put_address(w, OPTION_NETMASK, s->netmask);
    if (s->router.s_addr)
        (void)packet_put_address(w, OPTION_ROUTER, s->router);
    if (s->dns_count)
        (void)packet_put(w, OPTION_DNS, s->dns,
                         s->dns_count * sizeof(s->dns[0]));
    if (s->domain)
        (void)packet_put_text(w, OPTION_DOMAIN, s->domain);
}

void reply_put_lease(struct exchange *x, struct dhcp_reply *reply,
                     struct in_addr address)
{
    uint32_t lease_s = x->dhcp->config.lease_s;
    struct packet_writer *w = &reply->writer;
    packet_set_yiaddr(w, address);
    if (reply->type == DHCP_ACK)
        packet_set_ciaddr(w, x->packet.ciaddr);
    (void)packet_put_u32(w, OPTION_LEASE_TIME, lease_s);
    (void)packet_put_u32(w, OPTION_RENEWAL_TIME, lease_s / 2);
    (void)packet_put_u32(w, OPTION_REBINDING_TIME,
                         lease_s - lease_s / 8); /* RFC 2131 section 4.4.5 */
    reply_put_network(x, reply);
}

void reply_note(struct dhcp_reply *reply, const char *format, ...)
{
    size_t at = strlen(reply->note);
    va_list arguments;
    at += (size_t)snprintf(reply->note + at, sizeof(reply->note) - at, ": ");
    if (at >= sizeof(reply->note))
        return;
    va_start(arguments, format);
    (void)vsnprintf(reply->note + at, sizeof(reply->note) - at, format,
                    arguments);
    va_end(arguments);
}

static void count_type(struct dhcp_counters *counters, enum dhcp_type type)
{
    counters->answered++;
    if (type == DHCP_OFFER)
        counters->offers++;
    else if (type == DHCP_ACK)
        counters->acks++;
    else
        counters->naks++;
}

void reply_send(struct dhcp *d, struct dhcp_reply *reply)
{
    struct datagram out = {
        .peer = reply->peer,
        .local = reply->local,
        .data = reply->writer.bytes,
        .length = packet_finish(&reply->writer),
    };
    const char *word = packet_type_word(reply->type);
    if (out.length == 0) {
        d->counters.silent++;
        log_warn("DHCP %s for %s does not fit the %zu bytes that the client "
                 "takes and was not sent",
                 word, reply->note, reply->writer.max);
        return;
    }
    if (d->seam->datagram_send(d->seam->context,
                               reply->on_pxe_port ? d->pxe : d->port67, &out)) {
        /* The client asks again, as for any lost datagram. */
        d->counters.silent++;
        log_debug("DHCP %s for %s could not be sent", word, reply->note);
        return;
    }
    count_type(&d->counters, reply->type);
    log_info("DHCP %s to %s", word, reply->note);
}

void reply_drop(struct dhcp *d, struct dhcp_reply *reply)
{
    d->counters.silent++;
    log_info("DHCP %s is not sent to %s", packet_type_word(reply->type),
             reply->note);
}

void reply_nak(struct exchange *x, const char *sentence)
{
    struct dhcp_reply reply;
    reply_begin(x, &reply, DHCP_NAK);
    /* The relay must broadcast it: the client may have no usable address
     * (RFC 2131 section 4.3.2). */
    if (x->packet.giaddr.s_addr)
        packet_set_flags(&reply.writer,
                         x->packet.flags | PACKET_FLAG_BROADCAST);
    (void)packet_put_text(&reply.writer, OPTION_MESSAGE, sentence);
    reply_note(&reply, "%s", sentence);
    reply_send(x->dhcp, &reply);
}
