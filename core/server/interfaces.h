/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The interfaces of the boot networks: which there are, our address on each,
 * and sockets that hear these alone.  The system is asked once, at start.
 */
#ifndef CORE_SERVER_INTERFACES_H
#define CORE_SERVER_INTERFACES_H

#include "core/server/config.h"

struct interfaces {
    struct dhcp_interface list[CONFIG_MAX_INTERFACES];
    size_t count; /* 1 with index 0: every interface */
};

/*
 * Looks up those of the configuration.  Our address on one is what the
 * configuration says; else the configuration's `address` when the interface
 * has it or is the only one; else the interface's first IPv4 address.
 * ERR_NOT_FOUND when an interface is not there or has none.
 */
int interfaces_find(const struct config *config, struct interfaces *ret,
                    struct err *err);

/* Makes a socket hear these interfaces only, by a filter in the kernel. */
int interfaces_filter(const struct interfaces *interfaces, int fd,
                      struct err *err);
/* The same for a socket that is not bound to a port yet: a single interface
 * is bound, so that the port stays free on the others.  Needs CAP_NET_RAW. */
int interfaces_restrict(const struct interfaces *interfaces, int fd,
                        struct err *err);

#endif
