/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tasks: one profile applied to one host.
 *
 *   queued -> armed -> running -> leaving -> succeeded
 *                ^        |  \                failed
 *                +--lost--+   cancelling ->   cancelled
 *
 * Documents `/v1/task/<id>` and `/v1/active/<host>`.  Every transition is one
 * transaction that also checks `/v1/server/<id>`, which this process wrote when
 * it started: its revision is the epoch, and a server that was replaced can
 * write nothing more.  Changes of one task are queued and made one after the
 * other, each on the outcome of the one before; nothing is acted on or
 * answered before it is in the store.  Loop thread only.
 *
 * A session is lost when the host's firmware asks to boot again, or
 * TASK_SILENCE_MS after its last request; time in which this server was down
 * does not count.  An engine that was only out of reach and comes back before
 * another has begun goes on where it was, in the new attempt.
 */
#ifndef CORE_SERVER_TASKS_TASK_H
#define CORE_SERVER_TASKS_TASK_H

#include "core/profile/profile.h"
#include "core/server/deploy.h"
#include "core/server/hosts/host.h"

#define TASK_MAX_ATTEMPTS 3
#define TASK_SILENCE_MS (120 * 1000)
#define TASK_LEAVING_MS (30 * 1000)
/* How long a plan may be begun and an engine's session may last. */
#define TASK_PLAN_LIFE_S (24 * 3600)

enum task_state {
    TASK_QUEUED,     /* durable, not yet offered to the machine */
    TASK_ARMED,      /* the next boot loads the engine; tickets are issued */
    TASK_RUNNING,    /* an engine has a session */
    TASK_LEAVING,    /* the engine's final report is acknowledged */
    TASK_CANCELLING, /* the engine was or will be told to stop */
    TASK_SUCCEEDED,
    TASK_FAILED,
    TASK_CANCELLED,
};

enum task_step_state { STEP_WAITING, STEP_RUNNING, STEP_DONE, STEP_FAILED };

struct task_step {
    enum task_step_state state;
    int64_t started_s; /* 0 = not yet */
    int64_t ended_s;
    json_t *result; /* reference of what the step reported, or NULL */
};

struct task_image {
    uint32_t step;
    char param[PLAN_NAME_BYTES];
    char reference[80]; /* as the profile wrote it */
    struct digest manifest;
};

/* Everything durable about a task. */
struct task_record {
    char id[MESSAGE_ID_BYTES];
    char host_id[MESSAGE_ID_BYTES];
    char host_name[MESSAGE_NAME_BYTES]; /* as it was at the start */
    char batch[MESSAGE_ID_BYTES];       /* "" = none */
    char by[80];                        /* who started it */
    enum task_state state;
    uint32_t attempt; /* from 1 */
    uint32_t step;    /* index of the running or last step */
    uint64_t epoch;   /* of the server that wrote this */
    int64_t created_s;
    int64_t started_s;       /* first session; 0 = none yet */
    int64_t ended_s;         /* 0 = not ended */
    struct profile *profile; /* shared by reference count, expanded */
    struct task_step steps[MESSAGE_MAX_STEPS];
    struct task_image images[MESSAGE_MAX_STEPS];
    size_t image_count;
    char session[MESSAGE_ID_BYTES]; /* current or, when armed again, lost */
    uint64_t seq;                   /* newest report of it that counted */
    json_t *plan;  /* {"text", "signature"} of this attempt, or NULL */
    char code[32]; /* failed: "attempts-exhausted", ... */
    char sentence[MESSAGE_TEXT_BYTES]; /* failed: why; leaving: the note */
    char method[16];                   /* how the engine left, "" = not yet */
};

/* A new session begins: state, session and steps from the start, no plan yet.
 */
void task_record_begin(struct task_record *next, const char *session,
                       int64_t now_s);

/* Known of a running task, forgotten with the process. */
struct task_progress {
    uint32_t permille;
    uint64_t bytes_done;
    uint64_t bytes_total;
    char text[MESSAGE_TEXT_BYTES];
};

struct task {
    struct task_record now; /* what the store holds */
    uint64_t revision;
    struct task_progress progress;
    json_t *checkpoint; /* the newest that an engine reported, or NULL; for its
                           next attempt and for no one else */
    struct task_private *private_data; /* task.c */
};

struct tasks;

struct tasks *tasks_new(const struct deploy *deploy, struct hosts *hosts,
                        struct err *err);
void tasks_free(struct tasks *tasks);
/* Takes the epoch, reads active tasks and goes on with them. */
void tasks_load(struct tasks *tasks,
                void (*loaded)(void *arg, const struct err *err), void *arg);
