/* SPDX-License-Identifier: Apache-2.0 */
/* What engines report.  Progress and log lines are shown and forgotten, a
 * checkpoint is kept in memory for the next attempt;
 * everything else is a change of the task and is acknowledged when it is in
 * the store, under a number, so that a repetition changes nothing. */
#include <stdio.h>
#include <string.h>

#include "core/server/sessions/session-internal.h"
#include "core/util/json.h"
#include "core/util/log.h"

struct reporting {
    struct sessions *sessions;
    char session[MESSAGE_ID_BYTES];
    struct message_report report; /* own copy */
    json_t *kept;                 /* reference of its result */
    session_reported *reported;
    void *arg;
};

static void reporting_end(struct reporting *r, const struct err *err)
{
    struct session *session = session_find(r->sessions, r->session);
    struct task *task = session ? session_task(session) : NULL;
    struct message_report_reply reply = {
        .epoch = tasks_epoch(r->sessions->tasks),
        /* An engine whose session is not its task's any more has to stop. */
        .cancel = !(session && session_enrols(session)) &&
                  (!task || task->now.state == TASK_CANCELLING),
    };
    session_servers(r->sessions, &reply.servers);
    r->reported(r->arg, err ? NULL : &reply, err);
    message_report_done(&r->report);
    json_decref(r->kept);
    free(r);
}

/* --- state -------------------------------------------------------------- */

static void end_task(struct reporting *r, struct task_record *next,
                     enum task_state state)
{
    next->state = state;
    next->ended_s = sessions_wall_s(r->sessions);
    json_decref(next->plan);
    next->plan = NULL;
}

static void step_failed(struct reporting *r, struct task_record *next)
{
    const struct message_report *m = &r->report;
    if (next->state == TASK_CANCELLING) {
        end_task(r, next, TASK_CANCELLED);
        return;
    }
    end_task(r, next, TASK_FAILED);
    memcpy(next->code, m->code, sizeof(next->code));
    snprintf(next->sentence, sizeof(next->sentence), "step %u (%s): %.400s",
             m->step + 1, next->profile->steps[m->step].action, m->text);
}

static void left(struct reporting *r, struct task_record *next)
{
    size_t i = 0;
    while (i < next->profile->step_count && next->steps[i].state == STEP_DONE)
        i++;
    bool complete = i == next->profile->step_count;
    memcpy(next->method, r->report.method, sizeof(next->method));
    if (complete && r->report.code[0]) {
        end_task(r, next, TASK_FAILED);
        memcpy(next->code, r->report.code, sizeof(next->code));
        memcpy(next->sentence, r->report.text, sizeof(next->sentence));
    } else if (complete) {
        /* Also when somebody cancels too late: all of it is on the disk. */
        next->state = TASK_LEAVING;
        memcpy(next->sentence, r->report.text, sizeof(next->sentence));
    } else if (next->state == TASK_CANCELLING) {
        end_task(r, next, TASK_CANCELLED);
    } else {
        end_task(r, next, TASK_FAILED);
        snprintf(next->code, sizeof(next->code), "left-early");
        snprintf(next->sentence, sizeof(next->sentence),
                 "the engine left before step %zu (%s) was done: %.300s", i + 1,
                 next->profile->steps[i].action, r->report.text);
    }
}

static int decide_report(void *arg, struct task *task, struct task_record *next,
                         struct task_writes *writes, struct err *err)
{
    struct reporting *r = arg;
    const struct message_report *m = &r->report;
    (void)task;
    (void)writes;
    if (strcmp(next->session, r->session) != 0 || m->seq <= next->seq)
        return TASK_UNCHANGED;
    if (next->state != TASK_RUNNING && next->state != TASK_CANCELLING)
        return TASK_UNCHANGED;
    if (m->step >= next->profile->step_count)
        return err_set(err, ERR_INVALID,
                       "the report names step %u but the task has %zu",
                       m->step + 1, next->profile->step_count);
    struct task_step *step = &next->steps[m->step];
    next->seq = m->seq;
    next->step = m->kind == MESSAGE_LEAVING ? next->step : m->step;
    if (r->kept) {
        json_decref(step->result);
        step->result = json_incref(r->kept);
    }
    switch (m->kind) {
    case MESSAGE_STEP_STARTED:
        step->state = STEP_RUNNING;
        step->started_s = sessions_wall_s(r->sessions);
        break;
    case MESSAGE_STEP_DONE:
        step->state = STEP_DONE;
        step->ended_s = sessions_wall_s(r->sessions);
        break;
    case MESSAGE_STEP_FAILED:
        step->state = STEP_FAILED;
        step->ended_s = sessions_wall_s(r->sessions);
        step_failed(r, next);
        break;
    case MESSAGE_LEAVING:
        left(r, next);
        break;
    case MESSAGE_PROGRESS:
    case MESSAGE_LOG:
    case MESSAGE_CHECKPOINT:
    case MESSAGE_INVENTORY: /* has no task */
        break;
    }
    return 0;
}

