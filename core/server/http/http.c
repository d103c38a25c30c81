/* SPDX-License-Identifier: Apache-2.0 */
/* The HTTP thread: libmicrohttpd's callbacks, start and stop. */
#include "core/server/http/http-internal.h"

#include <gnutls/gnutls.h>
#include <stdio.h>
#include <string.h>

#include "core/server/server.h"
#include "core/util/json.h"
#include "core/util/log.h"

/* Connections at one time, from everywhere and from one address; an address
 * may be a relay or a NAT with a whole room behind it. */
#define CONNECTIONS 2048
#define CONNECTIONS_PER_ADDRESS 512
#define IDLE_TIMEOUT_S 60
#define CONNECTION_BYTES (64 * 1024) /* request line, headers, read buffer */

static enum MHD_Result queue(struct request *r, unsigned status,
                             struct MHD_Response *response)
{
    r->step = STEP_QUEUED;
    if (!response)
        return MHD_NO;
    enum MHD_Result result =
        MHD_queue_response(r->connection, status, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result queue_problem(struct request *r, const char *problem,
                                     const char *detail)
{
    unsigned status = 500;
    struct MHD_Response *response =
        http_problem_response(r, problem, detail, &status);
    return queue(r, status, response);
}

/* The loop has replied; what it left is queued. */
static enum MHD_Result queue_reply(struct request *r)
{
    (void)pthread_mutex_lock(&r->lock);
    struct MHD_Response *response = TAKE(r->response);
    unsigned status = r->status;
    (void)pthread_mutex_unlock(&r->lock);
    return queue(r, status, response);
}

bool http_wake(struct request *r)
{
    if (!r->connection || !r->suspended)
        return false;
    r->suspended = false;
    MHD_resume_connection(r->connection);
    return true;
}

bool http_post(struct request *r, void (*fn)(void *arg))
{
    (void)pthread_mutex_lock(&r->lock);
    r->suspended = true;
    MHD_suspend_connection(r->connection);
    (void)pthread_mutex_unlock(&r->lock);
    (void)request_hold(r);
    if (loop_post(r->http->loop, fn, r) == 0)
        return true;
    (void)pthread_mutex_lock(&r->lock);
    (void)http_wake(r);
    (void)pthread_mutex_unlock(&r->lock);
    request_release(r);
    return false;
}

static enum MHD_Result post_or_fail(struct request *r, void (*fn)(void *arg),
                                    enum request_step step)
{
    r->step = step;
    if (atomic_load(&r->http->stopping))
        return queue_problem(r, "unavailable", "the server is stopping");
    if (!http_post(r, fn))
        return MHD_NO;
    return MHD_YES;
}

static enum MHD_Result on_headers(struct request *r)
{
    struct err err = ERR_INIT;
    const char *problem = http_prepare(r, &err);
    if (problem)
        return queue_problem(r, problem, err.text);
    if (r->match.route->flags & ROUTE_UPLOAD)
        return post_or_fail(r, http_dispatch, STEP_ASKED);
    r->step = STEP_BODY;
    return MHD_YES;
}

static enum MHD_Result on_body(struct request *r, const char *data,
                               size_t *length)
{
    if (*length > 0) {
        /* Its size was checked with the headers. */
        if (buf_append(&r->body, data, *length) < 0)
            return MHD_NO;
        *length = 0;
        return MHD_YES;
    }
    struct err err = ERR_INIT;
    const char *problem = http_parse_body(r, &err);
    if (problem)
        return queue_problem(r, problem, err.text);
    return post_or_fail(r, http_dispatch, STEP_LOOP);
}

/* An upload comes back from the loop: refused, or with a pipe. */
static enum MHD_Result on_asked(struct request *r)
{
    (void)pthread_mutex_lock(&r->lock);
    bool answered = r->response != NULL;
    bool taken = r->pipe_fd >= 0;
    (void)pthread_mutex_unlock(&r->lock);
    if (answered)
        return queue_reply(r);
    if (taken)
        r->step = STEP_UPLOAD;
    return MHD_YES;
}

static enum MHD_Result on_request(void *cls, struct MHD_Connection *connection,
                                  const char *url, const char *method,
                                  const char *version, const char *data,
                                  size_t *length, void **context)
{
    struct request *r = *context;
    (void)cls;
    (void)connection;
    (void)url;
    (void)version;
    if (!r)
        return MHD_NO; /* there was no memory for it */
    switch (r->step) {
    case STEP_HEADERS:
        (void)snprintf(r->method, sizeof(r->method), "%s", method);
        return on_headers(r);
    case STEP_BODY:
        return on_body(r, data, length);
    case STEP_ASKED:
        return on_asked(r);
    case STEP_UPLOAD:
        return *length > 0 ? upload_chunk(r, data, length) : upload_end(r);
    case STEP_LOOP:
        return queue_reply(r);
    case STEP_QUEUED:
        *length = 0; /* what follows a refusal is of no interest */
        return MHD_YES;
    }
    return MHD_NO;
}

static void *on_uri(void *cls, const char *uri,
                    struct MHD_Connection *connection)
{
    return request_new(cls, uri, connection);
}

static void tell_gone(void *arg)
{
    struct request *r = arg;
    if (!r->replied && r->on_gone)
        r->on_gone(r->on_gone_arg);
    request_release(r);
}

static void on_completed(void *cls, struct MHD_Connection *connection,
                         void **context, enum MHD_RequestTerminationCode code)
{
    struct http *http = cls;
    struct request *r = *context;
    (void)connection;
    (void)code;
    if (!r)
        return;
    *context = NULL;
    upload_abandon(r);
    (void)pthread_mutex_lock(&r->lock);
    r->connection = NULL;
    (void)pthread_mutex_unlock(&r->lock);
    if (!atomic_load(&http->stopping)) {
        (void)request_hold(r);
        if (loop_post(http->loop, tell_gone, r) < 0)
            request_release(r);
    }
    request_release(r);
}

/* ---- connections ---- */

static void connection_new(struct http *http, void **context)
{
    struct http_connection *connection = calloc(1, sizeof(*connection));
    *context = connection;
    if (!connection)
        return; /* nobody will hear of its end */
    connection->http = http;
    connection->number = ++http->connections;
    (void)pthread_mutex_lock(&http->lock);
    connection->next = http->open;
    if (connection->next)
        connection->next->previous = connection;
    http->open = connection;
    (void)pthread_mutex_unlock(&http->lock);
}

static void connection_free(struct http_connection *connection)
{
    struct http *http = connection->http;
    (void)pthread_mutex_lock(&http->lock);
    if (connection->previous)
        connection->previous->next = connection->next;
    else
        http->open = connection->next;
    if (connection->next)
        connection->next->previous = connection->previous;
    (void)pthread_mutex_unlock(&http->lock);
    free(connection);
}

static void tell_closed(void *arg)
{
    struct http_connection *connection = arg;
    struct http *http = connection->http;
    if (http->closed && !atomic_load(&http->stopping))
        http->closed(http->server, connection->number);
    connection_free(connection);
}

static void on_connection(void *cls, struct MHD_Connection *connection,
                          void **context,
                          enum MHD_ConnectionNotificationCode code)
{
    struct http *http = cls;
    (void)connection;
    if (code == MHD_CONNECTION_NOTIFY_STARTED)
        connection_new(http, context);
    else if (*context && loop_post(http->loop, tell_closed, *context) < 0)
        connection_free(*context);
}

/* MHD's own complaints are about clients; they go to the log at debug. */
static void on_mhd_log(void *cls, const char *format, va_list args)
{
    char text[256];
    (void)cls;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    (void)vsnprintf(text, sizeof(text), format, args);
#pragma GCC diagnostic pop
    log_debug("http: %s", text);
}

/* The root alone: any certificate does for asking clients for one. */
static const char *root_of(const char *chain_pem)
{
    const char *last = chain_pem;
    const char *next = chain_pem;
    while ((next = strstr(next, "-----BEGIN CERTIFICATE-----"))) {
        last = next;
        next++;
    }
    return last;
}

static struct MHD_Daemon *start_daemon(struct http *http,
                                       const struct http_spec *spec)
{
    struct MHD_OptionItem options[] = {
        {MHD_OPTION_LISTEN_SOCKET, spec->listen_fd, NULL},
        {MHD_OPTION_CONNECTION_LIMIT, CONNECTIONS, NULL},
        {MHD_OPTION_PER_IP_CONNECTION_LIMIT, CONNECTIONS_PER_ADDRESS, NULL},
        {MHD_OPTION_CONNECTION_TIMEOUT, IDLE_TIMEOUT_S, NULL},
        {MHD_OPTION_CONNECTION_MEMORY_LIMIT, CONNECTION_BYTES, NULL},
        {MHD_OPTION_HTTPS_MEM_CERT, 0, (void *)(uintptr_t)spec->chain_pem},
        {MHD_OPTION_HTTPS_MEM_KEY, 0, (void *)(uintptr_t)spec->key_pem},
        {MHD_OPTION_HTTPS_MEM_TRUST, 0,
         (void *)(uintptr_t)root_of(spec->chain_pem)},
        {MHD_OPTION_HTTPS_PRIORITIES, 0,
         (void *)(uintptr_t) "NORMAL:-VERS-ALL:+VERS-TLS1.3"},
        {MHD_OPTION_END, 0, NULL},
    };
    unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_TLS |
                     MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ITC |
                     MHD_USE_ERROR_LOG;
    return MHD_start_daemon(
        flags, 0, NULL, NULL, on_request, http, MHD_OPTION_EXTERNAL_LOGGER,
        on_mhd_log, NULL, MHD_OPTION_URI_LOG_CALLBACK, on_uri, http,
        MHD_OPTION_NOTIFY_COMPLETED, on_completed, http,
        MHD_OPTION_NOTIFY_CONNECTION, on_connection, http, MHD_OPTION_ARRAY,
        options, MHD_OPTION_END);
}

int http_new(const struct http_spec *spec, struct http **ret_http,
             struct err *err)
{
    struct http *http = calloc(1, sizeof(*http));
    if (!http) {
        (void)close(spec->listen_fd);
        return err_set(err, ERR_NO_MEMORY, "no memory for the HTTP service");
    }
    http->server = spec->server;
    http->loop = spec->server->loop;
    http->routes = spec->routes;
    http->route_count = spec->route_count;
    http->schemas = spec->schemas;
    http->closed = spec->closed;
    http->check_replies = spec->check_replies && spec->schemas;
    (void)pthread_mutex_init(&http->lock, NULL);
    http->daemon = start_daemon(http, spec);
    if (!http->daemon) {
        (void)close(spec->listen_fd);
        (void)pthread_mutex_destroy(&http->lock);
        free(http);
        return err_set(err, ERR_INTERNAL,
                       "the HTTPS service does not start; the log at level "
                       "'debug' has libmicrohttpd's reason");
    }
    *ret_http = http;
    return 0;
}

unsigned http_connection_count(const struct http *http)
{
    const union MHD_DaemonInfo *info =
        http->daemon ? MHD_get_daemon_info(http->daemon,
                                           MHD_DAEMON_INFO_CURRENT_CONNECTIONS)
                     : NULL;
    return info ? info->num_connections : 0;
}

/* A suspended connection must be woken, or MHD would wait for ever. */
static void wake_for_stop(struct request *r)
{
    (void)pthread_mutex_lock(&r->lock);
    r->stream_ended = true;
    if (http_wake(r) && !r->response && !r->is_stream)
        r->response = http_problem_response(
            r, "unavailable", "the server is stopping", &r->status);
    (void)pthread_mutex_unlock(&r->lock);
}

/* No client is there any more; whoever waits for that is told.  Each may
 * free requests of the list, so it is looked at anew after each. */
static void tell_all_gone(struct http *http)
{
    struct request *r = http->requests;
    while (r) {
        void (*fn)(void *arg) = r->replied ? NULL : r->on_gone;
        r->on_gone = NULL;
        if (fn)
            fn(r->on_gone_arg);
        r = fn ? http->requests : r->next;
    }
}

void http_stop(struct http *http)
{
    if (!http || atomic_exchange(&http->stopping, true))
        return;
    MHD_socket listening = MHD_quiesce_daemon(http->daemon);
    if (listening != MHD_INVALID_SOCKET)
        (void)close(listening);
    (void)pthread_mutex_lock(&http->lock);
    for (struct request *r = http->requests; r; r = r->next)
        wake_for_stop(r);
    (void)pthread_mutex_unlock(&http->lock);
    MHD_stop_daemon(http->daemon);
    http->daemon = NULL;
    tell_all_gone(http);
}

void http_free(struct http *http)
{
    if (!http)
        return;
    http_stop(http);
    while (http->requests) {
        atomic_store(&http->requests->references, 1);
        request_release(http->requests);
    }
    while (http->open)
        connection_free(http->open);
    (void)pthread_mutex_destroy(&http->lock);
    free(http);
}
