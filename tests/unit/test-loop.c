/* SPDX-License-Identifier: Apache-2.0 */
/* The event loop and its simulated twin. */
#include "core/util/loop.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/util/buf.h"
#include "core/util/pool.h"
#include "core/util/sim.h"

struct trace {
    struct loop *loop;
    struct loop_timer *victim;
    char text[256];
};

static void note(struct trace *t, const char *word)
{
    size_t used = strlen(t->text);
    (void)snprintf(t->text + used, sizeof(t->text) - used, "%s ", word);
}
static void note_a(void *arg)
{
    note(arg, "a");
}
static void note_b(void *arg)
{
    note(arg, "b");
}
static void note_c(void *arg)
{
    note(arg, "c");
}
static void kill_victim(void *arg)
{
    struct trace *t = arg;
    loop_timer_cancel(t->victim);
    note(t, "killed");
}

static void timers_fire_in_order_of_time_then_age(void **state)
{
    struct sim *sim = sim_new(1);
    struct trace t = {loop_new(sim_host(sim, "10.0.0.1"), NULL), NULL, ""};
    (void)state;
    assert_non_null(loop_timer(t.loop, 50, note_c, &t));
    assert_non_null(loop_timer(t.loop, 10, note_a, &t));
    assert_non_null(loop_timer(t.loop, 10, note_b, &t));
    loop_run(t.loop);
    assert_string_equal(t.text, "a b c ");
    assert_int_equal(loop_now_ms(t.loop), 1050);
    loop_free(t.loop);
    sim_free(sim);
}

static void a_timer_may_be_cancelled_by_one_of_the_same_moment(void **state)
{
    struct sim *sim = sim_new(1);
    struct trace t = {loop_new(sim_host(sim, "10.0.0.1"), NULL), NULL, ""};
    (void)state;
    assert_non_null(loop_timer(t.loop, 5, kill_victim, &t));
    t.victim = loop_timer(t.loop, 5, note_a, &t);
    assert_non_null(loop_timer(t.loop, 6, note_b, &t));
    loop_run(t.loop);
    assert_string_equal(t.text, "killed b ");
    loop_free(t.loop);
    sim_free(sim);
}

static void many_timers_keep_their_heap(void **state)
{
    struct sim *sim = sim_new(7);
    struct trace t = {loop_new(sim_host(sim, "10.0.0.1"), NULL), NULL, ""};
    struct loop_timer *timers[1000];
    (void)state;
    for (size_t i = 0; i < 1000; i++)
        timers[i] = loop_timer(t.loop, 10 + sim_random(sim, 500), note_a, &t);
    for (size_t i = 0; i < 1000; i++)
        if (i != 500)
            loop_timer_cancel(timers[i]);
    loop_run(t.loop);
    assert_string_equal(t.text, "a ");
    loop_free(t.loop);
    sim_free(sim);
}

static void heard(void *arg, const struct datagram *datagram)
{
    struct trace *t = arg;
    char text[64], address[ADDRESS_TEXT_BYTES];
    (void)snprintf(text, sizeof(text), "%.*s<%s", (int)datagram->length,
                   (const char *)datagram->data,
                   endpoint_address(&datagram->peer, address));
    note(t, text);
}

static void send_text(const struct seam *seam, struct datagram_socket *socket,
                      const char *address, uint16_t port, const char *text)
{
    struct datagram d = {.data = (const uint8_t *)text,
                         .length = strlen(text)};
    assert_int_equal(endpoint_parse(address, &d.peer, NULL), 0);
    d.peer.port = port;
    assert_int_equal(seam->datagram_send(seam->context, socket, &d), 0);
}

