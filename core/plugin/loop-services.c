/* SPDX-License-Identifier: Apache-2.0 */
#include "core/plugin/loop-services.h"

#include <stdio.h>
#include <string.h>

#include "core/util/log.h"

/* One handle of a plugin; a name may stand for a socket on each address. */
struct slipway_datagrams {
    struct slipway_datagrams *next;
    struct loop_services *services;
    struct datagram_socket *sockets[LOOP_SERVICES_SAME];
    size_t count;
    void (*on_datagram)(void *arg, const struct slipway_datagram *datagram);
    void *arg;
};

void loop_services_init(struct loop_services *services, struct loop *loop,
                        const char *plugin)
{
    memset(services, 0, sizeof(*services));
    services->loop = loop;
    services->plugin = plugin;
}

void loop_services_done(struct loop_services *services)
{
    while (services->open)
        loop_services_close(services, services->open);
    for (size_t i = 0; i < services->named_count; i++)
        (void)close(services->named[i].fd);
    services->named_count = 0;
}

int loop_services_add_socket(struct loop_services *services, const char *name,
                             int fd, struct err *err)
{
    if (services->named_count == LOOP_SERVICES_NAMED) {
        (void)close(fd);
        return err_set(err, ERR_TOO_BIG, "a transport has more than %d sockets",
                       LOOP_SERVICES_NAMED);
    }
    (void)snprintf(services->named[services->named_count].name,
                   sizeof(services->named[0].name), "%s", name);
    services->named[services->named_count++].fd = fd;
    return 0;
}

bool loop_services_has_socket(const struct loop_services *services,
                              const char *name)
{
    for (size_t i = 0; i < services->named_count; i++) {
        if (strcmp(services->named[i].name, name) == 0)
            return true;
    }
    return false;
}

void loop_services_random(struct loop_services *services, void *data,
                          uint64_t length)
{
    const struct seam *seam = loop_seam(services->loop);

    seam->random(seam->context, data, (size_t)length);
}

void loop_services_log(struct loop_services *services, uint32_t level,
                       const char *text)
{
    log_at(level <= SLIPWAY_LOG_DEBUG ? (enum log_level)level : LOG_DEBUG,
           "%s%s%s", services->plugin ? services->plugin : "",
           services->plugin ? ": " : "", text);
}

void loop_services_endpoint(const struct endpoint *endpoint,
                            char text[ADDRESS_TEXT_BYTES],
                            struct slipway_endpoint *ret)
{
    *ret = (struct slipway_endpoint){
        .size = sizeof(*ret),
        .port = endpoint->port,
        .interface_index = endpoint->interface_index,
        .address = endpoint_address(endpoint, text),
    };
}

/* A plugin's endpoint; NULL or no address = any. */
static int parse_endpoint(const struct slipway_endpoint *from,
                          struct endpoint *ret)
{
    *ret = (struct endpoint){.port = 0};
    if (!from)
        return 0;
    if (from->port > 65535)
        return SLIPWAY_EINVAL;
    if (from->address && from->address[0] &&
        endpoint_parse(from->address, ret, NULL) != 0)
        return SLIPWAY_EINVAL;
    ret->port = (uint16_t)from->port;
    ret->interface_index = from->interface_index;
    return 0;
}

static void on_datagram(void *arg, const struct datagram *datagram)
{
    struct slipway_datagrams *socket = arg;
    char peer_text[ADDRESS_TEXT_BYTES];
    char local_text[ADDRESS_TEXT_BYTES];
    struct slipway_endpoint peer;
    struct slipway_endpoint local;
    struct slipway_datagram handed = {
        .size = sizeof(handed),
        .peer = &peer,
        .local = &local,
        .data = datagram->data,
        .length = datagram->length,
    };

    loop_services_endpoint(&datagram->peer, peer_text, &peer);
    loop_services_endpoint(&datagram->local, local_text, &local);
    socket->on_datagram(socket->arg, &handed);
}

