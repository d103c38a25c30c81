/* SPDX-License-Identifier: Apache-2.0 */
#include "core/engine/runner.h"

#include <stdio.h>
#include <string.h>

#include "core/engine/actions/action-host.h"
#include "core/util/file.h"
#include "core/util/log.h"

#define REPORT_PROGRESS_EVERY_MS 500
#define MAX_LOG_REPORTS 200 /* of one task: the rest is on the console only */

struct runner {
    struct runner_setup setup;
    void (*done)(void *arg, const struct runner_end *end);
    void *arg;
    size_t step;
    struct session_fetch *fetch;
    struct action_host *host;
    struct loop_timer *next; /* starts a step, or ends */
    bool cancelled;
    uint64_t reported_ms;
    unsigned log_reports;
    struct runner_end end;
};

static const struct plan_step *current(const struct runner *runner)
{
    return &runner->setup.plan->steps[runner->step];
}

static void report(struct runner *runner, struct message_report *report)
{
    const struct plan *plan = runner->setup.plan;
    struct err err = ERR_INIT;

    (void)snprintf(report->task, sizeof(report->task), "%s", plan->task);
    report->attempt = plan->attempt;
    if (session_report(runner->setup.session, report, &err) < 0) {
        /* Out of memory: the server will see the session end instead. */
        log_error("a report is lost: %s", err.text);
        message_report_done(report);
    }
}

static void end_runner(void *arg)
{
    struct runner *runner = arg;

    runner->next = NULL;
    runner->done(runner->arg, &runner->end);
}

static void start_step(void *arg);

static void schedule(struct runner *runner, void (*fn)(void *arg))
{
    loop_timer_cancel(runner->next);
    runner->next = loop_timer(runner->setup.loop, 0, fn, runner);
}

static void fail_step(struct runner *runner, int code, const char *sentence,
                      json_t *result)
{
    struct message_report m = {.kind = MESSAGE_STEP_FAILED,
                               .step = (uint32_t)runner->step};

    (void)snprintf(m.code, sizeof(m.code), "%s", err_word(code));
    (void)snprintf(m.text, sizeof(m.text), "%s", sentence);
    m.result = json_incref(result);
    console_trouble(runner->setup.console, sentence,
                    code == ERR_CANCELLED
                        ? NULL
                        : "the task has failed; its record on the server says "
                          "the same");
    report(runner, &m);
    runner->end.failed = true;
    runner->end.cancelled = code == ERR_CANCELLED;
    (void)snprintf(runner->end.sentence, sizeof(runner->end.sentence), "%s",
                   sentence);
    schedule(runner, end_runner);
}

static void on_progress(void *arg, unsigned permille, const char *text,
                        uint64_t bytes_done, uint64_t bytes_total)
{
    struct runner *runner = arg;
    uint64_t now_ms = loop_now_ms(runner->setup.loop);
    struct message_report m = {.kind = MESSAGE_PROGRESS,
                               .step = (uint32_t)runner->step,
                               .permille = permille,
                               .bytes_done = bytes_done,
                               .bytes_total = bytes_total};

    console_progress(runner->setup.console, current(runner)->action, permille,
                     text, bytes_done, bytes_total);
    if (now_ms - runner->reported_ms < REPORT_PROGRESS_EVERY_MS)
        return;
    runner->reported_ms = now_ms;
    (void)snprintf(m.text, sizeof(m.text), "%s", text);
    report(runner, &m);
}

static void on_note(void *arg, unsigned level, const char *text)
{
    static const char *const words[] = {"error", "warn", "notice", "info",
                                        "debug"};
    struct runner *runner = arg;
    struct message_report m = {.kind = MESSAGE_LOG,
                               .step = (uint32_t)runner->step};

    level = MIN(level, (unsigned)LOG_DEBUG);
    if (level < LOG_DEBUG)
        console_say(runner->setup.console, "%s: %s", current(runner)->action,
                    text);
    if (level > LOG_NOTICE || runner->log_reports++ >= MAX_LOG_REPORTS)
        return;
    (void)snprintf(m.level, sizeof(m.level), "%s", words[level]);
    (void)snprintf(m.text, sizeof(m.text), "%s", text);
    report(runner, &m);
}

static void on_checkpoint(void *arg, json_t *checkpoint)
{
    struct runner *runner = arg;
    struct message_report m = {.kind = MESSAGE_CHECKPOINT,
                               .step = (uint32_t)runner->step,
                               .result = checkpoint};

    report(runner, &m);
}

