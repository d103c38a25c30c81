/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of hosts share; nobody else includes this. */
#ifndef CORE_SERVER_HOSTS_HOST_INTERNAL_H
#define CORE_SERVER_HOSTS_HOST_INTERNAL_H

#include "core/server/hosts/host-record.h"
#include "core/server/store/table.h"
#include "core/util/allowance.h"
#include "core/util/loop.h"

struct host_alias {
    char key[HOST_ALIAS_BYTES];
    struct host *host;
};

struct unknown_host {
    char mac[IDENTITY_MAC_BYTES];
    char uuid[IDENTITY_UUID_BYTES];
    char arch[33];
    int64_t first_s;
    int64_t last_s;
    uint64_t count;
};

struct hosts {
    struct loop *loop;
    struct store *store;
    host_event *event;
    void *event_arg;
    const char (*dock_macs)[IDENTITY_MAC_BYTES];
    size_t dock_mac_count;
    struct table by_id;      /* struct host */
    struct table by_alias;   /* struct host_alias */
    struct table by_address; /* struct host: reserved addresses */
    /* Newest first. */
    struct unknown_host unknown[HOSTS_MAX_UNKNOWN];
    size_t unknown_count;
    struct allowance unknown_told; /* events */
    /* The last conflict told, so that a machine that keeps asking does not
     * flood the event stream. */
    char conflict[IDENTITY_MAC_BYTES + IDENTITY_UUID_BYTES];
    uint64_t conflict_ms;
};

int64_t hosts_wall_s(const struct hosts *hosts);
/* Puts `host` (taken) into the tables under its names, in place of an older
 * version, whose address stays valid; NULL = no memory. */
struct host *hosts_enter(struct hosts *hosts, struct host *host);
void hosts_remove(struct hosts *hosts, struct host *host);
/* The host that has the alias "mac/...", "uuid/...", "name/...". */
struct host *hosts_by_alias(const struct hosts *hosts, const char *key);

#endif
