/* SPDX-License-Identifier: Apache-2.0 */
/*
 *   find a server -> session -> plan -> steps -> final report -> out
 *
 * Whatever ends it says so on the console and in the hand-off.
 */
#include "core/engine/engine-parts.h"

#include <stdio.h>
#include <string.h>

#include "core/engine/session/hello.h"

#define PATIENCE_DEFAULT_MS (10u * 60 * 1000)
#define TROUBLE_EVERY_MS 10000

static int64_t engine_wall_s(void *arg)
{
    const struct engine *engine = arg;
    const struct seam *seam = loop_seam(engine->loop);

    return seam->wall_s(seam->context) + engine->clock_offset_s;
}

static void show_who(struct engine *engine)
{
    engine->who.name = engine->welcome.host_name;
    engine->who.product = engine->product;
    engine->who.mac = engine->found.mac;
    engine->who.address = engine->found.address;
    engine->who.server = engine->session ? session_server(engine->session) : "";
    console_who(engine->setup->console, &engine->who);
}

/* ---- the plan ---- */

/* The task's id of a plan that is not believed serves to say so, no more. */
static void report_refused_plan(struct engine *engine, const char *text,
                                const struct err *why)
{
    struct message_report m = {.kind = MESSAGE_STEP_FAILED};
    struct plan *plan = NULL;
    struct err err = ERR_INIT;

    if (plan_parse(text, strlen(text), &plan, NULL) < 0) {
        engine_stop(engine, why);
        return;
    }
    (void)snprintf(m.task, sizeof(m.task), "%s", plan->task);
    m.attempt = plan->attempt;
    plan_free(plan);
    (void)snprintf(m.code, sizeof(m.code), "%s", err_word(why->code));
    (void)snprintf(m.text, sizeof(m.text), "%s", why->text);
    engine->leaving = true;
    engine->failed = true;
    engine->err = *why;
    console_trouble(engine->setup->console, why->text,
                    "nothing was changed on this machine");
    if (session_report(engine->session, &m, &err) < 0) {
        engine_stop(engine, &err);
        return;
    }
    engine_last_report(engine);
}

static void start_plan(struct engine *engine, const struct message_plan *reply)
{
    const struct trust *trust = engine->setup->trust;
    struct plan_expect expect = {
        .site = trust->site,
        .host_id = engine->welcome.host_id[0] ? engine->welcome.host_id : NULL,
        .epoch = session_epoch(engine->session),
        .now_s = engine_wall_s(engine),
    };
    struct err err = ERR_INIT;

    if (plan_verify(reply->text, reply->signature, trust->signing_keys,
                    trust->signing_key_count, &expect, &engine->plan,
                    &err) < 0) {
        (void)err_prefix(&err, "the plan is refused: ");
        report_refused_plan(engine, reply->text, &err);
        return;
    }
    struct runner_setup setup = {
        .loop = engine->loop,
        .target = engine->setup->target,
        .session = engine->session,
        .console = engine->setup->console,
        .trust = trust,
        .plan = engine->plan,
        .checkpoint = engine->checkpoint,
    };
    engine->runner = runner_new(&setup, engine_leave, engine, &err);
    if (!engine->runner)
        engine_stop(engine, &err);
}

static void on_patience_over(void *arg)
{
    struct engine *engine = arg;

    engine->patience = NULL;
    engine_go_local(engine,
                    engine->welcome.state == MESSAGE_PENDING
                        ? "nobody has approved this machine in time"
                        : "the server had no plan for this machine in time");
}

static void wait_for(struct engine *engine, uint64_t ms)
{
    loop_timer_cancel(engine->patience);
    engine->patience = loop_timer(engine->loop, ms, on_patience_over, engine);
}

static void on_plan(void *arg, const struct message_plan *reply)
{
    struct engine *engine = arg;

    if (engine->plan || engine->leaving)
        return; /* the same plan again, or we are done */
    if (reply->state == MESSAGE_LOCAL) {
        engine_go_local(engine, "there is nothing to do here");
        return;
    }
    if (!reply->text)
        return;
    loop_timer_cancel(engine->patience);
    engine->patience = NULL;
    engine->checkpoint = json_incref(reply->checkpoint);
    start_plan(engine, reply);
}

/* ---- the session ---- */

/* The server knows nothing of this machine yet: whoever registers it sees what
 * it is.  One that is too large for a message is left to a task. */
static void send_inventory(struct engine *engine)
{
    json_t *facts = engine->setup->target->facts;
    struct message_report m = {.kind = MESSAGE_INVENTORY};
    struct err err = ERR_INIT;

    if (engine->inventoried ||
        json_dumpb(facts, NULL, 0, JSON_COMPACT) > MESSAGE_MAX_RESULT_BYTES)
        return;
    engine->inventoried = true;
    m.result = json_incref(facts);
    if (session_report(engine->session, &m, &err) < 0) {
        console_say(engine->setup->console, "the inventory is not sent: %s",
                    err.text);
        message_report_done(&m);
    }
}

