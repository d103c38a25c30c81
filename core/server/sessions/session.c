/* SPDX-License-Identifier: Apache-2.0 */
/* Tables of sessions, who a request belongs to, and what a poll is told. */
#include "core/server/sessions/session.h"

#include <stdio.h>
#include <string.h>

#include "core/server/sessions/session-internal.h"
#include "core/server/tasks/task-plan.h"
#include "core/util/json.h"
#include "core/util/log.h"

static void task_moved_on(void *arg, struct task *task, enum task_state before);

struct sessions *sessions_new(struct tasks *tasks, struct hosts *hosts,
                              struct tickets *tickets, struct err *err)
{
    static const char purpose[] = "slipway session 1";
    struct sessions *sessions = calloc(1, sizeof(*sessions));
    if (!sessions) {
        (void)err_set(err, ERR_NO_MEMORY, "out of memory for sessions");
        return NULL;
    }
    sessions->tasks = tasks;
    sessions->hosts = hosts;
    sessions->tickets = tickets;
    sessions->deploy = tasks_deploy(tasks);
    if (hkdf_sha256(sessions->deploy->secret, purpose, sizeof(purpose) - 1,
                    &sessions->derive, err)) {
        free(sessions);
        return NULL;
    }
    tasks_listen(tasks, task_moved_on, sessions);
    return sessions;
}

void sessions_set_enrol(struct sessions *sessions, struct enrol *enrol)
{
    sessions->enrol = enrol;
}

struct session *session_alloc(void)
{
    struct session *session = calloc(1, sizeof(*session));
    if (!session)
        return NULL;
    session->private_data = calloc(1, sizeof(*session->private_data));
    if (!session->private_data) {
        free(session);
        return NULL;
    }
    return session;
}

static void poll_free(struct session_poll *poll)
{
    poll->session->private_data->poll = NULL;
    loop_timer_cancel(poll->timer);
    free(poll);
}

void session_free(struct session *session)
{
    if (!session)
        return;
    if (session->private_data->poll)
        poll_free(session->private_data->poll);
    loop_timer_cancel(session->private_data->forget);
    task_secret_forget(&session->private_data->filled);
    json_decref(session->facts);
    free(session->private_data);
    free(session);
}

void sessions_free(struct sessions *sessions)
{
    if (!sessions)
        return;
    tasks_listen(sessions->tasks, NULL, NULL);
    for (size_t i = 0; i < sessions->by_id.count; i++)
        session_free(sessions->by_id.entries[i].value);
    table_done(&sessions->by_id);
    secret_wipe(&sessions->derive, sizeof(sessions->derive));
    free(sessions);
}

int64_t sessions_wall_s(const struct sessions *sessions)
{
    const struct seam *seam = loop_seam(sessions->deploy->loop);
    return seam->wall_s(seam->context);
}

size_t sessions_count(const struct sessions *sessions)
{
    return sessions->by_id.count;
}

struct session *session_find(const struct sessions *sessions, const char *id)
{
    return table_find(&sessions->by_id, id);
}

struct session *session_enter(struct sessions *sessions,
                              struct session *session)
{
    session->private_data->sessions = sessions;
    session->heard_ms = loop_now_ms(sessions->deploy->loop);
    if (table_add(&sessions->by_id, session->id, session)) {
        session_free(session);
        return NULL;
    }
    return session;
}

struct task *session_task(const struct session *session)
{
    struct sessions *sessions = session->private_data->sessions;
    struct task *task = task_find(sessions->tasks, session->task);
    return task && strcmp(task->now.session, session->id) == 0 &&
                   !task_armed(task)
               ? task
               : NULL;
}

void session_servers(const struct sessions *sessions,
                     struct message_servers *ret)
{
    char text[MESSAGE_SERVER_BYTES + 8];
    memset(ret, 0, sizeof(*ret));
    for (size_t i = 0; i < sessions->deploy->server_count; i++) {
        const struct plan_server *server = &sessions->deploy->servers[i];
        snprintf(text, sizeof(text), "%s:%u", server->address,
                 server->tls_port);
        if (!message_servers_add(ret, text))
            return; /* the first eight are enough */
        ret->http_port[i] = server->http_port;
    }
}

/* --- who asks ----------------------------------------------------------- */

int session_authenticate(struct sessions *sessions, const char *authorization,
                         const struct digest *key, struct session **ret,
                         struct err *err)
{
    char id[MESSAGE_ID_BYTES], token[MESSAGE_TOKEN_BYTES];
    char hex[DIGEST_HEX_BYTES], hash[DIGEST_HEX_BYTES];
    int code = message_authorization_parse(authorization, id, token, err);
    if (code)
        return code;
    struct session *session = session_find(sessions, id);
    digest_hex(key, hex);
    session_token_hash(token, hash);
    if (!session || strcmp(hash, session->token_hash) != 0 ||
        strcmp(hex, session->key) != 0)
        return err_set(err, ERR_DENIED,
                       "the engine's session is not known here or belongs to "
                       "another key; start the machine again");
    if (session->frozen)
        return err_set(err, ERR_DENIED,
                       "this machine's boot ticket was shown by two engines, "
                       "so neither is trusted; ask an admin to look at the "
                       "audit log and to start the task again");
    session->heard_ms = loop_now_ms(sessions->deploy->loop);
    struct task *task = session_task(session);
    if (task)
        task_heard(task);
    *ret = session;
    return 0;
}

