/* SPDX-License-Identifier: Apache-2.0 */
/* The state machine of one transfer. */
#include "transfer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    FIRST_INTERVAL_MS = 1000,
    MAX_INTERVAL_MS = 8000,
    /* A client whose address nothing has proven is asked so often, and then
     * forgotten: a forged request must not make us an amplifier. */
    MAX_RESENDS_UNPROVEN = 5,
    /* Slow firmware may draw on the screen or erase flash meanwhile. */
    MAX_QUIET_MS = 60 * 1000,
    /* The last acknowledgement often never comes, because the client has
     * jumped into what it loaded. */
    MAX_RESENDS_LAST = 4,
};

static unsigned bucket_of(const struct slipway_endpoint *peer)
{
    return peer->port % MTFTP_BUCKETS;
}

static bool same_peer(const struct transfer *t,
                      const struct slipway_endpoint *peer)
{
    return t->peer.port == peer->port &&
           strcmp(t->peer_address, peer->address) == 0;
}

static void unlink_transfer(struct transfer *t)
{
    struct transfer **at = &t->server->buckets[bucket_of(&t->peer)];
    while (*at != t)
        at = &(*at)->next;
    *at = t->next;
}

static void close_content(struct transfer *t)
{
    if (!t->content)
        return;
    if (t->content->fd != ~(uint64_t)0)
        (void)close((int)t->content->fd); /* it was only read */
    t->host->boot_file_close(t->host, t->content);
}

/* Ends a transfer; a file that is still being opened arrives at a transfer
 * without a server, which then frees itself (on_open). */
static void transfer_end(struct transfer *t)
{
    struct mtftp *m = t->server;
    bool opening = t->content == NULL;
    unlink_transfer(t);
    if (t->timer)
        t->host->timer_cancel(t->host, t->timer);
    t->host->datagram_close(t->host, t->socket);
    close_content(t);
    t->server = NULL;
    if (!opening)
        free(t);
    mtftp_transfer_gone(m);
}

void transfer_fail(struct transfer *t, const char *reason)
{
    if (t->proven)
        report_failed(t, reason);
    else
        mtftp_log(t->server, SLIPWAY_LOG_DEBUG, "%s: '%s' not begun: %s",
                  t->peer_address, t->request.name, reason);
    transfer_end(t);
}

/* Sends again everything that is not acknowledged. */
static void restart_window(struct transfer *t)
{
    uint64_t again = t->sent - t->acked;
    t->blocks_resent += again;
    t->stale_acks = again;
    t->stale_until = t->sent;
    t->sent = t->acked;
    send_window(t);
}

static void resend(struct transfer *t)
{
    if (t->offered)
        send_oack(t);
    else
        restart_window(t);
}

void transfer_repeat(struct transfer *t)
{
    if (t->content)
        resend(t);
}

void transfer_on_timer(void *arg)
{
    struct transfer *t = arg;
    uint64_t now = t->host->now_ms(t->host);
    t->timer = NULL;
    if (now < t->resend_at_ms) {
        send_again_in(t, t->resend_at_ms - now);
        return;
    }
    if (now - t->quiet_since_ms >= MAX_QUIET_MS) {
        transfer_fail(t, "the client stopped answering");
        return;
    }
    if (!t->offered && t->sent < t->last && t->sent - t->acked < t->window) {
        send_window(t); /* the queue was full */
        return;
    }
    t->resends++;
    if (!t->proven && t->resends > MAX_RESENDS_UNPROVEN) {
        transfer_fail(t, "the client did not answer");
        return;
    }
    if (t->proven && t->sent == t->last && t->resends > MAX_RESENDS_LAST) {
        t->acked = t->last;
        report_done(t);
        transfer_end(t);
        return;
    }
    if (!t->fixed_interval && t->interval_ms < MAX_INTERVAL_MS)
        t->interval_ms *= 2;
    resend(t);
}

/* The first acknowledgement shows that somebody is there.  An older transfer
 * to the same port is over then: firmware that always uses one port (SLOF:
 * 2001) has gone on to its next file. */
static void on_proven(struct transfer *t)
{
    struct mtftp *m = t->server;
    struct transfer *at = m->buckets[bucket_of(&t->peer)];
    t->proven = true;
    report_started(t);
    while (at) {
        struct transfer *next = at->next;
        if (at != t && same_peer(at, &t->peer))
            transfer_fail(at, "the client has begun another transfer");
        at = next;
    }
}

