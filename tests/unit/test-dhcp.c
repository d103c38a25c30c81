/* SPDX-License-Identifier: Apache-2.0 */
/* The DHCP server against simulated clients: who gets which address. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "tests/unit/dhcp-world.h"

static void assert_address(const struct packet *p, uint8_t code,
                           const char *wanted)
{
    struct in_addr address;
    assert_true(packet_option_address(p, code, &address));
    assert_int_equal(address.s_addr, address_of(wanted).s_addr);
}

/* ---- leases ------------------------------------------------------------- */

static void ack_holds_what_a_client_needs(void **state)
{
    struct world w;
    struct station s;
    uint32_t lease_s;
    (void)state;
    world_start(&w, 1, 10);
    station_open(&s, &w, 7, "0.0.0.0", 68);
    assert_true(station_dora(&s, false));
    assert_string_equal(station_address(&s), "10.0.0.100");
    assert_address(&s.reply, OPTION_SERVER_ID, WORLD_SERVER);
    assert_address(&s.reply, OPTION_NETMASK, "255.255.255.0");
    assert_address(&s.reply, OPTION_ROUTER, "10.0.0.254");
    assert_address(&s.reply, OPTION_DNS, "10.0.0.53");
    assert_true(packet_option_u32(&s.reply, OPTION_LEASE_TIME, &lease_s));
    assert_int_equal(lease_s, 600);
    assert_int_equal(s.from.port, 67);
    assert_true(s.length >= PACKET_MIN_BYTES);
    /* No boot part for somebody who is not booting firmware. */
    assert_int_equal(s.reply.siaddr.s_addr, 0);
    assert_int_equal(s.reply.option_at[OPTION_BOOT_FILE], 0);
    assert_int_equal(world_counters(&w).acks, 1);
    assert_int_equal(world_counters(&w).pool_size, 21); /* 10 and 11 */
    assert_int_equal(world_counters(&w).pool_free, 20);
    world_end(&w);
}

static void
machine_keeps_its_address_under_other_client_identifiers(void **state)
{
    struct world w;
    struct station s;
    struct packet_writer p;
    static const uint8_t id[] = {0xff, 1, 2, 3, 4};
    (void)state;
    world_start(&w, 2, 10);
    station_open(&s, &w, 7, "0.0.0.0", 68);
    assert_true(station_dora(&s, true));
    struct in_addr before = s.reply.yiaddr;
    station_packet(&s, &p, DHCP_DISCOVER);
    (void)packet_put(&p, OPTION_CLIENT_ID, id, sizeof(id));
    station_send(&s, &p, "255.255.255.255", 67);
    assert_int_equal(s.type, DHCP_OFFER);
    assert_int_equal(s.reply.yiaddr.s_addr, before.s_addr);
    /* RFC 6842: the identifier comes back. */
    size_t length;
    const uint8_t *echo = packet_option(&s.reply, OPTION_CLIENT_ID, &length);
    assert_non_null(echo);
    assert_memory_equal(echo, id, sizeof(id));
    world_end(&w);
}

static void renewal_is_sent_to_the_address_itself(void **state)
{
    struct world w;
    struct station s;
    struct packet_writer p;
    (void)state;
    world_start(&w, 3, 10);
    station_open(&s, &w, 7, "0.0.0.0", 68);
    assert_true(station_dora(&s, false));
    loop_run_for(w.loop, 300 * 1000);
    s.type = DHCP_NONE;
    station_packet(&s, &p, DHCP_REQUEST);
    packet_set_ciaddr(&p, s.reply.yiaddr);
    station_send(&s, &p, WORLD_SERVER, 67);
    assert_int_equal(s.type, DHCP_ACK);
    /* Past the first end: it still has the address. */
    loop_run_for(w.loop, 400 * 1000);
    s.type = DHCP_NONE;
    station_packet(&s, &p, DHCP_REQUEST);
    packet_set_ciaddr(&p, s.reply.yiaddr);
    station_send(&s, &p, "255.255.255.255", 67); /* rebinding */
    assert_int_equal(s.type, DHCP_ACK);
    world_end(&w);
}

