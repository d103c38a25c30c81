/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses are probed before they are offered, under virtual time. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "core/boot/address-probe.h"
#include "tests/unit/dhcp-world.h"

/* What the server promises, and a millisecond on the wire each way. */
#define PATIENCE_MS (500 + 2)

/* A machine that has an address which it did not get from us. */
struct squatter {
    struct world *world;
    const struct seam *seam;
    struct datagram_socket *arp;
    struct datagram_socket *icmp;
    struct in_addr address;
    uint8_t mac[6];
    uint64_t delay_ms; /* before it answers */
    unsigned deaf;     /* questions that it still misses */
    bool everything;   /* answers for every address: proxy ARP */
    struct in_addr asked;
    uint8_t echo[ECHO_PROBE_BYTES];
    unsigned asked_count;
};

static void answer_arp(void *arg)
{
    struct squatter *s = arg;
    uint8_t bytes[ARP_PROBE_BYTES];
    struct in_addr nobody = {0};
    arp_probe_format(bytes, s->mac, nobody);
    bytes[7] = 2; /* a reply, with the address asked for as the sender's */
    memcpy(bytes + 14, &s->asked, sizeof(s->asked));
    const struct datagram out = {
        .peer = {{INADDR_BROADCAST}, ENDPOINT_ARP, 0},
        .data = bytes,
        .length = sizeof(bytes),
    };
    assert_int_equal(s->seam->datagram_send(s->seam->context, s->arp, &out), 0);
}

static void on_arp(void *arg, const struct datagram *datagram)
{
    struct squatter *s = arg;
    struct in_addr target;
    assert_int_equal(datagram->length, ARP_PROBE_BYTES);
    if (datagram->data[7] != 1)
        return;
    memcpy(&target, datagram->data + 24, sizeof(target));
    if (!s->everything && target.s_addr != s->address.s_addr)
        return;
    s->asked_count++;
    s->asked = target;
    if (s->deaf) {
        s->deaf--;
        return;
    }
    assert_non_null(
        loop_timer(s->world->loop, s->delay_ms, answer_arp, s));
}

static void on_icmp(void *arg, const struct datagram *datagram)
{
    struct squatter *s = arg;
    uint8_t reply[20 + ECHO_PROBE_BYTES] = {0x45};
    assert_int_equal(datagram->length, ECHO_PROBE_BYTES);
    assert_int_equal(internet_checksum(datagram->data, datagram->length), 0);
    s->asked_count++;
    reply[9] = 1;
    memcpy(reply + 12, &s->address, sizeof(s->address));
    memcpy(reply + 20, datagram->data, ECHO_PROBE_BYTES);
    reply[20] = 0; /* echo reply */
    /* A simulated host has one address only. */
    const struct datagram out = {
        .peer = {address_of(WORLD_SERVER), ENDPOINT_ICMP, 0},
        .data = reply,
        .length = sizeof(reply),
    };
    assert_int_equal(s->seam->datagram_send(s->seam->context, s->icmp, &out),
                     0);
}

static void squatter_open(struct squatter *s, struct world *w,
                          const char *address)
{
    struct datagram_spec arp = {.local.port = ENDPOINT_ARP, .fd = -1};
    struct datagram_spec icmp = {.local.port = ENDPOINT_ICMP, .fd = -1};
    memset(s, 0, sizeof(*s));
    s->world = w;
    s->seam = sim_host(w->sim, address);
    s->address = address_of(address);
    memcpy(s->mac, "\x02\xbe\xef\x00\x00\x01", 6);
    assert_int_equal(s->seam->datagram_open(s->seam->context, w->loop, &arp,
                                            on_arp, s, &s->arp, NULL), 0);
    assert_int_equal(s->seam->datagram_open(s->seam->context, w->loop, &icmp,
                                            on_icmp, s, &s->icmp, NULL), 0);
}

static void probing_world(struct world *w, uint64_t seed, unsigned pool)
{
    struct err err = ERR_INIT;
    world_start(w, seed, pool);
    world_probe(w);
    assert_int_equal(world_restart(w, &err), 0);
}

