/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The configuration file of slipwayd: strict JSON, read once, constant after
 * start.  slipwayd.json(5) describes each key.
 */
#ifndef CORE_SERVER_CONFIG_H
#define CORE_SERVER_CONFIG_H

#include <net/if.h>
#include <stdbool.h>

#include "core/server/dhcp/dhcp.h"
#include "core/server/hosts/identity.h"
#include "core/util/err.h"
#include "core/util/log.h"
#include "core/util/seam.h"

#define CONFIG_MAX_INTERFACES 7 /* with `address` 8 servers in a plan */
#define CONFIG_MAX_SUBNETS 64
#define CONFIG_MAX_POOLS 16 /* of one subnet */
#define CONFIG_MAX_STYLES 32
#define CONFIG_MAX_DOCK_MACS 256
#define CONFIG_DEFAULT_PATH SYSCONFDIR "/slipway/slipwayd.json"

/* One of `interfaces`. */
struct config_interface {
    char name[IF_NAMESIZE];
    struct in_addr address; /* ours there; 0 = the one that it has */
};

struct config_subnet {
    struct in_addr network;
    struct in_addr netmask;
    struct dhcp_range pools[CONFIG_MAX_POOLS];
    size_t pool_count;
    struct in_addr router; /* 0.0.0.0 = none is told */
    struct in_addr dns[DHCP_DNS_MAX];
    size_t dns_count;
    char *domain; /* NULL = none is told */
};

struct config_dhcp {
    enum dhcp_mode mode;
    struct config_subnet *subnets; /* none for a proxy */
    size_t subnet_count;
    uint64_t lease_ms;
    bool probe; /* addresses are probed before they are offered */
    struct dhcp_proxy_style styles[CONFIG_MAX_STYLES];
    size_t style_count;
};

/* 0 = any free port; the ready line tells which. */
struct config_ports {
    uint16_t tls;  /* 7443: REST and engines */
    uint16_t http; /* 7080: boot files and objects */
    uint16_t dhcp; /* 67 */
    uint16_t pxe;  /* 4011 */
    uint16_t tftp; /* 69 */
};

struct config {
    char *path;       /* of the file, for messages */
    char *state_dir;  /* absolute */
    char *user;       /* name or number to run as; NULL = whoever starts it */
    char *address;    /* ours on the boot network, told to every client */
    struct config_interface interfaces[CONFIG_MAX_INTERFACES];
    size_t interface_count; /* 0 = every interface */
    struct config_ports ports;
    bool has_dhcp; /* without: no DHCP, no TFTP */
    struct config_dhcp dhcp;
    char *store_plugin;   /* "sqlite" */
    char *store_location; /* default: STATE_DIR/store.db */
    char *plugin_dir;     /* default: $SLIPWAY_PLUGIN_DIR, then PKGLIBDIR */
    char *boot_dir;       /* shipped boot files; default:
                             $SLIPWAY_DATA_DIR/boot, then PKGDATADIR/boot */
    char *device_names_dir; /* of pci.ids and usb.ids (device-names.h) */
    /* Addresses of docks and network dongles, which go from machine to
     * machine and so name none. */
    char (*dock_macs)[IDENTITY_MAC_BYTES];
    size_t dock_mac_count;
    enum log_level log_level;
    enum log_format log_format;
    uint64_t tasks_for_ms; /* how long tasks that are over are kept */
    size_t tasks_max;      /* and how many of them at most */
    bool check_replies; /* REST replies that break their schema become 500 */
};

int config_load(const char *path, struct config **ret_config,
                struct err *err);
void config_free(struct config *config);

/* STATE_DIR/name; the caller frees it; NULL = no memory. */
char *config_state_path(const struct config *config, const char *name);

#endif
