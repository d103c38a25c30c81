/* SPDX-License-Identifier: Apache-2.0 */
#include "core/wire/http-get.h"

#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "core/util/buf.h"
#include "core/wire/http-head.h"

#define READ_BYTES (64 * 1024)
#define READS_PER_EVENT 8     /* then the other connections have a turn */
#define MAX_PATH_BYTES 1024   /* longest path of a URL */
#define MAX_DRAIN (64 * 1024) /* longest error page worth a connection */

/*
 * A connection is connecting or sending (`out` not empty), waiting for or
 * reading an answer (`get` set), or idle (`get` NULL).
 */
struct connection {
    struct connection *next;
    struct http_gets *gets;
    struct http_get *get;
    struct endpoint server;
    int fd;
    bool connected;
    bool used; /* has carried an answer: may be closed by the server */
    bool busy; /* inside a read: freed when that returns */
    bool dead;
    struct loop_watch *watch;
    struct loop_timer *timer;
    uint64_t active_ms; /* when a byte last moved */
    struct buf out;
    struct buf head;
};

struct http_get {
    struct http_get *next;
    struct http_gets *gets;
    struct connection *connection;
    struct loop_timer *failing; /* a failure to be told on the loop */
    struct err err;
    struct endpoint server;
    char *path;
    uint64_t offset;
    struct http_get_handlers handlers;
    void *arg;
    bool in_body;
    struct http_head head;
    uint64_t skip;      /* bytes before `offset` that a cache sends anyway */
    uint64_t remaining; /* bytes of the body still to come */
};

struct http_gets {
    struct loop *loop;
    struct http_gets_limits limits;
    struct connection *connections;
    struct http_get *requests;
    uint8_t buffer[READ_BYTES];
};

static void connection_event(void *arg, unsigned events);
static void attach(struct http_get *get, bool fresh);

struct http_gets *http_gets_new(struct loop *loop,
                                const struct http_gets_limits *limits)
{
    struct http_gets *gets = calloc(1, sizeof(*gets));

    if (!gets)
        return NULL;
    gets->loop = loop;
    if (limits)
        gets->limits = *limits;
    if (!gets->limits.connect_ms)
        gets->limits.connect_ms = 5000;
    if (!gets->limits.stall_ms)
        gets->limits.stall_ms = 15000;
    if (!gets->limits.max_idle)
        gets->limits.max_idle = 8;
    return gets;
}

static void connection_free(struct connection *c)
{
    struct connection **link = &c->gets->connections;

    if (c->busy) {
        c->dead = true;
        return;
    }
    while (*link && *link != c)
        link = &(*link)->next;
    if (*link)
        *link = c->next;
    loop_watch_cancel(c->watch);
    loop_timer_cancel(c->timer);
    if (c->fd >= 0)
        (void)close(c->fd); /* a socket that was only read */
    buf_done(&c->out);
    buf_done(&c->head);
    free(c);
}

static void request_free(struct http_get *get)
{
    struct http_get **link = &get->gets->requests;

    while (*link && *link != get)
        link = &(*link)->next;
    if (*link)
        *link = get->next;
    loop_timer_cancel(get->failing);
    free(get->path);
    free(get);
}

void http_get_cancel(struct http_get *get)
{
    if (!get)
        return;
    if (get->connection) {
        get->connection->get = NULL;
        connection_free(get->connection);
    }
    request_free(get);
}

void http_gets_free(struct http_gets *gets)
{
    if (!gets)
        return;
    while (gets->requests)
        http_get_cancel(gets->requests);
    while (gets->connections)
        connection_free(gets->connections);
    free(gets);
}

/* Tells the end; the request is gone afterwards. */
static void finish(struct http_get *get, int code, const char *sentence)
{
    struct http_get_handlers handlers = get->handlers;
    void *arg = get->arg;
    unsigned status = get->head.status;
    struct err err = get->err;

    if (sentence)
        (void)err_set(&err, code, "%s", sentence);
    request_free(get);
    handlers.on_done(arg, code, status, err.text);
}

