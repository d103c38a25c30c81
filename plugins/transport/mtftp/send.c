/* SPDX-License-Identifier: Apache-2.0 */
/* Packets of a transfer: blocks of the file, and the OACK. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "transfer.h"

enum { RETRY_FULL_QUEUE_MS = 20 };

/* The timer is not moved at each packet: when it fires too early it is set
 * again for the rest (transfer_on_timer). */
void send_again_in(struct transfer *t, uint64_t delay_ms)
{
    uint64_t at = t->host->now_ms(t->host) + delay_ms;
    bool sooner = at < t->resend_at_ms;
    t->resend_at_ms = at;
    if (t->timer && !sooner)
        return;
    if (t->timer)
        t->host->timer_cancel(t->host, t->timer);
    t->timer = t->host->timer(t->host, delay_ms, transfer_on_timer, t);
    /* Without a timer (no memory) the client's own time-outs still drive the
     * transfer, by repeating its request or its acknowledgement. */
}

int send_bytes(struct transfer *t, const void *data, size_t length,
               size_t segment_bytes)
{
    struct slipway_datagram out = {
        .size = sizeof(out),
        .peer = &t->peer,
        .local = &t->local,
        .data = data,
        .length = length,
    };
    if (length <= segment_bytes)
        return t->host->datagram_send(t->host, t->socket, &out);
    return t->host->datagram_send_many(t->host, t->socket, &out, segment_bytes);
}

/* Bytes of block `block`, which may be 0 for the last. */
static size_t block_length(const struct transfer *t, uint64_t block)
{
    uint64_t offset = (block - 1) * t->block_bytes;
    uint64_t left = t->content->length - offset;
    return left < t->block_bytes ? (size_t)left : t->block_bytes;
}

/* Reads on from `offset`; -1 when not even one byte can be had. */
static int read_ahead(struct transfer *t, uint64_t offset)
{
    ssize_t n;
    do {
        n = pread((int)t->content->fd, t->ahead, sizeof(t->ahead),
                  (off_t)offset);
    } while (n < 0 && errno == EINTR);
    t->ahead_offset = offset;
    t->ahead_length = n > 0 ? (size_t)n : 0;
    return n > 0 ? 0 : -1;
}

static int read_block(struct transfer *t, uint64_t block, uint8_t *out)
{
    size_t length = block_length(t, block);
    uint64_t offset = (block - 1) * t->block_bytes;
    if (t->content->bytes) {
        memcpy(out, (const uint8_t *)t->content->bytes + offset, length);
        return 0;
    }
    while (length > 0) {
        uint64_t skipped = offset - t->ahead_offset;
        if (skipped >= t->ahead_length) {
            if (read_ahead(t, offset))
                return -1;
            skipped = 0;
        }
        size_t part = t->ahead_length - (size_t)skipped;
        if (part > length)
            part = length;
        memcpy(out, t->ahead + skipped, part);
        out += part;
        offset += part;
        length -= part;
    }
    return 0;
}

/* Fills the server's buffer with blocks from `first` on; how many. */
static uint64_t fill_batch(struct transfer *t, uint64_t first, uint64_t end,
                           size_t *ret_length)
{
    uint8_t *out = t->server->batch;
    size_t used = 0;
    uint64_t block = first;
    while (block <= end && block - first < MTFTP_BATCH_COUNT) {
        size_t length = TFTP_HEADER_BYTES + block_length(t, block);
        /* One GSO send holds at most 64 KiB with its IP and UDP headers. */
        if (used > 0 && used + length > MTFTP_BATCH_BYTES - 64)
            break;
        out[used] = 0;
        out[used + 1] = TFTP_DATA;
        out[used + 2] = (uint8_t)(block >> 8);
        out[used + 3] = (uint8_t)block;
        if (read_block(t, block, out + used + TFTP_HEADER_BYTES))
            return 0;
        used += length;
        block++;
    }
    *ret_length = used;
    return block - first;
}

static void send_read_error(struct transfer *t)
{
    uint8_t bytes[TFTP_ERROR_MAX];
    size_t length =
        tftp_error(TFTP_E_UNDEFINED, "the file cannot be read", bytes);
    (void)send_bytes(t, bytes, length, length); /* it may get lost anyway */
    transfer_fail(t, "the file cannot be read");
}

void send_window(struct transfer *t)
{
    uint64_t end =
        t->acked + t->window < t->last ? t->acked + t->window : t->last;
    uint64_t delay_ms = t->interval_ms;
    while (t->sent < end) {
        size_t length;
        uint64_t count = fill_batch(t, t->sent + 1, end, &length);
        if (count == 0) {
            send_read_error(t);
            return;
        }
        if (send_bytes(t, t->server->batch, length,
                       t->block_bytes + TFTP_HEADER_BYTES)) {
            delay_ms = RETRY_FULL_QUEUE_MS;
            break;
        }
        t->sent += count;
    }
    send_again_in(t, delay_ms);
}

void send_oack(struct transfer *t)
{
    uint8_t bytes[TFTP_OACK_MAX];
    size_t length = tftp_oack(&t->request, bytes);
    (void)send_bytes(t, bytes, length, length); /* the timer sends it again */
    send_again_in(t, t->interval_ms);
}
