/* SPDX-License-Identifier: Apache-2.0 */
/* A ring of the newest events and those who listen: see event.h. */
#include "core/server/event.h"

#include <string.h>

#include "core/util/json.h"
#include "core/util/log.h"
#include "core/util/macros.h"

struct events_subscriber {
    struct events *events;
    struct events_subscriber *next;
    events_fn *fn; /* NULL: unsubscribed while being told */
    void *arg;
};

struct events {
    struct loop *loop;
    uint64_t newest;
    json_t *ring[EVENTS_KEPT]; /* number N lies at N % EVENTS_KEPT */
    struct events_subscriber *subscribers;
    unsigned telling; /* nesting of emits; no subscriber is freed then */
};

static const struct event_explanation explanations[] = {
    {"server-started", "slipwayd is ready"},
    {"server-stopping", "slipwayd was asked to stop"},
    {"host-unknown", "a machine that nobody registered asked to boot"},
    {"host-created", "a machine was registered"},
    {"host-changed", "a machine's name, labels, tier or reservation changed"},
    {"host-deleted", "a machine was forgotten"},
    {"host-boot", "the firmware of a machine was answered"},
    {"host-boot-loop", "a machine boots again and again within seconds"},
    {"identity-conflict",
     "MAC address and UUID of a machine point at different hosts"},
    {"pool-exhausted", "no address is left for a DHCP client"},
    {"address-conflict",
     "a machine uses an address that it was not given here"},
    {"lease-log-failed",
     "DHCP clients get no answer: the lease log cannot be written"},
    {"plugin-enabled", "a plugin was enabled"},
    {"plugin-disabled", "a plugin was disabled"},
    {"plugin-refused", "an enabled plugin could not be loaded"},
    {"engine-published", "a new engine build is served"},
    {"image-import", "an import made progress"},
    {"image-imported", "an image is complete"},
    {"image-interrupted", "an upload ended early; what came is kept"},
    {"image-failed", "an import ended without an image"},
    {"image-deleted", "an image was deleted"},
    {"profile-changed", "a profile was created, replaced or deleted"},
    {"token-created", "a REST token was made"},
    {"token-deleted", "a REST token was revoked"},
    {"task-state", "a task went into another state"},
    {"task-progress", "bytes and permille of a step; not state"},
    {"task-step", "a step of a task began or ended"},
    {"batch-created", "tasks were started for several machines"},
    {"session-opened", "an engine connected"},
    {"session-pending", "an engine waits for its code to be approved"},
    {"session-approved", "an engine's code was approved"},
    {"enrol-opened", "unknown machines load the engine from now on"},
    {"enrol-closed", "unknown machines boot their disk again"},
    {"enrol-waiting", "an unknown machine shows a code"},
    {"enrol-approved", "an unknown machine was made a host by its code"},
    {"session-lost", "an engine was not heard of for too long"},
    {"ticket-limit", "a machine asked for too many boot tickets"},
    {"ticket-refused", "an engine showed a boot ticket that is not its own"},
    {"ticket-alarm", "a boot ticket was used with two keys; both are frozen"},
    {"engine-log", "a console line of an engine worth keeping"},
    {"transfer-started", "a boot file is being sent"},
    {"transfer-progress", "a boot file is being sent: how far"},
    {"transfer-done", "a boot file was sent"},
    {"transfer-failed", "a boot file could not be sent"},
    {"worker-started", "a worker process runs"},
    {"worker-died", "a worker process ended unexpectedly"},
};

const struct event_explanation *event_explanations(size_t *ret_count)
{
    *ret_count = ARRAY_LENGTH(explanations);
    return explanations;
}

const char *event_explain(const char *id)
{
    for (size_t i = 0; i < ARRAY_LENGTH(explanations); i++)
        if (strcmp(explanations[i].id, id) == 0)
            return explanations[i].text;
    return NULL;
}

struct events *events_new(struct loop *loop, struct err *err)
{
    struct events *events = calloc(1, sizeof(*events));
    if (!events) {
        (void)err_set(err, ERR_NO_MEMORY, "no memory for the event ring");
        return NULL;
    }
    events->loop = loop;
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

bool events_replay(struct events *events, uint64_t after, events_fn *fn,
                   void *arg)
{
    uint64_t newest = events->newest;
    uint64_t first = newest > EVENTS_KEPT ? newest - EVENTS_KEPT + 1 : 1;
    bool complete = after + 1 >= first && after <= newest;
    uint64_t number = complete ? after + 1 : first;
    for (; number <= newest; number++)
        fn(arg, number, events->ring[number % EVENTS_KEPT]);
    return complete;
}

uint64_t events_newest(const struct events *events)
{
    return events->newest;
}
