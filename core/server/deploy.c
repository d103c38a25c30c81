/* SPDX-License-Identifier: Apache-2.0 */
#include "core/server/deploy.h"

#include <stdio.h>
#include <string.h>

#include "core/plugin/registry.h"
#include "core/server/audit.h"
#include "core/server/tasks/batch.h"
#include "core/server/config.h"
#include "core/server/hosts/enrol.h"
#include "core/server/event.h"
#include "core/server/images/images.h"
#include "core/server/store/keep.h"
#include "core/server/boot/policy.h"
#include "core/server/tasks/secret.h"
#include "core/server/sessions/session.h"
#include "core/server/site.h"
#include "core/util/log.h"

struct deployment {
    struct server *server;
    struct deploy deploy;
    struct plan_server servers[MESSAGE_MAX_SERVERS];
    struct keeper *keeper;
    struct tickets *tickets;
    struct batches *batches;
    struct enrol *enrol;
    struct policy *policy;
    const char *(*engine_file)(void *arg, const char *machine,
                               const char *role);
    void *engine_file_arg;
    void (*ready)(void *arg, const struct err *err);
    void *arg;
};

/* --- the table ---------------------------------------------------------- */

static void event(void *arg, const char *id, json_t *json)
{
    const struct deployment *d = arg;
    events_emit(d->server->events, id, json);
}

static void record(void *arg, const char *actor, const char *action,
                   const char *target, json_t *detail)
{
    const struct deployment *d = arg;
    struct err err = ERR_INIT;
    if (audit_record(d->server->audit, actor, action, target, detail, &err))
        log_error("'%s' by %s is missing in the audit log: %s", action, actor,
                  err.text);
}

static int action(void *arg, const char *name,
                  const struct param_table **ret_params,
                  uint64_t *ret_timeout_ms, struct err *err)
{
    const struct deployment *d = arg;
    const struct registry_entry *entry =
        registry_find(d->server->registry, SLIPWAY_KIND_ACTION, name);
    if (!entry)
        return err_set(err, ERR_NOT_FOUND,
                       "action '%s' is not enabled; 'slipway plugin enable "
                       "action %s' does that",
                       name, name);
    if (entry->problem || !entry->info)
        return err_set(
            err, ERR_UNSUPPORTED, "action '%s' cannot be used: %s", name,
            entry->problem ? entry->problem : "its file cannot be described");
    *ret_params = &entry->info->params;
    *ret_timeout_ms = entry->info->action_timeout_ms;
    return 0;
}

static int action_digest(void *arg, const char *name, const char *machine,
                         struct digest *ret, struct err *err)
{
    const struct deployment *d = arg;
    return registry_digest(d->server->registry, SLIPWAY_KIND_ACTION, name,
                           machine, ret, err);
}

static bool transport_known(void *arg, const char *name)
{
    const struct deployment *d = arg;
    const struct registry_entry *entry =
        registry_find(d->server->registry, SLIPWAY_KIND_TRANSPORT, name);
    return entry && entry->info &&
           (entry->info->capabilities & SLIPWAY_TRANSPORT_FETCHES_OBJECTS);
}

static int image(void *arg, const char *reference, const char *kind,
                 struct digest *ret_manifest, char ret_min_tier[16],
                 struct err *err)
{
    const struct deployment *d = arg;
    const struct image *found = images_find(d->server->images, reference);
    enum image_kind wanted =
        strcmp(kind, "blob") == 0 ? IMAGE_BLOB : IMAGE_DISK;
    if (!found)
        return err_set(err, ERR_NOT_FOUND,
                       "there is no image '%.64s'; 'slipway image list' shows "
                       "what there is",
                       reference);
    if (found->kind != wanted)
        return err_set(err, ERR_INVALID, "image '%s' is not a %s image",
                       found->id, kind);
    *ret_manifest = found->manifest;
    snprintf(ret_min_tier, 16, "%s", found->min_tier);
    return 0;
}

static const char *secret_least(void *arg, const char *name)
{
    const struct deployment *d = arg;
    return secrets_tier(d->server->secrets, name);
}

static char *secret_open(void *arg, const char *name, struct err *err)
{
    const struct deployment *d = arg;
    return secrets_open(d->server->secrets, name, err);
}

static void keep(void *arg, const json_t *content, deploy_kept *done,
                 void *done_arg)
{
    const struct deployment *d = arg;
    keep_put(d->keeper, content, done, done_arg);
}

static void fetch(void *arg, const json_t *reference, deploy_fetched *done,
                  void *done_arg)
{
    const struct deployment *d = arg;
    keep_get(d->keeper, reference, done, done_arg);
}

/* An image that an unfinished task needs must stay. */
static bool in_use(void *arg, const struct image *found, char *why,
                   size_t why_bytes)
{
    const struct deployment *d = arg;
    const struct task *task = NULL;
    while ((task = task_next(d->server->tasks, task ? task->now.id : NULL))) {
        for (size_t i = 0; i < task->now.image_count; i++) {
            if (!digest_equal(&task->now.images[i].manifest, &found->manifest))
                continue;
            snprintf(why, why_bytes, "task %s of host '%s' needs it",
                     task->now.id, task->now.host_name);
            return true;
        }
    }
    return false;
}

/* --- starting ----------------------------------------------------------- */

static void ended(struct deployment *d, const struct err *err)
{
    d->ready(d->arg, err);
}

static void enrol_loaded(void *arg, const struct err *err)
{
    ended(arg, err);
}

