/* SPDX-License-Identifier: Apache-2.0 */
/* REST: an admin has read codes from screens and approves their machines. */
#include <stdio.h>
#include <string.h>

#include "core/server/api/api-deploy.h"
#include "core/server/deploy.h"
#include "core/server/hosts/host.h"
#include "core/server/rest/route.h"
#include "core/server/server.h"
#include "core/server/sessions/session.h"

/* ---- one machine -------------------------------------------------------- */

static void on_approved(void *arg, const struct err *err)
{
    if (err)
        request_fail(arg, err);
    else
        request_reply(arg, 204, NULL, 0);
}

void api_host_approve(struct server *server, struct request *r)
{
    const char *id = request_path_value(r, "id");
    const struct host *host = host_find_any(server->hosts, id);
    const char *code =
        json_string_value(json_object_get(request_body(r), "code"));
    if (host)
        session_approve(server->sessions, host->id, code, request_actor(r),
                        on_approved, r);
    else
        request_problem(r, "not-found", "there is no host '%s'", id);
}

void api_host_pending(struct server *server, struct request *r)
{
    route_reply_list(r, sessions_pending_json(server->sessions), NULL);
}

/* ---- the machines of a batch -------------------------------------------- */

/* One code after the other; a wrong one stops none of the others. */
struct approval {
    struct server *server;
    struct request *r;
    const char *batch;
    const json_t *codes; /* of the request's body */
    bool check;          /* only say whose they are */
    size_t at;
    char host_id[MESSAGE_ID_BYTES]; /* of the code at `at`, "" = unknown */
    int good;
    json_t *items;
};

static void next_code(struct approval *a);

static void approval_end(struct approval *a)
{
    int refused = (int)json_array_size(a->items) - a->good;
    json_t *body = json_pack("{s:s, s:i, s:i, s:O}", "batch", a->batch,
                             a->check ? "valid" : "approved", a->good,
                             "refused", refused, "items", a->items);
    if (body)
        request_reply(a->r, 200, body, 0);
    else
        request_problem(a->r, "internal", "out of memory");
    json_decref(a->items);
    free(a);
}

static void note_outcome(struct approval *a, const struct err *err)
{
    const struct deploy *deploy = deploy_table(a->server);
    const struct host *host = host_find(a->server->hosts, a->host_id);
    const char *state = err ? "refused" : a->check ? "valid" : "approved";
    char target[64];
    (void)json_array_append_new(
        a->items, json_pack("{s:O, s:s, s:s, s:s, s:s}", "code",
                            json_array_get(a->codes, a->at), "host", a->host_id,
                            "host_name", host ? host->name : "", "state", state,
                            "sentence", err ? err->text : ""));
    a->good += !err;
    if (a->check && !err)
        return; /* whoever guesses is seen all the same */
    (void)snprintf(target, sizeof(target), "%s %s",
                   a->host_id[0] ? "host" : "batch",
                   a->host_id[0] ? a->host_id : a->batch);
    deploy->audit(deploy->arg, request_actor(a->r), "batch.approve", target,
                  json_pack("{s:s, s:s, s:s}", "batch", a->batch, "state",
                            state, "sentence", err ? err->text : ""));
}

static void code_approved(void *arg, const struct err *err)
{
    struct approval *a = arg;
    note_outcome(a, err);
    a->at++;
    next_code(a);
}

/* Goes on to the first code that needs the store. */
static void next_code(struct approval *a)
{
    for (; a->at < json_array_size(a->codes); a->at++) {
        const char *code = json_string_value(json_array_get(a->codes, a->at));
        const struct host *host = NULL;
        struct err err = ERR_INIT;
        a->host_id[0] = '\0';
        if (session_find_code(a->server->sessions, a->batch, code, &host,
                              &err)) {
            note_outcome(a, &err);
            continue;
        }
        memcpy(a->host_id, host->id, sizeof(a->host_id));
        if (!a->check) {
            session_approve(a->server->sessions, host->id, code,
                            request_actor(a->r), code_approved, a);
            return;
        }
        note_outcome(a, NULL);
    }
    approval_end(a);
}

static void got_batch(void *arg, const struct store_doc *doc,
                      const struct err *err)
{
    struct approval *a = arg;
    (void)doc;
    if (!err) {
        next_code(a);
        return;
    }
    request_fail(a->r, err);
    json_decref(a->items);
    free(a);
}

void api_batch_approve(struct server *server, struct request *r)
{
    const char *id = request_path_value(r, "id");
    const json_t *body = request_body(r);
    char key[64];
    if (!message_id_valid(id)) {
        request_problem(r, "not-found", "there is no batch '%s'", id);
        return;
    }
    struct approval *a = calloc(1, sizeof(*a));
    if (!a) {
        request_problem(r, "internal", "out of memory");
        return;
    }
    *a = (struct approval){
        .server = server,
        .r = r,
        .batch = id,
        .codes = json_object_get(body, "codes"),
        .check = json_is_true(json_object_get(body, "check")),
        .items = json_array(),
    };
    (void)snprintf(key, sizeof(key), "/v1/batch/%s", id);
    store_get(server->store, key, got_batch, a);
}
