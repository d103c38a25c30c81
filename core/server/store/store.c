/* SPDX-License-Identifier: Apache-2.0 */
/* Documents over a store plugin, life and reading: see store.h. */
#include "core/server/store/store-internal.h"

#include <stdio.h>
#include <string.h>

#include "core/util/json.h"
#include "core/util/log.h"
#include "core/util/macros.h"

#define PAGE 256 /* documents asked for at a time by store_each */

struct reading {
    struct request_link link; /* first */
    struct store *store;
    char *key; /* or prefix */
    char *after;
    uint64_t at_revision;
    store_got *got;       /* get, each */
    store_listed *listed; /* list */
    void *arg;
};

/* ---- what the plugin is offered ---- */

static struct store *store_of(const struct slipway_store_host *host)
{
    return host->private_data;
}

static uint64_t host_now_ms(const struct slipway_store_host *host)
{
    return loop_now_ms(store_of(host)->loop);
}

static struct slipway_timer *host_timer(const struct slipway_store_host *host,
                                        uint64_t delay_ms,
                                        void (*fn)(void *arg), void *arg)
{
    return (struct slipway_timer *)loop_timer(store_of(host)->loop, delay_ms,
                                              fn, arg);
}

static void host_timer_cancel(const struct slipway_store_host *host,
                              struct slipway_timer *timer)
{
    (void)host;
    loop_timer_cancel((struct loop_timer *)timer);
}

static int host_post(const struct slipway_store_host *host,
                     void (*fn)(void *arg), void *arg)
{
    return loop_post(store_of(host)->loop, fn, arg) == 0 ? 0
                                                         : SLIPWAY_EINTERNAL;
}

static struct slipway_watch *
host_watch_fd(const struct slipway_store_host *host, int fd, uint32_t events,
              void (*fn)(void *arg, uint32_t events), void *arg)
{
    return (struct slipway_watch *)loop_watch(store_of(host)->loop, fd, events,
                                              fn, arg);
}

static void host_watch_cancel(const struct slipway_store_host *host,
                              struct slipway_watch *watch)
{
    (void)host;
    loop_watch_cancel((struct loop_watch *)watch);
}

static void host_log(const struct slipway_store_host *host, uint32_t level,
                     const char *text)
{
    (void)host;
    log_at(level <= LOG_DEBUG ? (enum log_level)level : LOG_DEBUG, "store: %s",
           text);
}

/* ---- errors ---- */

static int code_of(uint32_t result)
{
    switch (result) {
    case SLIPWAY_STORE_OK:
        return 0;
    case SLIPWAY_STORE_CONFLICT:
        return ERR_CONFLICT;
    case SLIPWAY_STORE_NOTFOUND:
        return ERR_NOT_FOUND;
    case SLIPWAY_STORE_UNAVAILABLE:
    case SLIPWAY_STORE_COMPACTED:
    case SLIPWAY_STORE_UNKNOWN:
        return ERR_UNAVAILABLE;
    case SLIPWAY_STORE_TOOBIG:
        return ERR_TOO_BIG;
    case SLIPWAY_STORE_AUTH:
        return ERR_DENIED;
    case SLIPWAY_STORE_CORRUPT:
        return ERR_CORRUPT;
    default:
        return ERR_INTERNAL;
    }
}

static const char *const sentences[] = {
    [SLIPWAY_STORE_OK] = "done",
    [SLIPWAY_STORE_CONFLICT] = "it was changed in the meantime",
    [SLIPWAY_STORE_NOTFOUND] = "there is no such document",
    [SLIPWAY_STORE_UNAVAILABLE] = "the store does not answer",
    [SLIPWAY_STORE_UNKNOWN] = "the store did not say what became of it",
    [SLIPWAY_STORE_COMPACTED] = "that revision is no longer kept",
    [SLIPWAY_STORE_TOOBIG] = "it is longer than the store accepts",
    [SLIPWAY_STORE_AUTH] = "the store does not let this server in",
    [SLIPWAY_STORE_CORRUPT] = "the stored data is damaged",
};

