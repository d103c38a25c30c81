/* SPDX-License-Identifier: Apache-2.0 */
/* See store-driver.h. */
#include "tests/plugin/store-driver.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/plugin/load.h"
#include "core/util/log.h"

static void die(const char *why)
{
    fprintf(stderr, "store driver: %s\n", why);
    abort();
}

static uint64_t host_now_ms(const struct slipway_store_host *host)
{
    return loop_now_ms(((struct driver *)host->private_data)->loop);
}

static struct slipway_timer *host_timer(const struct slipway_store_host *host,
                                        uint64_t delay_ms,
                                        void (*fn)(void *arg), void *arg)
{
    struct driver *driver = host->private_data;
    return (void *)loop_timer(driver->loop, delay_ms, fn, arg);
}

static void host_timer_cancel(const struct slipway_store_host *host,
                              struct slipway_timer *timer)
{
    (void)host;
    loop_timer_cancel((void *)timer);
}

static int host_post(const struct slipway_store_host *host,
                     void (*fn)(void *arg), void *arg)
{
    struct driver *driver = host->private_data;
    return loop_post(driver->loop, fn, arg) ? SLIPWAY_EINTERNAL : 0;
}

static struct slipway_watch *
host_watch_fd(const struct slipway_store_host *host, int fd, uint32_t events,
              void (*fn)(void *arg, uint32_t events), void *arg)
{
    struct driver *driver = host->private_data;
    return (void *)loop_watch(driver->loop, fd, events, fn, arg);
}

static void host_watch_cancel(const struct slipway_store_host *host,
                              struct slipway_watch *watch)
{
    (void)host;
    loop_watch_cancel((void *)watch);
}

static void host_log(const struct slipway_store_host *host, uint32_t level,
                     const char *text)
{
    (void)host;
    (void)level;
    printf("# store says: %s\n", text);
}

const struct slipway_store_plugin *driver_plugin(const char *name)
{
    char dir[512];
    const char *top = getenv("top_builddir");
    const struct plugin *plugin = NULL;
    struct err err = ERR_INIT;
    (void)snprintf(dir, sizeof(dir), "%s/plugins-built", top ? top : ".");
    struct plugin_place place = {dir, NULL, SLIPWAY_KIND_STORE, name,
                                 geteuid()};
    if (plugin_load_file(&place, NULL, &plugin, &err))
        die(err.text);
    return &plugin->as.store;
}

int driver_open(struct driver *driver,
                const struct slipway_store_plugin *plugin, const char *location)
{
    *driver = (struct driver){.plugin = plugin};
    driver->loop = loop_new(&seam_real, NULL);
    if (!driver->loop)
        die("no loop");
    driver->host = (struct slipway_store_host){
        .size = sizeof(driver->host),
        .private_data = driver,
        .now_ms = host_now_ms,
        .timer = host_timer,
        .timer_cancel = host_timer_cancel,
        .post = host_post,
        .watch_fd = host_watch_fd,
        .watch_cancel = host_watch_cancel,
        .log = host_log,
    };
    int code = plugin->open(&driver->host, location, driver->why,
                            sizeof(driver->why), &driver->store);
    if (code) {
        loop_free(driver->loop);
        driver->loop = NULL;
    }
    return code;
}

static void forget_answer(struct driver *driver)
{
    for (size_t i = 0; i < driver->answer.count; i++)
        free(driver->answer.items[i].value);
    free(driver->answer.items);
    driver->answer = (struct driver_answer){0};
}

void driver_close(struct driver *driver)
{
    if (!driver->loop)
        return;
    driver->plugin->close(driver->store);
    loop_free(driver->loop);
    forget_answer(driver);
    driver->loop = NULL;
}

/* ---- requests ---- */

static void begin(struct driver *driver)
{
    forget_answer(driver);
    driver->inside = true;
    driver->waiting = true;
}

static uint32_t end(struct driver *driver)
{
    driver->inside = false;
    if (!driver->waiting)
        die("a completion came inside the request");
    loop_run(driver->loop);
    if (driver->waiting)
        die("the loop ended before the completion");
    return driver->answer.result;
}

static struct driver *completed(void *arg, uint32_t result,
                                const char *sentence)
{
    struct driver *driver = arg;
    if (driver->inside || !driver->waiting)
        die("a completion came that nobody waits for");
    driver->waiting = false;
    driver->answer.result = result;
    (void)snprintf(driver->answer.sentence, sizeof(driver->answer.sentence),
                   "%s", sentence ? sentence : "");
    loop_stop(driver->loop);
    return driver;
}

static void keep_item(struct driver_item *to,
                      const struct slipway_store_item *from)
{
    (void)snprintf(to->key, sizeof(to->key), "%s", from->key);
    to->create_revision = from->create_revision;
    to->revision = from->revision;
    to->lease = from->lease;
    to->length = from->length;
    to->value = malloc(from->length + 1);
    memcpy(to->value, from->value, from->length + 1);
    if (to->value[from->length])
        die("a value does not end in NUL");
}

static void on_done(void *arg, uint32_t result, uint64_t revision,
                    const char *sentence)
{
    completed(arg, result, sentence)->answer.revision = revision;
}

static void on_listed(void *arg, uint32_t result,
                      const struct slipway_store_item *items, uint64_t count,
                      uint64_t more, uint64_t revision, const char *sentence)
{
    struct driver_answer *answer = &completed(arg, result, sentence)->answer;
    answer->items = calloc(count + 1, sizeof(*answer->items));
    const char *at = (const char *)items;
    for (uint64_t i = 0; i < count; i++) {
        const struct slipway_store_item *item = (const void *)at;
        keep_item(&answer->items[answer->count++], item);
        at += item->size;
    }
    answer->more = more;
    answer->revision = revision;
}

