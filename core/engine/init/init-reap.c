/* SPDX-License-Identifier: Apache-2.0 */
#include "core/engine/init/init-reap.h"

#include <sys/wait.h>

#define PERIOD_MS 5000

struct init_reaper {
    struct loop *loop;
    struct loop_timer *timer;
    pid_t seen; /* dead at the last look */
};

static void look(void *arg)
{
    struct init_reaper *reaper = arg;
    siginfo_t info = {.si_pid = 0};
    reaper->timer = loop_timer(reaper->loop, PERIOD_MS, look, reaper);
    /* Only looks; the kernel reports the same one until it is waited for. */
    while (!waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) &&
           info.si_pid) {
        if (info.si_pid != reaper->seen) {
            reaper->seen = info.si_pid;
            return; /* its starter has a period's time */
        }
        (void)waitpid(info.si_pid, NULL, WNOHANG);
        info.si_pid = 0;
    }
    reaper->seen = 0;
}

int init_reaper_new(struct loop *loop, struct init_reaper **ret,
                    struct err *err)
{
    struct init_reaper *reaper = calloc(1, sizeof(*reaper));
    if (!reaper)
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    reaper->loop = loop;
    reaper->timer = loop_timer(loop, PERIOD_MS, look, reaper);
    *ret = reaper;
    return 0;
}

void init_reaper_free(struct init_reaper *reaper)
{
    if (!reaper)
        return;
    loop_timer_cancel(reaper->timer);
    free(reaper);
}
