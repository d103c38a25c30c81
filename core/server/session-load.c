/* SPDX-License-Identifier: Apache-2.0 */
/* Documents of sessions. */
#include <string.h>

#include "core/server/session-internal.h"
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

static void get_text(struct json_reader *r, const char *key, char *out,
                     size_t size)
{
    const char *text = json_get_text(r, key);
    if (strlen(text) >= size)
        json_reader_fail(r, key, "is longer than %zu bytes", size - 1);
    else
        memcpy(out, text, strlen(text) + 1);
}

static int parse(const json_t *json, struct session *s, struct err *err)
{
    struct json_reader r;
    json_reader_init(&r, json, "$", err);
    (void)json_get_u64(&r, "schema", 1, 1);
    get_text(&r, "id", s->id, sizeof(s->id));
    get_text(&r, "host", s->host_id, sizeof(s->host_id));
    get_text(&r, "task", s->task, sizeof(s->task));
    get_text(&r, "key", s->key, sizeof(s->key));
    get_text(&r, "token_hash", s->token_hash, sizeof(s->token_hash));
    get_text(&r, "machine", s->machine, sizeof(s->machine));
    get_text(&r, "tier", s->tier, sizeof(s->tier));
    s->pending = json_get_bool(&r, "pending");
    s->frozen = json_get_bool(&r, "frozen");
    s->created_s = (int64_t)json_get_u64(&r, "created_s", 0, INT64_MAX);
    s->facts = json_incref((json_t *)json_get_object(&r, "facts"));
    return json_done(&r);
}

struct load {
    struct sessions *sessions;
    void (*loaded)(void *arg, const struct err *err);
    void *arg;
};

static void load_one(void *arg, const struct store_doc *doc,
                     const struct err *err)
{
    struct load *load = arg;
    struct err why = ERR_INIT;
    if (!doc) {
        load->loaded(load->arg, err);
        free(load);
        return;
    }
    struct session *session = session_alloc();
    if (!session)
        return;
    if (parse(doc->json, session, &why)) {
        log_error("Document '%s' is damaged and left out: %s", doc->key,
                  why.text);
        session_free(session);
        return;
    }
    session = session_enter(load->sessions, session);
    if (session && !session_task(session) &&
        !(session->pending && task_find(load->sessions->tasks, session->task)))
        session_end(session);
}

void sessions_load(struct sessions *sessions,
                   void (*loaded)(void *arg, const struct err *err), void *arg)
{
    struct load *load = calloc(1, sizeof(*load));
    if (!load) {
        struct err err = ERR_INIT;
        (void)err_set(&err, ERR_NO_MEMORY, "out of memory for sessions");
        loaded(arg, &err);
        return;
    }
    *load = (struct load){sessions, loaded, arg};
    store_each(sessions->deploy->store, "/v1/session/", load_one, load);
}
