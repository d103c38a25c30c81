/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading the state at start, one step after the other: tokens, secrets,
 * plugins, engine builds, images, then hosts, tasks and sessions.
 */
#include "core/server/serve-internal.h"

#include <arpa/inet.h>
#include <string.h>

#include "core/profile/plan.h"
#include "core/server/config.h"
#include "core/server/deploy.h"
#include "core/server/event.h"
#include "core/server/images/images.h"
#include "core/server/plugins.h"
#include "core/server/boot/publish.h"
#include "core/server/tasks/secret.h"
#include "core/server/rest/token.h"
#include "core/server/images/uploads.h"
#include "core/util/log.h"

static void next(void *arg, const struct err *err);

/* A document that this server cannot use is no reason not to start. */
static void complain(struct serve *serve, const char *event, const char *key,
                     const struct err *err)
{
    log_warn("'%s' is not used: %s", key, err->text);
    events_emit(serve->server.events, event,
                json_pack("{s:s, s:s}", "key", key, "message", err->text));
}

static void on_token(void *arg, const struct store_doc *doc,
                     const struct err *err)
{
    struct serve *serve = arg;
    struct err why = ERR_INIT;
    if (!doc)
        next(serve, err);
    else if (tokens_apply(serve->server.tokens,
                          doc->key + strlen(TOKEN_KEY_PREFIX), doc->json,
                          &why) < 0)
        log_warn("the token '%s' is not used: %s", doc->key, why.text);
}

static void on_secret(void *arg, const struct store_doc *doc,
                      const struct err *err)
{
    struct serve *serve = arg;
    struct err why = ERR_INIT;
    if (!doc)
        next(serve, err);
    else if (secrets_apply(serve->server.secrets,
                           doc->key + strlen(SECRET_KEY_PREFIX), doc->json,
                           &why) < 0)
        log_warn("'%s' is not used: %s", doc->key, why.text);
}

static void on_plugin(void *arg, const struct store_doc *doc,
                      const struct err *err)
{
    struct serve *serve = arg;
    struct err why = ERR_INIT;
    if (!doc) {
        next(serve, err);
        return;
    }
    int code = plugins_apply(&serve->server, doc->json, &why);
    if (code == 0)
        return;
    complain(serve, "plugin-refused", doc->key, &why);
    if (code == ERR_VERIFY)
        log_warn("after an upgrade of Slipway run 'slipwayd upgrade-plugins "
                 "--config %s' as root", serve->server.config->path);
}

static void on_engine(void *arg, const struct store_doc *doc,
                      const struct err *err)
{
    struct serve *serve = arg;
    struct err why = ERR_INIT;
    if (!doc) {
        if (!err)
            published_sweep(&serve->server);
        next(serve, err);
    } else if (publish_engine(&serve->server, doc->json, &why) < 0) {
        complain(serve, "plugin-refused", doc->key, &why);
    }
}

static void load_tokens(struct serve *serve)
{
    store_each(serve->server.store, TOKEN_KEY_PREFIX, on_token, serve);
}

static void load_secrets(struct serve *serve)
{
    store_each(serve->server.store, SECRET_KEY_PREFIX, on_secret, serve);
}

static void load_plugins(struct serve *serve)
{
    store_each(serve->server.store, PLUGIN_KEY_PREFIX, on_plugin, serve);
}

static void load_engines(struct serve *serve)
{
    store_each(serve->server.store, ENGINE_KEY_PREFIX, on_engine, serve);
}

static void load_images(struct serve *serve)
{
    images_load(serve->server.images, next, serve);
}

/* This server as engines of all our networks may reach it: the main address,
 * then those of the interfaces. */
static size_t own_servers(const struct serve *serve, struct plan_server *out)
{
    const struct interfaces *interfaces = &serve->sockets.interfaces;
    struct in_addr addresses[CONFIG_MAX_INTERFACES + 1];
    size_t count = 1;
    _Static_assert(CONFIG_MAX_INTERFACES < MESSAGE_MAX_SERVERS,
                   "every address fits in a plan");
    (void)inet_pton(AF_INET, serve->server.config->address, &addresses[0]);
    for (size_t i = 0; i < interfaces->count; i++)
        if (interfaces->list[i].address.s_addr != addresses[0].s_addr)
            addresses[count++] = interfaces->list[i].address;
    for (size_t i = 0; i < count; i++) {
        (void)inet_ntop(AF_INET, &addresses[i], out[i].address,
                        sizeof(out[i].address));
        out[i].tls_port = serve->sockets.ports.tls;
        out[i].http_port = serve->sockets.ports.http;
    }
    return count;
}

static void load_uploads(struct serve *serve)
{
    uploads_load(serve->server.uploads, next, serve);
}

static void load_deployments(struct serve *serve)
{
    struct plan_server own[CONFIG_MAX_INTERFACES + 1];
    memset(own, 0, sizeof(own));
    serve->deployed = true;
    deploy_start(&serve->server, own, own_servers(serve, own), next, serve);
}

static void (*const steps[])(struct serve *serve) = {
    load_tokens, load_secrets, load_plugins, load_engines,
    load_images, load_uploads, load_deployments,
};

static void next(void *arg, const struct err *err)
{
    struct serve *serve = arg;
    if (err)
        serve_failed(serve, err);
    else if (serve->step < ARRAY_LENGTH(steps))
        steps[serve->step++](serve);
    else
        serve_ready(serve);
}

void serve_load(struct serve *serve)
{
    next(serve, NULL);
}
