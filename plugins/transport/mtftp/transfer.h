/* SPDX-License-Identifier: Apache-2.0 */
/* One transfer: its state, and the reports about it. */
#ifndef MTFTP_TRANSFER_H
#define MTFTP_TRANSFER_H

#include "mtftp.h"

/* Read from the file in one piece, so that small windows do not cost a system
 * call a block. */
#define TRANSFER_AHEAD_BYTES 32768

struct transfer {
    struct transfer *next; /* in its bucket */
    struct mtftp *server;  /* NULL: ended while its file was being opened */
    const struct slipway_serve_host *host;
    struct slipway_datagrams *socket;
    struct slipway_endpoint peer;
    struct slipway_endpoint local;
    char peer_address[MTFTP_ADDRESS_BYTES];
    char local_address[MTFTP_ADDRESS_BYTES];
    struct slipway_boot_content *content; /* NULL while opening */
    struct tftp_request request;
    bool broadcast; /* the request went to everybody */
    bool offered;   /* an OACK is out and not acknowledged */
    bool proven;    /* something was acknowledged: the address is real */

    uint32_t block_bytes;
    uint32_t window;
    /* Blocks are counted from 1 and never wrap here; the wire has the low 16
     * bits.  acked <= sent <= last, sent - acked <= window. */
    uint64_t acked;
    uint64_t sent;
    uint64_t last;

    /* After blocks were sent again, this many acknowledgements that only
     * repeat the last one belong to the first copies: see on_ack. */
    uint64_t stale_acks;
    uint64_t stale_until; /* block whose acknowledgement ends that */
    /* The window after this block was sent again for such a repeat; ~0 =
     * none.  Once is enough: a client that says everything twice would
     * otherwise get everything more and more often. */
    uint64_t repeated_from;

    struct slipway_timer *timer;
    uint64_t interval_ms; /* until the next resend */
    uint64_t resend_at_ms;
    uint64_t quiet_since_ms;
    unsigned resends;    /* in a row */
    bool fixed_interval; /* the client has chosen it (RFC 2349) */

    uint64_t started_ms;
    uint64_t reported_ms;
    uint64_t blocks_resent;

    uint64_t ahead_offset; /* of what is in `ahead` */
    size_t ahead_length;
    uint8_t ahead[TRANSFER_AHEAD_BYTES];
};

/* transfer.c: ends it; `reason` goes into the report and the log. */
void transfer_fail(struct transfer *t, const char *reason);
/* The timer's function; `arg` is the transfer. */
void transfer_on_timer(void *arg);

/* send.c */
/* One datagram, or several of `segment_bytes`; 0 or SLIPWAY_EIO. */
int send_bytes(struct transfer *t, const void *data, size_t length,
               size_t segment_bytes);
/* Sends what the window has room for.  Ends the transfer when the file cannot
 * be read; the caller must not touch it afterwards. */
void send_window(struct transfer *t);
void send_oack(struct transfer *t);
/* transfer_on_timer acts not before `delay_ms` from now. */
void send_again_in(struct transfer *t, uint64_t delay_ms);

/* Bytes that the client has acknowledged. */
uint64_t transfer_bytes_done(const struct transfer *t);

/* The events of report.c: "transfer-started", "-progress", "-done",
 * "-failed". */
void report_started(struct transfer *t);
/* At most one each second. */
void report_progress(struct transfer *t);
void report_done(struct transfer *t);
void report_failed(struct transfer *t, const char *reason);

#endif
