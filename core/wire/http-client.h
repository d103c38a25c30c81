/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP/1.1 requests to one server over one TLS connection, which is opened
 * when it is needed and kept alive.  Requests go one after the other.
 */
#ifndef CORE_WIRE_HTTP_CLIENT_H
#define CORE_WIRE_HTTP_CLIENT_H

#include "core/wire/http-response.h"
#include "core/wire/tls.h"

struct http_client;

#define HTTP_CLIENT_MAX_WAITING 64

struct http_request {
    const char *method;
    const char *path;
    const char *authorization; /* value of that header, or NULL */
    const char *body;          /* JSON text, or NULL */
    uint64_t timeout_ms;       /* for the whole exchange; must be > 0 */
    size_t max_body_bytes;     /* of the response */
};

/*
 * Ends a request, once: with a response of any status, or with NULL and why
 * there is none (ERR_UNAVAILABLE, ERR_TIMEOUT, ERR_DENIED when the server is
 * not of this site, ERR_TOO_BIG, ERR_CORRUPT).  Everything is borrowed.  It
 * may send again and may free the client.
 */
typedef void http_done(void *arg, const struct http_response *response,
                       const struct err *err);

struct http_client *http_client_new(struct loop *loop,
                                    const struct tls_settings *settings,
                                    const char *server, struct err *err);
/* Closes; requests that have not ended never do. */
void http_client_free(struct http_client *client);
const char *http_client_server(const struct http_client *client);
/* Copies the request; `done` is never called before this returns. */
int http_client_send(struct http_client *client,
                     const struct http_request *request, http_done *done,
                     void *arg, struct err *err) MUST_CHECK;

#endif
