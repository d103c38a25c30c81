/* SPDX-License-Identifier: Apache-2.0 */
#include "core/server/http/front-door.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "core/server/http/door-file.h"
#include "core/server/http/door-route.h"
#include "core/server/http/http-files.h"
#include "core/server/workers/sandbox.h"
#include "core/server/workers/worker-child.h"
#include "core/util/json.h"
#include "core/util/log.h"

#define MAX_WAITING 512 /* connections that have not asked yet */
#define MAX_WAITING_FROM_ONE 256
#define FIRST_LINE_MS 10000 /* time for the request line */
#define ACCEPTS_PER_EVENT 32
#define MAX_MOUNTS 16
#define MAX_PREFIX 64
#define MAX_FILES 4096
#define SETTLE_MS 10000  /* transports may still be starting */
#define LOST_MS 60000    /* a transport that died may come back */
#define REPLACED_MS 1000 /* one that leaves may have a successor */

/* A connection whose first line is not there yet. */
struct waiting {
    struct waiting *next;
    struct front_door *door;
    struct in_addr address;
    int fd;
    size_t seen; /* bytes that were there at the last look */
    struct loop_watch *watch;
    struct loop_timer *timer;
};

/*
 * A transport worker; its prefix is "" until it mounts one.  The place of one
 * that died keeps its prefix for a while: its clients are told to ask again.
 */
struct mount {
    struct front_door *door;
    struct channel *channel; /* NULL = free place, or died */
    bool mounted;            /* gets connections */
    uint64_t expected_ms;    /* not mounted, but may be again until then */
    char name[WORKER_NAME_BYTES];
    char prefix[MAX_PREFIX];
    unsigned age; /* the newest mount of a prefix wins */
};

struct front_door {
    struct worker_child child; /* first */
    int listen_fd;
    struct loop_watch *watch;
    bool accepting;
    struct waiting *waiting;
    unsigned waiting_count;
    struct mount mounts[MAX_MOUNTS];
    unsigned ages;
    uint64_t started_ms;
    struct http_files *files;
};

static struct mount *find_mount(struct front_door *door,
                                const struct door_route *route)
{
    struct mount *best = NULL;

    for (size_t i = 0; i < MAX_MOUNTS; i++) {
        struct mount *m = &door->mounts[i];
        size_t length = strlen(m->prefix);

        if (m->mounted && route->length >= length &&
            memcmp(route->path, m->prefix, length) == 0 &&
            (!best || m->age > best->age))
            best = m;
    }
    return best;
}

static bool may_return(const struct front_door *door, const struct mount *m)
{
    return !m->mounted && m->prefix[0] &&
           loop_now_ms(door->child.loop) < m->expected_ms;
}

/* True for a path that nobody serves, but somebody soon may. */
static bool is_expected(const struct front_door *door, const char *path)
{
    if (loop_now_ms(door->child.loop) - door->started_ms < SETTLE_MS)
        return true;
    for (size_t i = 0; i < MAX_MOUNTS; i++) {
        const struct mount *m = &door->mounts[i];

        if (may_return(door, m) &&
            strncmp(path, m->prefix, strlen(m->prefix)) == 0)
            return true;
    }
    return false;
}

/* ---- paths -------------------------------------------------------------- */

static void find_path(void *arg, const char *path, const struct endpoint *peer,
                      struct http_file *ret)
{
    struct front_door *door = arg;
    const char *name;
    char address[ADDRESS_TEXT_BYTES];

    if (strncmp(path, FRONT_DOOR_BOOT_PATH, strlen(FRONT_DOOR_BOOT_PATH)) !=
        0) {
        struct door_route route = {path, strlen(path)};

        if (find_mount(door, &route)) {
            ret->status = 421;
            ret->text = "Please open another connection for this path.\n";
        } else if (is_expected(door, path)) {
            ret->status = 503;
            ret->text = "What serves this path is just starting; "
                        "please ask again.\n";
        }
        return;
    }
    name = path + strlen(FRONT_DOOR_BOOT_PATH);
    door_file_find(door->child.boot_table, door->child.boot_roots, name, ret);
    /* Only names that are ours are worth a line. */
    if (ret->status == 200)
        log_info("%s asks for '%s' by HTTP", endpoint_address(peer, address),
                 name);
}

static void on_sending(void *arg, enum http_sending_state state,
                       const struct http_sending *sending)
{
    struct front_door *door = arg;
    const char *name = sending->path + strlen(FRONT_DOOR_BOOT_PATH);
    json_t *event = door_file_event(name, state, sending);

    if (event)
        worker_child_event(&door->child, event);
}

/* ---- mounts ------------------------------------------------------------- */

/* What this name had mounted before is served again: nothing is expected. */
static void settle(struct front_door *door, const char *name)
{
    for (size_t i = 0; i < MAX_MOUNTS; i++) {
        if (strcmp(door->mounts[i].name, name) == 0)
            door->mounts[i].expected_ms = 0;
    }
}

static void unmount(struct mount *m, uint64_t expected_ms)
{
    if (m->mounted)
        m->expected_ms = loop_now_ms(m->door->child.loop) + expected_ms;
    m->mounted = false;
}