static void init_reboot_follows_the_rfc(void **state)
{
    struct world w;
    struct station s;
    struct station stranger;
    struct packet_writer p;
    (void)state;
    world_start(&w, 4, 10);
    station_open(&s, &w, 7, "0.0.0.0", 68);
    assert_true(station_dora(&s, false));
    struct in_addr mine = s.reply.yiaddr;
    station_packet(&s, &p, DHCP_REQUEST);
    (void)packet_put_address(&p, OPTION_REQUESTED_ADDRESS, mine);
    station_send(&s, &p, "255.255.255.255", 67);
    assert_int_equal(s.type, DHCP_ACK);
    station_packet(&s, &p, DHCP_REQUEST);
    (void)packet_put_address(&p, OPTION_REQUESTED_ADDRESS,
                             address_of("10.0.0.105"));
    station_send(&s, &p, "255.255.255.255", 67);
    assert_int_equal(s.type, DHCP_NAK);
    station_packet(&s, &p, DHCP_REQUEST);
    (void)packet_put_address(&p, OPTION_REQUESTED_ADDRESS,
                             address_of("192.168.7.7"));
    station_send(&s, &p, "255.255.255.255", 67);
    assert_int_equal(s.type, DHCP_NAK);
    /* Nothing is known of this one: another server may know it. */
    station_open(&stranger, &w, 8, "0.0.0.0", 68);
    station_packet(&stranger, &p, DHCP_REQUEST);
    (void)packet_put_address(&p, OPTION_REQUESTED_ADDRESS,
                             address_of("10.0.0.105"));
    station_send(&stranger, &p, "255.255.255.255", 67);
    assert_int_equal(stranger.replies, 0);
    world_end(&w);
}

static void choice_of_another_server_frees_the_offer(void **state)
{
    struct world w;
    struct station s;
    struct packet_writer p;
    (void)state;
    world_start(&w, 5, 1);
    station_open(&s, &w, 7, "0.0.0.0", 68);
    station_packet(&s, &p, DHCP_DISCOVER);
    station_send(&s, &p, "255.255.255.255", 67);
    assert_int_equal(s.type, DHCP_OFFER);
    station_packet(&s, &p, DHCP_REQUEST);
    (void)packet_put_address(&p, OPTION_REQUESTED_ADDRESS,
                             address_of("10.0.0.77"));
    (void)packet_put_address(&p, OPTION_SERVER_ID, address_of("10.0.0.9"));
    unsigned replies = s.replies;
    station_send(&s, &p, "255.255.255.255", 67);
    assert_int_equal(s.replies, replies);
    struct station next;
    station_open(&next, &w, 8, "0.0.0.0", 68);
    assert_true(station_dora(&next, false));
    world_end(&w);
}

static void exhausted_pool_is_silent_until_leases_end(void **state)
{
    struct world w;
    struct station s[4];
    (void)state;
    world_start(&w, 6, 3);
    for (uint8_t i = 0; i < 4; i++)
        station_open(&s[i], &w, (uint8_t)(i + 1), "0.0.0.0", 68);
    for (uint8_t i = 0; i < 3; i++)
        assert_true(station_dora(&s[i], false));
    assert_false(station_dora(&s[3], false));
    assert_int_equal(world_counters(&w).exhausted, 1);
    assert_string_equal(w.last_event, "pool-exhausted");
    loop_run_for(w.loop, 601 * 1000);
    /* The first to end is the first to go. */
    assert_true(station_dora(&s[3], false));
    assert_string_equal(station_address(&s[3]), "10.0.0.100");
    /* The others still get theirs again. */
    assert_true(station_dora(&s[1], false));
    assert_string_equal(station_address(&s[1]), "10.0.0.101");
    world_end(&w);
}

static void declined_address_is_not_used_for_a_while(void **state)
{
    struct world w;
    struct station s;
    struct packet_writer p;
    struct err err = ERR_INIT;
    (void)state;
    world_start(&w, 7, 2);
    station_open(&s, &w, 7, "0.0.0.0", 68);
    assert_true(station_dora(&s, false));
    struct in_addr first = s.reply.yiaddr;
    station_packet(&s, &p, DHCP_DECLINE);
    (void)packet_put_address(&p, OPTION_REQUESTED_ADDRESS, first);
    station_send(&s, &p, "255.255.255.255", 67);
    assert_string_equal(w.last_event, "address-conflict");
    assert_true(station_dora(&s, false));
    assert_int_not_equal(s.reply.yiaddr.s_addr, first.s_addr);
    /* Also not after a restart. */
    assert_int_equal(world_restart(&w, &err), 0);
    struct station next;
    station_open(&next, &w, 8, "0.0.0.0", 68);
    assert_false(station_dora(&next, false));
    loop_run_for(w.loop, 601 * 1000);
    assert_true(station_dora(&next, false));
    world_end(&w);
}

