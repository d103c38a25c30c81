/* SPDX-License-Identifier: Apache-2.0 */
/* Start, run and end of the daemon: see serve.h. */
#include "core/server/serve.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

#include "core/boot/boot-table.h"
#include "core/boot/client.h"
#include "core/plugin/registry.h"
#include "core/server/audit.h"
#include "core/server/images/care.h"
#include "core/server/deploy.h"
#include "core/server/dhcp/dhcp.h"
#include "core/server/event.h"
#include "core/server/hosts/host.h"
#include "core/server/images/images.h"
#include "core/server/rest/openapi.h"
#include "core/server/rest/operation.h"
#include "core/server/privileges.h"
#include "core/server/boot/publish.h"
#include "core/server/tasks/retention.h"
#include "core/server/rest/route.h"
#include "core/server/rest/schema.h"
#include "core/server/tasks/secret.h"
#include "core/server/serve-internal.h"
#include "core/server/sessions/session.h"
#include "core/server/site.h"
#include "core/server/store/store.h"
#include "core/server/rest/token.h"
#include "core/server/images/uploads.h"
#include "core/server/workers/worker.h"
#include "core/util/file.h"
#include "core/util/log.h"
#include "core/util/pool.h"
#include "core/util/secret-memory.h"

#define POOL_THREADS 3
#define POOL_QUEUE 512
#define HOUR_MS (3600 * 1000)
#define KEPT_REVISIONS 10000 /* of the store, for watches */

/* Tells systemd, when it started us. */
static void notify(const char *state)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (!path || !path[0] || strlen(path) >= sizeof(address.sun_path))
        return;
    memcpy(address.sun_path, path, strlen(path));
    if (path[0] == '@')
        address.sun_path[0] = '\0'; /* abstract */
    socklen_t length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) +
                                   strlen(path));
    AUTO_CLOSE int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || sendto(fd, state, strlen(state), MSG_NOSIGNAL,
                         (struct sockaddr *)&address, length) < 0)
        log_warn("systemd was not told '%s': %s", state,
                 err_errno_text(errno));
}

/* Adds whose machine it is to an event about a transfer to an address. */
static void name_machine(const struct server *server, json_t *event)
{
    const char *address =
        json_string_value(json_object_get(event, "address"));
    char mac[MAC_TEXT_BYTES];
    if (!address || !server->dhcp)
        return;
    dhcp_client_at(server->dhcp, address, mac);
    if (!mac[0])
        return;
    const struct host *host = host_find_any(server->hosts, mac);
    /* Short of memory the event is told without these. */
    (void)json_object_set_new(event, "mac", json_string(mac));
    (void)json_object_set_new(event, "host",
                              json_string(host ? host->id : ""));
    (void)json_object_set_new(event, "host_name",
                              json_string(host ? host->name : ""));
}

static void on_worker_event(void *arg, const char *id, const json_t *event)
{
    struct server *server = arg;
    json_t *copy = json_deep_copy(event);
    if (copy)
        name_machine(server, copy);
    events_emit(server->events, id, copy);
}

/* ---- start ---- */

static int open_store(struct serve *serve, uid_t owner, struct err *err)
{
    struct server *server = &serve->server;
    const struct config *config = server->config;
    const struct plugin *plugin;
    const struct plugin_place place = {
        .dir = config->plugin_dir,
        .kind = SLIPWAY_KIND_STORE,
        .name = config->store_plugin,
        .owner = owner,
    };
    int code = plugin_load_file(&place, NULL, &plugin, err);
    if (code != 0)
        return code;
    return store_new(server->loop, &plugin->as.store, config->store_location,
                     server->site->server_id, &server->store, err);
}

static int open_audit(struct serve *serve, struct err *err)
{
    struct server *server = &serve->server;
    AUTO_FREE char *path = config_state_path(server->config, "audit.log");
    if (!path)
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    return audit_open(&seam_real, path, &server->audit, err);
}

