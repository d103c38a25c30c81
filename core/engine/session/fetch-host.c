/* SPDX-License-Identifier: Apache-2.0 */
#include "core/engine/session/fetch-host.h"

#include <string.h>

#include "core/plugin/loop-services.h"
#include "core/util/log.h"

/* A plugin's request; freed when it is over. */
struct slipway_http_get {
    struct slipway_http_get *next;
    struct fetch_host *host;
    struct http_get *get;
    void (*on_data)(void *arg, const void *data, uint64_t length);
    void (*on_done)(void *arg, int code, uint64_t status);
    void *arg;
};

struct fetch_host {
    struct slipway_fetch_host services; /* what the plugin sees */
    struct fetch_host_spec spec;
    struct loop_services loop;
    struct param_values *params;
    struct slipway_http_get *requests;
    void *instance;
};

static struct fetch_host *of(const struct slipway_fetch_host *services)
{
    return services->private_data;
}

static struct loop_services *loop_of(const struct slipway_fetch_host *services)
{
    return &of(services)->loop;
}

LOOP_SERVICES_DEFINE(struct slipway_fetch_host, loop_of);

/* ---- objects ------------------------------------------------------------ */

static int host_next_wanted(const struct slipway_fetch_host *services,
                            unsigned char *ret_name, uint64_t *ret_length)
{
    struct fetch_host *host = of(services);
    struct digest name;

    if (host->spec.next_wanted(host->spec.arg, &name, ret_length) != 1)
        return 0;
    memcpy(ret_name, name.bytes, sizeof(name.bytes));
    return 1;
}

static void take_name(const unsigned char *name, struct digest *ret)
{
    memcpy(ret->bytes, name, sizeof(ret->bytes));
}

static int host_deliver(const struct slipway_fetch_host *services,
                        const unsigned char *name, const void *data,
                        uint64_t length)
{
    struct fetch_host *host = of(services);
    struct digest digest;

    take_name(name, &digest);
    return host->spec.deliver(host->spec.arg, &digest, data, (size_t)length);
}

static void host_give_up(const struct slipway_fetch_host *services,
                         const unsigned char *name, const char *sentence)
{
    struct fetch_host *host = of(services);
    struct digest digest;

    take_name(name, &digest);
    host->spec.give_up(host->spec.arg, &digest,
                       sentence ? sentence : "it does not say why");
}

static const char *host_server_list(const struct slipway_fetch_host *services,
                                    uint64_t index)
{
    struct fetch_host *host = of(services);

    return host->spec.server(host->spec.arg, (size_t)index);
}

/* ---- HTTP --------------------------------------------------------------- */

static void request_free(struct slipway_http_get *request)
{
    struct slipway_http_get **link = &request->host->requests;

    while (*link != request)
        link = &(*link)->next;
    *link = request->next;
    free(request);
}

static void on_data(void *arg, const void *data, size_t length)
{
    struct slipway_http_get *request = arg;

    request->on_data(request->arg, data, length);
}

/* Only the codes of the SDK's closed list cross the border. */
static int public_code(int code)
{
    return code <= 0 && code >= SLIPWAY_EINTERNAL ? code : SLIPWAY_EIO;
}

static void on_done(void *arg, int code, unsigned status, const char *sentence)
{
    struct slipway_http_get *request = arg;
    void (*done)(void *arg, int code, uint64_t status) = request->on_done;
    void *done_arg = request->arg;

    if (code)
        log_debug("%s", sentence);
    request_free(request);
    done(done_arg, public_code(code), status);
}

static const struct http_get_handlers get_handlers = {
    .on_data = on_data,
    .on_done = on_done,
};

static struct slipway_http_get *
host_http_get(const struct slipway_fetch_host *services, const char *url,
              uint64_t offset,
              void (*data_fn)(void *arg, const void *data, uint64_t length),
              void (*done_fn)(void *arg, int code, uint64_t status), void *arg)
{
    struct fetch_host *host = of(services);
    struct slipway_http_get *request = calloc(1, sizeof(*request));
    struct err err = ERR_INIT;

    if (!request)
        return NULL;
    *request = (struct slipway_http_get){
        .next = host->requests,
        .host = host,
        .on_data = data_fn,
        .on_done = done_fn,
        .arg = arg,
    };
    host->requests = request;
    request->get = http_get_start(host->spec.gets, url, offset, &get_handlers,
                                  request, &err);
    if (request->get)
        return request;
    log_warn("%s", err.text);
    request_free(request);
    return NULL;
}

static void host_http_cancel(const struct slipway_fetch_host *services,
                             struct slipway_http_get *request)
{
    (void)services;
    if (!request)
        return;
    http_get_cancel(request->get);
    request_free(request);
}

static int host_param_number(const struct slipway_fetch_host *services,
                             uint64_t index, uint64_t *ret_value)
{
    struct fetch_host *host = of(services);

    if (param_values_number(host->params, (size_t)index, ret_value) != 0)
        return SLIPWAY_EINVAL;
    return SLIPWAY_OK;
}

/* ---- life --------------------------------------------------------------- */

static int start(struct fetch_host *host, struct err *err)
{
    const struct slipway_transport_plugin *plugin =
        &host->spec.plugin->as.transport;
    struct param_table table = {0};
    int code;

    if (!plugin->fetch_start || !plugin->fetch_wanted || !plugin->fetch_stop)
        return err_set(err, ERR_UNSUPPORTED, "it does not fetch objects");
    code = param_table_copy(plugin->params, plugin->params_count, &table, err);
    if (code == 0)
        code = param_values_check(&table, NULL, "$", &host->params, err);
    param_table_done(&table);
    if (code)
        return code;
    code = plugin->fetch_start(&host->services, &host->instance);
    if (code)
        return err_set(err, code, "it does not start (%s)", err_word(code));
    return 0;
}

struct fetch_host *fetch_host_new(const struct fetch_host_spec *spec,
                                  struct err *err)
{
    struct fetch_host *host = calloc(1, sizeof(*host));

    if (!host) {
        (void)err_set(err, ERR_NO_MEMORY, "no memory for a transport's host");
        return NULL;
    }
    host->spec = *spec;
    loop_services_init(&host->loop, spec->loop, NULL);
    host->services = (struct slipway_fetch_host){
        .size = sizeof(host->services),
        .private_data = host,
        LOOP_SERVICES_TABLE,
        .next_wanted = host_next_wanted,
        .deliver = host_deliver,
        .give_up = host_give_up,
        .server_list = host_server_list,
        .http_get = host_http_get,
        .http_cancel = host_http_cancel,
        .param_number = host_param_number,
    };
    if (start(host, err) != 0) {
        (void)err_prefix(err, "transport '%s': ", spec->plugin->name);
        fetch_host_free(host);
        return NULL;
    }
    return host;
}

void fetch_host_free(struct fetch_host *host)
{
    if (!host)
        return;
    if (host->instance)
        host->spec.plugin->as.transport.fetch_stop(host->instance);
    while (host->requests)
        host_http_cancel(&host->services, host->requests);
    loop_services_done(&host->loop);
    param_values_free(host->params);
    free(host);
}

void fetch_host_wanted(struct fetch_host *host)
{
    host->spec.plugin->as.transport.fetch_wanted(host->instance);
}
