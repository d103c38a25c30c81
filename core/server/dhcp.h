/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The DHCP server: pool, reservations, leases, boot answers and the engine's
 * rendezvous.  Talks to the network through the loop's seam only, and asks a
 * policy for everything that is not DHCP.
 */
#ifndef CORE_SERVER_DHCP_H
#define CORE_SERVER_DHCP_H

#include <slipway/arch.h>

#include "core/util/loop.h"

/* Who asks, as far as a packet can say; a name, never a credential. */
struct boot_client {
    const char *mac;  /* "52:54:00:12:34:56" */
    const char *uuid; /* canonical SMBIOS text order, "" when absent */
    const char *arch; /* name of the arch plugin, "" when none fits */
};

/* What the site wants this client to do. */
struct boot_decision {
    uint32_t intent;      /* SLIPWAY_INTENT_*; 0 = no boot answer at all */
    uint32_t attempt;     /* consecutive times for the same firmware stage */
    char host_id[33];     /* "" = unknown machine */
    char host_name[64];   /* "" = none */
    char reserved_address[46]; /* reservation, "" = from the pool */
    char reason[160];     /* for the log: "task 7f... is armed" */
};

struct dhcp_policy {
    void *arg;
    /* Decides at once, from memory.  Also tells the policy that the firmware
     * of this machine asks to boot. */
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
    /* Something an admin should see: id and one JSON object (stolen). */
    void (*event)(void *arg, const char *id, void *json);
};

struct dhcp;

#endif
