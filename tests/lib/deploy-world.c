/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/deploy-world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/util/json.h"
#include "core/util/log.h"
#include "core/util/secret-memory.h"
#include "tests/lib/memory-store.h"

/* --- the rest of the server --------------------------------------------- */

static void event(void *arg, const char *id, json_t *json)
{
    struct world *w = arg;
    assert_non_null(json);
    json_object_set_new(json, "event", json_string(id));
    json_array_append_new(w->events, json);
}

static void audit(void *arg, const char *actor, const char *action,
                  const char *target, json_t *detail)
{
    struct world *w = arg;
    (void)actor;
    (void)target;
    json_decref(detail);
    json_array_append_new(w->audits, json_string(action));
}

static struct param install_params[] = {
    {.type = SLIPWAY_PARAM_IMAGE,
     .flags = SLIPWAY_PARAM_REQUIRED,
     .name = (char *)"image",
     .help = (char *)"What to install"},
    {.type = SLIPWAY_PARAM_TEXT,
     .name = (char *)"hostname",
     .help = (char *)"The name it gets"},
};
static const struct param_table install_table = {install_params, 2};
static const struct param_table empty_table = {NULL, 0};

static int action(void *arg, const char *name,
                  const struct param_table **ret_params,
                  uint64_t *ret_timeout_ms, struct err *err)
{
    (void)arg;
    *ret_timeout_ms = 3600000;
    if (strcmp(name, "install") == 0)
        *ret_params = &install_table;
    else if (strcmp(name, "inventory") == 0)
        *ret_params = &empty_table;
    else
        return err_set(err, ERR_NOT_FOUND, "action '%s' is not enabled", name);
    return 0;
}

static int action_digest(void *arg, const char *name, const char *machine,
                         struct digest *ret, struct err *err)
{
    (void)arg;
    if (strcmp(machine, "x86_64") != 0)
        return err_set(err, ERR_NOT_FOUND, "action '%s' is not there for '%s'",
                       name, machine);
    digest_of(name, strlen(name), ret);
    return 0;
}

static bool transport_known(void *arg, const char *name)
{
    (void)arg;
    return strcmp(name, "unicast") == 0;
}

static int image(void *arg, const char *reference, const char *kind,
                 struct digest *ret_manifest, char ret_min_tier[16],
                 struct err *err)
{
    const struct world *w = arg;
    assert_string_equal(kind, "disk");
    if (strcmp(reference, "debian-12") != 0)
        return err_set(err, ERR_NOT_FOUND, "there is no image '%s'", reference);
    digest_of("debian", 6, ret_manifest);
    memcpy(ret_min_tier, w->min_tier, 16);
    return 0;
}

/* One secret, whose tier a test may change. */
static const char *secret_least(void *arg, const char *name)
{
    const struct world *w = arg;
    return w->secret_value && !strcmp(name, WORLD_SECRET) ? w->secret_tier
                                                          : NULL;
}

static char *secret_open(void *arg, const char *name, struct err *err)
{
    const struct world *w = arg;
    if (w->secret_value && !strcmp(name, WORLD_SECRET))
        return secret_copy(w->secret_value, strlen(w->secret_value));
    (void)err_set(err, ERR_NOT_FOUND, "there is no secret '%s'", name);
    return NULL;
}

static void keep(void *arg, const json_t *content, deploy_kept *done,
                 void *done_arg)
{
    struct world *w = arg;
    AUTO_JSON *reference =
        json_pack("{s:i}", "number", (int)json_array_size(w->kept));
    json_array_append_new(w->kept, json_deep_copy(content));
    done(done_arg, reference, NULL);
}

/* --- life --------------------------------------------------------------- */

static void loaded(void *arg, const struct err *err)
{
    struct world *w = arg;
    if (err)
        fail_msg("%s", err->text);
    w->ready = true;
}

/* Each loading calls back once; the next one is started from here. */
static void load(struct world *w, int part)
{
    w->ready = false;
    switch (part) {
    case 0:
        hosts_load(w->hosts, loaded, w);
        break;
    case 1:
        tasks_load(w->tasks, loaded, w);
        break;
    case 2:
        tickets_load(w->tickets, loaded, w);
        break;
    case 3:
        sessions_load(w->sessions, loaded, w);
        break;
    case 4:
        batches_load(w->batches, loaded, w);
        break;
    default:
        enrol_load(w->enrol, loaded, w);
    }
    world_settle(w);
}