/* DISCOVER; how long the answer took, or UINT64_MAX without one. */
static uint64_t discover(struct station *s, uint64_t wait_ms)
{
    struct packet_writer p;
    uint64_t begun = loop_now_ms(s->world->loop);
    unsigned replies = s->replies;
    s->xid += 0x10000;
    station_packet(s, &p, DHCP_DISCOVER);
    const struct datagram out = {
        .peer = {{INADDR_BROADCAST}, PACKET_SERVER_PORT, 0},
        .data = p.bytes,
        .length = packet_finish(&p),
    };
    assert_int_equal(s->seam->datagram_send(s->seam->context, s->socket, &out),
                     0);
    while (loop_now_ms(s->world->loop) < begun + wait_ms) {
        loop_run_for(s->world->loop, 1);
        if (s->replies > replies)
            return loop_now_ms(s->world->loop) - begun;
    }
    return UINT64_MAX;
}

static bool request(struct station *s)
{
    struct packet_writer p;
    station_packet(s, &p, DHCP_REQUEST);
    (void)packet_put_address(&p, OPTION_REQUESTED_ADDRESS, s->reply.yiaddr);
    (void)packet_put_address(&p, OPTION_SERVER_ID, address_of(WORLD_SERVER));
    station_send(s, &p, "255.255.255.255", PACKET_SERVER_PORT);
    return s->type == DHCP_ACK;
}

static const char *event_text(const struct world *w, const char *key)
{
    const char *text = json_string_value(json_object_get(w->last_json, key));
    assert_non_null(text);
    return text;
}

static void free_address_is_offered_within_the_patience(void **state)
{
    struct world w;
    struct station s;
    (void)state;
    probing_world(&w, 1, 4);
    station_open(&s, &w, 7, "0.0.0.0", 68);
    uint64_t took = discover(&s, 1000);
    assert_in_range(took, 300, PATIENCE_MS); /* it was really waited for */
    assert_true(request(&s));
    /* Its own address needs no probe. */
    assert_in_range(discover(&s, 1000), 1, 10);
    world_end(&w);
}

static void addresses_probed_ahead_are_offered_at_once(void **state)
{
    struct world w;
    struct station s[3];
    (void)state;
    probing_world(&w, 2, 20);
    loop_run_for(w.loop, 5000);
    assert_int_equal(world_counters(&w).probes, 8);
    for (uint8_t i = 0; i < 3; i++) {
        station_open(&s[i], &w, (uint8_t)(i + 1), "0.0.0.0", 68);
        assert_in_range(discover(&s[i], 1000), 1, 10);
        assert_true(request(&s[i]));
    }
    /* What was taken is replaced, nothing more. */
    loop_run_for(w.loop, 5000);
    assert_int_equal(world_counters(&w).probes, 11);
    world_end(&w);
}

static void used_address_is_not_offered(void **state)
{
    struct world w;
    struct station s;
    struct squatter other;
    (void)state;
    probing_world(&w, 3, 2);
    squatter_open(&other, &w, "10.0.0.100");
    station_open(&s, &w, 7, "0.0.0.0", 68);
    uint64_t took = discover(&s, 1000);
    assert_in_range(took, 1, PATIENCE_MS);
    assert_string_equal(station_address(&s), "10.0.0.101");
    assert_string_equal(w.last_event, "address-conflict");
    assert_string_equal(event_text(&w, "address"), "10.0.0.100");
    assert_string_equal(event_text(&w, "holder_mac"), "02:be:ef:00:00:01");
    assert_string_equal(event_text(&w, "mac"), "52:54:00:00:00:07");
    assert_string_equal(event_text(&w, "how"), "arp");
    assert_true(request(&s));
    world_end(&w);
}

static void used_address_behind_a_relay_is_found_by_echo(void **state)
{
    struct world w;
    struct station relay;
    struct squatter other;
    struct packet_writer p;
    (void)state;
    probing_world(&w, 4, 2);
    squatter_open(&other, &w, "10.9.0.10");
    station_open(&relay, &w, 7, "10.9.0.2", 67);
    station_packet(&relay, &p, DHCP_DISCOVER);
    uint32_t giaddr = address_of("10.9.0.2").s_addr;
    memcpy(p.bytes + 24, &giaddr, sizeof(giaddr));
    station_send(&relay, &p, WORLD_SERVER, 67);
    loop_run_for(w.loop, 1000);
    assert_int_equal(relay.type, DHCP_OFFER);
    assert_string_equal(station_address(&relay), "10.9.0.11");
    assert_string_equal(w.last_event, "address-conflict");
    assert_string_equal(event_text(&w, "how"), "icmp");
    assert_int_equal(other.asked_count, 1);
    world_end(&w);
}

