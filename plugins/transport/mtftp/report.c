/* SPDX-License-Identifier: Apache-2.0 */
/* What the server is told about transfers, as JSON events. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "transfer.h"

enum { EVENT_BYTES = 1024, REPORT_EVERY_MS = 1000 };

uint64_t transfer_bytes_done(const struct transfer *t)
{
    uint64_t bytes = t->acked * t->block_bytes;
    return t->acked >= t->last || bytes > t->content->length
               ? t->content->length
               : bytes;
}

/* Text from a client inside a JSON string: printable ASCII without the two
 * characters that have a meaning there. */
static void copy_safe(char *out, size_t size, const char *text)
{
    size_t n = 0;
    for (; text[n] != '\0' && n + 1 < size; n++)
        out[n] = text[n] < 0x20 || text[n] > 0x7e || text[n] == '"' ||
                         text[n] == '\\'
                     ? '.'
                     : text[n];
    out[n] = '\0';
}

static void report(struct transfer *t, const char *event, const char *reason)
{
    char text[EVENT_BYTES];
    char name[TFTP_NAME_BYTES];
    char why[TFTP_ERROR_MAX];
    char member[TFTP_ERROR_MAX + 16] = "";
    copy_safe(name, sizeof(name), t->request.name);
    if (reason) {
        copy_safe(why, sizeof(why), reason);
        (void)snprintf(member, sizeof(member), ",\"reason\":\"%s\"", why);
    }
    uint64_t now = t->host->now_ms(t->host);
    int n = snprintf(text, sizeof(text),
                     "{\"event\":\"%s\",\"name\":\"%s\",\"address\":\"%s\","
                     "\"bytes_done\":%" PRIu64 ",\"bytes_total\":%" PRIu64
                     ",\"ms\":%" PRIu64 ",\"blocks_resent\":%" PRIu64 "%s}",
                     event, name, t->peer_address, transfer_bytes_done(t),
                     t->content->length, now - t->started_ms, t->blocks_resent,
                     member);
    if (n > 0 && (size_t)n < sizeof(text))
        t->host->event(t->host, text);
    t->reported_ms = now;
}

void report_started(struct transfer *t)
{
    report(t, "transfer-started", NULL);
}

void report_progress(struct transfer *t)
{
    if (t->host->now_ms(t->host) - t->reported_ms >= REPORT_EVERY_MS)
        report(t, "transfer-progress", NULL);
}

void report_done(struct transfer *t)
{
    report(t, "transfer-done", NULL);
    mtftp_log(t->server, SLIPWAY_LOG_INFO,
              "%s has received '%s', %" PRIu64 " bytes in %" PRIu64
              " ms, %" PRIu64 " blocks sent again",
              t->peer_address, t->request.name, t->content->length,
              t->host->now_ms(t->host) - t->started_ms, t->blocks_resent);
}

void report_failed(struct transfer *t, const char *reason)
{
    report(t, "transfer-failed", reason);
    mtftp_log(t->server, SLIPWAY_LOG_WARN,
              "%s did not get '%s': %s, after %" PRIu64 " of %" PRIu64 " bytes",
              t->peer_address, t->request.name, reason, transfer_bytes_done(t),
              t->content->length);
}
