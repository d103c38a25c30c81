/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Transport plugins: how items travel.  An item is a boot file (by published
 * name) or an object (by the SHA-256 of its sealed bytes).  A transport
 * promises nothing about order and need not deliver everything: the engine
 * asks the plan's transports in order of preference.
 *
 * A serving transport runs in a sandboxed worker process of slipwayd, a
 * fetching one in the engine's pipeline process.  Either way it lives on one
 * event loop: every callback runs there, none may block, and no clock, socket
 * or file is reached but through the host's services.
 */
#ifndef SLIPWAY_TRANSPORT_H
#define SLIPWAY_TRANSPORT_H

#include <slipway/plugin.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SLIPWAY_OBJECT_NAME_BYTES 32u /* SHA-256 of the sealed bytes */

/* Opaque handles of the host. */
struct slipway_timer;
struct slipway_datagrams;
struct slipway_watch;
struct slipway_http_get;
struct slipway_http_request;

/* An address as text and port.  Never an integer: IPv6 comes later. */
struct slipway_endpoint {
    uint64_t size;
    uint32_t port;
    uint32_t interface_index; /* 0 = any */
    const char *address;      /* "192.0.2.7"; for sending and in callbacks */
    void *reserved;           /* NULL */
};

SLIPWAY_NO_PADDING(slipway_endpoint, 16 + 2 * sizeof(void *));

/*
 * One datagram as received, or to send.  `local` is the address it came to,
 * or is to be sent from; its address "" or a NULL address means: any.
 */
struct slipway_datagram {
    uint64_t size;
    const struct slipway_endpoint *peer;
    const struct slipway_endpoint *local;
    const void *data;
    void *reserved; /* NULL */
    uint64_t length;
};

SLIPWAY_NO_PADDING(slipway_datagram, 16 + 4 * sizeof(void *));

/* Events of watch_fd. */
#define SLIPWAY_WATCH_READ 1u
#define SLIPWAY_WATCH_WRITE 2u

/*
 * Services that every plugin on a loop has.  All are to be called on the
 * loop's thread except `post`.
 */
#define SLIPWAY_LOOP_SERVICES(host_type)                                       \
    /* Milliseconds of a clock that never goes back. */                        \
    uint64_t (*now_ms)(const host_type *host);                                 \
    /* Random bytes fit for keys. */                                           \
    void (*random)(const host_type *host, void *data, uint64_t length);        \
    /* Calls fn(arg) once, `delay_ms` from now; NULL when out of memory. */    \
    struct slipway_timer *(*timer)(const host_type *host, uint64_t delay_ms,   \
                                   void (*fn)(void *arg), void *arg);          \
    /* Forgets a timer that has not fired yet. */                              \
    void (*timer_cancel)(const host_type *host, struct slipway_timer *timer);  \
    /* Logs one finished line (level: SLIPWAY_LOG_*). */                       \
    void (*log)(const host_type *host, uint32_t level, const char *text);      \
    /* Any thread: runs fn(arg) on the loop; 0 or SLIPWAY_EINTERNAL. */        \
    int (*post)(const host_type *host, void (*fn)(void *arg), void *arg);      \
    /* Tells when a real descriptor is ready (events: SLIPWAY_WATCH_*). */     \
    struct slipway_watch *(*watch_fd)(const host_type *host, int fd,           \
                                      uint32_t events,                         \
                                      void (*fn)(void *arg, uint32_t events),  \
                                      void *arg);                              \
    void (*watch_cancel)(const host_type *host, struct slipway_watch *watch)

#define SLIPWAY_LOOP_SERVICES_COUNT 8

/*
 * Datagram services.  `datagram_socket` opens by configured name ("tftp") or,
 * with a NULL name, an ephemeral port on the address of `local`.
 * `on_datagram` borrows its datagram.  `datagram_send` never blocks: 0,
 * SLIPWAY_EIO when the socket's queue is full or the network refused it.
 * `datagram_send_many` sends `count` datagrams to one peer in one go: `data`
 * holds them back to back, each `segment_bytes` long, the last one may be
 * shorter.
 */
