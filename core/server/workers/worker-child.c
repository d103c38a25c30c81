/* SPDX-License-Identifier: Apache-2.0 */
#include "core/server/workers/worker-child.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "core/server/workers/worker-main.h"
#include "core/util/file.h"
#include "core/util/json.h"
#include "core/util/log.h"

#define MAX_QUEUED 1024            /* events that the parent has not read */
#define MAX_TABLE_BYTES (1u << 20) /* JSON of all boot files */

/* One write for each line, so that lines of threads do not mix. */
static void log_line(void *arg, enum log_level level, const char *text)
{
    char line[1200];
    int length;

    (void)arg;
    length = snprintf(line, sizeof(line), "<%d>%.1100s\n", (int)level, text);
    if (length > 0 && write(STDERR_FILENO, line, (size_t)length) < 0)
        return; /* the parent has gone, and the worker will notice */
}

void worker_log_open(void)
{
    log_open("slipwayd", LOG_DEBUG, LOG_FORMAT_TEXT);
    log_set_sink(log_line, NULL);
}

/* The next descriptor of the message when `key` says that there is one. */
static int next_fd(struct json_reader *r, const char *key,
                   struct channel_message *message, size_t *next)
{
    int fd;

    if (!json_get_bool(r, key) || *next == CHANNEL_MAX_FDS)
        return -1;
    fd = message->fds[*next];
    message->fds[(*next)++] = -1;
    return fd;
}

static int take_configuration(struct worker_child *child,
                              struct channel_message *message, struct err *err)
{
    struct json_reader r;
    const char *name;
    size_t next = 0;

    json_reader_init(&r, message->head, "", err);
    (void)json_get_text(&r, "type");
    name = json_get_text(&r, "name");
    child->objects_fd = next_fd(&r, "objects", message, &next);
    child->boot_roots[BOOT_ROOT_STATE] =
        next_fd(&r, "boot_state", message, &next);
    child->boot_roots[BOOT_ROOT_DATA] =
        next_fd(&r, "boot_data", message, &next);
    if (json_done(&r) != 0)
        return r.code;
    (void)snprintf(child->name, sizeof(child->name), "%s", name);
    return 0;
}

static int take_table(struct worker_child *child,
                      struct channel_message *message, struct err *err)
{
    AUTO_BUF text = BUF_INIT(MAX_TABLE_BYTES);
    AUTO_JSON *json = NULL;
    off_t length =
        message->fds[0] < 0 ? -1 : lseek(message->fds[0], 0, SEEK_END);
    uint8_t *room;

    if (length <= 0 || (size_t)length > MAX_TABLE_BYTES)
        return err_set(err, ERR_INVALID, "the table of boot files has no text");
    room = buf_reserve(&text, (size_t)length);
    if (!room)
        return err_set(err, ERR_NO_MEMORY, "no memory for the boot files");
    if (file_pread_all(message->fds[0], room, (size_t)length, 0, err) != 0)
        return err->code;
    json = json_parse(room, (size_t)length, MAX_TABLE_BYTES, err);
    if (!json)
        return err->code;
    return boot_table_from_json(child->boot_table, json, err);
}

static void on_message(void *arg, struct channel_message *message)
{
    struct worker_child *child = arg;
    struct err err = ERR_INIT;
    const char *type =
        json_string_value(json_object_get(message->head, "type"));
    int code = 0;

    if (!type)
        code = err_set(&err, ERR_INVALID, "a message has no type");
    else if (strcmp(type, "configure") == 0)
        code = take_configuration(child, message, &err);
    else if (strcmp(type, "boot-table") == 0)
        code = take_table(child, message, &err);
    else if (strcmp(type, "start") == 0) {
        code = child->handlers->on_start(child, &err);
        if (code == 0)
            code = channel_send(child->channel,
                                json_pack("{s:s}", "type", "ready"), NULL, 0,
                                NULL, 0, &err);
    } else if (strcmp(type, "drain") == 0) {
        child->draining = true;
        child->handlers->on_drain(child);
    } else {
        code = child->handlers->on_message(child, type, message, &err);
    }
    if (code == 0)
        return;
    log_error("%s", err.text);
    worker_child_end(child, 1);
}

/* Without its parent a worker has nobody to serve for. */
static void on_closed(void *arg, const char *why)
{
    struct worker_child *child = arg;

    log_debug("the channel to the parent is closed: %s", why);
    worker_child_end(child, 1);
}

static const struct channel_handlers channel_handlers = {
    .on_message = on_message,
    .on_closed = on_closed,
};

int worker_child_init(struct worker_child *child,
                      const struct worker_child_handlers *handlers,
                      struct err *err)
{
    child->handlers = handlers;
    child->objects_fd = -1;
    for (size_t i = 0; i < BOOT_ROOTS; i++)
        child->boot_roots[i] = -1;
    (void)signal(SIGPIPE, SIG_IGN);
    child->boot_table = boot_table_new();
    if (!child->boot_table)
        return err_set(err, ERR_NO_MEMORY, "no memory is left");
    child->loop = loop_new(&seam_real, err);
    if (!child->loop)
        return err->code;
    child->channel = channel_new(child->loop, WORKER_CHANNEL_FD, MAX_QUEUED,
                                 &channel_handlers, child, err);
    return child->channel ? 0 : err->code;
}

void worker_child_done(struct worker_child *child)
{
    channel_free(child->channel);
    boot_table_free(child->boot_table);
    loop_free(child->loop);
    if (child->objects_fd >= 0)
        (void)close(child->objects_fd);
    for (size_t i = 0; i < BOOT_ROOTS; i++) {
        if (child->boot_roots[i] >= 0)
            (void)close(child->boot_roots[i]);
    }
}

int worker_child_run(struct worker_child *child)
{
    loop_run(child->loop);
    return child->exit_status;
}

void worker_child_end(struct worker_child *child, int exit_status)
{
    child->exit_status = exit_status;
    loop_stop(child->loop);
}

void worker_child_event(struct worker_child *child, json_t *json)
{
    struct err err = ERR_INIT;
    json_t *head = json_pack("{s:s, s:o}", "type", "event", "event", json);

    if (channel_send(child->channel, head, NULL, 0, NULL, 0, &err) != 0)
        log_debug("an event is lost: %s", err.text);
}

void worker_child_folders(const struct worker_child *child,
                          int ret_dirs[BOOT_ROOTS + 2])
{
    size_t count = 0;

    if (child->objects_fd >= 0)
        ret_dirs[count++] = child->objects_fd;
    for (size_t i = 0; i < BOOT_ROOTS; i++) {
        if (child->boot_roots[i] >= 0)
            ret_dirs[count++] = child->boot_roots[i];
    }
    ret_dirs[count] = -1;
}
