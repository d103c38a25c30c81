/* SPDX-License-Identifier: Apache-2.0 */
/* Network ports, addresses and routes through rtnetlink(7). */
#ifndef CORE_ENGINE_NET_NET_LINK_H
#define CORE_ENGINE_NET_NET_LINK_H

#include <netinet/in.h>
#include <stdbool.h>

#include "core/util/err.h"

struct link {
    unsigned index;
    char name[16];
    uint8_t mac[6];
    bool up;
    bool carrier;
};

/* A socket for requests, or with `events` for news of ports; -1 with err. */
int link_socket(bool events, struct err *err);
/* Every Ethernet port that does not belong to a bridge or bond: at most `max`
 * of them. */
int link_list(int fd, struct link *links, size_t max, size_t *ret_count,
              struct err *err);
int link_set_up(int fd, unsigned index, struct err *err);
int link_add_address(int fd, unsigned index, struct in_addr address,
                     uint8_t prefix_length, struct err *err);
int link_remove_address(int fd, unsigned index, struct in_addr address,
                        uint8_t prefix_length, struct err *err);
/* Through `router`; several ports may have one, then the lower index wins. */
int link_add_default_route(int fd, unsigned index, struct in_addr router,
                           struct err *err);
/* Reads and forgets what is waiting on an event socket: true when there was
 * something. */
bool link_drain(int fd);

#endif
