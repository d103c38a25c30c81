/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The machine's network ports: brought up, watched for a link, and each given
 * an address by whatever DHCP server answers on it.  Leases are renewed while
 * the loop runs.  Everything on the loop's thread.
 */
#ifndef CORE_ENGINE_NET_NET_H
#define CORE_ENGINE_NET_NET_H

#include <stdbool.h>

#include "core/util/loop.h"

#define NET_PORTS_MAX 64
#define NET_MAC_TEXT_BYTES 18

struct net_port {
    unsigned index; /* the kernel's interface number, 1 and up */
    char name[16];
    uint8_t mac[6];
    bool carrier; /* a cable with something alive at its other end */
    bool leased;  /* the members below hold */
    struct in_addr address;
    uint8_t prefix_length;
    struct in_addr router;      /* 0.0.0.0 = none */
    struct in_addr dhcp_server; /* whose lease it is */
    uint32_t lease_s;
};

struct net;

/* on_change: a port appeared, got or lost its link or its lease. */
struct net_handlers {
    void (*on_change)(void *arg, const struct net_port *port);
};

/* Brings every Ethernet port up and starts a DHCP client on each that has a
 * link, now or later.  `uuid` (16 bytes, wire order, option 97) may be NULL. */
int net_open(struct loop *loop, const uint8_t *uuid,
             const struct net_handlers *handlers, void *arg,
             struct net **ret_net, struct err *err);
void net_free(struct net *net);
/* Replaces who is told; `handlers` NULL = nobody. */
void net_set_handlers(struct net *net, const struct net_handlers *handlers,
                      void *arg);
/* All ports there are; the array is valid until the loop runs again. */
const struct net_port *net_ports(const struct net *net, size_t *ret_count);

/* What the port has heard of its LLDP neighbours (lldp.h); borrowed, -1 when
 * there is no such port or it cannot be listened on. */
int net_lldp(const struct net *net, const char *name);

const char *net_mac_text(const uint8_t mac[6], char out[NET_MAC_TEXT_BYTES]);

#endif
