/* SPDX-License-Identifier: Apache-2.0 */
/* A reply whose bytes come from a pipe while they are made. */
#include "core/server/http/http-internal.h"

#include <fcntl.h>

#include "core/util/log.h"

#define BLOCK_BYTES ((size_t)256 * 1024)
#define PIPE_BYTES (1024 * 1024)

/* ---- on the loop ---- */

static void on_bytes(void *arg, unsigned events)
{
    struct request *r = arg;
    (void)events;
    loop_watch_cancel(r->pipe_watch);
    r->pipe_watch = NULL;
    (void)pthread_mutex_lock(&r->lock);
    if (r->connection && r->suspended) {
        r->suspended = false;
        MHD_resume_connection(r->connection);
    }
    (void)pthread_mutex_unlock(&r->lock);
    request_release(r);
}

static void wait_for_bytes(void *arg)
{
    struct request *r = arg;
    r->pipe_watch =
        loop_watch(r->http->loop, r->upload_fd, LOOP_READ, on_bytes, r);
    if (!r->pipe_watch)
        on_bytes(r, 0); /* no memory to wait: try at once */
}

/* ---- on the HTTP thread ---- */

static ssize_t read_pipe(void *cls, uint64_t position, char *out, size_t max)
{
    struct request *r = cls;
    (void)position;
    if (atomic_load(&r->http->stopping))
        return MHD_CONTENT_READER_END_WITH_ERROR;
    ssize_t got;
    do
        got = read(r->upload_fd, out, max);
    while (got < 0 && errno == EINTR);
    if (got > 0)
        return got;
    /* Too early an end of a known length is an error to MHD by itself. */
    if (got == 0)
        return MHD_CONTENT_READER_END_OF_STREAM;
    if (errno != EAGAIN || !http_post(r, wait_for_bytes))
        return MHD_CONTENT_READER_END_WITH_ERROR;
    return 0;
}

static void let_go(void *cls)
{
    request_release(cls);
}

void request_reply_pipe(struct request *r, const char *type, int fd,
                        uint64_t length)
{
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
        log_warn("the pipe of a reply stays blocking: %s",
                 err_errno_text(errno));
    (void)fcntl(fd, F_SETPIPE_SZ, PIPE_BYTES); /* the default works too */
    r->upload_fd = fd; /* closed with the request */
    struct MHD_Response *response = MHD_create_response_from_callback(
        length ? length : MHD_SIZE_UNKNOWN, BLOCK_BYTES, read_pipe,
        request_hold(r), let_go);
    if (!response) {
        request_release(r);
        request_problem(r, "internal", "out of memory");
        return;
    }
    (void)MHD_add_response_header(response, "Content-Type", type);
    http_common_headers(r, response);
    request_send(r, 200, response);
}
