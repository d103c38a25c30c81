/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The services that serving and fetching transports have in common: clock,
 * timers, randomness, log, post, descriptors and datagrams, over a loop and
 * its seam.  serve-host.c and fetch-host.c put them into their tables with
 * LOOP_SERVICES_DEFINE and LOOP_SERVICES_TABLE.
 */
#ifndef CORE_PLUGIN_LOOP_SERVICES_H
#define CORE_PLUGIN_LOOP_SERVICES_H

#include <slipway/transport.h>

#include "core/util/loop.h"

#define LOOP_SERVICES_NAMED 8   /* configured sockets */
#define LOOP_SERVICES_SAME 4    /* sockets behind one name: one an address */
#define LOOP_SERVICES_OPEN 4096 /* sockets that a plugin holds at once */

struct loop_services {
    struct loop *loop;
    const char *plugin; /* before log lines, kept by reference; NULL = none */
    struct {
        char name[33];
        int fd; /* owned */
    } named[LOOP_SERVICES_NAMED];
    size_t named_count;
    struct slipway_datagrams *open; /* list */
    size_t open_count;
};

void loop_services_init(struct loop_services *services, struct loop *loop,
                        const char *plugin);
/* Closes sockets that the plugin left open. */
void loop_services_done(struct loop_services *services);
/* A socket (taken) that may be opened by its configured name. */
int loop_services_add_socket(struct loop_services *services, const char *name,
                             int fd, struct err *err);

bool loop_services_has_socket(const struct loop_services *services,
                              const char *name);

void loop_services_random(struct loop_services *services, void *data,
                          uint64_t length);
void loop_services_log(struct loop_services *services, uint32_t level,
                       const char *text);
int loop_services_open(
    struct loop_services *services, const char *name,
    const struct slipway_endpoint *local,
    void (*on_datagram)(void *arg, const struct slipway_datagram *datagram),
    void *arg, struct slipway_datagrams **ret_socket);
void loop_services_close(struct loop_services *services,
                         struct slipway_datagrams *socket);
/* segment_bytes 0 = one datagram. */
int loop_services_send(struct loop_services *services,
                       struct slipway_datagrams *socket,
                       const struct slipway_datagram *datagram,
                       uint64_t segment_bytes);
/* Text form; `text` holds the address as long as `ret` is used. */
void loop_services_endpoint(const struct endpoint *endpoint,
                            char text[ADDRESS_TEXT_BYTES],
                            struct slipway_endpoint *ret);

/* Functions of `host_type` for the table; services_of(host) gives a struct
 * loop_services *. */
#define LOOP_SERVICES_DEFINE(host_type, services_of)                           \
    static uint64_t host_now_ms(const host_type *host)                         \
    {                                                                          \
        return loop_now_ms(services_of(host)->loop);                           \
    }                                                                          \
    static void host_random(const host_type *host, void *data,                 \
                            uint64_t length)                                   \
    {                                                                          \
        loop_services_random(services_of(host), data, length);                 \
    }                                                                          \
    static struct slipway_timer *host_timer(const host_type *host,             \
                                            uint64_t delay_ms,                 \
                                            void (*fn)(void *), void *arg)     \
    {                                                                          \
        return (struct slipway_timer *)loop_timer(services_of(host)->loop,     \
                                                  delay_ms, fn, arg);          \
    }                                                                          \
    static void host_timer_cancel(const host_type *host,                       \
                                  struct slipway_timer *timer)                 \
    {                                                                          \
        (void)host;                                                            \
        loop_timer_cancel((struct loop_timer *)timer);                         \
    }                                                                          \
    static void host_log(const host_type *host, uint32_t level,                \
                         const char *text)                                     \
    {                                                                          \
        loop_services_log(services_of(host), level, text);                     \
    }                                                                          \
    static int host_post(const host_type *host, void (*fn)(void *), void *arg) \
    {                                                                          \
        return loop_post(services_of(host)->loop, fn, arg) == 0                \
                   ? SLIPWAY_OK                                                \
                   : SLIPWAY_EINTERNAL;                                        \
    }                                                                          \
    static struct slipway_watch *host_watch_fd(                                \
        const host_type *host, int fd, uint32_t events,                        \
        void (*fn)(void *, uint32_t), void *arg)                               \
    {                                                                          \
        return (struct slipway_watch *)loop_watch(services_of(host)->loop, fd, \
                                                  events, fn, arg);            \
    }                                                                          \
    static void host_watch_cancel(const host_type *host,                       \
                                  struct slipway_watch *watch)                 \
    {                                                                          \
        (void)host;                                                            \
        loop_watch_cancel((struct loop_watch *)watch);                         \
    }                                                                          \
    static int host_datagram_socket(                                           \
        const host_type *host, const char *name,                               \
        const struct slipway_endpoint *local,                                  \
        void (*on_datagram)(void *, const struct slipway_datagram *),          \
        void *arg, struct slipway_datagrams **ret_socket)                      \
    {                                                                          \
        return loop_services_open(services_of(host), name, local, on_datagram, \
                                  arg, ret_socket);                            \
    }                                                                          \
    static void host_datagram_close(const host_type *host,                     \
                                    struct slipway_datagrams *socket)          \
    {                                                                          \
        loop_services_close(services_of(host), socket);                        \
    }                                                                          \
    static int host_datagram_send(const host_type *host,                       \
                                  struct slipway_datagrams *socket,            \
                                  const struct slipway_datagram *datagram)     \
    {                                                                          \
        return loop_services_send(services_of(host), socket, datagram, 0);     \
    }                                                                          \
    static int host_datagram_send_many(                                        \
        const host_type *host, struct slipway_datagrams *socket,               \
        const struct slipway_datagram *datagram, uint64_t segment_bytes)       \
    {                                                                          \
        return segment_bytes ? loop_services_send(services_of(host), socket,   \
                                                  datagram, segment_bytes)     \
                             : SLIPWAY_EINVAL;                                 \
    }                                                                          \
    _Static_assert(LOOP_READ == SLIPWAY_WATCH_READ &&                          \
                       LOOP_WRITE == SLIPWAY_WATCH_WRITE,                      \
                   "a plugin's events are the loop's")

#define LOOP_SERVICES_TABLE                                                    \
    .now_ms = host_now_ms, .random = host_random, .timer = host_timer,         \
    .timer_cancel = host_timer_cancel, .log = host_log, .post = host_post,     \
    .watch_fd = host_watch_fd, .watch_cancel = host_watch_cancel,              \
    .datagram_socket = host_datagram_socket,                                   \
    .datagram_close = host_datagram_close,                                     \
    .datagram_send = host_datagram_send,                                       \
    .datagram_send_many = host_datagram_send_many

#endif
