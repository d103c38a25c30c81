/* SPDX-License-Identifier: Apache-2.0 */
/* REST of tasks. */
#include <stdio.h>
#include <string.h>

#include "core/server/api/api-deploy.h"
#include "core/server/config.h"
#include "core/server/deploy.h"
#include "core/server/hosts/device-names.h"
#include "core/server/rest/route.h"
#include "core/server/tasks/task.h"
#include "core/util/num.h"
#include "core/util/pool.h"

#define TASK_KEY_PREFIX "/v1/task/"

/* A document as REST shows it, with progress while it is active; NULL when the
 * document is damaged. */
static json_t *show(const struct server *server, const json_t *document)
{
    struct task_record *record = calloc(1, sizeof(*record));
    json_t *json = NULL;
    if (record && task_record_parse(document, record, NULL) == 0) {
        const struct task *task = task_find(server->tasks, record->id);
        json = task_json(record, task ? &task->progress : NULL);
        task_record_done(record);
    }
    free(record);
    return json;
}

struct listing {
    struct server *server;
    struct request *r;
};

static void listed(void *arg, const struct store_doc *docs, size_t count,
                   bool more, const struct err *err)
{
    struct listing *l = arg;
    const char *state = request_query(l->r, "state");
    const char *host = request_query(l->r, "host");
    json_t *items = json_array();
    if (err) {
        json_decref(items);
        request_fail(l->r, err);
        free(l);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        json_t *item = show(l->server, docs[i].json);
        const char *s = json_string_value(json_object_get(item, "state"));
        const char *h = json_string_value(json_object_get(item, "host_name"));
        if (item && (!state || strcmp(s, state) == 0) &&
            (!host || strcmp(h, host) == 0))
            json_array_append_new(items, item);
        else
            json_decref(item);
    }
    route_reply_list(
        l->r, items,
        more && count ? docs[count - 1].key + strlen(TASK_KEY_PREFIX) : NULL);
    free(l);
}

static struct listing *listing_new(struct server *server, struct request *r)
{
    struct listing *l = calloc(1, sizeof(*l));
    if (!l) {
        request_problem(r, "internal", "out of memory");
        return NULL;
    }
    *l = (struct listing){server, r};
    return l;
}

void api_task_list(struct server *server, struct request *r)
{
    size_t limit;
    const char *after;
    char key[64];
    if (route_paging(r, &limit, &after))
        return;
    struct listing *l = listing_new(server, r);
    if (!l)
        return;
    snprintf(key, sizeof(key), TASK_KEY_PREFIX "%.32s", after ? after : "");
    store_list(server->store, TASK_KEY_PREFIX, after ? key : NULL, limit,
               listed, l);
}

/* --- one task ----------------------------------------------------------- */

/* Reads the task that the path names; false = replied. */
static bool read_task(struct server *server, struct request *r, const char *id,
                      store_got *got)
{
    char key[64];
    if (!message_id_valid(id)) {
        request_problem(r, "not-found", "there is no task '%s'", id);
        return false;
    }
    struct listing *l = listing_new(server, r);
    if (!l)
        return false;
    snprintf(key, sizeof(key), TASK_KEY_PREFIX "%s", id);
    store_get(server->store, key, got, l);
    return true;
}

static void reply_task(struct listing *l, unsigned status, json_t *json,
                       uint64_t revision)
{
    if (json)
        request_reply(l->r, status, json, revision);
    else
        request_problem(l->r, "internal",
                        "the task's document is damaged; the log names it");
}

static void got_task(void *arg, const struct store_doc *doc,
                     const struct err *err)
{
    struct listing *l = arg;
    if (err)
        request_fail(l->r, err);
    else
        reply_task(l, 200, show(l->server, doc->json), doc->revision);
    free(l);
}

void api_task_get(struct server *server, struct request *r)
{
    (void)read_task(server, r, request_path_value(r, "id"), got_task);
}

static void cancelled(void *arg, struct task *task, const struct err *err)
{
    struct listing *l = arg;
    if (err)
        request_fail(l->r, err);
    else
        reply_task(l, 200, task_json(&task->now, &task->progress),
                   task->revision);
    free(l);
}

void api_task_cancel(struct server *server, struct request *r)
{
    struct listing *l = listing_new(server, r);
    if (l)
        task_cancel(server->tasks, request_path_value(r, "id"),
                    request_actor(r), cancelled, l);
}