void store_failure(struct err *err, uint32_t result, const char *key,
                        const char *sentence)
{
    if (!sentence && result < ARRAY_LENGTH(sentences))
        sentence = sentences[result];
    (void)err_set(err, code_of(result), "store: '%s': %s", key,
                  sentence ? sentence : "the store plugin failed");
}

/* ---- life ---- */

void store_link_add(struct store *store, struct request_link *link)
{
    link->next = store->live.next;
    link->previous = &store->live;
    store->live.next->previous = link;
    store->live.next = link;
}

void store_link_remove(struct request_link *link)
{
    link->next->previous = link->previous;
    link->previous->next = link->next;
}

static void fill_host(struct store *store)
{
    store->host = (struct slipway_store_host){
        .size = sizeof(store->host),
        .private_data = store,
        .now_ms = host_now_ms,
        .timer = host_timer,
        .timer_cancel = host_timer_cancel,
        .post = host_post,
        .watch_fd = host_watch_fd,
        .watch_cancel = host_watch_cancel,
        .log = host_log,
    };
}

int store_new(struct loop *loop, const struct slipway_store_plugin *plugin,
              const char *location, const char *writer,
              struct store **ret_store, struct err *err)
{
    struct store *store = calloc(1, sizeof(*store));
    if (!store)
        return err_set(err, ERR_NO_MEMORY, "no memory for the store");
    store->loop = loop;
    store->plugin = plugin;
    store->live.next = store->live.previous = &store->live;
    store->waiting_end = &store->waiting;
    (void)snprintf(store->writer, sizeof(store->writer), "%s", writer);
    fill_host(store);
    char why[ERR_TEXT_BYTES - 128] = "";
    int code = plugin->open(&store->host, location, why, sizeof(why),
                            &store->handle);
    if (code != 0) {
        free(store);
        return err_set(err, code, "the store '%s' (plugin '%s') does not "
                       "open: %s", location, plugin->name,
                       why[0] ? why : "the plugin gave no reason");
    }
    *ret_store = store;
    return 0;
}

static void reading_destroy(struct request_link *link)
{
    struct reading *reading = (struct reading *)link;
    free(reading->key);
    free(reading->after);
    free(reading);
}

void store_free(struct store *store)
{
    if (!store)
        return;
    store->plugin->close(store->handle);
    loop_timer_cancel(store->slots_timer);
    while (store->live.next != &store->live) {
        struct request_link *link = store->live.next;
        store_link_remove(link);
        link->destroy(link);
    }
    free(store);
}

/* ---- reading ---- */

static struct reading *reading_new(struct store *store, const char *key,
                                   void *arg)
{
    struct reading *reading = calloc(1, sizeof(*reading));
    if (reading)
        reading->key = strdup(key);
    if (!reading || !reading->key) {
        /* Without memory for a few bytes there is no way to tell anybody. */
        log_error("no memory to read '%s' from the store", key);
        abort();
    }
    reading->store = store;
    reading->arg = arg;
    reading->link.destroy = reading_destroy;
    store_link_add(store, &reading->link);
    return reading;
}

static void reading_end(struct reading *reading)
{
    store_link_remove(&reading->link);
    reading_destroy(&reading->link);
}

/* Makes a document of a stored value; its `json` is the caller's. */
static int to_doc(const struct slipway_store_item *item, struct store_doc *doc,
                  struct err *err)
{
    struct err why = ERR_INIT;
    doc->key = item->key;
    doc->revision = item->revision;
    doc->create_revision = item->create_revision;
    doc->json = json_parse(item->value, item->length,
                           SLIPWAY_STORE_MAX_VALUE_BYTES, &why);
    if (!doc->json || !json_is_object(doc->json)) {
        json_decref(doc->json);
        doc->json = NULL;
        return err_set(err, ERR_CORRUPT,
                       "store: the document '%s' is damaged: %.300s",
                       item->key, why.text[0] ? why.text : "not an object");
    }
    return 0;
}

