/* SPDX-License-Identifier: Apache-2.0 */
/* The client against a server that answers from a script, on one loop. */
#include "core/wire/http-get.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "core/util/buf.h"
#include "core/wire/http-head.h"

#define MAX_SCRIPT 4

/* One accepted connection's answers, each sent when a request is complete. */
struct script {
    const char *answers[MAX_SCRIPT]; /* NULL = close instead */
    bool close_after;                /* close when the last one is sent */
};

struct world {
    struct loop *loop;
    struct http_gets *gets;
    int listen_fd;
    struct loop_watch *listen_watch;
    unsigned port;
    const struct script *scripts; /* one for each connection */
    size_t script_count;
    size_t accepted;
    struct peer {
        struct world *world;
        int fd;
        struct loop_watch *watch;
        size_t answer;
        struct buf in;
        const struct script *script;
    } peers[MAX_SCRIPT];
    char requests[4096]; /* everything that was asked */
    /* the client's side */
    char data[4096];
    size_t length;
    int code;
    unsigned status;
    char sentence[256];
    unsigned done;
    unsigned wanted;
};

static void peer_close(struct peer *p)
{
    loop_watch_cancel(p->watch);
    p->watch = NULL;
    if (p->fd >= 0)
        (void)close(p->fd);
    p->fd = -1;
    buf_done(&p->in);
}

static void peer_answer(struct peer *p)
{
    const char *answer =
        p->answer < MAX_SCRIPT ? p->script->answers[p->answer++] : NULL;

    if (!answer) {
        peer_close(p);
        return;
    }
    assert_int_equal(send(p->fd, answer, strlen(answer), MSG_NOSIGNAL),
                     strlen(answer));
    if (p->script->close_after &&
        (p->answer == MAX_SCRIPT || !p->script->answers[p->answer]))
        peer_close(p);
}

static void on_peer(void *arg, unsigned events)
{
    struct peer *p = arg;
    char data[1024];
    ssize_t got = recv(p->fd, data, sizeof(data), MSG_DONTWAIT);

    (void)events;
    if (got <= 0) {
        peer_close(p);
        return;
    }
    assert_int_equal(buf_append(&p->in, data, (size_t)got), 0);
    if (http_head_length(p->in.data, p->in.length)) {
        (void)strncat(p->world->requests, buf_text(&p->in),
                      sizeof(p->world->requests) - 1 -
                          strlen(p->world->requests));
        buf_clear(&p->in);
        peer_answer(p);
    }
}

static void on_connection(void *arg, unsigned events)
{
    struct world *w = arg;
    struct peer *p = &w->peers[w->accepted];

    (void)events;
    assert_true(w->accepted < w->script_count);
    p->world = w;
    p->script = &w->scripts[w->accepted++];
    p->fd = accept4(w->listen_fd, NULL, NULL, SOCK_CLOEXEC);
    assert_true(p->fd >= 0);
    buf_init(&p->in, 4096);
    p->watch = loop_watch(w->loop, p->fd, LOOP_READ, on_peer, p);
    assert_non_null(p->watch);
}

static void world_init(struct world *w, const struct script *scripts,
                       size_t count)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof(address);

    memset(w, 0, sizeof(*w));
    w->scripts = scripts;
    w->script_count = count;
    for (size_t i = 0; i < MAX_SCRIPT; i++)
        w->peers[i].fd = -1;
    w->loop = loop_new(&seam_real, NULL);
    w->gets =
        http_gets_new(w->loop, &(struct http_gets_limits){.stall_ms = 200});
    w->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(
        bind(w->listen_fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(w->listen_fd, 8), 0);
    assert_int_equal(
        getsockname(w->listen_fd, (struct sockaddr *)&address, &length), 0);
    w->port = ntohs(address.sin_port);
    w->listen_watch =
        loop_watch(w->loop, w->listen_fd, LOOP_READ, on_connection, w);
}

static void world_done(struct world *w)
{
    http_gets_free(w->gets);
    for (size_t i = 0; i < MAX_SCRIPT; i++)
        peer_close(&w->peers[i]);
    loop_watch_cancel(w->listen_watch);
    if (w->listen_fd >= 0)
        (void)close(w->listen_fd);
    loop_free(w->loop);
}