static void conflicts_in_a_row_stay_within_the_patience(void **state)
{
    struct world w;
    struct station s;
    struct squatter others[2];
    (void)state;
    probing_world(&w, 5, 4);
    squatter_open(&others[0], &w, "10.0.0.100");
    squatter_open(&others[1], &w, "10.0.0.101");
    others[0].delay_ms = others[1].delay_ms = 220;
    station_open(&s, &w, 7, "0.0.0.0", 68);
    assert_in_range(discover(&s, 1000), 440, PATIENCE_MS);
    assert_string_equal(station_address(&s), "10.0.0.102");
    assert_int_equal(world_counters(&w).conflicts, 2);
    world_end(&w);
}

static void late_answer_refuses_the_request(void **state)
{
    struct world w;
    struct station s;
    struct squatter other;
    (void)state;
    probing_world(&w, 6, 2);
    squatter_open(&other, &w, "10.0.0.100");
    other.delay_ms = 600;
    station_open(&s, &w, 7, "0.0.0.0", 68);
    assert_in_range(discover(&s, 1000), 1, PATIENCE_MS);
    assert_string_equal(station_address(&s), "10.0.0.100");
    loop_run_for(w.loop, 300);
    assert_string_equal(w.last_event, "address-conflict");
    assert_false(request(&s));
    assert_int_equal(s.type, DHCP_NAK);
    assert_in_range(discover(&s, 1000), 1, PATIENCE_MS);
    assert_string_equal(station_address(&s), "10.0.0.101");
    world_end(&w);
}

static void lost_question_is_asked_again(void **state)
{
    struct world w;
    struct station s;
    struct squatter other;
    (void)state;
    probing_world(&w, 7, 2);
    squatter_open(&other, &w, "10.0.0.100");
    other.deaf = 2;
    station_open(&s, &w, 7, "0.0.0.0", 68);
    assert_in_range(discover(&s, 1000), 1, PATIENCE_MS);
    assert_string_equal(station_address(&s), "10.0.0.101");
    world_end(&w);
}

static void impatient_client_is_answered_once_and_in_time(void **state)
{
    struct world w;
    struct station s;
    (void)state;
    probing_world(&w, 8, 2);
    station_open(&s, &w, 7, "0.0.0.0", 68);
    assert_int_equal(discover(&s, 200), UINT64_MAX);
    /* It has asked 200 ms before: only the rest is left to wait. */
    assert_in_range(discover(&s, 1000), 1, PATIENCE_MS - 200);
    assert_int_equal(s.reply.xid, s.xid);
    loop_run_for(w.loop, 2000);
    assert_int_equal(s.replies, 1);
    world_end(&w);
}

static void own_address_after_a_lost_lease_is_no_conflict(void **state)
{
    struct world w;
    struct station s;
    struct squatter self;
    (void)state;
    probing_world(&w, 9, 1);
    station_open(&s, &w, 7, "0.0.0.0", 68);
    squatter_open(&self, &w, "10.0.0.100");
    memcpy(self.mac, s.mac, sizeof(self.mac));
    assert_in_range(discover(&s, 1000), 1, PATIENCE_MS);
    assert_string_equal(station_address(&s), "10.0.0.100");
    assert_int_equal(world_counters(&w).conflicts, 0);
    assert_true(self.asked_count > 0);
    world_end(&w);
}

static void used_reserved_address_gives_way_to_the_pool(void **state)
{
    struct world w;
    struct station s;
    struct squatter other;
    (void)state;
    probing_world(&w, 10, 2);
    w.reserved = "10.0.0.42";
    w.reserved_mac = "52:54:00:00:00:07";
    squatter_open(&other, &w, "10.0.0.42");
    station_open(&s, &w, 7, "0.0.0.0", 68);
    assert_in_range(discover(&s, 1000), 1, PATIENCE_MS);
    assert_string_equal(station_address(&s), "10.0.0.100");
    assert_string_equal(w.last_event, "address-conflict");
    assert_string_equal(event_text(&w, "address"), "10.0.0.42");
    assert_true(request(&s));
    world_end(&w);
}

static void pool_empty_by_conflicts_says_so(void **state)
{
    struct world w;
    struct station s;
    struct squatter others[2];
    (void)state;
    probing_world(&w, 11, 2);
    squatter_open(&others[0], &w, "10.0.0.100");
    squatter_open(&others[1], &w, "10.0.0.101");
    station_open(&s, &w, 7, "0.0.0.0", 68);
    assert_int_equal(discover(&s, 1000), UINT64_MAX);
    assert_string_equal(w.last_event, "pool-exhausted");
    assert_int_equal(json_integer_value(
                         json_object_get(w.last_json, "conflicts")), 2);
    /* Once the quarantine is over and they are gone, all is well. */
    others[0].address = others[1].address = address_of("10.0.0.200");
    loop_run_for(w.loop, 601 * 1000);
    assert_in_range(discover(&s, 1000), 1, PATIENCE_MS);
    world_end(&w);
}

