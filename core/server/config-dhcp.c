/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration's `interfaces` and `dhcp`: see config.h. */
#include <arpa/inet.h>
#include <string.h>

#include "core/server/config-internal.h"
#include "core/util/macros.h"
#include "core/util/num.h"

#define LEASE_MIN_MS (60 * 1000)
#define LEASE_MAX_MS (7 * 24 * 3600 * 1000ull)

/* ---- interfaces ---- */

static void read_interface(struct json_reader *r, const json_t *item, size_t i,
                           struct config_interface *out)
{
    struct json_reader child;
    const char *name = json_string_value(item);
    if (!json_is_string(item)) {
        json_reader_element(&child, r, "interfaces", i);
        name = json_get_text(&child, "name");
        out->address = config_address(&child, "address",
                                      json_get_text(&child, "address"));
        if (json_done(&child) != 0)
            (void)json_reader_join(r, &child);
    }
    if (r->code)
        return;
    if (!name[0] || strlen(name) >= sizeof(out->name) || strchr(name, '/'))
        (void)json_reader_fail(r, "interfaces", "entry %zu is no interface "
                               "name", i);
    else
        memcpy(out->name, name, strlen(name) + 1);
}

void config_read_interfaces(struct json_reader *r, struct config *config)
{
    const json_t *list = json_opt_array(r, "interfaces");
    size_t i;
    json_t *item;
    if (json_array_size(list) > CONFIG_MAX_INTERFACES)
        (void)json_reader_fail(r, "interfaces", "at most %d interfaces are "
                               "served", CONFIG_MAX_INTERFACES);
    json_array_foreach (list, i, item) {
        if (r->code)
            return;
        struct config_interface *at = &config->interfaces[i];
        read_interface(r, item, i, at);
        for (size_t k = 0; !r->code && k < i; k++)
            if (strcmp(config->interfaces[k].name, at->name) == 0)
                (void)json_reader_fail(r, "interfaces", "'%s' is there twice",
                                       at->name);
        config->interface_count = i + 1;
    }
}

/* ---- subnets ---- */

static bool has(const struct config_subnet *subnet, struct in_addr address)
{
    return ((subnet->network.s_addr ^ address.s_addr) &
            subnet->netmask.s_addr) == 0;
}

/* "192.0.2.0/24" */
static void read_network(struct json_reader *r, struct config_subnet *subnet)
{
    const char *text = json_get_text(r, "network");
    char address[INET_ADDRSTRLEN];
    uint64_t bits = 0;
    if (r->code)
        return;
    size_t length = strcspn(text, "/");
    bool good = text[length] == '/' && length < sizeof(address) &&
                num_parse_u64(text + length + 1, 1, 30, &bits, NULL) == 0;
    if (good) {
        memcpy(address, text, length);
        address[length] = '\0';
        subnet->netmask.s_addr = htonl(~(UINT32_MAX >> bits));
        good = inet_pton(AF_INET, address, &subnet->network) == 1 &&
               !(subnet->network.s_addr & ~subnet->netmask.s_addr);
    }
    if (!good)
        (void)json_reader_fail(r, "network", "'%s' is no network such as "
                               "192.0.2.0/24", text);
}

/* The short form: the network of our own address. */
static void read_netmask(struct json_reader *r, const char *own,
                         struct config_subnet *subnet)
{
    struct in_addr address = {0};
    const char *text = json_get_text(r, "netmask");
    if (r->code)
        return;
    subnet->netmask = config_address(r, "netmask", text);
    uint32_t host_bits = ~ntohl(subnet->netmask.s_addr);
    if (!r->code && (subnet->netmask.s_addr == 0 ||
                     (host_bits & (host_bits + 1)) != 0))
        (void)json_reader_fail(r, "netmask", "it is no netmask such as "
                               "255.255.255.0");
    (void)inet_pton(AF_INET, own, &address);
    subnet->network.s_addr = address.s_addr & subnet->netmask.s_addr;
}

