/* SPDX-License-Identifier: Apache-2.0 */
#include "core/server/workers/transport-worker.h"

#include <string.h>

#include "core/plugin/load.h"
#include "core/server/http/http-files.h"
#include "core/server/workers/sandbox.h"
#include "core/server/workers/serve-host.h"
#include "core/server/workers/worker-child.h"
#include "core/util/log.h"

#define MAX_FILES 16384
#define MAX_WAITING 64 /* messages to the front door */

struct transport {
    struct worker_child child; /* first */
    const struct plugin *plugin;
    struct param_values *params;
    struct serve_host *host;
    void *instance;
    struct channel *door; /* to the front door; NULL = not there (yet) */
    char prefix[64];      /* mounted; "" = nothing */
    struct http_files *files;
    bool plugin_drained;
    bool files_drained;
};

static void end_when_drained(struct transport *t)
{
    if (t->child.draining && t->plugin_drained && t->files_drained)
        worker_child_end(&t->child, 0);
}

/* ---- the plugin's HTTP side --------------------------------------------- */

static int tell_door(struct transport *t, const char *type)
{
    struct err err = ERR_INIT;
    int code = channel_send(
        t->door, json_pack("{s:s, s:s}", "type", type, "prefix", t->prefix),
        NULL, 0, NULL, 0, &err);

    if (code)
        log_warn("the HTTP port cannot be reached: %s", err.text);
    return code;
}

static void find_object(void *arg, const char *path,
                        const struct endpoint *peer, struct http_file *ret)
{
    struct transport *t = arg;

    serve_host_find(t->host, path, peer, ret);
}

static void on_files_drained(void *arg)
{
    struct transport *t = arg;

    t->files_drained = true;
    end_when_drained(t);
}

/* One prefix for a plugin: no real one has wanted two. */
static int on_mount(void *arg, const char *prefix)
{
    struct transport *t = arg;
    struct http_files_spec spec = {
        .loop = t->child.loop,
        .find = find_object,
        .drained = on_files_drained,
        .arg = t,
    };
    struct err err = ERR_INIT;

    if (t->files || strlen(prefix) >= sizeof(t->prefix))
        return ERR_UNSUPPORTED;
    t->files = http_files_new(&spec, &err);
    if (!t->files) {
        log_error("%s", err.text);
        return err.code;
    }
    memcpy(t->prefix, prefix, strlen(prefix) + 1);
    return t->door ? tell_door(t, "mount") : 0;
}

/* Everything that the front door handed over has arrived: what is open now
 * is all there is to finish. */
static void drain_files(struct transport *t)
{
    if (!t->child.draining)
        return;
    if (t->files)
        http_files_drain(t->files);
    else
        on_files_drained(t);
}

static void on_door_message(void *arg, struct channel_message *message)
{
    struct transport *t = arg;
    const char *type =
        json_string_value(json_object_get(message->head, "type"));

    if (type && strcmp(type, "connection") == 0 && t->files &&
        message->fds[0] >= 0)
        http_files_add(t->files, TAKE_FD(message->fds[0]));
    else if (type && strcmp(type, "unmounted") == 0)
        drain_files(t);
}

/* The front door has died; its successor's socket pair comes as "peer". */
static void on_door_closed(void *arg, const char *why)
{
    struct transport *t = arg;

    log_debug("the front door has gone: %s", why);
    channel_free(t->door);
    t->door = NULL;
    drain_files(t);
}

static const struct channel_handlers door_handlers = {
    .on_message = on_door_message,
    .on_closed = on_door_closed,
};

static int take_door(struct transport *t, struct channel_message *message,
                     struct err *err)
{
    if (message->fds[0] < 0)
        return err_set(err, ERR_INVALID, "the front door has no socket");
    channel_free(t->door);
    t->door = channel_new(t->child.loop, message->fds[0], MAX_WAITING,
                          &door_handlers, t, err);
    if (!t->door)
        return err->code;
    message->fds[0] = -1;
    if (t->prefix[0] && !t->child.draining)
        (void)tell_door(t, "mount"); /* a dead door is told by its channel */
    return 0;
}

/* ---- the plugin --------------------------------------------------------- */

static void on_event(void *arg, json_t *event)
{
    struct transport *t = arg;

    worker_child_event(&t->child, event);
}

static void on_plugin_drained(void *arg)
{
    struct transport *t = arg;

    t->plugin_drained = true;
    end_when_drained(t);
}

static int make_host(struct transport *t, struct err *err)
{
    struct serve_host_spec spec = {
        .loop = t->child.loop,
        .boot_table = t->child.boot_table,
        .boot_roots = t->child.boot_roots,
        .objects_fd = t->child.objects_fd,
        .plugin = t->plugin->name,
        .params = t->params,
        .mount = on_mount,
        .event = on_event,
        .drained = on_plugin_drained,
        .arg = t,
    };

    t->host = serve_host_new(&spec, err);
    return t->host ? 0 : err->code;
}

