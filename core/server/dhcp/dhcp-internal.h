/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of the DHCP server share.
 *
 *   dhcp.c            life cycle, sockets, counters, listing
 *   dhcp-config.c     checking and copying the configuration
 *   dhcp-receive.c    a packet arrives: who is it, which subnet, what to do
 *   dhcp-proxy.c      what to do when another server gives the addresses
 *   dhcp-seen.c       which machine has which address, as a proxy hears it
 *   dhcp-lease.c      which address a client gets (RFC 2131 section 4.3)
 *   dhcp-probe.c      is anybody using that address? (RFC 2131 section 2.2)
 *   dhcp-conflict.c   somebody is: the address is kept from use
 *   dhcp-commit.c     leases go to the disk, then their ACKs to the network
 *   dhcp-reply.c      composing, addressing, sending and logging replies
 *   dhcp-boot.c       the arch plugin's part of a reply
 *   dhcp-rendezvous.c an engine asks for its server
 */
#ifndef CORE_SERVER_DHCP_DHCP_INTERNAL_H
#define CORE_SERVER_DHCP_DHCP_INTERNAL_H

#include <jansson.h>

#include "core/boot/client.h"
#include "core/boot/pxe.h"
#include "core/server/dhcp/dhcp.h"
#include "core/server/dhcp/lease-log.h"
#include "core/server/dhcp/lease.h"
#include "core/util/allowance.h"
#include "core/util/log.h"
#include "core/util/pool.h"

enum {
    COMMIT_BATCH = 1024, /* ACKs that wait for one sync; with a sync of
                            100 ms that is 10000 leases a second */
    COMMIT_DELAY_MS = 1,
    RENDEZVOUS_MAX = 1024, /* engines that wait for their ticket */
    TELL_BOOT_MS = 2000, /* event host-boot of one machine: firmware that asks
                            again before it was answered is one boot */
    TELL_EVERY_MS = 60000, /* events and warnings of one kind */
    STRANGERS_PER_S = 128, /* events host-boot of machines that nobody has
                              registered: the ring of events holds 1024, and
                              those of deployments must stay in it */
    MALFORMED_BURST = 10,  /* malformed packets logged in TELL_EVERY_MS */
    REPLY_NOTE_BYTES = 320,
    /* A DISCOVER is answered so soon, probing or not: EDK2 and PXE ROMs ask
     * again after 4 s, iPXE after 1 s, and count what they asked for as
     * lost. */
    OFFER_WITHIN_MS = 500,
};

/* A reply on its way: bytes, target, and the line that the log will have. */
struct dhcp_reply {
    struct packet_writer writer;
    struct endpoint peer;
    struct endpoint local;
    bool on_pxe_port;
    enum dhcp_type type;
    char note[REPLY_NOTE_BYTES];
};

struct commit_batch; /* dhcp-commit.c */
struct rendezvous_wait;
struct probing; /* dhcp-probe.c */

struct dhcp {
    struct loop *loop;
    const struct seam *seam;
    struct dhcp_config config; /* a deep copy */
    struct dhcp_interface *interfaces;
    struct dhcp_subnet *subnets;
    struct dhcp_proxy_style *proxy_styles;
    struct dhcp_policy policy;
    struct datagram_socket *port67;
    struct datagram_socket *pxe;
    struct leases *leases; /* empty for a proxy */
    struct lease_log log;
    struct seen *seen; /* NULL unless a proxy */
    struct dhcp_counters counters;

    struct pool *writer; /* one thread, which writes the lease log; NULL for
                            a proxy, as all of these */
    struct commit_batch *gathering; /* for the next sync */
    struct commit_batch *writing;   /* the thread has it; NULL = nothing */
    struct commit_batch *spare;
    struct loop_timer *commit_timer;

    struct rendezvous_wait *waits;
    size_t wait_count;

    struct probing *probing; /* NULL = addresses are not probed */

    /* When something was last said, so that a flood of packets does not make
     * a flood of lines; 0 = never. */
    uint64_t exhausted_told_ms;
    uint64_t log_failed_told_ms;
    struct allowance malformed_told;
    struct allowance strangers_told; /* events host-boot without a host */
};

