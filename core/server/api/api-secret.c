/* SPDX-License-Identifier: Apache-2.0 */
/* REST: secrets.  A value comes in and never goes out. */
#include <stdio.h>
#include <string.h>

#include "core/server/api/api.h"
#include "core/server/event.h"
#include "core/server/rest/route.h"
#include "core/server/tasks/secret.h"
#include "core/server/server.h"
#include "core/server/store/store.h"
#include "core/util/json.h"

static json_t *public_part(const struct request *r, const char *name,
                           const json_t *document)
{
    (void)r; /* everybody sees the same */
    return json_pack("{s:s, s:O, s:O, s:O}", "name", name, "min_tier",
                     json_object_get(document, "min_tier"), "changed_s",
                     json_object_get(document, "changed_s"), "by",
                     json_object_get(document, "by"));
}

void api_secret_list(struct server *server, struct request *r)
{
    (void)server;
    route_reply_documents(r, SECRET_KEY_PREFIX, public_part);
}

static void on_got(void *arg, const struct store_doc *doc,
                   const struct err *err)
{
    if (err && err->code == ERR_NOT_FOUND)
        request_problem(arg, "not-found", "there is no secret '%s'",
                        request_path_value(arg, "name"));
    else if (err)
        request_fail(arg, err);
    else
        request_reply(arg, 200,
                      public_part(arg, doc->key + strlen(SECRET_KEY_PREFIX),
                                  doc->json),
                      0);
}

void api_secret_get(struct server *server, struct request *r)
{
    char key[192];
    (void)snprintf(key, sizeof(key), SECRET_KEY_PREFIX "%s",
                   request_path_value(r, "name"));
    store_get(server->store, key, on_got, r);
}

struct secret_change {
    struct server *server;
    struct request *r;
    char name[SECRET_NAME_BYTES];
    json_t *document; /* NULL = it is deleted */
};

static void told(struct secret_change *c)
{
    events_emit(c->server->events, "secret-changed",
                json_pack("{s:s}", "secret", c->name));
    if (c->document)
        request_reply(c->r, 200, public_part(c->r, c->name, c->document), 0);
    else
        request_reply(c->r, 204, NULL, 0);
}

static void on_changed(void *arg, uint64_t revision, const struct err *err)
{
    struct secret_change *c = arg;
    struct secrets *secrets = c->server->secrets;
    struct err why = ERR_INIT;
    (void)revision;
    if (!err && c->document &&
        secrets_apply(secrets, c->name, c->document, &why))
        err = &why;
    else if (!err && !c->document)
        secrets_remove(secrets, c->name);
    if (err)
        request_fail(c->r, err);
    else
        told(c);
    json_decref(c->document);
    free(c);
}

/* NULL after the request was answered. */
static struct secret_change *begin(struct server *server, struct request *r,
                                   char key[128])
{
    const char *name = request_path_value(r, "name");
    if (!secret_name_ok(name)) {
        request_problem(r, "invalid",
                        "'%.64s' is not a secret's name: lower-case letters, "
                        "digits, '.', '_' and '-'",
                        name);
        return NULL;
    }
    struct secret_change *c = calloc(1, sizeof(*c));
    if (!c) {
        request_problem(r, "internal", "out of memory");
        return NULL;
    }
    c->server = server;
    c->r = r;
    (void)snprintf(c->name, sizeof(c->name), "%s", name);
    (void)snprintf(key, 128, SECRET_KEY_PREFIX "%s", name);
    return c;
}

void api_secret_put(struct server *server, struct request *r)
{
    const json_t *body = request_body(r);
    const struct seam *seam = loop_seam(server->loop);
    const char *tier = json_string_value(json_object_get(body, "min_tier"));
    char key[128];
    struct err err = ERR_INIT;
    struct secret_change *c = begin(server, r, key);
    if (!c)
        return;
    const struct secret_spec spec = {
        .name = c->name,
        .value = json_string_value(json_object_get(body, "value")),
        .min_tier = tier ? tier : "console",
        .changed_s = seam->wall_s(seam->context),
        .by = request_actor(r),
    };
    c->document = secret_seal(server->secrets, &spec, &err);
    if (!c->document) {
        request_fail(r, &err);
        free(c);
        return;
    }
    store_put(server->store, key, json_incref(c->document), STORE_ANY,
              on_changed, c);
}

void api_secret_delete(struct server *server, struct request *r)
{
    char key[128];
    struct secret_change *c = begin(server, r, key);
    if (!c)
        return;
    if (!secrets_tier(server->secrets, c->name)) {
        request_problem(r, "not-found", "there is no secret '%s'", c->name);
        free(c);
        return;
    }
    store_delete(server->store, key, STORE_ANY, on_changed, c);
}
