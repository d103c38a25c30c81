/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies that go through a pipe: uploads from the HTTP thread straight into
 * one, replies out of one while their bytes are made. */
#include "core/server/http/http-internal.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/util/log.h"

#define BLOCK_BYTES ((size_t)256 * 1024)
#define PIPE_BYTES (1024 * 1024)

static void prepare_pipe(int fd)
{
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
        log_warn("the pipe of a request stays blocking: %s",
                 err_errno_text(errno));
    (void)fcntl(fd, F_SETPIPE_SZ, PIPE_BYTES); /* the default works too */
}

/* ---- waiting for the pipe ---- */

/* On the loop. */
static void on_pipe(void *arg, unsigned events)
{
    struct request *r = arg;
    (void)events;
    loop_watch_cancel(r->pipe_watch);
    r->pipe_watch = NULL;
    (void)pthread_mutex_lock(&r->lock);
    (void)http_wake(r);
    (void)pthread_mutex_unlock(&r->lock);
    request_release(r);
}

static void watch_pipe(void *arg)
{
    struct request *r = arg;
    r->pipe_watch = loop_watch(r->http->loop, r->pipe_fd, r->pipe_events,
                               on_pipe, r);
    if (!r->pipe_watch)
        on_pipe(r, 0); /* no memory to wait: try at once */
}

/* On the HTTP thread: suspends until the pipe is ready for LOOP_READ or
 * LOOP_WRITE. */
static bool wait_for_pipe(struct request *r, unsigned events)
{
    r->pipe_events = events;
    return http_post(r, watch_pipe);
}

/* ---- uploads, on the loop ---- */

void request_upload(struct request *r, int fd, upload_done *done, void *arg)
{
    prepare_pipe(fd);
    r->upload_done = done;
    r->upload_arg = arg;
    (void)pthread_mutex_lock(&r->lock);
    if (http_wake(r))
        r->pipe_fd = TAKE_FD(fd);
    (void)pthread_mutex_unlock(&r->lock);
    if (fd >= 0)
        (void)close(fd); /* stopping: the reader sees an early end */
}

/* The body is in the pipe, or never will be. */
static void finished(void *arg)
{
    struct request *r = arg;
    struct err err = ERR_INIT;
    (void)pthread_mutex_lock(&r->lock);
    uint64_t length = r->uploaded;
    if (r->upload_code)
        (void)err_set(&err, r->upload_code, "%s", r->upload_error);
    (void)pthread_mutex_unlock(&r->lock);
    loop_watch_cancel(r->pipe_watch);
    r->pipe_watch = NULL;
    r->upload_done(r->upload_arg, length, err.code ? &err : NULL);
    request_release(r);
}

/* ---- uploads, on the HTTP thread ---- */

static void break_pipe(struct request *r, int code, const char *why)
{
    (void)pthread_mutex_lock(&r->lock);
    r->upload_code = code;
    (void)snprintf(r->upload_error, sizeof(r->upload_error), "%s", why);
    (void)close(TAKE_FD(r->pipe_fd));
    (void)pthread_mutex_unlock(&r->lock);
    r->pipe_broken = true;
}

/* libmicrohttpd cannot answer before the body's end, so a client whose upload
 * has failed is listened to for a while; then the connection is cut. */
static enum MHD_Result swallow(struct request *r, size_t *length)
{
    r->swallowed += *length;
    *length = 0;
    return r->swallowed > HTTP_SWALLOW_BYTES ? MHD_NO : MHD_YES;
}

