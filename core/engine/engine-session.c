/* SPDX-License-Identifier: Apache-2.0 */
/* The session of PID 1: trust file, every console there is, the clock. */
#include "core/engine/engine.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "core/util/log.h"

#define MAX_CONSOLES 4
#define FAILURE_PAUSE_MS 20000

struct consoles {
    int fds[MAX_CONSOLES];
    size_t count;
};

/* What the kernel was told by console=: "tty0 ttyS0".  /dev/console alone
 * would be only the last of them. */
static void open_consoles(struct consoles *consoles)
{
    char names[256] = "", path[300];
    AUTO_CLOSE int fd =
        open("/sys/class/tty/console/active", O_RDONLY | O_CLOEXEC);
    ssize_t got = fd >= 0 ? read(fd, names, sizeof(names) - 1) : 0;

    names[MAX(got, (ssize_t)0)] = '\0';
    for (char *at = names; *at && consoles->count < MAX_CONSOLES;) {
        size_t length = strcspn(at, " \n");
        (void)snprintf(path, sizeof(path), "/dev/%.*s", (int)length, at);
        int console = open(path, O_WRONLY | O_NOCTTY | O_CLOEXEC);
        if (console >= 0)
            consoles->fds[consoles->count++] = console;
        at += length;
        at += strspn(at, " \n");
    }
    if (consoles->count == 0)
        consoles->fds[consoles->count++] = dup(STDERR_FILENO);
}

static void close_consoles(struct consoles *consoles)
{
    for (size_t i = 0; i < consoles->count; i++)
        if (consoles->fds[i] >= 0)
            (void)close(consoles->fds[i]); /* nothing to do about a failure */
}

static void set_clock(void *arg, int64_t wall_s)
{
    struct timespec now = {.tv_sec = (time_t)wall_s};

    (void)arg;
    if (clock_settime(CLOCK_REALTIME, &now) < 0)
        log_warn("the clock cannot be set: %s", err_errno_text(errno));
}

int engine_session(struct target *target, struct handoff *ret_leave,
                   struct err *err)
{
    struct consoles consoles = {.count = 0};
    struct trust trust;
    int code = trust_load(target->trust_path, &trust, err);

    if (code < 0)
        return code;
    open_consoles(&consoles);
    struct console *console = console_new(target->loop, consoles.fds,
                                          consoles.count, err);
    if (!console) {
        close_consoles(&consoles);
        return ERR_NO_MEMORY;
    }
    struct engine_setup setup = {
        .loop = target->loop,
        .target = target,
        .trust = &trust,
        .console = console,
        .failure_pause_ms = FAILURE_PAUSE_MS,
        .set_clock = set_clock,
    };
    code = engine_work(&setup, ret_leave, err);
    console_free(console);
    close_consoles(&consoles);
    return code;
}
