/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One connection and a queue.  A kept-alive connection that the server closed
 * while it was idle is opened again once; every route of the engine may be
 * asked twice, because reports carry sequence numbers (core/doc/wire.md).
 */
#include "core/wire/http-client.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define REQUEST_MAX_BYTES (2u * 1024 * 1024)

struct exchange {
    struct exchange *next;
    struct buf request;
    uint64_t timeout_ms;
    size_t max_body_bytes;
    bool is_head;
    bool repeated; /* sent again on a new connection */
    http_done *done;
    void *arg;
};

struct http_client {
    struct loop *loop;
    const struct tls_settings *settings;
    char server[SERVER_NAME_BYTES];
    struct tls_stream *stream;
    bool fresh;             /* nothing was received on this connection yet */
    struct exchange *first; /* the one under way, then those that wait */
    struct exchange **last;
    size_t count;
    bool active;                /* `first` has been started */
    struct loop_timer *timer;   /* its time limit */
    struct loop_timer *starter; /* starts the next one */
    struct http_response_reader reader;
    bool *freed; /* set when the client goes away inside a callback */
};

static void exchange_free(struct exchange *exchange)
{
    buf_done(&exchange->request);
    free(exchange);
}

static void disconnect(struct http_client *client)
{
    tls_close(client->stream);
    client->stream = NULL;
}

static void start_next(void *arg);

static void schedule_next(struct http_client *client)
{
    if (client->first && !client->active && !client->starter)
        client->starter = loop_timer(client->loop, 0, start_next, client);
}

/* Ends the exchange under way.  The client may be gone afterwards: false. */
static bool finish(struct http_client *client,
                   const struct http_response *response, const struct err *err)
{
    struct exchange *exchange = client->first;
    struct http_response_reader reader = client->reader;
    bool freed = false;
    bool *outer = client->freed;

    client->first = exchange->next;
    if (!client->first)
        client->last = &client->first;
    client->count--;
    client->active = false;
    loop_timer_cancel(client->timer);
    client->timer = NULL;
    http_reader_init(&client->reader, 0, false);
    client->freed = &freed;
    /* `response` lived in client->reader, whose buffers are now here. */
    exchange->done(exchange->arg, response ? &reader.response : NULL, err);
    exchange_free(exchange);
    http_reader_done(&reader);
    if (freed) {
        if (outer)
            *outer = true;
        return false;
    }
    client->freed = outer;
    schedule_next(client);
    return true;
}

static void fail(struct http_client *client, const struct err *err)
{
    disconnect(client);
    if (client->active)
        (void)finish(client, NULL, err);
}

static void on_timeout(void *arg)
{
    struct http_client *client = arg;
    struct err err = ERR_INIT;

    client->timer = NULL;
    (void)err_set(&err, ERR_TIMEOUT, "server %s did not answer within %llu s",
                  client->server,
                  (unsigned long long)(client->first->timeout_ms / 1000));
    fail(client, &err);
}

static void on_data(void *arg, const uint8_t *data, size_t length)
{
    struct http_client *client = arg;
    struct err err = ERR_INIT;
    size_t used = 0;

    client->fresh = false;
    if (!client->active) {
        disconnect(client); /* an answer that nobody asked for */
        return;
    }
    if (http_reader_feed(&client->reader, data, length, &used, &err) < 0) {
        (void)err_prefix(&err, "server %s: ", client->server);
        fail(client, &err);
        return;
    }
    if (client->reader.phase != HTTP_COMPLETE)
        return;
    if (!client->reader.response.keep_alive || used < length)
        disconnect(client);
    (void)finish(client, &client->reader.response, NULL);
}

static bool begin(struct http_client *client);

static void on_closed(void *arg, const struct err *err)
{
    struct http_client *client = arg;
    struct err why = ERR_INIT;
    bool was_idle = !client->fresh && client->active &&
                    client->reader.response.status == 0 &&
                    client->reader.line.length == 0;

    disconnect(client);
    if (!client->active)
        return;
    if (was_idle && !client->first->repeated) {
        client->first->repeated = true;
        (void)begin(client);
        return;
    }
    if (!err && http_reader_end(&client->reader, &why) == 0) {
        (void)finish(client, &client->reader.response, NULL);
        return;
    }
    if (err)
        why = *err;
    else
        (void)err_prefix(&why, "server %s: ", client->server);
    (void)finish(client, NULL, &why);
}

