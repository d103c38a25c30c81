/* SPDX-License-Identifier: Apache-2.0 */
/* From the last step to the end of the loop: the way out is prepared, then
 * reported, then the loop ends. */
#include <stdio.h>
#include <string.h>

#include "core/engine/engine-parts.h"

#define LAST_REPORT_MS (30u * 60 * 1000)
#define INVENTORY_MS 20000 /* a machine that was registered waits so long */

void engine_stop(struct engine *engine, const struct err *err)
{
    if (err && err->code != 0 && engine->err.code == 0) {
        engine->err = *err;
        console_trouble(engine->setup->console, err->text, NULL);
    }
    loop_stop(engine->loop);
}

static void on_pause_over(void *arg)
{
    struct engine *engine = arg;

    engine->last = NULL;
    engine_stop(engine, NULL);
}

static void on_all_reported(void *arg)
{
    struct engine *engine = arg;
    uint64_t pause_ms = engine->setup->failure_pause_ms;

    loop_timer_cancel(engine->last);
    engine->last = NULL;
    if (!engine->failed || pause_ms == 0) {
        engine_stop(engine, NULL);
        return;
    }
    console_say(engine->setup->console,
                "the server knows; this machine restarts in %llu s",
                (unsigned long long)(pause_ms / 1000));
    engine->last = loop_timer(engine->loop, pause_ms, on_pause_over, engine);
}

static void on_last_report_late(void *arg)
{
    struct engine *engine = arg;
    struct err err = ERR_INIT;

    engine->last = NULL;
    (void)err_set(&err, ERR_TIMEOUT,
                  "no server has taken the final report for %u minutes; this "
                  "machine leaves without it",
                  LAST_REPORT_MS / 60000);
    engine_stop(engine, &err);
}

void engine_last_report(struct engine *engine)
{
    engine->last =
        loop_timer(engine->loop, LAST_REPORT_MS, on_last_report_late, engine);
    session_when_reported(engine->session, on_all_reported, engine);
}

/* The final report. */
static void report_leaving(struct engine *engine, const struct handoff_way *way)
{
    struct message_report m = {.kind = MESSAGE_LEAVING};
    struct err err = ERR_INIT;

    (void)snprintf(m.task, sizeof(m.task), "%s", engine->plan->task);
    m.attempt = engine->plan->attempt;
    (void)snprintf(m.method, sizeof(m.method), "%s", handoff_word(way->method));
    if (way->failed)
        (void)snprintf(m.code, sizeof(m.code), "kexec-impossible");
    (void)snprintf(m.text, sizeof(m.text), "%s",
                   engine->sentence[0] ? engine->sentence : way->note);
    if (session_report(engine->session, &m, &err) < 0) {
        engine_stop(engine, &err);
        return;
    }
    engine_last_report(engine);
}

static void on_way(void *arg, const struct handoff_way *way)
{
    struct engine *engine = arg;

    engine->leave.method = way->method;
    if (way->failed) {
        engine->failed = true;
        console_trouble(engine->setup->console, way->note, NULL);
    } else {
        console_say(engine->setup->console, "%s", way->note);
    }
    report_leaving(engine, way);
}

/* How the plan wants the machine to be left, after it went as it went. */
static void choose_leave(struct engine *engine, const struct runner_end *end)
{
    struct handoff *leave = &engine->leave;

    if (handoff_parse(engine->plan->then, &leave->method, NULL) < 0)
        leave->method = HANDOFF_REBOOT;
    leave->try_kexec = engine->plan->kexec;
    (void)snprintf(leave->host_name, sizeof(leave->host_name), "%s",
                   engine->plan->host_name);
    /* After a failure the disk holds nothing that should be started by its
     * own entry; the server's answer at the next start decides. */
    if (!end->failed)
        (void)snprintf(leave->disk_node, sizeof(leave->disk_node), "%s",
                       end->disk_node);
    else if (leave->method == HANDOFF_FIRMWARE ||
             leave->method == HANDOFF_KEXEC)
        leave->method = HANDOFF_REBOOT;
}

void engine_leave(void *arg, const struct runner_end *end)
{
    struct engine *engine = arg;
    struct err err = ERR_INIT;

    engine->failed = end->failed;
    engine->leaving = true;
    (void)snprintf(engine->sentence, sizeof(engine->sentence), "%s",
                   end->sentence);
    choose_leave(engine, end);
    console_say(engine->setup->console, "%s",
                end->failed ? "the task has failed; reporting"
                            : "all steps are done; reporting");
    engine->preparing =
        handoff_prepare(engine->loop, &engine->leave, on_way, engine, &err);
    if (!engine->preparing)
        engine_stop(engine, &err);
}

void engine_go_local(struct engine *engine, const char *why)
{
    if (engine->plan || engine->leaving)
        return;
    engine->leaving = true;
    engine->leave.method = HANDOFF_FIRMWARE;
    console_say(engine->setup->console, "%s; this machine starts its own disk",
                why);
    if (!engine->inventoried) {
        engine_stop(engine, NULL);
        return;
    }
    engine->last =
        loop_timer(engine->loop, INVENTORY_MS, on_pause_over, engine);
    session_when_reported(engine->session, on_all_reported, engine);
}
