/* SPDX-License-Identifier: Apache-2.0 */
/* The DHCP server against simulated clients: leases, replies, the log. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "core/boot/pxe.h"
#include "core/util/buf.h"
#include "core/util/log.h"
#include "tests/unit/dhcp-world.h"

#define TICKET "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQ"

static struct dhcp_counters counters(const struct world *w)
{
    struct dhcp_counters c;
    dhcp_counters(w->dhcp, &c);
    return c;
}

static void read_log(const struct world *w, struct buf *buf)
{
    int handle;
    assert_int_equal(
        w->seam->log_open(w->seam->context, WORLD_LOG, &handle, NULL), 0);
    assert_int_equal(w->seam->log_read(w->seam->context, handle, buf, NULL),
                     0);
}

static void write_log(const struct world *w, const void *data, size_t length)
{
    int handle;
    assert_int_equal(
        w->seam->log_open(w->seam->context, WORLD_LOG, &handle, NULL), 0);
    assert_int_equal(w->seam->log_rewrite(w->seam->context, handle, data,
                                          length, NULL),
                     0);
}

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
    assert_true(
        packet_option_u32(&s.reply, OPTION_LEASE_TIME, &lease_s));
    assert_int_equal(lease_s, 600);
    assert_int_equal(s.from.port, 67);
    assert_true(s.length >= PACKET_MIN_BYTES);
    /* No boot part for somebody who is not booting firmware. */
    assert_int_equal(s.reply.siaddr.s_addr, 0);
    assert_int_equal(s.reply.option_at[OPTION_BOOT_FILE], 0);
    assert_int_equal(counters(&w).acks, 1);
    assert_int_equal(counters(&w).pool_size, 21); /* 10 and 11 */
    assert_int_equal(counters(&w).pool_free, 20);
    world_end(&w);
}

static void machine_keeps_its_address_under_other_client_identifiers(
    void **state)
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
    assert_int_equal(counters(&w).exhausted, 1);
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
    assert_int_equal(counters(&w).log_failed, 1);
    assert_string_equal(w.last_event, "lease-log-failed");
    assert_true(station_dora(&s, false));
    assert_string_equal(station_address(&s), "10.0.0.100");
    assert_int_equal(world_restart(&w, &err), 0);
    assert_int_equal(counters(&w).pool_free, 20); /* 10 and 11, less one */
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
    uint64_t before = counters(&w).log_syncs;
    for (uint8_t i = 0; i < 8; i++) {
        station_packet(&s[i], &p, DHCP_REQUEST);
        (void)packet_put_address(&p, OPTION_REQUESTED_ADDRESS,
                                 s[i].reply.yiaddr);
        (void)packet_put_address(&p, OPTION_SERVER_ID,
                                 address_of(WORLD_SERVER));
        struct datagram out = {.peer = {address_of("255.255.255.255"), 67, 0},
                               .data = p.bytes,
                               .length = packet_finish(&p)};
        assert_int_equal(s[i].seam->datagram_send(s[i].seam->context,
                                                  s[i].socket, &out),
                         0);
    }
    loop_run_for(w.loop, 50);
    for (uint8_t i = 0; i < 8; i++)
        assert_int_equal(s[i].type, DHCP_ACK);
    assert_in_range(counters(&w).log_syncs - before, 1, 2);
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
        assert_int_equal(
            s.seam->datagram_send(s.seam->context, s.socket, &out), 0);
        loop_run_for(w.loop, 5);
    }
    struct dhcp_counters c = counters(&w);
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

/* ---- booting ------------------------------------------------------------ */

static void uefi_firmware_gets_its_boot_file_at_once(void **state)
{
    struct world w;
    struct station s;
    size_t length;
    (void)state;
    world_start(&w, 21, 2);
    station_open(&s, &w, 7, "0.0.0.0", 68);
    assert_true(station_dora(&s, true));
    assert_string_equal(s.reply.file, "local-x64.efi");
    const uint8_t *value =
        packet_option(&s.reply, OPTION_BOOT_FILE, &length);
    assert_int_equal(length, sizeof("local-x64.efi"));
    assert_memory_equal(value, "local-x64.efi", length);
    assert_int_equal(s.reply.siaddr.s_addr,
                     address_of(WORLD_SERVER).s_addr);
    value = packet_option(&s.reply, OPTION_VENDOR, &length);
    assert_int_equal(length, 4);
    assert_memory_equal(value, "\x06\x01\x08\xff", 4);
    value = packet_option(&s.reply, OPTION_CLASS_ID, &length);
    assert_int_equal(length, 9);
    assert_memory_equal(value, "PXEClient", 9);
    assert_non_null(packet_option(&s.reply, OPTION_MACHINE_ID, &length));
    assert_int_equal(length, 17);
    w.decision.intent = SLIPWAY_INTENT_ENGINE;
    assert_true(station_dora(&s, true));
    assert_string_equal(s.reply.file, "engine-x86_64.efi");
    world_end(&w);
}