static void batches_loaded(void *arg, const struct err *err)
{
    struct deployment *d = arg;
    if (err)
        ended(d, err);
    else
        enrol_load(d->enrol, enrol_loaded, d);
}

static void sessions_loaded(void *arg, const struct err *err)
{
    struct deployment *d = arg;
    if (err)
        ended(d, err);
    else
        batches_load(d->batches, batches_loaded, d);
}

static void tickets_loaded(void *arg, const struct err *err)
{
    struct deployment *d = arg;
    if (err)
        ended(d, err);
    else
        sessions_load(d->server->sessions, sessions_loaded, d);
}

static void tasks_loaded(void *arg, const struct err *err)
{
    struct deployment *d = arg;
    if (err)
        ended(d, err);
    else
        tickets_load(d->tickets, tickets_loaded, d);
}

static void hosts_loaded(void *arg, const struct err *err)
{
    struct deployment *d = arg;
    if (err)
        ended(d, err);
    else
        tasks_load(d->server->tasks, tasks_loaded, d);
}

static const char *engine_file(void *arg, const char *machine, const char *role)
{
    const struct deployment *d = arg;
    return d->engine_file ? d->engine_file(d->engine_file_arg, machine, role)
                          : NULL;
}

static void fill_table(struct deployment *d)
{
    struct server *s = d->server;
    d->deploy = (struct deploy){
        .arg = d,
        .loop = s->loop,
        .store = s->store,
        .site_id = s->site->id,
        .server_id = s->site->server_id,
        .signing = &s->site->signing,
        .secret = &s->site->secret,
        .servers = d->servers,
        .event = event,
        .audit = record,
        .action = action,
        .action_digest = action_digest,
        .transport_known = transport_known,
        .image = image,
        .secret_tier = secret_least,
        .secret_value = secret_open,
        .keep = keep,
        .fetch = fetch,
    };
}

static int make_parts(struct deployment *d, struct err *err)
{
    struct server *s = d->server;
    const struct seal_secret secret = {s->site->seal_epoch, s->site->secret};
    d->keeper = keeper_new(s->pool, s->config->state_dir, &secret, err);
    s->hosts = hosts_new(s->loop, s->store, event, d, err);
    if (s->hosts)
        hosts_set_dock_macs(
            s->hosts, (const char(*)[IDENTITY_MAC_BYTES])s->config->dock_macs,
            s->config->dock_mac_count);
    s->tasks = s->hosts ? tasks_new(&d->deploy, s->hosts, err) : NULL;
    d->tickets = s->tasks ? tickets_new(s->tasks, err) : NULL;
    s->sessions =
        d->tickets ? sessions_new(s->tasks, s->hosts, d->tickets, err) : NULL;
    d->batches = s->tasks ? batches_new(s->tasks, s->hosts, err) : NULL;
    d->enrol = s->sessions ? enrol_new(&d->deploy, err) : NULL;
    if (!d->keeper || !d->enrol || !d->batches)
        return ERR_NO_MEMORY;
    sessions_set_enrol(s->sessions, d->enrol);
    const struct policy_spec spec = {
        .loop = s->loop,
        .hosts = s->hosts,
        .tasks = s->tasks,
        .tickets = d->tickets,
        .enrol = d->enrol,
        .registry = s->registry,
        .engine_file = engine_file,
        .event = event,
        .arg = d,
    };
    d->policy = policy_new(&spec, err);
    return d->policy ? 0 : ERR_NO_MEMORY;
}

void deploy_start(struct server *server, const struct plan_server *servers,
                  size_t server_count,
                  void (*ready)(void *arg, const struct err *err), void *arg)
{
    struct err err = ERR_INIT;
    struct deployment *d = calloc(1, sizeof(*d));
    if (!d) {
        (void)err_set(&err, ERR_NO_MEMORY, "out of memory");
        ready(arg, &err);
        return;
    }
    server->deployment = d;
    d->server = server;
    d->ready = ready;
    d->arg = arg;
    fill_table(d);
    d->deploy.server_count = MIN(server_count, MESSAGE_MAX_SERVERS);
    memcpy(d->servers, servers, d->deploy.server_count * sizeof(*servers));
    if (make_parts(d, &err)) {
        if (!err.code)
            (void)err_set(&err, ERR_NO_MEMORY, "out of memory");
        ready(arg, &err);
        return;
    }
    images_set_in_use(server->images, in_use, d);
    hosts_load(server->hosts, hosts_loaded, d);
}

void deploy_stop(struct server *server)
{
    struct deployment *d = server->deployment;
    if (!d)
        return;
    policy_free(d->policy);
    batches_free(d->batches);
    sessions_free(server->sessions);
    enrol_free(d->enrol);
    tickets_free(d->tickets);
    tasks_free(server->tasks);
    hosts_free(server->hosts);
    keeper_free(d->keeper);
    free(d);
    server->sessions = NULL;
    server->tasks = NULL;
    server->hosts = NULL;
    server->deployment = NULL;
}

void deploy_policy(struct server *server,
                   const char *(*file)(void *arg, const char *machine,
                                       const char *role),
                   void *arg, struct dhcp_policy *ret)
{
    struct deployment *d = server->deployment;
    d->engine_file = file;
    d->engine_file_arg = arg;
    policy_fill(d->policy, ret);
}

struct batches *deploy_batches(const struct server *server)
{
    return server->deployment->batches;
}

struct enrol *deploy_enrol(const struct server *server)
{
    return server->deployment->enrol;
}

const struct deploy *deploy_table(const struct server *server)
{
    return &server->deployment->deploy;
}