/* Message "plugin": the sealed memory file, its digest, its parameters. */
static int take_plugin(struct transport *t, struct channel_message *message,
                       struct err *err)
{
    const char *hex =
        json_string_value(json_object_get(message->head, "digest"));
    const json_t *with = json_object_get(message->head, "params");
    const struct slipway_transport_plugin *plugin;
    struct param_table table = {0};
    struct digest digest;
    int code;

    if (t->plugin || !hex || message->fds[0] < 0)
        return err_set(err, ERR_INVALID, "the plugin's message is not valid");
    if (digest_parse(hex, &digest, err) != 0 ||
        plugin_load(TAKE_FD(message->fds[0]), SLIPWAY_KIND_TRANSPORT,
                    t->child.name, &digest, &t->plugin, err) != 0)
        return err->code;
    plugin = &t->plugin->as.transport;
    if (!plugin->serve_start)
        return err_set(err, ERR_UNSUPPORTED,
                       "transport '%s' does not serve anything", t->child.name);
    if (param_table_copy(plugin->params, plugin->params_count, &table, err))
        return err->code;
    code = param_values_check(&table, json_is_object(with) ? with : NULL,
                              "$.params", &t->params, err);
    param_table_done(&table);
    return code ? code : make_host(t, err);
}

static int take_socket(struct transport *t, struct channel_message *message,
                       struct err *err)
{
    const char *name =
        json_string_value(json_object_get(message->head, "socket"));

    if (!t->host || !name || message->fds[0] < 0)
        return err_set(err, ERR_INVALID, "a socket came without a name");
    return serve_host_add_socket(t->host, name, TAKE_FD(message->fds[0]), err);
}

static int on_message(struct worker_child *child, const char *type,
                      struct channel_message *message, struct err *err)
{
    struct transport *t = (struct transport *)child;

    if (strcmp(type, "plugin") == 0)
        return take_plugin(t, message, err);
    if (strcmp(type, "socket") == 0)
        return take_socket(t, message, err);
    if (strcmp(type, "peer") == 0)
        return take_door(t, message, err);
    return err_set(err, ERR_INVALID, "a message of type '%.40s' is not known",
                   type);
}

/* A server without DHCP has no port for TFTP: its worker has nothing to do,
 * and that is no reason to start it again and again. */
static bool can_serve(const struct transport *t)
{
    char missing[33];

    if (serve_host_has_sockets(t->host, t->plugin->as.transport.sockets,
                               missing))
        return true;
    log_notice("transport '%s' serves nothing: the configuration gives it no "
               "socket '%s'",
               t->child.name, missing);
    return false;
}

static int on_start(struct worker_child *child, struct err *err)
{
    struct transport *t = (struct transport *)child;
    int folders[BOOT_ROOTS + 2];
    struct sandbox_spec sandbox = {
        .read_dirs = folders,
        .threads = true,
        .internet = true,
        .max_files = MAX_FILES,
        .max_memory_bytes = (uint64_t)4 << 30,
    };
    int code;

    if (!t->host)
        return err_set(err, ERR_INVALID, "there is no plugin to start");
    worker_child_folders(child, folders);
    if (sandbox_enter(&sandbox, err) != 0)
        return err->code;
    if (!can_serve(t))
        return 0;
    code = t->plugin->as.transport.serve_start(serve_host_services(t->host),
                                               &t->instance);
    if (code)
        return err_set(err, code,
                       "transport '%s' does not start (%s); the lines above "
                       "say why",
                       child->name, err_word(code));
    return 0;
}

static void on_drain(struct worker_child *child)
{
    struct transport *t = (struct transport *)child;

    if (!t->instance) {
        worker_child_end(child, 0);
        return;
    }
    if (!t->door || !t->prefix[0] || tell_door(t, "unmount") != 0)
        drain_files(t);
    if (t->plugin->as.transport.serve_drain)
        t->plugin->as.transport.serve_drain(t->instance);
    else
        on_plugin_drained(t);
}

static const struct worker_child_handlers handlers = {
    .on_message = on_message,
    .on_start = on_start,
    .on_drain = on_drain,
};

static void transport_done(struct transport *t)
{
    if (t->instance)
        t->plugin->as.transport.serve_stop(t->instance);
    http_files_free(t->files);
    serve_host_free(t->host);
    param_values_free(t->params);
    channel_free(t->door);
    worker_child_done(&t->child);
    free(t);
}

int transport_worker_main(void)
{
    struct transport *t = calloc(1, sizeof(*t));
    struct err err = ERR_INIT;
    int status = 1;

    if (!t)
        return 1;
    if (worker_child_init(&t->child, &handlers, &err) == 0)
        status = worker_child_run(&t->child);
    else
        log_error("%s", err.text);
    transport_done(t);
    return status;
}
