/* SPDX-License-Identifier: Apache-2.0 */
/* Where a step's objects come from. */
#include <stdio.h>
#include <string.h>

#include "core/engine/actions/action-host-parts.h"

static void add_server(struct object_servers *servers, const char *address,
                       size_t length, unsigned port)
{
    char *text = servers->text[servers->count];

    (void)snprintf(text, sizeof(servers->text[0]), "%.*s:%u", (int)length,
                   address, port);
    servers->list[servers->count++] = text;
}

/* The one that the session has comes first: it can be reached, while another
 * of the list may be the same server's address on somebody else's network. */
static size_t nearest(const struct action_host *host,
                      const struct message_servers *known)
{
    const char *own = session_server(host->spec.session);

    for (size_t i = 0; i < known->count; i++)
        if (strcmp(known->text[i], own) == 0)
            return i;
    return 0;
}

void action_object_servers(const struct action_host *host,
                           struct object_servers *ret)
{
    const struct message_servers *known =
        session_known_servers(host->spec.session);
    const struct plan *plan = host->spec.plan;

    ret->count = 0;
    for (size_t k = 0; k < known->count; k++) {
        size_t i = (nearest(host, known) + k) % known->count;
        const char *colon = strrchr(known->text[i], ':');
        if (colon && known->http_port[i])
            add_server(ret, known->text[i], (size_t)(colon - known->text[i]),
                       known->http_port[i]);
    }
    for (size_t i = 0; known->http_port[0] == 0 && i < plan->server_count; i++)
        add_server(ret, plan->servers[i].address,
                   strlen(plan->servers[i].address),
                   plan->servers[i].http_port);
}

void action_host_servers_changed(struct action_host *host)
{
    struct object_servers servers;

    if (!host->pipeline)
        return;
    action_object_servers(host, &servers);
    pipeline_client_servers(host->pipeline, servers.list, servers.count);
}