/* One packet while it is being answered; lives on the stack. */
struct exchange {
    struct dhcp *dhcp;
    const struct datagram *datagram;
    bool on_pxe_port;
    struct packet packet;
    enum dhcp_type type;
    struct client client;
    struct in_addr own;       /* our address as this client is told it */
    struct in_addr server_id; /* option 54: the same unless a relay wants
                                 another (RFC 5107) */
    const struct dhcp_subnet *subnet; /* NULL for a proxy */
    struct lease_key key;
    bool has_key;
    const struct slipway_arch_plugin *arch; /* NULL = none knows it */
    bool firmware; /* asks how to boot, whether a plugin knows it or not */
    struct boot_decision decision;
    struct in_addr reserved; /* 0 = none */
};

/* What a client sent about an address; 0 = nothing. */
struct in_addr exchange_requested(const struct exchange *x);
/* "52:54:00:12:34:56 (host 'lab-01')", for log lines. */
const char *exchange_who(const struct exchange *x, char *out, size_t size);
/* Option 54 names a server that is not us. */
bool exchange_for_other(const struct exchange *x);
/* A copy of a DISCOVER that outlives its datagram; free() it.  NULL = no
 * memory. */
struct exchange *exchange_keep(const struct exchange *x);
/* No answer will be sent; says why at debug level and counts. */
void exchange_silent(struct exchange *x, const char *format, ...) PRINTF(2, 3);
/* True at most once in `every_ms`, for messages that could flood. */
bool dhcp_due(const struct dhcp *d, uint64_t *last_ms, uint64_t every_ms);
/* Raises an event; steals `json`, which may be NULL when memory is short. */
void dhcp_event(const struct dhcp *d, const char *id, json_t *json);

/* dhcp-config.c */
/* The proxy style of an arch plugin's clients as configured. */
enum proxy_style dhcp_config_style(const struct dhcp_config *config,
                                   const char *arch);
int dhcp_config_check(const struct dhcp_config *config, struct err *err);
/* Copies config into d->config and the lists beside it. */
int dhcp_config_copy(struct dhcp *d, const struct dhcp_config *config);
void dhcp_config_free(struct dhcp *d);
bool subnet_has(const struct dhcp_subnet *subnet, struct in_addr address);
/* The interface that stands in this subnet, NULL = it is behind relays. */
const struct dhcp_interface *subnet_interface(const struct dhcp_config *config,
                                              const struct dhcp_subnet *subnet);

/* dhcp-receive.c: handlers of the two sockets; `arg` is struct dhcp. */
void dhcp_on_port67(void *arg, const struct datagram *datagram);
void dhcp_on_pxe(void *arg, const struct datagram *datagram);
/* Asks the plugins and the policy about the sender; `kind` is
 * SLIPWAY_BOOT_*. */
void exchange_decide(struct exchange *x, uint32_t kind);

/* dhcp-proxy.c */
/* Anything on port 67 but an engine's question. */
void dhcp_proxy(struct exchange *x);
/* This client was heard to have or to ask for `address`; nothing to do
 * unless we are a proxy.  The machine, NULL when it has no Ethernet address. */
struct seen_machine *proxy_hear(struct exchange *x, struct in_addr address);
/* True when this answer only sends the firmware to port 4011. */
bool proxy_points_to_boot_server(const struct exchange *x);

/* dhcp-seen.c: bounded; the oldest machines are forgotten. */
struct seen_machine {
    uint64_t mac; /* six bytes; 0 = unused */
    struct in_addr address; /* 0 = not known */
    uint64_t heard_ms;
    uint64_t boot_told_ms; /* when event host-boot was last raised */
};
struct seen *seen_new(uint64_t seed);
void seen_free(struct seen *seen);
/* The machine, noted now if it was not known. */
struct seen_machine *seen_get(struct seen *seen, const uint8_t mac[6],
                              uint64_t now_ms);
/* The machine heard last to have this address; false = none. */
bool seen_find(const struct seen *seen, struct in_addr address,
               uint8_t ret_mac[6]);

