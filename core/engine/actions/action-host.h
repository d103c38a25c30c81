/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PID 1's side of one step: starts the action process, answers its calls
 * (action-rpc.h), enforces what it may do, and says how it ended.  Whatever
 * the process does, only this step fails.  Loop thread only.
 */
#ifndef CORE_ENGINE_ACTIONS_ACTION_HOST_H
#define CORE_ENGINE_ACTIONS_ACTION_HOST_H

#include "core/engine/init/init.h"
#include "core/engine/session/session.h"
#include "core/profile/plan.h"

struct action_host;

struct action_spec {
    struct loop *loop;
    struct target *target;
    struct session *session; /* manifests and index pages come from there */
    const struct trust *trust;
    const struct plan *plan;
    size_t step;   /* of the plan */
    const json_t *checkpoint; /* of an earlier attempt, or NULL */
    int plugin_fd; /* the plugin's sealed file; taken in every case */
};

struct action_end {
    int code;             /* 0, or SLIPWAY_E* and ERR_* */
    bool skipped;         /* its probe found nothing to do */
    const char *sentence; /* why it failed or was skipped; "" otherwise */
    json_t *result;       /* object, borrowed */
    size_t disk;          /* index of the disk an image went to */
    bool has_disk;
};

struct action_handlers {
    void (*progress)(void *arg, unsigned permille, const char *text,
                     uint64_t bytes_done, uint64_t bytes_total);
    /* A line of the plugin's or of a helper's: SLIPWAY_LOG_*. */
    void (*note)(void *arg, unsigned level, const char *text);
    /* What a disk holds of an image by now, for a later attempt: an object,
     * taken. */
    void (*checkpoint)(void *arg, json_t *checkpoint);
    /* The end, once; the host may be freed from here. */
    void (*done)(void *arg, const struct action_end *end);
};

/* Everything in `spec` outlives the host. */
struct action_host *action_host_start(const struct action_spec *spec,
                                      const struct action_handlers *handlers,
                                      void *arg, struct err *err);
/* The session knows other servers now: what is being fetched comes from
 * them. */
void action_host_servers_changed(struct action_host *host);
/* Asks it to stop: what runs for it ends now, it itself within seconds. */
void action_host_cancel(struct action_host *host);
/* Ends everything; `done` is not called any more. */
void action_host_free(struct action_host *host);

#endif
