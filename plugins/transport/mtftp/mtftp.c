/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mtftp: published boot files by TFTP (RFC 1350, 2347, 2348, 2349, 7440).
 * This file takes requests from port 69 and decides which become transfers.
 */
#include "mtftp.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <slipway/params.h>

static const struct slipway_param params[PARAM_COUNT] = {
    [PARAM_MAX_BLOCK_BYTES] = SLIPWAY_PARAM(
            .type = SLIPWAY_PARAM_NUMBER, .name = "max_block_bytes",
            .help =
                "Largest block that is agreed to; a larger one than 1468 is "
                "fragmented on Ethernet, which many firmwares cannot take.",
            .default_text = "1468", .min = 512, .max = 65464),
    [PARAM_MAX_WINDOW] =
        SLIPWAY_PARAM(.type = SLIPWAY_PARAM_NUMBER, .name = "max_window",
                      .help =
                          "Most blocks that are sent before an acknowledgement "
                          "(RFC 7440).",
                      .default_text = "64", .min = 1, .max = 64),
    [PARAM_MAX_TRANSFERS] = SLIPWAY_PARAM(
            .type = SLIPWAY_PARAM_NUMBER, .name = "max_transfers",
            .help = "Most transfers at one time; requests beyond are ignored "
                    "until one ends.",
            .default_text = "1024", .min = 1, .max = 16384),
    [PARAM_MAX_TRANSFERS_PER_CLIENT] =
        SLIPWAY_PARAM(.type = SLIPWAY_PARAM_NUMBER,
                      .name = "max_transfers_per_client",
                      .help = "Most transfers at one time to one address.",
                      .default_text = "64", .min = 1, .max = 1024),
};

void mtftp_log(const struct mtftp *m, uint32_t level, const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    for (char *at = text; *at != '\0'; at++)
        if (*at < 0x20 || *at > 0x7e)
            *at = '.';
    m->host->log(m->host, level, text);
}

void mtftp_send_error(const struct mtftp *m, struct slipway_datagrams *socket,
                      const struct slipway_datagram *datagram,
                      enum tftp_error code, const char *text)
{
    uint8_t bytes[TFTP_ERROR_MAX];
    struct slipway_datagram out = {
        .size = sizeof(out),
        .peer = datagram->peer,
        .local = datagram->local,
        .data = bytes,
        .length = tftp_error(code, text, bytes),
    };
    /* A lost ERROR costs the client one of its own time-outs, no more. */
    (void)m->host->datagram_send(m->host, socket, &out);
}

void mtftp_transfer_gone(struct mtftp *m)
{
    m->count--;
    if (m->draining && m->count == 0)
        m->host->drained(m->host);
}

/* Was the request sent to everybody (SPARC firmware does that)?  Then nobody
 * but a server that has the file may say anything. */
static bool is_broadcast(const struct slipway_datagram *datagram)
{
    const char *address = datagram->local ? datagram->local->address : NULL;
    return !address || address[0] == '\0' ||
           strcmp(address, "255.255.255.255") == 0;
}

static void on_read_request(struct mtftp *m,
                            const struct slipway_datagram *datagram)
{
    struct tftp_request request;
    struct tftp_refusal refusal;
    const char *address = datagram->peer->address;
    bool broadcast = is_broadcast(datagram);
    if (tftp_request_parse(datagram->data, datagram->length, &request,
                           &refusal)) {
        mtftp_log(m, SLIPWAY_LOG_INFO, "%s: request refused: %s", address,
                  refusal.text);
        if (!broadcast)
            mtftp_send_error(m, m->socket, datagram, refusal.code,
                             refusal.text);
        return;
    }
    struct transfer *repeated =
        transfer_find_repeated(m, datagram->peer, &request);
    if (repeated) {
        transfer_repeat(repeated);
        return;
    }
    /* Silence makes the client ask again, when there may be room. */
    if (m->count >= m->limits[PARAM_MAX_TRANSFERS] ||
        transfer_count_of(m, address) >=
            m->limits[PARAM_MAX_TRANSFERS_PER_CLIENT]) {
        mtftp_log(m, SLIPWAY_LOG_WARN,
                  "%s: ignoring its request for '%s', too many transfers run",
                  address, request.name);
        return;
    }
    transfer_start(m, datagram, &request, broadcast);
}