static int make_small_parts(struct serve *serve, uid_t owner, struct err *err)
{
    struct server *server = &serve->server;
    server->pool = pool_new(server->loop, POOL_THREADS, POOL_QUEUE, err);
    if (!server->pool)
        return ERR_NO_MEMORY;
    server->events = events_new(server->loop, err);
    if (!server->events)
        return ERR_NO_MEMORY;
    server->tokens = tokens_new(err);
    if (!server->tokens)
        return ERR_NO_MEMORY;
    server->secrets = secrets_new(&server->site->secret, err);
    if (!server->secrets)
        return err->code;
    server->registry = registry_new(server->config->plugin_dir, owner, err);
    if (!server->registry)
        return err->code;
    server->boot_table = boot_table_new();
    if (!server->boot_table)
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    int code = schemas_builtin(&server->schemas, err);
    if (code == 0)
        code = openapi_new(server->schemas, &server->openapi, err);
    return code;
}

static int start_workers(struct serve *serve, struct err *err)
{
    struct server *server = &serve->server;
    AUTO_FREE char *objects = config_state_path(server->config, "objects");
    struct workers_spec spec = {
        .loop = server->loop,
        .http_fd = TAKE_FD(serve->sockets.http),
        .objects_fd = objects ? file_open_dir(AT_FDCWD, objects, 0755, err)
                              : -1,
        .boot_table = server->boot_table,
        .event = on_worker_event,
        .arg = server,
    };
    if (spec.objects_fd < 0) {
        (void)close(spec.http_fd);
        return ERR_IO;
    }
    (void)published_roots(server, spec.boot_roots); /* -1 is known there */
    server->workers = workers_new(&spec, err);
    if (!server->workers)
        return err->code;
    if (serve->sockets.tftp < 0)
        return 0;
    return workers_add_socket(server->workers, "tftp",
                              TAKE_FD(serve->sockets.tftp), err);
}

static void on_signal(void *arg, int number)
{
    struct serve *serve = arg;
    log_notice("stopping on signal %d", number);
    notify("STOPPING=1");
    events_emit(serve->server.events, "server-stopping", NULL);
    loop_stop(serve->server.loop);
}

static int make_parts(struct serve *serve, uid_t owner, struct err *err)
{
    static const int signals[] = {SIGTERM, SIGINT};
    struct server *server = &serve->server;
    server->loop = loop_new(&seam_real, err);
    if (!server->loop)
        return err->code;
    int code = loop_signals(server->loop, signals, ARRAY_LENGTH(signals),
                            on_signal, serve, err);
    if (code == 0)
        code = make_small_parts(serve, owner, err);
    if (code == 0)
        code = open_store(serve, owner, err);
    if (code == 0)
        code = open_audit(serve, err);
    if (code == 0)
        code = images_new(server, &server->images, err);
    if (code == 0)
        code = uploads_new(server, err);
    if (code == 0)
        code = cares_new(server, err);
    if (code == 0)
        code = published_new(server, err);
    if (code == 0)
        code = start_workers(serve, err);
    return code;
}

/* ---- ready ---- */

static void on_forgotten(void *arg, size_t tasks, size_t batches,
                         const struct err *why)
{
    struct server *server = arg;
    struct err err = ERR_INIT;
    if (why)
        log_warn("old tasks stay until the next hour: %s", why->text);
    if (tasks + batches == 0)
        return;
    log_info("%zu tasks and %zu batches that are over were forgotten", tasks,
             batches);
    if (audit_record(server->audit, "slipwayd", "retention", "tasks",
                     json_pack("{s:I, s:I}", "tasks", (json_int_t)tasks,
                               "batches", (json_int_t)batches), &err) < 0)
        log_error("%s", err.text);
}

static void forget_old_tasks(struct server *server)
{
    const struct config *config = server->config;
    const struct seam *seam = loop_seam(server->loop);
    retention_run(&(struct retention_spec){
        .store = server->store,
        .hosts = server->hosts,
        .now_s = seam->wall_s(seam->context),
        .max_age_s = (int64_t)(config->tasks_for_ms / 1000),
        .max_tasks = config->tasks_max,
        .done = on_forgotten,
        .arg = server,
    });
}