static void port_4011_answers_where_the_request_came_from(void **state)
{
    struct world w;
    struct station s;
    struct packet_writer p;
    static const uint8_t item[] = {71, 4, 0x80, 1, 0, 0, 255};
    static const uint8_t signed_item[] = {71, 4, 0x80, 1, 0x80, 0, 255};
    size_t length;
    (void)state;
    world_start(&w, 23, 2);
    station_open(&s, &w, 7, "10.0.0.50", 4011);
    station_packet(&s, &p, DHCP_REQUEST);
    packet_set_ciaddr(&p, address_of("10.0.0.50"));
    put_uefi(&p);
    (void)packet_put(&p, OPTION_VENDOR, item, sizeof(item));
    station_send(&s, &p, WORLD_SERVER, 4011);
    assert_int_equal(s.type, DHCP_ACK);
    assert_int_equal(s.from.port, 4011);
    assert_string_equal(station_address(&s), "10.0.0.50");
    assert_string_equal(s.reply.file, "local-x64.efi");
    const uint8_t *value = packet_option(&s.reply, OPTION_VENDOR, &length);
    assert_int_equal(length, sizeof(item));
    assert_memory_equal(value, item, sizeof(item));
    /* No lease comes of it. */
    assert_int_equal(s.reply.option_at[OPTION_LEASE_TIME], 0);
    station_packet(&s, &p, DHCP_REQUEST);
    put_uefi(&p);
    (void)packet_put(&p, OPTION_VENDOR, signed_item, sizeof(signed_item));
    station_send(&s, &p, WORLD_SERVER, 4011);
    assert_int_equal(s.replies, 1);
    world_end(&w);
}

/* ---- rendezvous --------------------------------------------------------- */

static void ask_for_server(struct station *s)
{
    struct packet_writer p;
    station_packet(s, &p, DHCP_INFORM);
    packet_set_ciaddr(&p, address_of("10.0.0.60"));
    (void)packet_put_text(&p, OPTION_CLASS_ID, CLIENT_ENGINE_CLASS);
    station_send(s, &p, "255.255.255.255", 67);
}

static void engine_gets_servers_and_its_ticket(void **state)
{
    struct world w;
    struct station s;
    struct rendezvous r;
    size_t length;
    (void)state;
    world_start(&w, 24, 2);
    w.ticket = TICKET;
    station_open(&s, &w, 7, "10.0.0.60", 68);
    ask_for_server(&s);
    assert_int_equal(s.type, DHCP_ACK);
    assert_string_equal(w.rendezvous_address, "10.0.0.60");
    assert_int_equal(s.reply.yiaddr.s_addr, 0);
    const uint8_t *vendor = packet_option(&s.reply, OPTION_VENDOR, &length);
    assert_non_null(vendor);
    assert_int_equal(rendezvous_parse(vendor, length, &r, NULL), 0);
    assert_string_equal(r.servers, "10.0.0.1:7443");
    assert_string_equal(r.ticket, TICKET);
    w.ticket = NULL;
    ask_for_server(&s);
    vendor = packet_option(&s.reply, OPTION_VENDOR, &length);
    assert_int_equal(rendezvous_parse(vendor, length, &r, NULL), 0);
    assert_string_equal(r.ticket, "");
    world_end(&w);
}

static void ticket_may_come_later_or_after_the_end(void **state)
{
    struct world w;
    struct station s;
    (void)state;
    world_start(&w, 25, 2);
    w.defer_ticket = true;
    station_open(&s, &w, 7, "10.0.0.60", 68);
    ask_for_server(&s);
    assert_int_equal(s.replies, 0);
    w.ticket_done(w.ticket_arg, TICKET);
    loop_run_for(w.loop, 50);
    assert_int_equal(s.replies, 1);
    ask_for_server(&s);
    dhcp_free(w.dhcp);
    w.dhcp = NULL;
    w.ticket_done(w.ticket_arg, TICKET);
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

static void ignore_line(void *arg, enum log_level level, const char *line)
{
    (void)arg;
    (void)level;
    (void)line;
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
        cmocka_unit_test(reservation_is_given_and_kept_from_others),
        cmocka_unit_test(no_ack_is_sent_before_its_record_is_on_the_disk),
        cmocka_unit_test(full_disk_means_no_ack_and_the_client_succeeds_later),
        cmocka_unit_test(requests_of_one_moment_share_a_sync),
        cmocka_unit_test(restart_remembers_every_lease),
        cmocka_unit_test(flipped_bit_keeps_the_address_from_use),
        cmocka_unit_test(every_flipped_bit_is_noticed),
        cmocka_unit_test(cut_off_record_is_dropped_and_the_rest_kept),
        cmocka_unit_test(log_is_tidied_when_it_has_grown),
        cmocka_unit_test(reply_through_a_relay_goes_to_its_port_67),
        cmocka_unit_test(nonsense_is_counted_and_ignored),
        cmocka_unit_test(fifty_clients_on_a_bad_network_get_an_address_each),
        cmocka_unit_test(uefi_firmware_gets_its_boot_file_at_once),
        cmocka_unit_test(port_4011_answers_where_the_request_came_from),
        cmocka_unit_test(engine_gets_servers_and_its_ticket),
        cmocka_unit_test(ticket_may_come_later_or_after_the_end),
        cmocka_unit_test(bad_pools_are_refused_with_a_sentence),
    };
    log_set_sink(ignore_line, NULL);
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
