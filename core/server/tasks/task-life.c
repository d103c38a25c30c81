/* SPDX-License-Identifier: Apache-2.0 */
/* What happens to a task by itself and from outside: arming, losing its
 * session, leaving, being cancelled, failing. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/server/boot/policy.h"
#include "core/server/tasks/task-internal.h"
#include "core/util/json.h"
#include "core/util/log.h"

static void drop_plan(struct task_record *next)
{
    json_decref(next->plan);
    next->plan = NULL;
}

static void end_record(struct task_record *next, const struct tasks *tasks,
                       enum task_state state)
{
    next->state = state;
    next->ended_s = tasks_wall_s(tasks);
    drop_plan(next);
}

void task_tell(struct tasks *tasks, const struct task_record *r,
               const char *event)
{
    const struct deploy *deploy = tasks->deploy;
    log_info("Task %s of host '%s' is %s (attempt %u, step %u)%s%s", r->id,
             r->host_name, task_state_word(r->state), r->attempt, r->step + 1,
             *r->sentence ? ": " : "", r->sentence);
    deploy->event(
        deploy->arg, event,
        json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:i, s:i, s:s, s:s}",
                  "action", r->profile->steps[r->step].action, "task", r->id,
                  "host", r->host_id, "host_name", r->host_name, "batch",
                  r->batch, "profile", r->profile->name, "state",
                  task_state_word(r->state), "attempt", (int)r->attempt, "step",
                  (int)r->step, "code", r->code, "sentence", r->sentence));
}

/* --- arming and losing -------------------------------------------------- */

static int decide_arm(void *arg, struct task *task, struct task_record *next,
                      struct task_writes *writes, struct err *err)
{
    (void)arg;
    (void)task;
    (void)writes;
    (void)err;
    if (next->state != TASK_QUEUED)
        return TASK_UNCHANGED;
    next->state = TASK_ARMED;
    return 0;
}

/* What the lost session did stays until another begins: its engine may only
 * have been out of reach, and then goes on where it was (task_resume). */
static void rearm(struct task_record *next)
{
    next->state = TASK_ARMED;
    next->attempt++;
}

void task_record_begin(struct task_record *next, const char *session,
                       int64_t now_s)
{
    next->state = TASK_RUNNING;
    next->step = 0;
    next->seq = 0;
    memcpy(next->session, session, sizeof(next->session));
    if (!next->started_s)
        next->started_s = now_s;
    drop_plan(next);
    for (size_t i = 0; i < MESSAGE_MAX_STEPS; i++) {
        json_decref(next->steps[i].result);
        memset(&next->steps[i], 0, sizeof(next->steps[i]));
    }
}

/* `arg` is the attempt whose session was lost. */
static int decide_lost(void *arg, struct task *task, struct task_record *next,
                       struct task_writes *writes, struct err *err)
{
    struct tasks *tasks = task->private_data->tasks;
    (void)writes;
    (void)err;
    if (next->attempt != (uint32_t)(uintptr_t)arg)
        return TASK_UNCHANGED;
    if (next->state == TASK_CANCELLING) {
        end_record(next, tasks, TASK_CANCELLED);
        return 0;
    }
    if (next->state != TASK_RUNNING)
        return TASK_UNCHANGED;
    if (next->attempt < TASK_MAX_ATTEMPTS) {
        rearm(next);
        return 0;
    }
    end_record(next, tasks, TASK_FAILED);
    snprintf(next->code, sizeof(next->code), "attempts-exhausted");
    snprintf(next->sentence, sizeof(next->sentence),
             "the engine's session was lost %d times, the last time in step "
             "%u (%s); look at the machine's console and start the task again",
             TASK_MAX_ATTEMPTS, next->step + 1,
             next->profile->steps[next->step].action);
    return 0;
}

static void lost(void *arg, struct task *task, const struct err *err)
{
    (void)arg;
    (void)err; /* task.c has logged it */
    task->private_data->losing = false;
}

