/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where secrets and tasks meet: refused at the start, filled into the plan in
 * memory when it is handed out, taken out of everything that comes back.
 * Nothing that is stored, logged or told ever has a value in it.
 */
#ifndef CORE_SERVER_TASKS_TASK_SECRET_H
#define CORE_SERVER_TASKS_TASK_SECRET_H

#include "core/server/deploy.h"
#include "core/server/tasks/task.h"

/* Every secret that the profile names exists and may be given to a machine of
 * this host's tier: ERR_INVALID and ERR_DENIED otherwise, with the path. */
int task_secret_check(const struct deploy *deploy,
                      const struct profile *profile, const struct host *host,
                      struct err *err);

/* A plan with its secrets, signed; `text` is wiped and freed by
 * task_secret_forget. */
struct task_filled {
    char *text;
    char signature[MESSAGE_SIGNATURE_BYTES];
    char source[MESSAGE_SIGNATURE_BYTES]; /* of the plan without secrets */
};

/* True when the text of a plan names secrets. */
bool task_secret_in(const char *plan_text);
/* Fills `ret` from a stored plan unless it holds that plan already. */
int task_secret_fill(const struct deploy *deploy, const char *plan_text,
                     const char *plan_signature, struct task_filled *ret,
                     struct err *err);
void task_secret_forget(struct task_filled *filled);

/* Puts "[secret]" in the place of every value that the task's profile names,
 * in the text and the result (an own copy) of a report. */
void task_secret_redact(const struct deploy *deploy,
                        const struct profile *profile,
                        struct message_report *report);

#endif
