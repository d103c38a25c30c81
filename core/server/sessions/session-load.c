/* SPDX-License-Identifier: Apache-2.0 */
/* Documents of sessions. */
#include <string.h>

#include "core/server/sessions/session-internal.h"
#include "core/util/json.h"
#include "core/util/log.h"

json_t *session_format(const struct session *s)
{
    return json_pack("{s:i, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:b, s:b, s:I, "
                     "s:O}",
                     "schema", 1, "id", s->id, "host", s->host_id, "task",
                     s->task, "key", s->key, "token_hash", s->token_hash,
                     "machine", s->machine, "tier", s->tier, "pending",
                     s->pending, "frozen", s->frozen, "created_s",
                     (json_int_t)s->created_s, "facts", s->facts);
}

static int parse(const json_t *json, struct session *s, struct err *err)
{
    struct json_reader r;
    json_reader_init(&r, json, "$", err);
    (void)json_get_u64(&r, "schema", 1, 1);
    json_copy_text(&r, "id", s->id, sizeof(s->id));
    json_copy_text(&r, "host", s->host_id, sizeof(s->host_id));
    json_copy_text(&r, "task", s->task, sizeof(s->task));
    json_copy_text(&r, "key", s->key, sizeof(s->key));
    json_copy_text(&r, "token_hash", s->token_hash, sizeof(s->token_hash));
    json_copy_text(&r, "machine", s->machine, sizeof(s->machine));
    json_copy_text(&r, "tier", s->tier, sizeof(s->tier));
    s->pending = json_get_bool(&r, "pending");
    s->frozen = json_get_bool(&r, "frozen");
    s->created_s = (int64_t)json_get_u64(&r, "created_s", 0, INT64_MAX);
    s->facts = json_incref((json_t *)json_get_object(&r, "facts"));
    return json_done(&r);
}

static int enter(void *owner, const struct store_doc *doc, struct err *err)
{
    struct sessions *sessions = owner;
    struct session *session = session_alloc();
    if (!session)
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    int code = parse(doc->json, session, err);
    if (code != 0) {
        session_free(session);
        return code;
    }
    session = session_enter(sessions, session);
    if (!session)
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    bool waits = session->pending &&
                 (session_enrols(session) ||
                  task_find(sessions->tasks, session->task));
    if (waits)
        session_wait(session);
    else if (!session_task(session))
        session_end(session);
    return 0;
}

void sessions_load(struct sessions *sessions, store_loaded *loaded, void *arg)
{
    store_load(sessions->deploy->store, "/v1/session/", enter, sessions,
               loaded, arg);
}
