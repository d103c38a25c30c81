/* SPDX-License-Identifier: Apache-2.0 */
#include "core/server/workers/serve-host.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "core/util/json.h"
#include "core/util/log.h"

#define MAX_MOUNTS 4
#define MAX_PREFIX 64
#define MAX_REST 255
#define MAX_EVENT_BYTES 4096

struct mount {
    char prefix[MAX_PREFIX];
    void (*handler)(void *arg, const char *rest,
                    const struct slipway_endpoint *peer,
                    struct slipway_http_answer *answer);
    void *arg;
};

struct serve_host {
    struct slipway_serve_host services; /* what the plugin sees */
    struct serve_host_spec spec;
    struct loop_services loop;
    struct mount mounts[MAX_MOUNTS];
    size_t mount_count;
};

static struct serve_host *of(const struct slipway_serve_host *services)
{
    return services->private_data;
}

static struct loop_services *loop_of(const struct slipway_serve_host *services)
{
    return &of(services)->loop;
}

LOOP_SERVICES_DEFINE(struct slipway_serve_host, loop_of);

/* ---- boot files --------------------------------------------------------- */

static void host_boot_file_open(
    const struct slipway_serve_host *services, const char *name,
    const struct slipway_endpoint *peer,
    void (*done)(void *arg, int code, struct slipway_boot_content *content),
    void *arg)
{
    struct serve_host *host = of(services);
    const struct boot_file *file = boot_table_find(host->spec.boot_table, name);
    struct slipway_boot_content *content;
    struct err err = ERR_INIT;
    int fd;

    (void)peer;
    if (!file) {
        done(arg, SLIPWAY_EINVAL, NULL);
        return;
    }
    fd = boot_file_open(file, host->spec.boot_roots, &err);
    if (fd < 0) {
        log_error("%s", err.text);
        done(arg, SLIPWAY_EIO, NULL);
        return;
    }
    content = calloc(1, sizeof(*content));
    if (!content) {
        (void)close(fd);
        done(arg, SLIPWAY_EINTERNAL, NULL);
        return;
    }
    content->size = sizeof(*content);
    content->length = file->length;
    content->fd = (uint64_t)fd;
    done(arg, SLIPWAY_OK, content);
}

/* The descriptor belongs to the plugin, which closes it. */
static void host_boot_file_close(const struct slipway_serve_host *services,
                                 struct slipway_boot_content *content)
{
    (void)services;
    free(content);
}

/* ---- objects over HTTP -------------------------------------------------- */

static int host_http_mount(const struct slipway_serve_host *services,
                           const char *prefix,
                           void (*handler)(void *arg, const char *rest,
                                           const struct slipway_endpoint *peer,
                                           struct slipway_http_answer *answer),
                           void *arg)
{
    struct serve_host *host = of(services);
    size_t length = strlen(prefix);
    struct mount *m;
    int code;

    if (!host->spec.mount)
        return SLIPWAY_EUNSUPPORTED;
    if (length < 3 || length >= MAX_PREFIX || prefix[0] != '/' ||
        prefix[length - 1] != '/')
        return SLIPWAY_EINVAL;
    if (host->mount_count == MAX_MOUNTS)
        return SLIPWAY_ENOSPACE;
    code = host->spec.mount(host->spec.arg, prefix);
    if (code)
        return SLIPWAY_EIO;
    m = &host->mounts[host->mount_count++];
    (void)snprintf(m->prefix, sizeof(m->prefix), "%s", prefix);
    m->handler = handler;
    m->arg = arg;
    return SLIPWAY_OK;
}

static bool rest_ok(const char *rest)
{
    size_t length = strspn(rest, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                 "abcdefghijklmnopqrstuvwxyz0123456789._-");

    return length > 0 && length <= MAX_REST && rest[length] == '\0';
}

static void ask(const struct mount *m, const char *rest,
                const struct endpoint *peer, struct http_file *ret)
{
    struct slipway_http_answer answer = {
        .size = sizeof(answer),
        .fd = ~(uint64_t)0,
    };
    struct slipway_endpoint from;
    char text[ADDRESS_TEXT_BYTES];

    loop_services_endpoint(peer, text, &from);
    m->handler(m->arg, rest, &from, &answer);
    ret->status = answer.status ? answer.status : 404;
    ret->text = answer.text;
    ret->type = answer.type;
    ret->immutable = answer.immutable != 0;
    if (answer.fd != ~(uint64_t)0)
        ret->fd = (int)answer.fd;
    if (ret->status != 200 && ret->fd >= 0) {
        (void)close(ret->fd);
        ret->fd = -1;
    }
    ret->length = answer.length;
    /* A name that never gets another content is its own tag. */
    if (ret->immutable)
        (void)snprintf(ret->etag, sizeof(ret->etag), "%.*s",
                       HTTP_FILES_ETAG_BYTES - 1, rest);
}