static void on_transport_message(void *arg, struct channel_message *message)
{
    struct mount *m = arg;
    const char *type =
        json_string_value(json_object_get(message->head, "type"));
    const char *prefix =
        json_string_value(json_object_get(message->head, "prefix"));

    if (type && strcmp(type, "mount") == 0 && prefix && prefix[0] == '/' &&
        strlen(prefix) < sizeof(m->prefix)) {
        (void)snprintf(m->prefix, sizeof(m->prefix), "%s", prefix);
        m->age = ++m->door->ages;
        m->mounted = true;
        settle(m->door, m->name);
        return;
    }
    /* "unmount": the answer comes behind the last connection. */
    unmount(m, REPLACED_MS);
    (void)channel_send(m->channel, json_pack("{s:s}", "type", "unmounted"),
                       NULL, 0, NULL, 0, NULL);
}

static void on_transport_closed(void *arg, const char *why)
{
    struct mount *m = arg;

    log_debug("transport '%s' has left the HTTP port: %s", m->name, why);
    channel_free(m->channel);
    m->channel = NULL;
    unmount(m, LOST_MS);
}

static const struct channel_handlers transport_handlers = {
    .on_message = on_transport_message,
    .on_closed = on_transport_closed,
};

static int add_peer(struct front_door *door, struct channel_message *message,
                    struct err *err)
{
    const char *name =
        json_string_value(json_object_get(message->head, "name"));

    if (!name || message->fds[0] < 0)
        return err_set(err, ERR_INVALID, "a transport has no name or socket");
    for (size_t i = 0; i < MAX_MOUNTS; i++) {
        struct mount *m = &door->mounts[i];

        if (m->channel || may_return(door, m))
            continue;
        m->door = door;
        m->mounted = false;
        m->prefix[0] = '\0';
        m->channel = channel_new(door->child.loop, message->fds[0], MAX_WAITING,
                                 &transport_handlers, m, err);
        if (!m->channel)
            return err->code;
        message->fds[0] = -1;
        (void)snprintf(m->name, sizeof(m->name), "%s", name);
        return 0;
    }
    return err_set(err, ERR_TOO_BIG,
                   "more than %d transports want the HTTP port", MAX_MOUNTS);
}

/* ---- connections -------------------------------------------------------- */

static void update_accepting(struct front_door *door);

/* Forgets the connection; its socket is the caller's now. */
static int waiting_end(struct waiting *w)
{
    struct front_door *door = w->door;
    struct waiting **link = &door->waiting;
    int fd = w->fd;

    while (*link != w)
        link = &(*link)->next;
    *link = w->next;
    door->waiting_count--;
    loop_watch_cancel(w->watch);
    loop_timer_cancel(w->timer);
    free(w);
    update_accepting(door);
    return fd;
}

/* A last word to a client that is not worth more. */
static void refuse(int fd, const char *status)
{
    char text[128];
    int length = snprintf(text, sizeof(text),
                          "HTTP/1.1 %s\r\nContent-Length: 0\r\n"
                          "Connection: close\r\n\r\n",
                          status);

    (void)send(fd, text, (size_t)length, MSG_NOSIGNAL | MSG_DONTWAIT);
    (void)close(fd);
}

static void hand_over(struct front_door *door, int fd,
                      const struct door_route *route)
{
    struct mount *m = find_mount(door, route);
    struct err err = ERR_INIT;
    int one = 1;

    /* As it was, for whoever reads the socket next. */
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, &one, sizeof(one));
    if (!m) {
        http_files_add(door->files, fd);
        return;
    }
    if (channel_send(m->channel, json_pack("{s:s}", "type", "connection"), NULL,
                     0, &fd, 1, &err) != 0) {
        log_warn("transport '%s' takes no connection: %s", m->name, err.text);
        refuse(fd, "503 Service Unavailable");
        return;
    }
    (void)close(fd); /* the message has its own */
}

static void on_first_line(void *arg, unsigned events)
{
    struct waiting *w = arg;
    struct front_door *door = w->door;
    struct door_route route;
    char data[DOOR_LINE_BYTES];
    ssize_t got = recv(w->fd, data, sizeof(data), MSG_PEEK | MSG_DONTWAIT);
    int more;

    (void)events;
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (got <= 0) {
        (void)close(waiting_end(w));
        return;
    }
    switch (door_route_parse(data, (size_t)got, &route)) {
    case DOOR_MORE:
        if ((size_t)got == w->seen) { /* it has closed its side */
            (void)close(waiting_end(w));
            break;
        }
        /* Wake up again only when there is more than what was seen. */
        w->seen = (size_t)got;
        more = (int)got + 1;
        (void)setsockopt(w->fd, SOL_SOCKET, SO_RCVLOWAT, &more, sizeof(more));
        break;
    case DOOR_PATH:
        hand_over(door, waiting_end(w), &route);
        break;
    case DOOR_BAD:
        refuse(waiting_end(w), "400 Bad Request");
        break;
    case DOOR_LONG:
        refuse(waiting_end(w), "414 URI Too Long");
        break;
    }
}

