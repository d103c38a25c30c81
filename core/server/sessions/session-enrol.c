/* SPDX-License-Identifier: Apache-2.0 */
/* An unknown machine shows a code while enrolment is open, and an admin makes
 * it a host. */
#include <stdio.h>
#include <string.h>

#include "core/server/sessions/session-internal.h"
#include "core/util/json.h"
#include "core/util/log.h"

bool session_enrols(const struct session *session)
{
    return !*session->host_id && !*session->task;
}

/* ---- a machine comes ---------------------------------------------------- */

struct enrolling {
    struct sessions *sessions;
    struct session *session; /* entered once it is in the store */
    session_welcomed *welcomed;
    void *arg;
};

/* A lost reply may be repeated: the same key is the same session. */
static struct session *find_key(const struct sessions *sessions,
                                const char *key)
{
    for (size_t i = 0; i < sessions->by_id.count; i++) {
        struct session *s = sessions->by_id.entries[i].value;
        if (session_enrols(s) && strcmp(s->key, key) == 0)
            return s;
    }
    return NULL;
}

static void stored(void *arg, uint64_t revision, const struct err *err)
{
    struct enrolling *e = arg;
    const struct deploy *deploy = e->sessions->deploy;
    struct err why = ERR_INIT;
    (void)revision;
    if (err) {
        e->welcomed(e->arg, NULL, err);
        session_free(e->session);
        free(e);
        return;
    }
    struct session *s = session_enter(e->sessions, e->session);
    if (s) {
        session_wait(s);
        deploy->event(deploy->arg, "enrol-waiting",
                      json_pack("{s:s, s:O}", "session", s->id, "facts",
                                s->facts));
        session_welcome(s, e->welcomed, e->arg);
    } else {
        (void)err_set(&why, ERR_NO_MEMORY, "out of memory");
        e->welcomed(e->arg, NULL, &why);
    }
    free(e);
}

void session_enrol(struct sessions *sessions, struct session *session,
                   const char *uuid, session_welcomed *welcomed, void *arg)
{
    const struct session *same = find_key(sessions, session->key);
    struct enrolling *e = same ? NULL : calloc(1, sizeof(*e));
    struct err err = ERR_INIT;
    char key[64];
    if (!e) {
        session_free(session);
        (void)err_set(&err, ERR_NO_MEMORY, "out of memory for a session");
        if (same)
            session_welcome(same, welcomed, arg);
        else
            welcomed(arg, NULL, &err);
        return;
    }
    *e = (struct enrolling){sessions, session, welcomed, arg};
    session->pending = true;
    (void)snprintf(session->tier, sizeof(session->tier), "console");
    /* Without memory for it the host has no UUID until its next task. */
    (void)json_object_set_new(session->facts, "uuid", json_string(uuid));
    (void)snprintf(key, sizeof(key), "/v1/session/%s", session->id);
    store_put(sessions->deploy->store, key, session_format(session), STORE_NEW,
              stored, e);
}

void session_enrol_over(const struct session *session)
{
    const struct sessions *sessions = session->private_data->sessions;
    const json_t *macs = json_object_get(session->facts, "macs");
    const json_t *mac;
    size_t i;
    json_array_foreach (macs, i, mac)
        if (sessions->enrol)
            enrol_give_up(sessions->enrol, json_string_value(mac));
}

/* ---- an admin approves it ----------------------------------------------- */

struct approving {
    struct sessions *sessions;
    char session[MESSAGE_ID_BYTES];
    char host_id[MESSAGE_ID_BYTES]; /* of the new host */
    char by[128];
    host_done *done;
    void *arg;
};

static void told(const struct approving *a, const struct host *host)
{
    const struct deploy *deploy = a->sessions->deploy;
    char target[64];
    (void)snprintf(target, sizeof(target), "host %s", host->id);
    deploy->audit(deploy->arg, a->by, "enrol.approve", target,
                  json_pack("{s:s, s:s}", "host_name", host->name, "session",
                            a->session));
    deploy->event(deploy->arg, "enrol-approved",
                  json_pack("{s:s, s:s, s:s}", "host", host->id, "host_name",
                            host->name, "by", a->by));
}

