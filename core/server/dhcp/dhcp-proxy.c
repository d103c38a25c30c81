/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Beside another DHCP server: that one gives the addresses, we tell firmware
 * what to boot (PXE 2.1 section 2.2.3, "ProxyDHCP").
 *
 *   firmware              their server             we
 *   DISCOVER (broadcast)  ---> OFFER, an address
 *                         ------------------------> OFFER without an address
 *   REQUEST, ACK          <-->                      (heard, never answered)
 *   style boot-server: REQUEST to port 4011 -------> ACK with the boot file
 *
 * Two styles, for no single one suits all firmware:
 *
 *   direct       Our offer names the file and says "load it at once".  What
 *                BIOS ROMs and iPXE want: they wait a short time for us and
 *                would have to ask again.
 *   boot-server  Our offer only says that we boot PXE clients; the firmware
 *                then asks port 4011 for the file.  What UEFI of every age
 *                does: old ones lose what a proxy offer holds.
 *
 * HTTP boot knows the direct style alone.  Whoever is no firmware gets no
 * answer: some take the first offer for an address, even when it has none.
 */
#include <arpa/inet.h>
#include <string.h>

#include "core/server/dhcp/dhcp-internal.h"

enum { ARCH_BIOS = 0 };

int proxy_style_parse(const char *text, enum proxy_style *ret)
{
    if (strcmp(text, "direct") == 0)
        *ret = PROXY_STYLE_DIRECT;
    else if (strcmp(text, "boot-server") == 0)
        *ret = PROXY_STYLE_BOOT_SERVER;
    else
        return -1;
    return 0;
}

struct seen_machine *proxy_hear(struct exchange *x, struct in_addr address)
{
    struct dhcp *d = x->dhcp;
    uint8_t mac[6];
    if (!d->seen || !client_mac(&x->packet, mac))
        return NULL;
    struct seen_machine *machine = seen_get(d->seen, mac, loop_now_ms(d->loop));
    if (address.s_addr)
        machine->address = address;
    return machine;
}

static enum proxy_style style_of(const struct exchange *x)
{
    const struct client *client = &x->client;
    enum proxy_style style = x->decision.proxy_style;
    if (style == PROXY_STYLE_DEFAULT)
        style = dhcp_config_style(&x->dhcp->config, x->arch->name);
    if (style != PROXY_STYLE_DEFAULT)
        return style;
    bool loader = client->user_class[0] != '\0'; /* iPXE, ours or a ROM */
    bool bios = client->request.arch_count == 0 ||
                client->request.arch[0] == ARCH_BIOS;
    return loader || bios ? PROXY_STYLE_DIRECT : PROXY_STYLE_BOOT_SERVER;
}

bool proxy_points_to_boot_server(const struct exchange *x)
{
    return x->dhcp->config.mode == DHCP_MODE_PROXY && !x->on_pxe_port &&
           packet_class_begins(&x->packet, "PXEClient") &&
           style_of(x) == PROXY_STYLE_BOOT_SERVER;
}

static bool is_firmware(const struct exchange *x)
{
    return packet_class_begins(&x->packet, "PXEClient") ||
           packet_class_begins(&x->packet, "HTTPClient");
}

static void offer(struct exchange *x)
{
    struct dhcp_reply reply;
    struct seen_machine *machine = proxy_hear(x, x->packet.ciaddr);
    exchange_decide(x, SLIPWAY_BOOT_DHCP_DISCOVER);
    if (!x->arch) {
        exchange_silent(x, "no enabled plugin knows this firmware");
        return;
    }
    reply_begin(x, &reply, DHCP_OFFER);
    /* There is no address to send it to. */
    packet_set_flags(&reply.writer, PACKET_FLAG_BROADCAST);
    reply_note(&reply, "proxy");
    if (!reply_put_boot(x, &reply)) {
        reply_drop(x->dhcp, &reply);
        return;
    }
    reply_send(x->dhcp, &reply);
    if (machine)
        dhcp_tell_boot(x, "", &machine->boot_told_ms);
}

/* Not for us, but it tells which address the machine has from now on, and the
 * policy that its boot goes on. */
static void overhear(struct exchange *x)
{
    struct in_addr address = exchange_requested(x);
    (void)proxy_hear(x, address.s_addr ? address : x->packet.ciaddr);
    exchange_decide(x, SLIPWAY_BOOT_DHCP_REQUEST);
    exchange_silent(x, "it asks the server that gives addresses");
}

void dhcp_proxy(struct exchange *x)
{
    if (!is_firmware(x))
        exchange_silent(x, "another server gives the addresses, and it does "
                           "not ask what to boot");
    else if (x->type == DHCP_DISCOVER)
        offer(x);
    else if (x->type == DHCP_REQUEST)
        overhear(x);
    else
        exchange_silent(x, "it is for the server that gives addresses");
}
