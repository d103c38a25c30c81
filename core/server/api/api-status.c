/* SPDX-License-Identifier: Apache-2.0 */
/* REST: status, trust file, leases, audit. */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include <config.h>
#include "core/boot/boot-table.h"
#include "core/server/api/api.h"
#include "core/server/audit.h"
#include "core/server/config.h"
#include "core/server/dhcp/dhcp.h"
#include "core/server/event.h"
#include "core/server/hosts/host.h"
#include "core/server/images/images.h"
#include "core/server/rest/route.h"
#include "core/server/server.h"
#include "core/server/sessions/session.h"
#include "core/server/site.h"
#include "core/server/sockets.h"
#include "core/server/store/store.h"
#include "core/server/workers/worker.h"
#include "core/util/num.h"

/* ---- status ---- */

static void add_worker(void *arg, const struct worker_status *status)
{
    json_t *item = json_pack(
        "{s:s, s:I, s:b, s:b, s:I}", "name", status->name, "pid",
        (json_int_t)status->pid, "ready", status->ready, "draining",
        status->draining, "restarts", (json_int_t)status->restarts);
    if (item)
        (void)json_array_append_new(arg, item); /* short of memory: shorter */
}

static json_t *dhcp_status(const struct server *server)
{
    struct dhcp_counters c;
    if (!server->dhcp)
        return json_null();
    dhcp_counters(server->dhcp, &c);
    return json_pack(
        "{s:I, s:I, s:I, s:I, s:I, s:I}", "received", (json_int_t)c.received,
        "answered", (json_int_t)c.answered, "malformed",
        (json_int_t)c.malformed, "log_failed", (json_int_t)c.log_failed,
        "pool_size", (json_int_t)c.pool_size, "pool_free",
        (json_int_t)c.pool_free);
}

static json_t *counts(const struct server *server)
{
    json_int_t images = 0;
    const struct image *image = NULL;
    while ((image = images_after(server->images, image ? image->id : NULL)))
        images++;
    return json_pack(
        "{s:I, s:I, s:I, s:I, s:I}", "hosts",
        (json_int_t)hosts_count(server->hosts), "images",
        images, "sessions",
        (json_int_t)sessions_count(server->sessions), "boot_files",
        (json_int_t)boot_table_count(server->boot_table), "connections",
        (json_int_t)http_connection_count(server->http));
}

static json_t *ports(const struct server *server)
{
    const struct config_ports *p = &server->sockets->ports;
    return json_pack("{s:i, s:i, s:i, s:i, s:i}", "tls", p->tls, "http",
                     p->http, "dhcp", p->dhcp, "pxe", p->pxe, "tftp", p->tftp);
}

struct status_request {
    struct server *server;
    struct request *r;
};

static void on_health(void *arg, uint64_t revision, const struct err *err)
{
    struct status_request *status = arg;
    struct server *server = status->server;
    struct request *r = status->r;
    const struct seam *seam = loop_seam(server->loop);
    json_t *workers = json_array();
    (void)revision;
    free(status);
    workers_list(server->workers, add_worker, workers);
    json_t *body = json_pack(
        "{s:s, s:s, s:s, s:s, s:I, s:s, s:o, s:o, s:o, s:o, s:I}", "version",
        PACKAGE_VERSION, "site", server->site->id, "server",
        server->site->server_id, "address", server->config->address,
        "uptime_s",
        (json_int_t)(seam->wall_s(seam->context) - server->started_s),
        "store", err ? err->text : "ok", "ports", ports(server), "counts",
        counts(server), "workers", workers, "dhcp", dhcp_status(server),
        "newest_event", (json_int_t)events_newest(server->events));
    if (body)
        request_reply(r, 200, body, 0);
    else
        request_problem(r, "internal", "out of memory");
}

void api_status(struct server *server, struct request *r)
{
    struct status_request *status = calloc(1, sizeof(*status));
    if (!status) {
        request_problem(r, "internal", "out of memory");
        return;
    }
    *status = (struct status_request){server, r};
    store_health(server->store, on_health, status);
}

/* ---- the trust file ---- */

void api_trust(struct server *server, struct request *r)
{
    const char *text = server->site->trust;
    char hex[DIGEST_HEX_BYTES];
    request_reply_bytes(r, 200, "application/json", text, strlen(text),
                        "Slipway-Digest",
                        digest_hex(&server->site->trust_digest, hex));
}

/* ---- leases ---- */

struct lease_page {
    const struct server *server;
    json_t *items;
    size_t limit;
    uint32_t after; /* an address in host order; its lease may be gone */
    bool more;
};

static void add_lease(void *arg, const struct dhcp_lease_view *lease)
{
    struct lease_page *page = arg;
    const struct host *host =
        lease->mac[0] ? host_find_any(page->server->hosts, lease->mac) : NULL;
    struct in_addr address = {0};
    (void)inet_pton(AF_INET, lease->address, &address); /* ours, so valid */
    if (ntohl(address.s_addr) <= page->after)
        return;
    if (json_array_size(page->items) == page->limit) {
        page->more = true;
        return;
    }
    json_t *item = json_pack(
        "{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:I}", "address", lease->address,
        "mac", lease->mac, "host", host ? host->id : "", "host_name",
        host ? host->name : "", "client", lease->client, "client_name",
        lease->host_name, "state", lease->state, "until_s",
        (json_int_t)lease->until_s);
    if (item)
        (void)json_array_append_new(page->items, item);
}

void api_leases(struct server *server, struct request *r)
{
    struct lease_page page = {.server = server};
    struct in_addr address = {0};
    const char *after;
    if (route_paging(r, &page.limit, &after) < 0)
        return;
    if (after && inet_pton(AF_INET, after, &address) != 1) {
        request_problem(r, "malformed",
                        "the query argument 'after': this is no IPv4 address");
        return;
    }
    page.after = ntohl(address.s_addr);
    page.items = json_array();
    if (server->dhcp)
        dhcp_leases(server->dhcp, add_lease, &page);
    size_t count = json_array_size(page.items);
    const json_t *last = count ? json_array_get(page.items, count - 1) : NULL;
    route_reply_list(r, page.items,
                     page.more ? json_string_value(
                                     json_object_get(last, "address"))
                               : NULL);
}

/* ---- audit ---- */

void api_audit(struct server *server, struct request *r)
{
    size_t limit;
    const char *after;
    uint64_t number = 0;
    bool more = false;
    char next[24];
    struct err err = ERR_INIT;
    if (route_paging(r, &limit, &after) < 0)
        return;
    if (after && num_parse_u64(after, 0, UINT64_MAX - 1, &number, &err) < 0) {
        request_problem(r, "malformed", "the query argument 'after': %s",
                        err.text);
        return;
    }
    json_t *items = audit_list(server->audit, number, limit, &more, &err);
    if (!items) {
        request_fail(r, &err);
        return;
    }
    (void)snprintf(next, sizeof(next), "%llu",
                   (unsigned long long)(number + json_array_size(items)));
    route_reply_list(r, items, more ? next : NULL);
}
