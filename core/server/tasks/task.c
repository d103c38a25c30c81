/* SPDX-License-Identifier: Apache-2.0 */
/* Tables of active tasks, their loading, and the queue of changes. */
#include "core/server/tasks/task.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/server/tasks/task-internal.h"
#include "core/util/json.h"
#include "core/util/log.h"

#define RETRY_MS 1000

struct tasks *tasks_new(const struct deploy *deploy, struct hosts *hosts,
                        struct err *err)
{
    struct tasks *tasks = calloc(1, sizeof(*tasks));
    if (!tasks) {
        (void)err_set(err, ERR_NO_MEMORY, "out of memory for tasks");
        return NULL;
    }
    tasks->deploy = deploy;
    tasks->hosts = hosts;
    snprintf(tasks->server_key, sizeof(tasks->server_key), "/v1/server/%s",
             deploy->server_id);
    return tasks;
}

static void task_free(struct task *task)
{
    struct task_private *p = task->private_data;
    while (p->first) {
        struct task_op *op = p->first;
        p->first = op->next;
        free(op);
    }
    json_decref(task->checkpoint);
    loop_timer_cancel(p->pump);
    loop_timer_cancel(p->silence);
    loop_timer_cancel(p->leaving);
    if (p->next)
        task_record_done(p->next);
    free(p->next);
    free(p);
    task_record_done(&task->now);
    free(task);
}

void tasks_free(struct tasks *tasks)
{
    if (!tasks)
        return;
    for (size_t i = 0; i < tasks->by_id.count; i++)
        task_free(tasks->by_id.entries[i].value);
    table_done(&tasks->by_id);
    table_done(&tasks->by_host);
    free(tasks);
}

uint64_t tasks_epoch(const struct tasks *tasks)
{
    return tasks->epoch;
}

const struct deploy *tasks_deploy(const struct tasks *tasks)
{
    return tasks->deploy;
}

int64_t tasks_wall_s(const struct tasks *tasks)
{
    const struct seam *seam = loop_seam(tasks->deploy->loop);
    return seam->wall_s(seam->context);
}

struct task *task_find(const struct tasks *tasks, const char *id)
{
    return table_find(&tasks->by_id, id);
}

struct task *task_of_host(const struct tasks *tasks, const char *host_id)
{
    return table_find(&tasks->by_host, host_id);
}

struct task *task_next(const struct tasks *tasks, const char *after)
{
    size_t i = table_after(&tasks->by_id, after);
    return i < tasks->by_id.count ? tasks->by_id.entries[i].value : NULL;
}

void tasks_listen(struct tasks *tasks, task_moved *moved, void *arg)
{
    tasks->moved = moved;
    tasks->moved_arg = arg;
}

struct task *task_enter(struct tasks *tasks, struct task_record *record,
                        uint64_t revision)
{
    struct task *task = calloc(1, sizeof(*task));
    struct task_private *p = calloc(1, sizeof(*p));
    if (!task || !p) {
        free(task);
        free(p);
        task_record_done(record);
        return NULL;
    }
    task->now = *record;
    task->revision = revision;
    task->private_data = p;
    p->tasks = tasks;
    if (table_add(&tasks->by_id, task->now.id, task) ||
        table_add(&tasks->by_host, task->now.host_id, task)) {
        table_remove(&tasks->by_id, task->now.id);
        task_free(task);
        return NULL;
    }
    return task;
}

static void task_leave(struct tasks *tasks, struct task *task)
{
    table_remove(&tasks->by_id, task->now.id);
    table_remove(&tasks->by_host, task->now.host_id);
    task_free(task);
}

/* --- writes ------------------------------------------------------------- */

static PRINTF(2, 0) struct store_change *write_add(struct task_writes *writes,
                                                   const char *format,
                                                   va_list args)
{
    assert(writes->count < TASK_MAX_WRITES);
    char *key = writes->keys[writes->count];
    vsnprintf(key, sizeof(writes->keys[0]), format, args);
    struct store_change *change = &writes->changes[writes->count++];
    memset(change, 0, sizeof(*change));
    change->key = key;
    return change;
}

void task_write_put(struct task_writes *writes, json_t *json, uint64_t expected,
                    const char *format, ...)
{
    va_list args;
    va_start(args, format);
    struct store_change *change = write_add(writes, format, args);
    va_end(args);
    change->kind = STORE_CHANGE_PUT;
    change->json = json;
    change->expected = expected;
}

void task_write_delete(struct task_writes *writes, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    struct store_change *change = write_add(writes, format, args);
    va_end(args);
    change->kind = STORE_CHANGE_DELETE;
    change->expected = STORE_ANY;
}

