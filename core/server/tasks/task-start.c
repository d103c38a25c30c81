/* SPDX-License-Identifier: Apache-2.0 */
/* How a task comes into being: everything that can be refused is refused
 * before anything is written, and names are resolved to digests once. */
#include <stdio.h>
#include <string.h>

#include "core/profile/check.h"
#include "core/profile/expand.h"
#include "core/profile/match.h"
#include "core/server/tasks/task-internal.h"
#include "core/server/tasks/task-secret.h"
#include "core/util/json.h"
#include "core/util/log.h"

static int tier_rank(const char *tier)
{
    return strcmp(tier, "console") == 0 ? 1 : 0;
}

/* --- checks ------------------------------------------------------------- */

static int resolve_image(struct tasks *tasks, struct task_record *record,
                         const struct host *host, uint32_t step,
                         const struct param *param, const char *reference,
                         struct err *err)
{
    const struct deploy *deploy = tasks->deploy;
    bool blob = param->type == SLIPWAY_PARAM_BLOB;
    char tier[16] = "network";
    if (record->image_count == ARRAY_LENGTH(record->images))
        return err_set(err, ERR_TOO_BIG, "a task may use at most %zu images",
                       ARRAY_LENGTH(record->images));
    struct task_image *image = &record->images[record->image_count];
    int code = deploy->image(deploy->arg, reference, blob ? "blob" : "disk",
                             &image->manifest, tier, err);
    if (code)
        return err ? err_prefix(err, "$.steps[%u].with.%s: ", step, param->name)
                   : code;
    if (tier_rank(host->tier) < tier_rank(tier))
        return err_set(err, ERR_DENIED,
                       "image '%s' is only for machines of tier '%s' but host "
                       "'%s' has tier '%s'; 'slipway host change %s --tier %s' "
                       "changes that",
                       reference, tier, host->name, host->tier, host->name,
                       tier);
    if (strlen(reference) >= sizeof(image->reference) ||
        strlen(param->name) >= sizeof(image->param))
        return err_set(err, ERR_TOO_BIG,
                       "the image's name '%.40s...' is too "
                       "long",
                       reference);
    image->step = step;
    memcpy(image->param, param->name, strlen(param->name) + 1);
    memcpy(image->reference, reference, strlen(reference) + 1);
    record->image_count++;
    return 0;
}

/* Images and secrets of one step. */
static int resolve_step(struct tasks *tasks, struct task_record *record,
                        const struct host *host, uint32_t i, struct err *err)
{
    const struct deploy *deploy = tasks->deploy;
    const struct profile_step *step = &record->profile->steps[i];
    const struct param_table *table;
    uint64_t timeout_ms;
    int code =
        deploy->action(deploy->arg, step->action, &table, &timeout_ms, err);
    for (size_t k = 0; !code && k < table->count; k++) {
        const struct param *param = &table->items[k];
        const char *text =
            json_string_value(json_object_get(step->with, param->name));
        if (!text)
            text = param->default_text;
        if (!text)
            continue;
        if (param->type == SLIPWAY_PARAM_SECRET && tier_rank(host->tier) == 0)
            code = err_set(err, ERR_DENIED,
                           "$.steps[%u].with.%s is a secret, which is only "
                           "for machines of tier 'console', but host '%s' has "
                           "tier '%s'",
                           i, param->name, host->name, host->tier);
        else if (param->type == SLIPWAY_PARAM_IMAGE ||
                 param->type == SLIPWAY_PARAM_BLOB)
            code = resolve_image(tasks, record, host, i, param, text, err);
    }
    return code;
}

static int check_gates(const struct task_start *start, struct err *err)
{
    const struct host *host = start->host;
    const struct match_facts facts = {
        .host_name = host->name,
        .arch = host->arch,
        .vendor = json_string_value(json_object_get(host->facts, "vendor")),
        .product = json_string_value(json_object_get(host->facts, "product")),
        .labels = host->labels,
    };
    return match_check(start->profile, &facts, false, err);
}

static int expand(const struct task_start *start, struct profile **ret,
                  struct err *err)
{
    const struct host *host = start->host;
    const struct expand_host values = {
        .id = host->id,
        .name = host->name,
        .uuid = host->uuid,
        .mac = host->mac_count ? host->macs[0] : "",
        .arch = host->arch,
        .address = host->reserved_address,
        .labels = host->labels,
    };
    return expand_profile(start->profile, &values, ret, err);
}