/* --- polls -------------------------------------------------------------- */

/* After a restart the epoch is higher than the one in a plan that was made
 * before; the engine would refuse it, so it is signed again. */
static void renew_plan(struct sessions *sessions, struct task *task)
{
    const char *text = task_plan_text(task->now.plan);
    char signature[MESSAGE_SIGNATURE_BYTES];
    AUTO_PLAN *plan = NULL;
    struct err err = ERR_INIT;
    if (plan_parse(text, strlen(text), &plan, &err) == 0 &&
        plan->epoch == tasks_epoch(sessions->tasks))
        return;
    AUTO_FREE char *again = NULL;
    if (plan) {
        plan->epoch = tasks_epoch(sessions->tasks);
        plan->server_count =
            MIN(sessions->deploy->server_count, MESSAGE_MAX_SERVERS);
        memcpy(plan->servers, sessions->deploy->servers,
               plan->server_count * sizeof(plan->servers[0]));
        again = plan_format(plan);
    }
    if (!again ||
        plan_sign(again, sessions->deploy->signing, signature, &err)) {
        log_error("The plan of task %s cannot be signed again: %s",
                  task->now.id, err.text);
        return;
    }
    json_decref(task->now.plan);
    task->now.plan =
        json_pack("{s:s, s:s}", "text", again, "signature", signature);
}

/* The plan of a running task as this session may have it: with its secrets. */
static void give_plan(const struct session *session, struct task *task,
                      struct message_plan *ret)
{
    struct sessions *sessions = session->private_data->sessions;
    struct task_filled *filled = &session->private_data->filled;
    const char *text = task_plan_text(task->now.plan);
    const char *signature = task_plan_signature(task->now.plan);
    struct err err = ERR_INIT;
    if (task_secret_in(text)) {
        if (task_secret_fill(sessions->deploy, text, signature, filled, &err)) {
            task_fail(sessions->tasks, task, "secret", "%s", err.text);
            return;
        }
        text = filled->text;
        signature = filled->signature;
    }
    ret->state = MESSAGE_READY;
    ret->text = (char *)text; /* borrowed */
    snprintf(ret->signature, sizeof(ret->signature), "%s", signature);
}

static void compose_answer(const struct session *session,
                           struct message_plan *ret)
{
    struct sessions *sessions = session->private_data->sessions;
    struct task *task = session_task(session);
    memset(ret, 0, sizeof(*ret));
    ret->epoch = tasks_epoch(sessions->tasks);
    session_servers(sessions, &ret->servers);
    ret->state = session->pending ? MESSAGE_PENDING : MESSAGE_LOCAL;
    if (!task || session->ended || session->pending)
        return;
    ret->cancel = task->now.state == TASK_CANCELLING;
    if (task->now.state == TASK_RUNNING || task->now.state == TASK_CANCELLING) {
        renew_plan(sessions, task);
        give_plan(session, task, ret);
        ret->checkpoint = task->checkpoint; /* borrowed */
    }
}

/* What makes an answer differ from the one before. */
static void mark_of(const struct message_plan *plan, char ret[80])
{
    snprintf(ret, 80, "%d %d %llu %.16s", (int)plan->state, plan->cancel,
             (unsigned long long)plan->epoch, plan->signature);
}

void session_answer(struct session *session)
{
    struct session_poll *poll = session->private_data->poll;
    struct message_plan answer;
    if (!poll)
        return;
    session_planned *planned = poll->planned;
    void *arg = poll->arg;
    compose_answer(session, &answer);
    mark_of(&answer, session->private_data->told);
    poll_free(poll);
    planned(arg, &answer, NULL);
}

static void poll_over(void *arg)
{
    struct session_poll *poll = arg;
    poll->timer = NULL;
    session_answer(poll->session);
}

/* True when there is something that the engine was not told yet.  While it
 * leaves there is nothing to tell; its open poll shows when it is gone. */
static bool has_news(const struct session *session)
{
    const struct task *task = session_task(session);
    struct message_plan answer;
    char mark[80];
    if (task && task->now.state == TASK_LEAVING)
        return false;
    compose_answer(session, &answer);
    mark_of(&answer, mark);
    return strcmp(mark, session->private_data->told) != 0;
}

static void answer_if_new(struct session *session)
{
    if (session->private_data->poll && has_news(session))
        session_answer(session);
}