static void each_hour(void *arg)
{
    struct serve *serve = arg;
    forget_old_tasks(&serve->server);
    operations_expire(&serve->server);
    uploads_expire(serve->server.uploads);
    store_compact(serve->server.store, KEPT_REVISIONS);
    serve->hourly = loop_timer(serve->server.loop, HOUR_MS, each_hour, serve);
}

static void connection_closed(struct server *server, uint64_t connection)
{
    if (server->sessions)
        sessions_connection_closed(server->sessions, connection);
}

static int start_http(struct serve *serve, struct err *err)
{
    struct server *server = &serve->server;
    const struct http_spec spec = {
        .server = server,
        .listen_fd = TAKE_FD(serve->sockets.tls),
        .chain_pem = server->site->chain_pem,
        .key_pem = server->site->key_pem,
        .routes = routes,
        .route_count = route_count,
        .schemas = server->schemas,
        .closed = connection_closed,
        .check_replies = server->config->check_replies,
    };
    return http_new(&spec, &server->http, err);
}

void serve_failed(struct serve *serve, const struct err *err)
{
    serve->failed = true;
    serve->failure = *err;
    loop_stop(serve->server.loop);
}

void serve_ready(struct serve *serve)
{
    struct err err = ERR_INIT;
    const struct config_ports *ports = &serve->sockets.ports;
    int code = 0;
    if (serve->server.config->has_dhcp)
        code = serve_dhcp_start(serve, &err);
    if (code == 0)
        code = start_http(serve, &err);
    if (code != 0) {
        serve_failed(serve, &err);
        return;
    }
    each_hour(serve);
    events_emit(serve->server.events, "server-started",
                json_pack("{s:s}", "server", serve->server.site->server_id));
    log_notice("serving on %s: HTTPS port %u, HTTP port %u",
               serve->server.config->address, ports->tls, ports->http);
    (void)printf("ready tls=%u http=%u dhcp=%u pxe=%u tftp=%u\n", ports->tls,
                 ports->http, ports->dhcp, ports->pxe, ports->tftp);
    (void)fflush(stdout);
    notify("READY=1");
}

/* ---- end ---- */

static void take_apart(struct serve *serve)
{
    struct server *server = &serve->server;
    loop_timer_cancel(serve->hourly);
    http_stop(server->http);
    dhcp_free(server->dhcp);
    if (serve->deployed)
        deploy_stop(server);
    workers_free(server->workers);
    cares_free(server);
    uploads_free(server);
    images_free(server->images);
    published_free(server);
    boot_table_free(server->boot_table);
    pool_free(server->pool);
    store_free(server->store);
    http_free(server->http);
    audit_close(server->audit);
    registry_free(server->registry);
    events_free(server->events);
    secrets_free(server->secrets);
    tokens_free(server->tokens);
    openapi_free(server->openapi);
    schemas_free(server->schemas);
    site_free(server->site);
    loop_free(server->loop);
    sockets_close(&serve->sockets);
}

int serve_run(const struct config *config, struct err *err)
{
    struct serve serve = {
        .server = {.config = config, .started_s = (int64_t)time(NULL)},
        .sockets = {.tls = -1, .http = -1, .dhcp = -1, .pxe = -1, .tftp = -1,
                    .icmp = -1, .arp = -1},
    };
    serve.server.sockets = &serve.sockets;
    uid_t owner = getuid(); /* plugins of whoever started us are accepted */
    (void)signal(SIGPIPE, SIG_IGN);
    int code = site_load(config, &serve.server.site, err);
    if (code == 0 && secret_memory_trouble() != 0)
        log_warn("secrets cannot be locked in memory and may reach the swap "
                 "space: %s; raise the limit of locked memory (LimitMEMLOCK) "
                 "or encrypt the swap space",
                 err_errno_text(secret_memory_trouble()));
    if (code == 0)
        code = sockets_open(config, &serve.sockets, err);
    if (code == 0)
        code = privileges_drop(config, err);
    if (code == 0)
        code = make_parts(&serve, owner, err);
    if (code == 0) {
        serve_load(&serve);
        loop_run(serve.server.loop);
        if (serve.failed)
            code = err_set(err, serve.failure.code, "%s", serve.failure.text);
    }
    take_apart(&serve);
    return code;
}