/* --- results ------------------------------------------------------------ */

static void fetched(void *arg, json_t *content, const struct err *err)
{
    struct request *r = arg;
    if (err)
        request_fail(r, err);
    else
        request_reply(r, 200, json_incref(content), 0);
}

/* Where the result of a step is kept; NULL after saying that there is none. */
static const json_t *find_result(struct listing *l, const json_t *document,
                                 uint64_t step)
{
    const json_t *entry =
        json_array_get(json_object_get(document, "steps"), step);
    const json_t *reference = json_object_get(entry, "result");
    if (!reference)
        request_problem(l->r, "not-found", "that step has no result%s",
                        entry ? " yet" : ": there is no such step");
    return reference;
}

static void reply_result(struct listing *l, const json_t *document,
                         uint64_t step)
{
    const struct deploy *deploy = deploy_table(l->server);
    const json_t *reference = find_result(l, document, step);
    if (reference)
        deploy->fetch(deploy->arg, reference, fetched, l->r);
}

static void got_result(void *arg, const struct store_doc *doc,
                       const struct err *err)
{
    struct listing *l = arg;
    uint64_t step = 0;
    const char *text = request_path_value(l->r, "step");
    if (err)
        request_fail(l->r, err);
    else if (num_parse_u64(text, 0, MESSAGE_MAX_STEPS - 1, &step, NULL))
        request_problem(l->r, "not-found", "'%s' is not a step's index", text);
    else
        reply_result(l, doc->json, step);
    free(l);
}

void api_task_result(struct server *server, struct request *r)
{
    (void)read_task(server, r, request_path_value(r, "id"), got_result);
}

/* An inventory that gets the names of its devices, in the pool. */
struct naming {
    struct server *server;
    struct request *r;
    json_t *inventory;
};

static void add_names(void *arg)
{
    struct naming *n = arg;
    device_names_add(n->inventory, n->server->config->device_names_dir);
}

static void on_named(void *arg)
{
    struct naming *n = arg;
    request_reply(n->r, 200, n->inventory, 0);
    free(n);
}

/* With too much to do, or without memory, it goes without the names. */
static void fetched_inventory(void *arg, json_t *content, const struct err *err)
{
    struct listing *l = arg;
    struct naming *n = err ? NULL : calloc(1, sizeof(*n));
    if (n) {
        *n = (struct naming){l->server, l->r, json_deep_copy(content)};
        if (!n->inventory || pool_submit(l->server->pool, add_names, on_named,
                                         n) != 0) {
            json_decref(n->inventory);
            free(TAKE(n));
        }
    }
    if (!n)
        fetched(l->r, content, err);
    free(l);
}

static void got_inventory(void *arg, const struct store_doc *doc,
                          const struct err *err)
{
    struct listing *l = arg;
    const struct host *host =
        host_find_any(l->server->hosts, request_path_value(l->r, "id"));
    const json_t *where =
        host ? json_object_get(host->facts, "inventory") : NULL;
    const struct deploy *deploy = deploy_table(l->server);
    const json_t *reference = NULL;
    if (err)
        request_fail(l->r, err);
    else
        reference = find_result(
            l, doc->json,
            (uint64_t)json_integer_value(json_object_get(where, "step")));
    if (reference)
        deploy->fetch(deploy->arg, reference, fetched_inventory, l);
    else
        free(l);
}

void api_host_inventory(struct server *server, struct request *r)
{
    const char *id = request_path_value(r, "id");
    const struct host *host = host_find_any(server->hosts, id);
    const json_t *where =
        host ? json_object_get(host->facts, "inventory") : NULL;
    const char *task = json_string_value(json_object_get(where, "task"));
    const json_t *kept = json_object_get(where, "kept");
    const struct deploy *deploy = deploy_table(server);
    if (!host)
        request_problem(r, "not-found", "there is no host '%s'", id);
    else if (kept) /* what it told when it was enrolled */
        deploy->fetch(deploy->arg, kept, fetched, r);
    else if (!task)
        request_problem(r, "not-found",
                        "host '%s' has no inventory yet; start the profile "
                        "'inventory' on it",
                        host->name);
    else
        (void)read_task(server, r, task, got_inventory);
}