struct session_poll *session_plan(struct sessions *sessions,
                                  struct session *session,
                                  session_planned *planned, void *arg)
{
    struct loop *loop = sessions->deploy->loop;
    session_answer(session); /* an older poll gives way */
    struct session_poll *poll = calloc(1, sizeof(*poll));
    if (!poll) {
        struct err err = ERR_INIT;
        (void)err_set(&err, ERR_NO_MEMORY, "out of memory");
        planned(arg, NULL, &err);
        return NULL;
    }
    *poll = (struct session_poll){session, planned, arg, NULL};
    session->private_data->poll = poll;
    struct task *lost = session_lost_task(session);
    bool fresh = !session->pending && !lost && has_news(session);
    poll->timer =
        loop_timer(loop, fresh ? 0 : SESSION_POLL_MS, poll_over, poll);
    if (lost)
        session_resume(session, lost, NULL, NULL);
    return poll;
}

void session_poll_gone(struct session_poll *poll)
{
    struct session *session = poll->session;
    struct task *task = session_task(session);
    struct tasks *tasks = session->private_data->sessions->tasks;
    poll_free(poll);
    /* Its final report is acknowledged and now its connection has closed. */
    if (task)
        task_left(tasks, task);
}

void session_speaks(struct session *session, uint64_t connection)
{
    session->private_data->connection = connection;
}

void sessions_connection_closed(struct sessions *sessions, uint64_t connection)
{
    for (size_t i = 0; i < sessions->by_id.count; i++) {
        struct session *session = sessions->by_id.entries[i].value;
        struct task *task = session_task(session);
        if (session->private_data->connection != connection)
            continue;
        if (task)
            task_left(sessions->tasks, task);
        return;
    }
}

/* --- tasks move --------------------------------------------------------- */

static void deleted(void *arg, uint64_t revision, const struct err *err)
{
    (void)arg;
    (void)revision;
    if (err)
        log_info("The document of an old session stays: %s", err->text);
}

static void forget(void *arg)
{
    struct session *session = arg;
    struct sessions *sessions = session->private_data->sessions;
    char key[64];
    session->private_data->forget = NULL;
    session_answer(session);
    snprintf(key, sizeof(key), "/v1/session/%s", session->id);
    table_remove(&sessions->by_id, session->id);
    store_delete(sessions->deploy->store, key, STORE_ANY, deleted, sessions);
    session_free(session);
}

void session_end(struct session *session)
{
    struct session_private *p = session->private_data;
    session->ended = true;
    session->pending = false;
    if (!p->forget)
        p->forget = loop_timer(p->sessions->deploy->loop, SESSION_AFTER_MS,
                               forget, session);
    answer_if_new(session);
}

static void task_moved_on(void *arg, struct task *task, enum task_state before)
{
    struct sessions *sessions = arg;
    bool over = task_state_ended(task->now.state);
    bool lost = task->now.state == TASK_ARMED && before != TASK_QUEUED;
    for (size_t i = 0; i < sessions->by_id.count; i++) {
        struct session *session = sessions->by_id.entries[i].value;
        if (strcmp(session->task, task->now.id) != 0 || session->ended)
            continue;
        bool current = strcmp(session->id, task->now.session) == 0;
        if (over || (lost && !session->pending) ||
            (!current && !session->pending))
            session_end(session);
        else
            answer_if_new(session);
    }
    if (over || lost)
        tickets_drop(sessions->tickets, task->now.host_id);
}

/* --- content ------------------------------------------------------------ */

size_t session_manifests(struct sessions *sessions,
                         const struct session *session,
                         struct digest ret[MESSAGE_MAX_STEPS])
{
    const struct task *task = session_task(session);
    (void)sessions;
    if (!task || session->pending || session->ended)
        return 0;
    for (size_t i = 0; i < task->now.image_count; i++)
        ret[i] = task->now.images[i].manifest;
    return task->now.image_count;
}

bool session_may_fetch_manifest(struct sessions *sessions,
                                const struct session *session,
                                const struct digest *manifest)
{
    struct digest all[MESSAGE_MAX_STEPS];
    size_t count = session_manifests(sessions, session, all);
    for (size_t i = 0; i < count; i++)
        if (digest_equal(&all[i], manifest))
            return true;
    return false;
}

bool session_may_fetch_plugin(struct sessions *sessions,
                              const struct session *session,
                              const struct digest *plugin)
{
    const struct task *task = session_task(session);
    (void)sessions;
    if (!task || session->pending || session->ended)
        return false;
    const char *text = task_plan_text(task->now.plan);
    AUTO_PLAN *plan = NULL;
    if (plan_parse(text, strlen(text), &plan, NULL))
        return false;
    for (size_t i = 0; i < plan->step_count; i++)
        if (digest_equal(&plan->steps[i].plugin, plugin))
            return true;
    return false;
}