static const struct tls_handlers handlers = {
    .on_data = on_data,
    .on_closed = on_closed,
};

/* Sends the first exchange; false when that ended it with a failure. */
static bool begin(struct http_client *client)
{
    struct exchange *exchange = client->first;
    struct err err = ERR_INIT;

    if (!client->stream) {
        client->stream = tls_connect(client->loop, client->settings,
                                     client->server, &handlers, client, &err);
        client->fresh = true;
    }
    if (client->stream && tls_send(client->stream, exchange->request.data,
                                   exchange->request.length, &err) == 0)
        return true;
    fail(client, &err);
    return false;
}

static void start_next(void *arg)
{
    struct http_client *client = arg;
    struct exchange *exchange = client->first;

    client->starter = NULL;
    if (!exchange || client->active)
        return;
    client->active = true;
    http_reader_done(&client->reader);
    http_reader_init(&client->reader, exchange->max_body_bytes,
                     exchange->is_head);
    client->timer =
        loop_timer(client->loop, exchange->timeout_ms, on_timeout, client);
    (void)begin(client); /* a failure has ended the exchange */
}

struct http_client *http_client_new(struct loop *loop,
                                    const struct tls_settings *settings,
                                    const char *server, struct err *err)
{
    if (server_name_check(server, err) < 0)
        return NULL;
    struct http_client *client = calloc(1, sizeof(*client));
    if (!client) {
        (void)err_set(err, ERR_NO_MEMORY, "not enough memory for server %s",
                      server);
        return NULL;
    }
    client->loop = loop;
    client->settings = settings;
    client->last = &client->first;
    (void)snprintf(client->server, sizeof(client->server), "%s", server);
    http_reader_init(&client->reader, 0, false);
    return client;
}

void http_client_free(struct http_client *client)
{
    if (!client)
        return;
    if (client->freed)
        *client->freed = true;
    disconnect(client);
    loop_timer_cancel(client->timer);
    loop_timer_cancel(client->starter);
    while (client->first) {
        struct exchange *exchange = client->first;
        client->first = exchange->next;
        exchange_free(exchange);
    }
    http_reader_done(&client->reader);
    free(client);
}

const char *http_client_server(const struct http_client *client)
{
    return client->server;
}

static int compose(struct http_client *client, struct exchange *exchange,
                   const struct http_request *request, struct err *err)
{
    struct buf *out = &exchange->request;
    size_t length = request->body ? strlen(request->body) : 0;

    (void)buf_printf(out, "%s %s HTTP/1.1\r\nHost: %s\r\n", request->method,
                     request->path, client->server);
    if (request->authorization)
        (void)buf_printf(out, "Authorization: %s\r\n", request->authorization);
    if (request->body)
        (void)buf_printf(out,
                         "Content-Type: application/json\r\n"
                         "Content-Length: %zu\r\n",
                         length);
    (void)buf_append_text(out, "\r\n");
    (void)buf_append(out, request->body ? request->body : "", length);
    if (out->failed)
        return err_set(err, ERR_TOO_BIG,
                       "a request of %zu bytes is too big for server %s",
                       length, client->server);
    return 0;
}

int http_client_send(struct http_client *client,
                     const struct http_request *request, http_done *done,
                     void *arg, struct err *err)
{
    if (client->count >= HTTP_CLIENT_MAX_WAITING)
        return err_set(err, ERR_UNAVAILABLE,
                       "too many requests wait for server %s", client->server);
    struct exchange *exchange = calloc(1, sizeof(*exchange));
    if (!exchange)
        return err_set(err, ERR_NO_MEMORY, "not enough memory for a request");
    buf_init(&exchange->request, REQUEST_MAX_BYTES);
    exchange->timeout_ms = request->timeout_ms;
    exchange->max_body_bytes = request->max_body_bytes;
    exchange->is_head = strcmp(request->method, "HEAD") == 0;
    exchange->done = done;
    exchange->arg = arg;
    int code = compose(client, exchange, request, err);
    if (code < 0) {
        exchange_free(exchange);
        return code;
    }
    *client->last = exchange;
    client->last = &exchange->next;
    client->count++;
    schedule_next(client);
    return 0;
}
