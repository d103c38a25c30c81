/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parts of the TFTP server.  Everything lives on the host's loop.
 *
 * A transfer has a socket of its own, bound to the address that the request
 * was sent to; its port is the transfer's identifier (RFC 1350 section 4).
 *
 *   opening --content--> offered --ACK 0--> sending --last ACK--> (gone)
 *      |                 (OACK is out)         ^
 *      +--no options: first block goes out ----+
 */
#ifndef MTFTP_MTFTP_H
#define MTFTP_MTFTP_H

#include <stdbool.h>

#include <slipway/transport.h>

#include "request.h"

#define MTFTP_ADDRESS_BYTES 46
#define MTFTP_BUCKETS 256       /* of transfers, by the client's port */
#define MTFTP_BATCH_BYTES 65536 /* most that one send_many is given */
#define MTFTP_BATCH_COUNT 64    /* segments of one GSO send (Linux) */

struct transfer;

/* The declared parameters, in the order of the table. */
enum mtftp_param {
    PARAM_MAX_BLOCK_BYTES,
    PARAM_MAX_WINDOW,
    PARAM_MAX_TRANSFERS,
    PARAM_MAX_TRANSFERS_PER_CLIENT,
    PARAM_COUNT,
};

struct mtftp {
    const struct slipway_serve_host *host;
    struct slipway_datagrams *socket; /* "tftp"; NULL when draining */
    struct transfer *buckets[MTFTP_BUCKETS];
    uint64_t limits[PARAM_COUNT];
    uint64_t count; /* transfers */
    bool draining;
    uint8_t batch[MTFTP_BATCH_BYTES]; /* what is just being sent */
};

/* Logs one line; bytes outside printable ASCII become '.'. */
void mtftp_log(const struct mtftp *m, uint32_t level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Sends an ERROR from `socket` to where `datagram` came from. */
void mtftp_send_error(const struct mtftp *m, struct slipway_datagrams *socket,
                      const struct slipway_datagram *datagram,
                      enum tftp_error code, const char *text);
/* A transfer has gone; ends a drain when it was the last. */
void mtftp_transfer_gone(struct mtftp *m);

/* Begins to serve `request`, which came in `datagram`. */
void transfer_start(struct mtftp *m, const struct slipway_datagram *datagram,
                    const struct tftp_request *request, bool broadcast);
/* The transfer that a repeated request of this client belongs to: same name,
 * nothing acknowledged yet.  NULL = there is none. */
struct transfer *transfer_find_repeated(struct mtftp *m,
                                        const struct slipway_endpoint *peer,
                                        const struct tftp_request *request);
/* Sends again what was sent last. */
void transfer_repeat(struct transfer *t);
/* How many transfers go to this address. */
uint64_t transfer_count_of(const struct mtftp *m, const char *address);
/* Ends all transfers without a word to their clients. */
void transfer_end_all(struct mtftp *m);

#endif
