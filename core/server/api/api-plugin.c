/* SPDX-License-Identifier: Apache-2.0 */
/* REST: plugins.  Files are read and hashed in the pool. */
#include <stdio.h>
#include <string.h>

#include "core/server/config.h"
#include "core/server/api/api.h"
#include "core/server/event.h"
#include "core/server/plugins.h"
#include "core/server/rest/route.h"
#include "core/server/server.h"
#include "core/server/store/store.h"
#include "core/util/pool.h"

/* One request that needs the plugin folder read. */
struct job {
    struct server *server;
    struct request *r;
    uint32_t kind;
    char name[PLUGIN_NAME_BYTES];
    char who[160];
    int64_t now_s;
    struct registry_listing listing;
    json_t *document;
    int code; /* of the pool's part; a success may leave words in err */
    struct err err;
};

static void job_free(struct job *job)
{
    registry_listing_done(&job->listing);
    json_decref(job->document);
    free(job);
}

/* The plugin that the path names, if it names one. */
static struct job *job_new(struct server *server, struct request *r,
                           bool named)
{
    const struct seam *seam = loop_seam(server->loop);
    const char *name = request_path_value(r, "name");
    uint32_t kind = named ? kind_find(request_path_value(r, "kind")) : 0;
    if (named && (!kind || !plugin_name_ok(name))) {
        request_problem(r, "not-found", "there is no plugin '%s' of kind '%s'",
                        name, request_path_value(r, "kind"));
        return NULL;
    }
    struct job *job = calloc(1, sizeof(*job));
    if (!job) {
        request_problem(r, "internal", "out of memory");
        return NULL;
    }
    job->server = server;
    job->r = r;
    job->kind = kind;
    job->now_s = seam->wall_s(seam->context);
    (void)snprintf(job->name, sizeof(job->name), "%s", named ? name : "");
    (void)snprintf(job->who, sizeof(job->who), "%s", request_actor(r));
    return job;
}

static void submit(struct job *job, void (*work)(void *arg),
                   void (*done)(void *arg))
{
    if (pool_submit(job->server->pool, work, done, job) == 0)
        return;
    request_problem(job->r, "unavailable", "the server has too much to read "
                    "just now; try again");
    job_free(job);
}

/* ---- listing ---- */

static void scan(void *arg)
{
    struct job *job = arg;
    job->code =
        registry_scan(job->server->registry, &job->listing, &job->err);
}

/* The store is named in the configuration and never enabled. */
static bool is_used(const struct server *server,
                    const struct registry_file *file,
                    const struct registry_entry *entry)
{
    return file->kind == SLIPWAY_KIND_STORE
               ? strcmp(file->name, server->config->store_plugin) == 0
               : entry != NULL;
}

/* What the registry knows beside what the file says. */
static void add_state(const struct job *job, const struct registry_file *file,
                      json_t *item)
{
    const struct registry_entry *entry =
        registry_find(job->server->registry, file->kind, file->name);
    bool current = false;
    if (entry && file->info) {
        char hex[DIGEST_HEX_BYTES];
        const char *enabled = json_string_value(json_object_get(
            json_object_get(entry->document, "digests"), file->machine->name));
        current = enabled &&
                  strcmp(enabled, digest_hex(&file->info->digest, hex)) == 0;
    }
    (void)json_object_set_new(
        item, "enabled", json_boolean(is_used(job->server, file, entry)));
    if (entry && !current)
        (void)json_object_set_new(
            item, "problem",
            json_string("the file is not the one that was enabled; enable it "
                        "again, and restart slipwayd if it was in use"));
    else if (entry && entry->problem)
        (void)json_object_set_new(item, "problem",
                                  json_string(entry->problem));
    else if (file->problem)
        (void)json_object_set_new(item, "problem", json_string(file->problem));
}

static json_t *file_json(const struct job *job,
                         const struct registry_file *file, bool whole)
{
    json_t *item = whole && file->info ? plugin_info_json(file->info)
                                       : json_object();
    int bad = json_object_set_new(item, "kind",
                                  json_string(kind_word(file->kind)));
    bad |= json_object_set_new(item, "name", json_string(file->name));
    bad |= json_object_set_new(item, "machine",
                               json_string(file->machine->name));
    if (file->info && !whole) {
        bad |= json_object_set_new(item, "version",
                                   json_string(file->info->version));
        bad |= json_object_set_new(item, "summary",
                                   json_string(file->info->summary));
    }
    if (bad) {
        json_decref(item);
        return NULL;
    }
    add_state(job, file, item);
    return item;
}

