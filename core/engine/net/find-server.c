/* SPDX-License-Identifier: Apache-2.0 */
#include "core/engine/net/find-server.h"

#include <stdio.h>
#include <string.h>

/* One round of asking; then the trust file's servers, or another round. */
#define ROUND_MS 20000

struct find_server {
    struct target *target;
    const struct trust *trust;
    struct console *console;
    struct loop *loop;
    uint64_t began_ms;
    uint64_t patience_ms;
    struct rendezvous_search *search;
    struct rendezvous_port ports[RENDEZVOUS_MAX_PORTS];
    size_t count;
    struct loop_timer *timer;
    bool complained;
    find_server_done *done;
    void *arg;
};

static void search_again(void *arg);

static void schedule(struct find_server *find, uint64_t delay_ms)
{
    loop_timer_cancel(find->timer);
    find->timer = loop_timer(find->loop, delay_ms, search_again, find);
}

static void finish(struct find_server *find, const struct found_servers *found,
                   const struct err *err)
{
    loop_timer_cancel(find->timer);
    find->timer = NULL;
    if (find->target->net)
        net_set_handlers(find->target->net, NULL, NULL);
    rendezvous_free(find->search);
    find->search = NULL;
    find->done(find->arg, found, err);
}

static void use_port(const struct rendezvous_port *port,
                     struct found_servers *found)
{
    struct endpoint own = {.address = port->address};

    (void)endpoint_address(&own, found->address);
    (void)net_mac_text(port->mac, found->mac);
}

/* The trust file's servers, when it names any. */
static bool fall_back(struct find_server *find)
{
    struct found_servers found = {.ticket = ""};

    for (size_t i = 0; i < find->trust->server_count; i++)
        (void)message_servers_add(&found.servers, find->trust->servers[i]);
    if (found.servers.count == 0)
        return false;
    if (find->count > 0)
        use_port(&find->ports[0], &found);
    finish(find, &found, NULL);
    return true;
}

static void on_rendezvous(void *arg, const struct rendezvous_result *result,
                          const struct err *err)
{
    struct find_server *find = arg;
    struct found_servers found = {.ticket = ""};

    if (!result) {
        if (fall_back(find))
            return;
        if (!find->complained)
            console_trouble(find->console, err->text,
                            "check that the server runs and that this port's "
                            "network reaches it; still asking");
        find->complained = true;
        schedule(find, 0);
        return;
    }
    for (size_t i = 0; i < result->server_count; i++)
        (void)message_servers_add(&found.servers, result->servers[i]);
    (void)snprintf(found.ticket, sizeof(found.ticket), "%s", result->ticket);
    use_port(&find->ports[result->port], &found);
    finish(find, &found, NULL);
}

static void collect_ports(struct find_server *find)
{
    size_t count;

    if (!find->target->net)
        return; /* what was given stays */
    const struct net_port *ports = net_ports(find->target->net, &count);
    find->count = 0;
    for (size_t i = 0; i < count && find->count < RENDEZVOUS_MAX_PORTS; i++) {
        struct rendezvous_port *port = &find->ports[find->count];
        if (!ports[i].leased || !ports[i].carrier)
            continue;
        memcpy(port->name, ports[i].name, sizeof(port->name));
        memcpy(port->mac, ports[i].mac, sizeof(port->mac));
        port->interface_index = ports[i].index;
        port->address = ports[i].address;
        find->count++;
    }
}

/* The UUID as the firmware stores it: the first three fields of the text are
 * little-endian there (SMBIOS 3.x, 7.2.1). */
static bool uuid_bytes(const json_t *facts, uint8_t out[16])
{
    const char *text = json_string_value(
        json_object_get(json_object_get(facts, "system"), "uuid"));
    static const uint8_t order[16] = {3, 2, 1,  0,  5,  4,  7,  6,
                                      8, 9, 10, 11, 12, 13, 14, 15};
    char hex[33];
    uint8_t raw[16];
    size_t used = 0;

    for (; text && *text && used < sizeof(hex); text++)
        if (*text != '-')
            hex[used++] = *text;
    if (used != 32)
        return false;
    hex[32] = '\0';
    if (hex_parse(hex, raw, sizeof(raw)) < 0)
        return false;
    for (size_t i = 0; i < sizeof(raw); i++)
        out[i] = raw[order[i]];
    return true;
}

