/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of DHCP leases in memory: by client, by address, and in order of
 * their ends.  Pure bookkeeping; what is on the disk is lease-log.h's.
 *
 *   offered --ACK--> bound --end--> (ended: kept until its address is needed)
 *                      |--RELEASE--> released: ended at once
 *   any --DECLINE--> declined: of no client, ends after the quarantine
 */
#ifndef CORE_SERVER_DHCP_LEASE_H
#define CORE_SERVER_DHCP_LEASE_H

#include <netinet/in.h>
#include <stdbool.h>

#include "core/boot/packet.h"
#include "core/server/dhcp/dhcp.h"

#define LEASE_KEY_BYTES 16
#define LEASE_NAME_BYTES 64

enum lease_state {
    LEASE_OFFERED,
    LEASE_BOUND,
    LEASE_RELEASED,
    LEASE_DECLINED,
    LEASE_STATES,
};

/* 01 and the Ethernet address, or ff and 15 bytes of the client identifier's
 * SHA-256.  All zero: of no client. */
struct lease_key {
    uint8_t bytes[LEASE_KEY_BYTES];
};

struct lease {
    struct lease *next_of_client; /* in the hash tables */
    struct lease *next_of_address;
    struct lease *earlier; /* in its state's queue */
    struct lease *later;
    struct lease_key key;
    struct in_addr address;
    enum lease_state state;
    uint64_t until_ms;                /* loop's clock */
    uint64_t checked_ms;   /* when a probe found nobody there; 0 = never */
    uint64_t boot_told_ms; /* when event host-boot was last raised */
    char host_name[LEASE_NAME_BYTES]; /* [A-Za-z0-9.-]*, the client's wish */
};

struct leases;

/* The pool is all ranges of all subnets; `seed` makes the hash unguessable. */
struct leases *leases_new(const struct dhcp_subnet *subnets, size_t count,
                          uint64_t seed, struct err *err);
void leases_free(struct leases *leases);

/* False when the packet names its sender in no way. */
bool lease_key_of(const struct packet *packet, struct lease_key *ret);
/* The MAC that the key holds, "" when it holds none. */
void lease_key_mac(const struct lease_key *key, char out[18]);

struct lease *lease_of_client(const struct leases *leases,
                              const struct lease_key *key);
struct lease *lease_of_address(const struct leases *leases,
                               struct in_addr address);
bool lease_ended(const struct lease *lease, uint64_t now_ms);

/*
 * Gives `address` to a client (a zero key: to nobody) in `state` until
 * `until_ms`; whatever the client or the address had before is gone.  NULL =
 * no memory, nothing has changed.
 */
struct lease *lease_put(struct leases *leases, const struct lease_key *key,
                        struct in_addr address, enum lease_state state,
                        uint64_t until_ms);
void lease_set(struct leases *leases, struct lease *lease,
               enum lease_state state, uint64_t until_ms);
void lease_remove(struct leases *leases, struct lease *lease);

/* True when the address lies in a range of this subnet. */
bool lease_in_pool(const struct dhcp_subnet *subnet, struct in_addr address);
/*
 * A pool address of the subnet that nobody has: one never used, or else that
 * of the lease which ended first.  `taken` may rule addresses out.  False when
 * there is none.  An ended lease that stands there is removed.
 */
bool lease_pick(struct leases *leases, const struct dhcp_subnet *subnet,
                uint64_t now_ms,
                bool (*taken)(void *arg, struct in_addr address), void *arg,
                struct in_addr *ret);

/* As lease_pick, but only an address that was never used; nothing changes. */
bool lease_pick_unused(struct leases *leases, const struct dhcp_subnet *subnet,
                       bool (*taken)(void *arg, struct in_addr address),
                       void *arg, struct in_addr *ret);

size_t leases_count(const struct leases *leases);
uint64_t leases_pool_size(const struct leases *leases);
/* Pool addresses never used or ended; walks the ended ones. */
uint64_t leases_pool_free(const struct leases *leases, uint64_t now_ms);
/* The lease of this state that ends first; `later` leads to the next. */
const struct lease *leases_first(const struct leases *leases,
                                 enum lease_state state);
/* An array of all leases in order of addresses; the caller frees it. */
struct lease **leases_sorted(const struct leases *leases);

#endif
