/* SPDX-License-Identifier: Apache-2.0 */
/* The DHCP server from the configuration, and the policy that it asks. */
#include "core/server/serve-internal.h"

#include <string.h>

#include "core/plugin/registry.h"
#include "core/server/config.h"
#include "core/server/deploy.h"
#include "core/server/boot/publish.h"
#include "core/util/log.h"

static void copy_subnet(const struct config_subnet *from,
                        struct dhcp_subnet *to)
{
    *to = (struct dhcp_subnet){
        .network = from->network,
        .netmask = from->netmask,
        .router = from->router,
        .dns_count = from->dns_count,
        .domain = from->domain,
        .ranges = from->pools,
        .range_count = from->pool_count,
    };
    memcpy(to->dns, from->dns, sizeof(to->dns));
}

/* A style for machines that no plugin knows is a slip of the pen. */
static void check_styles(const struct server *server)
{
    const struct config_dhcp *dhcp = &server->config->dhcp;
    for (size_t i = 0; i < dhcp->style_count; i++)
        if (!registry_find(server->registry, SLIPWAY_KIND_ARCH,
                           dhcp->styles[i].arch))
            log_warn("ignoring the proxy style of '%s' in '%s': there is no "
                     "arch plugin of that name",
                     dhcp->styles[i].arch, server->config->path);
}

static void probe_sockets(const struct serve *serve, struct dhcp_config *to)
{
    const struct sockets *sockets = &serve->sockets;
    const struct config_dhcp *dhcp = &serve->server.config->dhcp;
    if (!dhcp->probe || dhcp->mode != DHCP_MODE_SERVER)
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
    struct dhcp_subnet subnets[CONFIG_MAX_SUBNETS];
    struct dhcp_config to;
    struct dhcp_policy policy;
    AUTO_FREE char *log = config_state_path(config, "leases.log");
    if (!log)
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    check_styles(&serve->server);
    dhcp_config_defaults(&to);
    to.mode = from->mode;
    to.interfaces = serve->sockets.interfaces.list;
    to.interface_count = serve->sockets.interfaces.count;
    to.tls_port = serve->sockets.ports.tls;
    to.http_port = serve->sockets.ports.http;
    to.proxy_styles = from->styles;
    to.proxy_style_count = from->style_count;
    for (size_t i = 0; i < from->subnet_count; i++)
        copy_subnet(&from->subnets[i], &subnets[i]);
    to.subnets = subnets;
    to.subnet_count = from->subnet_count;
    if (from->mode == DHCP_MODE_SERVER)
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
