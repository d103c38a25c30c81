/* SPDX-License-Identifier: Apache-2.0 */
/* From a datagram to a decision about its sender. */
#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/boot/pxe.h"
#include "core/server/dhcp/dhcp-internal.h"

struct in_addr exchange_requested(const struct exchange *x)
{
    struct in_addr address = {0};
    (void)packet_option_address(&x->packet, OPTION_REQUESTED_ADDRESS,
                                &address); /* absent: stays 0 */
    return address;
}

const char *exchange_who(const struct exchange *x, char *out, size_t size)
{
    const char *name = x->client.mac[0]    ? x->client.mac
                       : x->client.uuid[0] ? x->client.uuid
                                           : "a client without a name";
    if (x->decision.host_name[0])
        (void)snprintf(out, size, "%s (host '%s')", name,
                       x->decision.host_name);
    else
        (void)snprintf(out, size, "%s", name);
    return out;
}

bool exchange_for_other(const struct exchange *x)
{
    struct in_addr server;
    return packet_option_address(&x->packet, OPTION_SERVER_ID, &server) &&
           server.s_addr != x->server_id.s_addr;
}

struct exchange *exchange_keep(const struct exchange *x)
{
    struct kept {
        struct exchange exchange; /* first: what is freed */
        struct datagram datagram;
    };
    struct kept *kept = malloc(sizeof(*kept));
    if (!kept)
        return NULL;
    kept->exchange = *x;
    kept->datagram = *x->datagram;
    kept->datagram.data = NULL; /* was parsed; gone by then */
    kept->datagram.length = 0;
    kept->exchange.datagram = &kept->datagram;
    /* It points into itself and into the packet. */
    client_from_packet(&kept->exchange.client, &kept->exchange.packet,
                       SLIPWAY_BOOT_DHCP_DISCOVER);
    return &kept->exchange;
}

void exchange_silent(struct exchange *x, const char *format, ...)
{
    char why[256];
    char who[128];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(why, sizeof(why), format, arguments);
    va_end(arguments);
    x->dhcp->counters.silent++;
    log_debug("DHCP %s of %s is not answered: %s", packet_type_word(x->type),
              exchange_who(x, who, sizeof(who)), why);
}

bool dhcp_due(const struct dhcp *d, uint64_t *last_ms, uint64_t every_ms)
{
    uint64_t now = loop_now_ms(d->loop);
    if (*last_ms != 0 && now - *last_ms < every_ms)
        return false;
    *last_ms = now;
    return true;
}

void dhcp_event(const struct dhcp *d, const char *id, json_t *json)
{
    if (json)
        d->policy.event(d->policy.arg, id, json);
}

static void malformed(struct dhcp *d, const struct datagram *datagram,
                      const char *why)
{
    char address[ADDRESS_TEXT_BYTES];
    d->counters.malformed++;
    if (allowance_take(&d->malformed_told, loop_now_ms(d->loop),
                       MALFORMED_BURST, TELL_EVERY_MS))
        log_notice("ignoring a malformed DHCP packet from %s: %s",
                   endpoint_address(&datagram->peer, address), why);
}

/* One address out of what the relay added (option 82), if it is there. */
static bool relay_address(const struct packet *packet, uint8_t tag,
                          struct in_addr *ret)
{
    size_t length;
    size_t size;
    const uint8_t *relay = packet_option(packet, OPTION_RELAY, &length);
    if (!packet->giaddr.s_addr || !relay)
        return false;
    const uint8_t *value = vendor_option(relay, length, tag, &size);
    if (!value || size != sizeof(*ret))
        return false;
    memcpy(ret, value, sizeof(*ret));
    return true;
}

/*
 * Our own address for this client: the one that it sent the packet to, or, for
 * a broadcast, that of the interface it came in by.  False when we do not
 * serve there.
 */
static bool find_own(struct exchange *x)
{
    enum { SERVER_ID_OVERRIDE = 11 };
    const struct dhcp_config *config = &x->dhcp->config;
    const struct endpoint *local = &x->datagram->local;
    for (size_t i = 0; i < config->interface_count; i++) {
        const struct dhcp_interface *interface = &config->interfaces[i];
        if (interface->index != 0 && interface->index != local->interface_index)
            continue;
        bool named = local->address.s_addr != 0 &&
                     local->address.s_addr != INADDR_BROADCAST;
        x->own = named ? local->address : interface->address;
        x->server_id = x->own;
        /* The relay sees renewals then (RFC 5107); a proxy is asked on port
         * 4011, which no relay forwards. */
        if (config->mode == DHCP_MODE_SERVER)
            (void)relay_address(&x->packet, SERVER_ID_OVERRIDE, &x->server_id);
        return true;
    }
    return false;
}