static void on_progress(struct transfer *t, uint64_t count)
{
    t->acked += count;
    t->resends = 0;
    t->quiet_since_ms = t->host->now_ms(t->host);
    if (!t->fixed_interval)
        t->interval_ms = FIRST_INTERVAL_MS;
    if (t->acked > t->stale_until)
        t->stale_acks = 0;
    if (t->acked == t->last) {
        report_done(t);
        transfer_end(t);
        return;
    }
    report_progress(t);
    if (t->acked < t->sent)
        restart_window(t); /* RFC 7440 section 4: the rest was lost */
    else
        send_window(t);
}

/*
 * An acknowledgement that repeats the last one.  With a window of one block it
 * means nothing: answering it with data would double every packet for the rest
 * of the file (the sorcerer's apprentice).  With a larger window it is how a
 * client says that the window's first block was lost, so the window is sent
 * again, once: the further repeats come from the blocks that had arrived.
 */
static void on_repeated_ack(struct transfer *t)
{
    if (t->window == 1 || t->sent == t->acked)
        return;
    if (t->stale_acks > 0) {
        t->stale_acks--;
        return;
    }
    if (t->repeated_from == t->acked)
        return;
    t->repeated_from = t->acked;
    restart_window(t);
}

static void on_ack(struct transfer *t, uint16_t number)
{
    uint16_t count = (uint16_t)(number - (uint16_t)t->acked);
    if (count > t->sent - t->acked)
        return; /* of an older window, or nonsense */
    if (!t->proven)
        on_proven(t);
    if (t->offered) {
        t->offered = false;
        t->resends = 0;
        t->quiet_since_ms = t->host->now_ms(t->host);
        send_window(t);
        return;
    }
    if (count == 0)
        on_repeated_ack(t);
    else
        on_progress(t, count);
}

/* EDK2 asks for the size first and ends that with error 8, others with 0. */
static void on_error(struct transfer *t,
                     const struct slipway_datagram *datagram)
{
    const uint8_t *data = datagram->data;
    char reason[TFTP_ERROR_MAX];
    size_t length = datagram->length > TFTP_HEADER_BYTES
                        ? datagram->length - TFTP_HEADER_BYTES
                        : 0;
    if (length > 80)
        length = 80;
    (void)snprintf(reason, sizeof(reason), "the client says error %u '%.*s'",
                   datagram->length >= TFTP_HEADER_BYTES ? data[3] : 0u,
                   (int)length, (const char *)data + TFTP_HEADER_BYTES);
    transfer_fail(t, reason);
}

static void on_datagram(void *arg, const struct slipway_datagram *datagram)
{
    struct transfer *t = arg;
    const uint8_t *data = datagram->data;
    unsigned opcode =
        datagram->length < 2 ? 0 : (unsigned)(data[0] << 8 | data[1]);
    if (!same_peer(t, datagram->peer)) {
        /* RFC 1350 section 4: say so, and leave the transfer alone. */
        if (opcode != TFTP_ERROR && datagram->peer->port != 0)
            mtftp_send_error(t->server, t->socket, datagram, TFTP_E_UNKNOWN_TID,
                             "unknown transfer");
        return;
    }
    if (!t->content)
        return;
    if (opcode == TFTP_ERROR)
        on_error(t, datagram);
    else if (opcode == TFTP_ACK && datagram->length >= TFTP_HEADER_BYTES)
        on_ack(t, (uint16_t)(data[2] << 8 | data[3]));
}

/* Settles what was asked for; what is not granted is not acknowledged. */
static void negotiate(struct transfer *t)
{
    struct tftp_asked *asked = t->request.options;
    const uint64_t *limits = t->server->limits;
    t->block_bytes = TFTP_DEFAULT_BLOCK;
    t->window = 1;
    t->repeated_from = ~(uint64_t)0;
    t->interval_ms = FIRST_INTERVAL_MS;
    if (asked[TFTP_BLKSIZE].key[0]) {
        if (asked[TFTP_BLKSIZE].value > limits[PARAM_MAX_BLOCK_BYTES])
            asked[TFTP_BLKSIZE].value = limits[PARAM_MAX_BLOCK_BYTES];
        t->block_bytes = (uint32_t)asked[TFTP_BLKSIZE].value;
    }
    if (asked[TFTP_WINDOWSIZE].key[0]) {
        if (asked[TFTP_WINDOWSIZE].value > limits[PARAM_MAX_WINDOW])
            asked[TFTP_WINDOWSIZE].value = limits[PARAM_MAX_WINDOW];
        t->window = (uint32_t)asked[TFTP_WINDOWSIZE].value;
    }
    if (asked[TFTP_TIMEOUT].key[0]) {
        t->interval_ms = asked[TFTP_TIMEOUT].value * 1000;
        t->fixed_interval = true;
    }
    asked[TFTP_TSIZE].value = t->content->length;
    t->last = t->content->length / t->block_bytes + 1;
}

