/* SPDX-License-Identifier: Apache-2.0 */
#include "core/server/tasks/batch.h"

#include <stdio.h>
#include <string.h>

#include "core/server/store/table.h"
#include "core/util/buf.h"
#include "core/util/json.h"
#include "core/util/log.h"

#define MAX_PROBLEM_BYTES 80 /* all of them have to fit one document */

struct batches {
    struct tasks *tasks;
    struct hosts *hosts;
    const struct deploy *deploy;
};

struct batches *batches_new(struct tasks *tasks, struct hosts *hosts,
                            struct err *err)
{
    struct batches *batches = calloc(1, sizeof(*batches));
    if (!batches) {
        (void)err_set(err, ERR_NO_MEMORY, "out of memory for batches");
        return NULL;
    }
    *batches = (struct batches){tasks, hosts, tasks_deploy(tasks)};
    return batches;
}

void batches_free(struct batches *batches)
{
    free(batches);
}

/* --- which hosts -------------------------------------------------------- */

struct selection {
    const struct host *hosts[BATCH_MAX_HOSTS];
    size_t count;
};

static int select_add(struct selection *s, const struct host *host,
                      struct err *err)
{
    for (size_t i = 0; i < s->count; i++)
        if (s->hosts[i] == host)
            return err_set(err, ERR_INVALID,
                           "$.select.hosts names host '%s' twice", host->name);
    if (s->count == BATCH_MAX_HOSTS)
        return err_set(err, ERR_TOO_BIG,
                       "one batch may have at most %d hosts; start several",
                       BATCH_MAX_HOSTS);
    s->hosts[s->count++] = host;
    return 0;
}

static int select_names(const struct batches *batches, const json_t *names,
                        struct selection *s, struct err *err)
{
    AUTO_BUF unknown = BUF_INIT(300);
    size_t i, missing = 0;
    json_t *name;
    int code = 0;
    if (json_array_size(names) == 0)
        return err_set(err, ERR_INVALID,
                       "$.select.hosts must be a list of names");
    json_array_foreach(names, i, name)
    {
        const char *text = json_string_value(name);
        const struct host *host =
            text ? host_find_any(batches->hosts, text) : NULL;
        if (host && !code)
            code = select_add(s, host, err);
        else if (!host)
            buf_printf(&unknown, "%s'%.64s'", missing++ ? ", " : "",
                       text ? text : "");
    }
    if (missing)
        return err_set(err, ERR_INVALID,
                       "%zu of the hosts are not known: %s; nothing was "
                       "started",
                       missing, buf_text(&unknown));
    return code;
}

static bool has_labels(const struct host *host, const json_t *labels)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)labels, key, value)
    {
        if (!json_equal(value, json_object_get(host->labels, key)))
            return false;
    }
    return true;
}

static int select_labels(const struct batches *batches, const json_t *labels,
                         struct selection *s, struct err *err)
{
    const struct host *host = NULL;
    if (json_object_size(labels) == 0)
        return err_set(err, ERR_INVALID,
                       "$.select.labels must name at least one label");
    while ((host = host_next(batches->hosts, host ? host->id : NULL)))
        if (has_labels(host, labels) && select_add(s, host, err))
            return err ? err->code : ERR_TOO_BIG;
    if (s->count == 0)
        return err_set(err, ERR_INVALID,
                       "no host has these labels; nothing was started");
    return 0;
}

static int select_hosts(const struct batches *batches, const json_t *select,
                        struct selection *s, struct err *err)
{
    struct json_reader r;
    json_reader_init(&r, select, "$.select", err);
    const json_t *names = json_opt_array(&r, "hosts");
    const json_t *labels = json_opt_object(&r, "labels");
    int code = json_done(&r);
    if (code)
        return code;
    if (!names == !labels)
        return err_set(err, ERR_INVALID,
                       "$.select must have either 'hosts' or 'labels'");
    return names ? select_names(batches, names, s, err)
                 : select_labels(batches, labels, s, err);
}

/* Every host's refusal is said, as far as there is room. */
static int check_all(const struct batches *batches,
                     const struct profile *profile, const struct selection *s,
                     const char *by, struct err *err)
{
    AUTO_BUF text = BUF_INIT(360);
    struct err why = ERR_INIT;
    size_t refused = 0;
    int code = 0;
    for (size_t i = 0; i < s->count; i++) {
        const struct task_start start = {profile, s->hosts[i], "", NULL, by};
        int one = task_start_check(batches->tasks, &start, &why);
        if (!one)
            continue;
        code = code ? code : one;
        buf_printf(&text, "%s%s", refused++ ? "; " : "", why.text);
    }
    if (refused == 0)
        return 0;
    if (s->count == 1)
        return err_set(err, code, "%s", why.text);
    return err_set(err, code,
                   "%zu of %zu hosts are refused and nothing was "
                   "started: %s",
                   refused, s->count, buf_text(&text));
}

