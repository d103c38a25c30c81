/* SPDX-License-Identifier: Apache-2.0 */
#include "core/server/http/http-files.h"

#include <assert.h>
#include <microhttpd.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "core/server/http/http-range.h"
#include "core/util/log.h"

#define HEAD_BYTES (16 * 1024) /* of one request, with libmicrohttpd's own */
#define IDLE_S 60              /* a client that takes nothing any more */
#define DRAIN_IDLE_MS 1000     /* an idle connection, once draining */
#define SWEEP_MS 500

/* One connection, linked while it lives. */
struct client {
    struct client *next;
    struct http_files *files;
    struct endpoint peer;
    int fd;            /* libmicrohttpd's */
    uint64_t since_ms; /* waits for a request since then */
    bool answering;    /* a request is being answered */
    bool shut;         /* its time was over */
    char *path;        /* of the file that is being sent; NULL = none */
    uint64_t length;   /* of what is sent of it */
    uint64_t began_ms;
};

struct http_files {
    struct http_files_spec spec;
    struct MHD_Daemon *daemon;
    struct loop_watch *watch;
    struct loop_timer *timer; /* libmicrohttpd's next time-out */
    struct loop_timer *sweep;
    struct client *clients;
    unsigned count;
    struct endpoint adding; /* the peer while MHD_add_connection runs */
    bool running;           /* inside MHD_run */
    bool draining;
    bool told;
};

static void arm(struct http_files *files);

static void tell(const struct client *client, enum http_sending_state state)
{
    const struct http_files_spec *spec = &client->files->spec;
    const struct http_sending sending = {
        .path = client->path,
        .peer = client->peer,
        .length = client->length,
        .ms = loop_now_ms(spec->loop) - client->began_ms,
    };

    if (client->path && spec->sending)
        spec->sending(spec->arg, state, &sending);
}

/* Without memory for its path nobody hears of it. */
static void begin_sending(struct client *client, const char *path,
                          uint64_t length)
{
    client->path = strdup(path);
    client->length = length;
    client->began_ms = loop_now_ms(client->files->spec.loop);
    tell(client, HTTP_SENDING_BEGINS);
}

static void end_sending(struct client *client, enum http_sending_state state)
{
    tell(client, state);
    free(client->path);
    client->path = NULL;
}

static void files_run(struct http_files *files)
{
    files->running = true;
    (void)MHD_run(files->daemon); /* fails only when it is being stopped */
    files->running = false;
    arm(files);
}

static void on_ready(void *arg, unsigned events)
{
    (void)events;
    files_run(arg);
}

static void on_timer(void *arg)
{
    struct http_files *files = arg;

    files->timer = NULL;
    files_run(files);
}

/* libmicrohttpd may have work that no descriptor tells of. */
static void arm(struct http_files *files)
{
    MHD_UNSIGNED_LONG_LONG wait_ms;

    loop_timer_cancel(files->timer);
    files->timer = NULL;
    if (MHD_get_timeout(files->daemon, &wait_ms) == MHD_YES)
        files->timer = loop_timer(files->spec.loop, wait_ms, on_timer, files);
}

/* Closes who has held a connection for too long without asking anything: the
 * time counts from the end of the last answer, so that a byte now and then
 * does not prolong it. */
static void sweep(void *arg)
{
    struct http_files *files = arg;
    uint64_t now = loop_now_ms(files->spec.loop);
    uint64_t limit = files->draining ? DRAIN_IDLE_MS : files->spec.head_ms;

    for (struct client *c = files->clients; c; c = c->next) {
        if (!c->answering && !c->shut && now - c->since_ms >= limit) {
            c->shut = true;
            (void)shutdown(c->fd, SHUT_RDWR); /* it may be closed already */
        }
    }
    if (files->draining && files->count == 0 && !files->told) {
        files->told = true;
        files->sweep = NULL;
        files->spec.drained(files->spec.arg);
        return;
    }
    files->sweep = loop_timer(files->spec.loop, SWEEP_MS, sweep, files);
}