static void rewritten(void *arg, uint64_t revision, const struct err *err)
{
    (void)arg;
    (void)revision;
    if (err)
        log_warn("A machine that was registered may be shown as waiting after "
                 "a restart of the server: %s",
                 err->text);
}

/* The machine is told to boot its disk.  Its session is the new host's, for
 * an inventory that comes late. */
static void let_go(struct session *s, const struct host *host)
{
    struct sessions *sessions = s->private_data->sessions;
    char key[64];
    memcpy(s->host_id, host->id, sizeof(s->host_id));
    loop_timer_cancel(s->private_data->forget);
    s->private_data->forget = NULL;
    session_end(s);
    (void)snprintf(key, sizeof(key), "/v1/session/%s", s->id);
    store_put(sessions->deploy->store, key, session_format(s), STORE_ANY,
              rewritten, sessions);
}

/* The host has what its machine has told; it is one without that too. */
static void learned(void *arg, const struct host *host, const struct err *err)
{
    struct approving *a = arg;
    if (err) {
        log_warn("What a new host's machine has told was not kept: %s",
                 err->text);
        host = host_find(a->sessions->hosts, a->host_id);
    }
    a->done(a->arg, host, host ? NULL : err);
    free(a);
}

static void created(void *arg, const struct host *host, const struct err *err)
{
    struct approving *a = arg;
    struct session *s = session_find(a->sessions, a->session);
    if (!err)
        told(a, host);
    if (err || !s) {
        a->done(a->arg, host, err);
        free(a);
        return;
    }
    memcpy(a->host_id, host->id, sizeof(a->host_id));
    (void)json_object_del(s->facts, "uuid"); /* is the host's own */
    let_go(s, host);
    host_learn(a->sessions->hosts, a->host_id,
               &(struct host_news){.facts = s->facts}, learned, a);
}

/* What the admin says, and the names that the machine has told: docks' and
 * those that many machines share are none. */
static json_t *host_spec(const struct sessions *sessions,
                         const struct session *s, const json_t *said)
{
    const json_t *list = json_object_get(s->facts, "macs");
    const char *uuid = json_string_value(json_object_get(s->facts, "uuid"));
    char canonical[IDENTITY_UUID_BYTES];
    json_t *spec = json_deep_copy(said);
    json_t *macs = json_array();
    json_t *mac;
    size_t i;
    (void)json_object_del(spec, "code");
    json_array_foreach (list, i, mac)
        if (json_array_size(macs) < HOST_MAX_MACS &&
            !hosts_dock_mac(sessions->hosts, json_string_value(mac)))
            (void)json_array_append(macs, mac);
    (void)json_object_set_new(spec, "macs", macs);
    if (uuid && identity_uuid_parse(uuid, canonical, NULL) == 0)
        (void)json_object_set_new(spec, "uuid", json_string(canonical));
    return spec;
}

void session_enrol_approve(struct sessions *sessions, const char *code,
                           const json_t *said, const char *by, host_done *done,
                           void *arg)
{
    const struct session *s = session_of_code(sessions, "", code);
    struct err err = ERR_INIT;
    struct approving *a = s ? calloc(1, sizeof(*a)) : NULL;
    if (!a) {
        (void)err_set(&err, s ? ERR_NO_MEMORY : ERR_NOT_FOUND,
                      s ? "out of memory"
                        : "no unknown machine that waits shows that code; "
                          "compare it with the machine's screen, or open "
                          "enrolment and start the machine again");
        done(arg, NULL, &err);
        return;
    }
    *a = (struct approving){.sessions = sessions, .done = done, .arg = arg};
    memcpy(a->session, s->id, sizeof(a->session));
    (void)snprintf(a->by, sizeof(a->by), "%s", by);
    AUTO_JSON *spec = host_spec(sessions, s, said);
    host_create(sessions->hosts, spec, created, a);
}
