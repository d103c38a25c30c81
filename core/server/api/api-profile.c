/* SPDX-License-Identifier: Apache-2.0 */
/* REST: profiles, documents "/v1/profile/NAME" {"schema", "profile", ...}. */
#include <stdio.h>
#include <string.h>

#include "core/profile/check.h"
#include "core/server/api/api.h"
#include "core/server/deploy.h"
#include "core/server/event.h"
#include "core/server/rest/route.h"
#include "core/server/server.h"
#include "core/server/store/store.h"
#include "core/server/tasks/task.h"

#define PROFILE_KEY_PREFIX "/v1/profile/"

static json_t *public_part(const struct request *r, const char *name,
                           const json_t *document)
{
    (void)r; /* everybody sees the same */
    return json_pack("{s:s, s:O, s:O, s:O}", "name", name, "profile",
                     json_object_get(document, "profile"), "changed_s",
                     json_object_get(document, "changed_s"), "by",
                     json_object_get(document, "by"));
}

void api_profile_list(struct server *server, struct request *r)
{
    (void)server;
    route_reply_documents(r, PROFILE_KEY_PREFIX, public_part);
}

static void on_got(void *arg, const struct store_doc *doc,
                   const struct err *err)
{
    if (err && err->code == ERR_NOT_FOUND)
        request_problem(arg, "not-found", "there is no profile '%s'",
                        request_path_value(arg, "name"));
    else if (err)
        request_fail(arg, err);
    else
        request_reply(arg, 200,
                      public_part(arg, doc->key + strlen(PROFILE_KEY_PREFIX),
                                  doc->json),
                      doc->revision);
}

static void profile_key(const char *name, char out[192])
{
    (void)snprintf(out, 192, PROFILE_KEY_PREFIX "%s", name);
}

void api_profile_get(struct server *server, struct request *r)
{
    char key[192];
    profile_key(request_path_value(r, "name"), key);
    store_get(server->store, key, on_got, r);
}

/* ---- changes ---- */

struct change_of_profile {
    struct server *server;
    struct request *r;
    char name[PROFILE_NAME_BYTES];
    unsigned status;
    json_t *document;
};

static void on_changed(void *arg, uint64_t revision, const struct err *err)
{
    struct change_of_profile *c = arg;
    if (err && err->code == ERR_CONFLICT && c->status == 201) {
        request_problem(c->r, "conflict", "there is a profile '%s' already; "
                        "send If-Match with its ETag to replace it", c->name);
    } else if (err) {
        request_fail(c->r, err);
    } else {
        events_emit(c->server->events, "profile-changed",
                    json_pack("{s:s}", "profile", c->name));
        request_reply(c->r, c->document ? c->status : 204,
                      c->document ? public_part(c->r, c->name, c->document)
                                  : NULL,
                      c->document ? revision : 0);
    }
    json_decref(c->document);
    free(c);
}

/* Parsed and checked against the plugins that are enabled. */
static int examine(struct server *server, const json_t *json,
                   char ret_name[PROFILE_NAME_BYTES], struct err *err)
{
    struct profile *profile = NULL;
    const struct deploy *deploy = tasks_deploy(server->tasks);
    const struct profile_world world = {deploy->arg, deploy->action,
                                        deploy->transport_known};
    int code = profile_parse(json, "profile", &profile, err);
    if (code == 0)
        code = profile_check(profile, &world, err);
    if (code == 0)
        (void)snprintf(ret_name, PROFILE_NAME_BYTES, "%s", profile->name);
    profile_unref(profile);
    return code;
}

static void put(struct server *server, struct request *r, const char *name,
                uint64_t expected)
{
    char key[192];
    const struct seam *seam = loop_seam(server->loop);
    struct change_of_profile *c = calloc(1, sizeof(*c));
    if (c)
        c->document = json_pack(
            "{s:i, s:O, s:I, s:s}", "schema", 1, "profile", request_body(r),
            "changed_s", (json_int_t)seam->wall_s(seam->context), "by",
            request_actor(r));
    if (!c || !c->document) {
        free(c);
        request_problem(r, "internal", "out of memory");
        return;
    }
    c->server = server;
    c->r = r;
    c->status = expected == STORE_NEW ? 201 : 200;
    (void)snprintf(c->name, sizeof(c->name), "%s", name);
    profile_key(name, key);
    store_put(server->store, key, json_incref(c->document), expected,
              on_changed, c);
}

/* Whatever is wrong is wrong with the profile: also what it names and is not
 * there. */
static void refuse(struct request *r, const struct err *err)
{
    if (err->code == ERR_NOT_FOUND)
        request_problem(r, "invalid", "%s", err->text);
    else
        request_fail(r, err);
}

void api_profile_create(struct server *server, struct request *r)
{
    char name[PROFILE_NAME_BYTES];
    struct err err = ERR_INIT;
    if (examine(server, request_body(r), name, &err) < 0)
        refuse(r, &err);
    else
        put(server, r, name, STORE_NEW);
}

void api_profile_put(struct server *server, struct request *r)
{
    char name[PROFILE_NAME_BYTES];
    uint64_t expected = STORE_NEW;
    struct err err = ERR_INIT;
    (void)request_if_match(r, &expected);
    if (examine(server, request_body(r), name, &err) < 0)
        refuse(r, &err);
    else if (strcmp(name, request_path_value(r, "name")) != 0)
        request_problem(r, "invalid", "$.name: the profile calls itself '%s', "
                        "the path says '%s'", name,
                        request_path_value(r, "name"));
    else
        put(server, r, name, expected);
}

/* Deleting what is not there is an error, so it is looked for first. */
static void on_found(void *arg, const struct store_doc *doc,
                     const struct err *err)
{
    struct change_of_profile *c = arg;
    uint64_t expected = STORE_ANY;
    (void)request_if_match(c->r, &expected);
    if (!err) {
        store_delete(c->server->store, doc->key, expected, on_changed, c);
        return;
    }
    on_got(c->r, doc, err);
    free(c);
}

void api_profile_delete(struct server *server, struct request *r)
{
    char key[192];
    struct change_of_profile *c = calloc(1, sizeof(*c));
    if (!c) {
        request_problem(r, "internal", "out of memory");
        return;
    }
    c->server = server;
    c->r = r;
    (void)snprintf(c->name, sizeof(c->name), "%.*s",
                   (int)sizeof(c->name) - 1, request_path_value(r, "name"));
    profile_key(request_path_value(r, "name"), key);
    store_get(server->store, key, on_found, c);
}
