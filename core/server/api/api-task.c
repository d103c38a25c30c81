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
#include "core/util/json.h"
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

static bool wanted(const struct request *r, const char *query,
                   const json_t *item, const char *key)
{
    const char *word = request_query(r, query);
    const char *have = json_string_value(json_object_get(item, key));
    return !word || strcmp(have, word) == 0;
}

static json_t *show_wanted(const struct request *r, const char *id,
                           const json_t *document)
{
    AUTO_JSON *item = show(request_server(r), document);
    (void)id;
    if (!item || !wanted(r, "state", item, "state") ||
        !wanted(r, "host", item, "host_name"))
        return NULL;
    return TAKE(item);
}

void api_task_list(struct server *server, struct request *r)
{
    (void)server;
    route_reply_documents(r, TASK_KEY_PREFIX, show_wanted);
}

/* --- one task ----------------------------------------------------------- */

/* Reads the task that the path names, for `got` with the request. */
static void read_task(struct server *server, struct request *r, const char *id,
                      store_got *got)
{
    char key[64];
    if (!message_id_valid(id)) {
        request_problem(r, "not-found", "there is no task '%s'", id);
        return;
    }
    snprintf(key, sizeof(key), TASK_KEY_PREFIX "%s", id);
    store_get(server->store, key, got, r);
}

static void reply_task(struct request *r, json_t *json, uint64_t revision)
{
    if (json)
        request_reply(r, 200, json, revision);
    else
        request_problem(r, "internal",
                        "the task's document is damaged; the log names it");
}

static void got_task(void *arg, const struct store_doc *doc,
                     const struct err *err)
{
    if (err)
        request_fail(arg, err);
    else
        reply_task(arg, show(request_server(arg), doc->json), doc->revision);
}

void api_task_get(struct server *server, struct request *r)
{
    read_task(server, r, request_path_value(r, "id"), got_task);
}

static void cancelled(void *arg, struct task *task, const struct err *err)
{
    if (err)
        request_fail(arg, err);
    else
        reply_task(arg, task_json(&task->now, &task->progress),
                   task->revision);
}

void api_task_cancel(struct server *server, struct request *r)
{
    task_cancel(server->tasks, request_path_value(r, "id"), request_actor(r),
                cancelled, r);
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
static const json_t *find_result(struct request *r, const json_t *document,
                                 uint64_t step)
{
    const json_t *entry =
        json_array_get(json_object_get(document, "steps"), step);
    const json_t *reference = json_object_get(entry, "result");
    if (!reference)
        request_problem(r, "not-found", "that step has no result%s",
                        entry ? " yet" : ": there is no such step");
    return reference;
}

static void reply_result(struct request *r, const json_t *document,
                         uint64_t step)
{
    const struct deploy *deploy = deploy_table(request_server(r));
    const json_t *reference = find_result(r, document, step);
    if (reference)
        deploy->fetch(deploy->arg, reference, fetched, r);
}

static void got_result(void *arg, const struct store_doc *doc,
                       const struct err *err)
{
    struct request *r = arg;
    uint64_t step = 0;
    const char *text = request_path_value(r, "step");
    if (err)
        request_fail(r, err);
    else if (num_parse_u64(text, 0, MESSAGE_MAX_STEPS - 1, &step, NULL))
        request_problem(r, "not-found", "'%s' is not a step's index", text);
    else
        reply_result(r, doc->json, step);
}

void api_task_result(struct server *server, struct request *r)
{
    read_task(server, r, request_path_value(r, "id"), got_result);
}

/* An inventory that gets the names of its devices, in the pool. */
struct naming {
    struct request *r;
    json_t *inventory;
};

static void add_names(void *arg)
{
    struct naming *n = arg;
    const struct config *config = request_server(n->r)->config;
    device_names_add(n->inventory, config->device_names_dir);
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
    struct request *r = arg;
    struct pool *pool = request_server(r)->pool;
    struct naming *n = err ? NULL : calloc(1, sizeof(*n));
    if (n) {
        *n = (struct naming){r, json_deep_copy(content)};
        if (!n->inventory ||
            pool_submit(pool, add_names, on_named, n) != 0) {
            json_decref(n->inventory);
            free(TAKE(n));
        }
    }
    if (!n)
        fetched(r, content, err);
}

static void got_inventory(void *arg, const struct store_doc *doc,
                          const struct err *err)
{
    struct request *r = arg;
    const struct host *host =
        host_find_any(request_server(r)->hosts, request_path_value(r, "id"));
    const json_t *where =
        host ? json_object_get(host->facts, "inventory") : NULL;
    const struct deploy *deploy = deploy_table(request_server(r));
    const json_t *reference = NULL;
    if (err)
        request_fail(r, err);
    else
        reference = find_result(
            r, doc->json,
            (uint64_t)json_integer_value(json_object_get(where, "step")));
    if (reference)
        deploy->fetch(deploy->arg, reference, fetched_inventory, r);
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
        deploy->fetch(deploy->arg, kept, fetched_inventory, r);
    else if (!task)
        request_problem(r, "not-found",
                        "host '%s' has no inventory yet; start the profile "
                        "'inventory' on it",
                        host->name);
    else
        read_task(server, r, task, got_inventory);
}