/* The host remembers where its newest inventory is. */
static void note_inventory(struct reporting *r, const struct task *task)
{
    const struct message_report *m = &r->report;
    if (m->kind != MESSAGE_STEP_DONE || !r->kept ||
        m->step >= task->now.profile->step_count ||
        strcmp(task->now.profile->steps[m->step].action, "inventory") != 0)
        return;
    AUTO_JSON *facts = json_pack("{s:{s:s, s:i, s:I}}", "inventory", "task",
                                 task->now.id, "step", (int)m->step, "at_s",
                                 (json_int_t)sessions_wall_s(r->sessions));
    host_learn(r->sessions->hosts, task->now.host_id,
               &(struct host_news){.facts = facts}, NULL, NULL);
}

static void changed(void *arg, struct task *task, const struct err *err)
{
    struct reporting *r = arg;
    /* The task ended while the report waited: it is acknowledged all the
     * same, or the engine would repeat it for ever. */
    if (err && err->code == ERR_NOT_FOUND)
        err = NULL;
    if (!err && task) {
        note_inventory(r, task);
        if (r->report.kind != MESSAGE_LEAVING)
            memset(&task->progress, 0, sizeof(task->progress));
    }
    reporting_end(r, err);
}

static void change_task(struct reporting *r)
{
    struct session *session = session_find(r->sessions, r->session);
    struct task *task = session ? session_task(session) : NULL;
    if (task && !session->ended)
        task_change(r->sessions->tasks, task, decide_report, changed, r);
    else
        reporting_end(r, NULL);
}

static void kept(void *arg, json_t *reference, const struct err *err)
{
    struct reporting *r = arg;
    if (err) {
        reporting_end(r, err);
        return;
    }
    r->kept = json_incref(reference);
    change_task(r);
}

/* --- shown and forgotten ------------------------------------------------ */

static void show(struct sessions *sessions, const struct task *task,
                 const struct message_report *m)
{
    const struct deploy *deploy = sessions->deploy;
    const struct task_record *now = &task->now;
    if (m->kind == MESSAGE_LOG) {
        log_info("Engine of host '%s' [%s]: %s", now->host_name, m->level,
                 m->text);
        deploy->event(deploy->arg, "engine-log",
                      json_pack("{s:s, s:s, s:s, s:s, s:s}", "task", now->id,
                                "host", now->host_id, "host_name",
                                now->host_name, "level", m->level, "text",
                                m->text));
        return;
    }
    deploy->event(deploy->arg, "task-progress",
                  json_pack("{s:s, s:s, s:s, s:s, s:i, s:i, s:i, s:s, s:I, "
                            "s:I}",
                            "task", now->id, "host", now->host_id, "host_name",
                            now->host_name, "batch", now->batch, "step",
                            (int)m->step, "permille", (int)m->permille,
                            "task_permille",
                            (int)task_permille(now, &task->progress), "text",
                            m->text, "bytes_done", (json_int_t)m->bytes_done,
                            "bytes_total", (json_int_t)m->bytes_total));
}

