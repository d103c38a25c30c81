/* SPDX-License-Identifier: Apache-2.0 */
/* REST: hosts. */
#include <string.h>

#include "core/server/api.h"
#include "core/server/event.h"
#include "core/server/host.h"
#include "core/server/route.h"
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

static void on_created(void *arg, const struct host *host,
                       const struct err *err)
{
    if (err)
        request_fail(arg, err);
    else
        reply_host(arg, 201, host);
}

void api_host_create(struct server *server, struct request *r)
{
    host_create(server->hosts, request_body(r), on_created, r);
}

static void on_changed(void *arg, const struct host *host,
                       const struct err *err)
{
    if (err)
        request_fail(arg, err);
    else
        reply_host(arg, 200, host);
}

void api_host_change(struct server *server, struct request *r)
{
    const struct host *host = find(server, r);
    uint64_t expected = STORE_ANY;
    if (!host)
        return;
    (void)request_if_match(r, &expected);
    host_change(server->hosts, host->id, request_body(r), expected, on_changed,
                r);
}

static void on_deleted(void *arg, const struct host *host,
                       const struct err *err)
{
    (void)host;
    if (err)
        request_fail(arg, err);
    else
        request_reply(arg, 204, NULL, 0);
}

void api_host_delete(struct server *server, struct request *r)
{
    const struct host *host = find(server, r);
    uint64_t expected = STORE_ANY;
    if (!host)
        return;
    (void)request_if_match(r, &expected);
    host_delete(server->hosts, host->id, expected, on_deleted, r);
}

void api_host_unknown(struct server *server, struct request *r)
{
    route_reply_list(r, hosts_unknown_json(server->hosts), NULL);
}
