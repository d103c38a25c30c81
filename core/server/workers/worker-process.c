/* SPDX-License-Identifier: Apache-2.0 */
#include "core/server/workers/worker-process.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "core/util/child.h"
#include "core/util/log.h"

#define MAX_QUEUED 4096 /* messages to a worker that is busy */
#define LINE_BYTES 1200 /* of its standard error */
#define LAST_WORDS_BYTES 300
#define READS_PER_EVENT 16
#define END_MS 2000 /* for a worker that has closed its channel */

struct worker_process {
    struct loop *loop;
    char *name;
    struct child *child;
    struct channel *channel;
    const struct worker_process_handlers *handlers;
    void *arg;
    int error_fd; /* the reading end of its standard error */
    struct loop_watch *error_watch;
    struct loop_timer *timer; /* it should have ended by then */
    char line[LINE_BYTES];
    size_t line_length;
    char last_words[LAST_WORDS_BYTES];
};

/* One line of its standard error: its log, or words of something that broke. */
static void take_line(struct worker_process *p)
{
    const char *text = p->line;
    enum log_level level = LOG_WARN;

    p->line[p->line_length] = '\0';
    p->line_length = 0;
    if (text[0] == '\0')
        return;
    if (text[0] == '<' && text[1] >= '0' && text[1] <= '4' && text[2] == '>') {
        level = (enum log_level)(text[1] - '0');
        text += 3;
    }
    if (level <= LOG_WARN)
        (void)snprintf(p->last_words, sizeof(p->last_words), "%.*s",
                       LAST_WORDS_BYTES - 1, text);
    log_at(level, "worker %s: %s", p->name, text);
}

static void take_errors(struct worker_process *p, const char *data,
                        size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (data[i] != '\n')
            p->line[p->line_length++] = data[i];
        if (data[i] == '\n' || p->line_length == LINE_BYTES - 1)
            take_line(p);
    }
}

/* False at the end of the pipe, or when there is nothing more now. */
static bool read_errors(struct worker_process *p)
{
    char data[4096];
    ssize_t got = read(p->error_fd, data, sizeof(data));

    if (got > 0) {
        take_errors(p, data, (size_t)got);
        return true;
    }
    if (got == 0 || (errno != EAGAIN && errno != EINTR)) {
        loop_watch_cancel(p->error_watch);
        p->error_watch = NULL;
    }
    return false;
}

static void on_errors(void *arg, unsigned events)
{
    struct worker_process *p = arg;

    (void)events;
    for (int i = 0; i < READS_PER_EVENT && read_errors(p); i++)
        continue;
}

static void on_child_ended(void *arg, int status, bool timed_out)
{
    struct worker_process *p = arg;
    char how[64];
    char why[LAST_WORDS_BYTES + 128];

    (void)timed_out;
    while (p->error_watch && read_errors(p))
        continue;
    if (p->line_length)
        take_line(p);
    if (!channel_drain(p->channel))
        return; /* its last message was what its owner waited for */
    if (status < 256)
        (void)snprintf(how, sizeof(how), "ended with status %d", status);
    else
        (void)snprintf(how, sizeof(how), "was ended by signal %d (%s)",
                       status - 256,
                       sigabbrev_np(status - 256) ? sigabbrev_np(status - 256)
                                                  : "unknown");
    if (status && p->last_words[0])
        (void)snprintf(why, sizeof(why), "%s, its last words: %s", how,
                       p->last_words);
    else
        (void)snprintf(why, sizeof(why), "%s", how);
    p->handlers->on_ended(p->arg, status == 0, why);
}

static void on_message(void *arg, struct channel_message *message)
{
    struct worker_process *p = arg;

    p->handlers->on_message(p->arg, message);
}

static void on_still_there(void *arg)
{
    struct worker_process *p = arg;

    p->timer = NULL;
    child_signal(p->child, SIGKILL);
}

/* A worker whose channel is closed or wrong is of no use.  It ends by itself,
 * or is ended; either is what the owner is told. */
static void on_channel_closed(void *arg, const char *why)
{
    struct worker_process *p = arg;

    log_debug("worker %s: its channel is closed: %s", p->name, why);
    p->timer = loop_timer(p->loop, END_MS, on_still_there, p);
}

static const struct channel_handlers channel_handlers = {
    .on_message = on_message,
    .on_closed = on_channel_closed,
};

static int start_child(struct worker_process *p, const char *kind,
                       struct err *err)
{
    const char *argv[] = {"/proc/self/exe", "worker", kind, NULL};
    AUTO_CLOSE int error_end = -1;
    AUTO_CLOSE int child_end = -1;
    int pair[2];
    int pipe_fds[2];

    if (pipe2(pipe_fds, O_CLOEXEC) != 0)
        return err_set_errno(err, ERR_IO, errno, "cannot make a pipe");
    p->error_fd = pipe_fds[0];
    error_end = pipe_fds[1];
    (void)fcntl(p->error_fd, F_SETFL, O_NONBLOCK);
    if (channel_pair(pair, err) != 0)
        return err->code;
    child_end = pair[1];
    p->channel =
        channel_new(p->loop, pair[0], MAX_QUEUED, &channel_handlers, p, err);
    if (!p->channel) {
        (void)close(pair[0]);
        return err->code;
    }
    p->error_watch = loop_watch(p->loop, p->error_fd, LOOP_READ, on_errors, p);
    if (!p->error_watch)
        return err_set(err, ERR_NO_MEMORY, "no memory to watch a worker");
    p->child = child_start(p->loop,
                           &(struct child_spec){
                               .argv = argv,
                               .keep_fds = &child_end,
                               .keep_fd_count = 1,
                               .stdin_fd = -1,
                               .stdout_fd = -1,
                               .stderr_fd = error_end,
                           },
                           on_child_ended, p, err);
    return p->child ? 0 : err->code;
}

struct worker_process *
worker_process_start(struct loop *loop, const char *kind, const char *name,
                     const struct worker_process_handlers *handlers, void *arg,
                     struct err *err)
{
    struct worker_process *p = calloc(1, sizeof(*p));
    struct err local = ERR_INIT;

    if (p)
        p->name = strdup(name);
    if (!p || !p->name) {
        free(p);
        (void)err_set(err, ERR_NO_MEMORY, "no memory for a worker");
        return NULL;
    }
    p->loop = loop;
    p->handlers = handlers;
    p->arg = arg;
    p->error_fd = -1;
    if (start_child(p, kind, &local) != 0) {
        (void)err_set(err, local.code, "worker %s cannot be started: %s", name,
                      local.text);
        worker_process_free(p);
        return NULL;
    }
    return p;
}

void worker_process_free(struct worker_process *p)
{
    if (!p)
        return;
    child_free(p->child);
    channel_free(p->channel);
    loop_watch_cancel(p->error_watch);
    loop_timer_cancel(p->timer);
    if (p->error_fd >= 0)
        (void)close(p->error_fd);
    free(p->name);
    free(p);
}

int worker_process_send(struct worker_process *p, json_t *head,
                        const void *data, size_t length, const int *fds,
                        size_t fd_count, struct err *err)
{
    return channel_send(p->channel, head, data, length, fds, fd_count, err);
}

struct channel *worker_process_channel(struct worker_process *p)
{
    return p->channel;
}

pid_t worker_process_pid(const struct worker_process *p)
{
    return child_pid(p->child);
}
