/* SPDX-License-Identifier: Apache-2.0 */
/* REST: hosts. */
#include <stdio.h>
#include <string.h>

#include "core/server/api/api.h"
#include "core/server/event.h"
#include "core/server/hosts/host.h"
#include "core/server/rest/route.h"
#include "core/server/server.h"

static const struct host *find(struct server *server, struct request *r)
{
    const char *id = request_path_value(r, "id");
    const struct host *host = host_find_any(server->hosts, id);
    if (!host)
        request_problem(r, "not-found", "there is no host '%s'", id);
    return host;
}

static void reply_host(struct request *r, unsigned status,
                       const struct host *host)
{
    json_t *body = host_json(host);
    if (body)
        request_reply(r, status, body, host->revision);
    else
        request_problem(r, "internal", "out of memory");
}

void api_host_list(struct server *server, struct request *r)
{
    size_t limit;
    const char *after;
    if (route_paging(r, &limit, &after) < 0)
        return;
    json_t *items = json_array();
    const struct host *host = host_next(server->hosts, after);
    const char *last = NULL;
    for (; host && json_array_size(items) < limit;
         host = host_next(server->hosts, last)) {
        (void)json_array_append_new(items, host_json(host));
        last = host->id;
    }
    route_reply_list(r, items, host ? last : NULL);
}

void api_host_get(struct server *server, struct request *r)
{
    const struct host *host = find(server, r);
    if (host)
        reply_host(r, 200, host);
}

/* ---- changes ---- */

/* A change on its way through the store. */
struct host_request {
    struct server *server;
    struct request *r;
    char id[MESSAGE_ID_BYTES]; /* of the host, once it has one */
    char name[MESSAGE_NAME_BYTES];
};

static struct host_request *host_request_new(struct server *server,
                                             struct request *r,
                                             const struct host *host)
{
    struct host_request *h = calloc(1, sizeof(*h));
    if (!h) {
        request_problem(r, "internal", "out of memory");
        return NULL;
    }
    h->server = server;
    h->r = r;
    (void)snprintf(h->id, sizeof(h->id), "%s", host ? host->id : "");
    (void)snprintf(h->name, sizeof(h->name), "%s", host ? host->name : "");
    return h;
}

static void tell(const struct host_request *h, const char *event)
{
    events_emit(h->server->events, event,
                json_pack("{s:s, s:s}", "host", h->id, "host_name", h->name));
}

/* `host` is the one that was made or changed. */
static void host_request_end(struct host_request *h, unsigned status,
                             const char *event, const struct host *host,
                             const struct err *err)
{
    if (err) {
        request_fail(h->r, err);
    } else {
        (void)snprintf(h->id, sizeof(h->id), "%s", host->id);
        (void)snprintf(h->name, sizeof(h->name), "%s", host->name);
        tell(h, event);
        reply_host(h->r, status, host);
    }
    free(h);
}

static void on_created(void *arg, const struct host *host,
                       const struct err *err)
{
    host_request_end(arg, 201, "host-created", host, err);
}

void api_host_create(struct server *server, struct request *r)
{
    struct host_request *h = host_request_new(server, r, NULL);
    if (h)
        host_create(server->hosts, request_body(r), on_created, h);
}

static void on_changed(void *arg, const struct host *host,
                       const struct err *err)
{
    host_request_end(arg, 200, "host-changed", host, err);
}

void api_host_change(struct server *server, struct request *r)
{
    const struct host *host = find(server, r);
    uint64_t expected = STORE_ANY;
    if (!host)
        return;
    (void)request_if_match(r, &expected);
    struct host_request *h = host_request_new(server, r, host);
    if (h)
        host_change(server->hosts, host->id, request_body(r), expected,
                    on_changed, h);
}

static void on_deleted(void *arg, const struct host *host,
                       const struct err *err)
{
    struct host_request *h = arg;
    (void)host; /* it is gone */
    if (err) {
        request_fail(h->r, err);
    } else {
        tell(h, "host-deleted");
        request_reply(h->r, 204, NULL, 0);
    }
    free(h);
}

void api_host_delete(struct server *server, struct request *r)
{
    const struct host *host = find(server, r);
    uint64_t expected = STORE_ANY;
    if (!host)
        return;
    (void)request_if_match(r, &expected);
    struct host_request *h = host_request_new(server, r, host);
    if (h)
        host_delete(server->hosts, host->id, expected, on_deleted, h);
}

void api_host_unknown(struct server *server, struct request *r)
{
    route_reply_list(r, hosts_unknown_json(server->hosts), NULL);
}