/* --- starting ----------------------------------------------------------- */

struct starting {
    struct batches *batches;
    struct profile *profile;
    json_t *document;
    char by[80];
    size_t at; /* the next of its tasks */
    batch_done *done;
    void *arg;
    struct err failure;
};

static void starting_end(struct starting *s, const struct err *err)
{
    s->done(s->arg, err ? NULL : s->document, err);
    profile_unref(s->profile);
    json_decref(s->document);
    free(s);
}

static void refused(void *arg)
{
    struct starting *s = arg;
    starting_end(s, &s->failure);
}

static void key_of(const json_t *document, char ret[64])
{
    snprintf(ret, 64, "/v1/batch/%.32s",
             json_string_value(json_object_get(document, "id")));
}

static void completed(void *arg, uint64_t revision, const struct err *err)
{
    struct starting *s = arg;
    (void)revision;
    if (err) /* every task is there; a restart completes the document */
        log_warn("A batch could not be marked as started: %s", err->text);
    starting_end(s, NULL);
}

static void start_next(struct starting *s);

static void task_is_started(void *arg, const struct task *task,
                            const struct err *err)
{
    struct starting *s = arg;
    json_t *entry =
        json_array_get(json_object_get(s->document, "tasks"), s->at);
    (void)task;
    if (err && err->code == ERR_UNAVAILABLE) {
        starting_end(s, err); /* goes on after a restart */
        return;
    }
    if (err)
        json_object_set_new(entry, "problem",
                            json_sprintf("%.*s", MAX_PROBLEM_BYTES, err->text));
    s->at++;
    start_next(s);
}

static void task_is_there(void *arg, const struct store_doc *doc,
                          const struct err *err)
{
    struct starting *s = arg;
    json_t *entry =
        json_array_get(json_object_get(s->document, "tasks"), s->at);
    (void)doc;
    if (!err) {
        s->at++;
        start_next(s);
        return;
    }
    if (err->code != ERR_NOT_FOUND) {
        starting_end(s, err);
        return;
    }
    const struct host *host = host_find(
        s->batches->hosts, json_string_value(json_object_get(entry, "host")));
    if (!host) {
        struct err gone = ERR_INIT;
        (void)err_set(&gone, ERR_NOT_FOUND, "the host was deleted");
        task_is_started(s, NULL, &gone);
        return;
    }
    const struct task_start start = {
        s->profile, host, json_string_value(json_object_get(s->document, "id")),
        json_string_value(json_object_get(entry, "task")), s->by};
    task_start(s->batches->tasks, &start, task_is_started, s);
}

static void start_next(struct starting *s)
{
    json_t *tasks = json_object_get(s->document, "tasks");
    char key[64];
    if (s->at < json_array_size(tasks)) {
        snprintf(key, sizeof(key), "/v1/task/%.32s",
                 json_string_value(
                     json_object_get(json_array_get(tasks, s->at), "task")));
        store_get(s->batches->deploy->store, key, task_is_there, s);
        return;
    }
    key_of(s->document, key);
    json_object_set_new(s->document, "state", json_string("started"));
    store_put(s->batches->deploy->store, key, json_incref(s->document),
              STORE_ANY, completed, s);
}

static void intended(void *arg, uint64_t revision, const struct err *err)
{
    struct starting *s = arg;
    (void)revision;
    if (err) {
        starting_end(s, err);
        return;
    }
    s->batches->deploy->event(
        s->batches->deploy->arg, "batch-created",
        json_pack("{s:O, s:s, s:i}", "batch",
                  json_object_get(s->document, "id"), "profile",
                  s->profile->name, "hosts",
                  (int)json_array_size(json_object_get(s->document, "tasks"))));
    start_next(s);
}

static json_t *compose(const struct starting *s, const char *id,
                       const struct selection *selection)
{
    const struct seam *seam = loop_seam(s->batches->deploy->loop);
    json_t *tasks = json_array();
    uint8_t random[16];
    char task[MESSAGE_ID_BYTES];
    for (size_t i = 0; i < selection->count; i++) {
        seam->random(seam->context, random, sizeof(random));
        hex_format(random, sizeof(random), task);
        json_array_append_new(tasks,
                              json_pack("{s:s, s:s}", "host",
                                        selection->hosts[i]->id, "task", task));
    }
    return json_pack("{s:i, s:s, s:O, s:s, s:I, s:s, s:o}", "schema", 1, "id",
                     id, "profile", s->profile->json, "by", s->by, "created_s",
                     (json_int_t)seam->wall_s(seam->context), "state",
                     "starting", "tasks", tasks);
}

