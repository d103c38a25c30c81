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

#include "core/server/event-text.h"
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

static void says(const char *id, json_t *event, const char *expected)
{
    char out[EVENT_SENTENCE_BYTES];
    assert_non_null(event);
    event_sentence(id, event, out);
    assert_string_equal(out, expected);
    json_decref(event);
}

static void an_event_says_what_happened_to_which_thing(void **state)
{
    (void)state;
    says("worker-started", json_pack("{s:s}", "worker", "http"),
         "worker 'http' runs");
    says("host-boot-loop",
         json_pack("{s:s, s:s, s:i}", "host_name", "lab-01", "mac",
                   "52:54:00:00:00:01", "boots", 5),
         "host 'lab-01' (52:54:00:00:00:01) has started its disk 5 times "
         "within minutes: look whether its system starts");
    /* In brackets: only when there is something to say. */
    says("transfer-failed",
         json_pack("{s:s, s:s, s:s}", "address", "192.0.2.7", "name", "a.efi",
                   "reason", ""),
         "192.0.2.7 has not loaded 'a.efi'");
    says("transfer-failed",
         json_pack("{s:s, s:s, s:s}", "address", "192.0.2.7", "name", "a.efi",
                   "reason", "it went away"),
         "192.0.2.7 has not loaded 'a.efi': it went away");
    /* Without a member that it needs: what the id means. */
    says("transfer-failed", json_object(), "a boot file could not be sent");
    says("no-such-event", json_object(), "no-such-event");
}

static void a_long_sentence_is_cut_between_characters(void **state)
{
    char out[EVENT_SENTENCE_BYTES];
    char text[EVENT_SENTENCE_BYTES * 2 + 1] = "";
    (void)state;
    for (size_t i = 0; i + 2 < sizeof(text); i += 2)
        memcpy(text + i, "\u00fc", 3);
    for (size_t shift = 0; shift < 2; shift++) {
        json_t *event = json_pack("{s:s, s:s}", "host_name", shift ? "a" : "ab",
                                  "text", text);
        event_sentence("engine-log", event, out);
        json_decref(event);
        json_t *whole = json_string(out);
        assert_non_null(whole); /* it is UTF-8 */
        assert_true(strlen(out) >= EVENT_SENTENCE_BYTES - 2);
        json_decref(whole);
    }
}

static void see_message(void *arg, uint64_t number, const json_t *event)
{
    char *messages = arg;
    size_t used = strlen(messages);
    (void)number;
    (void)snprintf(messages + used, 200 - used, "%s\n",
                   json_string_value(json_object_get(event, "message")));
}

static void an_event_keeps_a_sentence_that_it_came_with(void **state)
{
    struct world w;
    struct events_place all = {.number = 0};
    char messages[200] = "";
    (void)state;
    world_open(&w, 5);
    events_emit(w.events, "image-failed",
                json_pack("{s:s}", "message", "image 'a': it is cut short"));
    events_emit(w.events, "worker-died",
                json_pack("{s:s, s:s}", "worker", "http", "message",
                          "ended with status 1"));
    events_replay(w.events, &all, see_message, messages);
    assert_string_equal(messages,
                        "image 'a': it is cut short\n"
                        "worker 'http' ended with status 1\n");
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_goes_on_after_an_id),
        cmocka_unit_test(test_what_is_too_old_is_named),
        cmocka_unit_test(test_another_run),
        cmocka_unit_test(test_what_is_no_id),
        cmocka_unit_test(an_event_says_what_happened_to_which_thing),
        cmocka_unit_test(a_long_sentence_is_cut_between_characters),
        cmocka_unit_test(an_event_keeps_a_sentence_that_it_came_with),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
