/* SPDX-License-Identifier: Apache-2.0 */
/* Tables of hosts and who is who; changes are in host-change.c. */
#include "core/server/hosts/host.h"

#include <stdio.h>
#include <string.h>

#include "core/server/hosts/host-internal.h"
#include "core/util/json.h"
#include "core/util/log.h"

#define CONFLICT_AGAIN_MS (60 * 1000)

struct hosts *hosts_new(struct loop *loop, struct store *store,
                        host_event *event, void *arg, struct err *err)
{
    struct hosts *hosts = calloc(1, sizeof(*hosts));
    if (!hosts) {
        (void)err_set(err, ERR_NO_MEMORY, "out of memory for hosts");
        return NULL;
    }
    hosts->loop = loop;
    hosts->store = store;
    hosts->event = event;
    hosts->event_arg = arg;
    return hosts;
}

void hosts_free(struct hosts *hosts)
{
    if (!hosts)
        return;
    for (size_t i = 0; i < hosts->by_alias.count; i++)
        free(hosts->by_alias.entries[i].value);
    for (size_t i = 0; i < hosts->by_id.count; i++)
        host_record_free(hosts->by_id.entries[i].value);
    table_done(&hosts->by_alias);
    table_done(&hosts->by_address);
    table_done(&hosts->by_id);
    free(hosts);
}

void hosts_set_dock_macs(struct hosts *hosts,
                         const char (*macs)[IDENTITY_MAC_BYTES], size_t count)
{
    hosts->dock_macs = macs;
    hosts->dock_mac_count = count;
}

bool hosts_dock_mac(const struct hosts *hosts, const char *mac)
{
    for (size_t i = 0; i < hosts->dock_mac_count; i++)
        if (strcmp(hosts->dock_macs[i], mac) == 0)
            return true;
    return false;
}

int64_t hosts_wall_s(const struct hosts *hosts)
{
    const struct seam *seam = loop_seam(hosts->loop);
    return seam->wall_s(seam->context);
}

/* --- tables ------------------------------------------------------------- */

static void forget_aliases(struct hosts *hosts, const struct host *host)
{
    char keys[HOST_MAX_ALIASES][HOST_ALIAS_BYTES];
    size_t count = host_record_aliases(host, keys);
    for (size_t i = 0; i < count; i++)
        free(table_remove(&hosts->by_alias, keys[i]));
    if (table_find(&hosts->by_address, host->reserved_address) == host)
        (void)table_remove(&hosts->by_address, host->reserved_address);
}

static int enter_aliases(struct hosts *hosts, struct host *host)
{
    char keys[HOST_MAX_ALIASES][HOST_ALIAS_BYTES];
    size_t count = host_record_aliases(host, keys);
    for (size_t i = 0; i < count; i++) {
        struct host_alias *alias = calloc(1, sizeof(*alias));
        if (!alias)
            return -1;
        memcpy(alias->key, keys[i], sizeof(alias->key));
        alias->host = host;
        if (table_add(&hosts->by_alias, alias->key, alias)) {
            free(alias);
            return -1;
        }
    }
    return host->reserved_address[0]
               ? table_add(&hosts->by_address, host->reserved_address, host)
               : 0;
}

struct host *hosts_enter(struct hosts *hosts, struct host *host)
{
    struct host *old = table_find(&hosts->by_id, host->id);
    if (old) {
        forget_aliases(hosts, old);
        struct host swap = *old;
        *old = *host;
        *host = swap;
        host_record_free(host);
        host = old;
    } else if (table_add(&hosts->by_id, host->id, host)) {
        host_record_free(host);
        return NULL;
    }
    if (enter_aliases(hosts, host))
        log_error(
            "Host '%s' shares a name or address with another host in memory",
            host->name);
    return host;
}

void hosts_remove(struct hosts *hosts, struct host *host)
{
    forget_aliases(hosts, host);
    table_remove(&hosts->by_id, host->id);
    host_record_free(host);
}

struct host *hosts_by_alias(const struct hosts *hosts, const char *key)
{
    const struct host_alias *alias = table_find(&hosts->by_alias, key);
    return alias ? alias->host : NULL;
}

const struct host *host_find(const struct hosts *hosts, const char *id)
{
    return table_find(&hosts->by_id, id);
}

const struct host *host_find_name(const struct hosts *hosts, const char *name)
{
    char key[HOST_ALIAS_BYTES];
    if (strlen(name) >= MESSAGE_NAME_BYTES)
        return NULL;
    snprintf(key, sizeof(key), "name/%s", name);
    return hosts_by_alias(hosts, key);
}

const struct host *host_find_reserved(const struct hosts *hosts,
                                      const char *address)
{
    return table_find(&hosts->by_address, address);
}

static struct host *by_mac(const struct hosts *hosts, const char *text)
{
    char mac[IDENTITY_MAC_BYTES], key[IDENTITY_KEY_BYTES];
    if (!text || !*text || identity_mac_parse(text, mac, NULL) ||
        hosts_dock_mac(hosts, mac))
        return NULL;
    identity_mac_key(mac, key);
    return hosts_by_alias(hosts, key);
}