static void on_datagram(void *arg, const struct slipway_datagram *datagram)
{
    struct mtftp *m = arg;
    const uint8_t *data = datagram->data;
    unsigned opcode =
        datagram->length < 2 ? 0 : (unsigned)(data[0] << 8 | data[1]);
    /* Nobody can receive an answer there (and some would answer it). */
    if (datagram->peer->port == 0 || opcode == TFTP_ERROR)
        return;
    if (opcode == TFTP_RRQ) {
        on_read_request(m, datagram);
        return;
    }
    if (is_broadcast(datagram))
        return;
    if (opcode == TFTP_WRQ) {
        mtftp_log(m, SLIPWAY_LOG_NOTICE, "%s: refused to take a file",
                  datagram->peer->address);
        mtftp_send_error(m, m->socket, datagram, TFTP_E_ACCESS,
                         "this server takes no files");
    } else if (opcode == TFTP_DATA || opcode == TFTP_ACK ||
               opcode == TFTP_OACK) {
        mtftp_send_error(m, m->socket, datagram, TFTP_E_UNKNOWN_TID,
                         "unknown transfer");
    } else {
        mtftp_send_error(m, m->socket, datagram, TFTP_E_ILLEGAL,
                         "not a TFTP packet");
    }
}

/* The configured value within the declared bounds, or the default. */
static void read_params(struct mtftp *m)
{
    static const uint64_t defaults[PARAM_COUNT] = {
        [PARAM_MAX_BLOCK_BYTES] = 1468,
        [PARAM_MAX_WINDOW] = 64,
        [PARAM_MAX_TRANSFERS] = 1024,
        [PARAM_MAX_TRANSFERS_PER_CLIENT] = 64,
    };
    for (unsigned i = 0; i < PARAM_COUNT; i++) {
        uint64_t value;
        m->limits[i] = defaults[i];
        if (SLIPWAY_HAS(m->host, struct slipway_serve_host, param_number) &&
            m->host->param_number(m->host, i, &value) == SLIPWAY_OK &&
            value >= params[i].min && value <= params[i].max)
            m->limits[i] = value;
    }
}

static int serve_start(const struct slipway_serve_host *host,
                       void **ret_instance)
{
    struct mtftp *m = calloc(1, sizeof(*m));
    if (!m)
        return SLIPWAY_EINTERNAL;
    m->host = host;
    read_params(m);
    int code =
        host->datagram_socket(host, "tftp", NULL, on_datagram, m, &m->socket);
    if (code) {
        mtftp_log(m, SLIPWAY_LOG_ERROR,
                  "the socket 'tftp' cannot be opened, no boot file is served "
                  "by TFTP");
        free(m);
        return code;
    }
    *ret_instance = m;
    return SLIPWAY_OK;
}

static void close_socket(struct mtftp *m)
{
    if (m->socket)
        m->host->datagram_close(m->host, m->socket);
    m->socket = NULL;
}

static void serve_drain(void *instance)
{
    struct mtftp *m = instance;
    m->draining = true;
    close_socket(m);
    if (m->count == 0)
        m->host->drained(m->host);
}

static void serve_stop(void *instance)
{
    struct mtftp *m = instance;
    m->draining = false;
    close_socket(m);
    transfer_end_all(m);
    free(m);
}

SLIPWAY_TRANSPORT_PLUGIN(
        .name = "mtftp", .version = PLUGIN_VERSION,
        .summary =
            "serves published boot files by TFTP with options and windows",
        .params = params, .params_count = PARAM_COUNT,
        .capabilities = SLIPWAY_TRANSPORT_SERVES_BOOT_FILES, .sockets = "tftp",
        .serve_start = serve_start, .serve_drain = serve_drain,
        .serve_stop = serve_stop);