static const struct dhcp_subnet *subnet_of(const struct dhcp *d,
                                           struct in_addr address)
{
    for (size_t i = 0; address.s_addr && i < d->config.subnet_count; i++)
        if (subnet_has(&d->subnets[i], address))
            return &d->subnets[i];
    return NULL;
}

/*
 * What the relay says the client's link is (RFC 3527) wins over what the
 * client says (RFC 3011), and that over the relay's own address (RFC 2131
 * section 4.3.1).  A client that has an address and reached us without a relay
 * is in that address's network; one without is on the wire that the packet
 * came by.
 */
static const struct dhcp_subnet *find_subnet(const struct exchange *x)
{
    enum { LINK_SELECTION = 5 };
    const struct packet *p = &x->packet;
    struct in_addr where;
    if (relay_address(p, LINK_SELECTION, &where) ||
        packet_option_address(p, OPTION_SUBNET_SELECTION, &where))
        return subnet_of(x->dhcp, where);
    if (p->giaddr.s_addr)
        return subnet_of(x->dhcp, p->giaddr);
    const struct dhcp_subnet *found = subnet_of(x->dhcp, p->ciaddr);
    return found ? found : subnet_of(x->dhcp, x->own);
}

/* A firmware that asks how to boot, whether a plugin knows it or not. */
static bool is_firmware(const struct exchange *x)
{
    return strncmp(x->client.class_id, "PXEClient", 9) == 0 ||
           strncmp(x->client.class_id, "HTTPClient", 10) == 0;
}

/* Its plugin was disabled, or there never was one: it gets an address and
 * nothing to boot, and goes on to the next entry of its boot order. */
static void explain_no_arch(struct exchange *x)
{
    x->decision.intent = 0;
    (void)snprintf(x->decision.reason, sizeof(x->decision.reason),
                   "no enabled arch plugin knows its firmware (architecture "
                   "%u)",
                   (unsigned)x->client.arch[0]);
}

void exchange_decide(struct exchange *x, uint32_t kind)
{
    const struct dhcp_policy *p = &x->dhcp->policy;
    x->arch = p->recognise(p->arg, &x->client.request);
    const struct boot_client client = {
        .mac = x->client.mac,
        .uuid = x->client.uuid,
        .arch = x->arch ? x->arch->name : "",
        .loader = strcmp(x->client.user_class, CLIENT_LOADER_CLASS) == 0,
    };
    p->decide(p->arg, &client, kind, &x->decision);
    x->firmware = x->arch || is_firmware(x);
    if (x->firmware && !x->arch)
        explain_no_arch(x);
    if (x->decision.reserved_address[0] &&
        inet_pton(AF_INET, x->decision.reserved_address, &x->reserved) != 1)
        x->reserved.s_addr = 0;
    if (x->reserved.s_addr && x->subnet &&
        !subnet_has(x->subnet, x->reserved)) {
        log_warn("host '%s' is in the network of another subnet than its "
                 "reserved address %s, ignoring that",
                 x->decision.host_name, x->decision.reserved_address);
        x->reserved.s_addr = 0;
    }
}

/* Fills the exchange; false when there is nobody to answer. */
static bool receive(struct exchange *x, struct dhcp *d,
                    const struct datagram *datagram, bool on_pxe_port)
{
    struct err err = ERR_INIT;
    x->dhcp = d;
    x->datagram = datagram;
    x->on_pxe_port = on_pxe_port;
    x->arch = NULL;
    x->subnet = NULL;
    x->firmware = false;
    x->reserved.s_addr = 0;
    memset(&x->decision, 0, sizeof(x->decision));
    d->counters.received++;
    if (packet_parse(datagram->data, datagram->length, &x->packet, &err)) {
        malformed(d, datagram, err.text);
        return false;
    }
    x->type = packet_type(&x->packet);
    uint32_t kind = on_pxe_port                ? SLIPWAY_BOOT_PXE_REQUEST
                    : x->type == DHCP_DISCOVER ? SLIPWAY_BOOT_DHCP_DISCOVER
                                               : SLIPWAY_BOOT_DHCP_REQUEST;
    client_from_packet(&x->client, &x->packet, kind);
    x->client.request.proxy = d->config.mode == DHCP_MODE_PROXY;
    x->has_key = lease_key_of(&x->packet, &x->key);
    if (x->packet.op != PACKET_REQUEST) {
        exchange_silent(x, "it is another server's");
        return false;
    }
    if (!find_own(x)) {
        exchange_silent(x, "it came in by an interface that is not served");
        return false;
    }
    x->subnet = find_subnet(x);
    return true;
}