static void lose(struct tasks *tasks, struct task *task, const char *why)
{
    struct task_private *p = task->private_data;
    if (p->losing)
        return;
    p->losing = true;
    tasks->deploy->event(tasks->deploy->arg, "session-lost",
                         json_pack("{s:s, s:s, s:s, s:i, s:s}", "task",
                                   task->now.id, "host", task->now.host_id,
                                   "host_name", task->now.host_name, "attempt",
                                   (int)task->now.attempt, "sentence", why));
    task_insist(tasks, task, decide_lost, lost,
                (void *)(uintptr_t)task->now.attempt);
}

static void silence_over(void *arg)
{
    struct task *task = arg;
    struct task_private *p = task->private_data;
    struct loop *loop = p->tasks->deploy->loop;
    uint64_t silent_ms = loop_now_ms(loop) - p->heard_ms;
    p->silence = NULL;
    if (silent_ms < TASK_SILENCE_MS)
        p->silence =
            loop_timer(loop, TASK_SILENCE_MS - silent_ms, silence_over, task);
    else
        lose(p->tasks, task, "its engine was not heard of for 120 s");
}

void task_heard(struct task *task)
{
    struct task_private *p = task->private_data;
    p->heard_ms = loop_now_ms(p->tasks->deploy->loop);
}

/* --- leaving ------------------------------------------------------------ */

static int decide_left(void *arg, struct task *task, struct task_record *next,
                       struct task_writes *writes, struct err *err)
{
    (void)arg;
    (void)writes;
    (void)err;
    if (next->state != TASK_LEAVING)
        return TASK_UNCHANGED;
    end_record(next, task->private_data->tasks, TASK_SUCCEEDED);
    return 0;
}

void task_left(struct tasks *tasks, struct task *task)
{
    if (task->now.state == TASK_LEAVING)
        task_insist(tasks, task, decide_left, NULL, NULL);
}

static void leaving_over(void *arg)
{
    struct task *task = arg;
    task->private_data->leaving = NULL;
    task_left(task->private_data->tasks, task);
}

void task_settle(struct tasks *tasks, struct task *task)
{
    struct task_private *p = task->private_data;
    struct loop *loop = tasks->deploy->loop;
    loop_timer_cancel(p->silence);
    loop_timer_cancel(p->leaving);
    p->silence = NULL;
    p->leaving = NULL;
    p->boots = 0;
    switch (task->now.state) {
    case TASK_QUEUED:
        task_insist(tasks, task, decide_arm, NULL, NULL);
        break;
    case TASK_RUNNING:
    case TASK_CANCELLING:
        p->heard_ms = loop_now_ms(loop);
        p->silence = loop_timer(loop, TASK_SILENCE_MS, silence_over, task);
        break;
    case TASK_LEAVING:
        p->leaving = loop_timer(loop, TASK_LEAVING_MS, leaving_over, task);
        break;
    case TASK_ARMED:
        memset(&task->progress, 0, sizeof(task->progress));
        break;
    case TASK_SUCCEEDED:
    case TASK_FAILED:
    case TASK_CANCELLED:
        break;
    }
}

unsigned task_boots(const struct task *task)
{
    return task->private_data->boots;
}

bool task_firmware_boots(struct tasks *tasks, struct task *task, bool again)
{
    struct task_private *p = task->private_data;
    switch (task->now.state) {
    case TASK_QUEUED: /* durable, and arming it is already queued */
        return true;
    case TASK_ARMED:
        p->boots += again;
        if (p->boots <= POLICY_ENGINE_BOOTS)
            return true;
        if (again && p->boots == POLICY_ENGINE_BOOTS + 1)
            task_fail(tasks, task, "engine-never-connected",
                      "the machine loaded the engine %d times but no engine "
                      "connected to the server; look at the machine's console",
                      POLICY_ENGINE_BOOTS);
        return false;
    case TASK_RUNNING:
        lose(tasks, task, "the machine's firmware asked to boot again");
        return task->now.attempt < TASK_MAX_ATTEMPTS;
    case TASK_CANCELLING:
        lose(tasks, task, "the machine's firmware asked to boot again");
        return false;
    case TASK_LEAVING:
        task_left(tasks, task);
        return false;
    case TASK_SUCCEEDED:
    case TASK_FAILED:
    case TASK_CANCELLED:
        break;
    }
    return false;
}

