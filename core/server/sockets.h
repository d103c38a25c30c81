/* SPDX-License-Identifier: Apache-2.0 */
/* The sockets that slipwayd serves on, opened before privileges go. */
#ifndef CORE_SERVER_SOCKETS_H
#define CORE_SERVER_SOCKETS_H

#include "core/server/interfaces.h"

/* -1 = not open or already given away; ports are the real ones. */
struct sockets {
    int tls, http;         /* listening TCP */
    int dhcp, pxe, tftp;   /* UDP; only with a `dhcp` section */
    int icmp, arp; /* raw and packet socket for probing addresses; -1 also
                      when only root may have them and we are not */
    struct interfaces interfaces; /* that all but the TCP ones hear */
    struct config_ports ports;
};

int sockets_open(const struct config *config, struct sockets *ret,
                 struct err *err);
void sockets_close(struct sockets *sockets);

#endif
