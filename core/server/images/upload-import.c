/* SPDX-License-Identifier: Apache-2.0 */
/* An upload and its import worker: pieces in, an image or a reason out. */
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>

#include "core/server/images/uploads-parts.h"
#include "core/util/log.h"

static void close_pipe(struct upload *u)
{
    if (u->pipe_fd >= 0)
        (void)close(TAKE_FD(u->pipe_fd));
    loop_timer_cancel(u->idle);
    u->idle = NULL;
}

void upload_stop(struct upload *u)
{
    close_pipe(u);
    if (u->import)
        image_import_cancel(TAKE(u->import));
    u->begun = false;
}

/* ---- pieces ---- */

static void refuse(struct upload *u, const struct err *err)
{
    upload_ready *ready = u->ready;
    u->ready = NULL;
    if (ready)
        ready(u->ready_arg, -1, err);
}

/* The piece that waits may come, when it is the right one. */
static void admit(struct upload *u)
{
    struct err err = ERR_INIT;
    upload_ready *ready = u->ready;
    if (!ready)
        return;
    int fd = -1;
    if (u->wanted_bytes != u->offset_bytes)
        (void)err_set(&err, ERR_CONFLICT,
                      "upload %s is at byte %" PRIu64 ", not at %" PRIu64
                      ": go on from there",
                      u->spec.id, u->offset_bytes, u->wanted_bytes);
    else if ((fd = fcntl(u->pipe_fd, F_DUPFD_CLOEXEC, 3)) < 0)
        (void)err_set_errno(&err, ERR_IO, errno, "no descriptor for a piece");
    if (fd < 0) {
        refuse(u, &err);
        return;
    }
    u->ready = NULL;
    u->sending = true;
    loop_timer_cancel(u->idle);
    u->idle = NULL;
    ready(u->ready_arg, fd, NULL);
}

static void on_idle(void *arg)
{
    struct upload *u = arg;
    u->idle = NULL;
    close_pipe(u); /* the worker keeps what it has and ends */
}

/* Nothing is on its way: the end, or a wait for the next piece. */
static void rest(struct upload *u)
{
    if (u->offset_bytes == u->spec.size_bytes) {
        close_pipe(u);
        u->state = UPLOAD_IMPORTING;
    } else if (u->pipe_fd >= 0 && !u->idle) {
        u->idle = loop_timer(u->uploads->server->loop, UPLOAD_IDLE_MS, on_idle,
                             u);
    }
}

void upload_receive(struct upload *u, uint64_t offset, uint64_t length,
                    upload_ready *ready, void *arg)
{
    struct err err = ERR_INIT;
    if (u->state == UPLOAD_FAILED)
        (void)err_set(&err, u->why.code, "%s", u->why.text);
    else if (u->state != UPLOAD_RECEIVING)
        (void)err_set(&err, ERR_CONFLICT, "upload %s has all its bytes",
                      u->spec.id);
    else if (u->sending || u->ready)
        (void)err_set(&err, ERR_CONFLICT,
                      "another connection is sending upload %s", u->spec.id);
    else if (length > UPLOAD_PIECE_BYTES)
        (void)err_set(&err, ERR_TOO_BIG,
                      "a piece has at most %" PRIu64 " bytes, not %" PRIu64,
                      UPLOAD_PIECE_BYTES, length);
    else if (offset > u->spec.size_bytes || length > u->spec.size_bytes - offset)
        (void)err_set(&err, ERR_INVALID,
                      "the piece ends behind the %" PRIu64
                      " bytes that were declared",
                      u->spec.size_bytes);
    else if (!u->import)
        (void)upload_start(u, &err);
    if (err.code) {
        ready(arg, -1, &err);
        return;
    }
    u->wanted_bytes = offset;
    u->ready = ready;
    u->ready_arg = arg;
    if (u->begun && u->pipe_fd >= 0)
        admit(u);
}

