/* SPDX-License-Identifier: Apache-2.0 */
/* How an engine gets its session: by a boot ticket, or by an admin who
 * approves the code on its screen. */
#include <stdio.h>
#include <string.h>

#include "core/profile/match.h"
#include "core/server/sessions/session-internal.h"
#include "core/server/tasks/task-plan.h"
#include "core/util/json.h"
#include "core/util/log.h"

struct joining {
    struct sessions *sessions;
    struct session *session; /* new; entered once it is in the store */
    uint32_t attempt;
    char ticket[MESSAGE_TOKEN_BYTES];
    struct message_facts facts;
    struct err failure;
    session_welcomed *welcomed;
    void *arg;
};

static void joining_free(struct joining *j)
{
    session_free(j->session);
    secret_wipe(j->ticket, sizeof(j->ticket));
    free(j);
}

/* --- answers ------------------------------------------------------------ */

/* Nothing is to be done with this machine; it gets no session to keep. */
static void send_local(struct joining *j, const struct host *host)
{
    struct message_welcome w;
    session_fill_welcome(j->sessions, &w);
    memcpy(w.session, j->session->id, sizeof(w.session));
    snprintf(w.token, sizeof(w.token), "none");
    snprintf(w.tier, sizeof(w.tier), "network");
    w.state = MESSAGE_LOCAL;
    if (host) {
        memcpy(w.host_id, host->id, sizeof(w.host_id));
        memcpy(w.host_name, host->name, sizeof(w.host_name));
    }
    j->welcomed(j->arg, &w, NULL);
    joining_free(j);
}

static void refuse(struct joining *j)
{
    j->welcomed(j->arg, NULL, &j->failure);
    joining_free(j);
}

/* --- who it is ---------------------------------------------------------- */

/* The host that the machine's names belong to. */
static enum host_match identify(struct joining *j, const struct host **ret)
{
    const struct message_facts *facts = &j->facts;
    const struct host *host = NULL;
    for (size_t i = 0; i < facts->mac_count; i++) {
        const struct host *found = NULL;
        enum host_match match = host_identify(
            j->sessions->hosts, facts->macs[i], facts->uuid, &found);
        if (match == HOST_CONFLICT || (host && found && host != found)) {
            host_conflict_seen(j->sessions->hosts, found, facts->macs[i],
                               facts->uuid);
            return HOST_CONFLICT;
        }
        if (found)
            host = found;
    }
    if (facts->mac_count == 0)
        (void)host_identify(j->sessions->hosts, "", facts->uuid, &host);
    *ret = host;
    return host ? HOST_KNOWN : HOST_UNKNOWN;
}

static bool tier_is_console(const struct host *host)
{
    return strcmp(host->tier, "console") == 0;
}

static json_t *facts_json(const struct message_facts *facts,
                          const char *machine)
{
    json_t *macs = json_array();
    for (size_t i = 0; i < facts->mac_count; i++)
        json_array_append_new(macs, json_string(facts->macs[i]));
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:o}", "vendor", facts->vendor,
                     "product", facts->product, "serial", facts->serial,
                     "firmware", facts->firmware, "machine", machine, "macs",
                     macs);
}

static int check_gates(struct joining *j, const struct host *host,
                       struct task *task, struct err *err)
{
    const struct match_facts facts = {
        .host_name = host->name,
        .arch = host->arch,
        .vendor = j->facts.vendor,
        .product = j->facts.product,
        .labels = host->labels,
    };
    int code = match_check(task->now.profile, &facts, *host->arch != '\0', err);
    if (code)
        task_fail(j->sessions->tasks, task, "not-applicable", "%s", err->text);
    return code;
}

/* --- the transaction ---------------------------------------------------- */

