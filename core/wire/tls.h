/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TLS 1.3 from an engine to a server of its site.  The engine presents a
 * self-signed certificate of a key it has just made; the server must show a
 * chain that ends in a pinned root.  There is no way to turn that off.
 */
#ifndef CORE_WIRE_TLS_H
#define CORE_WIRE_TLS_H

#include "core/util/loop.h"
#include "core/wire/trust.h"

#include <gnutls/gnutls.h>

/* The engine's key: P-256, in memory only, new at each start. */
struct tls_identity;
struct tls_identity *tls_identity_new(struct err *err);
void tls_identity_free(struct tls_identity *identity);
/* SHA-256 of its SubjectPublicKeyInfo, as the server sees it. */
void tls_identity_key(const struct tls_identity *identity, struct digest *ret);

/* What a connection is judged by.  Everything outlives the connection. */
struct tls_settings {
    const struct trust *trust;
    const struct tls_identity *identity;
    /* The calendar in seconds as this machine believes it to be. */
    int64_t (*wall_s)(void *arg);
    void *wall_arg;
};

/*
 * Judges a server's chain, leaf first, DER.  `now_s` is taken to be at least
 * the trust file's time.  The sentence says which rule was broken and, when
 * the clock is the likely reason, what this machine's clock says.
 */
int tls_verify_server(const gnutls_datum_t *chain, unsigned count,
                      const struct trust *trust, int64_t now_s,
                      struct err *err) MUST_CHECK;

/*
 * One connection on a loop.  Callbacks may close the stream.  `on_closed`
 * comes once, after which only tls_close may be called; `err` is NULL when
 * the server ended it in order.
 */
struct tls_stream;
struct tls_handlers {
    void (*on_ready)(void *arg); /* the server is who it must be */
    void (*on_data)(void *arg, const uint8_t *data, size_t length);
    void (*on_closed)(void *arg, const struct err *err);
};

#define TLS_MAX_QUEUED (4u * 1024 * 1024) /* bytes waiting to be sent */

/* `server` is "address:port".  Failures to connect come by on_closed. */
struct tls_stream *tls_connect(struct loop *loop,
                               const struct tls_settings *settings,
                               const char *server,
                               const struct tls_handlers *handlers, void *arg,
                               struct err *err);
/* Queues a copy; fine before on_ready.  ERR_TOO_BIG past TLS_MAX_QUEUED. */
int tls_send(struct tls_stream *stream, const void *data, size_t length,
             struct err *err);
void tls_close(struct tls_stream *stream); /* NULL is fine */

#endif
