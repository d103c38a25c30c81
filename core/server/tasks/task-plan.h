/* SPDX-License-Identifier: Apache-2.0 */
/* From a task to the signed plan of its attempt. */
#ifndef CORE_SERVER_TASKS_TASK_PLAN_H
#define CORE_SERVER_TASKS_TASK_PLAN_H

#include "core/server/tasks/task.h"

/*
 * Composes and signs the plan of this attempt for an engine of `machine` on
 * `tier`: {"text", "signature"}.  Fails when an action is not there for that
 * machine.
 */
int task_plan_compose(struct tasks *tasks, const struct task_record *record,
                      const char *machine, const char *tier, json_t **ret_plan,
                      struct err *err);
/* The parts of such a plan; borrowed; "" when there is none. */
const char *task_plan_text(const json_t *plan);
const char *task_plan_signature(const json_t *plan);

#endif
