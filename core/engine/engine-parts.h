/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the engine's work share; everybody else uses engine.h. */
#ifndef CORE_ENGINE_ENGINE_PARTS_H
#define CORE_ENGINE_ENGINE_PARTS_H

#include "core/engine/engine.h"
#include "core/engine/net/find-server.h"
#include "core/engine/runner.h"
#include "core/engine/session/session.h"
#include "core/profile/plan.h"
#include "core/wire/tls.h"

struct engine {
    const struct engine_setup *setup;
    struct loop *loop;
    struct tls_identity *identity;
    struct tls_settings tls;
    int64_t clock_offset_s; /* the server's time minus this machine's */
    struct find_server *find;
    struct session *session;
    struct message_welcome welcome;
    struct plan *plan;
    json_t *checkpoint; /* of an earlier attempt, or NULL */
    struct runner *runner;
    struct loop_timer *patience; /* while waiting for approval or a plan */
    struct handoff_preparing *preparing;
    struct loop_timer *last; /* for the final report */
    struct console_who who;
    char product[140];
    struct found_servers found;
    uint64_t trouble_ms; /* when trouble was last shown */
    char trouble[ERR_TEXT_BYTES];
    bool inventoried; /* to a server that does not know this machine */
    bool leaving;
    bool failed;                   /* a step, the plan or the leaving */
    char sentence[ERR_TEXT_BYTES]; /* why a step failed */
    struct handoff leave;
    struct err err; /* code 0 = it went well */
};

/* Ends the loop; `err` NULL or without a code = all went well. */
void engine_stop(struct engine *engine, const struct err *err);
/* The runner's end: prepares the way out, reports it, ends the loop. */
void engine_leave(void *arg, const struct runner_end *end);
/* Nothing is to be done here: the machine starts its own disk. */
void engine_go_local(struct engine *engine, const char *why);
/* Ends the loop when every report was taken, or after half an hour. */
void engine_last_report(struct engine *engine);

#endif
