/* SPDX-License-Identifier: Apache-2.0 */
/* Reading the configuration: see config.h. */
#include "core/server/config-internal.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "core/server/hosts/device-names.h"
#include "core/util/macros.h"
#include "core/util/num.h"

#define MAX_CONFIG_BYTES (64 * 1024)
#define TASKS_FOR_MS (90 * 24 * 3600 * 1000ull)
#define TASKS_MAX 10000

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

char *config_text(struct json_reader *r, const char *key, const char *fallback)
{
    const char *text = json_opt_text(r, key, fallback);
    return text && !r->code ? strdup(text) : NULL;
}

struct in_addr config_address(struct json_reader *r, const char *key,
                              const char *text)
{
    struct in_addr address = {0};
    if (text && inet_pton(AF_INET, text, &address) != 1)
        (void)json_reader_fail(r, key, "'%s' is no IPv4 address", text);
    return address;
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

static void read_store(struct json_reader *r, struct config *config)
{
    struct json_reader child;
    if (!json_has(r, "store")) {
        config->store_plugin = strdup("sqlite");
        config->store_location = config_state_path(config, "store.db");
        return;
    }
    json_reader_member(&child, r, "store");
    config->store_plugin = config_text(&child, "plugin", "sqlite");
    config->store_location = config_text(&child, "location", NULL);
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

static void read_retention(struct json_reader *r, struct config *config)
{
    struct json_reader child;
    struct err why = ERR_INIT;
    config->tasks_for_ms = TASKS_FOR_MS;
    config->tasks_max = TASKS_MAX;
    if (!json_has(r, "retention"))
        return;
    json_reader_member(&child, r, "retention");
    const char *text = json_opt_text(&child, "tasks_for", "90d");
    if (!child.code &&
        num_parse_duration(text, &config->tasks_for_ms, &why) < 0)
        (void)json_reader_fail(&child, "tasks_for", "%s", why.text);
    config->tasks_max =
        (size_t)json_opt_u64(&child, "tasks_max", 1, 100000, TASKS_MAX);
    if (json_done(&child) != 0)
        (void)json_reader_join(r, &child);
}

static void read_debug(struct json_reader *r, struct config *config)
{
    struct json_reader child;
    if (!json_has(r, "debug"))
        return;
    json_reader_member(&child, r, "debug");
    config->check_replies = json_opt_bool(&child, "check_replies", false);
    if (json_done(&child) != 0)
        (void)json_reader_join(r, &child);
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
    config->user = config_text(&r, "user", NULL);
    config->address = config_text(&r, "address", NULL);
    if (!r.code && !config->address)
        (void)json_reader_fail(&r, "address", "this key is required: our own "
                               "address on the boot network");
    if (!r.code)
        (void)config_address(&r, "address", config->address);
    config_read_interfaces(&r, config);
    read_ports(&r, &config->ports);
    if (!r.code)
        config_read_dhcp(&r, config);
    if (!r.code)
        read_store(&r, config);
    config->plugin_dir =
        take_path(&r, "plugin_dir",
                  from_environment("SLIPWAY_PLUGIN_DIR", PKGLIBDIR "/plugins"));
    config->boot_dir = boot_dir(&r);
    config->device_names_dir =
        take_path(&r, "device_names_dir", DEVICE_NAMES_DIR);
    read_dock_macs(&r, config);
    read_log(&r, config);
    read_retention(&r, config);
    read_debug(&r, config);
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
         !config->plugin_dir || !config->boot_dir ||
         !config->device_names_dir))
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
    free(config->path);
    free(config->state_dir);
    free(config->user);
    free(config->address);
    config_free_dhcp(&config->dhcp);
    free(config->store_plugin);
    free(config->store_location);
    free(config->plugin_dir);
    free(config->boot_dir);
    free(config->device_names_dir);
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