static int decide_join(void *arg, struct task *task, struct task_record *next,
                       struct task_writes *writes, struct err *err)
{
    struct joining *j = arg;
    struct session *s = j->session;
    (void)task;
    if (next->state != TASK_ARMED || next->attempt != j->attempt)
        return err_set(err, ERR_DENIED,
                       "task %s does not wait for this machine any more; it "
                       "boots its own disk",
                       next->id);
    if (*j->ticket) {
        const struct ticket *t = ticket_find(j->sessions->tickets, j->ticket);
        if (!t || *t->session || t->frozen)
            return err_set(err, ERR_DENIED,
                           "the boot ticket was used meanwhile; start the "
                           "machine again");
        ticket_write(t, s->id, s->key, false, writes);
    }
    task_write_put(writes, session_format(s), STORE_NEW, "/v1/session/%s",
                   s->id);
    if (s->pending)
        return 0;
    task_record_begin(next, s->id, sessions_wall_s(j->sessions));
    return task_plan_compose(j->sessions->tasks, next, s->machine, s->tier,
                             &next->plan, err);
}

static void joined(void *arg, struct task *task, const struct err *err)
{
    struct joining *j = arg;
    struct sessions *sessions = j->sessions;
    if (err) {
        j->failure = *err;
        /* A plan that cannot be made for this machine will never be. */
        if (task && task->now.state == TASK_ARMED &&
            (err->code == ERR_NOT_FOUND || err->code == ERR_UNSUPPORTED ||
             err->code == ERR_TOO_BIG))
            task_fail(sessions->tasks, task, err_word(err->code), "%s",
                      err->text);
        if (err->code != ERR_UNAVAILABLE)
            j->failure.code = ERR_DENIED;
        refuse(j);
        return;
    }
    struct session *s = session_enter(sessions, TAKE(j->session));
    if (!s) {
        (void)err_set(&j->failure, ERR_NO_MEMORY, "out of memory");
        refuse(j);
        return;
    }
    struct ticket *t =
        *j->ticket ? ticket_find(sessions->tickets, j->ticket) : NULL;
    if (t) {
        memcpy(t->session, s->id, sizeof(t->session));
        memcpy(t->key, s->key, sizeof(t->key));
        secret_wipe(t->text, sizeof(t->text));
    }
    if (s->pending)
        session_wait(s);
    sessions->deploy->event(
        sessions->deploy->arg,
        s->pending ? "session-pending" : "session-opened",
        json_pack("{s:s, s:s, s:s, s:s}", "host", s->host_id, "host_name",
                  task->now.host_name, "task", s->task, "tier", s->tier));
    host_learn(sessions->hosts, s->host_id,
               &(struct host_news){.facts = s->facts}, NULL, NULL);
    session_welcome(s, j->welcomed, j->arg);
    joining_free(j);
}

/* --- alarms ------------------------------------------------------------- */

/* `arg`: the session whose ticket came with a second key. */
static int decide_freeze(void *arg, struct task *task, struct task_record *next,
                         struct task_writes *writes, struct err *err)
{
    const struct joining *j = arg;
    const struct ticket *t = ticket_find(j->sessions->tickets, j->ticket);
    struct session *s = t ? session_find(j->sessions, t->session) : NULL;
    (void)err;
    (void)task;
    if (s)
        task_write_put(writes, session_format(s), STORE_ANY, "/v1/session/%s",
                       s->id);
    if (t)
        ticket_write(t, t->session, t->key, true, writes);
    if (task_state_ended(next->state))
        return TASK_UNCHANGED;
    json_decref(next->plan);
    next->plan = NULL;
    next->state = TASK_FAILED;
    next->ended_s = sessions_wall_s(j->sessions);
    snprintf(next->code, sizeof(next->code), "ticket-alarm");
    snprintf(next->sentence, sizeof(next->sentence),
             "two engines showed the same boot ticket, so one of them stole "
             "it; find the second machine before the task is started again");
    return 0;
}

static void frozen(void *arg, struct task *task, const struct err *err)
{
    struct joining *j = arg;
    (void)task;
    if (err)
        log_error("The alarm about a boot ticket could not be written: %s",
                  err->text);
    refuse(j);
}