static void on_connection(void *arg, struct MHD_Connection *connection,
                          void **context,
                          enum MHD_ConnectionNotificationCode code)
{
    struct http_files *files = arg;
    struct client **link = &files->clients;
    struct client *client = *context;

    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        const union MHD_ConnectionInfo *info = MHD_get_connection_info(
            connection, MHD_CONNECTION_INFO_CONNECTION_FD);

        client = calloc(1, sizeof(*client));
        if (!client)
            return;
        client->files = files;
        client->fd = info ? info->connect_fd : -1;
        client->since_ms = loop_now_ms(files->spec.loop);
        client->peer = files->adding;
        client->next = files->clients;
        files->clients = client;
        files->count++;
        *context = client;
        return;
    }
    while (*link && *link != client)
        link = &(*link)->next;
    if (!*link)
        return;
    *link = client->next;
    end_sending(client, HTTP_SENDING_BROKEN);
    free(client);
    files->count--;
    *context = NULL;
}

static struct client *client_of(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

    return info ? info->socket_context : NULL;
}

static void on_completed(void *arg, struct MHD_Connection *connection,
                         void **context, enum MHD_RequestTerminationCode code)
{
    struct http_files *files = arg;
    struct client *client = client_of(connection);

    (void)context;
    if (client) {
        end_sending(client, code == MHD_REQUEST_TERMINATED_COMPLETED_OK
                                ? HTTP_SENDING_DONE
                                : HTTP_SENDING_BROKEN);
        client->answering = false;
        client->since_ms = loop_now_ms(files->spec.loop);
    }
}

static void add_header(struct MHD_Response *response, const char *name,
                       const char *value)
{
    (void)MHD_add_response_header(response, name, value);
}

/* Sends `response` and forgets it. */
static enum MHD_Result queue(struct http_files *files,
                             struct MHD_Connection *connection, unsigned status,
                             struct MHD_Response *response)
{
    enum MHD_Result result;

    if (!response)
        return MHD_NO;
    if (files->draining)
        add_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
    result = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result queue_text(struct http_files *files,
                                  struct MHD_Connection *connection,
                                  unsigned status, const char *text)
{
    struct MHD_Response *response = MHD_create_response_from_buffer(
        strlen(text), (void *)(uintptr_t)text, MHD_RESPMEM_MUST_COPY);

    if (response) {
        add_header(response, MHD_HTTP_HEADER_CONTENT_TYPE,
                   "text/plain; charset=utf-8");
        if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
            add_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
        if (status == MHD_HTTP_SERVICE_UNAVAILABLE)
            add_header(response, MHD_HTTP_HEADER_RETRY_AFTER, "1");
        /* Whoever serves it gets another connection, not this one. */
        if (status == MHD_HTTP_SERVICE_UNAVAILABLE ||
            status == MHD_HTTP_MISDIRECTED_REQUEST)
            add_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
    }
    return queue(files, connection, status, response);
}

/* True when one of the tags of If-None-Match is ours (RFC 9110, 13.1.2). */
static bool tag_matches(const char *list, const char *quoted)
{
    return list && quoted[0] &&
           (strcmp(list, "*") == 0 || strstr(list, quoted) != NULL);
}

static void describe(struct MHD_Response *response,
                     const struct http_file *file, const char *quoted)
{
    add_header(response, MHD_HTTP_HEADER_ACCEPT_RANGES, "bytes");
    add_header(response, MHD_HTTP_HEADER_CONTENT_TYPE,
               file->type ? file->type : "application/octet-stream");
    add_header(response, MHD_HTTP_HEADER_CACHE_CONTROL,
               file->immutable ? "public, max-age=31536000, immutable"
                               : "no-cache");
    if (quoted[0])
        add_header(response, MHD_HTTP_HEADER_ETAG, quoted);
}

static const char *header(struct MHD_Connection *connection, const char *name)
{
    return MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name);
}

