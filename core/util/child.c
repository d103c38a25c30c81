/* SPDX-License-Identifier: Apache-2.0 */
/* Child processes on a loop: see child.h. */
#include "core/util/child.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define FIRST_KEPT_FD 3
#define MAX_KEPT_FDS 16
/* Kept descriptors are parked here while 0, 1, 2, 3 ... are rearranged. */
#define PARKING_FD 200

struct child {
    struct loop *loop;
    pid_t pid;
    int pid_fd;
    bool own_group;
    bool timed_out;
    struct loop_watch *watch;
    struct loop_timer *timer;
    child_ended *ended;
    void *arg;
};

/* After fork in a process with threads: only async-signal-safe calls. */
static void become(const struct child_spec *spec, const char *const *env)
{
    int parked[MAX_KEPT_FDS + 3];
    int sources[MAX_KEPT_FDS + 3] = {spec->stdin_fd, spec->stdout_fd,
                                     spec->stderr_fd};
    size_t count = 3 + MIN(spec->keep_fd_count, (size_t)MAX_KEPT_FDS);
    for (size_t i = 3; i < count; i++)
        sources[i] = spec->keep_fds[i - 3];
    if (sources[0] < 0)
        sources[0] = open("/dev/null", O_RDONLY | O_CLOEXEC);
    for (size_t i = 0; i < count; i++)
        parked[i] = sources[i] < 0 ? -1
                                   : fcntl(sources[i], F_DUPFD_CLOEXEC,
                                           PARKING_FD);
    for (size_t i = 0; i < count; i++)
        if (parked[i] >= 0 && dup2(parked[i], (int)i) < 0)
            _exit(127);
    (void)syscall(SYS_close_range, (unsigned)count, ~0u, 0u);
    sigset_t none;
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    for (int number = 1; number < 32; number++)
        (void)signal(number, SIG_DFL);
    if (spec->own_group)
        (void)setpgid(0, 0);
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)execve(spec->argv[0], (char *const *)spec->argv, (char *const *)env);
    _exit(127);
}

static void ended(void *arg, unsigned events)
{
    struct child *child = arg;
    int status = 0;
    (void)events;
    siginfo_t info = {.si_pid = 0};
    if (waitid(P_PID, (id_t)child->pid, &info, WEXITED | WNOHANG | WNOWAIT) !=
            0 ||
        info.si_pid != child->pid)
        return;
    /* What it left behind goes with it, while its number still names its
     * group and nobody else's. */
    if (child->own_group)
        (void)kill(-child->pid, SIGKILL);
    if (waitpid(child->pid, &status, 0) != child->pid)
        return;
    loop_watch_cancel(child->watch);
    child->watch = NULL;
    loop_timer_cancel(child->timer);
    child->timer = NULL;
    child->pid = -1;
    int result = WIFEXITED(status) ? WEXITSTATUS(status)
                                   : 256 + WTERMSIG(status);
    child->ended(child->arg, result, child->timed_out);
}

void child_signal(struct child *child, int number)
{
    if (child->pid > 0)
        (void)kill(child->own_group ? -child->pid : child->pid, number);
}

static void too_long(void *arg)
{
    struct child *child = arg;
    child->timer = NULL;
    child->timed_out = true;
    child_signal(child, SIGKILL);
}

static int watch_child(struct child *child, uint64_t timeout_ms)
{
    child->pid_fd = (int)syscall(SYS_pidfd_open, child->pid, 0);
    if (child->pid_fd < 0)
        return -1;
    (void)fcntl(child->pid_fd, F_SETFD, FD_CLOEXEC);
    child->watch =
        loop_watch(child->loop, child->pid_fd, LOOP_READ, ended, child);
    if (timeout_ms)
        child->timer = loop_timer(child->loop, timeout_ms, too_long, child);
    return child->watch && (child->timer || !timeout_ms) ? 0 : -1;
}

struct child *child_start(struct loop *loop, const struct child_spec *spec,
                          child_ended *on_ended, void *arg, struct err *err)
{
    struct child *child = calloc(1, sizeof(*child));
    if (!child) {
        (void)err_set(err, ERR_NO_MEMORY, "no memory to start '%s'",
                      spec->argv[0]);
        return NULL;
    }
    *child = (struct child){.loop = loop,
                            .pid_fd = -1,
                            .own_group = spec->own_group,
                            .ended = on_ended,
                            .arg = arg};
    const char *const *env =
        spec->env ? spec->env : (const char *const *)environ;
    child->pid = fork();
    if (child->pid == 0)
        become(spec, env);
    if (child->pid < 0 || watch_child(child, spec->timeout_ms) != 0) {
        (void)err_set_errno(err, ERR_IO, errno, "cannot start '%s'",
                            spec->argv[0]);
        child_free(child);
        return NULL;
    }
    if (spec->own_group)
        (void)setpgid(child->pid, child->pid); /* whoever comes first */
    return child;
}

pid_t child_pid(const struct child *child)
{
    return child->pid;
}

void child_free(struct child *child)
{
    if (!child)
        return;
    loop_watch_cancel(child->watch);
    loop_timer_cancel(child->timer);
    if (child->pid > 0) {
        child_signal(child, SIGKILL);
        (void)waitpid(child->pid, NULL, 0);
    }
    if (child->pid_fd >= 0)
        (void)close(child->pid_fd);
    free(child);
}
