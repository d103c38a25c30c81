/* SPDX-License-Identifier: Apache-2.0 */
/* The DHCP server's configuration: checked once, copied, constant. */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "core/server/dhcp/dhcp-internal.h"

void dhcp_config_defaults(struct dhcp_config *config)
{
    *config = (struct dhcp_config){
        .lease_s = 3600,
        /* EDK2 chooses an offer after 4 s, iPXE after up to 10 s. */
        .offer_ms = 30000,
        .quarantine_s = 600,
        .port67 = {.local.port = PACKET_SERVER_PORT,
                   .broadcast = true,
                   .fd = -1},
        .pxe = {.local.port = PACKET_PXE_PORT, .broadcast = true, .fd = -1},
    };
}

bool subnet_has(const struct dhcp_subnet *subnet, struct in_addr address)
{
    return ((address.s_addr ^ subnet->network.s_addr) &
            subnet->netmask.s_addr) == 0;
}

const struct dhcp_interface *subnet_interface(const struct dhcp_config *config,
                                              const struct dhcp_subnet *subnet)
{
    for (size_t i = 0; i < config->interface_count; i++)
        if (subnet_has(subnet, config->interfaces[i].address))
            return &config->interfaces[i];
    return NULL;
}

static const char *text_of(struct in_addr address, char out[INET_ADDRSTRLEN])
{
    return inet_ntop(AF_INET, &address, out, INET_ADDRSTRLEN);
}

static bool range_has(const struct dhcp_range *range, struct in_addr address)
{
    uint32_t wanted = ntohl(address.s_addr);
    return wanted >= ntohl(range->first.s_addr) &&
           wanted <= ntohl(range->last.s_addr);
}

static bool netmask_ok(struct in_addr netmask)
{
    uint32_t host = ~ntohl(netmask.s_addr);
    return netmask.s_addr != 0 && (host & (host + 1)) == 0;
}

static int check_special(const struct dhcp_range *range,
                         struct in_addr special, struct err *err)
{
    char first[INET_ADDRSTRLEN];
    char last[INET_ADDRSTRLEN];
    char other[INET_ADDRSTRLEN];
    if (special.s_addr == 0 || !range_has(range, special))
        return 0;
    return err_set(err, ERR_INVALID,
                   "the address pool %s-%s contains %s, which no client may "
                   "have",
                   text_of(range->first, first), text_of(range->last, last),
                   text_of(special, other));
}

static int check_range(const struct dhcp_config *config,
                       const struct dhcp_subnet *subnet,
                       const struct dhcp_range *range, struct err *err)
{
    char first[INET_ADDRSTRLEN];
    char last[INET_ADDRSTRLEN];
    char other[INET_ADDRSTRLEN];
    struct in_addr broadcast = {subnet->network.s_addr |
                                ~subnet->netmask.s_addr};
    int code;
    (void)text_of(range->first, first);
    (void)text_of(range->last, last);
    if (ntohl(range->first.s_addr) > ntohl(range->last.s_addr))
        return err_set(err, ERR_INVALID,
                       "the address pool %s-%s ends before it begins", first,
                       last);
    if (!subnet_has(subnet, range->first) || !subnet_has(subnet, range->last))
        return err_set(err, ERR_INVALID,
                       "the address pool %s-%s is not in the network of %s",
                       first, last, text_of(subnet->network, other));
    if ((code = check_special(range, subnet->network, err)) ||
        (code = check_special(range, broadcast, err)) ||
        (code = check_special(range, subnet->router, err)))
        return code;
    for (size_t i = 0; i < config->interface_count; i++)
        if ((code = check_special(range, config->interfaces[i].address, err)))
            return code;
    return 0;
}

static int check_overlap(const struct dhcp_config *config,
                         const struct dhcp_range *range, struct err *err)
{
    char first[INET_ADDRSTRLEN];
    char other[INET_ADDRSTRLEN];
    for (size_t i = 0; i < config->subnet_count; i++) {
        for (size_t k = 0; k < config->subnets[i].range_count; k++) {
            const struct dhcp_range *at = &config->subnets[i].ranges[k];
            if (at != range && range_has(at, range->first))
                return err_set(err, ERR_INVALID,
                               "the address pools that begin with %s and %s "
                               "overlap",
                               text_of(range->first, first),
                               text_of(at->first, other));
        }
    }
    return 0;
}