/* Somebody who has an address from elsewhere wants the rest. */
static void settings(struct exchange *x)
{
    struct dhcp_reply reply;
    if (!x->packet.ciaddr.s_addr) {
        exchange_silent(x, "it asks for settings without an address");
        return;
    }
    reply_begin(x, &reply, DHCP_ACK);
    reply_put_network(x, &reply);
    reply_note(&reply, "settings only");
    reply_send(x->dhcp, &reply);
}

/* We give the addresses: RFC 2131 section 4.3. */
static void serve(struct exchange *x)
{
    if (!x->has_key && x->type != DHCP_INFORM) {
        exchange_silent(x, "it has neither a hardware address nor an "
                           "identifier");
        return;
    }
    switch (x->type) {
    case DHCP_DISCOVER:
        exchange_decide(x, SLIPWAY_BOOT_DHCP_DISCOVER);
        dhcp_discover(x);
        break;
    case DHCP_REQUEST:
        exchange_decide(x, SLIPWAY_BOOT_DHCP_REQUEST);
        dhcp_request(x);
        break;
    case DHCP_DECLINE:
        dhcp_decline(x);
        break;
    case DHCP_RELEASE:
        dhcp_release(x);
        break;
    case DHCP_INFORM:
        settings(x);
        break;
    case DHCP_NONE:
        exchange_silent(x, "plain BOOTP is not served");
        break;
    default:
        exchange_silent(x, "type %u is not for servers", x->type);
        break;
    }
}

void dhcp_on_port67(void *arg, const struct datagram *datagram)
{
    struct dhcp *d = arg;
    struct exchange x;
    if (!receive(&x, d, datagram, false))
        return;
    if (x.type == DHCP_INFORM && rendezvous_wanted(&x)) {
        dhcp_rendezvous(&x);
    } else if (d->config.mode == DHCP_MODE_PROXY) {
        dhcp_proxy(&x);
    } else if (!x.subnet) {
        char relay[INET_ADDRSTRLEN];
        exchange_silent(
            &x, "no network is configured for it (relay %s)",
            inet_ntop(AF_INET, &x.packet.giaddr, relay, sizeof(relay)));
    } else {
        serve(&x);
    }
}

/*
 * A boot-server request of PXE firmware (port 4011).  Everything that the
 * answer depends on is in the packet, so there is no state to look up.
 */
void dhcp_on_pxe(void *arg, const struct datagram *datagram)
{
    enum { CREDENTIALS = 0x8000 }; /* layer bit: a signed boot file (BIS) */
    struct dhcp *d = arg;
    struct exchange x;
    struct dhcp_reply reply;
    uint16_t type;
    uint16_t layer;
    if (!receive(&x, d, datagram, true))
        return;
    if ((x.type != DHCP_REQUEST && x.type != DHCP_INFORM) ||
        !packet_class_begins(&x.packet, "PXEClient")) {
        exchange_silent(&x, "port 4011 is for PXE requests");
        return;
    }
    bool has_item = pxe_boot_item(&x.packet, &type, &layer);
    if (has_item && (layer & CREDENTIALS)) {
        exchange_silent(&x, "signed PXE boot files do not exist here");
        return;
    }
    exchange_decide(&x, SLIPWAY_BOOT_PXE_REQUEST);
    proxy_hear(&x, x.packet.ciaddr);
    if (!x.arch) {
        exchange_silent(&x, "no enabled plugin knows this firmware");
        return;
    }
    reply_begin(&x, &reply, DHCP_ACK);
    packet_set_yiaddr(&reply.writer, x.packet.ciaddr);
    if (reply_put_boot(&x, &reply))
        reply_send(d, &reply);
    else
        reply_drop(d, &reply);
}