static void on_data(void *arg, const void *data, size_t length)
{
    struct world *w = arg;

    assert_true(w->length + length < sizeof(w->data));
    memcpy(w->data + w->length, data, length);
    w->length += length;
    w->data[w->length] = '\0';
}

static void on_done(void *arg, int code, unsigned status, const char *sentence)
{
    struct world *w = arg;

    w->code = code;
    w->status = status;
    (void)snprintf(w->sentence, sizeof(w->sentence), "%s", sentence);
    if (++w->done == w->wanted)
        loop_stop(w->loop);
}

static const struct http_get_handlers handlers = {
    .on_data = on_data,
    .on_done = on_done,
};

static struct http_get *start(struct world *w, uint64_t offset)
{
    char url[64];

    (void)snprintf(url, sizeof(url), "http://127.0.0.1:%u/x", w->port);
    return http_get_start(w->gets, url, offset, &handlers, w, NULL);
}

static void get(struct world *w, uint64_t offset)
{
    w->done = 0;
    w->wanted = 1;
    w->length = 0;
    w->data[0] = '\0';
    assert_non_null(start(w, offset));
    loop_run(w->loop);
}

static void test_whole(void **state)
{
    static const struct script scripts[] = {
        {.answers = {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
                     "HTTP/1.1 200 OK\r\ncontent-length:6 \r\n\r\nagain!"}}};
    struct world w;

    (void)state;
    world_init(&w, scripts, 1);
    get(&w, 0);
    assert_int_equal(w.code, 0);
    assert_int_equal(w.status, 200);
    assert_string_equal(w.data, "hello");
    get(&w, 0); /* over the same connection */
    assert_string_equal(w.data, "again!");
    assert_int_equal(w.accepted, 1);
    assert_null(strstr(w.requests, "Range"));
    world_done(&w);
}

static void test_range(void **state)
{
    static const struct script scripts[] = {
        {.answers = {"HTTP/1.1 206 Partial\r\nContent-Length: 2\r\n"
                     "Content-Range: bytes 3-4/5\r\n\r\nlo",
                     /* A cache that knows no ranges. */
                     "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
                     /* Not what was asked for. */
                     "HTTP/1.1 206 Partial\r\nContent-Length: 4\r\n"
                     "Content-Range: bytes 1-4/5\r\n\r\nello"}}};
    struct world w;

    (void)state;
    world_init(&w, scripts, 1);
    get(&w, 3);
    assert_int_equal(w.status, 206);
    assert_string_equal(w.data, "lo");
    assert_non_null(strstr(w.requests, "Range: bytes=3-\r\n"));
    get(&w, 3);
    assert_int_equal(w.status, 200);
    assert_string_equal(w.data, "lo");
    get(&w, 3);
    assert_int_equal(w.code, ERR_INVALID);
    assert_string_equal(w.data, "");
    world_done(&w);
}

static void test_status(void **state)
{
    static const struct script scripts[] = {
        {.answers = {"HTTP/1.1 100 Continue\r\n\r\n"
                     "HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\nnope",
                     "HTTP/1.0 503 Busy\r\n\r\n"}},
    };
    struct world w;

    (void)state;
    world_init(&w, scripts, 1);
    get(&w, 0);
    assert_int_equal(w.code, 0);
    assert_int_equal(w.status, 404);
    assert_string_equal(w.data, "");
    get(&w, 0);
    assert_int_equal(w.code, 0);
    assert_int_equal(w.status, 503);
    world_done(&w);
}

static void assert_refused(const char *answer, int code)
{
    struct script scripts[] = {{.answers = {answer}}};
    struct world w;

    world_init(&w, scripts, 1);
    get(&w, 0);
    assert_int_equal(w.code, code);
    assert_true(strncmp(w.sentence, "server 127.0.0.1 ", 17) == 0);
    world_done(&w);
}

static void test_malformed(void **state)
{
    (void)state;
    assert_refused("SSH-2.0-OpenSSH\r\n\r\n", ERR_INVALID);
    assert_refused("HTTP/1.1 200 OK\r\n\r\n", ERR_INVALID);
    assert_refused("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
                   ERR_INVALID);
    assert_refused("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n"
                   "Content-Length: 5\r\n\r\nhello",
                   ERR_INVALID);
    assert_refused("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
                   ERR_UNSUPPORTED);
    assert_refused("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhello",
                   ERR_INVALID);
    assert_refused("HTTP/1.1 206 OK\r\nContent-Length: 2\r\n"
                   "Content-Range: bytes 0-1/5\r\n\r\nhe",
                   ERR_INVALID);
}

