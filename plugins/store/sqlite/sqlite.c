/* SPDX-License-Identifier: Apache-2.0 */
/* The store plugin `sqlite`: its descriptor and the callbacks of the loop. */
#include "sqlite.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

static void on_replies(void *arg, uint32_t events)
{
    (void)events;
    queue_deliver(arg);
}

static void close_descriptors(struct store *store)
{
    int fds[] = {store->request_fd, store->reply_fd, store->lease_fd};
    for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
        if (fds[i] >= 0)
            (void)close(fds[i]);
}

static int open_descriptors(struct store *store)
{
    store->request_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    store->reply_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    store->lease_fd =
        timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
    if (store->request_fd < 0 || store->reply_fd < 0 || store->lease_fd < 0)
        return -1;
    store->reply_watch = store->host->watch_fd(store->host, store->reply_fd,
                                               1 /* read */, on_replies, store);
    return store->reply_watch ? 0 : -1;
}

/* Signals are the loop's: the writer takes none. */
static int start_writer(struct store *store)
{
    sigset_t all, before;
    sigfillset(&all);
    if (pthread_sigmask(SIG_SETMASK, &all, &before))
        return -1;
    int failed = pthread_create(&store->writer, NULL, writer_main, store);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return failed ? -1 : 0;
}

static void store_destroy(struct store *store)
{
    if (store->reply_watch)
        store->host->watch_cancel(store->host, store->reply_watch);
    close_descriptors(store);
    reply_list_destroy(&store->requests);
    reply_list_destroy(&store->replies);
    while (store->watches) {
        struct watch *watch = store->watches;
        store->watches = watch->next;
        free(watch->prefix);
        free(watch);
    }
    (void)pthread_mutex_destroy(&store->lock);
    free(store->db.path);
    free(store);
}

static int store_open(const struct slipway_store_host *host,
                      const char *location, char *why, uint64_t why_bytes,
                      void **ret_store)
{
    if (location[0] != '/') {
        (void)snprintf(why, why_bytes, "'%s' is not an absolute path of a file",
                       location);
        return SLIPWAY_EINVAL;
    }
    struct store *store = must(calloc(1, sizeof(*store)));
    store->host = host;
    store->request_fd = store->reply_fd = store->lease_fd = -1;
    reply_list_init(&store->requests);
    reply_list_init(&store->replies);
    store->db.path = must(strdup(location));
    (void)pthread_mutex_init(&store->lock, NULL); /* cannot fail on Linux */
    int code = database_open(&store->db);
    if (code) {
        (void)snprintf(why, why_bytes, "%s", store->db.sentence);
        code = store->db.corrupt ? SLIPWAY_EVERIFY : SLIPWAY_EIO;
    } else if (open_descriptors(store) || start_writer(store)) {
        (void)snprintf(why, why_bytes, "cannot start the store's thread: %s",
                       strerrordesc_np(errno));
        database_close(&store->db);
        code = SLIPWAY_EIO;
    }
    if (code)
        store_destroy(store);
    else
        *ret_store = store;
    return code;
}

static void store_close(void *handle)
{
    struct store *store = handle;
    uint64_t one = 1;
    pthread_mutex_lock(&store->lock);
    store->stopping = true;
    pthread_mutex_unlock(&store->lock);
    (void)!write(store->request_fd, &one, sizeof(one)); /* see wake() */
    (void)pthread_join(store->writer, NULL);
    database_close(&store->db);
    store_destroy(store);
}

/* Keys are texts of 1 to 256 bytes without control characters. */
static bool key_ok(const char *key, bool may_be_empty)
{
    size_t length = strnlen(key, SLIPWAY_STORE_MAX_KEY_BYTES + 1);
    if (length > SLIPWAY_STORE_MAX_KEY_BYTES || (!length && !may_be_empty))
        return false;
    for (size_t i = 0; i < length; i++)
        if ((unsigned char)key[i] < ' ' || (unsigned char)key[i] == 0xff)
            return false;
    return true;
}

static const char key_rule[] =
    "a key has 1 to 256 bytes and no control characters";

static void submit_key(struct store *store, struct request *request,
                       bool may_be_empty)
{
    if (key_ok(request->key, may_be_empty))
        request_submit(store, request);
    else
        request_refuse(store, request, SLIPWAY_STORE_TOOBIG, key_rule);
}

static void store_get(void *store, const char *key, slipway_store_got *done,
                      void *arg)
{
    struct request *request = request_new(REQUEST_GET, key, arg);
    request->completion.got = done;
    submit_key(store, request, false);
}

static void store_list(void *store, const char *prefix, const char *after,
                       uint64_t limit, uint64_t at_revision,
                       slipway_store_listed *done, void *arg)
{
    struct request *request = request_new(REQUEST_LIST, prefix, arg);
    request->completion.listed = done;
    request->after = after ? must(strdup(after)) : NULL;
    request->limit = !limit ? 1 : limit > MAX_LIST ? MAX_LIST : limit;
    request->revision = at_revision;
    submit_key(store, request, true);
}

static void copy_compares(struct request *request,
                          const struct slipway_store_compare *compares,
                          uint64_t count)
{
    const unsigned char *at = (const unsigned char *)compares;
    request->compares = must(calloc(count + 1, sizeof(*request->compares)));
    for (uint64_t i = 0; i < count; i++) {
        const struct slipway_store_compare *from = (const void *)at;
        struct compare *to = &request->compares[request->compare_count++];
        to->key = must(strdup(from->key));
        to->what = from->what;
        to->revision = from->revision;
        at += from->size;
    }
}