static void alarm_stolen(struct joining *j, struct ticket *t,
                         const char *address)
{
    struct sessions *sessions = j->sessions;
    const struct deploy *deploy = sessions->deploy;
    struct session *s = session_find(sessions, t->session);
    const struct host *host = host_find(sessions->hosts, t->host_id);
    struct task *task = task_find(sessions->tasks, t->task);
    char target[96];
    bool again = t->frozen;
    t->frozen = true; /* at once: the safe side needs no disk */
    if (s)
        s->frozen = true;
    (void)err_set(&j->failure, ERR_DENIED,
                  "this boot ticket was already shown by another engine; both "
                  "are shut out, tell your admin");
    if (!again) {
        snprintf(target, sizeof(target), "host %s", t->host_id);
        deploy->event(deploy->arg, "ticket-alarm",
                      json_pack("{s:s, s:s, s:s, s:s}", "host", t->host_id,
                                "host_name", host ? host->name : "", "task",
                                t->task, "address", address));
        deploy->audit(deploy->arg, "server", "ticket.alarm", target,
                      json_pack("{s:s, s:s, s:s, s:s}", "task", t->task,
                                "address", address, "first_key", t->key,
                                "second_key", j->session->key));
    }
    if (task && !again)
        task_change(sessions->tasks, task, decide_freeze, frozen, j);
    else
        refuse(j);
}

/* --- ways in ------------------------------------------------------------ */

static int check_ticket(const struct joining *j, const struct ticket *t,
                        const struct host *host, const char *address,
                        struct err *err)
{
    if (ticket_expired(j->sessions->tickets, t))
        return err_set(err, ERR_DENIED,
                       "the boot ticket is older than %d minutes; start the "
                       "machine again",
                       TICKET_LIFE_S / 60);
    if (strcmp(t->address, address) != 0)
        return err_set(err, ERR_DENIED,
                       "the boot ticket was given to address %s but comes from "
                       "%s",
                       t->address, address);
    if (!host || strcmp(host->id, t->host_id) != 0)
        return err_set(err, ERR_DENIED,
                       "the boot ticket was given to another machine than "
                       "this one says it is");
    return 0;
}

static void join(struct joining *j, const struct host *host, struct task *task,
                 bool pending)
{
    struct session *s = j->session;
    memcpy(s->host_id, host->id, sizeof(s->host_id));
    memcpy(s->task, task->now.id, sizeof(s->task));
    snprintf(s->tier, sizeof(s->tier), "%s", pending ? "console" : "network");
    s->pending = pending;
    j->attempt = task->now.attempt;
    if (check_gates(j, host, task, &j->failure)) {
        j->failure.code = ERR_DENIED;
        refuse(j);
        return;
    }
    task_change(j->sessions->tasks, task, decide_join, joined, j);
}

static void by_ticket(struct joining *j, const struct host *host,
                      const char *address)
{
    struct sessions *sessions = j->sessions;
    struct ticket *t = ticket_find(sessions->tickets, j->ticket);
    if (!t) {
        (void)err_set(&j->failure, ERR_DENIED,
                      "this server does not know the boot ticket: its task is "
                      "over or it is from an earlier start; start the machine "
                      "again");
        refuse(j);
        return;
    }
    if (t->frozen || (*t->session && strcmp(t->key, j->session->key) != 0)) {
        alarm_stolen(j, t, address);
        return;
    }
    struct session *same = session_find(sessions, t->session);
    if (same) {
        session_welcome(same, j->welcomed, j->arg);
        joining_free(j);
        return;
    }
    struct task *task = task_find(sessions->tasks, t->task);
    if (check_ticket(j, t, host, address, &j->failure)) {
        sessions->deploy->event(sessions->deploy->arg, "ticket-refused",
                                json_pack("{s:s, s:s, s:s}", "host", t->host_id,
                                          "address", address, "sentence",
                                          j->failure.text));
        refuse(j);
    } else if (!task || !task_armed(task) || task->now.attempt != t->attempt) {
        (void)err_set(&j->failure, ERR_DENIED,
                      "the task of this boot ticket does not wait for the "
                      "machine any more; start the machine again");
        refuse(j);
    } else {
        join(j, host, task, tier_is_console(host));
    }
}

/* A session of this task that the same engine has already. */
static struct session *own_session(const struct joining *j,
                                   const struct task *task)
{
    const struct table *table = &j->sessions->by_id;
    for (size_t i = 0; i < table->count; i++) {
        struct session *s = table->entries[i].value;
        if (strcmp(s->task, task->now.id) == 0 && !s->ended && !s->frozen &&
            strcmp(s->key, j->session->key) == 0)
            return s;
    }
    return NULL;
}

