/* SPDX-License-Identifier: Apache-2.0 */
/* Reading the configuration: see config.h. */
#include "core/server/config.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include "core/util/json.h"
#include "core/util/macros.h"
#include "core/util/num.h"

#define MAX_CONFIG_BYTES (64 * 1024)
#define LEASE_MIN_MS (60 * 1000)
#define LEASE_MAX_MS (7 * 24 * 3600 * 1000ull)

/* A copy of a text member that must be an absolute path. */
static char *take_path(struct json_reader *r, const char *key,
                       const char *fallback)
{
    const char *text = json_opt_text(r, key, fallback);
    if (!text || r->code)
        return NULL;
    if (text[0] != '/')
        (void)json_reader_fail(r, key, "'%s' must be an absolute path", text);
    return strdup(text);
}

static char *take_text(struct json_reader *r, const char *key,
                       const char *fallback)
{
    const char *text = json_opt_text(r, key, fallback);
    return text && !r->code ? strdup(text) : NULL;
}

static struct in_addr parse_address(struct json_reader *r, const char *key,
                                    const char *text)
{
    struct in_addr address = {0};
    if (text && inet_pton(AF_INET, text, &address) != 1)
        (void)json_reader_fail(r, key, "'%s' is no IPv4 address", text);
    return address;
}

static struct in_addr take_address(struct json_reader *r, const char *key)
{
    return parse_address(r, key, json_opt_text(r, key, NULL));
}

static void read_interfaces(struct json_reader *r, struct config *config)
{
    const json_t *list = json_opt_array(r, "interfaces");
    const char *name = json_string_value(json_array_get(list, 0));
    if (json_array_size(list) == 0)
        return;
    if (json_array_size(list) > 1)
        (void)json_reader_fail(r, "interfaces", "only one boot network is "
                               "served so far; name its interface");
    else if (!name || !name[0] || strlen(name) >= IF_NAMESIZE)
        (void)json_reader_fail(r, "interfaces", "this is no interface name");
    else
        config->interface = strdup(name);
}

static void read_ports(struct json_reader *r, struct config_ports *ports)
{
    struct json_reader child;
    *ports = (struct config_ports){7443, 7080, 67, 4011, 69};
    if (!json_has(r, "ports"))
        return;
    json_reader_member(&child, r, "ports");
    ports->tls = (uint16_t)json_opt_u64(&child, "tls", 0, 65535, 7443);
    ports->http = (uint16_t)json_opt_u64(&child, "http", 0, 65535, 7080);
    ports->dhcp = (uint16_t)json_opt_u64(&child, "dhcp", 0, 65535, 67);
    ports->pxe = (uint16_t)json_opt_u64(&child, "pxe", 0, 65535, 4011);
    ports->tftp = (uint16_t)json_opt_u64(&child, "tftp", 0, 65535, 69);
    if (json_done(&child) != 0)
        (void)json_reader_join(r, &child);
}

static void read_pools(struct json_reader *r, struct config_dhcp *dhcp)
{
    const json_t *list = json_get_array(r, "pools");
    if (r->code)
        return;
    size_t count = json_array_size(list);
    if (count == 0 || count > CONFIG_MAX_POOLS) {
        (void)json_reader_fail(r, "pools", "there must be 1 to %d ranges",
                               CONFIG_MAX_POOLS);
        return;
    }
    for (size_t i = 0; i < count && !r->code; i++) {
        struct json_reader item;
        json_reader_element(&item, r, "pools", i);
        struct config_pool *pool = &dhcp->pools[dhcp->pool_count++];
        const char *first = json_get_text(&item, "first");
        const char *last = json_get_text(&item, "last");
        if (!item.code) {
            pool->first = parse_address(&item, "first", first);
            pool->last = parse_address(&item, "last", last);
        }
        if (!item.code && ntohl(pool->first.s_addr) > ntohl(pool->last.s_addr))
            (void)json_reader_fail(&item, "last", "'%s' is below '%s'", last,
                                   first);
        if (json_done(&item) != 0)
            (void)json_reader_join(r, &item);
    }
}

