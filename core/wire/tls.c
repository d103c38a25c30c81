/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The connection: TCP connect, handshake, records, all without blocking.  A
 * callback may close the stream, so every step after one looks at `closing`.
 */
#include "core/wire/tls.h"

#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "core/util/buf.h"
#include "core/wire/tls-identity.h"

#define RECORD_BYTES 16384
/* Most bytes handled in one go, so that other handlers get their turn. */
#define READ_BURST_BYTES (16 * RECORD_BYTES)
#define PRIORITY                                                               \
    "NORMAL:-VERS-ALL:+VERS-TLS1.3:-GROUP-ALL:+GROUP-X25519:"                  \
    "+GROUP-SECP256R1:%NO_TICKETS"

enum tls_phase { TLS_CONNECTING, TLS_HANDSHAKE, TLS_OPEN, TLS_DEAD };

struct tls_stream {
    struct loop *loop;
    const struct tls_settings *settings;
    char server[SERVER_NAME_BYTES];
    struct tls_handlers handlers;
    void *arg;
    int fd;
    struct loop_watch *watch;
    struct loop_timer *kick; /* data is left inside GnuTLS */
    gnutls_session_t session;
    enum tls_phase phase;
    struct buf out;
    struct err refused; /* the verdict on the server's chain */
    unsigned depth;     /* callbacks under way */
    bool closing;       /* tls_close was called inside one */
};

static void stream_destroy(struct tls_stream *stream)
{
    loop_watch_cancel(stream->watch);
    loop_timer_cancel(stream->kick);
    if (stream->session)
        gnutls_deinit(stream->session);
    if (stream->fd >= 0)
        (void)close(stream->fd); /* nothing is lost: TLS has its own end */
    buf_done(&stream->out);
    free(stream);
}

void tls_close(struct tls_stream *stream)
{
    if (!stream)
        return;
    if (stream->depth > 0) {
        stream->closing = true;
        return;
    }
    if (stream->phase == TLS_OPEN)
        (void)gnutls_bye(stream->session, GNUTLS_SHUT_WR); /* best effort */
    stream_destroy(stream);
}

static void enter(struct tls_stream *stream)
{
    stream->depth++;
}

/* False when the stream is gone. */
static bool leave(struct tls_stream *stream)
{
    stream->depth--;
    if (stream->depth == 0 && stream->closing) {
        tls_close(stream);
        return false;
    }
    return !stream->closing;
}

static void stream_fail(struct tls_stream *stream, const struct err *err)
{
    if (stream->phase == TLS_DEAD)
        return;
    stream->phase = TLS_DEAD;
    loop_watch_cancel(stream->watch);
    stream->watch = NULL;
    loop_timer_cancel(stream->kick);
    stream->kick = NULL;
    stream->handlers.on_closed(stream->arg, err);
}

static void stream_fail_tls(struct tls_stream *stream, int code)
{
    struct err err = ERR_INIT;

    if (stream->refused.code)
        err = stream->refused;
    else if (code == GNUTLS_E_FATAL_ALERT_RECEIVED)
        (void)err_set(&err, ERR_UNAVAILABLE,
                      "server %s refused the connection (%s)", stream->server,
                      gnutls_alert_get_name(gnutls_alert_get(stream->session)));
    else if (code == GNUTLS_E_PREMATURE_TERMINATION ||
             code == GNUTLS_E_PULL_ERROR || code == GNUTLS_E_PUSH_ERROR)
        (void)err_set(&err, ERR_UNAVAILABLE,
                      "the connection to server %s was cut", stream->server);
    else
        (void)err_set(&err, ERR_UNAVAILABLE,
                      "server %s does not speak TLS as it should: %s",
                      stream->server, gnutls_strerror(code));
    stream_fail(stream, &err);
}

