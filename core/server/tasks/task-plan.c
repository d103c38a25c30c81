/* SPDX-License-Identifier: Apache-2.0 */
#include "core/server/tasks/task-plan.h"

#include <stdio.h>
#include <string.h>

#include "core/server/tasks/task-internal.h"
#include "core/util/json.h"

static int add_step(const struct tasks *tasks, const struct task_record *record,
                    const char *machine, uint32_t i, struct plan_step *ret,
                    struct err *err)
{
    const struct deploy *deploy = tasks->deploy;
    const struct profile_step *step = &record->profile->steps[i];
    const struct param_table *table;
    uint64_t timeout_ms = 0;
    int code =
        deploy->action(deploy->arg, step->action, &table, &timeout_ms, err);
    if (!code)
        code = deploy->action_digest(deploy->arg, step->action, machine,
                                     &ret->plugin, err);
    if (code)
        return code;
    memcpy(ret->action, step->action, sizeof(ret->action));
    ret->with = json_incref(step->with);
    ret->timeout_ms = step->timeout_ms ? step->timeout_ms : timeout_ms;
    for (size_t k = 0; k < record->image_count; k++) {
        const struct task_image *image = &record->images[k];
        if (image->step != i)
            continue;
        if (ret->image_count == PLAN_MAX_IMAGES)
            return err_set(err, ERR_TOO_BIG, "step %u uses more than %d images",
                           i + 1, PLAN_MAX_IMAGES);
        struct plan_image *to = &ret->images[ret->image_count++];
        memcpy(to->param, image->param, sizeof(to->param));
        to->manifest = image->manifest;
    }
    return 0;
}

static int fill(struct tasks *tasks, const struct task_record *record,
                const char *machine, const char *tier, struct plan *plan,
                struct err *err)
{
    const struct deploy *deploy = tasks->deploy;
    const struct profile *profile = record->profile;
    snprintf(plan->site, sizeof(plan->site), "%s", deploy->site_id);
    memcpy(plan->task, record->id, sizeof(plan->task));
    plan->attempt = record->attempt;
    memcpy(plan->host_id, record->host_id, sizeof(plan->host_id));
    memcpy(plan->host_name, record->host_name, sizeof(plan->host_name));
    plan->epoch = tasks->epoch;
    plan->not_after_s = tasks_wall_s(tasks) + TASK_PLAN_LIFE_S;
    snprintf(plan->tier, sizeof(plan->tier), "%s", tier);
    plan->server_count = MIN(deploy->server_count, MESSAGE_MAX_SERVERS);
    memcpy(plan->servers, deploy->servers,
           plan->server_count * sizeof(plan->servers[0]));
    plan->transport_count = profile->transport_count;
    memcpy(plan->transport, profile->transport, sizeof(plan->transport));
    memcpy(plan->then, profile->then, sizeof(plan->then));
    plan->kexec = profile->kexec;
    for (uint32_t i = 0; i < profile->step_count; i++) {
        int code = add_step(tasks, record, machine, i, &plan->steps[i], err);
        plan->step_count = i + 1;
        if (code)
            return code;
    }
    return 0;
}

int task_plan_compose(struct tasks *tasks, const struct task_record *record,
                      const char *machine, const char *tier, json_t **ret_plan,
                      struct err *err)
{
    char signature[MESSAGE_SIGNATURE_BYTES];
    AUTO_PLAN *plan = plan_new();
    if (!plan)
        return err_set(err, ERR_NO_MEMORY, "out of memory for a plan");
    int code = fill(tasks, record, machine, tier, plan, err);
    if (code)
        return code;
    AUTO_FREE char *text = plan_format(plan);
    if (!text)
        return err_set(err, ERR_NO_MEMORY, "out of memory for a plan");
    code = plan_sign(text, tasks->deploy->signing, signature, err);
    if (code)
        return code;
    *ret_plan = json_pack("{s:s, s:s}", "text", text, "signature", signature);
    return *ret_plan ? 0 : err_set(err, ERR_NO_MEMORY, "out of memory");
}

const char *task_plan_text(const json_t *plan)
{
    const char *text = json_string_value(json_object_get(plan, "text"));
    return text ? text : "";
}

const char *task_plan_signature(const json_t *plan)
{
    const char *text = json_string_value(json_object_get(plan, "signature"));
    return text ? text : "";
}
