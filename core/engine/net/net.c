/* SPDX-License-Identifier: Apache-2.0 */
#include "core/engine/net/net.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include "core/engine/net/lldp.h"
#include "core/engine/net/net-dhcp.h"
#include "core/engine/net/net-link.h"
#include "core/util/log.h"

struct port_state {
    struct net *net;
    size_t place; /* in net->ports */
    struct dhcp_client *client;
    int lldp_fd; /* -1 = it cannot be listened on */
};

struct net {
    struct loop *loop;
    int request_fd;
    int event_fd;
    struct loop_watch *watch;
    uint8_t uuid[16];
    bool has_uuid;
    struct net_port ports[NET_PORTS_MAX];
    struct port_state states[NET_PORTS_MAX];
    size_t count;
    struct net_handlers handlers;
    void *arg;
};

static void tell(struct net *net, const struct net_port *port)
{
    if (net->handlers.on_change)
        net->handlers.on_change(net->arg, port);
}

static void warn(const struct net_port *port, const struct err *err)
{
    log_warn("network port '%s': %s", port->name, err->text);
}

static void drop_lease(struct net *net, struct net_port *port)
{
    struct err err = ERR_INIT;
    if (port->leased &&
        link_remove_address(net->request_fd, port->index, port->address,
                            port->prefix_length, &err))
        warn(port, &err);
    port->leased = false;
    port->address.s_addr = 0;
    port->router.s_addr = 0;
}

/* A renewal changes nothing that anybody would see. */
static bool same_lease(const struct net_port *port,
                       const struct dhcp_lease *lease)
{
    return port->leased && port->address.s_addr == lease->address.s_addr &&
           port->prefix_length == lease->prefix_length &&
           port->router.s_addr == lease->router.s_addr;
}

static void on_lease(void *arg, const struct dhcp_lease *lease)
{
    struct port_state *state = arg;
    struct net *net = state->net;
    struct net_port *port = &net->ports[state->place];
    struct err err = ERR_INIT;
    if (lease && same_lease(port, lease))
        return;
    drop_lease(net, port);
    if (lease) {
        if (link_add_address(net->request_fd, port->index, lease->address,
                             lease->prefix_length, &err)) {
            warn(port, &err);
            return;
        }
        port->address = lease->address;
        port->prefix_length = lease->prefix_length;
        port->router = lease->router;
        port->dhcp_server = lease->server;
        port->lease_s = lease->lease_s;
        port->leased = true;
        if (lease->router.s_addr &&
            link_add_default_route(net->request_fd, port->index, lease->router,
                                   &err))
            warn(port, &err);
    }
    tell(net, port);
}

static void start_client(struct net *net, struct port_state *state)
{
    struct net_port *port = &net->ports[state->place];
    struct err err = ERR_INIT;
    struct dhcp_client_spec spec = {.interface_index = port->index,
                                    .uuid = net->has_uuid ? net->uuid : NULL,
                                    .name = port->name};
    memcpy(spec.mac, port->mac, sizeof(spec.mac));
    if (dhcp_client_new(net->loop, &spec, on_lease, state, &state->client,
                        &err))
        warn(port, &err);
}

static void stop_client(struct net *net, struct port_state *state)
{
    dhcp_client_free(TAKE(state->client));
    drop_lease(net, &net->ports[state->place]);
}

static struct net_port *port_find(struct net *net, unsigned index)
{
    for (size_t i = 0; i < net->count; i++)
        if (net->ports[i].index == index)
            return &net->ports[i];
    return NULL;
}

static struct net_port *port_add(struct net *net, const struct link *link)
{
    struct err err = ERR_INIT;
    if (net->count == NET_PORTS_MAX)
        return NULL;
    struct net_port *port = &net->ports[net->count];
    memset(port, 0, sizeof(*port));
    port->index = link->index;
    memcpy(port->mac, link->mac, sizeof(port->mac));
    (void)snprintf(port->name, sizeof(port->name), "%s", link->name);
    net->states[net->count] =
        (struct port_state){.net = net,
                            .place = net->count,
                            .lldp_fd = lldp_listen(link->index, &err)};
    if (net->states[net->count].lldp_fd < 0)
        warn(port, &err);
    net->count++;
    return port;
}