void task_write_fence(const struct tasks *tasks, struct store_change *change)
{
    *change = (struct store_change){STORE_CHANGE_CHECK, tasks->server_key, NULL,
                                    tasks->epoch};
}

static void writes_drop(struct task_writes *writes)
{
    for (size_t i = 0; i < writes->count; i++)
        json_decref(writes->changes[i].json);
    writes->count = 0;
}

/* --- queue of changes --------------------------------------------------- */

static void pump(void *arg);

static void pump_after(struct task *task, uint64_t delay_ms)
{
    struct task_private *p = task->private_data;
    if (!p->pump && !p->writing && p->first)
        p->pump = loop_timer(p->tasks->deploy->loop, delay_ms, pump, task);
}

static void enqueue(struct task *task, task_decide *decide,
                    task_changed *changed, void *arg, bool insist)
{
    struct task_private *p = task->private_data;
    struct task_op *op = calloc(1, sizeof(*op));
    if (!op) {
        struct err err = ERR_INIT;
        (void)err_set(&err, ERR_NO_MEMORY, "out of memory for task %s",
                      task->now.id);
        log_error("There is no memory to change task %s of host '%s'",
                  task->now.id, task->now.host_name);
        if (changed)
            changed(arg, task, &err);
        return;
    }
    *op = (struct task_op){NULL, decide, changed, arg, insist};
    if (p->first)
        p->last->next = op;
    else
        p->first = op;
    p->last = op;
    pump_after(task, 0);
}

void task_change(struct tasks *tasks, struct task *task, task_decide *decide,
                 task_changed *changed, void *arg)
{
    (void)tasks; /* a task knows them; callers read better with them */
    enqueue(task, decide, changed, arg, false);
}

void task_insist(struct tasks *tasks, struct task *task, task_decide *decide,
                 task_changed *changed, void *arg)
{
    (void)tasks;
    enqueue(task, decide, changed, arg, true);
}

/* Takes the first change off the queue and tells its outcome. */
static void finish_first(struct task *task, const struct err *err)
{
    struct task_private *p = task->private_data;
    struct task_op *op = p->first;
    p->first = op->next;
    if (op->changed)
        op->changed(op->arg, task, err);
    free(op);
}

static const char *state_past(enum task_state state)
{
    return state == TASK_SUCCEEDED ? "succeeded"
           : state == TASK_FAILED  ? "failed"
                                   : "been cancelled";
}

/* The task has ended: whoever still wanted to change it comes too late. */
static void refuse_rest(struct task *task)
{
    struct task_private *p = task->private_data;
    struct err err = ERR_INIT;
    (void)err_set(&err, ERR_NOT_FOUND, "task %s has %s already", task->now.id,
                  state_past(task->now.state));
    while (p->first)
        finish_first(task, &err);
}

static void accept_written(struct task *task, uint64_t revision)
{
    struct task_private *p = task->private_data;
    struct tasks *tasks = p->tasks;
    struct task_record before = task->now;
    task->now = *p->next;
    free(TAKE(p->next));
    task->revision = revision;
    bool moved = before.state != task->now.state ||
                 before.attempt != task->now.attempt ||
                 strcmp(before.session, task->now.session) != 0;
    bool step =
        before.step != task->now.step ||
        before.steps[before.step].state != task->now.steps[before.step].state;
    enum task_state old = before.state;
    task_record_done(&before);
    if (moved || step)
        task_tell(tasks, &task->now, moved ? "task-state" : "task-step");
    if (moved && tasks->moved)
        tasks->moved(tasks->moved_arg, task, old);
    if (moved)
        task_settle(tasks, task);
}

static void written(void *arg, uint64_t revision, const struct err *err)
{
    struct task *task = arg;
    struct task_private *p = task->private_data;
    p->writing = false;
    if (err) {
        task_record_done(p->next);
        free(TAKE(p->next));
        if (p->first->insist && err->code == ERR_UNAVAILABLE) {
            pump_after(task, RETRY_MS);
            return;
        }
        log_error("Task %s of host '%s' could not be written: %s", task->now.id,
                  task->now.host_name, err->text);
        finish_first(task, err);
    } else {
        accept_written(task, revision);
        finish_first(task, NULL);
    }
    if (task_state_ended(task->now.state)) {
        refuse_rest(task);
        task_leave(p->tasks, task);
    } else {
        pump_after(task, 0);
    }
}