static enum MHD_Result queue_unsatisfiable(struct http_files *files,
                                           struct MHD_Connection *connection,
                                           const struct http_file *file)
{
    struct MHD_Response *response =
        MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);
    char text[64];

    (void)snprintf(text, sizeof(text), "bytes */%llu",
                   (unsigned long long)file->length);
    if (response)
        add_header(response, MHD_HTTP_HEADER_CONTENT_RANGE, text);
    return queue(files, connection, MHD_HTTP_RANGE_NOT_SATISFIABLE, response);
}

/* Content of a descriptor, which is taken.  `path` NULL: for HEAD, which gets
 * no body. */
static enum MHD_Result queue_file(struct client *client,
                                  struct MHD_Connection *connection,
                                  const char *path, struct http_file *file)
{
    struct http_files *files = client->files;
    AUTO_CLOSE int fd = file->fd;
    struct http_range range = {0, file->length};
    enum http_range_kind kind = HTTP_RANGE_WHOLE;
    struct MHD_Response *response;
    const char *if_range = header(connection, MHD_HTTP_HEADER_IF_RANGE);
    char quoted[HTTP_FILES_ETAG_BYTES + 2] = "";
    char text[80];

    if (file->etag[0])
        (void)snprintf(quoted, sizeof(quoted), "\"%s\"", file->etag);
    if (tag_matches(header(connection, MHD_HTTP_HEADER_IF_NONE_MATCH),
                    quoted)) {
        response =
            MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);
        if (response)
            describe(response, file, quoted);
        return queue(files, connection, MHD_HTTP_NOT_MODIFIED, response);
    }
    if (!if_range || strcmp(if_range, quoted) == 0)
        kind = http_range_parse(header(connection, MHD_HTTP_HEADER_RANGE),
                                file->length, &range);
    if (kind == HTTP_RANGE_UNSATISFIABLE)
        return queue_unsatisfiable(files, connection, file);
    response =
        MHD_create_response_from_fd_at_offset64(range.length, fd, range.offset);
    if (!response)
        return MHD_NO;
    (void)TAKE_FD(fd);
    describe(response, file, quoted);
    if (kind == HTTP_RANGE_PART) {
        (void)snprintf(text, sizeof(text), "bytes %llu-%llu/%llu",
                       (unsigned long long)range.offset,
                       (unsigned long long)(range.offset + range.length - 1),
                       (unsigned long long)file->length);
        add_header(response, MHD_HTTP_HEADER_CONTENT_RANGE, text);
    }
    if (path)
        begin_sending(client, path, range.length);
    return queue(files, connection,
                 kind == HTTP_RANGE_PART ? MHD_HTTP_PARTIAL_CONTENT
                                         : MHD_HTTP_OK,
                 response);
}

static enum MHD_Result answer(struct client *client,
                              struct MHD_Connection *connection,
                              const char *url, bool has_body)
{
    struct http_files *files = client->files;
    struct http_file file = {.fd = -1};

    client->answering = true;
    if (url[0] == '/')
        files->spec.find(files->spec.arg, url, &client->peer, &file);
    if (file.fd >= 0)
        return queue_file(client, connection, has_body ? url : NULL, &file);
    if (!file.status)
        file.status = MHD_HTTP_NOT_FOUND;
    return queue_text(files, connection, file.status,
                      file.text ? file.text
                                : "There is nothing of that name here.\n");
}

/* Called when a request's head is there, and again when all of it is: an
 * answer at the first call would end the connection. */
static enum MHD_Result on_request(void *arg, struct MHD_Connection *connection,
                                  const char *url, const char *method,
                                  const char *version, const char *upload,
                                  size_t *upload_size, void **context)
{
    struct http_files *files = arg;
    struct client *client = client_of(connection);

    (void)version;
    (void)upload;
    if (!client)
        return MHD_NO;
    if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 &&
        strcmp(method, MHD_HTTP_METHOD_HEAD) != 0) {
        client->answering = true;
        return queue_text(files, connection, MHD_HTTP_METHOD_NOT_ALLOWED,
                          "Only GET and HEAD are served here.\n");
    }
    if (!*context) {
        *context = client;
        return MHD_YES;
    }
    if (*upload_size) { /* a body that nobody wants */
        *upload_size = 0;
        return MHD_YES;
    }
    return answer(client, connection, url,
                  strcmp(method, MHD_HTTP_METHOD_GET) == 0);
}