#define SLIPWAY_DATAGRAM_SERVICES(host_type)                                   \
    int (*datagram_socket)(                                                    \
        const host_type *host, const char *name,                               \
        const struct slipway_endpoint *local,                                  \
        void (*on_datagram)(void *arg,                                         \
                            const struct slipway_datagram *datagram),          \
        void *arg, struct slipway_datagrams **ret_socket);                     \
    void (*datagram_close)(const host_type *host,                              \
                           struct slipway_datagrams *socket);                  \
    int (*datagram_send)(const host_type *host,                                \
                         struct slipway_datagrams *socket,                     \
                         const struct slipway_datagram *datagram);             \
    int (*datagram_send_many)(const host_type *host,                           \
                              struct slipway_datagrams *socket,                \
                              const struct slipway_datagram *datagrams,        \
                              uint64_t segment_bytes)

#define SLIPWAY_DATAGRAM_SERVICES_COUNT 4

/* A published boot file, opened.  Either fd >= 0 or bytes is set. */
struct slipway_boot_content {
    uint64_t size;
    uint64_t length;    /* bytes of content */
    uint64_t fd;        /* descriptor, owned by the plugin; ~0 = none */
    const void *bytes;  /* mapped content, valid until boot_file_close */
    void *private_data; /* the host's */
};

SLIPWAY_NO_PADDING(slipway_boot_content, 24 + 2 * sizeof(void *));

/* Answer of an http_mount handler. */
struct slipway_http_answer {
    uint64_t size;
    uint32_t status;       /* 200, 404, ...; Range and HEAD are the host's */
    uint32_t immutable;    /* 1: content under this name never changes */
    uint64_t fd;           /* descriptor of the body, taken by the host; ~0 */
    uint64_t length;       /* bytes of the body */
    const char *type;      /* media type; default application/octet-stream */
    const char *text;      /* small body instead of fd, or NULL */
};

SLIPWAY_NO_PADDING(slipway_http_answer, 32 + 2 * sizeof(void *));

/* What the host offers to a serving transport. */
struct slipway_serve_host {
    uint64_t size;
    void *private_data;
    SLIPWAY_LOOP_SERVICES(struct slipway_serve_host);
    SLIPWAY_DATAGRAM_SERVICES(struct slipway_serve_host);
    /*
     * Opens a published boot file by name for the client at `peer`.  `done`
     * is called on the loop, possibly before this returns: code 0 and the
     * content, or SLIPWAY_EINVAL when there is no such name.
     */
    void (*boot_file_open)(
        const struct slipway_serve_host *host, const char *name,
        const struct slipway_endpoint *peer,
        void (*done)(void *arg, int code, struct slipway_boot_content *content),
        void *arg);
    void (*boot_file_close)(const struct slipway_serve_host *host,
                            struct slipway_boot_content *content);
    /*
     * Takes over GET and HEAD of every path below `prefix` ("/objects/") on
     * the server's HTTP port.  `rest` is what follows the prefix, at most 255
     * bytes, already checked to hold only [A-Za-z0-9._-].
     */
    int (*http_mount)(const struct slipway_serve_host *host, const char *prefix,
                      void (*handler)(void *arg, const char *rest,
                                      const struct slipway_endpoint *peer,
                                      struct slipway_http_answer *answer),
                      void *arg);
    /* A read-only descriptor of an object, taken by the plugin, and its
     * length; -1 when the store does not hold it. */
    int (*object_fd)(const struct slipway_serve_host *host,
                     const unsigned char *name, uint64_t *ret_length);
    /* Reports what happened as one JSON object with a string member `event`
     * (at most 4 KiB): "transfer-started", "transfer-done", ... */
    void (*event)(const struct slipway_serve_host *host, const char *json);
    /* The worker may end now: every transfer is over (after `drain`). */
    void (*drained)(const struct slipway_serve_host *host);
    /* NUMBER, SIZE (bytes) and BOOL (0 or 1) parameter `index` of the table:
     * as configured, or the default; SLIPWAY_EINVAL when absent. */
    int (*param_number)(const struct slipway_serve_host *host, uint64_t index,
                        uint64_t *ret_value);
};

SLIPWAY_NO_PADDING(slipway_serve_host, 8 + 20 * sizeof(void *));

