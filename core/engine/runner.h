/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs the steps of a verified plan one after the other: fetches each action
 * by its digest, lets it run in its own process, and reports.  The first step
 * that fails ends the task.  Loop thread only.
 */
#ifndef CORE_ENGINE_RUNNER_H
#define CORE_ENGINE_RUNNER_H

#include "core/engine/console.h"
#include "core/engine/init/init.h"
#include "core/engine/session/session.h"
#include "core/profile/plan.h"

struct runner;

struct runner_setup {
    struct loop *loop;
    struct target *target;
    struct session *session;
    struct console *console;
    const struct trust *trust;
    const struct plan *plan;
    const json_t *checkpoint; /* as the server gave it, or NULL */
};

struct runner_end {
    bool failed;
    bool cancelled;
    char sentence[ERR_TEXT_BYTES]; /* why; "" when all is well */
    char disk_node[256];           /* an image was written there; or "" */
};

/* Everything in `setup` outlives the runner.  `done` comes once, never inside
 * this call; the runner may be freed from there. */
struct runner *runner_new(const struct runner_setup *setup,
                          void (*done)(void *arg, const struct runner_end *end),
                          void *arg, struct err *err);
/* The server wants the task stopped. */
void runner_cancel(struct runner *runner);
/* The session knows other servers now. */
void runner_servers_changed(struct runner *runner);
void runner_free(struct runner *runner);

#endif
