/* SPDX-License-Identifier: Apache-2.0 */
#include "core/server/workers/worker.h"

#include <stdio.h>
#include <string.h>

#include "core/server/workers/worker-process.h"
#include "core/util/file.h"
#include "core/util/json.h"
#include "core/util/log.h"

#define NAME_BYTES 33
#define MAX_SOCKETS 16
#define FIRST_PAUSE_MS 250 /* before a worker that died is started again */
#define LONGEST_PAUSE_MS 30000
#define STABLE_MS 60000 /* a worker that lived so long starts afresh */
#define DRAIN_MS 600000 /* then its last transfers are cut */

/*
 * started -> ready -> (dies) -> waiting for `restart` -> started
 *    |         |
 *    +- drain -+-> draining -> (ends) -> gone
 */
struct worker {
    struct worker *next;
    struct workers *workers;
    char name[NAME_BYTES];
    bool door; /* the front door, else a transport */
    int memfd;
    struct digest digest;
    json_t *params;
    struct worker_process *process; /* NULL = waits for its next start */
    struct loop_timer *timer;       /* next start, or the end of draining */
    uint64_t started_ms;
    bool ready;
    bool draining;
    bool replaced; /* drains as soon as its successor is ready */
    unsigned restarts;
    unsigned failures; /* in a row */
    void (*done)(void *arg);
    void *done_arg;
};

struct workers {
    struct workers_spec spec;
    struct worker *list; /* the front door first */
    struct {
        char name[NAME_BYTES];
        int fd;
    } sockets[MAX_SOCKETS];
    size_t socket_count;
};

static void worker_start(struct worker *w);
static void drain_replaced(struct workers *workers, const char *name);

static void worker_free(struct worker *w)
{
    worker_process_free(w->process);
    loop_timer_cancel(w->timer);
    if (w->memfd >= 0)
        (void)close(w->memfd);
    json_decref(w->params);
    free(w);
}

/* Takes it out of the list and tells who waits for that. */
static void worker_remove(struct worker *w)
{
    struct worker **link = &w->workers->list;
    void (*done)(void *arg) = w->done;
    void *arg = w->done_arg;

    while (*link != w)
        link = &(*link)->next;
    *link = w->next;
    worker_free(w);
    if (done)
        done(arg);
}

/* ---- events ------------------------------------------------------------- */

/* Steals `json`. */
static void emit(struct worker *w, const char *id, json_t *json)
{
    AUTO_JSON *event = json;

    if (!event ||
        json_object_set_new(event, "worker", json_string(w->name)) != 0)
        return; /* no memory: the log has it */
    if (w->workers->spec.event)
        w->workers->spec.event(w->workers->spec.arg, id, event);
}

static void on_restart(void *arg)
{
    struct worker *w = arg;

    w->timer = NULL;
    w->restarts++;
    worker_start(w);
}

/* Starts it again after a pause that doubles while it keeps dying. */
static void worker_died(struct worker *w, const char *why)
{
    struct loop *loop = w->workers->spec.loop;
    uint64_t pause_ms;

    if (loop_now_ms(loop) - w->started_ms >= STABLE_MS)
        w->failures = 0;
    pause_ms = FIRST_PAUSE_MS << MIN(w->failures, 8u);
    pause_ms = MIN(pause_ms, (uint64_t)LONGEST_PAUSE_MS);
    w->failures++;
    log_error("worker %s %s; it is started again in %llu ms", w->name, why,
              (unsigned long long)pause_ms);
    emit(w, "worker-died",
         json_pack("{s:s, s:I}", "message", why, "restart_in_ms",
                   (json_int_t)pause_ms));
    w->timer = loop_timer(loop, pause_ms, on_restart, w);
}

static void on_ended(void *arg, bool clean, const char *why)
{
    struct worker *w = arg;

    worker_process_free(w->process);
    w->process = NULL;
    w->ready = false;
    if (w->draining || w->replaced) {
        if (!clean)
            log_warn("worker %s %s while it was ending", w->name, why);
        worker_remove(w);
        return;
    }
    worker_died(w, why);
}

static void on_message(void *arg, struct channel_message *message)
{
    struct worker *w = arg;
    json_t *event = json_object_get(message->head, "event");
    const char *type =
        json_string_value(json_object_get(message->head, "type"));

    if (type && strcmp(type, "ready") == 0) {
        w->ready = true;
        log_info("worker %s is ready", w->name);
        emit(w, "worker-started", json_object());
        drain_replaced(w->workers, w->name);
    } else if (type && strcmp(type, "event") == 0 && json_is_object(event)) {
        const char *id = json_string_value(json_object_get(event, "event"));

        if (id)
            emit(w, id, json_incref(event));
    }
}

static const struct worker_process_handlers handlers = {
    .on_message = on_message,
    .on_ended = on_ended,
};

/* ---- what a worker is told ---------------------------------------------- */