static void take_link(struct net *net, const struct link *link)
{
    struct err err = ERR_INIT;
    struct net_port *port = port_find(net, link->index);
    bool news = !port;
    if (!port)
        port = port_add(net, link);
    if (!port)
        return; /* more than NET_PORTS_MAX */
    if (!link->up && link_set_up(net->request_fd, link->index, &err))
        warn(port, &err);
    struct port_state *state = &net->states[port - net->ports];
    if (port->carrier != link->carrier) {
        port->carrier = link->carrier;
        news = true;
        if (link->carrier)
            start_client(net, state);
        else
            stop_client(net, state);
    }
    if (news)
        tell(net, port);
}

/* A USB card that was pulled out: its entry stays, without a link. */
static void take_absent(struct net *net, const struct link *links, size_t count)
{
    for (size_t i = 0; i < net->count; i++) {
        bool there = false;
        for (size_t j = 0; j < count; j++)
            there |= links[j].index == net->ports[i].index;
        if (there || !net->ports[i].carrier)
            continue;
        net->ports[i].carrier = false;
        net->ports[i].leased = false; /* its address went with it */
        stop_client(net, &net->states[i]);
        tell(net, &net->ports[i]);
    }
}

static int refresh(struct net *net, struct err *err)
{
    struct link links[NET_PORTS_MAX];
    size_t count = 0;
    int rc = link_list(net->request_fd, links, NET_PORTS_MAX, &count, err);
    if (rc)
        return rc;
    for (size_t i = 0; i < count; i++)
        take_link(net, &links[i]);
    take_absent(net, links, count);
    return 0;
}

static void on_event(void *arg, unsigned events)
{
    struct net *net = arg;
    struct err err = ERR_INIT;
    (void)events;
    /* Which port it was about does not matter: all are looked at again. */
    if (link_drain(net->event_fd) && refresh(net, &err))
        log_warn("%s", err.text);
}

int net_open(struct loop *loop, const uint8_t *uuid,
             const struct net_handlers *handlers, void *arg,
             struct net **ret_net, struct err *err)
{
    struct net *net = calloc(1, sizeof(*net));
    if (!net)
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    net->loop = loop;
    net_set_handlers(net, handlers, arg);
    if (uuid) {
        net->has_uuid = true;
        memcpy(net->uuid, uuid, sizeof(net->uuid));
    }
    int rc = 0;
    net->event_fd = link_socket(true, err);
    net->request_fd = net->event_fd < 0 ? -1 : link_socket(false, err);
    if (net->request_fd < 0)
        rc = ERR_IO;
    if (!rc) {
        net->watch = loop_watch(loop, net->event_fd, LOOP_READ, on_event, net);
        if (!net->watch)
            rc = err_set(err, ERR_NO_MEMORY, "out of memory");
    }
    if (!rc)
        rc = refresh(net, err);
    if (rc) {
        net_free(net);
        return rc;
    }
    *ret_net = net;
    return 0;
}

void net_free(struct net *net)
{
    if (!net)
        return;
    for (size_t i = 0; i < net->count; i++) {
        dhcp_client_free(net->states[i].client);
        if (net->states[i].lldp_fd >= 0)
            (void)close(net->states[i].lldp_fd);
    }
    loop_watch_cancel(net->watch);
    if (net->event_fd >= 0)
        (void)close(net->event_fd);
    if (net->request_fd >= 0)
        (void)close(net->request_fd);
    free(net);
}

void net_set_handlers(struct net *net, const struct net_handlers *handlers,
                      void *arg)
{
    net->handlers = handlers ? *handlers : (struct net_handlers){0};
    net->arg = arg;
}

const struct net_port *net_ports(const struct net *net, size_t *ret_count)
{
    *ret_count = net->count;
    return net->ports;
}

int net_lldp(const struct net *net, const char *name)
{
    for (size_t i = 0; i < net->count; i++)
        if (!strcmp(net->ports[i].name, name))
            return net->states[i].lldp_fd;
    return -1;
}

const char *net_mac_text(const uint8_t mac[6], char out[NET_MAC_TEXT_BYTES])
{
    (void)snprintf(out, NET_MAC_TEXT_BYTES, "%02x:%02x:%02x:%02x:%02x:%02x",
                   mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
    return out;
}
