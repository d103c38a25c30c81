/* SPDX-License-Identifier: Apache-2.0 */
/* REST: the stream of events (text/event-stream) and the newest ones. */
#include <stdio.h>
#include <string.h>

#include "core/server/api.h"
#include "core/server/event.h"
#include "core/server/route.h"
#include "core/server/server.h"
#include "core/util/json.h"
#include "core/util/loop.h"
#include "core/util/num.h"

/* Proxies cut what is silent for long. */
#define HEARTBEAT_MS 15000

struct follower {
    struct server *server;
    struct stream *stream;
    struct events_subscriber *subscriber;
    struct loop_timer *heartbeat;
    bool ended;
};

static void end(struct follower *f)
{
    events_unsubscribe(f->subscriber);
    loop_timer_cancel(f->heartbeat);
    stream_end(f->stream);
    free(f);
}

static void on_gone(void *arg)
{
    end(arg);
}

/* Too slow or gone: ended outside of the emitting that called us. */
static void end_later(void *arg)
{
    struct follower *f = arg;
    f->heartbeat = NULL;
    end(f);
}

static void fail(struct follower *f)
{
    if (f->ended)
        return;
    f->ended = true;
    loop_timer_cancel(f->heartbeat);
    f->heartbeat = loop_timer(f->server->loop, 0, end_later, f);
}

static void tell(struct follower *f, const char *text, size_t length)
{
    if (!f->ended && stream_send(f->stream, text, length) < 0)
        fail(f);
}

static void on_event(void *arg, uint64_t number, const json_t *event)
{
    struct follower *f = arg;
    AUTO_FREE char *json = json_text(event);
    AUTO_FREE char *text = NULL;
    const char *id = json_string_value(json_object_get(event, "event"));
    int length = json ? asprintf(&text, "id: %llu\nevent: %s\ndata: %s\n\n",
                                 (unsigned long long)number, id, json)
                      : -1;
    if (length < 0)
        text = NULL;
    else
        tell(f, text, (size_t)length);
}

static void beat(void *arg)
{
    static const char text[] = ": still here\n\n";
    struct follower *f = arg;
    f->heartbeat = loop_timer(f->server->loop, HEARTBEAT_MS, beat, f);
    tell(f, text, sizeof(text) - 1);
}

static int wanted_number(struct request *r, bool *ret_given, uint64_t *ret)
{
    struct err err = ERR_INIT;
    const char *text = request_header(r, "Last-Event-ID");
    if (!text)
        text = request_query(r, "after");
    *ret_given = text != NULL;
    if (!text || num_parse_u64(text, 0, UINT64_MAX - 1, ret, &err) == 0)
        return 0;
    request_problem(r, "malformed", "'%s' is no number of an event: %s", text,
                    err.text);
    return -1;
}

void api_events(struct server *server, struct request *r)
{
    static const char hello[] = ": events of slipwayd\n\n";
    static const char resync[] = "event: resync\ndata: {}\n\n";
    bool given;
    uint64_t after = 0;
    if (wanted_number(r, &given, &after) < 0)
        return;
    struct follower *f = calloc(1, sizeof(*f));
    if (!f) {
        request_problem(r, "internal", "out of memory");
        return;
    }
    f->server = server;
    f->stream = request_stream(r, on_gone, f);
    if (!f->stream) {
        free(f);
        return;
    }
    f->heartbeat = loop_timer(server->loop, HEARTBEAT_MS, beat, f);
    f->subscriber = events_subscribe(server->events, on_event, f);
    tell(f, hello, sizeof(hello) - 1);
    if (given && !events_replay(server->events, after, on_event, f))
        tell(f, resync, sizeof(resync) - 1);
    if (!f->subscriber)
        fail(f);
}

struct event_page {
    json_t *items;
    size_t limit;
    bool more;
};

static void add_event(void *arg, uint64_t number, const json_t *event)
{
    struct event_page *page = arg;
    (void)number;
    if (json_array_size(page->items) == page->limit)
        page->more = true;
    else
        (void)json_array_append(page->items, (json_t *)(uintptr_t)event);
}

void api_event_list(struct server *server, struct request *r)
{
    struct event_page page = {.items = NULL};
    const char *after;
    uint64_t number = 0;
    char next[24];
    struct err err = ERR_INIT;
    if (route_paging(r, &page.limit, &after) < 0)
        return;
    if (after && num_parse_u64(after, 0, UINT64_MAX - 1, &number, &err) < 0) {
        request_problem(r, "malformed", "the query argument 'after': %s",
                        err.text);
        return;
    }
    page.items = json_array();
    (void)events_replay(server->events, number, add_event, &page);
    size_t count = json_array_size(page.items);
    const json_t *last = count ? json_array_get(page.items, count - 1) : NULL;
    (void)snprintf(next, sizeof(next), "%lld",
                   (long long)json_integer_value(
                       json_object_get(last, "number")));
    route_reply_list(r, page.items, page.more ? next : NULL);
}