static void update_watch(struct tls_stream *stream)
{
    unsigned events = LOOP_READ;

    if (stream->phase == TLS_DEAD || !stream->watch)
        return;
    if (stream->phase == TLS_CONNECTING)
        events = LOOP_WRITE;
    else if (stream->phase == TLS_HANDSHAKE &&
             gnutls_record_get_direction(stream->session))
        events = LOOP_WRITE;
    else if (stream->phase == TLS_OPEN && stream->out.length > 0)
        events = LOOP_READ | LOOP_WRITE;
    loop_watch_change(stream->watch, events);
}

static int verify_peer(gnutls_session_t session)
{
    struct tls_stream *stream = gnutls_session_get_ptr(session);
    const struct tls_settings *settings = stream->settings;
    unsigned count = 0;
    const gnutls_datum_t *chain = gnutls_certificate_get_peers(session, &count);

    if (tls_verify_server(chain, chain ? count : 0, settings->trust,
                          settings->wall_s(settings->wall_arg),
                          &stream->refused) < 0) {
        (void)err_prefix(&stream->refused, "server %s: ", stream->server);
        return GNUTLS_E_CERTIFICATE_ERROR; /* the client's is not sent then */
    }
    return 0;
}

static void flush_out(struct tls_stream *stream)
{
    while (stream->out.length > 0) {
        ssize_t sent =
            gnutls_record_send(stream->session, stream->out.data,
                               MIN(stream->out.length, (size_t)RECORD_BYTES));
        if (sent == GNUTLS_E_AGAIN || sent == GNUTLS_E_INTERRUPTED)
            return;
        if (sent < 0) {
            stream_fail_tls(stream, (int)sent);
            return;
        }
        buf_consume(&stream->out, (size_t)sent);
    }
}

static void on_kick(void *arg);

static void read_records(struct tls_stream *stream)
{
    uint8_t data[RECORD_BYTES];
    size_t total = 0;

    while (!stream->closing && stream->phase == TLS_OPEN) {
        ssize_t got = gnutls_record_recv(stream->session, data, sizeof(data));
        if (got == GNUTLS_E_INTERRUPTED)
            continue;
        if (got == GNUTLS_E_AGAIN)
            return;
        if (got == 0) {
            stream_fail(stream, NULL);
            return;
        }
        if (got < 0) {
            if (!gnutls_error_is_fatal((int)got))
                continue;
            stream_fail_tls(stream, (int)got);
            return;
        }
        stream->handlers.on_data(stream->arg, data, (size_t)got);
        total += (size_t)got;
        if (total >= READ_BURST_BYTES) {
            /* What GnuTLS has decrypted already makes no descriptor ready. */
            if (!stream->kick)
                stream->kick = loop_timer(stream->loop, 0, on_kick, stream);
            return;
        }
    }
}

static void on_kick(void *arg)
{
    struct tls_stream *stream = arg;

    stream->kick = NULL;
    enter(stream);
    read_records(stream);
    if (leave(stream))
        update_watch(stream);
}

static void step_handshake(struct tls_stream *stream)
{
    int code;

    do
        code = gnutls_handshake(stream->session);
    while (
        code == GNUTLS_E_INTERRUPTED ||
        (code < 0 && code != GNUTLS_E_AGAIN && !gnutls_error_is_fatal(code)));
    if (code == GNUTLS_E_AGAIN)
        return;
    if (code < 0) {
        stream_fail_tls(stream, code);
        return;
    }
    stream->phase = TLS_OPEN;
    if (stream->handlers.on_ready)
        stream->handlers.on_ready(stream->arg);
}

static void step_connect(struct tls_stream *stream)
{
    int number = 0;
    socklen_t size = sizeof(number);

    if (getsockopt(stream->fd, SOL_SOCKET, SO_ERROR, &number, &size) < 0)
        number = errno;
    if (number == 0) {
        stream->phase = TLS_HANDSHAKE;
        return;
    }
    struct err err = ERR_INIT;
    (void)err_set_errno(&err, ERR_UNAVAILABLE, number,
                        "server %s does not answer", stream->server);
    stream_fail(stream, &err);
}

