/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DHCP: pool, reservations, leases, boot answers and the engine's rendezvous;
 * or, beside another DHCP server, boot answers and rendezvous alone (proxy).
 * Talks to the network through the loop's seam only, and asks a policy for
 * everything that is not DHCP.  Everything runs on the loop.
 *
 * A machine is one client here: leases are kept by Ethernet address, because
 * firmware, loader, engine and installed system of one machine send different
 * client identifiers and would otherwise use up an address each (RFC 2131
 * section 4.2 has it the other way round).  Only a client without an Ethernet
 * address is kept by its option 61.
 */
#ifndef CORE_SERVER_DHCP_DHCP_H
#define CORE_SERVER_DHCP_DHCP_H

#include <stdbool.h>

#include <slipway/arch.h>

#include "core/util/loop.h"

/* Who asks, as far as a packet can say; a name, never a credential. */
struct boot_client {
    const char *mac;  /* "52:54:00:12:34:56" */
    const char *uuid; /* canonical SMBIOS text order, "" when absent */
    const char *arch; /* name of the arch plugin, "" when none fits */
    bool loader;      /* our own loader asks, later in the same boot */
};

/* How firmware learns its boot file where another server gives the addresses:
 * see dhcp-proxy.c. */
enum proxy_style {
    PROXY_STYLE_DEFAULT,     /* what suits this kind of firmware */
    PROXY_STYLE_DIRECT,      /* the proxy offer itself names the file */
    PROXY_STYLE_BOOT_SERVER, /* the firmware asks for it on port 4011 */
};

/* "direct" or "boot-server"; -1 for anything else. */
int proxy_style_parse(const char *text, enum proxy_style *ret);

/* What the site wants this client to do. */
struct boot_decision {
    uint32_t intent;    /* SLIPWAY_INTENT_*; 0 = no boot answer at all */
    uint32_t attempt;   /* consecutive times for the same firmware stage */
    char host_id[33];   /* "" = unknown machine */
    char host_name[64]; /* "" = none */
    char reserved_address[46]; /* reservation, "" = from the pool */
    enum proxy_style proxy_style;
    char reason[160];          /* for the log: "task 7f... is armed" */
};

struct dhcp_policy {
    void *arg;
    /* Decides at once, from memory.  Also tells the policy that the firmware
     * of this machine asks to boot; for an unknown one it raises the event. */
    void (*decide)(void *arg, const struct boot_client *client,
                   uint32_t request_kind, struct boot_decision *ret);
    /* An engine asks for its server: `done` on the loop, now or later, with
     * the ticket, or NULL when no task is armed or none may be given. */
    void (*rendezvous)(void *arg, const struct boot_client *client,
                       const char *ciaddr,
                       void (*done)(void *done_arg, const char *ticket),
                       void *done_arg);
    /* The arch plugin that knows this client best, or NULL. */
    const struct slipway_arch_plugin *(*recognise)(
        void *arg, const struct slipway_boot_request *request);
    /* Published engine file by machine and role, NULL = none. */
    const char *(*engine_file)(void *arg, const char *machine,
                               const char *role);
    /* A host's label, NULL = none.  Borrowed until the host changes. */
    const char *(*host_label)(void *arg, const char *host_id,
                              const char *name);
    /* Something an admin should see: id and one JSON object (stolen). */
    void (*event)(void *arg, const char *id, void *json);
    /* True when this address is reserved for a machine other than `mac`, so
     * that the pool does not give it away.  NULL = nothing is reserved. */
    bool (*reserved)(void *arg, const char *address, const char *mac);
};

struct dhcp_range {
    struct in_addr first;
    struct in_addr last; /* included */
};

#define DHCP_DNS_MAX 4
#define DHCP_POOL_MAX (1u << 18) /* addresses of all ranges together */

/* An interface that requests come in by. */
struct dhcp_interface {
    unsigned index;         /* 0 = any; it is the only entry then */
    struct in_addr address; /* ours there, told to the clients: option 54,
                               siaddr, URLs, the rendezvous */
};

/*
 * One network whose machines we give addresses to.  A request belongs to the
 * subnet that its relay names, or, without a relay, to the one that holds our
 * address on the interface it came in by.
 */