void upload_received(struct uploads *uploads, const char *id, uint64_t length,
                     bool broken, upload_settled *settled, void *arg)
{
    struct upload *u = uploads_find(uploads, id);
    if (!u) {
        struct err err;
        (void)err_set(&err, ERR_NOT_FOUND, "upload %s was deleted", id);
        settled(arg, NULL, &err);
        return;
    }
    u->sending = false;
    if (broken && u->import) {
        u->settled = settled;
        u->settled_arg = arg;
        return;
    }
    if (u->import) {
        u->offset_bytes += length;
        u->touched_s = upload_now_s(uploads);
        rest(u);
    }
    settled(arg, u, u->import || !u->why.code ? NULL : &u->why);
}

/* ---- what the import tells ---- */

static void on_begun(void *arg, uint64_t offset_bytes)
{
    struct upload *u = arg;
    u->begun = true;
    u->offset_bytes = MIN(offset_bytes, u->spec.size_bytes);
    u->why.code = 0;
    if (u->ready)
        admit(u);
    if (!u->sending)
        rest(u);
}

static void on_progress(void *arg, uint64_t done_bytes, uint64_t size_bytes)
{
    struct upload *u = arg;
    u->done_bytes = done_bytes;
    u->disk_bytes = size_bytes;
}

/* The worker is gone; tells who waits. */
static void ended(struct upload *u, const struct err *err)
{
    upload_settled *settled = u->settled;
    close_pipe(u);
    u->import = NULL;
    u->begun = false;
    u->settled = NULL;
    if (settled)
        settled(u->settled_arg, u, err);
}

static void on_kept(void *arg, uint64_t offset_bytes, const struct err *why)
{
    struct upload *u = arg;
    struct err err = ERR_INIT;
    ended(u, why);
    u->state = UPLOAD_RECEIVING;
    u->offset_bytes = MIN(offset_bytes, u->spec.size_bytes);
    upload_save(u);
    /* A piece came while the worker was ending. */
    if (u->ready && upload_start(u, &err))
        refuse(u, &err);
}

/* Some failures are not the image's: sending on may do. */
static bool may_go_on(struct upload *u, const struct err *err)
{
    if (err->code == ERR_NO_SPACE)
        return true;
    return err->code == ERR_INTERNAL && ++u->deaths < UPLOAD_DEATHS_MAX;
}

static void on_done(void *arg, const struct image *image, const struct err *err)
{
    struct upload *u = arg;
    u->touched_s = upload_now_s(u->uploads);
    if (image) {
        u->state = UPLOAD_DONE;
        (void)snprintf(u->image, sizeof(u->image), "%s", image->id);
    } else {
        u->state = may_go_on(u, err) ? UPLOAD_RECEIVING : UPLOAD_FAILED;
        u->why = *err;
    }
    if (u->state == UPLOAD_RECEIVING)
        u->offset_bytes = upload_estimate(u);
    else
        upload_remove_file(u);
    upload_save(u);
    ended(u, err);
    if (u->ready)
        refuse(u, err);
}

int upload_start(struct upload *u, struct err *err)
{
    AUTO_CLOSE int file = openat(u->uploads->folder_fd, u->spec.id,
                                 O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW,
                                 0600);
    if (file < 0)
        return err_set_errno(err, errno == ENOSPC ? ERR_NO_SPACE : ERR_IO,
                             errno, "the file of an upload does not open");
    const struct image_import_spec spec = {
        .name = u->spec.name,
        .kind = u->spec.kind,
        .format = u->spec.format,
        .size_bytes = u->spec.size_bytes,
        .sector_bytes = u->spec.sector_bytes,
        .min_tier = u->spec.min_tier,
        .actor = u->spec.actor,
        .upload = u->spec.id,
        .state_fd = file,
        .begun = on_begun,
        .kept = on_kept,
        .progress = on_progress,
        .done = on_done,
        .arg = u,
    };
    u->begun = false;
    u->done_bytes = 0;
    return image_import_begin(u->uploads->server->images, &spec, &u->pipe_fd,
                              &u->import, err);
}
