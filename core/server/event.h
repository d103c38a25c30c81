/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events: what an admin or a program sees while it happens.  The last ones
 * are kept in memory, so that a client that reconnects misses nothing; they
 * are not state.  On the loop's thread.
 *
 * Each event has an id, "RUN-NUMBER": which run of the server made it, and a
 * number that counts from 1 in that run.  A client goes on after an id it has
 * seen; when events after it are gone, because they are too many or of another
 * run, it is told so (struct events_gap) and never just left without them.
 */
#ifndef CORE_SERVER_EVENT_H
#define CORE_SERVER_EVENT_H

#include <stdbool.h>

#include <jansson.h>

#include "core/util/loop.h"

struct events;

#define EVENTS_KEPT 1024 /* newest events that a client can ask for again */
#define EVENTS_RUN_BYTES 17
#define EVENTS_ID_BYTES (EVENTS_RUN_BYTES + 21)

struct events *events_new(struct loop *loop, struct err *err);
void events_free(struct events *events);

/*
 * Tells everybody that `id` happened, e.g. "host-unknown".  Steals `json`, an
 * object with the particulars ("host", "task", "message", ...), NULL = none.
 * Each id is explained in event-text.c's list, which also says how a member
 * "message" is made for it: a sentence that needs no knowledge of the others.
 */
void events_emit(struct events *events, const char *id, json_t *json);

/* fn(arg, number, event) for each event from now on, until unsubscribed;
 * `event` is {"event": id, "time_ms": N, "number": N, ...}, borrowed. */
typedef void events_fn(void *arg, uint64_t number, const json_t *event);
struct events_subscriber;
struct events_subscriber *events_subscribe(struct events *events,
                                           events_fn *fn, void *arg);
void events_unsubscribe(struct events_subscriber *subscriber);

/* Where a client stands. */
struct events_place {
    char run[EVENTS_RUN_BYTES]; /* 16 hex digits */
    uint64_t number;            /* of the last event it has seen, 0 = none */
};
/* An id, or a number alone, which is one of this run. */
int events_place_parse(const struct events *events, const char *text,
                       struct events_place *ret, struct err *err);
/* "RUN-NUMBER" of an event of this run; returns out. */
const char *events_id(const struct events *events, uint64_t number,
                      char out[EVENTS_ID_BYTES]);

/* What a client will not see any more. */
struct events_gap {
    bool restarted;      /* whatever the run that it names had after it */
    uint64_t first, last; /* events of this run that are not kept; 0 = none */
};
/* What is lost between `place` and the oldest event that can be replayed;
 * false = nothing. */
bool events_find_gap(const struct events *events,
                     const struct events_place *place,
                     struct events_gap *ret);
/* Calls fn for each kept event after `place`: all of them when it is of
 * another run. */
void events_replay(struct events *events, const struct events_place *place,
                   events_fn *fn, void *arg);
/* The number of the newest event, 0 = none yet. */
uint64_t events_newest(const struct events *events);

#endif