static void search_again(void *arg)
{
    struct find_server *find = arg;
    uint64_t waited_ms = loop_now_ms(find->loop) - find->began_ms;
    struct err err = ERR_INIT;
    uint8_t uuid[16];

    find->timer = NULL;
    rendezvous_free(find->search);
    find->search = NULL;
    collect_ports(find);
    if (waited_ms >= find->patience_ms) {
        (void)err_set(&err, ERR_TIMEOUT, "%s",
                      find->count > 0
                          ? "no Slipway server has answered on this network"
                          : "no network port has got a link and an address");
        finish(find, NULL, &err);
        return;
    }
    if (find->count == 0) {
        schedule(find, find->patience_ms - waited_ms); /* or a port changes */
        return;
    }
    find->search =
        rendezvous_start(find->loop, find->ports, find->count,
                         uuid_bytes(find->target->facts, uuid) ? uuid : NULL,
                         MIN((uint64_t)ROUND_MS, find->patience_ms - waited_ms),
                         on_rendezvous, find, &err);
    if (!find->search)
        finish(find, NULL, &err);
}

static void on_port_change(void *arg, const struct net_port *port)
{
    struct find_server *find = arg;

    if (port->leased)
        schedule(find, 0);
}

static void use_given(void *arg)
{
    struct find_server *find = arg;
    struct found_servers found = {.ticket = ""};
    struct err err = ERR_INIT;
    const struct target *target = find->target;

    find->timer = NULL;
    if (!target->server && fall_back(find))
        return;
    if (!target->server || server_name_check(target->server, &err) < 0) {
        if (!target->server)
            (void)err_set(&err, ERR_NOT_FOUND,
                          "neither the command line nor the trust file names a "
                          "server");
        finish(find, NULL, &err);
        return;
    }
    (void)message_servers_add(&found.servers, target->server);
    if (target->ticket)
        (void)snprintf(found.ticket, sizeof(found.ticket), "%s",
                       target->ticket);
    if (target->net)
        collect_ports(find);
    if (target->net && find->count == 0 &&
        loop_now_ms(find->loop) - find->began_ms < find->patience_ms) {
        find->timer = loop_timer(find->loop, 200, use_given, find);
        return;
    }
    if (find->count > 0)
        use_port(&find->ports[0], &found);
    finish(find, &found, NULL);
}

struct find_server *find_server_start(const struct find_server_setup *setup,
                                      find_server_done *done, void *arg,
                                      struct err *err)
{
    static const struct net_handlers handlers = {on_port_change};
    struct find_server *find = calloc(1, sizeof(*find));

    if (!find) {
        (void)err_set(err, ERR_NO_MEMORY, "not enough memory to find a server");
        return NULL;
    }
    find->target = setup->target;
    find->trust = setup->trust;
    find->console = setup->console;
    find->loop = find->target->loop;
    find->began_ms = loop_now_ms(find->loop);
    find->patience_ms = setup->patience_ms;
    find->done = done;
    find->arg = arg;
    if (setup->port)
        find->ports[find->count++] = *setup->port;
    if (find->target->server || (!find->target->net && find->count == 0)) {
        find->timer = loop_timer(find->loop, 0, use_given, find);
        return find;
    }
    if (find->target->net)
        net_set_handlers(find->target->net, &handlers, find);
    schedule(find, 0);
    return find;
}

void find_server_free(struct find_server *find)
{
    if (!find)
        return;
    if (find->target->net)
        net_set_handlers(find->target->net, NULL, NULL);
    loop_timer_cancel(find->timer);
    rendezvous_free(find->search);
    free(find);
}