uint64_t tasks_epoch(const struct tasks *tasks);
const struct deploy *tasks_deploy(const struct tasks *tasks);

/* Active tasks: by id, by host, in order of ids. */
struct task *task_find(const struct tasks *tasks, const char *id);
struct task *task_of_host(const struct tasks *tasks, const char *host_id);
struct task *task_next(const struct tasks *tasks, const char *after);

const char *task_state_word(enum task_state state);
bool task_state_ended(enum task_state state);
/* True while the task waits for its machine to load the engine. */
static inline bool task_armed(const struct task *task)
{
    return task->now.state == TASK_ARMED;
}

/* A document, and back.  `json` of REST is the document without the plan and
 * with progress. */
json_t *task_record_format(const struct task_record *record);
int task_record_parse(const json_t *json, struct task_record *ret,
                      struct err *err);
void task_record_done(struct task_record *record);
/* As REST shows it; `progress` of the running step, NULL = the task is over. */
json_t *task_json(const struct task_record *record,
                  const struct task_progress *progress);
/* How much of all its steps is done, 0..1000. */
unsigned task_permille(const struct task_record *record,
                       const struct task_progress *progress);

/* --- changes ------------------------------------------------------------ */

/* Further documents of one transaction, beside the task's own. */
#define TASK_MAX_WRITES 16
struct task_writes {
    struct store_change changes[TASK_MAX_WRITES];
    char keys[TASK_MAX_WRITES][96];
    size_t count;
};
/* Adds one; steals json. */
void task_write_put(struct task_writes *writes, json_t *json, uint64_t expected,
                    const char *format, ...) PRINTF(4, 5);
void task_write_delete(struct task_writes *writes, const char *format, ...)
    PRINTF(2, 3);

#define TASK_UNCHANGED 1 /* nothing to write: it is so already */

/*
 * Decides on the next state: `next` is a copy of task->now to be changed.
 * Returns 0 to write it, TASK_UNCHANGED, or an error code with its sentence.
 * Called when all earlier changes are in the store.
 */
typedef int task_decide(void *arg, struct task *task, struct task_record *next,
                        struct task_writes *writes, struct err *err);
/* `err` NULL: it is in the store.  The task may just have ended: it is freed
 * after this returns. */
typedef void task_changed(void *arg, struct task *task, const struct err *err);

/* Queues a change; `changed` may be NULL and never runs inside the call. */
void task_change(struct tasks *tasks, struct task *task, task_decide *decide,
                 task_changed *changed, void *arg);

/* Hears of every transition after it is in the store; `before` is the state
 * it came from.  One listener: the sessions. */
typedef void task_moved(void *arg, struct task *task, enum task_state before);
void tasks_listen(struct tasks *tasks, task_moved *moved, void *arg);

/* --- from outside ------------------------------------------------------- */

/* Completion of a start: NULL and why not, or the new task. */
typedef void task_started(void *arg, const struct task *task,
                          const struct err *err);

struct task_start {
    const struct profile *profile; /* checked; not expanded */
    const struct host *host;
    const char *batch; /* "" = none */
    const char *id;    /* an id chosen beforehand (a batch's), or NULL */
    const char *by;
};
/*
 * Starts a task: matches, expands, resolves images to digests, writes it and
 * arms it.  ERR_CONFLICT when the host has an active task or the id exists.
 */
void task_start(struct tasks *tasks, const struct task_start *start,
                task_started *started, void *arg);
/* Everything that can be said before something is written. */
int task_start_check(struct tasks *tasks, const struct task_start *start,
                     struct err *err);
/* Asks to stop; idempotent.  ERR_NOT_FOUND when it is not active. */
void task_cancel(struct tasks *tasks, const char *id, const char *by,
                 task_changed *changed, void *arg);
/*
 * The host's firmware asks to boot: what that means for its active task.
 * `again` is false for a further request of the same boot.  True when the
 * answer is to load the engine.
 */
bool task_firmware_boots(struct tasks *tasks, struct task *task, bool again);
/* How often the engine was loaded since the task is armed. */
unsigned task_boots(const struct task *task);
/* Ends an active task with a code and a sentence. */
void task_fail(struct tasks *tasks, struct task *task, const char *code,
               const char *format, ...) PRINTF(4, 5);
/* The engine's connection closed or its machine is gone: leaving is over. */
void task_left(struct tasks *tasks, struct task *task);
/* The session was heard of: its silence begins anew. */
void task_heard(struct task *task);

#endif
