/* SPDX-License-Identifier: Apache-2.0 */
/* REST of batches. */
#include <stdio.h>
#include <string.h>

#include "core/server/api/api-deploy.h"
#include "core/server/tasks/batch.h"
#include "core/server/rest/route.h"
#include "core/util/json.h"

#define BATCH_KEY_PREFIX "/v1/batch/"

struct batch_request {
    struct server *server;
    struct request *r;
    unsigned status;
    uint64_t revision;
    json_t *batch; /* what will be replied */
    size_t at;     /* the next task whose state is looked up */
    char id[MESSAGE_ID_BYTES];
};

static struct batch_request *batch_request_new(struct server *server,
                                               struct request *r)
{
    struct batch_request *b = calloc(1, sizeof(*b));
    if (!b) {
        request_problem(r, "internal", "out of memory");
        return NULL;
    }
    b->server = server;
    b->r = r;
    b->status = 200;
    return b;
}

static void batch_request_end(struct batch_request *b, const struct err *err)
{
    if (err)
        request_fail(b->r, err);
    else
        request_reply(b->r, b->status, TAKE(b->batch), b->revision);
    json_decref(b->batch);
    free(b);
}

/* A batch as lists show it. */
static json_t *summary(const json_t *document)
{
    const json_t *profile = json_object_get(document, "profile");
    return json_pack("{s:O?, s:O?, s:O?, s:O?, s:O?, s:i}", "id",
                     json_object_get(document, "id"), "profile",
                     json_object_get(profile, "name"), "by",
                     json_object_get(document, "by"), "created_s",
                     json_object_get(document, "created_s"), "state",
                     json_object_get(document, "state"), "hosts",
                     (int)json_array_size(json_object_get(document, "tasks")));
}

static void add_states(struct batch_request *b);

static json_t *entry_at(const struct batch_request *b)
{
    return json_array_get(json_object_get(b->batch, "tasks"), b->at);
}

static void got_state(void *arg, const struct store_doc *doc,
                      const struct err *err)
{
    struct batch_request *b = arg;
    json_t *entry = entry_at(b);
    if (err && err->code != ERR_NOT_FOUND) {
        batch_request_end(b, err);
        return;
    }
    static const char *const keys[] = {"state", "host_name", "attempt", "code",
                                       "sentence"};
    for (size_t i = 0; !err && i < ARRAY_LENGTH(keys); i++)
        json_object_set(entry, keys[i], json_object_get(doc->json, keys[i]));
    if (err)
        json_object_set_new(entry, "state", json_string("not-started"));
    b->at++;
    add_states(b);
}

/* Active tasks are in memory, the others are read one by one. */
static void add_states(struct batch_request *b)
{
    char key[64];
    json_t *entry;
    for (; (entry = entry_at(b)); b->at++) {
        const char *id = json_string_value(json_object_get(entry, "task"));
        const struct task *task = task_find(b->server->tasks, id ? id : "");
        if (!task) {
            snprintf(key, sizeof(key), "/v1/task/%.32s", id ? id : "");
            store_get(b->server->store, key, got_state, b);
            return;
        }
        json_object_set_new(entry, "state",
                            json_string(task_state_word(task->now.state)));
        json_object_set_new(entry, "host_name",
                            json_string(task->now.host_name));
        json_object_set_new(entry, "attempt",
                            json_integer((json_int_t)task->now.attempt));
        json_object_set_new(entry, "permille",
                            json_integer((json_int_t)task_permille(
                                &task->now, &task->progress)));
    }
    batch_request_end(b, NULL);
}

static void show(struct batch_request *b, const json_t *document)
{
    b->batch = summary(document);
    json_t *tasks = json_deep_copy(json_object_get(document, "tasks"));
    if (!b->batch || !tasks) {
        struct err err = ERR_INIT;
        (void)err_set(&err, ERR_NO_MEMORY, "out of memory");
        json_decref(tasks);
        batch_request_end(b, &err);
        return;
    }
    json_object_set_new(b->batch, "tasks", tasks);
    add_states(b);
}

/* --- start -------------------------------------------------------------- */