static void on_action_done(void *arg, const struct action_end *end)
{
    struct runner *runner = arg;
    struct message_report m = {.kind = MESSAGE_STEP_DONE,
                               .step = (uint32_t)runner->step};
    struct action_host *host = TAKE(runner->host);

    if (end->has_disk) {
        const struct disk *disk = &runner->setup.target->disks.disks[end->disk];
        (void)snprintf(runner->end.disk_node, sizeof(runner->end.disk_node),
                       "%s", disk->node);
    }
    if (end->code != 0) {
        fail_step(runner, end->code, end->sentence, end->result);
    } else {
        if (end->skipped) {
            console_say(runner->setup.console, "step %zu, %s: skipped, %s",
                        runner->step + 1, current(runner)->action,
                        end->sentence);
            (void)json_object_set_new(end->result, "skipped",
                                      json_string(end->sentence));
        } else {
            console_progress(runner->setup.console, current(runner)->action,
                             1000, "done", 0, 0);
        }
        m.result = json_incref(end->result);
        report(runner, &m);
        runner->step++;
        schedule(runner, start_step);
    }
    action_host_free(host);
}

static void on_plugin(void *arg, const uint8_t *data, size_t length,
                      const char *signature, const struct err *fetch_err)
{
    static const struct action_handlers handlers = {on_progress, on_note,
                                                    on_checkpoint,
                                                    on_action_done};
    struct runner *runner = arg;
    struct err err = ERR_INIT;

    (void)signature; /* its digest stands in the signed plan */
    runner->fetch = NULL;
    if (!data) {
        fail_step(runner, fetch_err->code, fetch_err->text, NULL);
        return;
    }
    struct action_spec spec = {
        .loop = runner->setup.loop,
        .target = runner->setup.target,
        .session = runner->setup.session,
        .trust = runner->setup.trust,
        .plan = runner->setup.plan,
        .step = runner->step,
        .checkpoint = runner->setup.checkpoint,
        .plugin_fd = file_sealed_memfd("slipway-plugin", data, length, &err),
    };
    if (spec.plugin_fd >= 0)
        runner->host = action_host_start(&spec, &handlers, runner, &err);
    if (!runner->host)
        fail_step(runner, err.code, err.text, NULL);
}

static void start_step(void *arg)
{
    struct runner *runner = arg;
    struct message_report m = {.kind = MESSAGE_STEP_STARTED,
                               .step = (uint32_t)runner->step};
    struct err err = ERR_INIT;

    runner->next = NULL;
    if (runner->step == runner->setup.plan->step_count) {
        end_runner(runner);
        return;
    }
    if (runner->cancelled) {
        fail_step(runner, ERR_CANCELLED, "the task was cancelled", NULL);
        return;
    }
    console_say(runner->setup.console, "step %zu of %zu: %s", runner->step + 1,
                runner->setup.plan->step_count, current(runner)->action);
    report(runner, &m);
    if (session_fetch(runner->setup.session, SESSION_PLUGIN,
                      &current(runner)->plugin, on_plugin, runner,
                      &runner->fetch, &err) < 0)
        fail_step(runner, err.code, err.text, NULL);
}

struct runner *runner_new(const struct runner_setup *setup,
                          void (*done)(void *arg, const struct runner_end *end),
                          void *arg, struct err *err)
{
    struct runner *runner = calloc(1, sizeof(*runner));

    if (!runner) {
        (void)err_set(err, ERR_NO_MEMORY, "not enough memory for the plan");
        return NULL;
    }
    runner->setup = *setup;
    runner->done = done;
    runner->arg = arg;
    schedule(runner, start_step);
    return runner;
}

void runner_cancel(struct runner *runner)
{
    if (runner->cancelled)
        return;
    runner->cancelled = true;
    console_say(runner->setup.console, "the server cancels this task");
    if (runner->host)
        action_host_cancel(runner->host);
    if (!runner->fetch)
        return;
    session_fetch_cancel(runner->fetch);
    runner->fetch = NULL;
    fail_step(runner, ERR_CANCELLED, "the task was cancelled", NULL);
}

void runner_servers_changed(struct runner *runner)
{
    if (runner->host)
        action_host_servers_changed(runner->host);
}

void runner_free(struct runner *runner)
{
    if (!runner)
        return;
    loop_timer_cancel(runner->next);
    session_fetch_cancel(runner->fetch);
    action_host_free(runner->host);
    free(runner);
}
