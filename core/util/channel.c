/* SPDX-License-Identifier: Apache-2.0 */
/* Messages over a SOCK_SEQPACKET pair: see channel.h. */
#include "core/util/channel.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "core/util/bytes.h"
#include "core/util/json.h"

struct queued {
    struct queued *next;
    int fds[CHANNEL_MAX_FDS];
    size_t fd_count;
    size_t length;
    uint8_t bytes[];
};

struct channel {
    struct loop *loop;
    int fd;
    struct loop_watch *watch;
    const struct channel_handlers *handlers;
    void *arg;
    struct queued *queue;
    struct queued **queue_end;
    size_t queued;
    size_t max_queued;
    bool paused;
    bool dead;
    bool dispatching;
    bool freed; /* by its own handler */
    uint8_t room[CHANNEL_MAX_BYTES];
};

int channel_pair(int ret_fds[2], struct err *err)
{
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ret_fds) != 0)
        return err_set_errno(err, ERR_IO, errno, "cannot make a socket pair");
    return 0;
}

static void close_fds(int *fds, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (fds[i] >= 0)
            (void)close(fds[i]);
}

/* ---- one message -------------------------------------------------------- */

/* Builds the bytes of a message; steals `head`. */
static int compose(json_t *head, const void *data, size_t length,
                   struct queued **ret, struct err *err)
{
    AUTO_FREE char *text = json_text(head);
    json_decref(head);
    if (!text)
        return err_set(err, ERR_NO_MEMORY, "no memory for a message");
    size_t text_length = strlen(text);
    if (4 + text_length + length > CHANNEL_MAX_BYTES)
        return err_set(err, ERR_TOO_BIG,
                       "a message of %zu bytes is larger than the %d allowed",
                       text_length + length, CHANNEL_MAX_BYTES);
    struct queued *queued = calloc(1, sizeof(*queued) + 4 + text_length + length);
    if (!queued)
        return err_set(err, ERR_NO_MEMORY, "no memory for a message");
    put_le32(queued->bytes, (uint32_t)text_length);
    memcpy(queued->bytes + 4, text, text_length);
    if (length)
        memcpy(queued->bytes + 4 + text_length, data, length);
    queued->length = 4 + text_length + length;
    *ret = queued;
    return 0;
}

static void free_queued(struct queued *queued)
{
    close_fds(queued->fds, queued->fd_count);
    free(queued);
}

static int copy_fds(struct queued *queued, const int *fds, size_t count,
                    struct err *err)
{
    for (size_t i = 0; i < count; i++) {
        int fd = fcntl(fds[i], F_DUPFD_CLOEXEC, 0);
        if (fd < 0)
            return err_set_errno(err, ERR_IO, errno,
                                 "cannot hand over a descriptor");
        queued->fds[queued->fd_count++] = fd;
    }
    return 0;
}

/* errno, or 0 when it went out. */
static int send_bytes(int socket, const struct queued *queued, int flags)
{
    union {
        struct cmsghdr align;
        uint8_t bytes[CMSG_SPACE(sizeof(int) * CHANNEL_MAX_FDS)];
    } control;
    struct iovec piece = {(void *)queued->bytes, queued->length};
    struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1};
    if (queued->fd_count) {
        memset(&control, 0, sizeof(control));
        message.msg_control = control.bytes;
        message.msg_controllen = CMSG_SPACE(sizeof(int) * queued->fd_count);
        struct cmsghdr *c = CMSG_FIRSTHDR(&message);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof(int) * queued->fd_count);
        memcpy(CMSG_DATA(c), queued->fds, sizeof(int) * queued->fd_count);
    }
    ssize_t put;
    do {
        put = sendmsg(socket, &message, flags | MSG_NOSIGNAL);
    } while (put < 0 && errno == EINTR);
    return put < 0 ? errno : 0;
}

static void take_rights(struct msghdr *message, int fds[CHANNEL_MAX_FDS])
{
    for (size_t i = 0; i < CHANNEL_MAX_FDS; i++)
        fds[i] = -1;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c;
         c = CMSG_NXTHDR(message, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
            continue;
        size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        memcpy(fds, CMSG_DATA(c), MIN(count, (size_t)CHANNEL_MAX_FDS) * 4);
    }
}