static void copy_ops(struct request *request,
                     const struct slipway_store_op *ops, uint64_t count)
{
    const unsigned char *at = (const unsigned char *)ops;
    request->ops = must(calloc(count + 1, sizeof(*request->ops)));
    for (uint64_t i = 0; i < count; i++) {
        const struct slipway_store_op *from = (const void *)at;
        struct operation *to = &request->ops[request->op_count++];
        to->key = must(strdup(from->key));
        to->op = from->op;
        to->lease = from->lease;
        if (from->op == SLIPWAY_STORE_PUT &&
            from->length <= SLIPWAY_STORE_MAX_VALUE_BYTES) {
            to->value = must(malloc(from->length + 1));
            memcpy(to->value, from->length ? from->value : "", from->length);
        }
        to->length = from->op == SLIPWAY_STORE_PUT ? from->length : 0;
        at += from->size;
    }
}

/* Why a transaction is refused as it stands; NULL = it is not. */
static const char *check_txn(const struct request *request)
{
    for (uint64_t i = 0; i < request->compare_count; i++)
        if (!key_ok(request->compares[i].key, false))
            return key_rule;
    for (uint64_t i = 0; i < request->op_count; i++) {
        if (!key_ok(request->ops[i].key, false))
            return key_rule;
        if (request->ops[i].length > SLIPWAY_STORE_MAX_VALUE_BYTES)
            return "a value has at most 65536 bytes";
    }
    return NULL;
}

static void store_txn(void *store, const struct slipway_store_compare *compares,
                      uint64_t compare_count,
                      const struct slipway_store_op *ops, uint64_t op_count,
                      slipway_store_done *done, void *arg)
{
    struct request *request = request_new(REQUEST_TXN, NULL, arg);
    request->completion.done = done;
    const char *why = "a transaction has at most 64 comparisons and 64 "
                      "operations";
    if (compare_count <= SLIPWAY_STORE_MAX_OPS &&
        op_count <= SLIPWAY_STORE_MAX_OPS) {
        copy_compares(request, compares, compare_count);
        copy_ops(request, ops, op_count);
        why = check_txn(request);
    }
    if (why)
        request_refuse(store, request, SLIPWAY_STORE_TOOBIG, why);
    else
        request_submit(store, request);
}

static void *store_watch(void *handle, const char *prefix,
                         uint64_t from_revision, slipway_store_event *event,
                         void *arg)
{
    struct watch *watch = must(calloc(1, sizeof(*watch)));
    watch->store = handle;
    watch->prefix = must(strdup(prefix));
    watch->told_revision = from_revision;
    watch->from_now = from_revision == 0;
    watch->event = event;
    watch->arg = arg;
    struct request *request = request_new(REQUEST_WATCH, NULL, NULL);
    request->watch = watch;
    request_submit(handle, request);
    return watch;
}

static void store_unwatch(void *store, void *handle)
{
    struct watch *watch = handle;
    struct request *request = request_new(REQUEST_UNWATCH, NULL, NULL);
    watch->ended = true; /* events on their way are dropped */
    request->watch = watch;
    request_submit(store, request);
}

static void store_lease_grant(void *store, uint64_t ttl_ms,
                              slipway_store_leased *done, void *arg)
{
    struct request *request = request_new(REQUEST_LEASE_GRANT, NULL, arg);
    request->completion.leased = done;
    request->ttl_ms = ttl_ms;
    request_submit(store, request);
}

static void store_lease_keepalive(void *store, uint64_t lease,
                                  slipway_store_leased *done, void *arg)
{
    struct request *request = request_new(REQUEST_LEASE_KEEPALIVE, NULL, arg);
    request->completion.leased = done;
    request->lease = lease;
    request_submit(store, request);
}

static void store_lease_revoke(void *store, uint64_t lease,
                               slipway_store_done *done, void *arg)
{
    struct request *request = request_new(REQUEST_LEASE_REVOKE, NULL, arg);
    request->completion.done = done;
    request->lease = lease;
    request_submit(store, request);
}

static void store_campaign(void *store, const char *name, uint64_t lease,
                           slipway_store_done *done, void *arg)
{
    struct request *request = request_new(REQUEST_CAMPAIGN, name, arg);
    request->completion.done = done;
    request->lease = lease;
    submit_key(store, request, false);
}

static void store_compact(void *store, uint64_t revision,
                          slipway_store_done *done, void *arg)
{
    struct request *request = request_new(REQUEST_COMPACT, NULL, arg);
    request->completion.done = done;
    request->revision = revision;
    request_submit(store, request);
}

static void store_backup(void *store, const char *path,
                         slipway_store_done *done, void *arg)
{
    struct request *request = request_new(REQUEST_BACKUP, path, arg);
    request->completion.done = done;
    request_submit(store, request);
}

static void store_health(void *store, slipway_store_done *done, void *arg)
{
    struct request *request = request_new(REQUEST_HEALTH, NULL, arg);
    request->completion.done = done;
    request_submit(store, request);
}

SLIPWAY_STORE_PLUGIN(.name = "sqlite", .version = PLUGIN_VERSION,
                     .summary = "Keeps the server's state in one SQLite file.",
                     .open = store_open, .close = store_close, .get = store_get,
                     .list = store_list, .txn = store_txn, .watch = store_watch,
                     .unwatch = store_unwatch, .lease_grant = store_lease_grant,
                     .lease_keepalive = store_lease_keepalive,
                     .lease_revoke = store_lease_revoke,
                     .campaign = store_campaign, .compact = store_compact,
                     .backup = store_backup, .health = store_health);
