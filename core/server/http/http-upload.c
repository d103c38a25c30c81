/* SPDX-License-Identifier: Apache-2.0 */
/* Uploads: body bytes from the HTTP thread straight into a pipe. */
#include "core/server/http/http-internal.h"

#include <fcntl.h>
#include <stdio.h>

#include "core/util/log.h"

#define PIPE_BYTES (1024 * 1024)

/* ---- on the loop ---- */

void request_upload(struct request *r, int fd, upload_done *done, void *arg)
{
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
        log_warn("the pipe of an upload stays blocking: %s",
                 err_errno_text(errno));
    (void)fcntl(fd, F_SETPIPE_SZ, PIPE_BYTES); /* the default works too */
    r->upload_done = done;
    r->upload_arg = arg;
    (void)pthread_mutex_lock(&r->lock);
    if (r->connection && r->suspended) {
        r->upload_fd = TAKE_FD(fd);
        r->suspended = false;
        MHD_resume_connection(r->connection);
    }
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

static void on_room(void *arg, unsigned events)
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

static void wait_for_room(void *arg)
{
    struct request *r = arg;
    r->pipe_watch =
        loop_watch(r->http->loop, r->upload_fd, LOOP_WRITE, on_room, r);
    if (!r->pipe_watch)
        on_room(r, 0); /* no memory to wait: try at once */
}

/* ---- on the HTTP thread ---- */

static void break_pipe(struct request *r, int code, const char *why)
{
    (void)pthread_mutex_lock(&r->lock);
    r->upload_code = code;
    (void)snprintf(r->upload_error, sizeof(r->upload_error), "%s", why);
    (void)close(TAKE_FD(r->upload_fd));
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
        ssize_t n = write(r->upload_fd, data + done, *length - done);
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
    if (*length == 0 || http_post(r, wait_for_room))
        return MHD_YES;
    return MHD_NO;
}

enum MHD_Result upload_end(struct request *r)
{
    (void)pthread_mutex_lock(&r->lock);
    if (r->upload_fd >= 0)
        (void)close(TAKE_FD(r->upload_fd));
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