static void datagrams_cross_the_simulated_network(void **state)
{
    struct sim *sim = sim_new(1);
    const struct seam *a = sim_host(sim, "10.0.0.1");
    const struct seam *b = sim_host(sim, "10.0.0.2");
    struct trace t = {loop_new(a, NULL), NULL, ""};
    struct datagram_spec spec = {.fd = -1};
    struct datagram_socket *from, *to;
    (void)state;
    assert_int_equal(
        a->datagram_open(a->context, t.loop, &spec, heard, &t, &from, NULL), 0);
    spec.local.port = 69;
    assert_int_equal(
        b->datagram_open(b->context, t.loop, &spec, heard, &t, &to, NULL), 0);
    send_text(a, from, "10.0.0.2", 69, "one");
    send_text(a, from, "255.255.255.255", 69, "two");
    send_text(a, from, "10.0.0.3", 69, "nobody");
    loop_run(t.loop);
    assert_string_equal(t.text, "one<10.0.0.1 two<10.0.0.1 ");
    loop_free(t.loop);
    sim_free(sim);
}

static void one_seed_is_one_run(void **state)
{
    char texts[2][256];
    (void)state;
    for (int round = 0; round < 2; round++) {
        struct sim *sim = sim_new(42);
        const struct seam *a = sim_host(sim, "10.0.0.1");
        struct trace t = {loop_new(a, NULL), NULL, ""};
        struct datagram_spec spec = {.fd = -1, .local = {.port = 9}};
        struct datagram_socket *socket;
        sim_network(sim, 300, 100, 1, 50);
        assert_int_equal(a->datagram_open(a->context, t.loop, &spec, heard, &t,
                                          &socket, NULL),
                         0);
        for (int i = 0; i < 8; i++)
            send_text(a, socket, "10.0.0.1", 9, (char[]){(char)('0' + i), 0});
        loop_run(t.loop);
        memcpy(texts[round], t.text, sizeof(t.text));
        loop_free(t.loop);
        sim_free(sim);
    }
    assert_string_equal(texts[0], texts[1]);
}

static void loop_ends(void *arg)
{
    struct trace *t = arg;
    note(t, "done");
    loop_stop(t->loop);
}
static void nothing(void *arg)
{
    (void)arg;
}

static void a_pool_posts_back_to_a_real_loop(void **state)
{
    struct trace t = {loop_new(&seam_real, NULL), NULL, ""};
    struct pool *pool = pool_new(t.loop, 2, 10, NULL);
    (void)state;
    assert_int_equal(pool_submit(pool, nothing, loop_ends, &t), 0);
    loop_run(t.loop);
    assert_string_equal(t.text, "done ");
    pool_free(pool);
    loop_free(t.loop);
}

static void a_simulation_waits_for_the_pool_before_time_passes(void **state)
{
    struct sim *sim = sim_new(1);
    struct trace t = {loop_new(sim_host(sim, "10.0.0.1"), NULL), NULL, ""};
    struct pool *pool = pool_new(t.loop, 1, 10, NULL);
    (void)state;
    assert_non_null(loop_timer(t.loop, 1, note_b, &t));
    assert_int_equal(pool_submit(pool, nothing, note_a, &t), 0);
    loop_run(t.loop);
    assert_string_equal(t.text, "a b ");
    pool_free(pool);
    loop_free(t.loop);
    sim_free(sim);
}

static void a_real_socket_tells_which_address_was_asked(void **state)
{
    struct trace t = {loop_new(&seam_real, NULL), NULL, ""};
    struct datagram_spec spec = {.fd = -1};
    struct datagram_socket *from, *to;
    struct endpoint local;
    (void)state;
    assert_int_equal(
        seam_real.datagram_open(NULL, t.loop, &spec, heard, &t, &to, NULL), 0);
    assert_int_equal(
        seam_real.datagram_open(NULL, t.loop, &spec, heard, &t, &from, NULL),
        0);
    seam_real.datagram_local(NULL, to, &local);
    struct datagram d = {.data = (const uint8_t *)"abcdefgh", .length = 8};
    assert_int_equal(endpoint_parse("127.0.0.1", &d.peer, NULL), 0);
    d.peer.port = local.port;
    assert_int_equal(seam_real.datagram_send_many(NULL, from, &d, 3), 0);
    while (strlen(t.text) < 2 * 14 + 13)
        loop_run_for(t.loop, 5);
    assert_string_equal(t.text,
                        "abc<127.0.0.1 def<127.0.0.1 gh<127.0.0.1 ");
    seam_real.datagram_close(NULL, to);
    seam_real.datagram_close(NULL, from);
    loop_free(t.loop);
}