struct dhcp_subnet {
    struct in_addr network;
    struct in_addr netmask;
    struct in_addr router; /* 0 = none */
    struct in_addr dns[DHCP_DNS_MAX];
    size_t dns_count;
    const char *domain;              /* option 15; NULL = none */
    const struct dhcp_range *ranges; /* inside the subnet, may be none */
    size_t range_count;
};

/* A style for the clients of one arch plugin. */
struct dhcp_proxy_style {
    const char *arch;
    enum proxy_style style;
};

enum dhcp_mode {
    DHCP_MODE_SERVER, /* we give the addresses */
    DHCP_MODE_PROXY,  /* another server does, we only tell what to boot */
};

struct dhcp_config {
    enum dhcp_mode mode;
    const struct dhcp_interface *interfaces; /* at least one */
    size_t interface_count;
    uint16_t tls_port;  /* of this server: rendezvous */
    uint16_t http_port; /* of this server: URLs of boot files */
    const struct dhcp_proxy_style *proxy_styles; /* those that differ */
    size_t proxy_style_count;
    /* What follows is for the mode `server` alone. */
    const struct dhcp_subnet *subnets; /* at least one */
    size_t subnet_count;
    uint32_t lease_s;            /* 60 or more */
    uint32_t offer_ms;           /* an offered address is held so long */
    uint32_t quarantine_s;       /* a declined address is not used so long */
    const char *lease_log;       /* path of the append-only log */
    /* Both modes. */
    struct datagram_spec port67; /* the socket for DHCP */
    struct datagram_spec pxe;    /* port 4011 */
    /* Addresses are probed before they are offered with these: ENDPOINT_ICMP
     * and ENDPOINT_ARP of seam.h.  Port 0 = without it. */
    struct datagram_spec icmp;
    struct datagram_spec arp;
};

/* Sensible values for everything but interfaces, ports of this server,
 * subnets, log and sockets. */
void dhcp_config_defaults(struct dhcp_config *config);

struct dhcp;

/*
 * Reads the lease log back, opens the sockets and serves from then on.
 * `config` and all it points to are copied, and so is `policy`; what its `arg`
 * points to outlives the server.  ERR_INVALID names the wrong setting.
 */
int dhcp_new(struct loop *loop, const struct dhcp_config *config,
             const struct dhcp_policy *policy, struct dhcp **ret,
             struct err *err);
void dhcp_free(struct dhcp *dhcp);

/* What an admin may see of one lease; text borrowed during the call. */
struct dhcp_lease_view {
    const char *address;
    const char *mac;       /* "" when the client has no Ethernet address */
    const char *client;    /* hexadecimal key, stable for one client */
    const char *host_name; /* what the client calls itself, "" = nothing */
    const char *state;     /* "offered", "bound", "released", "expired",
                              "conflict" */
    int64_t until_s;       /* calendar time of its end */
};

/* Calls fn for every lease in order of addresses, also for ended ones that are
 * kept so that a machine gets its address again. */
void dhcp_leases(struct dhcp *dhcp,
                 void (*fn)(void *arg, const struct dhcp_lease_view *lease),
                 void *arg);

/* The MAC of the client that has this address, by a lease of ours or, for a
 * proxy, by what it was heard to say; "" when it is not known. */
void dhcp_client_at(const struct dhcp *dhcp, const char *address,
                    char ret_mac[18]);

/* Since the start.  Each packet that arrives ends in exactly one of answered,
 * silent and malformed. */
struct dhcp_counters {
    uint64_t received;
    uint64_t answered; /* a reply went out */
    uint64_t silent;   /* no reply, as the protocol or the policy wants */
    uint64_t malformed;
    uint64_t offers;
    uint64_t acks;
    uint64_t naks;
    uint64_t exhausted;  /* no free address */
    uint64_t probes;     /* addresses that were probed */
    uint64_t conflicts;  /* addresses that somebody else turned out to use */
    uint64_t log_failed; /* ACKs that were not sent for that reason */
    uint64_t log_syncs;
    uint64_t pool_size;
    uint64_t pool_free; /* never used or ended */
};
void dhcp_counters(const struct dhcp *dhcp, struct dhcp_counters *ret);

#endif
