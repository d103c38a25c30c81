/* SPDX-License-Identifier: Apache-2.0 */
/* Forgetting tasks that are over: see retention.h. */
#include "core/server/tasks/retention.h"

#include <stdio.h>
#include <string.h>

#include "core/server/tasks/task.h"
#include "core/util/macros.h"

#define TASK_KEY_PREFIX "/v1/task/"
#define BATCH_KEY_PREFIX "/v1/batch/"
#define KEY_BYTES 64
#define BITE 16 /* documents of one transaction */
/* A batch that is younger may still be starting its tasks. */
#define BATCH_REST_S 3600

struct candidate {
    char key[KEY_BYTES];
    uint64_t revision;
    int64_t ended_s;
};

struct retention {
    struct retention_spec spec;
    json_t *needed; /* ids of tasks that have a host's newest inventory */
    json_t *kept;   /* ids of tasks that stay */
    struct candidate *list; /* tasks that are over, then batches to delete */
    size_t count;
    size_t room;
    size_t at; /* the next one to delete */
    size_t tasks; /* deleted */
    bool batches; /* the second round */
    struct err err;
};

static void finish(struct retention *r, const struct err *err)
{
    size_t batches = r->batches ? r->at : 0;
    r->spec.done(r->spec.arg, r->tasks, batches, err);
    json_decref(r->needed);
    json_decref(r->kept);
    free(r->list);
    free(r);
}

static void finish_no_memory(struct retention *r)
{
    (void)err_set(&r->err, ERR_NO_MEMORY, "no memory to look for old tasks");
    finish(r, &r->err);
}

static bool add(struct retention *r, const struct store_doc *doc,
                int64_t ended_s)
{
    if (r->count == r->room) {
        size_t room = r->room ? r->room * 2 : 256;
        struct candidate *list = realloc(r->list, room * sizeof(*list));
        if (!list)
            return false;
        r->list = list;
        r->room = room;
    }
    struct candidate *c = &r->list[r->count++];
    (void)snprintf(c->key, sizeof(c->key), "%s", doc->key);
    c->revision = doc->revision;
    c->ended_s = ended_s;
    return true;
}

/* ---- deleting ---- */

static void next_bite(struct retention *r);

static void bitten(void *arg, uint64_t revision, const struct err *err)
{
    struct retention *r = arg;
    (void)revision;
    if (err) {
        finish(r, err);
        return;
    }
    r->at += MIN((size_t)BITE, r->count - r->at);
    if (!r->batches)
        r->tasks = r->at;
    next_bite(r);
}

static void look_for_batches(struct retention *r);

static void next_bite(struct retention *r)
{
    struct store_change changes[BITE];
    size_t count = MIN((size_t)BITE, r->count - r->at);
    for (size_t i = 0; i < count; i++)
        changes[i] = (struct store_change){
            .kind = STORE_CHANGE_DELETE,
            .key = r->list[r->at + i].key,
            .expected = r->list[r->at + i].revision};
    if (count > 0)
        store_apply(r->spec.store, changes, count, bitten, r);
    else if (!r->batches)
        look_for_batches(r);
    else
        finish(r, NULL);
}

/* ---- batches without a task ---- */

static bool has_a_task(const struct retention *r, const json_t *batch)
{
    size_t i;
    json_t *entry;
    json_array_foreach (json_object_get(batch, "tasks"), i, entry) {
        const char *id = json_string_value(json_object_get(entry, "task"));
        if (id && json_object_get(r->kept, id))
            return true;
    }
    return false;
}

static void see_batch(void *arg, const struct store_doc *doc,
                      const struct err *err)
{
    struct retention *r = arg;
    if (err) {
        finish(r, err);
    } else if (!doc && r->err.code) {
        finish_no_memory(r);
    } else if (!doc) {
        next_bite(r);
    } else {
        int64_t created_s =
            json_integer_value(json_object_get(doc->json, "created_s"));
        if (created_s + BATCH_REST_S < r->spec.now_s &&
            !has_a_task(r, doc->json) && !add(r, doc, 0))
            r->err.code = ERR_NO_MEMORY;
    }
}

static void look_for_batches(struct retention *r)
{
    r->batches = true;
    r->count = 0;
    r->at = 0;
    store_each(r->spec.store, BATCH_KEY_PREFIX, see_batch, r);
}

/* ---- which tasks ---- */

static int newest_first(const void *a, const void *b)
{
    const struct candidate *x = a, *y = b;
    return (x->ended_s < y->ended_s) - (x->ended_s > y->ended_s);
}

/* Leaves those to delete in the list and remembers the others. */
static void choose(struct retention *r)
{
    size_t first = 0;
    if (r->count > 1)
        qsort(r->list, r->count, sizeof(*r->list), newest_first);
    while (first < r->count && first < r->spec.max_tasks &&
           r->list[first].ended_s + r->spec.max_age_s >= r->spec.now_s)
        first++;
    for (size_t i = 0; i < first; i++)
        (void)json_object_set_new(r->kept,
                                  r->list[i].key + strlen(TASK_KEY_PREFIX),
                                  json_true());
    if (first > 0)
        memmove(r->list, r->list + first,
                (r->count - first) * sizeof(*r->list));
    r->count -= first;
    next_bite(r);
}

static bool is_over(const json_t *task)
{
    static const enum task_state ends[] = {TASK_SUCCEEDED, TASK_FAILED,
                                           TASK_CANCELLED};
    const char *state = json_string_value(json_object_get(task, "state"));
    for (size_t i = 0; state && i < ARRAY_LENGTH(ends); i++)
        if (strcmp(state, task_state_word(ends[i])) == 0)
            return true;
    return false;
}

static void see_task(void *arg, const struct store_doc *doc,
                     const struct err *err)
{
    struct retention *r = arg;
    if (err) {
        finish(r, err);
    } else if (!doc && r->err.code) {
        finish_no_memory(r);
    } else if (!doc) {
        choose(r);
    } else {
        const char *id = doc->key + strlen(TASK_KEY_PREFIX);
        int64_t ended_s =
            json_integer_value(json_object_get(doc->json, "ended_s"));
        bool stays = !is_over(doc->json) || json_object_get(r->needed, id);
        if (stays ? json_object_set_new(r->kept, id, json_true()) < 0
                  : !add(r, doc, ended_s))
            r->err.code = ERR_NO_MEMORY;
    }
}

static int note_inventories(struct retention *r)
{
    int bad = 0;
    for (const struct host *host = host_next(r->spec.hosts, NULL); host;
         host = host_next(r->spec.hosts, host->id)) {
        const json_t *where = json_object_get(host->facts, "inventory");
        const char *task = json_string_value(json_object_get(where, "task"));
        if (task)
            bad |= json_object_set_new(r->needed, task, json_true());
    }
    return bad;
}

void retention_run(const struct retention_spec *spec)
{
    struct retention *r = calloc(1, sizeof(*r));
    if (!r) {
        struct err err = ERR_INIT;
        (void)err_set(&err, ERR_NO_MEMORY, "no memory to look for old tasks");
        spec->done(spec->arg, 0, 0, &err);
        return;
    }
    r->spec = *spec;
    r->needed = json_object();
    r->kept = json_object();
    if (!r->needed || !r->kept || note_inventories(r))
        finish_no_memory(r);
    else
        store_each(spec->store, TASK_KEY_PREFIX, see_task, r);
}