static void read_dns(struct json_reader *r, struct config_dhcp *dhcp)
{
    const json_t *list = json_opt_array(r, "dns");
    size_t i;
    json_t *item;
    if (json_array_size(list) > CONFIG_MAX_DNS)
        (void)json_reader_fail(r, "dns", "at most %d servers", CONFIG_MAX_DNS);
    json_array_foreach (list, i, item) {
        const char *text = json_string_value(item);
        struct in_addr address = parse_address(r, "dns", text ? text : "");
        if (r->code)
            return;
        dhcp->dns[dhcp->dns_count++] = address;
    }
}

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

/* Every pool must lie on the network that netmask and our address span. */
static void check_pools(struct json_reader *r, const struct config *config)
{
    const struct config_dhcp *dhcp = &config->dhcp;
    struct in_addr own = {0};
    uint32_t mask = ntohl(dhcp->netmask.s_addr);
    (void)inet_pton(AF_INET, config->address, &own);
    uint32_t inverse = ~mask;
    if (mask == 0 || (inverse & (inverse + 1)) != 0) {
        (void)json_reader_fail(r, "netmask", "it is no netmask such as "
                               "255.255.255.0");
        return;
    }
    for (size_t i = 0; i < dhcp->pool_count; i++) {
        uint32_t first = ntohl(dhcp->pools[i].first.s_addr);
        uint32_t last = ntohl(dhcp->pools[i].last.s_addr);
        if (((first ^ ntohl(own.s_addr)) & mask) != 0 ||
            ((last ^ ntohl(own.s_addr)) & mask) != 0) {
            (void)json_reader_fail(r, "pools", "range %zu is not on the "
                                   "network of the address '%s'", i,
                                   config->address);
            return;
        }
    }
}

static void read_dhcp(struct json_reader *r, struct config *config)
{
    struct json_reader child;
    struct config_dhcp *dhcp = &config->dhcp;
    if (!json_has(r, "dhcp"))
        return;
    json_reader_member(&child, r, "dhcp");
    const char *mode = json_opt_text(&child, "mode", "server");
    if (!child.code && strcmp(mode, "server") != 0)
        (void)json_reader_fail(&child, "mode", "only 'server' is there so "
                               "far: slipwayd gives the addresses; answering "
                               "beside another DHCP server comes later");
    read_pools(&child, dhcp);
    if (!child.code)
        dhcp->netmask = parse_address(&child, "netmask",
                                      json_get_text(&child, "netmask"));
    dhcp->router = take_address(&child, "router");
    read_dns(&child, dhcp);
    dhcp->domain = take_text(&child, "domain", NULL);
    read_lease(&child, dhcp);
    dhcp->probe = json_opt_bool(&child, "probe", true);
    if (!child.code)
        check_pools(&child, config);
    if (json_done(&child) != 0)
        (void)json_reader_join(r, &child);
    config->has_dhcp = true;
}

static void read_store(struct json_reader *r, struct config *config)
{
    struct json_reader child;
    if (!json_has(r, "store")) {
        config->store_plugin = strdup("sqlite");
        config->store_location = config_state_path(config, "store.db");
        return;
    }
    json_reader_member(&child, r, "store");
    config->store_plugin = take_text(&child, "plugin", "sqlite");
    config->store_location = take_text(&child, "location", NULL);
    if (!config->store_location)
        config->store_location = config_state_path(config, "store.db");
    if (json_done(&child) != 0)
        (void)json_reader_join(r, &child);
}

static void read_log(struct json_reader *r, struct config *config)
{
    struct json_reader child;
    config->log_level = LOG_INFO;
    config->log_format = LOG_FORMAT_TEXT;
    if (!json_has(r, "log"))
        return;
    json_reader_member(&child, r, "log");
    const char *level = json_opt_text(&child, "level", "info");
    const char *format = json_opt_text(&child, "format", "text");
    if (!child.code && log_level_parse(level, &config->log_level) < 0)
        (void)json_reader_fail(&child, "level", "'%s' is not one of error, "
                               "warn, notice, info, debug", level);
    if (!child.code && strcmp(format, "json") == 0)
        config->log_format = LOG_FORMAT_JSON;
    else if (!child.code && strcmp(format, "text") != 0)
        (void)json_reader_fail(&child, "format", "'%s' is not text or json",
                               format);
    if (json_done(&child) != 0)
        (void)json_reader_join(r, &child);
}