static void test_endless_header(void **state)
{
    static char answer[40 * 1024];

    (void)state;
    memset(answer, 'a', sizeof(answer) - 1);
    memcpy(answer, "HTTP/1.1 200 OK\r\nX: ", 20);
    assert_refused(answer, ERR_TOO_BIG);
}

static void test_lost_in_the_middle(void **state)
{
    static const struct script scripts[] = {
        {.answers = {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel"},
         .close_after = true}};
    struct world w;

    (void)state;
    world_init(&w, scripts, 1);
    get(&w, 0);
    assert_int_equal(w.code, ERR_IO);
    assert_string_equal(w.data, "hel");
    assert_string_equal(w.sentence,
                        "server 127.0.0.1 closed the connection in the middle");
    world_done(&w);
}

/* The server may close an idle connection just when it is used again. */
static void test_idle_connection_closed(void **state)
{
    static const struct script scripts[] = {
        {.answers = {"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1"}},
        {.answers = {"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n2"}},
    };
    struct world w;

    (void)state;
    world_init(&w, scripts, 2);
    get(&w, 0);
    get(&w, 0); /* the first connection is closed instead of answered */
    assert_int_equal(w.code, 0);
    assert_string_equal(w.data, "2");
    assert_int_equal(w.accepted, 2);
    world_done(&w);
}

static void test_stall(void **state)
{
    static const struct script scripts[] = {
        {.answers = {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel"}}};
    struct world w;

    (void)state;
    world_init(&w, scripts, 1);
    get(&w, 0);
    assert_int_equal(w.code, ERR_TIMEOUT);
    assert_string_equal(w.sentence, "server 127.0.0.1 has stopped sending");
    world_done(&w);
}

static void test_refused_connection(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, NULL, 0);
    loop_watch_cancel(w.listen_watch);
    w.listen_watch = NULL;
    (void)close(w.listen_fd);
    w.listen_fd = -1;
    get(&w, 0);
    assert_int_equal(w.code, ERR_UNAVAILABLE);
    assert_int_equal(w.status, 0);
    assert_string_equal(w.sentence, "server 127.0.0.1 does not answer");
    world_done(&w);
}

static void test_cancel(void **state)
{
    static const struct script scripts[] = {
        {.answers = {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"}},
        {.answers = {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"}},
    };
    struct world w;
    struct http_get *first;

    (void)state;
    world_init(&w, scripts, 2);
    first = start(&w, 0);
    http_get_cancel(first);
    get(&w, 0);
    assert_string_equal(w.data, "hello");
    assert_int_equal(w.done, 1);
    world_done(&w);
}

static void test_bad_urls(void **state)
{
    static const char *const urls[] = {
        "https://127.0.0.1/x",
        "http://127.0.0.1",
        "http://localhost/x",
        "http://127.0.0.1:0/x",
        "http://127.0.0.1/a b",
        "http://127.0.0.1/a\r\nX: y",
        "http://127.0.0.1.1.1.1.1.1.1.1.1.1.1.1/x"};
    struct world w;

    (void)state;
    world_init(&w, NULL, 0);
    for (size_t i = 0; i < ARRAY_LENGTH(urls); i++) {
        struct err err = ERR_INIT;

        assert_null(http_get_start(w.gets, urls[i], 0, &handlers, &w, &err));
        assert_int_equal(err.code, ERR_INVALID);
    }
    world_done(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole),
        cmocka_unit_test(test_range),
        cmocka_unit_test(test_status),
        cmocka_unit_test(test_malformed),
        cmocka_unit_test(test_endless_header),
        cmocka_unit_test(test_lost_in_the_middle),
        cmocka_unit_test(test_idle_connection_closed),
        cmocka_unit_test(test_stall),
        cmocka_unit_test(test_refused_connection),
        cmocka_unit_test(test_cancel),
        cmocka_unit_test(test_bad_urls),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