/* What the host offers to a fetching transport. */
struct slipway_fetch_host {
    uint64_t size;
    void *private_data;
    SLIPWAY_LOOP_SERVICES(struct slipway_fetch_host);
    SLIPWAY_DATAGRAM_SERVICES(struct slipway_fetch_host);
    /*
     * The next object this transport should fetch: writes its name and sealed
     * length and returns 1; 0 when there is nothing to ask for just now
     * (`wanted` is called when that changes).
     */
    int (*next_wanted)(const struct slipway_fetch_host *host,
                       unsigned char *ret_name, uint64_t *ret_length);
    /* Hands over an object's sealed bytes; the pipeline copies and checks
     * them.  0, or SLIPWAY_EVERIFY when they are not that object. */
    int (*deliver)(const struct slipway_fetch_host *host,
                   const unsigned char *name, const void *data,
                   uint64_t length);
    /* This transport cannot get that object; the next one may try. */
    void (*give_up)(const struct slipway_fetch_host *host,
                    const unsigned char *name, const char *sentence);
    /* Server `index` of the plan as "host:port" of its HTTP port; NULL after
     * the last. */
    const char *(*server_list)(const struct slipway_fetch_host *host,
                               uint64_t index);
    /*
     * Fetches `url` ("http://192.0.2.7:7080/path") from byte `offset` of its
     * content, also when a cache answers with all of it.  Chunks of a 200 or
     * 206 arrive in `on_data`; then `on_done`, never before this returns,
     * with the HTTP status (0 = none) and code 0 when the answer was read to
     * its end.  Requests to one server share keep-alive connections.  NULL =
     * no memory or not such a URL; `on_done` is not called then.
     */
    struct slipway_http_get *(*http_get)(
        const struct slipway_fetch_host *host, const char *url, uint64_t offset,
        void (*on_data)(void *arg, const void *data, uint64_t length),
        void (*on_done)(void *arg, int code, uint64_t status), void *arg);
    void (*http_cancel)(const struct slipway_fetch_host *host,
                        struct slipway_http_get *get);
    /* The same as in slipway_serve_host. */
    int (*param_number)(const struct slipway_fetch_host *host, uint64_t index,
                        uint64_t *ret_value);
};

SLIPWAY_NO_PADDING(slipway_fetch_host, 8 + 20 * sizeof(void *));

/* Capability bits. */
#define SLIPWAY_TRANSPORT_SERVES_BOOT_FILES 1u
#define SLIPWAY_TRANSPORT_SERVES_OBJECTS 2u
#define SLIPWAY_TRANSPORT_FETCHES_OBJECTS 4u

struct slipway_transport_plugin {
    SLIPWAY_PLUGIN_HEAD;
    uint64_t capabilities; /* SLIPWAY_TRANSPORT_* */
    /* Names of the configured sockets it serves from, separated by one space
     * ("tftp"); NULL = none. */
    const char *sockets;
    void *reserved; /* NULL */
    /* Starts serving; *ret_instance is the plugin's own. */
    int (*serve_start)(const struct slipway_serve_host *host,
                       void **ret_instance);
    /* Accept nothing new; call host->drained when the last transfer ends. */
    void (*serve_drain)(void *instance);
    /* Ends at once and frees the instance. */
    void (*serve_stop)(void *instance);
    /* Starts fetching. */
    int (*fetch_start)(const struct slipway_fetch_host *host,
                       void **ret_instance);
    /* next_wanted may have something now. */
    void (*fetch_wanted)(void *instance);
    /* Ends at once and frees the instance. */
    void (*fetch_stop)(void *instance);
};

SLIPWAY_NO_PADDING(slipway_transport_plugin, 40 + 12 * sizeof(void *));

/* Defines the descriptor; members may be given in any order. */
#define SLIPWAY_TRANSPORT_PLUGIN(...)                                          \
    extern SLIPWAY_EXPORT const struct slipway_transport_plugin                \
        SLIPWAY_PLUGIN_SYMBOL;                                                 \
    const struct slipway_transport_plugin SLIPWAY_PLUGIN_SYMBOL = {            \
        .size = sizeof(struct slipway_transport_plugin),                       \
        .major = SLIPWAY_ABI_MAJOR,                                            \
        .level = SLIPWAY_ABI_LEVEL,                                            \
        .kind = SLIPWAY_KIND_TRANSPORT,                                        \
        __VA_ARGS__                                                            \
    }

#ifdef __cplusplus
}
#endif

#endif