static void finish_later(void *arg)
{
    struct http_get *get = arg;

    get->failing = NULL;
    finish(get, get->err.code, NULL);
}

/* Ends request and connection with a sentence about the server. */
static void fail(struct connection *c, int code, const char *what)
{
    struct http_get *get = c->get;
    char address[ADDRESS_TEXT_BYTES];
    char sentence[ERR_TEXT_BYTES];
    bool again = c->used && get && !get->in_body && c->head.length == 0 &&
                 code != ERR_TIMEOUT;

    (void)snprintf(sentence, sizeof(sentence), "server %s %s",
                   endpoint_address(&c->server, address), what);
    if (get)
        get->connection = NULL;
    c->get = NULL;
    connection_free(c);
    if (!get)
        return;
    if (again) /* it had closed its idle connection just then */
        attach(get, true);
    else
        finish(get, code, sentence);
}

/* The answer is complete: keeps the connection when it can carry another. */
static void complete(struct connection *c)
{
    struct http_get *get = c->get;
    struct http_gets *gets = c->gets;
    size_t idle = 0;

    get->connection = NULL;
    c->get = NULL;
    c->used = true;
    buf_clear(&c->head);
    for (struct connection *i = gets->connections; i; i = i->next)
        idle += i->get == NULL;
    if (!get->head.keep_alive || idle > gets->limits.max_idle)
        connection_free(c);
    finish(get, 0, NULL);
}

/* Content that belongs to the answer; false when the connection is gone or
 * no longer this request's. */
static bool take_body(struct connection *c, const uint8_t *data, size_t length)
{
    struct http_get *get = c->get;
    bool content = get->head.status == 200 || get->head.status == 206;

    if (length > get->remaining) {
        fail(c, ERR_INVALID, "sent more than it had announced");
        return false;
    }
    get->remaining -= length;
    if (get->skip) {
        size_t skipped = (size_t)MIN((uint64_t)length, get->skip);

        get->skip -= skipped;
        data += skipped;
        length -= skipped;
    }
    if (content && length)
        get->handlers.on_data(get->arg, data, length);
    if (c->dead || c->get != get)
        return false;
    if (get->remaining == 0) {
        complete(c);
        return false;
    }
    return true;
}

/* Decides what the answer's head means for this request. */
static const char *judge_head(struct http_get *get, bool *ret_drop)
{
    const struct http_head *head = &get->head;

    *ret_drop = false;
    get->skip = 0;
    get->remaining = head->length;
    if (head->status == 204 || head->status == 304) {
        get->remaining = 0;
        return NULL;
    }
    if (head->status != 200 && head->status != 206) {
        *ret_drop = !head->has_length || head->length > MAX_DRAIN;
        return NULL;
    }
    if (!head->has_length)
        return "sent content without its length";
    if (head->status == 206) {
        if (!head->has_range || head->range_start != get->offset ||
            get->offset == 0)
            return "sent another range than was asked for";
        return NULL;
    }
    if (head->length < get->offset)
        return "sent less than it had before";
    get->skip = get->offset;
    return NULL;
}

/* Parses a complete head; false when the connection is gone or done. */
static bool take_head(struct connection *c, size_t head_length)
{
    struct http_get *get = c->get;
    struct err err = ERR_INIT;
    const char *wrong;
    bool drop;

    if (http_head_parse((char *)c->head.data, head_length, &get->head, &err)) {
        char text[ERR_TEXT_BYTES];

        (void)snprintf(text, sizeof(text), "is not understood: %.400s",
                       err.text);
        fail(c, err.code, text);
        return false;
    }
    buf_consume(&c->head, head_length);
    if (get->head.status < 200)
        return true; /* an interim answer; the real one follows */
    wrong = judge_head(get, &drop);
    if (wrong) {
        fail(c, ERR_INVALID, wrong);
        return false;
    }
    if (drop) {
        get->head.keep_alive = false;
        complete(c);
        return false;
    }
    get->in_body = true;
    if (get->remaining == 0) {
        complete(c);
        return false;
    }
    return true;
}