static int open_one(struct slipway_datagrams *handle,
                    const struct datagram_spec *spec, struct err *err)
{
    struct loop *loop = handle->services->loop;
    const struct seam *seam = loop_seam(loop);
    int code;

    if (handle->count == LOOP_SERVICES_SAME)
        return err_set(err, ERR_TOO_BIG, "one name has more than %d sockets",
                       LOOP_SERVICES_SAME);
    code = seam->datagram_open(seam->context, loop, spec, on_datagram, handle,
                               &handle->sockets[handle->count], err);
    if (code == 0)
        handle->count++;
    return code;
}

static int open_named(struct slipway_datagrams *handle, const char *name,
                      struct err *err)
{
    struct loop_services *services = handle->services;
    int code = 0;

    for (size_t i = 0; i < services->named_count && code == 0; i++) {
        struct datagram_spec spec = {.fd = services->named[i].fd};

        if (strcmp(services->named[i].name, name) == 0)
            code = open_one(handle, &spec, err);
    }
    if (code == 0 && handle->count == 0)
        code = err_set(err, ERR_NOT_FOUND,
                       "there is no socket '%.32s' in the configuration", name);
    return code;
}

int loop_services_open(struct loop_services *services, const char *name,
                       const struct slipway_endpoint *local,
                       void (*fn)(void *arg,
                                  const struct slipway_datagram *datagram),
                       void *arg, struct slipway_datagrams **ret_socket)
{
    struct slipway_datagrams *handle;
    struct datagram_spec spec = {.fd = -1};
    struct err err = ERR_INIT;
    int code;

    if (parse_endpoint(local, &spec.local) != 0)
        return SLIPWAY_EINVAL;
    if (services->open_count == LOOP_SERVICES_OPEN)
        return SLIPWAY_EIO;
    handle = calloc(1, sizeof(*handle));
    if (!handle)
        return SLIPWAY_EINTERNAL;
    handle->services = services;
    handle->on_datagram = fn;
    handle->arg = arg;
    handle->next = services->open;
    services->open = handle;
    services->open_count++;
    if (name)
        code = open_named(handle, name, &err);
    else
        code = open_one(handle, &spec, &err);
    if (code != 0) {
        loop_services_log(services, SLIPWAY_LOG_DEBUG, err.text);
        loop_services_close(services, handle);
        return code == ERR_NOT_FOUND ? SLIPWAY_EINVAL : SLIPWAY_EIO;
    }
    *ret_socket = handle;
    return SLIPWAY_OK;
}

void loop_services_close(struct loop_services *services,
                         struct slipway_datagrams *socket)
{
    const struct seam *seam = loop_seam(services->loop);
    struct slipway_datagrams **link = &services->open;

    while (*link && *link != socket)
        link = &(*link)->next;
    if (!*link)
        return;
    *link = socket->next;
    services->open_count--;
    for (size_t i = 0; i < socket->count; i++)
        seam->datagram_close(seam->context, socket->sockets[i]);
    free(socket);
}

/* Of several sockets behind a name, the one on the address to send from. */
static struct datagram_socket *choose(struct slipway_datagrams *handle,
                                      const struct endpoint *local)
{
    const struct seam *seam = loop_seam(handle->services->loop);

    for (size_t i = 1; i < handle->count; i++) {
        struct endpoint bound;

        seam->datagram_local(seam->context, handle->sockets[i], &bound);
        if (bound.address.s_addr == local->address.s_addr)
            return handle->sockets[i];
    }
    return handle->sockets[0];
}

int loop_services_send(struct loop_services *services,
                       struct slipway_datagrams *socket,
                       const struct slipway_datagram *datagram,
                       uint64_t segment_bytes)
{
    const struct seam *seam = loop_seam(services->loop);
    struct datagram out = {
        .data = datagram->data,
        .length = (size_t)datagram->length,
    };
    struct datagram_socket *from;
    int code;

    if (!datagram->peer || parse_endpoint(datagram->peer, &out.peer) != 0 ||
        parse_endpoint(datagram->local, &out.local) != 0)
        return SLIPWAY_EINVAL;
    from = choose(socket, &out.local);
    if (segment_bytes)
        code = seam->datagram_send_many(seam->context, from, &out,
                                        (size_t)segment_bytes);
    else
        code = seam->datagram_send(seam->context, from, &out);
    return code == 0 ? SLIPWAY_OK : SLIPWAY_EIO;
}