static void on_ready_fd(void *arg, unsigned events)
{
    struct tls_stream *stream = arg;

    enter(stream);
    if (stream->phase == TLS_CONNECTING)
        step_connect(stream);
    if (stream->phase == TLS_HANDSHAKE)
        step_handshake(stream);
    if (!stream->closing && stream->phase == TLS_OPEN)
        flush_out(stream);
    if (!stream->closing && stream->phase == TLS_OPEN && (events & LOOP_READ))
        read_records(stream);
    if (leave(stream))
        update_watch(stream);
}

static int open_session(struct tls_stream *stream, struct err *err)
{
    int code = gnutls_init(&stream->session, GNUTLS_CLIENT | GNUTLS_NONBLOCK |
                                                 GNUTLS_NO_SIGNAL |
                                                 GNUTLS_FORCE_CLIENT_CERT);

    if (code >= 0)
        code = gnutls_priority_set_direct(stream->session, PRIORITY, NULL);
    if (code >= 0)
        code = gnutls_credentials_set(stream->session, GNUTLS_CRD_CERTIFICATE,
                                      stream->settings->identity->credentials);
    if (code < 0)
        return err_set(err, ERR_INTERNAL, "TLS cannot be set up: %s",
                       gnutls_strerror(code));
    gnutls_session_set_ptr(stream->session, stream);
    gnutls_session_set_verify_function(stream->session, verify_peer);
    gnutls_transport_set_int(stream->session, stream->fd);
    return 0;
}

static int open_socket(struct tls_stream *stream, struct err *err)
{
    struct endpoint endpoint;
    struct sockaddr_in address = {.sin_family = AF_INET};
    int on = 1;

    if (endpoint_parse(stream->server, &endpoint, err) < 0)
        return ERR_INVALID;
    address.sin_addr = endpoint.address;
    address.sin_port = htons(endpoint.port);
    stream->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (stream->fd < 0)
        return err_set_errno(err, ERR_UNAVAILABLE, errno,
                             "no socket for server %s", stream->server);
    /* Small requests wait for their replies; failure costs only time. */
    (void)setsockopt(stream->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    (void)setsockopt(stream->fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
    if (connect(stream->fd, (struct sockaddr *)&address, sizeof(address)) < 0 &&
        errno != EINPROGRESS)
        return err_set_errno(err, ERR_UNAVAILABLE, errno,
                             "server %s cannot be reached", stream->server);
    return 0;
}

struct tls_stream *tls_connect(struct loop *loop,
                               const struct tls_settings *settings,
                               const char *server,
                               const struct tls_handlers *handlers, void *arg,
                               struct err *err)
{
    struct tls_stream *stream = calloc(1, sizeof(*stream));

    if (!stream) {
        (void)err_set(err, ERR_NO_MEMORY, "not enough memory to connect");
        return NULL;
    }
    stream->loop = loop;
    stream->settings = settings;
    stream->handlers = *handlers;
    stream->arg = arg;
    stream->fd = -1;
    buf_init(&stream->out, TLS_MAX_QUEUED);
    (void)snprintf(stream->server, sizeof(stream->server), "%s", server);
    if (open_socket(stream, err) < 0 || open_session(stream, err) < 0)
        goto fail;
    stream->watch =
        loop_watch(loop, stream->fd, LOOP_WRITE, on_ready_fd, stream);
    if (!stream->watch) {
        (void)err_set(err, ERR_NO_MEMORY, "not enough memory to connect");
        goto fail;
    }
    return stream;
fail:
    stream_destroy(stream);
    return NULL;
}

int tls_send(struct tls_stream *stream, const void *data, size_t length,
             struct err *err)
{
    if (stream->phase == TLS_DEAD)
        return err_set(err, ERR_UNAVAILABLE,
                       "the connection to server %s has ended", stream->server);
    if (buf_append(&stream->out, data, length) < 0)
        return err_set(err, ERR_TOO_BIG,
                       "too much waits to be sent to server %s",
                       stream->server);
    /* Sent by the handler: a failure here would call back into the caller. */
    update_watch(stream);
    return 0;
}