/* Bytes of the head, with perhaps the first of the body behind it. */
static bool take_head_bytes(struct connection *c, const uint8_t *data,
                            size_t length)
{
    size_t head_length;

    if (buf_append(&c->head, data, length) != 0) {
        fail(c, ERR_TOO_BIG, "sent a header that is too long");
        return false;
    }
    while (!c->get->in_body) {
        head_length = http_head_length(c->head.data, c->head.length);
        if (!head_length && c->head.length > HTTP_GET_HEADER_BYTES) {
            fail(c, ERR_TOO_BIG, "sent a header that is too long");
            return false;
        }
        if (!head_length)
            return true;
        if (!take_head(c, head_length))
            return false;
    }
    return c->head.length == 0 || take_body(c, c->head.data, c->head.length);
}

static void read_answer(struct connection *c)
{
    for (int i = 0; i < READS_PER_EVENT; i++) {
        ssize_t got = recv(c->fd, c->gets->buffer, READ_BYTES, 0);

        if (got < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (got <= 0) {
            fail(c, ERR_IO,
                 c->get && c->get->in_body
                     ? "closed the connection in the middle"
                     : "closed the connection");
            return;
        }
        if (!c->get) { /* nobody asked */
            connection_free(c);
            return;
        }
        c->active_ms = loop_now_ms(c->gets->loop);
        if (!(c->get->in_body
                  ? take_body(c, c->gets->buffer, (size_t)got)
                  : take_head_bytes(c, c->gets->buffer, (size_t)got)))
            return;
    }
}

/* True when everything is sent. */
static bool send_request(struct connection *c)
{
    int problem = 0;
    socklen_t length = sizeof(problem);

    if (!c->connected) {
        if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &problem, &length) != 0 ||
            problem != 0) {
            fail(c, ERR_UNAVAILABLE, "does not answer");
            return false;
        }
        c->connected = true;
    }
    while (c->out.length) {
        ssize_t sent = send(c->fd, c->out.data, c->out.length, MSG_NOSIGNAL);

        if (sent < 0 && (errno == EAGAIN || errno == EINTR))
            return false;
        if (sent < 0) {
            fail(c, ERR_IO, "closed the connection");
            return false;
        }
        c->active_ms = loop_now_ms(c->gets->loop);
        buf_consume(&c->out, (size_t)sent);
    }
    loop_watch_change(c->watch, LOOP_READ);
    return true;
}

static void connection_event(void *arg, unsigned events)
{
    struct connection *c = arg;

    c->busy = true;
    if (c->out.length == 0 || send_request(c)) {
        if (!c->dead && (events & LOOP_READ))
            read_answer(c);
    }
    c->busy = false;
    if (c->dead)
        connection_free(c);
}

/* One timer per connection that is set again for what is left, so that no
 * byte costs a timer. */
static void connection_stalled(void *arg)
{
    struct connection *c = arg;
    struct http_gets *gets = c->gets;
    uint64_t limit =
        c->connected ? gets->limits.stall_ms : gets->limits.connect_ms;
    uint64_t passed = loop_now_ms(gets->loop) - c->active_ms;

    c->timer = NULL;
    if (passed >= limit) {
        fail(c, ERR_TIMEOUT,
             c->connected ? "has stopped sending" : "does not answer");
        return;
    }
    c->timer = loop_timer(gets->loop, limit - passed, connection_stalled, c);
}

static int connection_open(struct connection *c)
{
    struct sockaddr_in to = {
        .sin_family = AF_INET,
        .sin_port = htons(c->server.port),
        .sin_addr = c->server.address,
    };
    int one = 1;

    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (c->fd < 0)
        return -1;
    (void)setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    if (connect(c->fd, (struct sockaddr *)&to, sizeof(to)) != 0 &&
        errno != EINPROGRESS)
        return -1;
    c->watch =
        loop_watch(c->gets->loop, c->fd, LOOP_WRITE, connection_event, c);
    return c->watch ? 0 : -1;
}