static void started(void *arg, const json_t *batch, const struct err *err)
{
    struct batch_request *b = arg;
    b->status = 201;
    if (err)
        batch_request_end(b, err);
    else
        show(b, batch);
}

static void got_profile(void *arg, const struct store_doc *doc,
                        const struct err *err)
{
    struct batch_request *b = arg;
    const json_t *body = request_body(b->r);
    const char *name = json_string_value(json_object_get(body, "profile"));
    struct err why = ERR_INIT;
    char source[96];
    AUTO_PROFILE *profile = NULL;
    if (err && err->code == ERR_NOT_FOUND)
        (void)err_set(&why, ERR_NOT_FOUND, "there is no profile '%.63s'", name);
    else if (err)
        why = *err;
    snprintf(source, sizeof(source), "profile '%.63s'", name);
    if (!err)
        (void)profile_parse(json_object_get(doc->json, "profile"), source,
                            &profile, &why);
    if (why.code) {
        batch_request_end(b, &why);
        return;
    }
    batch_start(deploy_batches(b->server), profile,
                json_object_get(body, "select"), b->id, request_actor(b->r),
                started, b);
}

/* The same request, repeated after a crash, finds the batch it made. */
static void got_earlier(void *arg, const struct store_doc *doc,
                        const struct err *err)
{
    struct batch_request *b = arg;
    char key[96];
    if (!err) {
        b->status = 201;
        show(b, doc->json);
        return;
    }
    if (err->code != ERR_NOT_FOUND) {
        batch_request_end(b, err);
        return;
    }
    snprintf(key, sizeof(key), "/v1/profile/%.63s",
             json_string_value(json_object_get(request_body(b->r), "profile")));
    store_get(b->server->store, key, got_profile, b);
}

void api_batch_start(struct server *server, struct request *r)
{
    char key[64];
    struct err err = ERR_INIT;
    struct json_reader reader;
    json_reader_init(&reader, request_body(r), "$", &err);
    (void)json_get_text(&reader, "profile");
    (void)json_get_object(&reader, "select");
    if (json_done(&reader)) {
        request_fail(r, &err);
        return;
    }
    struct batch_request *b = batch_request_new(server, r);
    if (!b)
        return;
    request_new_id(r, b->id);
    snprintf(key, sizeof(key), BATCH_KEY_PREFIX "%s", b->id);
    store_get(server->store, key, got_earlier, b);
}

/* --- reading ------------------------------------------------------------ */

static void got_batch(void *arg, const struct store_doc *doc,
                      const struct err *err)
{
    struct batch_request *b = arg;
    if (err) {
        batch_request_end(b, err);
        return;
    }
    b->revision = doc->revision;
    show(b, doc->json);
}

void api_batch_get(struct server *server, struct request *r)
{
    char key[64];
    const char *id = request_path_value(r, "id");
    if (!message_id_valid(id)) {
        request_problem(r, "not-found", "there is no batch '%s'", id);
        return;
    }
    struct batch_request *b = batch_request_new(server, r);
    if (!b)
        return;
    snprintf(key, sizeof(key), BATCH_KEY_PREFIX "%s", id);
    store_get(server->store, key, got_batch, b);
}

static json_t *item(const struct request *r, const char *id,
                    const json_t *document)
{
    (void)r;
    (void)id; /* the document has it */
    return summary(document);
}

void api_batch_list(struct server *server, struct request *r)
{
    (void)server;
    route_reply_documents(r, BATCH_KEY_PREFIX, item);
}

static void cancelled(void *arg, const json_t *batch, const struct err *err)
{
    struct batch_request *b = arg;
    if (err)
        batch_request_end(b, err);
    else
        show(b, batch);
}

void api_batch_cancel(struct server *server, struct request *r)
{
    const char *id = request_path_value(r, "id");
    if (!message_id_valid(id)) {
        request_problem(r, "not-found", "there is no batch '%s'", id);
        return;
    }
    struct batch_request *b = batch_request_new(server, r);
    if (b)
        batch_cancel(deploy_batches(server), id, request_actor(r), cancelled,
                     b);
}
