/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which servers to ask, best source first: the kernel command line, the
 * rendezvous on the ports that have an address, the trust file's list.
 */
#ifndef CORE_ENGINE_NET_FIND_SERVER_H
#define CORE_ENGINE_NET_FIND_SERVER_H

#include "core/engine/console.h"
#include "core/engine/init/init.h"
#include "core/engine/net/rendezvous.h"
#include "core/wire/message.h"

struct found_servers {
    struct message_servers servers;
    char ticket[TICKET_TEXT_BYTES];   /* "" = none */
    char address[ADDRESS_TEXT_BYTES]; /* this machine's, or "" */
    char mac[NET_MAC_TEXT_BYTES];     /* of the port used, or "" */
};

struct find_server;

/* Result NULL: nothing within `patience_ms`.  `done` never runs inside this
 * call. */
typedef void find_server_done(void *arg, const struct found_servers *found,
                              const struct err *err);

struct find_server_setup {
    struct target *target;
    const struct trust *trust;
    struct console *console;
    uint64_t patience_ms;
    /* Without target->net: the port to ask on, which has its address from
     * elsewhere; NULL = none.  Copied. */
    const struct rendezvous_port *port;
};

/* What `setup` points to outlives the search. */
struct find_server *find_server_start(const struct find_server_setup *setup,
                                      find_server_done *done, void *arg,
                                      struct err *err);
void find_server_free(struct find_server *find);

#endif