static void on_log(void *arg, const char *format, va_list list)
    __attribute__((format(printf, 2, 0)));

/* libmicrohttpd's own messages are about single clients. */
static void on_log(void *arg, const char *format, va_list list)
{
    char text[300];

    (void)arg;
    (void)vsnprintf(text, sizeof(text), format, list);
    text[strcspn(text, "\r\n")] = '\0';
    log_debug("HTTP: %s", text);
}

static int start_daemon(struct http_files *files, struct err *err)
{
    const union MHD_DaemonInfo *info;

    files->daemon = MHD_start_daemon(
        MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET | MHD_USE_ERROR_LOG, 0, NULL,
        NULL, on_request, files, MHD_OPTION_EXTERNAL_LOGGER, on_log, NULL,
        MHD_OPTION_NOTIFY_CONNECTION, on_connection, files,
        MHD_OPTION_NOTIFY_COMPLETED, on_completed, files,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)HEAD_BYTES,
        MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_S,
        MHD_OPTION_CONNECTION_LIMIT, files->spec.max_connections,
        MHD_OPTION_PER_IP_CONNECTION_LIMIT, files->spec.max_per_address,
        MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_END);
    if (!files->daemon)
        return err_set(err, ERR_INTERNAL, "libmicrohttpd does not start");
    info = MHD_get_daemon_info(files->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    if (!info)
        return err_set(err, ERR_INTERNAL,
                       "libmicrohttpd has no epoll descriptor");
    files->watch = loop_watch(files->spec.loop, info->epoll_fd, LOOP_READ,
                              on_ready, files);
    files->sweep = loop_timer(files->spec.loop, SWEEP_MS, sweep, files);
    if (!files->watch || !files->sweep)
        return err_set(err, ERR_NO_MEMORY, "no memory is left");
    return 0;
}

struct http_files *http_files_new(const struct http_files_spec *spec,
                                  struct err *err)
{
    struct http_files *files = calloc(1, sizeof(*files));

    if (!files) {
        (void)err_set(err, ERR_NO_MEMORY, "no memory is left");
        return NULL;
    }
    files->spec = *spec;
    if (!files->spec.max_connections)
        files->spec.max_connections = 1000;
    if (!files->spec.max_per_address)
        files->spec.max_per_address = 512;
    if (!files->spec.head_ms)
        files->spec.head_ms = 20000;
    if (start_daemon(files, err) != 0) {
        http_files_free(files);
        return NULL;
    }
    return files;
}

void http_files_free(struct http_files *files)
{
    if (!files)
        return;
    assert(!files->running);
    loop_watch_cancel(files->watch);
    loop_timer_cancel(files->timer);
    loop_timer_cancel(files->sweep);
    if (files->daemon)
        MHD_stop_daemon(files->daemon);
    free(files);
}

void http_files_add(struct http_files *files, int fd)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t length = sizeof(address);

    if (getpeername(fd, (struct sockaddr *)&address, &length) != 0) {
        (void)close(fd); /* the client has gone already */
        return;
    }
    files->adding = (struct endpoint){
        .address = address.sin_addr,
        .port = ntohs(address.sin_port),
    };
    /* It closes the socket itself when it refuses. */
    (void)MHD_add_connection(files->daemon, fd, (struct sockaddr *)&address,
                             sizeof(address));
    if (!files->running)
        files_run(files);
}

void http_files_drain(struct http_files *files)
{
    files->draining = true;
}

unsigned http_files_connections(const struct http_files *files)
{
    return files->count;
}