static void read_dock_macs(struct json_reader *r, struct config *config)
{
    const json_t *list = json_opt_array(r, "dock_macs");
    size_t count = json_array_size(list);
    struct err why = ERR_INIT;
    if (count > CONFIG_MAX_DOCK_MACS)
        (void)json_reader_fail(r, "dock_macs", "at most %d addresses",
                               CONFIG_MAX_DOCK_MACS);
    if (count == 0 || r->code)
        return;
    config->dock_macs = calloc(count, sizeof(*config->dock_macs));
    if (!config->dock_macs)
        (void)json_reader_fail(r, "dock_macs", "out of memory");
    for (size_t i = 0; i < count && !r->code; i++) {
        const char *text = json_string_value(json_array_get(list, i));
        if (identity_mac_parse(text ? text : "", config->dock_macs[i], &why))
            (void)json_reader_fail(r, "dock_macs", "entry %zu: %s", i,
                                   why.text);
        else
            config->dock_mac_count++;
    }
}

static const char *from_environment(const char *name, const char *fallback)
{
    const char *value = getenv(name);
    return value && value[0] == '/' ? value : fallback;
}

/* $SLIPWAY_DATA_DIR/boot in a build tree, else the installed folder. */
static char *boot_dir(struct json_reader *r)
{
    char *path = NULL;
    if (json_has(r, "boot_dir"))
        return take_path(r, "boot_dir", NULL);
    if (asprintf(&path, "%s/boot",
                 from_environment("SLIPWAY_DATA_DIR", PKGDATADIR)) < 0)
        return NULL;
    return path;
}

static int read_config(struct config *config, const json_t *root,
                       struct err *err)
{
    struct json_reader r;
    json_reader_init(&r, root, "$", err);
    config->state_dir = take_path(&r, "state_dir", LOCALSTATEDIR
                                  "/lib/slipway");
    config->user = take_text(&r, "user", NULL);
    config->address = take_text(&r, "address", NULL);
    if (!r.code && !config->address)
        (void)json_reader_fail(&r, "address", "this key is required: our own "
                               "address on the boot network");
    if (!r.code)
        (void)parse_address(&r, "address", config->address);
    read_interfaces(&r, config);
    read_ports(&r, &config->ports);
    if (!r.code)
        read_dhcp(&r, config);
    if (!r.code)
        read_store(&r, config);
    config->plugin_dir =
        take_path(&r, "plugin_dir",
                  from_environment("SLIPWAY_PLUGIN_DIR", PKGLIBDIR "/plugins"));
    config->boot_dir = boot_dir(&r);
    read_dock_macs(&r, config);
    read_log(&r, config);
    return json_done(&r);
}

int config_load(const char *path, struct config **ret_config, struct err *err)
{
    AUTO_JSON *root = json_read_file(path, MAX_CONFIG_BYTES, err);
    if (!root)
        return err_prefix(err, "configuration: ");
    struct config *config = calloc(1, sizeof(*config));
    if (!config)
        return err_set(err, ERR_NO_MEMORY, "no memory for the configuration");
    config->path = strdup(path);
    int code = read_config(config, root, err);
    if (code == 0 &&
        (!config->path || !config->state_dir || !config->address ||
         !config->store_plugin || !config->store_location ||
         !config->plugin_dir || !config->boot_dir))
        code = err_set(err, ERR_NO_MEMORY, "no memory for the configuration");
    if (code != 0) {
        config_free(config);
        return err_prefix(err, "configuration '%s': ", path);
    }
    *ret_config = config;
    return 0;
}

void config_free(struct config *config)
{
    if (!config)
        return;
    free(config->interface);
    free(config->path);
    free(config->state_dir);
    free(config->user);
    free(config->address);
    free(config->dhcp.domain);
    free(config->store_plugin);
    free(config->store_location);
    free(config->plugin_dir);
    free(config->boot_dir);
    free(config->dock_macs);
    free(config);
}

char *config_state_path(const struct config *config, const char *name)
{
    char *path = NULL;
    if (!config->state_dir ||
        asprintf(&path, "%s/%s", config->state_dir, name) < 0)
        return NULL;
    return path;
}