static void proxy_arp_does_not_empty_the_pool_by_itself(void **state)
{
    struct world w;
    struct station s;
    struct squatter router;
    (void)state;
    probing_world(&w, 12, 100);
    squatter_open(&router, &w, "10.0.0.254");
    router.everything = true;
    loop_run_for(w.loop, 50 * 1000);
    assert_in_range(world_counters(&w).conflicts, 1, 8);
    station_open(&s, &w, 7, "0.0.0.0", 68);
    assert_int_equal(discover(&s, 2000), UINT64_MAX);
    assert_in_range(world_counters(&w).conflicts, 5, 12);
    world_end(&w);
}

static void forty_at_once_are_all_answered_in_time(void **state)
{
    struct world w;
    struct station s[40];
    struct squatter other;
    struct packet_writer p;
    (void)state;
    probing_world(&w, 13, 64);
    squatter_open(&other, &w, "10.0.0.120");
    for (uint8_t i = 0; i < 40; i++) {
        station_open(&s[i], &w, (uint8_t)(i + 1), "0.0.0.0", 68);
        station_packet(&s[i], &p, DHCP_DISCOVER);
        const struct datagram out = {
            .peer = {{INADDR_BROADCAST}, PACKET_SERVER_PORT, 0},
            .data = p.bytes,
            .length = packet_finish(&p),
        };
        assert_int_equal(s[i].seam->datagram_send(s[i].seam->context,
                                                  s[i].socket, &out), 0);
    }
    loop_run_for(w.loop, PATIENCE_MS + 5);
    for (uint8_t i = 0; i < 40; i++) {
        assert_int_equal(s[i].type, DHCP_OFFER);
        assert_string_not_equal(station_address(&s[i]), "10.0.0.120");
        for (uint8_t k = 0; k < i; k++)
            assert_int_not_equal(s[i].reply.yiaddr.s_addr,
                                 s[k].reply.yiaddr.s_addr);
    }
    world_end(&w);
}

static void decline_and_release_for_another_server_change_nothing(void **state)
{
    struct world w;
    struct station s;
    struct packet_writer p;
    static const enum dhcp_type types[] = {DHCP_DECLINE, DHCP_RELEASE};
    (void)state;
    probing_world(&w, 14, 1);
    station_open(&s, &w, 7, "0.0.0.0", 68);
    assert_in_range(discover(&s, 1000), 1, PATIENCE_MS);
    assert_true(request(&s));
    for (size_t i = 0; i < ARRAY_LENGTH(types); i++) {
        station_packet(&s, &p, types[i]);
        packet_set_ciaddr(&p, s.reply.yiaddr);
        (void)packet_put_address(&p, OPTION_REQUESTED_ADDRESS, s.reply.yiaddr);
        (void)packet_put_address(&p, OPTION_SERVER_ID, address_of("10.0.0.9"));
        station_send(&s, &p, "255.255.255.255", 67);
    }
    char mac[MAC_TEXT_BYTES];
    dhcp_client_at(w.dhcp, "10.0.0.100", mac);
    assert_string_equal(mac, "52:54:00:00:00:07");
    assert_int_equal(world_counters(&w).conflicts, 0);
    assert_int_equal(world_counters(&w).pool_free, 11); /* the other's */
    world_end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(free_address_is_offered_within_the_patience),
        cmocka_unit_test(addresses_probed_ahead_are_offered_at_once),
        cmocka_unit_test(used_address_is_not_offered),
        cmocka_unit_test(used_address_behind_a_relay_is_found_by_echo),
        cmocka_unit_test(conflicts_in_a_row_stay_within_the_patience),
        cmocka_unit_test(late_answer_refuses_the_request),
        cmocka_unit_test(lost_question_is_asked_again),
        cmocka_unit_test(impatient_client_is_answered_once_and_in_time),
        cmocka_unit_test(own_address_after_a_lost_lease_is_no_conflict),
        cmocka_unit_test(used_reserved_address_gives_way_to_the_pool),
        cmocka_unit_test(pool_empty_by_conflicts_says_so),
        cmocka_unit_test(proxy_arp_does_not_empty_the_pool_by_itself),
        cmocka_unit_test(forty_at_once_are_all_answered_in_time),
        cmocka_unit_test(
            decline_and_release_for_another_server_change_nothing),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
