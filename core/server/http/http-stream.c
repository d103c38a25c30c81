/* SPDX-License-Identifier: Apache-2.0 */
/* Server-sent events, and noticing that a client went away. */
#include "core/server/http/http-internal.h"

#include <fcntl.h>
#include <poll.h>
#include <string.h>

/* A stream is its request seen from the side of what is sent. */
struct stream {
    struct request request;
};

static struct request *request_of(struct stream *s)
{
    return &s->request;
}

/* HTTP thread: what is there, or sleep until there is something. */
static ssize_t read_stream(void *cls, uint64_t position, char *out, size_t max)
{
    struct request *r = cls;
    ssize_t result = 0;
    (void)position;
    (void)pthread_mutex_lock(&r->lock);
    if (r->stream.length > 0) {
        size_t length = MIN(max, r->stream.length);
        memcpy(out, r->stream.data, length);
        buf_consume(&r->stream, length);
        result = (ssize_t)length;
    } else if (r->stream_ended) {
        result = MHD_CONTENT_READER_END_OF_STREAM;
    } else {
        r->suspended = true;
        MHD_suspend_connection(r->connection);
    }
    (void)pthread_mutex_unlock(&r->lock);
    return result;
}

struct stream *request_stream(struct request *r, void (*gone)(void *arg),
                              void *arg)
{
    struct MHD_Response *response = MHD_create_response_from_callback(
        MHD_SIZE_UNKNOWN, 16 * 1024, read_stream, r, NULL);
    if (!response) {
        request_problem(r, "internal", "out of memory");
        return NULL;
    }
    (void)MHD_add_response_header(response, "Content-Type",
                                  "text/event-stream");
    http_common_headers(r, response);
    r->on_gone = gone;
    r->on_gone_arg = arg;
    (void)pthread_mutex_lock(&r->lock);
    r->is_stream = true;
    if (http_wake(r)) {
        r->response = TAKE(response);
        r->status = 200;
    }
    (void)pthread_mutex_unlock(&r->lock);
    if (response)
        MHD_destroy_response(response);
    return (struct stream *)r;
}

int stream_send(struct stream *s, const char *text, size_t length)
{
    struct request *r = request_of(s);
    (void)pthread_mutex_lock(&r->lock);
    int result = -1;
    if (!r->stream_ended && buf_append(&r->stream, text, length) == 0)
        result = 0;
    else
        r->stream_ended = true;
    (void)http_wake(r);
    (void)pthread_mutex_unlock(&r->lock);
    return result;
}

void stream_end(struct stream *s)
{
    struct request *r = request_of(s);
    r->replied = true;
    (void)pthread_mutex_lock(&r->lock);
    r->stream_ended = true;
    (void)http_wake(r);
    (void)pthread_mutex_unlock(&r->lock);
    request_release(r);
}

/* ---- a client that does not wait ---- */

#define LOOK_AGAIN_MS 1000

static void look(void *arg);

/* MHD does not look at a suspended connection, so the loop does: a hang-up
 * makes the socket readable. */
static void on_readable(void *arg, unsigned events)
{
    struct request *r = arg;
    (void)events;
    loop_watch_cancel(r->gone_watch);
    r->gone_watch = NULL;
    struct pollfd state = {.fd = r->gone_fd, .events = POLLRDHUP};
    if (poll(&state, 1, 0) > 0 &&
        (state.revents & (POLLRDHUP | POLLHUP | POLLERR))) {
        void (*fn)(void *) = r->on_gone;
        r->on_gone = NULL;
        if (fn)
            fn(r->on_gone_arg);
        return;
    }
    /* It said more without waiting for the reply; that stays unread. */
    r->gone_timer = loop_timer(r->http->loop, LOOK_AGAIN_MS, look, r);
}

static void look(void *arg)
{
    struct request *r = arg;
    r->gone_timer = NULL;
    r->gone_watch =
        loop_watch(r->http->loop, r->gone_fd, LOOP_READ, on_readable, r);
}

void request_on_gone(struct request *r, void (*fn)(void *arg), void *arg)
{
    r->on_gone = fn;
    r->on_gone_arg = arg;
    if (r->gone_fd >= 0)
        return;
    (void)pthread_mutex_lock(&r->lock);
    const union MHD_ConnectionInfo *info =
        r->connection ? MHD_get_connection_info(
                            r->connection, MHD_CONNECTION_INFO_CONNECTION_FD)
                      : NULL;
    if (info)
        r->gone_fd = fcntl(info->connect_fd, F_DUPFD_CLOEXEC, 3);
    (void)pthread_mutex_unlock(&r->lock);
    if (r->gone_fd >= 0)
        look(r);
}

void gone_stop(struct request *r)
{
    loop_watch_cancel(r->gone_watch);
    loop_timer_cancel(r->gone_timer);
    r->gone_watch = NULL;
    r->gone_timer = NULL;
    r->on_gone = NULL;
    if (r->gone_fd >= 0)
        (void)close(r->gone_fd);
    r->gone_fd = -1;
}
