/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rendezvous: an engine that has an address from whatever DHCP server asks
 * by DHCPINFORM for its deployment server, and gets the server list and, when
 * a task is armed, a boot ticket (core/doc/wire.md).
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "core/boot/pxe.h"
#include "core/server/dhcp/dhcp-internal.h"

/* An answer that waits for its ticket. */
struct rendezvous_wait {
    struct rendezvous_wait *next;
    struct dhcp *dhcp; /* NULL: the server has ended */
    struct in_addr own; /* the server as this engine reaches it */
    struct dhcp_reply reply;
};

bool rendezvous_wanted(const struct exchange *x)
{
    return strcmp(x->client.class_id, CLIENT_ENGINE_CLASS) == 0;
}

static void unlink_wait(struct rendezvous_wait *wait)
{
    struct rendezvous_wait **at = &wait->dhcp->waits;
    while (*at != wait)
        at = &(*at)->next;
    *at = wait->next;
    wait->dhcp->wait_count--;
}

/* `arg` is owned by the policy's promise to call this once. */
static void on_ticket(void *arg, const char *ticket)
{
    struct rendezvous_wait *wait = arg;
    struct dhcp *d = wait->dhcp;
    struct rendezvous r = {.ticket = ""};
    struct err err = ERR_INIT;
    uint8_t vendor[RENDEZVOUS_VENDOR_MAX];
    size_t length;
    char own[INET_ADDRSTRLEN];
    if (!d) {
        free(wait);
        return;
    }
    unlink_wait(wait);
    (void)snprintf(r.servers, sizeof(r.servers), "%s:%u",
                   inet_ntop(AF_INET, &wait->own, own, sizeof(own)),
                   d->config.tls_port);
    if (ticket)
        (void)snprintf(r.ticket, sizeof(r.ticket), "%s", ticket);
    if (rendezvous_format(&r, vendor, &length, &err)) {
        d->counters.silent++;
        log_error("an engine could not be told its server: %s", err.text);
    } else {
        (void)packet_put(&wait->reply.writer, OPTION_VENDOR, vendor, length);
        reply_note(&wait->reply, "engine: servers %s, %s", r.servers,
                   ticket ? "a ticket" : "no ticket, for no task is armed");
        reply_send(d, &wait->reply);
    }
    free(wait);
}

void dhcp_rendezvous(struct exchange *x)
{
    struct dhcp *d = x->dhcp;
    const struct dhcp_policy *p = &d->policy;
    char ciaddr[INET_ADDRSTRLEN];
    if (!x->packet.ciaddr.s_addr) {
        exchange_silent(x, "an engine must have an address first");
        return;
    }
    if (d->wait_count >= RENDEZVOUS_MAX) {
        exchange_silent(x, "too many engines wait for an answer");
        return;
    }
    struct rendezvous_wait *wait = malloc(sizeof(*wait));
    if (!wait) {
        exchange_silent(x, "there is no memory for the answer");
        return;
    }
    wait->dhcp = d;
    wait->own = x->own;
    wait->next = d->waits;
    d->waits = wait;
    d->wait_count++;
    proxy_hear(x, x->packet.ciaddr);
    reply_begin(x, &wait->reply, DHCP_ACK);
    reply_put_network(x, &wait->reply);
    (void)packet_put_text(&wait->reply.writer, OPTION_CLASS_ID,
                          CLIENT_ENGINE_CLASS);
    const struct boot_client client = {
        .mac = x->client.mac, .uuid = x->client.uuid, .arch = ""};
    (void)inet_ntop(AF_INET, &x->packet.ciaddr, ciaddr, sizeof(ciaddr));
    p->rendezvous(p->arg, &client, ciaddr, on_ticket, wait);
}

void rendezvous_forget(struct dhcp *d)
{
    for (struct rendezvous_wait *at = d->waits; at; at = at->next)
        at->dhcp = NULL;
    d->waits = NULL;
    d->wait_count = 0;
}
