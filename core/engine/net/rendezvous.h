/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finding the server: once a port has an address, a DHCPINFORM with option 60
 * `SlipwayEngine:1` asks who serves this machine (core/doc/wire.md,
 * "Rendezvous").  Answers without our option 43 are ignored.
 */
#ifndef CORE_ENGINE_NET_RENDEZVOUS_H
#define CORE_ENGINE_NET_RENDEZVOUS_H

#include "core/util/loop.h"
#include "core/wire/trust.h"

#define RENDEZVOUS_MAX_PORTS 16
#define TICKET_TEXT_BYTES 64

/* A linked port that has an address. */
struct rendezvous_port {
    char name[16];
    unsigned interface_index;
    struct in_addr address;
    uint8_t mac[6];
};

struct rendezvous_result {
    char servers[TRUST_MAX_SERVERS][SERVER_NAME_BYTES];
    size_t server_count;
    char ticket[TICKET_TEXT_BYTES]; /* "" = none: no task is armed */
    size_t port;                    /* index of the port that was answered */
};

/* Result NULL: nobody answered in time; `err` says so. */
typedef void rendezvous_done(void *arg, const struct rendezvous_result *result,
                             const struct err *err);

struct rendezvous_search;

/*
 * Asks on every port at once, repeating after 1, 2, 4 and then every 4 s; the
 * first valid answer wins.  `uuid` is the SMBIOS UUID's 16 bytes as the
 * firmware stores them, or NULL.  The ports are copied.
 */
struct rendezvous_search *
rendezvous_start(struct loop *loop, const struct rendezvous_port *ports,
                 size_t count, const uint8_t *uuid, uint64_t timeout_ms,
                 rendezvous_done *done, void *arg, struct err *err);
/* Ends it; `done` is not called any more.  NULL is fine. */
void rendezvous_free(struct rendezvous_search *search);

#endif