static int check_subnet(const struct dhcp_config *config,
                        const struct dhcp_subnet *subnet, struct err *err)
{
    char network[INET_ADDRSTRLEN];
    (void)text_of(subnet->network, network);
    if (!netmask_ok(subnet->netmask))
        return err_set(err, ERR_INVALID,
                       "the network %s has a netmask that is not one",
                       network);
    if (subnet->network.s_addr & ~subnet->netmask.s_addr)
        return err_set(err, ERR_INVALID,
                       "the address %s is one inside its network, not the "
                       "network's own",
                       network);
    if (subnet->router.s_addr && !subnet_has(subnet, subnet->router))
        return err_set(err, ERR_INVALID,
                       "the router is not in the network %s", network);
    if (subnet->dns_count > DHCP_DNS_MAX)
        return err_set(err, ERR_INVALID,
                       "at most %d name servers can be told to clients",
                       DHCP_DNS_MAX);
    if (subnet->domain && strlen(subnet->domain) > 128)
        return err_set(err, ERR_INVALID,
                       "the domain has more than 128 characters");
    for (size_t i = 0; i < subnet->range_count; i++) {
        int code = check_range(config, subnet, &subnet->ranges[i], err);
        if (!code)
            code = check_overlap(config, &subnet->ranges[i], err);
        if (code)
            return code;
    }
    return 0;
}

enum proxy_style dhcp_config_style(const struct dhcp_config *config,
                                   const char *arch)
{
    for (size_t i = 0; i < config->proxy_style_count; i++)
        if (strcmp(config->proxy_styles[i].arch, arch) == 0)
            return config->proxy_styles[i].style;
    return PROXY_STYLE_DEFAULT;
}

int dhcp_config_check(const struct dhcp_config *config, struct err *err)
{
    if (config->interface_count == 0)
        return err_set(err, ERR_INVALID, "there is no interface to serve");
    for (size_t i = 0; i < config->interface_count; i++)
        if (config->interfaces[i].address.s_addr == 0)
            return err_set(err, ERR_INVALID,
                           "an interface lacks the server's own address");
    if (config->mode == DHCP_MODE_PROXY)
        return 0;
    if (config->subnet_count == 0)
        return err_set(err, ERR_INVALID, "there is no network to serve");
    if (config->lease_s < 60)
        return err_set(err, ERR_INVALID,
                       "a lease of %u s is too short, 60 s is the least",
                       config->lease_s);
    for (size_t i = 0; i < config->subnet_count; i++) {
        int code = check_subnet(config, &config->subnets[i], err);
        if (code)
            return code;
    }
    return 0;
}

static char *copy_text(const char *text, bool *failed)
{
    char *copy = text ? strdup(text) : NULL;
    *failed |= text && !copy;
    return copy;
}

static void copy_subnet(struct dhcp_subnet *out, const struct dhcp_subnet *in,
                        bool *failed)
{
    struct dhcp_range *ranges = calloc(in->range_count + 1, sizeof(*ranges));
    *out = *in;
    out->ranges = ranges;
    if (ranges && in->range_count)
        memcpy(ranges, in->ranges, in->range_count * sizeof(*ranges));
    *failed |= !ranges;
    out->domain = copy_text(in->domain, failed);
}

int dhcp_config_copy(struct dhcp *d, const struct dhcp_config *config)
{
    bool failed = false;
    d->config = *config;
    d->config.lease_log = NULL; /* needed by dhcp_new only */
    d->config.subnet_count = d->config.proxy_style_count = 0;
    /* One more of each, for an empty list is no NULL. */
    d->interfaces = calloc(config->interface_count + 1, sizeof(*d->interfaces));
    d->subnets = calloc(config->subnet_count + 1, sizeof(*d->subnets));
    d->proxy_styles =
        calloc(config->proxy_style_count + 1, sizeof(*d->proxy_styles));
    if (!d->interfaces || !d->subnets || !d->proxy_styles)
        return ERR_NO_MEMORY;
    memcpy(d->interfaces, config->interfaces,
           config->interface_count * sizeof(*d->interfaces));
    for (size_t i = 0; i < config->subnet_count; i++)
        copy_subnet(&d->subnets[i], &config->subnets[i], &failed);
    for (size_t i = 0; i < config->proxy_style_count; i++)
        d->proxy_styles[i] = (struct dhcp_proxy_style){
            copy_text(config->proxy_styles[i].arch, &failed),
            config->proxy_styles[i].style};
    d->config.interfaces = d->interfaces;
    d->config.subnets = d->subnets;
    d->config.subnet_count = config->subnet_count;
    d->config.proxy_styles = d->proxy_styles;
    d->config.proxy_style_count = config->proxy_style_count;
    return failed ? ERR_NO_MEMORY : 0;
}

void dhcp_config_free(struct dhcp *d)
{
    for (size_t i = 0; i < d->config.subnet_count; i++) {
        free((void *)d->subnets[i].ranges);
        free((void *)d->subnets[i].domain);
    }
    for (size_t i = 0; i < d->config.proxy_style_count; i++)
        free((void *)d->proxy_styles[i].arch);
    free(d->interfaces);
    free(d->subnets);
    free(d->proxy_styles);
}