static void read_pool(struct json_reader *r, size_t i,
                      struct config_subnet *subnet)
{
    struct json_reader item;
    struct dhcp_range *pool = &subnet->pools[i];
    json_reader_element(&item, r, "pools", i);
    const char *first = json_get_text(&item, "first");
    const char *last = json_get_text(&item, "last");
    if (!item.code) {
        pool->first = config_address(&item, "first", first);
        pool->last = config_address(&item, "last", last);
    }
    if (!item.code && ntohl(pool->first.s_addr) > ntohl(pool->last.s_addr))
        (void)json_reader_fail(&item, "last", "'%s' is below '%s'", last,
                               first);
    if (!item.code && !has(subnet, pool->first))
        (void)json_reader_fail(&item, "first", "'%s' is not in the network "
                               "that the machines are on", first);
    if (!item.code && !has(subnet, pool->last))
        (void)json_reader_fail(&item, "last", "'%s' is not in the network "
                               "that the machines are on", last);
    if (json_done(&item) != 0)
        (void)json_reader_join(r, &item);
}

static void read_pools(struct json_reader *r, struct config_subnet *subnet)
{
    const json_t *list = json_get_array(r, "pools");
    size_t count = json_array_size(list);
    if (r->code)
        return;
    if (count == 0 || count > CONFIG_MAX_POOLS)
        (void)json_reader_fail(r, "pools", "there must be 1 to %d ranges",
                               CONFIG_MAX_POOLS);
    for (size_t i = 0; i < count && !r->code; i++) {
        read_pool(r, i, subnet);
        subnet->pool_count = i + 1;
    }
}

static void read_dns(struct json_reader *r, struct config_subnet *subnet)
{
    const json_t *list = json_opt_array(r, "dns");
    size_t i;
    json_t *item;
    if (json_array_size(list) > DHCP_DNS_MAX)
        (void)json_reader_fail(r, "dns", "at most %d servers", DHCP_DNS_MAX);
    json_array_foreach (list, i, item) {
        const char *text = json_string_value(item);
        struct in_addr address = config_address(r, "dns", text ? text : "");
        if (r->code)
            return;
        subnet->dns[subnet->dns_count++] = address;
    }
}

/* What both forms have. */
static void read_subnet(struct json_reader *r, struct config_subnet *subnet)
{
    read_pools(r, subnet);
    subnet->router = config_address(r, "router",
                                    json_opt_text(r, "router", NULL));
    if (!r->code && subnet->router.s_addr && !has(subnet, subnet->router))
        (void)json_reader_fail(r, "router", "it is not in the network of the "
                               "machines");
    read_dns(r, subnet);
    subnet->domain = config_text(r, "domain", NULL);
}

static void check_apart(struct json_reader *r, const struct config_dhcp *dhcp,
                        size_t newest)
{
    const struct config_subnet *one = &dhcp->subnets[newest];
    for (size_t i = 0; i < newest && !r->code; i++)
        if (has(&dhcp->subnets[i], one->network) ||
            has(one, dhcp->subnets[i].network))
            (void)json_reader_fail(r, "network", "it overlaps the network of "
                                   "entry %zu", i);
}

static void read_subnets(struct json_reader *r, struct config_dhcp *dhcp)
{
    const json_t *list = json_get_array(r, "subnets");
    size_t count = json_array_size(list);
    if (!r->code && (count == 0 || count > CONFIG_MAX_SUBNETS))
        (void)json_reader_fail(r, "subnets", "there must be 1 to %d networks",
                               CONFIG_MAX_SUBNETS);
    for (size_t i = 0; i < count && !r->code; i++) {
        struct json_reader item;
        json_reader_element(&item, r, "subnets", i);
        dhcp->subnet_count = i + 1;
        read_network(&item, &dhcp->subnets[i]);
        if (!item.code)
            check_apart(&item, dhcp, i);
        read_subnet(&item, &dhcp->subnets[i]);
        if (json_done(&item) != 0)
            (void)json_reader_join(r, &item);
    }
}

/* ---- dhcp ---- */