/* Fills a record, or says why the task cannot be. */
static int prepare(struct tasks *tasks, const struct task_start *start,
                   struct task_record *ret, struct err *err)
{
    const struct deploy *deploy = tasks->deploy;
    const struct profile_world world = {deploy->arg, deploy->action,
                                        deploy->transport_known};
    const struct task *active = task_of_host(tasks, start->host->id);
    if (active)
        return err_set(err, ERR_CONFLICT,
                       "host '%s' has the active task %s (%s); wait for it or "
                       "cancel it",
                       start->host->name, active->now.id,
                       task_state_word(active->now.state));
    int code = check_gates(start, err);
    if (!code)
        code = expand(start, &ret->profile, err);
    if (!code)
        code = profile_check(ret->profile, &world, err);
    if (!code)
        code = task_secret_check(deploy, ret->profile, start->host, err);
    for (uint32_t i = 0; !code && i < ret->profile->step_count; i++)
        code = resolve_step(tasks, ret, start->host, i, err);
    return code;
}

int task_start_check(struct tasks *tasks, const struct task_start *start,
                     struct err *err)
{
    struct task_record *record = calloc(1, sizeof(*record));
    if (!record)
        return err_set(err, ERR_NO_MEMORY, "out of memory for a task");
    int code = prepare(tasks, start, record, err);
    task_record_done(record);
    free(record);
    return code;
}

/* --- start -------------------------------------------------------------- */

struct starting {
    struct tasks *tasks;
    struct task_record record;
    struct err failure;
    task_started *started;
    void *arg;
};

static void starting_end(struct starting *s, const struct task *task,
                         const struct err *err)
{
    s->started(s->arg, task, err);
    task_record_done(&s->record);
    free(s);
}

static void start_failed(void *arg)
{
    struct starting *s = arg;
    starting_end(s, NULL, &s->failure);
}

static void start_written(void *arg, uint64_t revision, const struct err *err)
{
    struct starting *s = arg;
    struct err why = ERR_INIT;
    if (err) {
        why = *err;
        if (why.code == ERR_CONFLICT)
            (void)err_set(&why, ERR_CONFLICT,
                          "host '%s' has just got another task, or this "
                          "server was replaced by another; nothing was started",
                          s->record.host_name);
        starting_end(s, NULL, &why);
        return;
    }
    struct task_record record;
    task_record_copy(&record, &s->record);
    struct task *task = task_enter(s->tasks, &record, revision);
    if (!task) {
        (void)err_set(&why, ERR_NO_MEMORY,
                      "out of memory; task %s goes on after a restart",
                      s->record.id);
        starting_end(s, NULL, &why);
        return;
    }
    task_tell(s->tasks, &task->now, "task-state");
    task_settle(s->tasks, task);
    starting_end(s, task, NULL);
}

static void fill(struct starting *s, const struct task_start *start)
{
    struct task_record *r = &s->record;
    const struct seam *seam = loop_seam(s->tasks->deploy->loop);
    uint8_t random[16];
    if (start->id) {
        snprintf(r->id, sizeof(r->id), "%s", start->id);
    } else {
        seam->random(seam->context, random, sizeof(random));
        hex_format(random, sizeof(random), r->id);
    }
    snprintf(r->host_id, sizeof(r->host_id), "%s", start->host->id);
    snprintf(r->host_name, sizeof(r->host_name), "%s", start->host->name);
    snprintf(r->batch, sizeof(r->batch), "%s", start->batch);
    snprintf(r->by, sizeof(r->by), "%.79s", start->by);
    r->state = TASK_QUEUED;
    r->attempt = 1;
    r->epoch = s->tasks->epoch;
    r->created_s = tasks_wall_s(s->tasks);
}

static void start_write(struct starting *s)
{
    char key[64], active[64];
    snprintf(key, sizeof(key), "/v1/task/%s", s->record.id);
    snprintf(active, sizeof(active), "/v1/active/%s", s->record.host_id);
    struct store_change changes[3] = {
        {STORE_CHANGE_PUT, key, task_record_format(&s->record), STORE_NEW},
        {STORE_CHANGE_PUT, active,
         json_pack("{s:i, s:s}", "schema", 1, "task", s->record.id), STORE_NEW},
    };
    task_write_fence(s->tasks, &changes[2]);
    store_apply(s->tasks->deploy->store, changes, 3, start_written, s);
}

void task_start(struct tasks *tasks, const struct task_start *start,
                task_started *started, void *arg)
{
    struct starting *s = calloc(1, sizeof(*s));
    if (!s) {
        struct err err = ERR_INIT;
        (void)err_set(&err, ERR_NO_MEMORY, "out of memory for a task");
        started(arg, NULL, &err);
        return;
    }
    s->tasks = tasks;
    s->started = started;
    s->arg = arg;
    if (prepare(tasks, start, &s->record, &s->failure)) {
        if (loop_post(tasks->deploy->loop, start_failed, s))
            start_failed(s);
        return;
    }
    fill(s, start);
    start_write(s);
}