void world_boot(struct world *w)
{
    struct err err = ERR_INIT;
    w->loop = loop_new(w->seam, &err);
    assert_non_null(w->loop);
    assert_int_equal(
        store_new(w->loop, w->plugin, "-", "test", &w->store, &err), 0);
    w->deploy.loop = w->loop;
    w->deploy.store = w->store;
    w->hosts = hosts_new(w->loop, w->store, event, w, &err);
    w->tasks = tasks_new(&w->deploy, w->hosts, &err);
    w->tickets = tickets_new(w->tasks, &err);
    w->sessions = sessions_new(w->tasks, w->hosts, w->tickets, &err);
    w->batches = batches_new(w->tasks, w->hosts, &err);
    w->enrol = enrol_new(&w->deploy, &err);
    sessions_set_enrol(w->sessions, w->enrol);
    const struct policy_spec spec = {.loop = w->loop,
                                     .hosts = w->hosts,
                                     .tasks = w->tasks,
                                     .tickets = w->tickets,
                                     .enrol = w->enrol,
                                     .event = event,
                                     .arg = w};
    w->policy = policy_new(&spec, &err);
    policy_fill(w->policy, &w->dhcp);
    for (int part = 0; part < 6; part++) {
        load(w, part);
        if (memory_store_dead())
            return;
        assert_true(w->ready);
    }
}

void world_kill(struct world *w)
{
    policy_free(w->policy);
    batches_free(w->batches);
    sessions_free(w->sessions);
    enrol_free(w->enrol);
    tickets_free(w->tickets);
    tasks_free(w->tasks);
    hosts_free(w->hosts);
    store_free(w->store);
    loop_free(w->loop);
}

static void created(void *arg, const struct host *host, const struct err *err)
{
    struct world *w = arg;
    if (err)
        fail_msg("%s", err->text);
    assert_non_null(host);
    w->ready = true;
}

void world_new(struct world *w, uint64_t seed)
{
    struct err err = ERR_INIT;
    memset(w, 0, sizeof(*w));
    memory_store_reset();
    log_open("test", LOG_ERROR, LOG_FORMAT_TEXT);
    w->plugin = &memory_store;
    w->sim = sim_new(seed);
    w->seam = sim_host(w->sim, "10.0.0.1");
    assert_int_equal(signing_key_generate(&w->signing, &err), 0);
    memset(&w->secret, 7, sizeof(w->secret));
    strcpy(w->server.address, "10.0.0.1");
    w->server.tls_port = 7443;
    w->server.http_port = 7080;
    strcpy(w->min_tier, "network");
    w->events = json_array();
    w->audits = json_array();
    w->kept = json_array();
    w->deploy = (struct deploy){
        .arg = w,
        .site_id = "0123456789abcdef0123456789abcdef",
        .server_id = "fedcba9876543210fedcba9876543210",
        .signing = &w->signing,
        .secret = &w->secret,
        .servers = &w->server,
        .server_count = 1,
        .event = event,
        .audit = audit,
        .action = action,
        .action_digest = action_digest,
        .transport_known = transport_known,
        .image = image,
        .secret_tier = secret_least,
        .secret_value = secret_open,
        .keep = keep,
    };
    world_boot(w);
    AUTO_JSON *spec =
        json_pack("{s:s, s:[s], s:s, s:{s:s}}", "name", "lab-01", "macs",
                  WORLD_MAC, "uuid", WORLD_UUID, "labels", "room", "12");
    w->ready = false;
    host_create(w->hosts, spec, created, w);
    world_settle(w);
    assert_true(w->ready);
}

void world_free(struct world *w)
{
    world_kill(w);
    json_decref(w->events);
    json_decref(w->audits);
    json_decref(w->kept);
    sim_free(w->sim);
    memory_store_reset();
}

void world_run(struct world *w, uint64_t span_ms)
{
    loop_run_for(w->loop, span_ms);
}

void world_settle(struct world *w)
{
    loop_run_for(w->loop, 200);
}

