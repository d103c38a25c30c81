/* SPDX-License-Identifier: Apache-2.0 */
/* The session of PID 1: trust file, every console there is, the clock. */
#include "core/engine/engine.h"

#include <time.h>

#include "core/engine/init/init-console.h"
#include "core/util/log.h"

/* A screen is read by somebody who has just come to the machine. */
#define FAILURE_PAUSE_MS 20000

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
    size_t count = 0;
    const int *fds = init_console_fds(&count);
    struct trust trust;
    int code = trust_load(target->trust_path, &trust, err);

    if (code < 0)
        return code;
    struct console *console = console_new(target->loop, fds, count, err);
    if (!console)
        return ERR_NO_MEMORY;
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
    return code;
}