static struct connection *connection_new(struct http_gets *gets,
                                         const struct endpoint *server)
{
    struct connection *c = calloc(1, sizeof(*c));

    if (!c)
        return NULL;
    c->gets = gets;
    c->server = *server;
    c->fd = -1;
    buf_init(&c->out, MAX_PATH_BYTES + 256);
    buf_init(&c->head, HTTP_GET_HEADER_BYTES + READ_BYTES);
    c->next = gets->connections;
    gets->connections = c;
    if (connection_open(c) != 0) {
        connection_free(c);
        return NULL;
    }
    return c;
}

static struct connection *find_idle(struct http_gets *gets,
                                    const struct endpoint *server)
{
    for (struct connection *c = gets->connections; c; c = c->next) {
        if (!c->get && !c->dead && c->server.port == server->port &&
            c->server.address.s_addr == server->address.s_addr)
            return c;
    }
    return NULL;
}

static int write_request(struct connection *c, const struct http_get *get)
{
    char address[ADDRESS_TEXT_BYTES];

    buf_clear(&c->out);
    (void)buf_printf(&c->out, "GET %s HTTP/1.1\r\nHost: %s:%u\r\n", get->path,
                     endpoint_address(&get->server, address), get->server.port);
    if (get->offset)
        (void)buf_printf(&c->out, "Range: bytes=%llu-\r\n",
                         (unsigned long long)get->offset);
    return buf_append_text(&c->out, "User-Agent: slipway\r\n\r\n");
}

/* Gives the request a connection; `fresh`: a new one in any case. */
static void attach(struct http_get *get, bool fresh)
{
    struct http_gets *gets = get->gets;
    struct connection *c = fresh ? NULL : find_idle(gets, &get->server);
    char address[ADDRESS_TEXT_BYTES];

    if (!c)
        c = connection_new(gets, &get->server);
    if (!c || write_request(c, get) != 0) {
        (void)err_set(&get->err, ERR_UNAVAILABLE,
                      "server %s cannot be reached from here",
                      endpoint_address(&get->server, address));
        get->failing = loop_timer(gets->loop, 0, finish_later, get);
        return;
    }
    c->get = get;
    get->connection = c;
    c->active_ms = loop_now_ms(gets->loop);
    loop_timer_cancel(c->timer);
    c->timer = loop_timer(gets->loop,
                          c->connected ? gets->limits.stall_ms
                                       : gets->limits.connect_ms,
                          connection_stalled, c);
    loop_watch_change(c->watch, LOOP_WRITE);
}

/* "http://192.0.2.7:7080/path" */
static int parse_url(const char *url, struct http_get *get, struct err *err)
{
    char server[32];
    const char *slash;

    if (strncmp(url, "http://", 7) != 0)
        return err_set(err, ERR_INVALID, "'%.200s' is not a http:// URL", url);
    slash = strchr(url + 7, '/');
    if (!slash || (size_t)(slash - url - 7) >= sizeof(server) ||
        strlen(slash) > MAX_PATH_BYTES ||
        slash[strcspn(slash, " \r\n\t#")] != '\0')
        return err_set(err, ERR_INVALID,
                       "'%.200s' is not a URL with a numeric address", url);
    memcpy(server, url + 7, (size_t)(slash - url - 7));
    server[slash - url - 7] = '\0';
    if (endpoint_parse(server, &get->server, err) != 0)
        return err->code;
    if (get->server.port == 0)
        get->server.port = 80;
    get->path = strdup(slash);
    return get->path ? 0 : err_set(err, ERR_NO_MEMORY, "no memory is left");
}

struct http_get *http_get_start(struct http_gets *gets, const char *url,
                                uint64_t offset,
                                const struct http_get_handlers *handlers,
                                void *arg, struct err *err)
{
    struct http_get *get = calloc(1, sizeof(*get));
    struct err local = ERR_INIT;

    if (!get) {
        (void)err_set(err, ERR_NO_MEMORY, "no memory is left");
        return NULL;
    }
    get->gets = gets;
    get->offset = offset;
    get->handlers = *handlers;
    get->arg = arg;
    if (parse_url(url, get, &local) != 0) {
        if (err)
            *err = local;
        free(get);
        return NULL;
    }
    get->next = gets->requests;
    gets->requests = get;
    attach(get, false);
    return get;
}
