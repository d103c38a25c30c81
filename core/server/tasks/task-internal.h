/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of tasks share; nobody else includes this. */
#ifndef CORE_SERVER_TASKS_TASK_INTERNAL_H
#define CORE_SERVER_TASKS_TASK_INTERNAL_H

#include "core/server/store/table.h"
#include "core/server/tasks/task.h"

/* A queued change; see task_change. */
struct task_op {
    struct task_op *next;
    task_decide *decide;
    task_changed *changed;
    void *arg;
    bool insist; /* tried again while the store is away */
};

struct task_private {
    struct tasks *tasks;
    struct task_op *first; /* being made or next */
    struct task_op *last;
    bool writing;
    struct task_record *next;   /* what is being written */
    struct loop_timer *pump;    /* runs the queue, also after a pause */
    struct loop_timer *silence; /* running, cancelling: nothing heard */
    struct loop_timer *leaving; /* leaving: until it is over */
    uint64_t heard_ms;
    unsigned boots; /* engine boots since it was armed, without session */
    bool losing;    /* a lost session is queued or being written */
};

struct tasks {
    const struct deploy *deploy;
    struct hosts *hosts;
    struct table by_id;
    struct table by_host;
    uint64_t epoch;
    char server_key[64]; /* "/v1/server/<id>" */
    task_moved *moved;
    void *moved_arg;
};

void task_record_copy(struct task_record *to, const struct task_record *from);
int64_t tasks_wall_s(const struct tasks *tasks);

/* Enters a task whose record (taken) is in the store; NULL = no memory, the
 * record is then released. */
struct task *task_enter(struct tasks *tasks, struct task_record *record,
                        uint64_t revision);
/* Like task_change, and tried again for as long as the store is away. */
void task_insist(struct tasks *tasks, struct task *task, task_decide *decide,
                 task_changed *changed, void *arg);
/* Adds the check that no other server took our place. */
void task_write_fence(const struct tasks *tasks, struct store_change *change);

/* What its state asks for: arming, watching for silence, ending leaving. */
void task_settle(struct tasks *tasks, struct task *task);
/* Tells everybody of a transition: "task-state" or "task-step". */
void task_tell(struct tasks *tasks, const struct task_record *record,
               const char *event);

#endif
