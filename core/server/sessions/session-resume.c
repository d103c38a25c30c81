/* SPDX-License-Identifier: Apache-2.0 */
/* An engine that was out of reach for so long that its session was given up
 * comes back: nothing it did is wrong, so it goes on. */
#include <string.h>

#include "core/server/sessions/session-internal.h"
#include "core/util/log.h"

struct resuming {
    struct sessions *sessions;
    char session[MESSAGE_ID_BYTES];
    void (*over)(void *arg);
    void *arg;
};

struct task *session_lost_task(const struct session *session)
{
    const struct sessions *sessions = session->private_data->sessions;
    struct task *task = task_find(sessions->tasks, session->task);
    return task && task_armed(task) && session->ended && !session->frozen &&
                   strcmp(task->now.session, session->id) == 0
               ? task
               : NULL;
}

static int decide_resume(void *arg, struct task *task, struct task_record *next,
                         struct task_writes *writes, struct err *err)
{
    const struct resuming *r = arg;
    (void)task;
    (void)writes;
    if (strcmp(next->session, r->session) != 0)
        return err_set(err, ERR_CONFLICT, "another engine has begun");
    if (next->state != TASK_ARMED) /* two of its requests came at once */
        return TASK_UNCHANGED;
    next->state = TASK_RUNNING;
    return 0;
}

static void resumed(void *arg, struct task *task, const struct err *err)
{
    struct resuming *r = arg;
    struct session *s = session_find(r->sessions, r->session);
    if (!err && s) {
        s->ended = false;
        loop_timer_cancel(s->private_data->forget);
        s->private_data->forget = NULL;
        log_notice("The engine of host '%s' is there again and goes on",
                   task->now.host_name);
    }
    if (s)
        session_answer(s);
    if (r->over)
        r->over(r->arg);
    free(r);
}

void session_resume(struct session *session, struct task *task,
                    void (*over)(void *arg), void *arg)
{
    struct sessions *sessions = session->private_data->sessions;
    struct resuming *r = calloc(1, sizeof(*r));
    if (!r) {
        if (over)
            over(arg);
        return;
    }
    *r = (struct resuming){.sessions = sessions, .over = over, .arg = arg};
    memcpy(r->session, session->id, sizeof(r->session));
    task_change(sessions->tasks, task, decide_resume, resumed, r);
}
