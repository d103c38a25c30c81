/* SPDX-License-Identifier: Apache-2.0 */
/* A simulated network with our DHCP server, a policy of the test's and any
 * number of clients.  One loop, virtual time, one seed. */
#ifndef TESTS_UNIT_DHCP_WORLD_H
#define TESTS_UNIT_DHCP_WORLD_H

#include <jansson.h>

#include "core/boot/client.h"
#include "core/boot/packet.h"
#include "core/server/dhcp/dhcp.h"
#include "core/util/sim.h"

#define WORLD_SERVER "10.0.0.1"
#define WORLD_LOG "leases.log"

struct world {
    struct sim *sim;
    const struct seam *seam; /* the server's */
    struct loop *loop;
    struct dhcp *dhcp;
    struct dhcp_policy policy;
    struct dhcp_config config;
    /* WORLD_SERVER, index 1; 10.9.0.1, index 2, not served unless a test
     * counts it in. */
    struct dhcp_interface interfaces[2];
    struct dhcp_subnet subnets[2];
    struct dhcp_range ranges[2];
    /* What the policy says. */
    struct boot_decision decision;
    bool no_arch; /* the arch plugin is disabled */
    const char *reserved; /* an address reserved for `reserved_mac`, or NULL */
    const char *reserved_mac;
    const char *ticket;
    bool defer_ticket;
    void (*ticket_done)(void *arg, const char *ticket);
    void *ticket_arg;
    char rendezvous_address[ADDRESS_TEXT_BYTES];
    unsigned events;
    char last_event[32];
    json_t *last_json; /* of the last event */
    char last_mac[MAC_TEXT_BYTES];
};

/* A client host with a socket on `port`, and the last reply it got. */
struct station {
    struct world *world;
    const struct seam *seam;
    struct datagram_socket *socket;
    uint8_t mac[6];
    uint32_t xid;
    unsigned replies;
    enum dhcp_type type; /* of the last reply */
    struct packet reply;
    struct endpoint from;
    uint8_t bytes[PACKET_MAX_BYTES];
    size_t length;
};

/* Pool 10.0.0.100 to .(99 + pool), leases of 600 s. */
void world_start(struct world *w, uint64_t seed, unsigned pool);
/* From the next restart on addresses are probed. */
void world_probe(struct world *w);
/* The same in two steps, for a test that changes the configuration. */
void world_prepare(struct world *w, uint64_t seed, unsigned pool);
void world_serve(struct world *w);
/* Ends the server and starts it again on the same log. */
int world_restart(struct world *w, struct err *err);
void world_end(struct world *w);
struct dhcp_counters world_counters(const struct world *w);

struct in_addr address_of(const char *text);
/* Opens `port` on a new host with this address ("0.0.0.0" = none). */
void station_open(struct station *s, struct world *w, uint8_t number,
                  const char *address, uint16_t port);
/* Begins a packet; further puts may follow. */
void station_packet(struct station *s, struct packet_writer *p,
                    enum dhcp_type type);
/* What x86-64 UEFI firmware adds. */
void put_uefi(struct packet_writer *p);
/* Sends to address:port and lets 50 ms pass. */
void station_send(struct station *s, struct packet_writer *p,
                  const char *address, uint16_t port);
/* DISCOVER and REQUEST; true when there was an ACK.  The station then has the
 * address. */
bool station_dora(struct station *s, bool uefi);
const char *station_address(const struct station *s);

#endif