static void an_address_is_written_as_the_library_does(void **state)
{
    static const uint32_t cases[] = {0, 0xffffffff, 0x0a4d0001, 0x7f000001,
                                     0x090a6364, 0xc0a864c8, 0xfe05ff0a};
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        struct endpoint endpoint = {.address = {htonl(cases[i])}};
        char expected[INET_ADDRSTRLEN];
        char got[ADDRESS_TEXT_BYTES];
        assert_non_null(inet_ntop(AF_INET, &endpoint.address, expected,
                                  sizeof(expected)));
        assert_string_equal(endpoint_address(&endpoint, got), expected);
    }
}

static void a_busy_socket_loses_no_datagram(void **state)
{
    struct trace t = {loop_new(&seam_real, NULL), NULL, ""};
    struct datagram_spec spec = {.fd = -1};
    struct datagram_socket *from, *to;
    struct endpoint local;
    const size_t each = strlen("x<127.0.0.1 ");
    (void)state;
    assert_int_equal(
        seam_real.datagram_open(NULL, t.loop, &spec, heard, &t, &to, NULL), 0);
    assert_int_equal(
        seam_real.datagram_open(NULL, t.loop, &spec, heard, &t, &from, NULL),
        0);
    seam_real.datagram_local(NULL, to, &local);
    struct datagram d = {.data = (const uint8_t *)"x", .length = 1};
    assert_int_equal(endpoint_parse("127.0.0.1", &d.peer, NULL), 0);
    d.peer.port = local.port;
    /* More in one go than was asked for before. */
    for (size_t count = 1; count <= 16; count *= 4) {
        t.text[0] = '\0';
        for (size_t i = 0; i < count; i++)
            assert_int_equal(seam_real.datagram_send(NULL, from, &d), 0);
        while (strlen(t.text) < each * count)
            loop_run_for(t.loop, 5);
    }
    seam_real.datagram_close(NULL, to);
    seam_real.datagram_close(NULL, from);
    loop_free(t.loop);
}

static void a_failed_append_leaves_no_half_record(void **state)
{
    struct sim *sim = sim_new(1);
    const struct seam *a = sim_host(sim, "10.0.0.1");
    AUTO_BUF content = BUF_INIT(100);
    int handle, again;
    (void)state;
    assert_int_equal(a->log_open(a->context, "/l", &handle, NULL), 0);
    assert_int_equal(a->log_append(a->context, handle, "one", 3, NULL), 0);
    sim_fail_files(sim, 1);
    assert_int_equal(a->log_append(a->context, handle, "two", 3, NULL),
                     ERR_NO_SPACE);
    assert_int_equal(a->log_open(a->context, "/l", &again, NULL), 0);
    assert_int_equal(a->log_read(a->context, again, &content, NULL), 0);
    assert_string_equal(buf_text(&content), "one");
    sim_free(sim);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(timers_fire_in_order_of_time_then_age),
        cmocka_unit_test(a_timer_may_be_cancelled_by_one_of_the_same_moment),
        cmocka_unit_test(many_timers_keep_their_heap),
        cmocka_unit_test(datagrams_cross_the_simulated_network),
        cmocka_unit_test(one_seed_is_one_run),
        cmocka_unit_test(a_pool_posts_back_to_a_real_loop),
        cmocka_unit_test(a_simulation_waits_for_the_pool_before_time_passes),
        cmocka_unit_test(a_real_socket_tells_which_address_was_asked),
        cmocka_unit_test(an_address_is_written_as_the_library_does),
        cmocka_unit_test(a_busy_socket_loses_no_datagram),
        cmocka_unit_test(a_failed_append_leaves_no_half_record),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
