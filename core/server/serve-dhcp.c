/* SPDX-License-Identifier: Apache-2.0 */
/* The DHCP server from the configuration, and the policy that it asks. */
#include "core/server/serve-internal.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "core/server/config.h"
#include "core/server/deploy.h"
#include "core/server/publish.h"

static void probe_sockets(const struct serve *serve, struct dhcp_config *to)
{
    const struct sockets *sockets = &serve->sockets;
    if (!serve->server.config->dhcp.probe)
        return;
    if (sockets->arp >= 0)
        to->arp = (struct datagram_spec){.local.port = ENDPOINT_ARP,
                                         .fd = sockets->arp};
    if (sockets->icmp >= 0)
        to->icmp = (struct datagram_spec){.local.port = ENDPOINT_ICMP,
                                          .fd = sockets->icmp};
    if (sockets->arp < 0 || sockets->icmp < 0)
        log_notice("addresses are offered without asking whether a machine "
                   "already uses them: the sockets for that need root "
                   "(CAP_NET_RAW) at the start");
}

int serve_dhcp_start(struct serve *serve, struct err *err)
{
    const struct config *config = serve->server.config;
    const struct config_dhcp *from = &config->dhcp;
    struct dhcp_range ranges[CONFIG_MAX_POOLS];
    struct dhcp_subnet subnet = {0};
    struct dhcp_config to;
    struct dhcp_policy policy;
    char servers[64], http_base[64];
    AUTO_FREE char *log = config_state_path(config, "leases.log");
    if (!log)
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    dhcp_config_defaults(&to);
    (void)inet_pton(AF_INET, config->address, &subnet.server);
    subnet.netmask = from->netmask;
    subnet.router = from->router;
    memcpy(subnet.dns, from->dns, sizeof(from->dns));
    subnet.dns_count = from->dns_count;
    subnet.domain = from->domain;
    for (size_t i = 0; i < from->pool_count; i++)
        ranges[i] =
            (struct dhcp_range){from->pools[i].first, from->pools[i].last};
    subnet.ranges = ranges;
    subnet.range_count = from->pool_count;
    subnet.interface_index = serve->sockets.interface_index;
    (void)snprintf(servers, sizeof(servers), "%s:%u", config->address,
                   serve->sockets.ports.tls);
    (void)snprintf(http_base, sizeof(http_base), "http://%s:%u",
                   config->address, serve->sockets.ports.http);
    subnet.servers = servers;
    subnet.http_base = http_base;
    to.subnets = &subnet;
    to.subnet_count = 1;
    to.lease_s = (uint32_t)(from->lease_ms / 1000);
    to.lease_log = log;
    to.port67 = (struct datagram_spec){.broadcast = true,
                                       .fd = serve->sockets.dhcp};
    to.pxe = (struct datagram_spec){.broadcast = true,
                                    .fd = serve->sockets.pxe};
    probe_sockets(serve, &to);
    deploy_policy(&serve->server, publish_engine_file, &serve->server,
                  &policy);
    return dhcp_new(serve->server.loop, &to, &policy, &serve->server.dhcp,
                    err);
}