void serve_host_find(struct serve_host *host, const char *path,
                     const struct endpoint *peer, struct http_file *ret)
{
    for (size_t i = 0; i < host->mount_count; i++) {
        const struct mount *m = &host->mounts[i];
        size_t length = strlen(m->prefix);

        if (strncmp(path, m->prefix, length) != 0)
            continue;
        if (rest_ok(path + length))
            ask(m, path + length, peer, ret);
        return;
    }
    /* A connection belongs to one prefix: RFC 9110 section 15.5.20 has a
     * status for a request that should come by another. */
    ret->status = 421;
    ret->text = "Please open another connection for this path.\n";
}

static int host_object_fd(const struct slipway_serve_host *services,
                          const unsigned char *name, uint64_t *ret_length)
{
    static const char digits[] = "0123456789abcdef";
    struct serve_host *host = of(services);
    char path[3 + 2 * SLIPWAY_OBJECT_NAME_BYTES + 1];
    AUTO_CLOSE int fd = -1;
    struct stat status;

    if (host->spec.objects_fd < 0)
        return -1;
    for (size_t i = 0; i < SLIPWAY_OBJECT_NAME_BYTES; i++) {
        path[3 + 2 * i] = digits[name[i] >> 4];
        path[4 + 2 * i] = digits[name[i] & 15];
    }
    path[0] = path[3];
    path[1] = path[4];
    path[2] = '/';
    path[sizeof(path) - 1] = '\0';
    fd = openat(host->spec.objects_fd, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0 || fstat(fd, &status) != 0 || !S_ISREG(status.st_mode))
        return -1;
    *ret_length = (uint64_t)status.st_size;
    return TAKE_FD(fd);
}

/* ---- events ------------------------------------------------------------- */

static void host_event(const struct slipway_serve_host *services,
                       const char *text)
{
    struct serve_host *host = of(services);
    struct err err = ERR_INIT;
    AUTO_JSON *json = json_parse(text, strlen(text), MAX_EVENT_BYTES, &err);

    if (!json || !json_is_string(json_object_get(json, "event"))) {
        log_debug("%s: an event is not an object with the member 'event'",
                  host->loop.plugin);
        return;
    }
    host->spec.event(host->spec.arg, TAKE(json));
}

static void host_drained(const struct slipway_serve_host *services)
{
    struct serve_host *host = of(services);

    host->spec.drained(host->spec.arg);
}

static int host_param_number(const struct slipway_serve_host *services,
                             uint64_t index, uint64_t *ret_value)
{
    struct serve_host *host = of(services);

    if (!host->spec.params ||
        param_values_number(host->spec.params, (size_t)index, ret_value) != 0)
        return SLIPWAY_EINVAL;
    return SLIPWAY_OK;
}

/* ---- life --------------------------------------------------------------- */

struct serve_host *serve_host_new(const struct serve_host_spec *spec,
                                  struct err *err)
{
    struct serve_host *host = calloc(1, sizeof(*host));

    if (!host) {
        (void)err_set(err, ERR_NO_MEMORY, "no memory for a transport's host");
        return NULL;
    }
    host->spec = *spec;
    loop_services_init(&host->loop, spec->loop, spec->plugin);
    host->services = (struct slipway_serve_host){
        .size = sizeof(host->services),
        .private_data = host,
        LOOP_SERVICES_TABLE,
        .boot_file_open = host_boot_file_open,
        .boot_file_close = host_boot_file_close,
        .http_mount = host_http_mount,
        .object_fd = host_object_fd,
        .event = host_event,
        .drained = host_drained,
        .param_number = host_param_number,
    };
    return host;
}

void serve_host_free(struct serve_host *host)
{
    if (!host)
        return;
    loop_services_done(&host->loop);
    free(host);
}

const struct slipway_serve_host *serve_host_services(struct serve_host *host)
{
    return &host->services;
}

int serve_host_add_socket(struct serve_host *host, const char *name, int fd,
                          struct err *err)
{
    return loop_services_add_socket(&host->loop, name, fd, err);
}

bool serve_host_has_sockets(const struct serve_host *host, const char *names,
                            char ret_missing[33])
{
    while (names && *names) {
        size_t length = strcspn(names, " ");

        (void)snprintf(ret_missing, 33, "%.*s", (int)MIN(length, (size_t)32),
                       names);
        if (!loop_services_has_socket(&host->loop, ret_missing))
            return false;
        names += length + (names[length] == ' ');
    }
    return true;
}