static void released_address_is_free_at_once(void **state)
{
    struct world w;
    struct station s;
    struct station next;
    struct packet_writer p;
    (void)state;
    world_start(&w, 8, 1);
    station_open(&s, &w, 7, "0.0.0.0", 68);
    station_open(&next, &w, 8, "0.0.0.0", 68);
    assert_true(station_dora(&s, false));
    assert_false(station_dora(&next, false));
    station_packet(&s, &p, DHCP_RELEASE);
    packet_set_ciaddr(&p, s.reply.yiaddr);
    station_send(&s, &p, WORLD_SERVER, 67);
    sim_set_address(s.seam, "0.0.0.0");
    assert_true(station_dora(&next, false));
    world_end(&w);
}

static void release_right_behind_its_request_waits_for_the_lease(void **state)
{
    struct world w;
    struct station s;
    struct packet_writer p;
    (void)state;
    world_start(&w, 18, 1);
    uint64_t all = world_counters(&w).pool_free;
    station_open(&s, &w, 7, "0.0.0.0", 68);
    station_packet(&s, &p, DHCP_DISCOVER);
    station_send(&s, &p, "255.255.255.255", 67);
    struct in_addr offered = s.reply.yiaddr;
    station_packet(&s, &p, DHCP_REQUEST);
    (void)packet_put_address(&p, OPTION_REQUESTED_ADDRESS, offered);
    (void)packet_put_address(&p, OPTION_SERVER_ID, address_of(WORLD_SERVER));
    struct datagram out = {.peer = {address_of(WORLD_SERVER), 67, 0},
                           .data = p.bytes,
                           .length = packet_finish(&p)};
    assert_int_equal(
        s.seam->datagram_send(s.seam->context, s.socket, &out), 0);
    station_packet(&s, &p, DHCP_RELEASE);
    packet_set_ciaddr(&p, offered);
    station_send(&s, &p, WORLD_SERVER, 67);
    assert_int_equal(s.type, DHCP_ACK);
    assert_int_equal(world_counters(&w).pool_free, all);
    world_end(&w);
}

static void reservation_is_given_and_kept_from_others(void **state)
{
    struct world w;
    struct station s;
    struct station other;
    (void)state;
    world_start(&w, 9, 1);
    w.reserved = "10.0.0.100"; /* inside the pool */
    w.reserved_mac = "52:54:00:00:00:07";
    station_open(&s, &w, 7, "0.0.0.0", 68);
    station_open(&other, &w, 8, "0.0.0.0", 68);
    assert_false(station_dora(&other, false));
    assert_true(station_dora(&s, false));
    assert_string_equal(station_address(&s), "10.0.0.100");
    w.reserved = "10.0.0.42"; /* outside it */
    assert_true(station_dora(&s, false));
    assert_string_equal(station_address(&s), "10.0.0.42");
    world_end(&w);
}

/* ---- addressing --------------------------------------------------------- */

static void reply_through_a_relay_goes_to_its_port_67(void **state)
{
    struct world w;
    struct station relay;
    struct packet_writer p;
    static const uint8_t agent[] = {1, 4, 'e', 't', 'h', '0'};
    struct in_addr giaddr = address_of("10.9.0.2");
    (void)state;
    world_start(&w, 18, 2);
    station_open(&relay, &w, 7, "10.9.0.2", 67);
    station_packet(&relay, &p, DHCP_DISCOVER);
    memcpy(p.bytes + 24, &giaddr, 4);
    (void)packet_put(&p, OPTION_RELAY, agent, sizeof(agent));
    station_send(&relay, &p, WORLD_SERVER, 67);
    assert_int_equal(relay.type, DHCP_OFFER);
    assert_string_equal(station_address(&relay), "10.9.0.10");
    assert_int_equal(relay.reply.giaddr.s_addr, giaddr.s_addr);
    /* RFC 3046: unchanged, and the last one. */
    assert_memory_equal(relay.reply.options + relay.reply.options_length - 8,
                        "\x52\x06\x01\x04"
                        "eth0",
                        8);
    /* A network that is not configured gets no answer. */
    giaddr = address_of("172.16.0.1");
    unsigned replies = relay.replies;
    station_packet(&relay, &p, DHCP_DISCOVER);
    memcpy(p.bytes + 24, &giaddr, 4);
    station_send(&relay, &p, WORLD_SERVER, 67);
    assert_int_equal(relay.replies, replies);
    world_end(&w);
}

