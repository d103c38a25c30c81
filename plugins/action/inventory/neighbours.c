/* SPDX-License-Identifier: Apache-2.0 */
/* Listening on every port with a link until its switch has spoken. */
#include "neighbours.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lldp.h"

#define PORTS_MAX 64
#define NEIGHBOURS_MAX 16 /* of one port: phones and hubs add some */
#define FRAME_BYTES 2048
#define BURST_MAX 256 /* frames read at once: no flood holds the step up */
#define SLICE_MS 500  /* how soon a cancel is seen */

struct listening {
    const struct slipway_action_host *host;
    size_t count;
    json_t *ports[PORTS_MAX]; /* borrowed */
    struct pollfd fds[PORTS_MAX];
};

static int put(json_t *object, const char *key, const char *text)
{
    return *text ? json_object_set_new(object, key, json_string(text)) : 0;
}

static json_t *capabilities_json(uint16_t capabilities)
{
    json_t *words = json_array();
    const char *word = NULL;
    for (unsigned bit = 0; (word = lldp_capability(bit)); bit++)
        if (capabilities & 1u << bit)
            (void)json_array_append_new(words, json_string(word));
    return words;
}

/* A new reference; NULL = no memory. */
static json_t *neighbour_json(const struct lldp_neighbour *n)
{
    json_t *json = json_pack("{s:s, s:s, s:s, s:s, s:i}", "chassis", n->chassis,
                             "chassis_kind", n->chassis_kind, "port", n->port,
                             "port_kind", n->port_kind, "ttl_s", (int)n->ttl_s);
    if (!json)
        return NULL;
    if (put(json, "port_description", n->port_description) ||
        put(json, "system", n->system) ||
        put(json, "system_description", n->system_description) ||
        put(json, "address", n->address) ||
        (n->vlan && json_object_set_new(json, "vlan", json_integer(n->vlan))) ||
        (n->capabilities &&
         json_object_set_new(json, "capabilities",
                             capabilities_json(n->capabilities)))) {
        json_decref(json);
        return NULL;
    }
    return json;
}

static int same(const json_t *known, const struct lldp_neighbour *n)
{
    return !strcmp(json_string_value(json_object_get(known, "chassis")),
                   n->chassis) &&
           !strcmp(json_string_value(json_object_get(known, "port")), n->port);
}

/* The newest word of each neighbour counts; a goodbye removes it. */
static int note_neighbour(json_t *port, const struct lldp_neighbour *n)
{
    json_t *list = json_object_get(port, "neighbours");
    size_t i;
    json_t *known;
    json_array_foreach(list, i, known)
    {
        if (!same(known, n))
            continue;
        (void)json_array_remove(list, i);
        break;
    }
    if (n->ttl_s == 0 || json_array_size(list) >= NEIGHBOURS_MAX)
        return 0;
    if (!list) {
        list = json_array();
        if (json_object_set_new(port, "neighbours", list))
            return -1;
    }
    return json_array_append_new(list, neighbour_json(n));
}

static void leave_port(struct pollfd *fd)
{
    (void)close(fd->fd);
    fd->fd = -1; /* poll passes it over */
}

/* Everything that waits on a port: 0, or -1 = no memory. */
static int read_port(struct pollfd *fd, json_t *port)
{
    uint8_t frame[FRAME_BYTES];
    struct lldp_neighbour neighbour;
    for (int i = 0; i < BURST_MAX; i++) {
        ssize_t got =
            recv(fd->fd, frame, sizeof(frame), MSG_DONTWAIT | MSG_TRUNC);
        /* That the port was down for a while is told once. */
        if (got < 0 && (errno == EINTR || errno == ENETDOWN))
            continue;
        if (got < 0 && errno == EAGAIN && !(fd->revents & POLLHUP))
            return 0;
        if (got <= 0) {
            leave_port(fd);
            return 0;
        }
        if ((size_t)got <= sizeof(frame) &&
            lldp_parse(frame, (size_t)got, &neighbour) == 0 &&
            note_neighbour(port, &neighbour))
            return -1;
    }
    return 0;
}

static void open_ports(struct listening *l, const json_t *ports)
{
    size_t i;
    json_t *port;
    json_array_foreach(ports, i, port)
    {
        const char *name = json_string_value(json_object_get(port, "name"));
        int fd = -1;
        if (l->count == PORTS_MAX || !name ||
            !json_is_true(json_object_get(port, "link")) ||
            l->host->lldp_open(l->host, name, &fd) != SLIPWAY_OK)
            continue;
        l->ports[l->count] = port;
        l->fds[l->count] = (struct pollfd){.fd = fd, .events = POLLIN};
        l->count++;
    }
}

/* Is there a port that listens and has heard nobody? */
static int waits(const struct listening *l)
{
    for (size_t i = 0; i < l->count; i++)
        if (l->fds[i].fd >= 0 &&
            json_array_size(json_object_get(l->ports[i], "neighbours")) == 0)
            return 1;
    return 0;
}

static int listen_until(struct listening *l, uint64_t deadline_ms)
{
    const struct slipway_action_host *host = l->host;
    for (;;) {
        for (size_t i = 0; i < l->count; i++)
            if (l->fds[i].fd >= 0 && read_port(&l->fds[i], l->ports[i]))
                return host->fail(host, SLIPWAY_EINTERNAL,
                                  "not enough memory for the neighbours");
        uint64_t now_ms = host->now_ms(host);
        if (now_ms >= deadline_ms || !waits(l))
            return SLIPWAY_OK;
        if (host->cancelled(host))
            return SLIPWAY_ECANCELLED;
        uint64_t left_ms = deadline_ms - now_ms;
        (void)poll(l->fds, l->count,
                   (int)(left_ms < SLICE_MS ? left_ms : SLICE_MS));
    }
}

int neighbours_add(const struct slipway_action_host *host, json_t *ports,
                   uint64_t wait_ms)
{
    struct listening l = {.host = host};
    /* An engine from before this service has NULL here. */
    if (!host->lldp_open)
        return SLIPWAY_OK;
    open_ports(&l, ports);
    int code = listen_until(&l, host->now_ms(host) + wait_ms);
    for (size_t i = 0; i < l.count; i++)
        if (l.fds[i].fd >= 0)
            leave_port(&l.fds[i]);
    return code;
}