static int send_configuration(struct worker *w, struct err *err)
{
    const struct workers_spec *spec = &w->workers->spec;
    int fds[CHANNEL_MAX_FDS];
    size_t count = 0;
    bool objects = spec->objects_fd >= 0 && !w->door;
    bool state = spec->boot_roots[BOOT_ROOT_STATE] >= 0;
    bool data = spec->boot_roots[BOOT_ROOT_DATA] >= 0;

    if (objects)
        fds[count++] = spec->objects_fd;
    if (state)
        fds[count++] = spec->boot_roots[BOOT_ROOT_STATE];
    if (data)
        fds[count++] = spec->boot_roots[BOOT_ROOT_DATA];
    return worker_process_send(w->process,
                               json_pack("{s:s, s:s, s:b, s:b, s:b}", "type",
                                         "configure", "name", w->name,
                                         "objects", objects, "boot_state",
                                         state, "boot_data", data),
                               NULL, 0, fds, count, err);
}

static int send_plugin(struct worker *w, struct err *err)
{
    char hex[DIGEST_HEX_BYTES];

    return worker_process_send(w->process,
                               json_pack("{s:s, s:s, s:O*}", "type", "plugin",
                                         "digest", digest_hex(&w->digest, hex),
                                         "params", w->params),
                               NULL, 0, &w->memfd, 1, err);
}

static int send_sockets(struct worker *w, struct err *err)
{
    struct workers *workers = w->workers;
    int code = 0;

    if (w->door)
        return worker_process_send(
            w->process,
            json_pack("{s:s, s:s}", "type", "socket", "socket", "http"), NULL,
            0, &workers->spec.http_fd, 1, err);
    for (size_t i = 0; i < workers->socket_count && code == 0; i++)
        code =
            worker_process_send(w->process,
                                json_pack("{s:s, s:s}", "type", "socket",
                                          "socket", workers->sockets[i].name),
                                NULL, 0, &workers->sockets[i].fd, 1, err);
    return code;
}

/* As a file, because it may be larger than a message. */
static int send_table(struct worker *w, struct err *err)
{
    AUTO_JSON *json = boot_table_to_json(w->workers->spec.boot_table);
    AUTO_FREE char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;
    AUTO_CLOSE int fd = -1;

    if (!text)
        return err_set(err, ERR_NO_MEMORY, "no memory for the boot files");
    fd = file_sealed_memfd("boot-table", text, strlen(text), err);
    if (fd < 0)
        return err->code;
    return worker_process_send(w->process,
                               json_pack("{s:s}", "type", "boot-table"), NULL,
                               0, &fd, 1, err);
}

/* Connects a transport's worker with the front door. */
static int introduce(struct worker *door, struct worker *transport,
                     struct err *err)
{
    AUTO_CLOSE int first = -1;
    AUTO_CLOSE int second = -1;
    int pair[2];

    if (!door->process || !transport->process || transport->draining)
        return 0;
    if (channel_pair(pair, err) != 0)
        return err->code;
    first = pair[0];
    second = pair[1];
    if (worker_process_send(
            door->process,
            json_pack("{s:s, s:s}", "type", "peer", "name", transport->name),
            NULL, 0, &first, 1, err) != 0)
        return err->code;
    return worker_process_send(
        transport->process,
        json_pack("{s:s, s:s}", "type", "peer", "name", door->name), NULL, 0,
        &second, 1, err);
}

static int introduce_all(struct worker *w, struct err *err)
{
    struct worker *door = w->workers->list;
    int code = 0;

    if (!w->door)
        return introduce(door, w, err);
    for (struct worker *t = door->next; t && code == 0; t = t->next)
        code = introduce(door, t, err);
    return code;
}

static int tell_everything(struct worker *w, struct err *err)
{
    if (send_configuration(w, err) != 0 ||
        (!w->door && send_plugin(w, err) != 0) || send_sockets(w, err) != 0 ||
        send_table(w, err) != 0 || introduce_all(w, err) != 0)
        return err->code;
    return worker_process_send(w->process, json_pack("{s:s}", "type", "start"),
                               NULL, 0, NULL, 0, err);
}

static void worker_start(struct worker *w)
{
    struct err err = ERR_INIT;

    w->started_ms = loop_now_ms(w->workers->spec.loop);
    w->process = worker_process_start(w->workers->spec.loop,
                                      w->door ? "http" : "transport", w->name,
                                      &handlers, w, &err);
    if (w->process && tell_everything(w, &err) == 0)
        return;
    worker_process_free(w->process);
    w->process = NULL;
    worker_died(w, err.text);
}

static void on_table_changed(void *arg)
{
    struct workers *workers = arg;
    struct err err = ERR_INIT;

    for (struct worker *w = workers->list; w; w = w->next) {
        if (w->process && send_table(w, &err) != 0)
            log_error("worker %s does not get the new boot files: %s", w->name,
                      err.text);
    }
}

/* ---- the interface ------------------------------------------------------ */

static struct worker *worker_new(struct workers *workers, const char *name,
                                 struct err *err)
{
    struct worker *w = calloc(1, sizeof(*w));

