/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The event loop: timers, ready descriptors and work posted by other threads,
 * all handled on one thread.  Handlers must not block.
 *
 * A handler may free any timer or watch, also its own and also ones that are
 * ready in the same round.
 */
#ifndef CORE_UTIL_LOOP_H
#define CORE_UTIL_LOOP_H

#include <stdbool.h>

#include "core/util/seam.h"

struct loop;
struct loop_timer;
struct loop_watch;

enum { LOOP_READ = 1, LOOP_WRITE = 2 };

/* `seam` outlives the loop. */
struct loop *loop_new(const struct seam *seam, struct err *err);
void loop_free(struct loop *loop);
const struct seam *loop_seam(const struct loop *loop);
uint64_t loop_now_ms(const struct loop *loop);

/* Calls fn(arg) once after `delay_ms`.  The timer frees itself when it fires;
 * before that `loop_timer_cancel` may.  NULL = no memory. */
struct loop_timer *loop_timer(struct loop *loop, uint64_t delay_ms,
                              void (*fn)(void *arg), void *arg);
void loop_timer_cancel(struct loop_timer *timer); /* NULL is fine */

/* Calls fn(arg, LOOP_*) while `fd` is ready; errors and hang-ups count as
 * both.  The descriptor stays the caller's.  NULL = no memory or a bad fd. */
struct loop_watch *loop_watch(struct loop *loop, int fd, unsigned events,
                              void (*fn)(void *arg, unsigned events),
                              void *arg);
void loop_watch_change(struct loop_watch *watch, unsigned events);
void loop_watch_cancel(struct loop_watch *watch); /* NULL is fine */

/* Any thread: runs fn(arg) on the loop, in the order of posting.  -1 = no
 * memory. */
int loop_post(struct loop *loop, void (*fn)(void *arg), void *arg);

/* Work that other threads do for this loop and will post about: while any is
 * held, a simulation waits for the post instead of moving its clock. */
void loop_hold(struct loop *loop);
void loop_release(struct loop *loop);

/* Runs until loop_stop.  In a simulation it also ends when nothing is left
 * that could happen. */
void loop_run(struct loop *loop);
/* Simulation and tests: runs what happens in the next `span_ms`. */
void loop_run_for(struct loop *loop, uint64_t span_ms);
/* From a handler: loop_run returns after this round. */
void loop_stop(struct loop *loop);

/* Signals as loop events; one owner per process.  fn(arg, signal number). */
int loop_signals(struct loop *loop, const int *signals, size_t count,
                 void (*fn)(void *arg, int number), void *arg,
                 struct err *err);

#endif