/* Reads one message into `room`.  Bytes, 0 at the end, -1 with errno. */
static ssize_t receive_bytes(int socket, uint8_t *room, int flags,
                             int fds[CHANNEL_MAX_FDS], bool *ret_cut)
{
    union {
        struct cmsghdr align;
        uint8_t bytes[CMSG_SPACE(sizeof(int) * CHANNEL_MAX_FDS)];
    } control;
    struct iovec piece = {room, CHANNEL_MAX_BYTES};
    struct msghdr message = {.msg_iov = &piece,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof(control.bytes)};
    ssize_t got;
    do {
        got = recvmsg(socket, &message, flags | MSG_CMSG_CLOEXEC);
    } while (got < 0 && errno == EINTR);
    if (got < 0)
        return got;
    take_rights(&message, fds);
    *ret_cut = message.msg_flags & (MSG_TRUNC | MSG_CTRUNC);
    return got;
}

/* The parts of a received message; `head` is new, the bytes are in `room`. */
static int take_apart(const uint8_t *room, size_t length,
                      struct channel_message *ret, struct err *err)
{
    struct cursor c = cursor_on(room, length);
    size_t text_length = cursor_le32(&c);
    const uint8_t *text = cursor_take(&c, text_length);
    if (!text)
        return err_set(err, ERR_CORRUPT, "a message is cut short");
    ret->head = json_parse(text, text_length, CHANNEL_MAX_BYTES, err);
    if (!ret->head)
        return ERR_CORRUPT;
    if (!json_is_object(ret->head)) {
        json_decref(ret->head);
        return err_set(err, ERR_CORRUPT, "a message is not an object");
    }
    ret->data = c.at;
    ret->length = cursor_left(&c);
    return 0;
}

/* ---- on a loop ---------------------------------------------------------- */

static void die(struct channel *channel, const char *why)
{
    if (channel->dead)
        return;
    channel->dead = true;
    loop_watch_cancel(channel->watch);
    channel->watch = NULL;
    channel->handlers->on_closed(channel->arg, why);
}

static void update_watch(struct channel *channel)
{
    if (channel->watch)
        loop_watch_change(channel->watch,
                          (channel->paused ? 0u : (unsigned)LOOP_READ) |
                              (channel->queue ? (unsigned)LOOP_WRITE : 0u));
}

static void flush_queue(struct channel *channel)
{
    while (channel->queue) {
        struct queued *queued = channel->queue;
        int number = send_bytes(channel->fd, queued, MSG_DONTWAIT);
        if (number == EAGAIN || number == ENOBUFS)
            break;
        if (number != 0) {
            die(channel, err_errno_text(number));
            return;
        }
        channel->queue = queued->next;
        if (!channel->queue)
            channel->queue_end = &channel->queue;
        channel->queued--;
        free_queued(queued);
    }
    update_watch(channel);
}

/* False when there was nothing to read or the channel is gone. */
static bool receive_one(struct channel *channel)
{
    struct channel_message message = {0};
    struct err err = ERR_INIT;
    bool cut = false;
    ssize_t got = receive_bytes(channel->fd, channel->room, MSG_DONTWAIT,
                                message.fds, &cut);
    if (got < 0 && errno == EAGAIN)
        return false;
    if (got <= 0) {
        die(channel, got == 0 ? "it has ended" : err_errno_text(errno));
        return false;
    }
    if (cut || take_apart(channel->room, (size_t)got, &message, &err) != 0) {
        close_fds(message.fds, CHANNEL_MAX_FDS);
        die(channel, cut ? "it sent a message that is too large" : err.text);
        return false;
    }
    channel->handlers->on_message(channel->arg, &message);
    close_fds(message.fds, CHANNEL_MAX_FDS);
    json_decref(message.head);
    return true;
}

/* False when a handler freed it. */
static bool end_dispatch(struct channel *channel)
{
    channel->dispatching = false;
    if (!channel->freed)
        return true;
    channel->freed = false;
    channel_free(channel);
    return false;
}

static bool may_receive(const struct channel *channel)
{
    return !channel->freed && !channel->dead && !channel->paused;
}

static void channel_ready(void *arg, unsigned events)
{
    struct channel *channel = arg;
    channel->dispatching = true;
    if (events & LOOP_WRITE && channel->queue)
        flush_queue(channel);
    /* A few at a time: other descriptors want their turn. */
    for (int i = 0; i < 16 && events & LOOP_READ; i++)
        if (!may_receive(channel) || !receive_one(channel))
            break;
    (void)end_dispatch(channel);
}

bool channel_drain(struct channel *channel)
{
    channel->dispatching = true;
    while (may_receive(channel) && receive_one(channel))
        continue;
    return end_dispatch(channel);
}

