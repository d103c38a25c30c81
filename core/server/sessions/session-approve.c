/* SPDX-License-Identifier: Apache-2.0 */
/* An admin compares the code on a machine's screen and approves it. */
#include <stdio.h>
#include <string.h>

#include "core/server/sessions/session-internal.h"
#include "core/server/tasks/task-plan.h"

struct approving {
    struct sessions *sessions;
    char session[MESSAGE_ID_BYTES];
    struct err failure;
    void (*done)(void *arg, const struct err *err);
    void *arg;
};

static int decide_approve(void *arg, struct task *task,
                          struct task_record *next, struct task_writes *writes,
                          struct err *err)
{
    struct approving *a = arg;
    struct session *s = session_find(a->sessions, a->session);
    (void)task;
    if (!s || !s->pending || next->state != TASK_ARMED)
        return err_set(err, ERR_CONFLICT,
                       "the machine does not wait any more; start it again");
    s->pending = false; /* for the document; taken back if it is not written */
    task_write_put(writes, session_format(s), STORE_ANY, "/v1/session/%s",
                   s->id);
    s->pending = true;
    task_record_begin(next, s->id, sessions_wall_s(a->sessions));
    return task_plan_compose(a->sessions->tasks, next, s->machine, s->tier,
                             &next->plan, err);
}

/* An approved machine's further ports are names of its host from now on. */
static void learn_macs(struct approving *a, const struct session *s)
{
    const json_t *list = json_object_get(s->facts, "macs");
    char macs[MESSAGE_MAX_MACS][18];
    size_t count = MIN(json_array_size(list), ARRAY_LENGTH(macs));
    for (size_t i = 0; i < count; i++) {
        const char *text = json_string_value(json_array_get(list, i));
        snprintf(macs[i], sizeof(macs[i]), "%s", text ? text : "");
    }
    const struct host_news news = {.macs = (const char(*)[18])macs,
                                   .mac_count = count};
    host_learn(a->sessions->hosts, s->host_id, &news, NULL, NULL);
}

static void approved(void *arg, struct task *task, const struct err *err)
{
    struct approving *a = arg;
    struct session *s = session_find(a->sessions, a->session);
    (void)task;
    if (!err && s) {
        s->pending = false;
        loop_timer_cancel(s->private_data->forget);
        s->private_data->forget = NULL;
        learn_macs(a, s);
        session_answer(s);
    }
    a->done(a->arg, err);
    free(a);
}

static void refused(void *arg)
{
    struct approving *a = arg;
    a->done(a->arg, &a->failure);
    free(a);
}

static const char *code_of(struct session *s)
{
    struct session_private *p = s->private_data;
    if (!p->code[0])
        session_code(p->sessions, s->id, s->key, p->code);
    return p->code;
}

/* `host_id` NULL = of any host. */
static struct session *find_code(const struct sessions *sessions,
                                 const char *host_id, const char *code,
                                 bool pending)
{
    for (size_t i = 0; i < sessions->by_id.count; i++) {
        struct session *s = sessions->by_id.entries[i].value;
        if (s->pending == pending &&
            (!host_id || strcmp(s->host_id, host_id) == 0) &&
            session_code_equal(code_of(s), code))
            return s;
    }
    return NULL;
}

struct session *session_of_code(const struct sessions *sessions,
                                const char *host_id, const char *code)
{
    return find_code(sessions, host_id, code, true);
}

int session_find_code(struct sessions *sessions, const char *batch,
                      const char *code, const struct host **ret_host,
                      struct err *err)
{
    struct session *s = find_code(sessions, NULL, code, true);
    if (!s)
        s = find_code(sessions, NULL, code, false);
    const struct host *host = s ? host_find(sessions->hosts, s->host_id) : NULL;
    struct task *task = s ? task_find(sessions->tasks, s->task) : NULL;
    bool waits = s && s->pending && task && task_armed(task);
    if (!host)
        return err_set(err, ERR_NOT_FOUND,
                       "no machine that waits shows this code; compare it "
                       "with the machine's screen");
    if (!s->pending && !s->ended)
        return err_set(err, ERR_CONFLICT, "host '%s' is approved already",
                       host->name);
    if (!waits)
        return err_set(err, ERR_CONFLICT,
                       "host '%s' does not wait with this code any more; "
                       "start the machine again and take its new one",
                       host->name);
    if (strcmp(task->now.batch, batch) != 0)
        return err_set(err, ERR_CONFLICT,
                       "host '%s' shows this code but is not of this batch; "
                       "'slipway host approve' does that",
                       host->name);
    *ret_host = host;
    return 0;
}

void session_approve(struct sessions *sessions, const char *host_id,
                     const char *code, const char *by,
                     void (*done)(void *arg, const struct err *err), void *arg)
{
    struct session *s = find_code(sessions, host_id, code, true);
    struct task *task = s ? task_find(sessions->tasks, s->task) : NULL;
    struct approving *a = calloc(1, sizeof(*a));
    const struct deploy *deploy = sessions->deploy;
    if (!a) {
        struct err err = ERR_INIT;
        (void)err_set(&err, ERR_NO_MEMORY, "out of memory");
        done(arg, &err);
        return;
    }
    *a = (struct approving){.sessions = sessions, .done = done, .arg = arg};
    if (!task) {
        (void)err_set(&a->failure, ERR_NOT_FOUND,
                      "no machine of this host shows that code; compare it "
                      "with the machine's screen");
        if (loop_post(deploy->loop, refused, a))
            refused(a);
        return;
    }
    memcpy(a->session, s->id, sizeof(a->session));
    deploy->event(deploy->arg, "session-approved",
                  json_pack("{s:s, s:s, s:s, s:s}", "host", host_id,
                            "host_name", task->now.host_name, "task", s->task,
                            "by", by));
    task_change(sessions->tasks, task, decide_approve, approved, a);
}

static json_t *pending_json(const struct session *s, const struct host *host)
{
    const char *vendor = "", *product = "", *serial = "";
    const json_t *macs = json_object_get(s->facts, "macs");
    (void)json_unpack(s->facts, "{s?s, s?s, s?s}", "vendor", &vendor, "product",
                      &product, "serial", &serial);
    return json_pack("{s:s, s:s, s:s, s:b, s:I, s:s, s:s, s:s, s:O?}",
                     "session", s->id, "host", s->host_id, "host_name",
                     host ? host->name : "", "unknown", session_enrols(s),
                     "since_s", (json_int_t)s->created_s, "vendor", vendor,
                     "product", product, "serial", serial, "macs", macs);
}

json_t *sessions_pending_json(const struct sessions *sessions)
{
    json_t *list = json_array();
    for (size_t i = 0; list && i < sessions->by_id.count; i++) {
        const struct session *s = sessions->by_id.entries[i].value;
        if (s->pending)
            json_array_append_new(
                list,
                pending_json(s, host_find(sessions->hosts, s->host_id)));
    }
    return list;
}
