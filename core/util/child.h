/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Child processes on a loop: started without a shell, watched through a
 * pidfd, killed when their time is over.
 */
#ifndef CORE_UTIL_CHILD_H
#define CORE_UTIL_CHILD_H

#include "core/util/loop.h"

struct child;

struct child_spec {
    const char *const *argv;  /* argv[0] is a path */
    const char *const *env;   /* NULL = the parent's */
    const int *keep_fds;      /* become 3, 4, ... in the child */
    size_t keep_fd_count;
    int stdin_fd;  /* -1 = /dev/null */
    int stdout_fd; /* -1 = the parent's */
    int stderr_fd; /* -1 = the parent's */
    uint64_t timeout_ms; /* SIGKILL to its group then; 0 = none */
    bool own_group;      /* so that its own children die with it */
};

/* status: exit status 0..255, or 256 + signal number. */
typedef void child_ended(void *arg, int status, bool timed_out);

struct child *child_start(struct loop *loop, const struct child_spec *spec,
                          child_ended *ended, void *arg, struct err *err);
pid_t child_pid(const struct child *child);
void child_signal(struct child *child, int number);
/* Kills it if it runs; its `ended` is not called any more. */
void child_free(struct child *child);

#endif