struct channel *channel_new(struct loop *loop, int fd, size_t max_queued,
                            const struct channel_handlers *handlers, void *arg,
                            struct err *err)
{
    struct channel *channel = calloc(1, sizeof(*channel));
    if (!channel) {
        (void)err_set(err, ERR_NO_MEMORY, "no memory for a channel");
        return NULL;
    }
    channel->loop = loop;
    channel->fd = fd;
    channel->max_queued = max_queued;
    channel->handlers = handlers;
    channel->arg = arg;
    channel->queue_end = &channel->queue;
    channel->watch = loop_watch(loop, fd, LOOP_READ, channel_ready, channel);
    if (!channel->watch) {
        (void)err_set_errno(err, ERR_IO, errno, "cannot watch a channel");
        free(channel);
        return NULL;
    }
    return channel;
}

void channel_free(struct channel *channel)
{
    if (!channel || channel->freed)
        return;
    channel->dead = true;
    loop_watch_cancel(channel->watch);
    channel->watch = NULL;
    if (channel->dispatching) {
        channel->freed = true;
        return;
    }
    while (channel->queue) {
        struct queued *queued = channel->queue;
        channel->queue = queued->next;
        free_queued(queued);
    }
    (void)close(channel->fd);
    free(channel);
}

int channel_send(struct channel *channel, json_t *head, const void *data,
                 size_t length, const int *fds, size_t fd_count,
                 struct err *err)
{
    struct queued *queued;
    if (channel->dead) {
        json_decref(head);
        return err_set(err, ERR_UNAVAILABLE, "the other process has ended");
    }
    int code = compose(head, data, length, &queued, err);
    if (code != 0)
        return code;
    code = copy_fds(queued, fds, MIN(fd_count, (size_t)CHANNEL_MAX_FDS), err);
    if (code == 0 && channel->queued >= channel->max_queued)
        code = err_set(err, ERR_UNAVAILABLE,
                       "the other process does not read its messages");
    if (code != 0) {
        free_queued(queued);
        return code;
    }
    *channel->queue_end = queued;
    channel->queue_end = &queued->next;
    channel->queued++;
    if (channel->queue == queued && !channel->dispatching)
        flush_queue(channel);
    else
        update_watch(channel);
    return 0;
}

void channel_pause(struct channel *channel)
{
    channel->paused = true;
    update_watch(channel);
}

void channel_resume(struct channel *channel)
{
    channel->paused = false;
    update_watch(channel);
}

/* ---- without a loop ----------------------------------------------------- */

int channel_send_now(int fd, json_t *head, const void *data, size_t length,
                     const int *fds, size_t fd_count, struct err *err)
{
    struct queued *queued;
    int code = compose(head, data, length, &queued, err);
    if (code != 0)
        return code;
    code = copy_fds(queued, fds, MIN(fd_count, (size_t)CHANNEL_MAX_FDS), err);
    int number = code == 0 ? send_bytes(fd, queued, 0) : 0;
    free_queued(queued);
    if (number != 0)
        return err_set_errno(err, ERR_UNAVAILABLE, number,
                             "cannot send to the other process");
    return code;
}

int channel_receive(int fd, struct channel_message *ret, struct err *err)
{
    struct channel_message message = {0};
    bool cut = false;
    AUTO_FREE uint8_t *room = malloc(CHANNEL_MAX_BYTES);
    if (!room)
        return err_set(err, ERR_NO_MEMORY, "no memory for a message");
    ssize_t got = receive_bytes(fd, room, 0, message.fds, &cut);
    if (got == 0)
        return err_set(err, ERR_UNAVAILABLE, "the other process has ended");
    if (got < 0)
        return err_set_errno(err, ERR_UNAVAILABLE, errno,
                             "cannot receive from the other process");
    int code = cut ? err_set(err, ERR_TOO_BIG, "a message is too large")
                   : take_apart(room, (size_t)got, &message, err);
    uint8_t *copy = code == 0 ? malloc(message.length + 1) : NULL;
    if (code == 0 && !copy) {
        json_decref(message.head);
        code = err_set(err, ERR_NO_MEMORY, "no memory for a message");
    }
    if (code != 0) {
        close_fds(message.fds, CHANNEL_MAX_FDS);
        return code;
    }
    memcpy(copy, message.data, message.length);
    copy[message.length] = 0;
    message.data = copy;
    *ret = message;
    return 0;
}

void channel_message_done(struct channel_message *message)
{
    json_decref(message->head);
    free((void *)message->data);
    close_fds(message->fds, CHANNEL_MAX_FDS);
    memset(message, 0, sizeof(*message));
    for (size_t i = 0; i < CHANNEL_MAX_FDS; i++)
        message->fds[i] = -1;
}