static void on_got(void *arg, uint32_t result,
                   const struct slipway_store_item *item, const char *sentence)
{
    struct reading *reading = arg;
    struct err err = ERR_INIT;
    struct store_doc doc = {0};
    if (result != SLIPWAY_STORE_OK)
        store_failure(&err, result, reading->key, sentence);
    else
        (void)to_doc(item, &doc, &err);
    store_got *got = reading->got;
    void *got_arg = reading->arg;
    reading_end(reading);
    got(got_arg, err.code ? NULL : &doc, err.code ? &err : NULL);
    json_decref(doc.json);
}

void store_get(struct store *store, const char *key, store_got *got, void *arg)
{
    struct reading *reading = reading_new(store, key, arg);
    reading->got = got;
    store->plugin->get(store->handle, key, on_got, reading);
}

static void on_listed(void *arg, uint32_t result,
                      const struct slipway_store_item *items, uint64_t count,
                      uint64_t more, uint64_t revision, const char *sentence)
{
    struct reading *reading = arg;
    struct err err = ERR_INIT;
    struct store_doc *docs = NULL;
    size_t made = 0;
    (void)revision;
    if (result != SLIPWAY_STORE_OK)
        store_failure(&err, result, reading->key, sentence);
    else if (!(docs = calloc(count + 1, sizeof(*docs))))
        (void)err_set(&err, ERR_NO_MEMORY, "no memory to list '%s'",
                      reading->key);
    for (; err.code == 0 && made < count; made++)
        if (to_doc(&items[made], &docs[made], &err) < 0)
            break;
    store_listed *listed = reading->listed;
    void *listed_arg = reading->arg;
    reading_end(reading);
    if (err.code)
        listed(listed_arg, NULL, 0, false, &err);
    else
        listed(listed_arg, docs, made, more != 0, NULL);
    while (made > 0)
        json_decref(docs[--made].json);
    free(docs);
}

void store_list(struct store *store, const char *prefix, const char *after,
                size_t limit, store_listed *listed, void *arg)
{
    struct reading *reading = reading_new(store, prefix, arg);
    reading->listed = listed;
    store->plugin->list(store->handle, prefix, after, limit, 0, on_listed,
                        reading);
}

static void each_page(struct reading *reading);

/* Hands out one page; 0, or the code of a failure in *err. */
static int each_item(struct reading *reading,
                     const struct slipway_store_item *items, uint64_t count,
                     struct err *err)
{
    for (uint64_t i = 0; i < count; i++) {
        struct store_doc doc = {0};
        int code = to_doc(&items[i], &doc, err);
        if (code != 0)
            return code;
        reading->got(reading->arg, &doc, NULL);
        json_decref(doc.json);
    }
    return 0;
}

static void on_each(void *arg, uint32_t result,
                    const struct slipway_store_item *items, uint64_t count,
                    uint64_t more, uint64_t revision, const char *sentence)
{
    struct reading *reading = arg;
    struct err err = ERR_INIT;
    reading->at_revision = revision;
    if (result != SLIPWAY_STORE_OK)
        store_failure(&err, result, reading->key, sentence);
    else
        (void)each_item(reading, items, count, &err);
    if (err.code == 0 && more && count > 0) {
        free(reading->after);
        reading->after = strdup(items[count - 1].key);
        if (reading->after) {
            each_page(reading);
            return;
        }
        (void)err_set(&err, ERR_NO_MEMORY, "no memory to list '%s'",
                      reading->key);
    }
    store_got *got = reading->got;
    void *got_arg = reading->arg;
    reading_end(reading);
    got(got_arg, NULL, err.code ? &err : NULL);
}

static void each_page(struct reading *reading)
{
    struct store *store = reading->store;
    store->plugin->list(store->handle, reading->key, reading->after, PAGE,
                        reading->at_revision, on_each, reading);
}

void store_each(struct store *store, const char *prefix, store_got *each,
                void *arg)
{
    struct reading *reading = reading_new(store, prefix, arg);
    reading->got = each;
    each_page(reading);
}