unsigned world_events(const struct world *w, const char *id)
{
    unsigned count = 0;
    size_t i;
    json_t *entry;
    json_array_foreach(w->events, i, entry) count +=
        strcmp(json_string_value(json_object_get(entry, "event")), id) == 0;
    return count;
}

const struct host *world_host(const struct world *w)
{
    const struct host *host = host_find_name(w->hosts, "lab-01");
    assert_non_null(host);
    return host;
}

/* --- tasks -------------------------------------------------------------- */

struct profile *world_profile(const char *then)
{
    struct err err = ERR_INIT;
    struct profile *profile = NULL;
    AUTO_JSON *json = json_pack(
        "{s:s, s:[{s:s}, {s:s, s:{s:s, s:s}}], s:s}", "name", "test", "steps",
        "action", "inventory", "action", "install", "with", "image",
        "debian-12", "hostname", "{{host.name}}", "then", then);
    if (profile_parse(json, "test", &profile, &err))
        fail_msg("%s", err.text);
    return profile;
}

static void task_is_started(void *arg, const struct task *task,
                            const struct err *err)
{
    const struct task **ret = arg;
    if (err)
        fail_msg("%s", err->text);
    *ret = task;
}

struct task *world_start(struct world *w)
{
    const struct task *task = NULL;
    AUTO_PROFILE *profile = world_profile("boot-disk");
    const struct task_start start = {profile, world_host(w), "", NULL, "test"};
    task_start(w->tasks, &start, task_is_started, &task);
    world_settle(w);
    assert_non_null(task);
    assert_int_equal(task->now.state, TASK_ARMED);
    return (struct task *)task;
}

const json_t *world_member(const char *task_id, const char *member)
{
    static json_t *last;
    char key[64];
    snprintf(key, sizeof(key), "/v1/task/%s", task_id);
    const char *text = memory_store_value(key);
    assert_non_null(text);
    json_decref(last);
    last = json_parse(text, strlen(text), 1 << 20, NULL);
    assert_non_null(last);
    return json_object_get(last, member);
}

enum task_state world_state(const char *task_id)
{
    const char *word = json_string_value(world_member(task_id, "state"));
    for (int i = TASK_QUEUED; i <= TASK_CANCELLED; i++)
        if (strcmp(task_state_word((enum task_state)i), word) == 0)
            return (enum task_state)i;
    fail_msg("the unknown state '%s'", word);
    return TASK_FAILED;
}

/* --- firmware ----------------------------------------------------------- */

uint32_t world_firmware(struct world *w, const char *mac, uint32_t kind)
{
    const struct boot_client client = {mac, "", "x86-uefi", false};
    struct boot_decision decision;
    w->dhcp.decide(w->dhcp.arg, &client, kind, &decision);
    world_settle(w);
    return decision.intent;
}

struct given {
    bool answered;
    char text[MESSAGE_TOKEN_BYTES];
};

static void ticket_given(void *arg, const char *text)
{
    struct given *given = arg;
    given->answered = true;
    snprintf(given->text, sizeof(given->text), "%s", text ? text : "");
}

bool world_ticket(struct world *w, const char *address,
                  char ret[MESSAGE_TOKEN_BYTES])
{
    const struct boot_client client = {WORLD_MAC, WORLD_UUID, "", false};
    /* It outlives this call: a killed server never answers. */
    static struct given given;
    memset(&given, 0, sizeof(given));
    w->dhcp.rendezvous(w->dhcp.arg, &client, address, ticket_given, &given);
    world_settle(w);
    memcpy(ret, given.text, sizeof(given.text));
    return given.answered && *given.text;
}

/* --- engines ------------------------------------------------------------ */

void engine_init(struct engine *e, struct world *w, uint8_t key)
{
    memset(e, 0, sizeof(*e));
    e->world = w;
    e->address = WORLD_ADDRESS;
    memset(e->key.bytes, key, sizeof(e->key.bytes));
    e->hello.protocol = MESSAGE_PROTOCOL;
    strcpy(e->hello.version, "0.1.0");
    strcpy(e->hello.machine, "x86_64");
    strcpy(e->hello.facts.uuid, WORLD_UUID);
    strcpy(e->hello.facts.product, "PowerEdge R640");
    strcpy(e->hello.facts.macs[0], WORLD_MAC);
    e->hello.facts.mac_count = 1;
}

