/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PID 1: from the kernel's first instruction of user space to a machine with
 * devices, disks and a network, then the session, then out.
 */
#ifndef CORE_ENGINE_INIT_INIT_H
#define CORE_ENGINE_INIT_INIT_H

#include <jansson.h>

#include "core/engine/disks/disks.h"
#include "core/engine/handoff/handoff.h"
#include "core/engine/net/net.h"
#include "core/util/loop.h"

/* What start-up found; lent to the session, which may run the loop. */
struct target {
    struct loop *loop;
    struct net *net; /* goes on renewing leases and watching links */
    struct disk_list disks;
    json_t *facts;          /* facts_collect */
    int64_t built_s;        /* the build's time: the clock is never before it */
    const char *trust_path; /* "/etc/slipway/trust.json" */
    const char *server;     /* slipway.server= of the command line, or NULL */
    const char *ticket;     /* slipway.ticket= of the command line, or NULL */
};

/*
 * The session: talks to the server, runs the plan, reports, and says in
 * `ret_leave` how to go.  A failure's sentence is shown on the console, then
 * the machine boots its own disk.
 */
typedef int target_session(struct target *target, struct handoff *ret_leave,
                           struct err *err);

/* Never returns: ends in handoff_go, or in a reset when that fails. */
void init_run(target_session *session) __attribute__((noreturn));

/* The value of `key` in a kernel command line, for start-up and for tests:
 * 0 and the value cut at `size`, or -1 when it is absent. */
int init_parameter(const char *line, const char *key, char *out, size_t size);

#endif