static void refuse_missing(struct transfer *t)
{
    uint8_t bytes[TFTP_ERROR_MAX];
    mtftp_log(t->server, SLIPWAY_LOG_INFO,
              "%s asked for '%s', which is not published", t->peer_address,
              t->request.name);
    if (!t->broadcast) {
        size_t length = tftp_error(TFTP_E_NOT_FOUND, "no such file", bytes);
        (void)send_bytes(t, bytes, length, length); /* the client asks again */
    }
}

static void on_open(void *arg, int code, struct slipway_boot_content *content)
{
    struct transfer *t = arg;
    if (!t->server) { /* it ended meanwhile */
        t->content = code ? NULL : content;
        close_content(t);
        free(t);
        return;
    }
    if (code) {
        refuse_missing(t);
        transfer_end(t);
        free(t); /* transfer_end left it to us: there is no content */
        return;
    }
    t->content = content;
    negotiate(t);
    t->offered = tftp_oack(&t->request, t->server->batch) > 0;
    if (t->offered)
        send_oack(t);
    else
        send_window(t);
}

static void copy_endpoint(struct slipway_endpoint *out,
                          char text[MTFTP_ADDRESS_BYTES],
                          const struct slipway_endpoint *in)
{
    (void)snprintf(text, MTFTP_ADDRESS_BYTES, "%s",
                   in && in->address ? in->address : "");
    *out = (struct slipway_endpoint){
        .size = sizeof(*out),
        .port = in ? in->port : 0,
        .interface_index = in ? in->interface_index : 0,
        .address = text,
    };
}

void transfer_start(struct mtftp *m, const struct slipway_datagram *datagram,
                    const struct tftp_request *request, bool broadcast)
{
    struct transfer *t = calloc(1, sizeof(*t));
    if (!t)
        return; /* the client asks again */
    t->server = m;
    t->host = m->host;
    t->request = *request;
    t->broadcast = broadcast;
    copy_endpoint(&t->peer, t->peer_address, datagram->peer);
    copy_endpoint(&t->local, t->local_address, datagram->local);
    t->local.port = 0;
    if (broadcast)
        t->local_address[0] = '\0';
    t->started_ms = m->host->now_ms(m->host);
    t->reported_ms = t->started_ms;
    t->quiet_since_ms = t->started_ms;
    if (m->host->datagram_socket(m->host, NULL, &t->local, on_datagram, t,
                                 &t->socket)) {
        mtftp_log(m, SLIPWAY_LOG_WARN,
                  "%s: ignoring its request for '%s', no socket could be had",
                  t->peer_address, request->name);
        free(t);
        return;
    }
    struct transfer **bucket = &m->buckets[bucket_of(&t->peer)];
    t->next = *bucket;
    *bucket = t;
    m->count++;
    m->host->boot_file_open(m->host, t->request.name, &t->peer, on_open, t);
}

static bool same_request(const struct tftp_request *a,
                         const struct tftp_request *b)
{
    if (strcmp(a->name, b->name) != 0)
        return false;
    for (unsigned i = 0; i < TFTP_OPTIONS; i++)
        if (strcmp(a->options[i].key, b->options[i].key) != 0)
            return false;
    return true;
}

struct transfer *transfer_find_repeated(struct mtftp *m,
                                        const struct slipway_endpoint *peer,
                                        const struct tftp_request *request)
{
    struct transfer *at = m->buckets[bucket_of(peer)];
    while (at) {
        struct transfer *next = at->next;
        if (same_peer(at, peer) && !at->proven) {
            if (same_request(&at->request, request))
                return at;
            transfer_fail(at, "the client asks for something else now");
            return NULL;
        }
        at = next;
    }
    return NULL;
}

uint64_t transfer_count_of(const struct mtftp *m, const char *address)
{
    uint64_t count = 0;
    for (unsigned i = 0; i < MTFTP_BUCKETS; i++)
        for (const struct transfer *t = m->buckets[i]; t; t = t->next)
            count += strcmp(t->peer_address, address) == 0;
    return count;
}

void transfer_end_all(struct mtftp *m)
{
    for (unsigned i = 0; i < MTFTP_BUCKETS; i++)
        while (m->buckets[i])
            transfer_end(m->buckets[i]);
}
