/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The engine's work from the first request to the server to the last report:
 * session, plan, steps.  Start-up (init.h, or run.h for an ordinary process)
 * brings clock, network, disks and console; what is left to do afterwards is
 * in the outcome, because only start-up knows how to leave this machine.
 */
#ifndef CORE_ENGINE_ENGINE_H
#define CORE_ENGINE_ENGINE_H

#include <jansson.h>

#include "core/engine/console.h"
#include "core/engine/machine.h"
#include "core/util/loop.h"
#include "core/wire/trust.h"

/* How to leave. */
enum engine_method {
    ENGINE_BOOT_LOCAL, /* nothing was done: start the machine's own disk */
    ENGINE_FIRMWARE,   /* a task is done: boot the installed disk */
    ENGINE_REBOOT,
    ENGINE_POWEROFF,
    ENGINE_STAY, /* keep the console and wait for a person */
};

struct engine_outcome {
    enum engine_method method;
    bool failed;            /* a step failed or no server was reached */
    char sentence[512];     /* why it ended, for the console; may be "" */
};

struct engine_setup {
    const struct trust *trust;
    /* Servers to try in turn ("address:port") and a ticket, or "". */
    const char (*servers)[SERVER_NAME_BYTES];
    size_t server_count;
    const char *ticket;
    const char *address; /* this machine's own, for the console; or "" */
    struct machine *machine;
    struct console *console;
    /* Hears the server's time after each new session; may be NULL. */
    void (*set_clock)(void *arg, int64_t wall_s);
    void *set_clock_arg;
    /* Give up and boot the disk when no server has answered for this long
     * while there is no plan; 0 = 10 minutes. */
    uint64_t patience_ms;
};

struct engine;

/* `ended` comes once, when everything is reported; the engine is then to be
 * freed.  The setup's strings and trust are copied; machine and console
 * outlive the engine. */
struct engine *engine_new(struct loop *loop, const struct engine_setup *setup,
                          void (*ended)(void *arg,
                                        const struct engine_outcome *outcome),
                          void *arg, struct err *err);
void engine_free(struct engine *engine);

#endif