static void on_too_slow(void *arg)
{
    struct waiting *w = arg;

    w->timer = NULL;
    refuse(waiting_end(w), "408 Request Timeout");
}

static bool too_many_from(const struct front_door *door, struct in_addr address)
{
    unsigned count = 0;

    for (const struct waiting *w = door->waiting; w; w = w->next)
        count += w->address.s_addr == address.s_addr;
    return count >= MAX_WAITING_FROM_ONE;
}

static void wait_for_line(struct front_door *door, int fd,
                          struct in_addr address)
{
    struct waiting *w = calloc(1, sizeof(*w));

    if (!w) {
        refuse(fd, "503 Service Unavailable");
        return;
    }
    w->door = door;
    w->fd = fd;
    w->address = address;
    w->next = door->waiting;
    door->waiting = w;
    door->waiting_count++;
    w->watch = loop_watch(door->child.loop, fd, LOOP_READ, on_first_line, w);
    w->timer = loop_timer(door->child.loop, FIRST_LINE_MS, on_too_slow, w);
    if (!w->watch || !w->timer)
        refuse(waiting_end(w), "503 Service Unavailable");
}

static void on_connections(void *arg, unsigned events)
{
    struct front_door *door = arg;

    (void)events;
    for (int i = 0; i < ACCEPTS_PER_EVENT && door->accepting; i++) {
        struct sockaddr_in from;
        socklen_t length = sizeof(from);
        int fd = accept4(door->listen_fd, (struct sockaddr *)&from, &length,
                         SOCK_NONBLOCK | SOCK_CLOEXEC);

        if (fd < 0)
            return;
        if (too_many_from(door, from.sin_addr))
            refuse(fd, "503 Service Unavailable");
        else
            wait_for_line(door, fd, from.sin_addr);
        update_accepting(door);
    }
}

/* While too many wait, further ones wait in the kernel's queue. */
static void update_accepting(struct front_door *door)
{
    bool accept = door->waiting_count < MAX_WAITING && !door->child.draining;

    if (!door->watch || accept == door->accepting)
        return;
    door->accepting = accept;
    loop_watch_change(door->watch, accept ? LOOP_READ : 0);
}

/* ---- life --------------------------------------------------------------- */

static int on_message(struct worker_child *child, const char *type,
                      struct channel_message *message, struct err *err)
{
    struct front_door *door = (struct front_door *)child;

    if (strcmp(type, "peer") == 0)
        return add_peer(door, message, err);
    if (strcmp(type, "socket") == 0 && door->listen_fd < 0 &&
        message->fds[0] >= 0) {
        door->listen_fd = TAKE_FD(message->fds[0]);
        return 0;
    }
    return err_set(err, ERR_INVALID, "a message of type '%.40s' is not known",
                   type);
}

static void on_drained(void *arg)
{
    struct front_door *door = arg;

    worker_child_end(&door->child, 0);
}

static int on_start(struct worker_child *child, struct err *err)
{
    struct front_door *door = (struct front_door *)child;
    struct http_files_spec files = {
        .loop = child->loop,
        .find = find_path,
        .sending = on_sending,
        .drained = on_drained,
        .arg = door,
    };
    int folders[BOOT_ROOTS + 2];
    struct sandbox_spec sandbox = {
        .read_dirs = folders,
        .max_files = MAX_FILES,
        .max_memory_bytes = (uint64_t)1 << 30,
    };

    if (door->listen_fd < 0)
        return err_set(err, ERR_INVALID, "there is no socket to listen on");
    worker_child_folders(child, folders);
    door->files = http_files_new(&files, err);
    if (!door->files || sandbox_enter(&sandbox, err) != 0)
        return err->code;
    door->started_ms = loop_now_ms(child->loop);
    door->accepting = true;
    door->watch = loop_watch(child->loop, door->listen_fd, LOOP_READ,
                             on_connections, door);
    return door->watch ? 0 : err_set(err, ERR_NO_MEMORY, "no memory is left");
}

static void on_drain(struct worker_child *child)
{
    struct front_door *door = (struct front_door *)child;

    update_accepting(door);
    if (door->files)
        http_files_drain(door->files);
    else
        worker_child_end(child, 0);
}

static const struct worker_child_handlers handlers = {
    .on_message = on_message,
    .on_start = on_start,
    .on_drain = on_drain,
};

static void door_done(struct front_door *door)
{
    while (door->waiting)
        (void)close(waiting_end(door->waiting));
    for (size_t i = 0; i < MAX_MOUNTS; i++)
        channel_free(door->mounts[i].channel);
    loop_watch_cancel(door->watch);
    http_files_free(door->files);
    if (door->listen_fd >= 0)
        (void)close(door->listen_fd);
    worker_child_done(&door->child);
    free(door);
}

int front_door_main(void)
{
    struct front_door *door = calloc(1, sizeof(*door));
    struct err err = ERR_INIT;
    int status = 1;

    if (!door)
        return 1;
    door->listen_fd = -1;
    if (worker_child_init(&door->child, &handlers, &err) == 0)
        status = worker_child_run(&door->child);
    else
        log_error("%s", err.text);
    door_done(door);
    return status;
}
