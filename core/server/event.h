/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events: what an admin or a program sees while it happens.  The last ones
 * are kept in memory, so that a client that reconnects misses little; they
 * are not state.  On the loop's thread.
 */
#ifndef CORE_SERVER_EVENT_H
#define CORE_SERVER_EVENT_H

#include <jansson.h>

#include "core/util/loop.h"

struct events;

#define EVENTS_KEPT 1024 /* newest events that a client can ask for again */

struct events *events_new(struct loop *loop, struct err *err);
void events_free(struct events *events);

/*
 * Tells everybody that `id` happened, e.g. "host-unknown".  Steals `json`, an
 * object with the particulars ("host", "task", "message", ...), NULL = none.
 * Each id is explained in event.c's list.
 */
void events_emit(struct events *events, const char *id, json_t *json);

/* fn(arg, number, event) for each event from now on, until unsubscribed;
 * `event` is {"event": id, "time_ms": N, "number": N, ...}, borrowed. */
typedef void events_fn(void *arg, uint64_t number, const json_t *event);
struct events_subscriber;
struct events_subscriber *events_subscribe(struct events *events,
                                           events_fn *fn, void *arg);
void events_unsubscribe(struct events_subscriber *subscriber);
/* Calls fn for each kept event after `number`; false when some after it are
 * no longer kept. */
bool events_replay(struct events *events, uint64_t after, events_fn *fn,
                   void *arg);
/* The number of the newest event, 0 = none yet. */
uint64_t events_newest(const struct events *events);

/* The explanation of an event id, or NULL; and the whole list. */
struct event_explanation {
    const char *id;
    const char *text;
};
const char *event_explain(const char *id);
const struct event_explanation *event_explanations(size_t *ret_count);

#endif
