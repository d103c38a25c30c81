/* SPDX-License-Identifier: Apache-2.0 */
/* Requests to the writer and replies to the loop. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sqlite.h"

void *must(void *memory)
{
    if (!memory) {
        fputs("sqlite store: out of memory\n", stderr);
        abort();
    }
    return memory;
}

void reply_list_init(struct reply_list *list)
{
    list->first = NULL;
    list->end = &list->first;
    list->count = 0;
}

void reply_list_add(struct reply_list *list, struct reply *reply)
{
    reply->next = NULL;
    *list->end = reply;
    list->end = &reply->next;
    list->count++;
}

/* Moves at most `most` from the head of one list to the end of another. */
static void reply_list_move(struct reply_list *from, struct reply_list *to,
                            size_t most)
{
    while (from->first && most--) {
        struct reply *reply = from->first;
        from->first = reply->next;
        from->count--;
        reply_list_add(to, reply);
    }
    if (!from->first)
        from->end = &from->first;
}

void reply_list_destroy(struct reply_list *list)
{
    while (list->first) {
        struct reply *reply = list->first;
        list->first = reply->next;
        reply->destroy(reply);
    }
    reply_list_init(list);
}

static void request_deliver(struct reply *reply)
{
    struct request *r = (struct request *)reply;
    const char *sentence = r->sentence[0] ? r->sentence : NULL;
    switch (r->kind) {
    case REQUEST_GET:
        r->completion.got(r->arg, r->result,
                          r->item_count ? &r->items[0] : NULL, sentence);
        break;
    case REQUEST_LIST:
        r->completion.listed(r->arg, r->result, r->items, r->item_count,
                             r->more, r->ret_revision, sentence);
        break;
    case REQUEST_LEASE_GRANT:
    case REQUEST_LEASE_KEEPALIVE:
        r->completion.leased(r->arg, r->result, r->ret_lease,
                             r->ret_remaining_ms, sentence);
        break;
    case REQUEST_WATCH:
    case REQUEST_UNWATCH: /* nobody waits for these */
        break;
    default:
        r->completion.done(r->arg, r->result, r->ret_revision, sentence);
    }
}

static void request_destroy(struct reply *reply)
{
    struct request *r = (struct request *)reply;
    for (uint64_t i = 0; i < r->compare_count; i++)
        free(r->compares[i].key);
    for (uint64_t i = 0; i < r->op_count; i++) {
        free(r->ops[i].key);
        free(r->ops[i].value);
    }
    for (uint64_t i = 0; i < r->item_count; i++)
        item_done(&r->items[i]);
    if (r->kind == REQUEST_UNWATCH) {
        free(r->watch->prefix);
        free(r->watch);
    }
    free(r->compares);
    free(r->ops);
    free(r->items);
    free(r->key);
    free(r->after);
    free(r);
}

struct request *request_new(enum request_kind kind, const char *key, void *arg)
{
    struct request *request = must(calloc(1, sizeof(*request)));
    request->kind = kind;
    request->arg = arg;
    request->reply.deliver = request_deliver;
    request->reply.destroy = request_destroy;
    request->key = key ? must(strdup(key)) : NULL;
    return request;
}

void request_fail(struct request *request, uint32_t result,
                  const char *sentence)
{
    request->result = result;
    (void)snprintf(request->sentence, sizeof(request->sentence), "%s",
                   sentence ? sentence : "");
}

static void wake(int fd)
{
    uint64_t one = 1;
    /* EAGAIN: the counter is full, so the other side is awake anyway. */
    (void)!write(fd, &one, sizeof(one));
}

static void calm(int fd)
{
    uint64_t count;
    (void)!read(fd, &count, sizeof(count)); /* EAGAIN: nobody woke us */
}

void request_refuse(struct store *store, struct request *request,
                    uint32_t result, const char *sentence)
{
    request_fail(request, result, sentence);
    pthread_mutex_lock(&store->lock);
    reply_list_add(&store->replies, &request->reply);
    pthread_mutex_unlock(&store->lock);
    wake(store->reply_fd);
}

void request_submit(struct store *store, struct request *request)
{
    /* Watches come and go in pairs and are never refused. */
    bool bounded =
        request->kind != REQUEST_WATCH && request->kind != REQUEST_UNWATCH;
    pthread_mutex_lock(&store->lock);
    bool full =
        bounded && store->requests.count + store->replies.count >= MAX_QUEUED;
    if (!full)
        reply_list_add(&store->requests, &request->reply);
    pthread_mutex_unlock(&store->lock);
    if (full)
        request_refuse(store, request, SLIPWAY_STORE_UNAVAILABLE,
                       "too many requests wait for the store");
    else
        wake(store->request_fd);
}

bool queue_take(struct store *store, struct reply_list *ret)
{
    struct pollfd ready[] = {{store->request_fd, POLLIN, 0},
                             {store->lease_fd, POLLIN, 0}};
    pthread_mutex_lock(&store->lock);
    bool idle = !store->requests.first && !store->stopping;
    pthread_mutex_unlock(&store->lock);
    /* EINTR and the like only make us look once more. */
    if (idle)
        (void)poll(ready, 2, -1);
    calm(store->request_fd);
    calm(store->lease_fd);
    pthread_mutex_lock(&store->lock);
    reply_list_move(&store->requests, ret, MAX_BATCH);
    bool go_on = ret->first || !store->stopping;
    pthread_mutex_unlock(&store->lock);
    return go_on;
}

void queue_answer(struct store *store, struct reply_list *replies)
{
    if (!replies->first)
        return;
    pthread_mutex_lock(&store->lock);
    reply_list_move(replies, &store->replies, SIZE_MAX);
    pthread_mutex_unlock(&store->lock);
    wake(store->reply_fd);
}

void queue_deliver(struct store *store)
{
    struct reply_list now;
    reply_list_init(&now);
    calm(store->reply_fd);
    pthread_mutex_lock(&store->lock);
    reply_list_move(&store->replies, &now, SIZE_MAX);
    pthread_mutex_unlock(&store->lock);
    while (now.first) {
        struct reply *reply = now.first;
        now.first = reply->next;
        reply->deliver(reply);
        reply->destroy(reply);
    }
}