void batch_start(struct batches *batches, const struct profile *profile,
                 const json_t *select, const char *id, const char *by,
                 batch_done *done, void *arg)
{
    struct selection selection = {.count = 0};
    struct starting *s = calloc(1, sizeof(*s));
    char key[64];
    if (!s) {
        struct err err = ERR_INIT;
        (void)err_set(&err, ERR_NO_MEMORY, "out of memory for a batch");
        done(arg, NULL, &err);
        return;
    }
    *s = (struct starting){.batches = batches,
                           .profile = profile_ref(profile),
                           .done = done,
                           .arg = arg};
    snprintf(s->by, sizeof(s->by), "%.79s", by);
    if (select_hosts(batches, select, &selection, &s->failure) == 0)
        (void)check_all(batches, profile, &selection, by, &s->failure);
    if (!s->failure.code) {
        s->document = compose(s, id, &selection);
        if (!s->document)
            (void)err_set(&s->failure, ERR_NO_MEMORY, "out of memory");
    }
    if (s->failure.code) {
        if (loop_post(batches->deploy->loop, refused, s))
            refused(s);
        return;
    }
    key_of(s->document, key);
    store_put(batches->deploy->store, key, json_incref(s->document), STORE_NEW,
              intended, s);
}

/* --- going on after a restart ------------------------------------------- */

static void resumed(void *arg, const json_t *batch, const struct err *err)
{
    (void)arg;
    if (err)
        log_error("A batch could not be completed: %s", err->text);
    else
        log_notice("Batch %s was completed after a restart",
                   json_string_value(json_object_get(batch, "id")));
}

static int enter(void *owner, const struct store_doc *doc, struct err *err)
{
    struct batches *batches = owner;
    const char *state = json_string_value(json_object_get(doc->json, "state"));
    const char *by = json_string_value(json_object_get(doc->json, "by"));
    if (!state || strcmp(state, "starting") != 0)
        return 0;
    struct starting *s = calloc(1, sizeof(*s));
    if (!s)
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    *s = (struct starting){.batches = batches,
                           .document = json_deep_copy(doc->json),
                           .done = resumed};
    snprintf(s->by, sizeof(s->by), "%.79s", by ? by : "");
    int code = s->document
                   ? profile_parse(json_object_get(doc->json, "profile"),
                                   doc->key, &s->profile, err)
                   : err_set(err, ERR_NO_MEMORY, "out of memory");
    if (code != 0) {
        json_decref(s->document);
        free(s);
        return code;
    }
    start_next(s);
    return 0;
}

void batches_load(struct batches *batches, store_loaded *loaded, void *arg)
{
    store_load(batches->deploy->store, "/v1/batch/", enter, batches, loaded,
               arg);
}

/* --- cancelling --------------------------------------------------------- */

struct cancelling {
    struct batches *batches;
    char by[80];
    json_t *document;
    size_t open; /* cancels that are not answered */
    struct err first;
    batch_done *done;
    void *arg;
};

static void cancel_end(struct cancelling *c)
{
    if (--c->open > 0)
        return;
    c->done(c->arg, c->first.code ? NULL : c->document,
            c->first.code ? &c->first : NULL);
    json_decref(c->document);
    free(c);
}

static void task_cancelled(void *arg, struct task *task, const struct err *err)
{
    struct cancelling *c = arg;
    (void)task;
    /* Tasks that are over or are just leaving need no cancelling. */
    if (err && err->code != ERR_NOT_FOUND && err->code != ERR_CONFLICT &&
        !c->first.code)
        c->first = *err;
    cancel_end(c);
}

static void cancel_got(void *arg, const struct store_doc *doc,
                       const struct err *err)
{
    struct cancelling *c = arg;
    size_t i;
    json_t *entry;
    c->open = 1;
    if (err) {
        c->first = *err;
    } else {
        c->document = json_incref(doc->json);
        json_array_foreach(json_object_get(doc->json, "tasks"), i, entry)
        {
            const char *id = json_string_value(json_object_get(entry, "task"));
            if (!id || !task_find(c->batches->tasks, id))
                continue;
            c->open++;
            task_cancel(c->batches->tasks, id, c->by, task_cancelled, c);
        }
    }
    cancel_end(c);
}

void batch_cancel(struct batches *batches, const char *id, const char *by,
                  batch_done *done, void *arg)
{
    char key[64];
    struct cancelling *c = calloc(1, sizeof(*c));
    if (!c) {
        struct err err = ERR_INIT;
        (void)err_set(&err, ERR_NO_MEMORY, "out of memory");
        done(arg, NULL, &err);
        return;
    }
    *c = (struct cancelling){.batches = batches, .done = done, .arg = arg};
    snprintf(c->by, sizeof(c->by), "%.79s", by);
    snprintf(key, sizeof(key), "/v1/batch/%.32s", id);
    store_get(batches->deploy->store, key, cancel_got, c);
}