void engine_done(struct engine *e)
{
    message_plan_done(&e->plan);
}

static void note(struct engine *e, const struct err *err)
{
    e->answered = true;
    memset(&e->err, 0, sizeof(e->err));
    if (err)
        e->err = *err;
}

static bool wait_for(struct engine *e)
{
    for (unsigned i = 0; i < 300 && !e->answered && !memory_store_dead(); i++)
        world_run(e->world, 200);
    return e->answered && e->err.code == 0;
}

static void welcomed(void *arg, const struct message_welcome *welcome,
                     const struct err *err)
{
    struct engine *e = arg;
    note(e, err);
    if (welcome)
        e->welcome = *welcome;
}

bool engine_hello(struct engine *e, const char *ticket)
{
    snprintf(e->hello.ticket, sizeof(e->hello.ticket), "%s", ticket);
    e->answered = false;
    session_hello(e->world->sessions, &e->hello, &e->key, e->address, welcomed,
                  e);
    return wait_for(e);
}

static struct session *authenticate(struct engine *e)
{
    char header[MESSAGE_AUTHORIZATION_BYTES];
    struct session *session = NULL;
    message_authorization_format(e->welcome.session, e->welcome.token, header);
    e->answered = false;
    if (session_authenticate(e->world->sessions, header, &e->key, &session,
                             &e->err))
        return NULL;
    return session;
}

static void planned(void *arg, const struct message_plan *plan,
                    const struct err *err)
{
    struct engine *e = arg;
    note(e, err);
    if (!plan)
        return;
    message_plan_done(&e->plan);
    e->plan = *plan;
    e->plan.text = plan->text ? strdup(plan->text) : NULL;
}

bool engine_plan(struct engine *e)
{
    struct session *session = authenticate(e);
    if (!session)
        return false;
    session_plan(e->world->sessions, session, planned, e);
    return wait_for(e);
}

static void reported(void *arg, const struct message_report_reply *reply,
                     const struct err *err)
{
    struct engine *e = arg;
    note(e, err);
    if (reply)
        e->reply = *reply;
}

/* `code` "" = none. */
static bool send_report(struct engine *e, enum message_report_kind kind,
                        uint32_t step, const char *code)
{
    struct session *session = authenticate(e);
    if (!session)
        return false;
    struct message_report report = {
        .seq = e->seq,
        .attempt = e->attempt,
        .kind = kind,
        .step = step,
    };
    strcpy(report.session, e->welcome.session);
    strcpy(report.task, session->task);
    strcpy(report.text, "some text");
    strcpy(report.code, code);
    if (kind == MESSAGE_LEAVING)
        strcpy(report.method, "firmware");
    if (kind == MESSAGE_STEP_DONE || kind == MESSAGE_INVENTORY)
        report.result = json_pack("{s:i}", "step", (int)step);
    session_report(e->world->sessions, session, &report, reported, e);
    message_report_done(&report);
    return wait_for(e);
}

bool engine_report(struct engine *e, enum message_report_kind kind,
                   uint32_t step, bool repeat)
{
    if (!repeat)
        e->seq++;
    return send_report(e, kind, step, kind == MESSAGE_STEP_FAILED ? "io" : "");
}

bool engine_leave_failed(struct engine *e, const char *code)
{
    e->seq++;
    return send_report(e, MESSAGE_LEAVING, 0, code);
}

void engine_up(struct engine *e)
{
    char ticket[MESSAGE_TOKEN_BYTES];
    assert_int_equal(
        world_firmware(e->world, WORLD_MAC, SLIPWAY_BOOT_DHCP_DISCOVER),
        SLIPWAY_INTENT_ENGINE);
    assert_true(world_ticket(e->world, e->address, ticket));
    if (!engine_hello(e, ticket))
        fail_msg("%s", e->err.text);
    assert_int_equal(e->welcome.state, MESSAGE_READY);
    if (!engine_plan(e))
        fail_msg("%s", e->err.text);
    assert_int_equal(e->plan.state, MESSAGE_READY);
    assert_non_null(e->plan.text);
    e->attempt = 1;
}