static void read_lease(struct json_reader *r, struct config_dhcp *dhcp)
{
    const char *text = json_opt_text(r, "lease_time", "1h");
    struct err why = ERR_INIT;
    if (r->code)
        return;
    if (num_parse_duration(text, &dhcp->lease_ms, &why) < 0)
        (void)json_reader_fail(r, "lease_time", "%s", why.text);
    else if (dhcp->lease_ms < LEASE_MIN_MS || dhcp->lease_ms > LEASE_MAX_MS)
        (void)json_reader_fail(r, "lease_time", "'%s' is not between 1m and "
                               "7d", text);
}

static void read_server(struct json_reader *r, const char *own,
                        struct config_dhcp *dhcp)
{
    read_lease(r, dhcp);
    dhcp->probe = json_opt_bool(r, "probe", true);
    dhcp->subnets = calloc(CONFIG_MAX_SUBNETS, sizeof(*dhcp->subnets));
    if (!dhcp->subnets) {
        (void)json_reader_fail(r, NULL, "out of memory");
    } else if (json_has(r, "subnets")) {
        read_subnets(r, dhcp);
    } else {
        dhcp->subnet_count = 1;
        read_netmask(r, own, &dhcp->subnets[0]);
        read_subnet(r, &dhcp->subnets[0]);
    }
}

/* {"x86-uefi": "direct"} */
static void read_styles(struct json_reader *r, struct config_dhcp *dhcp)
{
    const json_t *styles = json_opt_object(r, "proxy_style");
    const char *arch;
    json_t *value;
    if (json_object_size(styles) > CONFIG_MAX_STYLES)
        (void)json_reader_fail(r, "proxy_style", "at most %d kinds of "
                               "machines can have a style",
                               CONFIG_MAX_STYLES);
    if (r->code)
        return;
    json_object_foreach ((json_t *)styles, arch, value) {
        struct dhcp_proxy_style *at = &dhcp->styles[dhcp->style_count];
        const char *text = json_string_value(value);
        if (proxy_style_parse(text ? text : "", &at->style) < 0) {
            (void)json_reader_fail(r, "proxy_style", "the style of '%.64s' is "
                                   "neither 'direct' nor 'boot-server'", arch);
            return;
        }
        at->arch = strdup(arch);
        if (!at->arch)
            (void)json_reader_fail(r, NULL, "out of memory");
        dhcp->style_count++;
    }
}

static void read_proxy(struct json_reader *r, struct config_dhcp *dhcp)
{
    static const char *const servers_own[] = {
        "pools", "netmask", "router", "dns", "domain", "lease_time",
        "probe", "subnets"};
    for (size_t i = 0; i < ARRAY_LENGTH(servers_own) && !r->code; i++)
        if (json_has(r, servers_own[i]))
            (void)json_reader_fail(r, servers_own[i], "a proxy gives no "
                                   "addresses: leave this to the other DHCP "
                                   "server, or use the mode 'server'");
    read_styles(r, dhcp);
}

void config_read_dhcp(struct json_reader *r, struct config *config)
{
    struct json_reader child;
    struct config_dhcp *dhcp = &config->dhcp;
    if (!json_has(r, "dhcp"))
        return;
    json_reader_member(&child, r, "dhcp");
    const char *mode = json_opt_text(&child, "mode", "server");
    if (!child.code && strcmp(mode, "proxy") == 0) {
        dhcp->mode = DHCP_MODE_PROXY;
        read_proxy(&child, dhcp);
    } else if (!child.code && strcmp(mode, "server") == 0) {
        read_server(&child, config->address, dhcp);
    } else if (!child.code) {
        (void)json_reader_fail(&child, "mode", "'%s' is neither 'server' "
                               "(slipwayd gives the addresses) nor 'proxy' "
                               "(another DHCP server does)", mode);
    }
    if (json_done(&child) != 0)
        (void)json_reader_join(r, &child);
    config->has_dhcp = true;
}

void config_free_dhcp(struct config_dhcp *dhcp)
{
    for (size_t i = 0; i < dhcp->subnet_count; i++)
        free(dhcp->subnets[i].domain);
    for (size_t i = 0; i < dhcp->style_count; i++)
        free((void *)dhcp->styles[i].arch);
    free(dhcp->subnets);
}