const struct host *host_find_any(const struct hosts *hosts, const char *text)
{
    const struct host *host = host_find_name(hosts, text);
    if (!host)
        host = host_find(hosts, text);
    return host ? host : by_mac(hosts, text);
}

const struct host *host_next(const struct hosts *hosts, const char *after)
{
    size_t i = table_after(&hosts->by_id, after);
    return i < hosts->by_id.count ? hosts->by_id.entries[i].value : NULL;
}

size_t hosts_count(const struct hosts *hosts)
{
    return hosts->by_id.count;
}

json_t *host_json(const struct host *host)
{
    json_t *json = host_record_format(host);
    if (json)
        json_object_del(json, "schema");
    return json;
}

/* --- loading ------------------------------------------------------------ */

static int enter(void *owner, const struct store_doc *doc, struct err *err)
{
    struct host *host;
    int code = host_record_parse(doc->json, &host, err);
    if (code != 0)
        return code;
    host->revision = doc->revision;
    if (!hosts_enter(owner, host))
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    return 0;
}

void hosts_load(struct hosts *hosts, store_loaded *loaded, void *arg)
{
    store_load(hosts->store, "/v1/host/", enter, hosts, loaded, arg);
}

/* --- who is who --------------------------------------------------------- */

static struct host *by_uuid(const struct hosts *hosts, const char *text)
{
    char uuid[IDENTITY_UUID_BYTES], other[IDENTITY_UUID_BYTES];
    char key[IDENTITY_KEY_BYTES];
    if (!text || !*text || identity_uuid_parse(text, uuid, NULL))
        return NULL;
    identity_uuid_key(uuid, key);
    struct host *host = hosts_by_alias(hosts, key);
    if (host)
        return host;
    identity_uuid_swap(uuid, other);
    identity_uuid_key(other, key);
    return hosts_by_alias(hosts, key);
}

enum host_match host_identify(const struct hosts *hosts, const char *mac,
                              const char *uuid, const struct host **ret_host)
{
    const struct host *a = by_mac(hosts, mac);
    const struct host *b = by_uuid(hosts, uuid);
    *ret_host = a ? a : b;
    if (a && b && a != b)
        return HOST_CONFLICT;
    return *ret_host ? HOST_KNOWN : HOST_UNKNOWN;
}

void host_conflict_seen(struct hosts *hosts, const struct host *mac_host,
                        const char *mac, const char *uuid)
{
    char both[sizeof(hosts->conflict)];
    uint64_t now = loop_now_ms(hosts->loop);
    snprintf(both, sizeof(both), "%.17s%.36s", mac, uuid);
    if (strcmp(both, hosts->conflict) == 0 &&
        now - hosts->conflict_ms < CONFLICT_AGAIN_MS)
        return;
    memcpy(hosts->conflict, both, sizeof(both));
    hosts->conflict_ms = now;
    const struct host *other = by_uuid(hosts, uuid);
    hosts->event(hosts->event_arg, "identity-conflict",
                 json_pack("{s:s, s:s, s:s, s:s}", "host", mac_host->name,
                           "other_host", other ? other->name : "", "mac", mac,
                           "uuid", uuid));
}

void host_unknown_seen(struct hosts *hosts, const char *mac, const char *uuid,
                       const char *arch)
{
    struct unknown_host seen = {.first_s = hosts_wall_s(hosts)};
    size_t i = 0;
    snprintf(seen.mac, sizeof(seen.mac), "%s", mac);
    while (i < hosts->unknown_count &&
           strcmp(hosts->unknown[i].mac, seen.mac) != 0)
        i++;
    bool fresh = i == hosts->unknown_count;
    if (!fresh)
        seen = hosts->unknown[i];
    else if (hosts->unknown_count < HOSTS_MAX_UNKNOWN)
        hosts->unknown_count++;
    else
        i = HOSTS_MAX_UNKNOWN - 1;
    snprintf(seen.uuid, sizeof(seen.uuid), "%s", uuid);
    snprintf(seen.arch, sizeof(seen.arch), "%s", arch);
    seen.last_s = hosts_wall_s(hosts);
    seen.count++;
    memmove(&hosts->unknown[1], &hosts->unknown[0],
            i * sizeof(*hosts->unknown));
    hosts->unknown[0] = seen;
    if (fresh &&
        allowance_take(&hosts->unknown_told, loop_now_ms(hosts->loop),
                       HOSTS_UNKNOWN_PER_S, 1000))
        hosts->event(hosts->event_arg, "host-unknown",
                     json_pack("{s:s, s:s, s:s}", "mac", seen.mac, "uuid",
                               seen.uuid, "arch", seen.arch));
}

json_t *hosts_unknown_json(const struct hosts *hosts)
{
    json_t *list = json_array();
    for (size_t i = 0; list && i < hosts->unknown_count; i++) {
        const struct unknown_host *u = &hosts->unknown[i];
        json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:I, s:I, s:I}",
                                              "mac", u->mac, "uuid", u->uuid,
                                              "arch", u->arch, "first_s",
                                              (json_int_t)u->first_s, "last_s",
                                              (json_int_t)u->last_s, "count",
                                              (json_int_t)u->count));
    }
    return list;
}
