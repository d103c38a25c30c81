/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What deploying needs of the rest of the server, behind one table, so that
 * hosts, tasks and sessions run in a test under virtual time: catalogue of
 * images, registry of plugins, site keys, events, audit.  And how main.c makes
 * and joins them.
 */
#ifndef CORE_SERVER_DEPLOY_H
#define CORE_SERVER_DEPLOY_H

#include "core/plugin/params.h"
#include "core/profile/plan.h"
#include "core/server/dhcp/dhcp.h"
#include "core/server/server.h"
#include "core/server/store/store.h"

/* A step's result or an inventory: sealed on disk, named by this reference
 * in documents ({"object": hex, "key": hex, "bytes": N}). */
typedef void deploy_kept(void *arg, json_t *reference, const struct err *err);
typedef void deploy_fetched(void *arg, json_t *content, const struct err *err);

struct deploy {
    void *arg;
    struct loop *loop;
    struct store *store;
    const char *site_id;               /* 32 hex digits */
    const char *server_id;             /* this server */
    const struct signing_key *signing; /* signs plans */
    const struct secret_key *secret;   /* the site's; tokens derive from it */
    const struct plan_server *servers; /* ours, as engines reach them */
    size_t server_count;

    /* Something an admin should see; steals `json`. */
    void (*event)(void *arg, const char *id, json_t *json);
    /* One audit record; steals `detail`; failures are logged there. */
    void (*audit)(void *arg, const char *actor, const char *action,
                  const char *target, json_t *detail);
    /* The declared parameters and default time limit of an enabled action;
     * the sentence tells how to enable it. */
    int (*action)(void *arg, const char *name,
                  const struct param_table **ret_params,
                  uint64_t *ret_timeout_ms, struct err *err);
    /* The action's enabled file for engines of this machine. */
    int (*action_digest)(void *arg, const char *name, const char *machine,
                         struct digest *ret, struct err *err);
    bool (*transport_known)(void *arg, const char *name);
    /* "name" or "name@revision" of an image of `kind` ("disk", "blob") and
     * the tier it asks for at least ("network" when none). */
    int (*image)(void *arg, const char *reference, const char *kind,
                 struct digest *ret_manifest, char ret_min_tier[16],
                 struct err *err);
    /* The lowest tier that may have a secret, borrowed; NULL = there is no such
     * one.  Its value, which the caller wipes and frees; NULL with err. */
    const char *(*secret_tier)(void *arg, const char *name);
    char *(*secret_value)(void *arg, const char *name, struct err *err);
    /* Keeps a JSON object (borrowed) and fetches it again. */
    void (*keep)(void *arg, const json_t *content, deploy_kept *done,
                 void *done_arg);
    void (*fetch)(void *arg, const json_t *reference, deploy_fetched *done,
                  void *done_arg);
};

/*
 * Makes server->hosts, ->tasks, ->sessions and ->deployment and loads them;
 * ready(arg, NULL) once DHCP and HTTP may start.  Needs loop, pool, config,
 * site, store, registry, events, audit and images of the server.  Opens
 * folders, so only at start.
 */
void deploy_start(struct server *server, const struct plan_server *servers,
                  size_t server_count,
                  void (*ready)(void *arg, const struct err *err), void *arg);
void deploy_stop(struct server *server);

/* What the DHCP server asks; `engine_file` and `arg` as in policy.h. */
void deploy_policy(struct server *server,
                   const char *(*engine_file)(void *arg, const char *machine,
                                              const char *role),
                   void *arg, struct dhcp_policy *ret);
struct batches;
struct batches *deploy_batches(const struct server *server);
struct enrol;
struct enrol *deploy_enrol(const struct server *server);
const struct deploy *deploy_table(const struct server *server);

#endif