static void write_next(struct task *task, struct task_writes *writes)
{
    struct task_private *p = task->private_data;
    struct store_change changes[TASK_MAX_WRITES + 3];
    char key[64], active[64];
    size_t count = 0;
    p->next->epoch = p->tasks->epoch;
    snprintf(key, sizeof(key), "/v1/task/%s", p->next->id);
    changes[count++] = (struct store_change){
        STORE_CHANGE_PUT, key, task_record_format(p->next), task->revision};
    task_write_fence(p->tasks, &changes[count++]);
    if (task_state_ended(p->next->state)) {
        snprintf(active, sizeof(active), "/v1/active/%s", p->next->host_id);
        changes[count++] =
            (struct store_change){STORE_CHANGE_DELETE, active, NULL, STORE_ANY};
    }
    for (size_t i = 0; i < writes->count; i++)
        changes[count++] = writes->changes[i];
    p->writing = true;
    store_apply(p->tasks->deploy->store, changes, count, written, task);
}

static void pump(void *arg)
{
    struct task *task = arg;
    struct task_private *p = task->private_data;
    p->pump = NULL;
    while (p->first && !p->writing) {
        struct err err = ERR_INIT;
        struct task_writes writes = {.count = 0};
        p->next = calloc(1, sizeof(*p->next));
        if (!p->next) {
            pump_after(task, RETRY_MS);
            return;
        }
        task_record_copy(p->next, &task->now);
        int code =
            p->first->decide(p->first->arg, task, p->next, &writes, &err);
        if (code == 0) {
            write_next(task, &writes);
            return;
        }
        writes_drop(&writes);
        task_record_done(p->next);
        free(TAKE(p->next));
        finish_first(task, code == TASK_UNCHANGED ? NULL : &err);
    }
}

/* --- loading ------------------------------------------------------------ */

struct load {
    struct tasks *tasks;
    void (*loaded)(void *arg, const struct err *err);
    void *arg;
    json_t *ids; /* of active tasks */
    size_t at;
};

static void load_end(struct load *load, const struct err *err)
{
    load->loaded(load->arg, err);
    json_decref(load->ids);
    free(load);
}

static void load_next(struct load *load);

static void load_got(void *arg, const struct store_doc *doc,
                     const struct err *err)
{
    struct load *load = arg;
    struct err why = ERR_INIT;
    struct task_record *record = NULL;
    if (err && err->code != ERR_NOT_FOUND) {
        load_end(load, err);
        return;
    }
    record = calloc(1, sizeof(*record));
    if (err || !record || task_record_parse(doc->json, record, &why)) {
        log_error("The active task %s cannot be read and is left out: %s",
                  json_string_value(json_array_get(load->ids, load->at - 1)),
                  err ? err->text : why.text);
    } else {
        struct task *task = task_enter(load->tasks, record, doc->revision);
        if (task)
            task_settle(load->tasks, task);
    }
    free(record);
    load_next(load);
}

static void load_next(struct load *load)
{
    char key[64];
    if (load->at == json_array_size(load->ids)) {
        load_end(load, NULL);
        return;
    }
    snprintf(key, sizeof(key), "/v1/task/%.32s",
             json_string_value(json_array_get(load->ids, load->at++)));
    store_get(load->tasks->deploy->store, key, load_got, load);
}

static void load_active(void *arg, const struct store_doc *doc,
                        const struct err *err)
{
    struct load *load = arg;
    json_t *id = doc ? json_object_get(doc->json, "task") : NULL;
    if (json_is_string(id))
        json_array_append(load->ids, id);
    else if (doc)
        log_error("Document '%s' is damaged and left out", doc->key);
    else if (err)
        load_end(load, err);
    else
        load_next(load);
}

static void load_epoch(void *arg, uint64_t revision, const struct err *err)
{
    struct load *load = arg;
    if (err) {
        load_end(load, err);
        return;
    }
    load->tasks->epoch = revision;
    store_each(load->tasks->deploy->store, "/v1/active/", load_active, load);
}

void tasks_load(struct tasks *tasks,
                void (*loaded)(void *arg, const struct err *err), void *arg)
{
    struct load *load = calloc(1, sizeof(*load));
    struct err err = ERR_INIT;
    json_t *ids = json_array();
    if (!load || !ids) {
        (void)err_set(&err, ERR_NO_MEMORY, "out of memory for tasks");
        json_decref(ids);
        free(load);
        loaded(arg, &err);
        return;
    }
    *load = (struct load){tasks, loaded, arg, ids, 0};
    store_put(tasks->deploy->store, tasks->server_key,
              json_pack("{s:i, s:s, s:I}", "schema", 1, "id",
                        tasks->deploy->server_id, "started_s",
                        (json_int_t)tasks_wall_s(tasks)),
              STORE_ANY, load_epoch, load);
}
