/* SPDX-License-Identifier: Apache-2.0 */
#include "core/server/tasks/task-secret.h"

#include <stdio.h>
#include <string.h>

#include "core/profile/secret.h"
#include "core/util/log.h"
#include "core/util/secret-memory.h"

/* ---- at the start ---- */

struct checking {
    const struct deploy *deploy;
    const struct host *host;
    size_t step;
};

static bool tier_suffices(const char *tier, const char *least)
{
    return strcmp(least, "console") != 0 || strcmp(tier, "console") == 0;
}

static int check_use(void *arg, const char *name, struct err *err)
{
    const struct checking *c = arg;
    const char *least = c->deploy->secret_tier(c->deploy->arg, name);
    if (!least)
        return err_set(err, ERR_INVALID,
                       "$.steps[%zu].with: there is no secret '%s'; 'slipway "
                       "secret set %s' makes it",
                       c->step, name, name);
    if (tier_suffices(c->host->tier, least))
        return 0;
    return err_set(err, ERR_DENIED,
                   "$.steps[%zu].with: secret '%s' is only for machines of "
                   "tier '%s' but host '%s' has tier '%s'; 'slipway host "
                   "change %s --tier %s' changes that",
                   c->step, name, least, c->host->name, c->host->tier,
                   c->host->name, least);
}

int task_secret_check(const struct deploy *deploy,
                      const struct profile *profile, const struct host *host,
                      struct err *err)
{
    struct checking c = {deploy, host, 0};
    int code = 0;
    for (; !code && c.step < profile->step_count; c.step++)
        code = secret_uses(profile->steps[c.step].with, check_use, &c, err);
    return code;
}

/* ---- on the way out ---- */

struct filling {
    const struct deploy *deploy;
    const char *tier;
};

static char *value_for(void *arg, const char *name, struct err *err)
{
    const struct filling *f = arg;
    const char *least = f->deploy->secret_tier(f->deploy->arg, name);
    if (least && !tier_suffices(f->tier, least)) {
        (void)err_set(err, ERR_DENIED,
                      "secret '%s' is now only for machines of tier '%s' and "
                      "this one has tier '%s'",
                      name, least, f->tier);
        return NULL;
    }
    return f->deploy->secret_value(f->deploy->arg, name, err);
}

bool task_secret_in(const char *plan_text)
{
    char name[SECRET_NAME_BYTES];
    const char *rest;
    return secret_find(plan_text, name, &rest) != NULL;
}

static int fill_plan(const struct deploy *deploy, struct plan *plan,
                     struct err *err)
{
    struct filling f = {deploy, plan->tier};
    for (size_t i = 0; i < plan->step_count; i++) {
        json_t *with = secret_fill(plan->steps[i].with, value_for, &f, err);
        if (!with)
            return err_prefix(err, "step %zu: ", i + 1);
        json_decref(plan->steps[i].with);
        plan->steps[i].with = with;
    }
    return 0;
}

int task_secret_fill(const struct deploy *deploy, const char *plan_text,
                     const char *plan_signature, struct task_filled *ret,
                     struct err *err)
{
    AUTO_PLAN *plan = NULL;
    if (ret->text && strcmp(ret->source, plan_signature) == 0)
        return 0;
    task_secret_forget(ret);
    int code = plan_parse(plan_text, strlen(plan_text), &plan, err);
    if (!code)
        code = fill_plan(deploy, plan, err);
    if (code)
        return code;
    AUTO_FREE char *text = plan_format(plan);
    size_t length = text ? strlen(text) : 0;
    if (text) {
        ret->text = secret_copy(text, length);
        secret_wipe(text, length);
    }
    if (!ret->text || length > PLAN_MAX_BYTES) {
        task_secret_forget(ret);
        return err_set(err, ERR_TOO_BIG,
                       "the plan is too long with its secrets");
    }
    code = plan_sign(ret->text, deploy->signing, ret->signature, err);
    if (code)
        task_secret_forget(ret);
    else
        snprintf(ret->source, sizeof(ret->source), "%s", plan_signature);
    return code;
}

void task_secret_forget(struct task_filled *filled)
{
    secret_free(filled->text);
    *filled = (struct task_filled){NULL, "", ""};
}

/* ---- on the way back ---- */

struct redacting {
    const struct deploy *deploy;
    struct message_report *report;
    bool own; /* the result is a copy already */
};

static void redact_result(struct redacting *r, const char *value)
{
    struct message_report *report = r->report;
    if (!r->own) {
        json_t *copy = json_deep_copy(report->result);
        json_decref(report->result);
        report->result = copy; /* no memory: rather no result */
        r->own = true;
    }
    if (report->result && secret_redact(&report->result, value)) {
        json_decref(report->result);
        report->result = NULL;
    }
}

static int redact_use(void *arg, const char *name, struct err *err)
{
    struct redacting *r = arg;
    char *value = r->deploy->secret_value(r->deploy->arg, name, err);
    if (!value)
        return 0; /* it was deleted: nothing knows it any more */
    AUTO_FREE char *text = secret_redact_text(r->report->text, value);
    if (text)
        snprintf(r->report->text, sizeof(r->report->text), "%s", text);
    if (r->report->result)
        redact_result(r, value);
    secret_free(value);
    return 0;
}

void task_secret_redact(const struct deploy *deploy,
                        const struct profile *profile,
                        struct message_report *report)
{
    struct redacting r = {deploy, report, false};
    for (size_t i = 0; i < profile->step_count; i++)
        (void)secret_uses(profile->steps[i].with, redact_use, &r, NULL);
}
