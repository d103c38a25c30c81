/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A DHCP client for one port (RFC 2131 section 4.4): finds an address, keeps
 * it, and says when it is lost.  Protocol only; on the loop's thread.
 */
#ifndef CORE_ENGINE_NET_NET_DHCP_H
#define CORE_ENGINE_NET_NET_DHCP_H

#include "core/util/loop.h"

struct dhcp_client;

struct dhcp_lease {
    struct in_addr address;
    struct in_addr server;
    struct in_addr router; /* 0.0.0.0 = none */
    uint8_t prefix_length;
    uint32_t lease_s; /* UINT32_MAX = for ever */
};

struct dhcp_client_spec {
    unsigned interface_index;
    uint8_t mac[6];
    const uint8_t *uuid; /* 16 bytes for option 97, or NULL; copied */
    const char *name; /* of the port, to hear it alone; NULL = the seam opens
                       * the socket: simulations.  Copied. */
};

/* lease NULL: the address must not be used any more. */
typedef void dhcp_client_changed(void *arg, const struct dhcp_lease *lease);

/*
 * Starts asking at once.  The client port (68) is open only while it asks, not
 * while it holds a lease: the rendezvous listens there too.  `changed` is not
 * called inside this call or inside a datagram's handler.
 */
int dhcp_client_new(struct loop *loop, const struct dhcp_client_spec *spec,
                    dhcp_client_changed *changed, void *arg,
                    struct dhcp_client **ret, struct err *err);
/* Stops without a word to the server: the lease is the machine's, and what
 * boots next may have it again.  NULL is fine. */
void dhcp_client_free(struct dhcp_client *client);

#endif
