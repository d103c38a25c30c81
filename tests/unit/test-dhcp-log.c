/* SPDX-License-Identifier: Apache-2.0 */
/* The DHCP server's lease log: synced before the ACK, read back, damaged. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "core/util/buf.h"
#include "tests/unit/dhcp-world.h"

static void read_log(const struct world *w, struct buf *buf)
{
    int handle;
    assert_int_equal(
        w->seam->log_open(w->seam->context, WORLD_LOG, &handle, NULL), 0);
    assert_int_equal(w->seam->log_read(w->seam->context, handle, buf, NULL), 0);
}

static void write_log(const struct world *w, const void *data, size_t length)
{
    int handle;
    assert_int_equal(
        w->seam->log_open(w->seam->context, WORLD_LOG, &handle, NULL), 0);
    assert_int_equal(
        w->seam->log_rewrite(w->seam->context, handle, data, length, NULL), 0);
}

/* ---- the log ------------------------------------------------------------ */

struct order {
    const struct world *world;
    bool ack_before_record;
    unsigned acks;
};

static void check_order(void *arg, const struct datagram *datagram)
{
    struct order *order = arg;
    struct packet packet;
    char wanted[32];
    AUTO_BUF log = BUF_INIT(1 << 20);
    if (packet_parse(datagram->data, datagram->length, &packet, NULL) ||
        packet.op != PACKET_REPLY || packet_type(&packet) != DHCP_ACK)
        return;
    order->acks++;
    read_log(order->world, &log);
    const struct endpoint e = {.address = packet.yiaddr};
    char text[ADDRESS_TEXT_BYTES];
    (void)snprintf(wanted, sizeof(wanted), " bound %s ",
                   endpoint_address(&e, text));
    if (!strstr(buf_text(&log), wanted))
        order->ack_before_record = true;
}

static void no_ack_is_sent_before_its_record_is_on_the_disk(void **state)
{
    struct world w;
    struct station s[20];
    struct order order = {.world = &w};
    (void)state;
    world_start(&w, 10, 30);
    sim_tap(w.sim, check_order, &order);
    for (uint8_t i = 0; i < 20; i++) {
        station_open(&s[i], &w, (uint8_t)(i + 1), "0.0.0.0", 68);
        assert_true(station_dora(&s[i], i % 2));
    }
    assert_int_equal(order.acks, 20);
    assert_false(order.ack_before_record);
    world_end(&w);
}

static void full_disk_means_no_ack_and_the_client_succeeds_later(void **state)
{
    struct world w;
    struct station s;
    struct err err = ERR_INIT;
    (void)state;
    world_start(&w, 11, 10);
    station_open(&s, &w, 7, "0.0.0.0", 68);
    sim_fail_files(w.sim, 1);
    assert_false(station_dora(&s, false));
    assert_int_equal(s.type, DHCP_OFFER);
    assert_int_equal(world_counters(&w).log_failed, 1);
    assert_string_equal(w.last_event, "lease-log-failed");
    assert_true(station_dora(&s, false));
    assert_string_equal(station_address(&s), "10.0.0.100");
    assert_int_equal(world_restart(&w, &err), 0);
    assert_int_equal(world_counters(&w).pool_free,
                     20); /* 10 and 11, less one */
    world_end(&w);
}

static void requests_of_one_moment_share_a_sync(void **state)
{
    struct world w;
    struct station s[8];
    struct packet_writer p;
    (void)state;
    world_start(&w, 12, 10);
    for (uint8_t i = 0; i < 8; i++) {
        station_open(&s[i], &w, (uint8_t)(i + 1), "0.0.0.0", 68);
        station_packet(&s[i], &p, DHCP_DISCOVER);
        station_send(&s[i], &p, "255.255.255.255", 67);
    }
    uint64_t before = world_counters(&w).log_syncs;
    for (uint8_t i = 0; i < 8; i++) {
        station_packet(&s[i], &p, DHCP_REQUEST);
        (void)packet_put_address(&p, OPTION_REQUESTED_ADDRESS,
                                 s[i].reply.yiaddr);
        (void)packet_put_address(&p, OPTION_SERVER_ID,
                                 address_of(WORLD_SERVER));
        struct datagram out = {.peer = {address_of("255.255.255.255"), 67, 0},
                               .data = p.bytes,
                               .length = packet_finish(&p)};
        assert_int_equal(
            s[i].seam->datagram_send(s[i].seam->context, s[i].socket, &out), 0);
    }
    loop_run_for(w.loop, 50);
    for (uint8_t i = 0; i < 8; i++)
        assert_int_equal(s[i].type, DHCP_ACK);
    assert_in_range(world_counters(&w).log_syncs - before, 1, 2);
    world_end(&w);
}