/* dhcp-lease.c */
void dhcp_discover(struct exchange *x);
void dhcp_request(struct exchange *x);
void dhcp_release(struct exchange *x);
/* How far the answer to one DISCOVER is. */
struct offering {
    uint64_t answer_ms; /* it goes out then at the latest */
    unsigned conflicts; /* addresses that turned out to be in use */
};
/* Chooses an address and offers it once it is probed. */
void dhcp_choose_offer(struct exchange *x, const struct offering *offering);
/* Sends the offer of the address that is held for the client. */
void dhcp_offer(struct exchange *x, struct lease *lease);

/* dhcp-probe.c */
/* Without sockets for it nothing is probed. */
int probing_new(struct dhcp *d, struct err *err);
void probing_free(struct dhcp *d);
/* A DISCOVER of a client whose address is being probed: true when the offer
 * will answer this one in place of the earlier one. */
bool probing_asks_again(const struct exchange *x);
/* An address of the client's subnet that was probed ahead, if there is one. */
bool probing_find_ready(struct exchange *x,
                        bool (*taken)(void *arg, struct in_addr address),
                        struct in_addr *ret);
/* Probes the address of `lease` when that has to be; true when dhcp_offer
 * will follow by itself, false when it may be offered at once. */
bool probing_begin(const struct exchange *x, struct lease *lease,
                   const struct offering *offering);

/* dhcp-conflict.c */
/* Somebody uses an address that we manage. */
struct conflict {
    struct in_addr address;
    const char *client_mac; /* who should have had it, "" = nobody yet */
    const char *holder_mac; /* who has it, "" = not known */
    const char *how;        /* "arp", "icmp" or "decline" */
};
/* Keeps it from use for a while, also across a restart, and says so. */
void dhcp_conflict(struct dhcp *d, const struct conflict *conflict);
void dhcp_decline(struct exchange *x);
/* No address is left for this client. */
void dhcp_no_address(struct exchange *x);

/* dhcp-commit.c */
int commit_new(struct dhcp *d, struct err *err);
/* Writes what waits and sends its ACKs. */
void commit_free(struct dhcp *d);
/* Grants `address`; the ACK goes out once the lease is on the disk. */
void dhcp_grant(struct exchange *x, struct in_addr address);
/* A RELEASE or DECLINE of a client whose lease is just being written: true
 * when it is done again after that. */
bool commit_defers(const struct exchange *x);
/* Appends one record with the next sync; a failure is said there. */
void dhcp_record(struct dhcp *d, enum lease_state state,
                 const struct lease *lease, uint64_t until_ms);
/* Only while nothing is being written. */
bool dhcp_tidy_log(struct dhcp *d, bool force);

/* dhcp-reply.c */
void reply_begin(struct exchange *x, struct dhcp_reply *reply,
                 enum dhcp_type type);
/* Netmask, router, name servers, domain. */
void reply_put_network(struct exchange *x, struct dhcp_reply *reply);
void reply_put_lease(struct exchange *x, struct dhcp_reply *reply,
                     struct in_addr address);
void reply_note(struct dhcp_reply *reply, const char *format, ...) PRINTF(2, 3);
/* Sends and logs; `reply` is used up. */
void reply_send(struct dhcp *d, struct dhcp_reply *reply);
/* Logs why it is not sent after all. */
void reply_drop(struct dhcp *d, struct dhcp_reply *reply);
void reply_nak(struct exchange *x, const char *sentence);

/* dhcp-boot.c: adds the boot part and returns true, or says in the note why
 * there is none. */
bool reply_put_boot(struct exchange *x, struct dhcp_reply *reply);
/* Raises host-boot for firmware that was answered; `address` is "" while it
 * has none, `last_ms` is when that machine was last told of. */
void dhcp_tell_boot(struct exchange *x, const char *address,
                    uint64_t *last_ms);

/* dhcp-rendezvous.c */
bool rendezvous_wanted(const struct exchange *x);
void dhcp_rendezvous(struct exchange *x);
/* The server ends: answers that come later go nowhere. */
void rendezvous_forget(struct dhcp *d);

#endif
