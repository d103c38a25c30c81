/* SPDX-License-Identifier: Apache-2.0 */
/*
 * command_run: a program below the action process, so that it has no more
 * rights, and dies with it.  Its output is kept up to a limit and drained
 * beyond, so that a chatty program does not block.
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "core/engine/actions/action-process.h"
#include "core/util/file.h"

#define OUTPUT_MAX_BYTES (1024u * 1024)
#define ARGUMENTS_MAX 256

extern char **environ;

struct running {
    pid_t pid;
    int pid_fd;
    int out[2]; /* ends that are read: stdout, stderr; -1 = at its end */
    struct buf text[2];
};

static int start(struct running *running, const struct slipway_command *command,
                 struct err *err)
{
    AUTO_CLOSE int input = -1;
    int out[2] = {-1, -1}, errors[2] = {-1, -1};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    const char *text = command->input ? command->input : "";
    int number;

    input = file_sealed_memfd("slipway-input", text, strlen(text), err);
    if (input < 0)
        return ERR_IO;
    if (pipe2(out, O_CLOEXEC) < 0 || pipe2(errors, O_CLOEXEC) < 0) {
        number = errno;
        goto out;
    }
    (void)posix_spawn_file_actions_init(&actions);
    (void)posix_spawnattr_init(&attributes);
    (void)posix_spawn_file_actions_adddup2(&actions, input, 0);
    (void)posix_spawn_file_actions_adddup2(&actions, out[1], 1);
    (void)posix_spawn_file_actions_adddup2(&actions, errors[1], 2);
    /* The channel is this process's alone. */
    (void)posix_spawn_file_actions_addclose(&actions, ACTION_CHANNEL_FD);
    (void)posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
    number = posix_spawn(&running->pid, command->argv[0], &actions, &attributes,
                         (char *const *)command->argv, environ);
    (void)posix_spawn_file_actions_destroy(&actions);
    (void)posix_spawnattr_destroy(&attributes);
    if (number == 0) {
        running->pid_fd = (int)syscall(SYS_pidfd_open, running->pid, 0);
        running->out[0] = TAKE_FD(out[0]);
        running->out[1] = TAKE_FD(errors[0]);
    }
out:
    for (int i = 0; i < 2; i++) {
        auto_close(&out[i]);
        auto_close(&errors[i]);
    }
    if (number != 0)
        return err_set_errno(err, ERR_IO, number,
                             "program '%.200s' cannot be started",
                             command->argv[0]);
    return 0;
}

static void drain(struct running *running, int which)
{
    char data[4096];
    ssize_t got = read(running->out[which], data, sizeof(data));

    if (got < 0 && (errno == EINTR || errno == EAGAIN))
        return;
    if (got <= 0) {
        (void)close(running->out[which]); /* it was only read */
        running->out[which] = -1;
        return;
    }
    struct buf *text = &running->text[which];
    (void)buf_append(text, data, MIN((size_t)got, text->max - text->length));
}

/* 0 when the program has ended, ERR_TIMEOUT when it had to be killed. */
static int watch(struct running *running, uint64_t deadline_ms)
{
    for (;;) {
        uint64_t now_ms = action_now_ms();
        struct pollfd fds[3] = {
            {.fd = running->out[0], .events = POLLIN},
            {.fd = running->out[1], .events = POLLIN},
            {.fd = running->pid_fd, .events = POLLIN},
        };
        if (now_ms >= deadline_ms)
            return ERR_TIMEOUT;
        if (poll(fds, 3, (int)MIN(deadline_ms - now_ms, (uint64_t)1000)) < 0)
            continue; /* EINTR: the time is looked at again */
        for (int i = 0; i < 2; i++)
            if (fds[i].revents)
                drain(running, i);
        /* A background child may keep the pipes open: the program's own end
         * counts, once what it wrote has been read. */
        if (fds[2].revents && !fds[0].revents && !fds[1].revents)
            return 0;
    }
}

static const char *keep(struct action_process *process, struct buf *text)
{
    char *copy = action_alloc(process, text->length + 1);

    if (copy)
        memcpy(copy, buf_text(text), text->length);
    buf_done(text);
    return copy ? copy : "";
}

static int check(struct action_process *process,
                 const struct slipway_command *command)
{
    size_t count = 0;

    if (command->size < sizeof(*command) || !command->argv || !command->argv[0])
        return action_fail(process, SLIPWAY_EINVAL,
                           "the plugin wants to run no program");
    if (command->argv[0][0] != '/')
        return action_fail(process, SLIPWAY_EINVAL,
                           "the plugin wants to run '%.200s', which is not an "
                           "absolute path",
                           command->argv[0]);
    while (command->argv[count])
        if (++count > ARGUMENTS_MAX)
            return action_fail(process, SLIPWAY_EINVAL,
                               "program '%.200s' gets more than %d arguments",
                               command->argv[0], ARGUMENTS_MAX);
    return 0;
}

int action_command_run(struct action_process *process,
                       struct slipway_command *command, uint64_t now_ms)
{
    struct running running = {.pid_fd = -1, .out = {-1, -1}};
    struct err err = ERR_INIT;
    uint64_t deadline_ms = process->deadline_ms;
    int status = 0;

    if (check(process, command) < 0)
        return SLIPWAY_EINVAL;
    if (command->timeout_ms)
        deadline_ms = MIN(deadline_ms, now_ms + command->timeout_ms);
    buf_init(&running.text[0], OUTPUT_MAX_BYTES);
    buf_init(&running.text[1], OUTPUT_MAX_BYTES);
    if (start(&running, command, &err) < 0)
        return action_fail(process, SLIPWAY_EIO, "%s", err.text);
    int code = watch(&running, deadline_ms);
    (void)kill(-running.pid, SIGKILL); /* what it left behind, or itself */
    while (waitpid(running.pid, &status, 0) < 0 && errno == EINTR)
        continue;
    auto_close(&running.pid_fd);
    auto_close(&running.out[0]);
    auto_close(&running.out[1]);
    command->output = keep(process, &running.text[0]);
    command->errors = keep(process, &running.text[1]);
    command->exit_status = WIFSIGNALED(status)
                               ? 256 + (uint64_t)WTERMSIG(status)
                               : (uint64_t)WEXITSTATUS(status);
    if (code < 0)
        return action_fail(process, SLIPWAY_EIO,
                           "program '%.200s' did not end in time and was "
                           "stopped",
                           command->argv[0]);
    return 0;
}