static void note(struct sessions *sessions, struct session *session,
                 const struct message_report *m)
{
    struct task *task = session_task(session);
    if (!task || session->ended || m->seq <= session->private_data->seen ||
        m->seq <= task->now.seq)
        return;
    session->private_data->seen = m->seq;
    if (m->kind == MESSAGE_CHECKPOINT) {
        json_decref(task->checkpoint);
        task->checkpoint = json_incref(m->result);
        return;
    }
    if (m->kind == MESSAGE_PROGRESS) {
        task->progress.permille = m->permille;
        task->progress.bytes_done = m->bytes_done;
        task->progress.bytes_total = m->bytes_total;
        memcpy(task->progress.text, m->text, sizeof(task->progress.text));
    }
    show(sessions, task, m);
}

/* --- an unknown machine's inventory ------------------------------------- */

static void inventory_stored(void *arg, uint64_t revision,
                             const struct err *err)
{
    (void)revision;
    reporting_end(arg, err);
}

static void inventory_learned(void *arg, const struct host *host,
                              const struct err *err)
{
    (void)host;
    if (err)
        log_warn("The inventory of a new host was not kept: %s", err->text);
    reporting_end(arg, NULL); /* again would not help */
}

static void inventory_kept(void *arg, json_t *reference, const struct err *err)
{
    struct reporting *r = arg;
    struct session *session = session_find(r->sessions, r->session);
    char key[64];
    if (err || !session) {
        reporting_end(r, err);
        return;
    }
    (void)json_object_set_new(
        session->facts, "inventory",
        json_pack("{s:O, s:I}", "kept", reference, "at_s",
                  (json_int_t)sessions_wall_s(r->sessions)));
    if (*session->host_id) { /* it was approved meanwhile */
        host_learn(r->sessions->hosts, session->host_id,
                   &(struct host_news){.facts = session->facts},
                   inventory_learned, r);
        return;
    }
    (void)snprintf(key, sizeof(key), "/v1/session/%s", session->id);
    store_put(r->sessions->deploy->store, key, session_format(session),
              STORE_ANY, inventory_stored, r);
}

static void take_inventory(struct reporting *r, const struct session *session)
{
    const struct deploy *deploy = r->sessions->deploy;
    /* Nobody will make a machine a host any more whose wait is over. */
    if (session && !*session->task && (session->pending || *session->host_id))
        deploy->keep(deploy->arg, r->report.result, inventory_kept, r);
    else
        reporting_end(r, NULL);
}

/* --- interface ---------------------------------------------------------- */

static void work(void *arg)
{
    struct reporting *r = arg;
    const struct message_report *m = &r->report;
    const struct deploy *deploy = r->sessions->deploy;
    struct session *session = session_find(r->sessions, r->session);
    const struct task *task = session ? session_task(session) : NULL;
    if (session && (m->kind == MESSAGE_PROGRESS || m->kind == MESSAGE_LOG ||
                    m->kind == MESSAGE_CHECKPOINT)) {
        note(r->sessions, session, m);
        reporting_end(r, NULL);
    } else if (m->kind == MESSAGE_INVENTORY) {
        take_inventory(r, session);
    } else if (m->result && task && m->seq > task->now.seq) {
        deploy->keep(deploy->arg, m->result, kept, r);
    } else {
        change_task(r);
    }
}

void session_report(struct sessions *sessions, struct session *session,
                    const struct message_report *report,
                    session_reported *reported, void *arg)
{
    struct reporting *r = calloc(1, sizeof(*r));
    struct err err = ERR_INIT;
    if (!r) {
        (void)err_set(&err, ERR_NO_MEMORY, "out of memory for a report");
        reported(arg, NULL, &err);
        return;
    }
    *r = (struct reporting){.sessions = sessions,
                            .report = *report,
                            .reported = reported,
                            .arg = arg};
    json_incref(r->report.result);
    const struct task *task = session_task(session);
    if (task)
        task_secret_redact(sessions->deploy, task->now.profile, &r->report);
    memcpy(r->session, session->id, sizeof(r->session));
    if (strcmp(report->session, session->id) != 0 ||
        strcmp(report->task, session->task) != 0) {
        (void)err_set(&err, ERR_INVALID,
                      "the report names another session or task than the "
                      "request's authorization");
        reporting_end(r, &err);
    } else if (session_lost_task(session)) {
        session_resume(session, session_lost_task(session), work, r);
    } else {
        work(r);
    }
}