static void nonsense_is_counted_and_ignored(void **state)
{
    struct world w;
    struct station s;
    uint8_t bytes[1600];
    (void)state;
    world_start(&w, 19, 2);
    station_open(&s, &w, 7, "0.0.0.0", 68);
    for (size_t length = 0; length < sizeof(bytes); length += 37) {
        w.seam->random(w.seam->context, bytes, sizeof(bytes));
        struct datagram out = {.peer = {address_of("255.255.255.255"), 67, 0},
                               .data = bytes,
                               .length = length};
        assert_int_equal(s.seam->datagram_send(s.seam->context, s.socket, &out),
                         0);
        loop_run_for(w.loop, 5);
    }
    struct dhcp_counters c = world_counters(&w);
    assert_int_equal(c.answered, 0);
    assert_int_equal(c.received, c.malformed + c.silent);
    assert_true(station_dora(&s, false));
    world_end(&w);
}

static void fifty_clients_on_a_bad_network_get_an_address_each(void **state)
{
    struct world w;
    struct station s[50];
    bool have[50] = {false};
    (void)state;
    world_start(&w, 20, 50);
    sim_network(w.sim, 200, 100, 1, 30);
    for (uint8_t i = 0; i < 50; i++)
        station_open(&s[i], &w, (uint8_t)(i + 1), "0.0.0.0", 68);
    for (int round = 0; round < 40; round++)
        for (uint8_t i = 0; i < 50; i++)
            if (!have[i])
                have[i] = station_dora(&s[i], false);
    for (uint8_t i = 0; i < 50; i++) {
        assert_true(have[i]);
        for (uint8_t k = 0; k < i; k++)
            assert_int_not_equal(s[i].reply.yiaddr.s_addr,
                                 s[k].reply.yiaddr.s_addr);
    }
    world_end(&w);
}

/* ---- configuration ------------------------------------------------------ */

static void assert_refused(struct world *w, const char *part)
{
    struct err err = ERR_INIT;
    struct dhcp *d = NULL;
    assert_int_equal(dhcp_new(w->loop, &w->config, &w->policy, &d, &err),
                     ERR_INVALID);
    assert_non_null(strstr(err.text, part));
}

static void bad_pools_are_refused_with_a_sentence(void **state)
{
    struct world w;
    (void)state;
    world_start(&w, 26, 2);
    struct dhcp_range good = w.ranges[0];
    w.ranges[0].first = address_of("10.0.0.1");
    assert_refused(&w, "contains 10.0.0.1");
    w.ranges[0].first = address_of("10.0.1.1");
    w.ranges[0].last = address_of("10.0.1.9");
    assert_refused(&w, "not in the network");
    w.ranges[0].first = good.last;
    w.ranges[0].last = good.first;
    assert_refused(&w, "ends before it begins");
    w.ranges[0] = good;
    w.config.lease_s = 5;
    assert_refused(&w, "too short");
    world_end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ack_holds_what_a_client_needs),
        cmocka_unit_test(
            machine_keeps_its_address_under_other_client_identifiers),
        cmocka_unit_test(renewal_is_sent_to_the_address_itself),
        cmocka_unit_test(init_reboot_follows_the_rfc),
        cmocka_unit_test(choice_of_another_server_frees_the_offer),
        cmocka_unit_test(exhausted_pool_is_silent_until_leases_end),
        cmocka_unit_test(declined_address_is_not_used_for_a_while),
        cmocka_unit_test(released_address_is_free_at_once),
        cmocka_unit_test(release_right_behind_its_request_waits_for_the_lease),
        cmocka_unit_test(reservation_is_given_and_kept_from_others),
        cmocka_unit_test(reply_through_a_relay_goes_to_its_port_67),
        cmocka_unit_test(nonsense_is_counted_and_ignored),
        cmocka_unit_test(fifty_clients_on_a_bad_network_get_an_address_each),
        cmocka_unit_test(bad_pools_are_refused_with_a_sentence),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
