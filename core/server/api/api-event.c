/* SPDX-License-Identifier: Apache-2.0 */
/* REST: the stream of events (text/event-stream) and the newest ones. */
#include <stdio.h>
#include <string.h>

#include "core/server/api/api.h"
#include "core/server/event.h"
#include "core/server/rest/route.h"
#include "core/server/server.h"
#include "core/util/json.h"
#include "core/util/loop.h"

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
    const char *what = json_string_value(json_object_get(event, "event"));
    char id[EVENTS_ID_BYTES];
    int length = json ? asprintf(&text, "id: %s\nevent: %s\ndata: %s\n\n",
                                 events_id(f->server->events, number, id),
                                 what, json)
                      : -1;
    if (length < 0) {
        text = NULL;
        fail(f); /* it comes back for the event that could not be told */
    } else {
        tell(f, text, (size_t)length);
    }
}

/* Tells what was lost.  It has no id: who loses this connection too is told
 * again. */
static void tell_gap(struct follower *f, const char *after,
                     const struct events_gap *gap)
{
    AUTO_FREE char *text = NULL;
    AUTO_JSON *event = json_pack(
        "{s:s, s:s, s:s, s:I, s:I}", "event", "gap", "reason",
        gap->restarted ? "restarted" : "too-old", "after", after, "lost_from",
        (json_int_t)gap->first, "lost_to", (json_int_t)gap->last);
    AUTO_FREE char *json = event ? json_text(event) : NULL;
    int length = json ? asprintf(&text, "event: gap\ndata: %s\n\n", json) : -1;
    if (length < 0) {
        text = NULL;
        fail(f);
    } else {
        tell(f, text, (size_t)length);
    }
}

static void beat(void *arg)
{
    static const char text[] = ": still here\n\n";
    struct follower *f = arg;
    f->heartbeat = loop_timer(f->server->loop, HEARTBEAT_MS, beat, f);
    tell(f, text, sizeof(text) - 1);
}

/* Where the client stands: Last-Event-ID, which a browser sends by itself, or
 * the argument; NULL = it wants what happens from now on. */
static const char *wanted_after(struct request *r)
{
    const char *text = request_header(r, "Last-Event-ID");
    return text ? text : request_query(r, "after");
}

/* An id of its own for who has seen nothing yet: it can come back too. */
static void greet(struct follower *f, bool from_now)
{
    char id[EVENTS_ID_BYTES];
    char text[80];
    const struct events *events = f->server->events;
    int length = snprintf(text, sizeof(text), ": events of slipwayd\n%s%s\n",
                          from_now ? "id: " : "",
                          from_now ? events_id(events, events_newest(events),
                                               id)
                                   : "");
    tell(f, text, (size_t)length);
    if (from_now)
        tell(f, "\n", 1);
}

static void start(struct follower *f, const char *after,
                  const struct events_place *place)
{
    struct events_gap gap;
    struct events *events = f->server->events;
    f->heartbeat = loop_timer(f->server->loop, HEARTBEAT_MS, beat, f);
    f->subscriber = events_subscribe(events, on_event, f);
    greet(f, after == NULL);
    if (after && events_find_gap(events, place, &gap))
        tell_gap(f, after, &gap);
    if (after)
        events_replay(events, place, on_event, f);
    if (!f->subscriber)
        fail(f);
}

void api_events(struct server *server, struct request *r)
{
    char after[EVENTS_ID_BYTES] = "";
    const char *wanted = wanted_after(r);
    struct events_place place;
    struct err err = ERR_INIT;
    if (wanted &&
        events_place_parse(server->events, wanted, &place, &err) < 0) {
        request_problem(r, "invalid", "%s", err.text);
        return;
    }
    struct follower *f = calloc(1, sizeof(*f));
    if (!f) {
        request_problem(r, "internal", "out of memory");
        return;
    }
    (void)snprintf(after, sizeof(after), "%s", wanted ? wanted : "");
    f->server = server;
    f->stream = request_stream(r, on_gone, f);
    if (f->stream)
        start(f, wanted ? after : NULL, &place);
    else
        free(f);
}

/* ---- the newest ones ---- */

struct event_page {
    json_t *items;
    size_t limit;
    uint64_t last; /* number of the last one on the page */
    bool more;
};

static void add_event(void *arg, uint64_t number, const json_t *event)
{
    struct event_page *page = arg;
    if (json_array_size(page->items) == page->limit) {
        page->more = true;
        return;
    }
    (void)json_array_append(page->items, (json_t *)(uintptr_t)event);
    page->last = number;
}

void api_event_list(struct server *server, struct request *r)
{
    struct event_page page = {.items = NULL};
    const char *after;
    char next[EVENTS_ID_BYTES];
    struct events_place place;
    struct err err = ERR_INIT;
    if (route_paging(r, &page.limit, &after) < 0)
        return;
    if (events_place_parse(server->events, after ? after : "0", &place,
                           &err) < 0) {
        request_problem(r, "invalid", "%s", err.text);
        return;
    }
    page.items = json_array();
    events_replay(server->events, &place, add_event, &page);
    (void)events_id(server->events, page.last, next);
    route_reply_list(r, page.items, page.more ? next : NULL);
}
