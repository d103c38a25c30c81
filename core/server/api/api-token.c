/* SPDX-License-Identifier: Apache-2.0 */
/* REST: tokens. */
#include <stdio.h>
#include <string.h>

#include "core/server/api/api.h"
#include "core/server/event.h"
#include "core/server/rest/route.h"
#include "core/server/server.h"
#include "core/server/store/store.h"
#include "core/server/rest/token.h"
#include "core/util/json.h"

static json_t *public_part(const struct request *r, const char *id,
                           const json_t *document)
{
    json_t *item = json_copy((json_t *)(uintptr_t)document);
    (void)r; /* everybody sees the same */
    if (!item)
        return NULL;
    (void)json_object_del(item, "hash");
    (void)json_object_del(item, "schema");
    (void)json_object_set_new(item, "id", json_string(id));
    return item;
}

void api_token_list(struct server *server, struct request *r)
{
    (void)server;
    route_reply_documents(r, TOKEN_KEY_PREFIX, public_part);
}

struct creation {
    struct server *server;
    struct request *r;
    char id[33];
    char text[TOKEN_TEXT_BYTES];
    json_t *document;
};

static void on_created(void *arg, uint64_t revision, const struct err *err)
{
    struct creation *c = arg;
    struct err why = ERR_INIT;
    json_t *body = public_part(c->r, c->id, c->document);
    (void)revision;
    if (err) {
        request_fail(c->r, err);
    } else if (tokens_apply(c->server->tokens, c->id, c->document, &why) < 0) {
        request_fail(c->r, &why);
    } else {
        (void)json_object_set_new(body, "token", json_string(c->text));
        events_emit(c->server->events, "token-created",
                    json_pack("{s:s}", "token", c->id));
        request_reply(c->r, 201, json_incref(body), 0);
    }
    json_decref(body);
    json_decref(c->document);
    secret_wipe(c->text, sizeof(c->text));
    free(c);
}

void api_token_create(struct server *server, struct request *r)
{
    const json_t *body = request_body(r);
    const struct seam *seam = loop_seam(server->loop);
    const char *name = json_string_value(json_object_get(body, "name"));
    const char *scope = json_string_value(json_object_get(body, "scope"));
    json_int_t expires_s =
        json_integer_value(json_object_get(body, "expires_s"));
    char key[96];
    struct err err = ERR_INIT;
    struct creation *c = calloc(1, sizeof(*c));
    if (!c || token_make(name, scope_parse(scope), seam->wall_s(seam->context),
                         expires_s, c->text, &c->document, &err) < 0) {
        free(c);
        request_problem(r, "internal", "the token cannot be made");
        return;
    }
    c->server = server;
    c->r = r;
    request_new_id(r, c->id);
    (void)snprintf(key, sizeof(key), TOKEN_KEY_PREFIX "%s", c->id);
    store_put(server->store, key, json_incref(c->document), STORE_NEW,
              on_created, c);
}

static void on_deleted(void *arg, uint64_t revision, const struct err *err)
{
    struct server *server = request_server(arg);
    const char *id = request_path_value(arg, "id");
    (void)revision;
    if (err) {
        request_fail(arg, err);
        return;
    }
    tokens_remove(server->tokens, id);
    events_emit(server->events, "token-deleted",
                json_pack("{s:s}", "token", id));
    request_reply(arg, 204, NULL, 0);
}

static void on_found(void *arg, const struct store_doc *doc,
                     const struct err *err)
{
    if (err)
        request_fail(arg, err);
    else
        store_delete(request_server(arg)->store, doc->key, doc->revision,
                     on_deleted, arg);
}

void api_token_delete(struct server *server, struct request *r)
{
    char key[192];
    (void)snprintf(key, sizeof(key), TOKEN_KEY_PREFIX "%s",
                   request_path_value(r, "id"));
    store_get(server->store, key, on_found, r);
}
