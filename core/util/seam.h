/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The seam between protocol code and the world: clock, randomness, datagrams
 * and files behind one table.  `seam_real` is the operating system; `sim.h`
 * makes a whole network with a virtual clock in one process from a seed.
 *
 * Timers are the loop's: it asks the seam for the time and, in a simulation,
 * lets the clock jump to the next thing that happens.
 */
#ifndef CORE_UTIL_SEAM_H
#define CORE_UTIL_SEAM_H

#include <netinet/in.h>
#include <stdbool.h>

#include "core/util/err.h"

struct loop;
struct datagram_socket;

#define ADDRESS_TEXT_BYTES 46

/*
 * An IPv4 endpoint.  Text at every border; this is for sockets only.
 *
 * Two protocols without ports have one here by which a simulation tells them
 * apart; the kernel ignores it.  ICMP: `fd` is a raw socket, what arrives
 * begins with the IP header.  ARP: `fd` is a packet socket (SOCK_DGRAM) and
 * every datagram goes to the broadcast address of `local.interface_index`.
 */
enum { ENDPOINT_ICMP = 1, ENDPOINT_ARP = 0x0806 };

struct endpoint {
    struct in_addr address;
    uint16_t port;
    unsigned interface_index; /* 0 = any */
};

struct datagram {
    struct endpoint peer;
    /* Address and interface it came to or leaves by; a datagram to any
     * broadcast address came to 255.255.255.255. */
    struct endpoint local;
    const uint8_t *data;
    size_t length;
};

struct datagram_spec {
    struct endpoint local; /* port 0 = ephemeral */
    bool broadcast;
    int fd; /* an already opened socket to use instead, or -1 */
};

typedef void datagram_handler(void *arg, const struct datagram *datagram);

struct seam {
    void *context;
    /* A clock that never goes back, and the calendar in seconds. */
    uint64_t (*now_ms)(void *context);
    int64_t (*wall_s)(void *context);
    void (*random)(void *context, void *out, size_t length);
    /* The handler runs on the loop and borrows its datagram. */
    int (*datagram_open)(void *context, struct loop *loop,
                         const struct datagram_spec *spec,
                         datagram_handler *handler, void *arg,
                         struct datagram_socket **ret_socket, struct err *err);
    /* 0, or ERR_UNAVAILABLE when the queue is full; never blocks. */
    int (*datagram_send)(void *context, struct datagram_socket *socket,
                         const struct datagram *datagram);
    /* One peer, `count` bytes cut into datagrams of `segment_bytes`. */
    int (*datagram_send_many)(void *context, struct datagram_socket *socket,
                              const struct datagram *datagram,
                              size_t segment_bytes);
    void (*datagram_close)(void *context, struct datagram_socket *socket);
    /* The port and address the socket really has. */
    void (*datagram_local)(void *context, struct datagram_socket *socket,
                           struct endpoint *ret);
    /* The Ethernet address of an interface; false when it has none. */
    bool (*link_address)(void *context, unsigned interface_index,
                         uint8_t ret_mac[6]);
    /* An append-only file: `append` returns once the bytes are behind an
     * fdatasync, or an error after which nothing of them is in the file. */
    int (*log_open)(void *context, const char *path, int *ret_handle,
                    struct err *err);
    int (*log_append)(void *context, int handle, const void *data,
                      size_t length, struct err *err);
    /* Everything in it so far. */
    int (*log_read)(void *context, int handle, void *ret_buf,
                    struct err *err); /* ret_buf: struct buf * */
    /* Atomically replaces the whole content. */
    int (*log_rewrite)(void *context, int handle, const void *data,
                       size_t length, struct err *err);
    void (*log_close)(void *context, int handle);
    /* Simulation only, NULL in reality: moves the clock to the next datagram
     * or to `until_ms`, whichever is first, and delivers; false when there is
     * neither. */
    bool (*advance)(void *context, uint64_t until_ms);
};

/* The operating system's own. */
extern const struct seam seam_real;

const char *endpoint_address(const struct endpoint *endpoint,
                             char out[ADDRESS_TEXT_BYTES]);
/* "192.0.2.1" or "192.0.2.1:69". */
int endpoint_parse(const char *text, struct endpoint *ret, struct err *err);

#endif
