/* SPDX-License-Identifier: Apache-2.0 */
/* The event ring: what a client that comes back gets, and what it is told
 * that it will not get. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/server/event.h"
#include "core/util/sim.h"

struct world {
    struct sim *sim;
    struct loop *loop;
    struct events *events;
    uint64_t seen[EVENTS_KEPT * 2];
    size_t count;
};

static void world_open(struct world *w, uint64_t seed)
{
    struct err err = ERR_INIT;
    memset(w, 0, sizeof(*w));
    w->sim = sim_new(seed);
    w->loop = loop_new(sim_host(w->sim, "192.0.2.1"), &err);
    assert_non_null(w->loop);
    w->events = events_new(w->loop, &err);
    assert_non_null(w->events);
}

static void world_close(struct world *w)
{
    events_free(w->events);
    loop_free(w->loop);
    sim_free(w->sim);
}

static void emit(struct world *w, size_t count)
{
    for (size_t i = 0; i < count; i++)
        events_emit(w->events, "host-changed", NULL);
}

static void see(void *arg, uint64_t number, const json_t *event)
{
    struct world *w = arg;
    assert_int_equal(json_integer_value(json_object_get(event, "number")),
                     number);
    w->seen[w->count++] = number;
}

static void place_at(struct world *w, const char *text,
                     struct events_place *ret)
{
    struct err err = ERR_INIT;
    if (events_place_parse(w->events, text, ret, &err) < 0)
        fail_msg("%s", err.text);
}

static void test_goes_on_after_an_id(void **state)
{
    struct world w;
    struct events_place place;
    struct events_gap gap;
    char id[EVENTS_ID_BYTES];
    (void)state;
    world_open(&w, 1);
    emit(&w, 10);
    place_at(&w, events_id(w.events, 7, id), &place);
    assert_false(events_find_gap(w.events, &place, &gap));
    events_replay(w.events, &place, see, &w);
    assert_int_equal(w.count, 3);
    assert_int_equal(w.seen[0], 8);
    assert_int_equal(w.seen[2], 10);
    w.count = 0;
    place_at(&w, "10", &place); /* a number is one of this run */
    events_replay(w.events, &place, see, &w);
    assert_int_equal(w.count, 0);
    world_close(&w);
}

static void test_what_is_too_old_is_named(void **state)
{
    struct world w;
    struct events_place place;
    struct events_gap gap;
    (void)state;
    world_open(&w, 1);
    emit(&w, EVENTS_KEPT + 100);
    place_at(&w, "100", &place);
    assert_false(events_find_gap(w.events, &place, &gap));
    place_at(&w, "60", &place);
    assert_true(events_find_gap(w.events, &place, &gap));
    assert_false(gap.restarted);
    assert_int_equal(gap.first, 61);
    assert_int_equal(gap.last, 100);
    events_replay(w.events, &place, see, &w);
    assert_int_equal(w.count, EVENTS_KEPT);
    assert_int_equal(w.seen[0], gap.last + 1);
    world_close(&w);
}

static void test_another_run(void **state)
{
    struct world before, after;
    struct events_place place;
    struct events_gap gap;
    char id[EVENTS_ID_BYTES];
    (void)state;
    world_open(&before, 1);
    world_open(&after, 2);
    emit(&before, 500);
    emit(&after, 3);
    place_at(&after, events_id(before.events, 2, id), &place);
    assert_true(events_find_gap(after.events, &place, &gap));
    assert_true(gap.restarted);
    assert_int_equal(gap.first, 0);
    events_replay(after.events, &place, see, &after);
    assert_int_equal(after.count, 3); /* all of this run, not from 3 on */
    emit(&after, EVENTS_KEPT);
    assert_true(events_find_gap(after.events, &place, &gap));
    assert_int_equal(gap.first, 1);
    assert_int_equal(gap.last, 3);
    world_close(&before);
    world_close(&after);
}

static void test_what_is_no_id(void **state)
{
    static const char *const bad[] = {
        "", "-", "-3", "3-", "x", "0123456789abcde-1", "0123456789abcdef0-1",
        "0123456789ABCDEF-1", "0123456789abcdef-x", "0123456789abcdef--1",
        "99999999999999999999999", "4",
    };
    struct world w;
    (void)state;
    world_open(&w, 1);
    emit(&w, 3);
    for (size_t i = 0; i < ARRAY_LENGTH(bad); i++) {
        struct events_place place;
        struct err err = ERR_INIT;
        if (events_place_parse(w.events, bad[i], &place, &err) == 0)
            fail_msg("'%s' is taken for an id", bad[i]);
        assert_int_not_equal(err.text[0], '\0');
    }
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_goes_on_after_an_id),
        cmocka_unit_test(test_what_is_too_old_is_named),
        cmocka_unit_test(test_another_run),
        cmocka_unit_test(test_what_is_no_id),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