    if (!w) {
        (void)err_set(err, ERR_NO_MEMORY, "no memory for a worker");
        return NULL;
    }
    w->workers = workers;
    w->memfd = -1;
    (void)snprintf(w->name, sizeof(w->name), "%s", name);
    return w;
}

struct workers *workers_new(const struct workers_spec *spec, struct err *err)
{
    struct workers *workers = calloc(1, sizeof(*workers));

    if (workers)
        workers->list = worker_new(workers, "http", err);
    if (!workers || !workers->list) {
        (void)close(spec->http_fd);
        free(workers);
        (void)err_set(err, ERR_NO_MEMORY, "no memory for the workers");
        return NULL;
    }
    workers->spec = *spec;
    workers->list->door = true;
    boot_table_listen(spec->boot_table, on_table_changed, workers);
    worker_start(workers->list);
    return workers;
}

void workers_free(struct workers *workers)
{
    if (!workers)
        return;
    boot_table_listen(workers->spec.boot_table, NULL, NULL);
    while (workers->list) {
        struct worker *w = workers->list;

        workers->list = w->next;
        worker_free(w);
    }
    for (size_t i = 0; i < workers->socket_count; i++)
        (void)close(workers->sockets[i].fd);
    (void)close(workers->spec.http_fd);
    if (workers->spec.objects_fd >= 0)
        (void)close(workers->spec.objects_fd);
    for (size_t i = 0; i < BOOT_ROOTS; i++) {
        if (workers->spec.boot_roots[i] >= 0)
            (void)close(workers->spec.boot_roots[i]);
    }
    free(workers);
}

int workers_add_socket(struct workers *workers, const char *name, int fd,
                       struct err *err)
{
    if (workers->socket_count == MAX_SOCKETS) {
        (void)close(fd);
        return err_set(err, ERR_TOO_BIG,
                       "there are more than %d sockets for transports",
                       MAX_SOCKETS);
    }
    (void)snprintf(workers->sockets[workers->socket_count].name, NAME_BYTES,
                   "%s", name);
    workers->sockets[workers->socket_count++].fd = fd;
    return 0;
}

static struct worker *find(struct workers *workers, const char *name)
{
    for (struct worker *w = workers->list; w; w = w->next) {
        if (!w->door && !w->draining && !w->replaced &&
            strcmp(w->name, name) == 0)
            return w;
    }
    return NULL;
}

static void on_drain_too_long(void *arg)
{
    struct worker *w = arg;

    w->timer = NULL;
    log_warn("worker %s has not ended its transfers in %u minutes and is "
             "ended now",
             w->name, DRAIN_MS / 60000);
    worker_remove(w);
}

static void drain(struct worker *w)
{
    struct err err = ERR_INIT;

    w->draining = true;
    loop_timer_cancel(w->timer);
    w->timer = NULL;
    if (!w->process ||
        worker_process_send(w->process, json_pack("{s:s}", "type", "drain"),
                            NULL, 0, NULL, 0, &err) != 0) {
        worker_remove(w);
        return;
    }
    w->timer =
        loop_timer(w->workers->spec.loop, DRAIN_MS, on_drain_too_long, w);
}

static struct worker *find_replaced(struct workers *workers, const char *name)
{
    for (struct worker *w = workers->list; w; w = w->next) {
        if (w->replaced && !w->draining && strcmp(w->name, name) == 0)
            return w;
    }
    return NULL;
}

static void drain_replaced(struct workers *workers, const char *name)
{
    struct worker *w;

    while ((w = find_replaced(workers, name)))
        drain(w);
}

int worker_transport_enable(struct workers *workers, const char *name,
                            int memfd, const struct digest *digest,
                            const json_t *params, struct err *err)
{
    struct worker *old = find(workers, name);
    struct worker *w = worker_new(workers, name, err);
    struct worker **end = &workers->list;

    if (!w)
        return err->code;
    w->memfd = dup(memfd);
    if (params)
        w->params = json_deep_copy(params);
    if (w->memfd < 0 || (params && !w->params)) {
        worker_free(w);
        return err_set(err, ERR_NO_MEMORY,
                       "no memory or descriptor for transport '%s'", name);
    }
    w->digest = *digest;
    while (*end)
        end = &(*end)->next;
    *end = w;
    if (old && old->process)
        old->replaced = true;
    else if (old)
        drain(old); /* it only waits for its next start */
    worker_start(w);
    return 0;
}

void worker_transport_disable(struct workers *workers, const char *name,
                              void (*done)(void *arg), void *arg)
{
    struct worker *w = find(workers, name);

    if (!w) {
        if (done)
            done(arg);
        return;
    }
    w->done = done;
    w->done_arg = arg;
    drain_replaced(workers, name);
    drain(w);
}

void workers_list(const struct workers *workers,
                  void (*fn)(void *arg, const struct worker_status *status),
                  void *arg)
{
    for (const struct worker *w = workers->list; w; w = w->next) {
        struct worker_status status = {
            .name = w->name,
            .pid = w->process ? worker_process_pid(w->process) : 0,
            .ready = w->ready,
            .draining = w->draining,
            .restarts = w->restarts,
        };

        fn(arg, &status);
    }
}
