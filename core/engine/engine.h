/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The engine's work from finding a server to the last report: rendezvous,
 * session, plan, steps.  Start-up (init.h, or run.h for an ordinary process)
 * brings the target; how to leave it is in the hand-off, because only
 * start-up can.
 */
#ifndef CORE_ENGINE_ENGINE_H
#define CORE_ENGINE_ENGINE_H

#include "core/engine/console.h"
#include "core/engine/init/init.h"
#include "core/engine/net/rendezvous.h"
#include "core/wire/trust.h"

struct engine_setup {
    struct loop *loop;
    struct target *target;
    /* Instead of target->net: the one port for the rendezvous; NULL = none,
     * then servers are given. */
    const struct rendezvous_port *port;
    const struct trust *trust;
    struct console *console;
    /* How long to look for a server while there is no plan; 0 = 10 minutes. */
    uint64_t patience_ms;
    /* After a failure has been reported, leave the console alone for so long
     * that a person can read it. */
    uint64_t failure_pause_ms;
    /* Hears the server's time after each new session; may be NULL. */
    void (*set_clock)(void *arg, int64_t wall_s);
    void *set_clock_arg;
};

/*
 * Runs the loop until everything is done and reported.  `ret_leave` always
 * says how to go; a failure's sentence has been shown on the console.  A
 * failed step is no failure of this function when it was reported.
 */
int engine_work(const struct engine_setup *setup, struct handoff *ret_leave,
                struct err *err);

/* The session of PID 1 (init.h): trust file, consoles, then engine_work. */
int engine_session(struct target *target, struct handoff *ret_leave,
                   struct err *err);

#endif