enum MHD_Result upload_chunk(struct request *r, const char *data,
                             size_t *length)
{
    size_t done = 0;
    if (atomic_load(&r->http->stopping))
        return MHD_NO;
    if (r->pipe_broken)
        return swallow(r, length);
    while (done < *length) {
        ssize_t n = write(r->pipe_fd, data + done, *length - done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            break;
        if (n < 0) {
            break_pipe(r, ERR_IO, "the import stopped reading before the end");
            return swallow(r, length);
        }
        done += (size_t)n;
    }
    (void)pthread_mutex_lock(&r->lock);
    r->uploaded += done;
    (void)pthread_mutex_unlock(&r->lock);
    *length -= done;
    if (*length == 0 || wait_for_pipe(r, LOOP_WRITE))
        return MHD_YES;
    return MHD_NO;
}

enum MHD_Result upload_end(struct request *r)
{
    (void)pthread_mutex_lock(&r->lock);
    if (r->pipe_fd >= 0)
        (void)close(TAKE_FD(r->pipe_fd));
    (void)pthread_mutex_unlock(&r->lock);
    r->step = STEP_LOOP;
    return http_post(r, finished) ? MHD_YES : MHD_NO;
}

void upload_abandon(struct request *r)
{
    if (r->step != STEP_UPLOAD)
        return;
    char why[128];
    (void)snprintf(why, sizeof(why), "the client went away after %llu of %llu "
                   "bytes", (unsigned long long)r->uploaded,
                   (unsigned long long)r->content_length);
    if (!r->pipe_broken)
        break_pipe(r, ERR_CANCELLED, why);
    if (atomic_load(&r->http->stopping))
        return;
    (void)request_hold(r);
    if (loop_post(r->http->loop, finished, r) < 0)
        request_release(r);
}

/* ---- replies ---- */

/* On the HTTP thread. */
static ssize_t read_pipe(void *cls, uint64_t position, char *out, size_t max)
{
    struct request *r = cls;
    (void)position;
    if (atomic_load(&r->http->stopping))
        return MHD_CONTENT_READER_END_WITH_ERROR;
    ssize_t got;
    do
        got = read(r->pipe_fd, out, max);
    while (got < 0 && errno == EINTR);
    if (got > 0)
        return got;
    /* Too early an end of a known length is an error to MHD by itself. */
    if (got == 0)
        return MHD_CONTENT_READER_END_OF_STREAM;
    if (errno != EAGAIN || !wait_for_pipe(r, LOOP_READ))
        return MHD_CONTENT_READER_END_WITH_ERROR;
    return 0;
}

static void let_go(void *cls)
{
    request_release(cls);
}

bool request_range(struct request *r, uint64_t size, const char *etag,
                   struct http_range *ret)
{
    const char *text = request_header(r, "Range");
    const char *same = request_header(r, "If-Range");
    *ret = (struct http_range){0, size};
    if (same && strcmp(same, etag) != 0)
        return true;
    if (http_range_parse(text, size, ret) != HTTP_RANGE_UNSATISFIABLE)
        return true;
    request_problem(r, "range", "the range '%.64s' lies behind the end, which "
                                "is at byte %" PRIu64, text, size);
    return false;
}

/* "bytes 0-99/1234" when it is not all; false when it is. */
static bool content_range(const struct request_pipe *pipe, char out[80])
{
    const struct http_range *range = &pipe->range;
    if (!pipe->size || range->length == pipe->size)
        return false;
    (void)snprintf(out, 80, "bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64,
                   range->offset, range->offset + range->length - 1,
                   pipe->size);
    return true;
}

void request_reply_pipe(struct request *r, const struct request_pipe *pipe)
{
    char part[80];
    prepare_pipe(pipe->fd);
    r->pipe_fd = pipe->fd; /* closed with the request */
    struct MHD_Response *response = MHD_create_response_from_callback(
        pipe->size ? pipe->range.length : MHD_SIZE_UNKNOWN, BLOCK_BYTES,
        read_pipe, request_hold(r), let_go);
    if (!response) {
        request_release(r);
        request_problem(r, "internal", "out of memory");
        return;
    }
    bool is_part = content_range(pipe, part);
    http_header(response, "Content-Type", pipe->type);
    http_header(response, "ETag", pipe->etag);
    if (pipe->size)
        http_header(response, "Accept-Ranges", "bytes");
    if (is_part)
        http_header(response, "Content-Range", part);
    http_common_headers(r, response);
    request_send(r, is_part ? 206 : 200, response);
}