static void on_welcome(void *arg, const struct message_welcome *welcome)
{
    struct engine *engine = arg;
    const struct seam *seam = loop_seam(engine->loop);

    engine->welcome = *welcome;
    engine->clock_offset_s = welcome->time_s - seam->wall_s(seam->context);
    if (engine->setup->set_clock) {
        engine->setup->set_clock(engine->setup->set_clock_arg, welcome->time_s);
        engine->clock_offset_s = welcome->time_s - seam->wall_s(seam->context);
    }
    show_who(engine);
    if (welcome->state == MESSAGE_LOCAL) {
        engine_go_local(engine, "there is nothing to do here");
        return;
    }
    if (welcome->state == MESSAGE_PENDING)
        console_code(engine->setup->console, welcome->host_name, welcome->code);
    if (welcome->state == MESSAGE_PENDING && !welcome->host_id[0])
        send_inventory(engine);
    wait_for(engine, welcome->leave_after_s > 0
                         ? (uint64_t)welcome->leave_after_s * 1000
                         : PATIENCE_DEFAULT_MS);
}

static void on_cancel(void *arg)
{
    struct engine *engine = arg;

    if (engine->runner && !engine->leaving)
        runner_cancel(engine->runner);
}

static void on_servers(void *arg)
{
    struct engine *engine = arg;

    if (engine->runner && !engine->leaving)
        runner_servers_changed(engine->runner);
}

static void on_trouble(void *arg, const char *sentence)
{
    struct engine *engine = arg;
    uint64_t now_ms = loop_now_ms(engine->loop);

    if (strcmp(engine->trouble, sentence) == 0 &&
        now_ms - engine->trouble_ms < TROUBLE_EVERY_MS)
        return;
    engine->trouble_ms = now_ms;
    (void)snprintf(engine->trouble, sizeof(engine->trouble), "%s", sentence);
    console_trouble(engine->setup->console, sentence, "trying again");
}

static void on_recovered(void *arg, const char *server)
{
    struct engine *engine = arg;

    engine->trouble[0] = '\0';
    console_say(engine->setup->console, "server %s answers again", server);
}

static void on_session_ended(void *arg, const struct err *err)
{
    engine_stop(arg, err);
}

static void on_found(void *arg, const struct found_servers *found,
                     const struct err *err)
{
    static const struct session_handlers handlers = {
        .welcome = on_welcome,
        .plan = on_plan,
        .cancel = on_cancel,
        .servers = on_servers,
        .trouble = on_trouble,
        .recovered = on_recovered,
        .ended = on_session_ended,
    };
    struct engine *engine = arg;
    struct message_hello hello;
    struct err why = ERR_INIT;

    if (!found) {
        engine_stop(engine, err);
        return;
    }
    char mac[sizeof(engine->found.mac)];

    memcpy(mac, engine->found.mac, sizeof(mac)); /* of the facts */
    engine->found = *found;
    if (!found->mac[0])
        memcpy(engine->found.mac, mac, sizeof(mac));
    hello_from_facts(engine->setup->target->facts, &hello);
    (void)snprintf(hello.ticket, sizeof(hello.ticket), "%s", found->ticket);
    struct session_setup setup = {
        .loop = engine->loop,
        .tls = &engine->tls,
        .hello = &hello,
        .servers = &found->servers,
        .patience_ms = engine->setup->patience_ms,
    };
    engine->session = session_new(&setup, &handlers, engine, &why);
    if (!engine->session)
        engine_stop(engine, &why);
}

/* ---- all of it ---- */

static void engine_done(struct engine *engine)
{
    loop_timer_cancel(engine->patience);
    loop_timer_cancel(engine->last);
    handoff_preparing_free(engine->preparing);
    find_server_free(engine->find);
    runner_free(engine->runner); /* uses the session */
    session_free(engine->session);
    plan_free(engine->plan);
    json_decref(engine->checkpoint);
    tls_identity_free(engine->identity);
}

static void name_product(struct engine *engine)
{
    struct message_hello hello;

    hello_from_facts(engine->setup->target->facts, &hello);
    (void)snprintf(engine->product, sizeof(engine->product), "%s%s%s",
                   hello.facts.vendor, hello.facts.vendor[0] ? " " : "",
                   hello.facts.product);
    if (hello.facts.mac_count > 0)
        memcpy(engine->found.mac, hello.facts.macs[0],
               sizeof(engine->found.mac));
}

int engine_work(const struct engine_setup *setup, struct handoff *ret_leave,
                struct err *err)
{
    struct engine engine = {
        .setup = setup,
        .loop = setup->loop,
        .leave = {.method = HANDOFF_REBOOT},
    };

    engine.tls = (struct tls_settings){
        .trust = setup->trust, .wall_s = engine_wall_s, .wall_arg = &engine};
    name_product(&engine);
    show_who(&engine);
    engine.identity = tls_identity_new(&engine.err);
    engine.tls.identity = engine.identity;
    struct find_server_setup find = {
        .target = setup->target,
        .trust = setup->trust,
        .console = setup->console,
        .patience_ms =
            setup->patience_ms ? setup->patience_ms : PATIENCE_DEFAULT_MS,
        .port = setup->port,
    };
    if (engine.identity)
        engine.find = find_server_start(&find, on_found, &engine, &engine.err);
    if (engine.find)
        loop_run(setup->loop);
    *ret_leave = engine.leave;
    engine_done(&engine);
    if (engine.err.code != 0 && err)
        *err = engine.err;
    return engine.err.code;
}