static void on_scanned(void *arg)
{
    struct job *job = arg;
    if (job->code) {
        request_fail(job->r, &job->err);
        job_free(job);
        return;
    }
    json_t *items = json_array();
    for (size_t i = 0; i < job->listing.count; i++) {
        const struct registry_file *file = &job->listing.files[i];
        bool named = job->kind != 0;
        if (named && (file->kind != job->kind ||
                      strcmp(file->name, job->name) != 0))
            continue;
        json_t *item = file_json(job, file, named);
        if (item)
            (void)json_array_append_new(items, item);
    }
    if (job->kind && json_array_size(items) == 0) {
        json_decref(items);
        request_problem(job->r, "not-found", "there is no file of the %s "
                        "plugin '%s' in '%s'", kind_word(job->kind), job->name,
                        registry_dir(job->server->registry));
    } else {
        route_reply_list(job->r, items, NULL);
    }
    job_free(job);
}

void api_plugin_list(struct server *server, struct request *r)
{
    struct job *job = job_new(server, r, false);
    if (job)
        submit(job, scan, on_scanned);
}

void api_plugin_get(struct server *server, struct request *r)
{
    struct job *job = job_new(server, r, true);
    if (job)
        submit(job, scan, on_scanned);
}

/* ---- enabling ---- */

static void examine(void *arg)
{
    struct job *job = arg;
    job->code =
        registry_examine(job->server->registry, job->kind, job->name, job->who,
                         job->now_s, &job->document, &job->err);
}

static void emit(const struct job *job, const char *event)
{
    events_emit(job->server->events, event,
                json_pack("{s:s, s:s, s:s}", "kind", kind_word(job->kind),
                          "plugin", job->name, "by", job->who));
}

static void on_stored(void *arg, uint64_t revision, const struct err *err)
{
    struct job *job = arg;
    struct err why = ERR_INIT;
    if (err) {
        request_fail(job->r, err);
    } else if (plugins_apply(job->server, job->document, &why) < 0) {
        (void)err_prefix(&why, "enabled, but not in use: ");
        request_fail(job->r, &why);
    } else {
        emit(job, "plugin-enabled");
        request_reply(job->r, 200, json_incref(job->document), revision);
    }
    job_free(job);
}

static void plugin_key(const struct job *job, char out[96])
{
    (void)snprintf(out, 96, PLUGIN_KEY_PREFIX "%s/%s", kind_word(job->kind),
                   job->name);
}

static void on_examined(void *arg)
{
    struct job *job = arg;
    char key[96];
    if (job->code) {
        request_fail(job->r, &job->err);
        job_free(job);
        return;
    }
    plugin_key(job, key);
    store_put(job->server->store, key, json_incref(job->document), STORE_ANY,
              on_stored, job);
}

static bool is_store(struct request *r)
{
    if (kind_find(request_path_value(r, "kind")) != SLIPWAY_KIND_STORE)
        return false;
    request_problem(r, "invalid", "the store plugin is named in slipwayd's "
                    "configuration, not enabled here");
    return true;
}

void api_plugin_enable(struct server *server, struct request *r)
{
    struct job *job = is_store(r) ? NULL : job_new(server, r, true);
    if (job)
        submit(job, examine, on_examined);
}

static void on_removed(void *arg, uint64_t revision, const struct err *err)
{
    struct job *job = arg;
    (void)revision;
    if (err) {
        request_fail(job->r, err);
    } else {
        plugins_remove(job->server, job->kind, job->name);
        emit(job, "plugin-disabled");
        request_reply(job->r, 204, NULL, 0);
    }
    job_free(job);
}

void api_plugin_disable(struct server *server, struct request *r)
{
    char key[96];
    struct job *job = is_store(r) ? NULL : job_new(server, r, true);
    if (!job)
        return;
    if (!registry_find(server->registry, job->kind, job->name)) {
        request_problem(r, "not-found", "the %s plugin '%s' is not enabled",
                        kind_word(job->kind), job->name);
        job_free(job);
        return;
    }
    plugin_key(job, key);
    store_delete(server->store, key, STORE_ANY, on_removed, job);
}
