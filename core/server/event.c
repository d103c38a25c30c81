/* SPDX-License-Identifier: Apache-2.0 */
/* A ring of the newest events and those who listen: see event.h. */
#include "core/server/event.h"

#include <stdio.h>
#include <string.h>

#include "core/server/event-text.h"
#include "core/util/crypto.h"
#include "core/util/json.h"
#include "core/util/log.h"
#include "core/util/macros.h"
#include "core/util/num.h"

struct events_subscriber {
    struct events *events;
    struct events_subscriber *next;
    events_fn *fn; /* NULL: unsubscribed while being told */
    void *arg;
};

struct events {
    struct loop *loop;
    char run[EVENTS_RUN_BYTES]; /* chosen at start */
    uint64_t newest;
    json_t *ring[EVENTS_KEPT]; /* number N lies at N % EVENTS_KEPT */
    struct events_subscriber *subscribers;
    unsigned telling; /* nesting of emits; no subscriber is freed then */
};

struct events *events_new(struct loop *loop, struct err *err)
{
    struct events *events = calloc(1, sizeof(*events));
    if (!events) {
        (void)err_set(err, ERR_NO_MEMORY, "no memory for the event ring");
        return NULL;
    }
    events->loop = loop;
    uint8_t raw[(EVENTS_RUN_BYTES - 1) / 2];
    const struct seam *seam = loop_seam(loop);
    seam->random(seam->context, raw, sizeof(raw));
    (void)hex_format(raw, sizeof(raw), events->run);
    return events;
}

void events_free(struct events *events)
{
    if (!events)
        return;
    for (size_t i = 0; i < EVENTS_KEPT; i++)
        json_decref(events->ring[i]);
    while (events->subscribers) {
        struct events_subscriber *next = events->subscribers->next;
        free(events->subscribers);
        events->subscribers = next;
    }
    free(events);
}

static void sweep(struct events *events)
{
    struct events_subscriber **link = &events->subscribers;
    while (*link) {
        struct events_subscriber *subscriber = *link;
        if (subscriber->fn) {
            link = &subscriber->next;
        } else {
            *link = subscriber->next;
            free(subscriber);
        }
    }
}

/* Everybody can read an event, also who does not know its members. */
static int say(json_t *event, const char *id)
{
    char text[EVENT_SENTENCE_BYTES];
    const struct event_explanation *known = event_explain(id);
    if (known && !known->sentence && json_object_get(event, "message"))
        return 0; /* it comes with its own */
    event_sentence(id, event, text);
    return json_object_set_new(event, "message", json_string(text));
}

static json_t *make_event(struct events *events, const char *id, json_t *json)
{
    AUTO_JSON *given = json;
    const struct seam *seam = loop_seam(events->loop);
    json_int_t now_ms = (json_int_t)seam->wall_s(seam->context) * 1000;
    json_t *event =
        json_pack("{s:s, s:I, s:I}", "event", id, "number",
                  (json_int_t)(events->newest + 1), "time_ms", now_ms);
    if (event && given && json_object_update_missing(event, given) < 0) {
        json_decref(event);
        return NULL;
    }
    if (event && say(event, id) != 0) {
        json_decref(event);
        return NULL;
    }
    return event;
}

void events_emit(struct events *events, const char *id, json_t *json)
{
    if (!events || !event_explain(id))
        log_debug("the event '%s' is in no list", id);
    if (!events) {
        json_decref(json);
        return;
    }
    json_t *event = make_event(events, id, json);
    if (!event) {
        log_warn("no memory for an event, ignoring '%s'", id);
        return;
    }
    uint64_t number = ++events->newest;
    json_decref(events->ring[number % EVENTS_KEPT]);
    events->ring[number % EVENTS_KEPT] = json_incref(event);
    events->telling++;
    for (struct events_subscriber *s = events->subscribers; s; s = s->next)
        if (s->fn)
            s->fn(s->arg, number, event);
    if (--events->telling == 0)
        sweep(events);
    json_decref(event);
}

struct events_subscriber *events_subscribe(struct events *events,
                                           events_fn *fn, void *arg)
{
    struct events_subscriber *subscriber = calloc(1, sizeof(*subscriber));
    if (!subscriber)
        return NULL;
    subscriber->events = events;
    subscriber->fn = fn;
    subscriber->arg = arg;
    subscriber->next = events->subscribers;
    events->subscribers = subscriber;
    return subscriber;
}

void events_unsubscribe(struct events_subscriber *subscriber)
{
    if (!subscriber)
        return;
    subscriber->fn = NULL;
    if (subscriber->events->telling == 0)
        sweep(subscriber->events);
}

int events_place_parse(const struct events *events, const char *text,
                       struct events_place *ret, struct err *err)
{
    struct events_place place;
    const char *dash = strchr(text, '-');
    const char *number = dash ? dash + 1 : text;
    size_t length = dash ? (size_t)(dash - text) : 0;
    memcpy(place.run, events->run, sizeof(place.run));
    if (dash && (length != sizeof(place.run) - 1 ||
                 strspn(text, "0123456789abcdef") != length))
        return err_set(err, ERR_INVALID, "'%.60s' is no id of an event", text);
    if (dash)
        memcpy(place.run, text, length);
    if (num_parse_u64(number, 0, UINT64_MAX - 1, &place.number, err) < 0)
        return err_prefix(err, "'%.60s' is no id of an event: ", text);
    if (strcmp(place.run, events->run) == 0 && place.number > events->newest)
        return err_set(err, ERR_INVALID, "there is no event '%.60s' yet; the "
                       "newest one has the number %llu", text,
                       (unsigned long long)events->newest);
    *ret = place;
    return 0;
}

const char *events_id(const struct events *events, uint64_t number,
                      char out[EVENTS_ID_BYTES])
{
    (void)snprintf(out, EVENTS_ID_BYTES, "%s-%llu", events->run,
                   (unsigned long long)number);
    return out;
}

static uint64_t oldest_kept(const struct events *events)
{
    return events->newest > EVENTS_KEPT ? events->newest - EVENTS_KEPT + 1 : 1;
}

/* The first event that the client has not seen. */
static uint64_t first_unseen(const struct events *events,
                             const struct events_place *place)
{
    return strcmp(place->run, events->run) == 0 ? place->number + 1 : 1;
}

bool events_find_gap(const struct events *events,
                     const struct events_place *place, struct events_gap *ret)
{
    uint64_t wanted = first_unseen(events, place);
    uint64_t oldest = oldest_kept(events);
    *ret = (struct events_gap){
        .restarted = strcmp(place->run, events->run) != 0};
    if (wanted < oldest) {
        ret->first = wanted;
        ret->last = oldest - 1;
    }
    return ret->restarted || ret->first > 0;
}

void events_replay(struct events *events, const struct events_place *place,
                   events_fn *fn, void *arg)
{
    uint64_t number = MAX(first_unseen(events, place), oldest_kept(events));
    for (; number <= events->newest; number++)
        fn(arg, number, events->ring[number % EVENTS_KEPT]);
}

uint64_t events_newest(const struct events *events)
{
    return events->newest;
}