static void restart_remembers_every_lease(void **state)
{
    struct world w;
    struct station s[5];
    struct err err = ERR_INIT;
    char before[5][16];
    (void)state;
    world_start(&w, 13, 5);
    for (uint8_t i = 0; i < 5; i++) {
        station_open(&s[i], &w, (uint8_t)(i + 1), "0.0.0.0", 68);
        assert_true(station_dora(&s[i], false));
        (void)snprintf(before[i], sizeof(before[i]), "%s",
                       station_address(&s[i]));
    }
    assert_int_equal(world_restart(&w, &err), 0);
    for (int i = 4; i >= 0; i--) {
        assert_true(station_dora(&s[i], false));
        assert_string_equal(station_address(&s[i]), before[i]);
    }
    world_end(&w);
}

static void flipped_bit_keeps_the_address_from_use(void **state)
{
    struct world w;
    struct station s;
    struct station next;
    struct err err = ERR_INIT;
    AUTO_BUF log = BUF_INIT(1 << 20);
    (void)state;
    world_start(&w, 14, 1);
    station_open(&s, &w, 7, "0.0.0.0", 68);
    assert_true(station_dora(&s, false));
    read_log(&w, &log);
    char *client = strstr((char *)log.data, "525400");
    assert_non_null(client);
    client[11] ^= 1; /* another machine, if nobody checked */
    write_log(&w, log.data, log.length);
    assert_int_equal(world_restart(&w, &err), 0);
    station_open(&next, &w, 6, "0.0.0.0", 68);
    assert_false(station_dora(&next, false));
    loop_run_for(w.loop, 601 * 1000);
    assert_true(station_dora(&next, false));
    world_end(&w);
}

static void every_flipped_bit_is_noticed(void **state)
{
    struct world w;
    struct station s;
    struct err err = ERR_INIT;
    AUTO_BUF log = BUF_INIT(1 << 20);
    (void)state;
    world_start(&w, 15, 4);
    station_open(&s, &w, 7, "0.0.0.0", 68);
    assert_true(station_dora(&s, false));
    read_log(&w, &log);
    for (size_t bit = 0; bit < log.length * 8; bit++) {
        log.data[bit / 8] ^= (uint8_t)(1u << (bit % 8));
        write_log(&w, log.data, log.length);
        log.data[bit / 8] ^= (uint8_t)(1u << (bit % 8));
        assert_int_equal(world_restart(&w, &err), 0);
        AUTO_BUF after = BUF_INIT(1 << 20);
        read_log(&w, &after);
        assert_null(strstr(buf_text(&after), "bound 10.0.0.100 "));
    }
    world_end(&w);
}

static void cut_off_record_is_dropped_and_the_rest_kept(void **state)
{
    struct world w;
    struct station s[2];
    struct err err = ERR_INIT;
    AUTO_BUF log = BUF_INIT(1 << 20);
    (void)state;
    world_start(&w, 16, 2);
    for (uint8_t i = 0; i < 2; i++) {
        station_open(&s[i], &w, (uint8_t)(i + 1), "0.0.0.0", 68);
        assert_true(station_dora(&s[i], false));
    }
    read_log(&w, &log);
    for (size_t cut = 1; cut < log.length / 2; cut++) {
        write_log(&w, log.data, log.length - cut);
        assert_int_equal(world_restart(&w, &err), 0);
        AUTO_BUF after = BUF_INIT(1 << 20);
        read_log(&w, &after);
        assert_non_null(strstr(buf_text(&after), "bound 10.0.0.100 "));
        assert_null(strstr(buf_text(&after), "10.0.0.101"));
        assert_int_equal(buf_text(&after)[after.length - 1], '\n');
    }
    world_end(&w);
}

static void log_is_tidied_when_it_has_grown(void **state)
{
    struct world w;
    struct station s;
    struct packet_writer p;
    AUTO_BUF log = BUF_INIT(4 << 20);
    (void)state;
    world_start(&w, 17, 2);
    station_open(&s, &w, 7, "0.0.0.0", 68);
    assert_true(station_dora(&s, false));
    for (int i = 0; i < 4200; i++) {
        station_packet(&s, &p, DHCP_REQUEST);
        packet_set_ciaddr(&p, s.reply.yiaddr);
        station_send(&s, &p, WORLD_SERVER, 67);
    }
    read_log(&w, &log);
    assert_true(log.length < 20000);
    world_end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_ack_is_sent_before_its_record_is_on_the_disk),
        cmocka_unit_test(full_disk_means_no_ack_and_the_client_succeeds_later),
        cmocka_unit_test(requests_of_one_moment_share_a_sync),
        cmocka_unit_test(restart_remembers_every_lease),
        cmocka_unit_test(flipped_bit_keeps_the_address_from_use),
        cmocka_unit_test(every_flipped_bit_is_noticed),
        cmocka_unit_test(cut_off_record_is_dropped_and_the_rest_kept),
        cmocka_unit_test(log_is_tidied_when_it_has_grown),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