/* --- cancelling and failing --------------------------------------------- */

struct ending {
    char code[32];
    char sentence[MESSAGE_TEXT_BYTES];
    task_changed *changed;
    void *arg;
};

static int decide_cancel(void *arg, struct task *task, struct task_record *next,
                         struct task_writes *writes, struct err *err)
{
    const struct ending *ending = arg;
    (void)writes;
    switch (next->state) {
    case TASK_QUEUED:
    case TASK_ARMED:
        end_record(next, task->private_data->tasks, TASK_CANCELLED);
        break;
    case TASK_RUNNING:
        next->state = TASK_CANCELLING;
        break;
    case TASK_CANCELLING:
        return TASK_UNCHANGED;
    case TASK_LEAVING:
    case TASK_SUCCEEDED:
    case TASK_FAILED:
    case TASK_CANCELLED:
        return err_set(err, ERR_CONFLICT,
                       "every step of task %s is done; it cannot be cancelled "
                       "any more",
                       next->id);
    }
    memcpy(next->sentence, ending->sentence, sizeof(next->sentence));
    return 0;
}

static int decide_fail(void *arg, struct task *task, struct task_record *next,
                       struct task_writes *writes, struct err *err)
{
    const struct ending *ending = arg;
    (void)writes;
    (void)err;
    if (task_state_ended(next->state))
        return TASK_UNCHANGED;
    end_record(next, task->private_data->tasks, TASK_FAILED);
    memcpy(next->code, ending->code, sizeof(next->code));
    memcpy(next->sentence, ending->sentence, sizeof(next->sentence));
    return 0;
}

static void ended(void *arg, struct task *task, const struct err *err)
{
    struct ending *ending = arg;
    if (ending->changed)
        ending->changed(ending->arg, task, err);
    free(ending);
}

void task_fail(struct tasks *tasks, struct task *task, const char *code,
               const char *format, ...)
{
    struct ending *ending = calloc(1, sizeof(*ending));
    va_list args;
    if (!ending) {
        log_error("There is no memory to end task %s", task->now.id);
        return;
    }
    snprintf(ending->code, sizeof(ending->code), "%s", code);
    va_start(args, format);
    vsnprintf(ending->sentence, sizeof(ending->sentence), format, args);
    va_end(args);
    task_insist(tasks, task, decide_fail, ended, ending);
}

struct no_task {
    struct err err;
    task_changed *changed;
    void *arg;
};

static void tell_no_task(void *arg)
{
    struct no_task *none = arg;
    none->changed(none->arg, NULL, &none->err);
    free(none);
}

void task_cancel(struct tasks *tasks, const char *id, const char *by,
                 task_changed *changed, void *arg)
{
    struct task *task = task_find(tasks, id);
    if (task) {
        struct ending *ending = calloc(1, sizeof(*ending));
        if (!ending)
            return;
        ending->changed = changed;
        ending->arg = arg;
        snprintf(ending->sentence, sizeof(ending->sentence),
                 "cancelled by %.80s", by);
        task_change(tasks, task, decide_cancel, ended, ending);
        return;
    }
    struct no_task *none = calloc(1, sizeof(*none));
    if (!none)
        return;
    none->changed = changed;
    none->arg = arg;
    (void)err_set(&none->err, ERR_NOT_FOUND, "there is no active task '%.40s'",
                  id);
    if (loop_post(tasks->deploy->loop, tell_no_task, none))
        tell_no_task(none);
}