/* Who waits for an admin is bounded; false = refused. */
static bool may_wait(struct joining *j)
{
    size_t count = 0;
    for (size_t i = 0; i < j->sessions->by_id.count; i++) {
        const struct session *s = j->sessions->by_id.entries[i].value;
        count += s->pending;
    }
    if (count < SESSIONS_MAX_PENDING)
        return true;
    (void)err_set(&j->failure, ERR_UNAVAILABLE,
                  "%d machines wait for an approval already",
                  SESSIONS_MAX_PENDING);
    refuse(j);
    return false;
}

/* While enrolment is open an unknown machine shows a code. */
static void unknown(struct joining *j)
{
    struct enrol *enrol = j->sessions->enrol;
    if (!enrol || !enrol_is_open(enrol)) {
        send_local(j, NULL);
    } else if (may_wait(j)) {
        session_enrol(j->sessions, TAKE(j->session), j->facts.uuid,
                      j->welcomed, j->arg);
        joining_free(j);
    }
}

static void without_ticket(struct joining *j, const struct host *host)
{
    struct task *task = task_of_host(j->sessions->tasks, host->id);
    struct session *same = task ? own_session(j, task) : NULL;
    if (same) {
        session_welcome(same, j->welcomed, j->arg);
        joining_free(j);
    } else if (!task || !task_armed(task)) {
        send_local(j, host);
    } else if (may_wait(j)) {
        join(j, host, task, true);
    }
}

static struct joining *joining_new(struct sessions *sessions,
                                   const struct message_hello *hello,
                                   const struct digest *key,
                                   session_welcomed *welcomed, void *arg)
{
    const struct seam *seam = loop_seam(sessions->deploy->loop);
    char token[MESSAGE_TOKEN_BYTES];
    uint8_t random[16];
    struct joining *j = calloc(1, sizeof(*j));
    struct session *s = session_alloc();
    if (!j || !s) {
        free(j);
        session_free(s);
        return NULL;
    }
    *j = (struct joining){.sessions = sessions,
                          .session = s,
                          .facts = hello->facts,
                          .welcomed = welcomed,
                          .arg = arg};
    memcpy(j->ticket, hello->ticket, sizeof(j->ticket));
    seam->random(seam->context, random, sizeof(random));
    hex_format(random, sizeof(random), s->id);
    digest_hex(key, s->key);
    memcpy(s->machine, hello->machine, sizeof(s->machine));
    s->created_s = sessions_wall_s(sessions);
    s->facts = facts_json(&hello->facts, hello->machine);
    if (!s->facts || session_token(sessions, s->id, s->key, token)) {
        joining_free(j);
        return NULL;
    }
    session_token_hash(token, s->token_hash);
    secret_wipe(token, sizeof(token));
    return j;
}

void session_hello(struct sessions *sessions, const struct message_hello *hello,
                   const struct digest *key, const char *address,
                   session_welcomed *welcomed, void *arg)
{
    const struct host *host = NULL;
    struct joining *j = joining_new(sessions, hello, key, welcomed, arg);
    if (!j) {
        struct err err = ERR_INIT;
        (void)err_set(&err, ERR_NO_MEMORY, "out of memory for a session");
        welcomed(arg, NULL, &err);
        return;
    }
    if (hello->protocol != MESSAGE_PROTOCOL) {
        (void)err_set(&j->failure, ERR_UNSUPPORTED,
                      "this server speaks protocol %d but the engine speaks "
                      "%u; build a new engine with 'slipway engine build'",
                      MESSAGE_PROTOCOL, hello->protocol);
        refuse(j);
        return;
    }
    if (identify(j, &host) == HOST_CONFLICT) {
        (void)err_set(&j->failure, ERR_DENIED,
                      "this machine's MAC addresses and UUID belong to "
                      "different hosts; mend that with 'slipway host change'");
        refuse(j);
    } else if (*j->ticket) {
        by_ticket(j, host, address);
    } else if (host) {
        without_ticket(j, host);
    } else {
        unknown(j);
    }
}