static void on_got(void *arg, uint32_t result,
                   const struct slipway_store_item *item, const char *sentence)
{
    if ((result == SLIPWAY_STORE_OK) != (item != NULL))
        die("get: a result without its item, or an item without OK");
    on_listed(arg, result, item, item != NULL, 0, item ? item->revision : 0,
              sentence);
}

static void on_leased(void *arg, uint32_t result, uint64_t lease,
                      uint64_t remaining_ms, const char *sentence)
{
    struct driver_answer *answer = &completed(arg, result, sentence)->answer;
    answer->lease = lease;
    answer->remaining_ms = remaining_ms;
}

uint32_t driver_get(struct driver *driver, const char *key)
{
    begin(driver);
    driver->plugin->get(driver->store, key, on_got, driver);
    return end(driver);
}

uint32_t driver_list(struct driver *driver, const char *prefix,
                     const char *after, uint64_t limit, uint64_t at_revision)
{
    begin(driver);
    driver->plugin->list(driver->store, prefix, after, limit, at_revision,
                         on_listed, driver);
    return end(driver);
}

uint32_t driver_txn(struct driver *driver,
                    const struct slipway_store_compare *compares,
                    uint64_t compare_count, const struct slipway_store_op *ops,
                    uint64_t op_count)
{
    begin(driver);
    driver->plugin->txn(driver->store, compares, compare_count, ops, op_count,
                        on_done, driver);
    return end(driver);
}

uint32_t driver_put_lease(struct driver *driver, const char *key,
                          const char *value, uint64_t lease)
{
    struct slipway_store_op op = PUT(key, value);
    op.lease = lease;
    return driver_txn(driver, NULL, 0, &op, 1);
}

uint32_t driver_put(struct driver *driver, const char *key, const char *value)
{
    return driver_put_lease(driver, key, value, 0);
}

uint32_t driver_delete(struct driver *driver, const char *key)
{
    struct slipway_store_op op = DELETE(key);
    return driver_txn(driver, NULL, 0, &op, 1);
}

uint32_t driver_lease_grant(struct driver *driver, uint64_t ttl_ms)
{
    begin(driver);
    driver->plugin->lease_grant(driver->store, ttl_ms, on_leased, driver);
    return end(driver);
}

uint32_t driver_lease_keepalive(struct driver *driver, uint64_t lease)
{
    begin(driver);
    driver->plugin->lease_keepalive(driver->store, lease, on_leased, driver);
    return end(driver);
}

uint32_t driver_lease_revoke(struct driver *driver, uint64_t lease)
{
    begin(driver);
    driver->plugin->lease_revoke(driver->store, lease, on_done, driver);
    return end(driver);
}

uint32_t driver_campaign(struct driver *driver, const char *name,
                         uint64_t lease)
{
    begin(driver);
    driver->plugin->campaign(driver->store, name, lease, on_done, driver);
    return end(driver);
}

uint32_t driver_compact(struct driver *driver, uint64_t revision)
{
    begin(driver);
    driver->plugin->compact(driver->store, revision, on_done, driver);
    return end(driver);
}

uint32_t driver_backup(struct driver *driver, const char *path)
{
    begin(driver);
    driver->plugin->backup(driver->store, path, on_done, driver);
    return end(driver);
}

uint32_t driver_health(struct driver *driver)
{
    begin(driver);
    driver->plugin->health(driver->store, on_done, driver);
    return end(driver);
}

/* ---- watches ---- */

static void on_event(void *arg, uint32_t event,
                     const struct slipway_store_item *item, uint64_t revision)
{
    struct driver_watch *watch = arg;
    if (watch->driver->inside)
        die("an event came inside a request");
    if (!watch->driver->waiting)
        loop_stop(watch->driver->loop);
    if (event == SLIPWAY_STORE_EVENT_SYNCED) {
        watch->synced = revision;
        return;
    }
    if (event == SLIPWAY_STORE_EVENT_COMPACTED) {
        watch->compacted = true;
        return;
    }
    if (!item)
        die("an event without an item");
    watch->events =
        realloc(watch->events, (watch->count + 1) * sizeof(*watch->events));
    struct driver_event *to = &watch->events[watch->count++];
    *to = (struct driver_event){.event = event, .revision = revision};
    (void)snprintf(to->key, sizeof(to->key), "%s", item->key);
    if (event == SLIPWAY_STORE_EVENT_PUT)
        to->value = strndup(item->value, item->length);
}

void driver_watch(struct driver *driver, const char *prefix,
                  uint64_t from_revision, struct driver_watch *ret)
{
    *ret = (struct driver_watch){.driver = driver};
    driver->inside = true;
    ret->handle = driver->plugin->watch(driver->store, prefix, from_revision,
                                        on_event, ret);
    driver->inside = false;
}

void driver_unwatch(struct driver_watch *watch)
{
    watch->driver->plugin->unwatch(watch->driver->store, watch->handle);
    for (size_t i = 0; i < watch->count; i++)
        free(watch->events[i].value);
    free(watch->events);
    watch->events = NULL;
}

void driver_wait_synced(struct driver_watch *watch, uint64_t revision)
{
    while (watch->synced < revision && !watch->compacted)
        loop_run(watch->driver->loop);
}

void driver_wait_events(struct driver_watch *watch, size_t count)
{
    while (watch->count < count && !watch->compacted)
        loop_run(watch->driver->loop);
}
