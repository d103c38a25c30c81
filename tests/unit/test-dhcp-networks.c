/* SPDX-License-Identifier: Apache-2.0 */
/* Several interfaces and networks: whose address a machine gets, and which of
 * ours it is told. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>

#include "core/boot/pxe.h"
#include "tests/unit/dhcp-world.h"

static struct in_addr server_of(const struct station *s)
{
    struct in_addr server = {0};
    assert_true(packet_option_address(&s->reply, OPTION_SERVER_ID, &server));
    return server;
}

static void two_interfaces_start(struct world *w, uint64_t seed)
{
    world_prepare(w, seed, 4);
    w->config.interface_count = 2;
    world_serve(w);
}

static void each_interface_has_its_network_and_our_address(void **state)
{
    struct world w;
    struct station one;
    struct station two;
    (void)state;
    two_interfaces_start(&w, 41);
    station_open(&one, &w, 1, "0.0.0.0", 68);
    station_open(&two, &w, 2, "0.0.0.0", 68);
    sim_set_wire(two.seam, 2);
    assert_true(station_dora(&one, true));
    assert_string_equal(station_address(&one), "10.0.0.100");
    assert_int_equal(server_of(&one).s_addr, address_of("10.0.0.1").s_addr);
    assert_true(station_dora(&two, true));
    assert_string_equal(station_address(&two), "10.9.0.10");
    assert_int_equal(server_of(&two).s_addr, address_of("10.9.0.1").s_addr);
    assert_int_equal(two.reply.siaddr.s_addr, address_of("10.9.0.1").s_addr);
    /* What is broadcast on one wire is not on the other. */
    assert_int_equal(one.replies, 2);
    assert_int_equal(two.replies, 2);
    world_end(&w);
}

static void an_interface_that_is_not_served_is_silent(void **state)
{
    struct world w;
    struct station s;
    (void)state;
    two_interfaces_start(&w, 42);
    station_open(&s, &w, 1, "0.0.0.0", 68);
    sim_set_wire(s.seam, 3);
    assert_false(station_dora(&s, true));
    assert_int_equal(s.replies, 0);
    assert_int_equal(world_counters(&w).silent, 1);
    world_end(&w);
}

static void an_engine_is_told_the_address_on_its_wire(void **state)
{
    struct world w;
    struct station s;
    struct packet_writer p;
    struct rendezvous r;
    size_t length;
    (void)state;
    two_interfaces_start(&w, 43);
    station_open(&s, &w, 1, "10.9.0.60", 68);
    sim_set_wire(s.seam, 2);
    station_packet(&s, &p, DHCP_INFORM);
    packet_set_ciaddr(&p, address_of("10.9.0.60"));
    (void)packet_put_text(&p, OPTION_CLASS_ID, CLIENT_ENGINE_CLASS);
    station_send(&s, &p, "255.255.255.255", 67);
    const uint8_t *vendor = packet_option(&s.reply, OPTION_VENDOR, &length);
    assert_non_null(vendor);
    assert_int_equal(rendezvous_parse(vendor, length, &r, NULL), 0);
    assert_string_equal(r.servers, "10.9.0.1:7443");
    world_end(&w);
}

/* ---- relays ------------------------------------------------------------- */

struct relayed {
    const char *giaddr;
    const char *link;      /* suboption 5 */
    const char *selection; /* option 118 */
    const char *override_id; /* suboption 11 */
};

static void put_suboption(uint8_t *agent, size_t *length, uint8_t tag,
                          const char *address)
{
    struct in_addr value;
    if (!address)
        return;
    value = address_of(address);
    agent[(*length)++] = tag;
    agent[(*length)++] = sizeof(value);
    memcpy(agent + *length, &value, sizeof(value));
    *length += sizeof(value);
}

static void put_relayed(struct packet_writer *p, const struct relayed *r)
{
    uint8_t agent[32] = {1, 1, 'a'};
    size_t length = 3;
    struct in_addr giaddr = address_of(r->giaddr);
    memcpy(p->bytes + 24, &giaddr, sizeof(giaddr));
    if (r->selection)
        (void)packet_put_address(p, OPTION_SUBNET_SELECTION,
                                 address_of(r->selection));
    put_suboption(agent, &length, 5, r->link);
    put_suboption(agent, &length, 11, r->override_id);
    (void)packet_put(p, OPTION_RELAY, agent, length);
}

/* The address that is offered, "" = none. */
static const char *offered(struct station *relay, const struct relayed *r)
{
    struct packet_writer p;
    relay->type = DHCP_NONE;
    relay->xid++;
    station_packet(relay, &p, DHCP_DISCOVER);
    put_relayed(&p, r);
    station_send(relay, &p, WORLD_SERVER, 67);
    return relay->type == DHCP_OFFER ? station_address(relay) : "";
}

static void the_subnet_is_what_link_selection_and_118_say(void **state)
{
    struct world w;
    struct station relay;
    size_t length;
    (void)state;
    world_start(&w, 44, 4);
    station_open(&relay, &w, 7, "10.9.0.2", 67);
    assert_string_equal(
        offered(&relay, &(struct relayed){.giaddr = "10.9.0.2"}), "10.9.0.10");
    assert_string_equal(offered(&relay, &(struct relayed){.giaddr = "10.9.0.2",
                                                          .link = "10.0.0.0"}),
                        "10.0.0.100");
    assert_string_equal(
        offered(&relay, &(struct relayed){.giaddr = "10.9.0.2",
                                          .selection = "10.0.0.0"}),
        "10.0.0.100");
    /* A client discards a reply without its option 118 (RFC 3011). */
    const uint8_t *value =
        packet_option(&relay.reply, OPTION_SUBNET_SELECTION, &length);
    assert_non_null(value);
    assert_int_equal(length, 4);
    assert_int_equal(relay.reply.option_at[OPTION_RELAY] >
                         relay.reply.option_at[OPTION_SUBNET_SELECTION],
                     1);
    /* The relay knows better (RFC 3527 section 3). */
    assert_string_equal(
        offered(&relay, &(struct relayed){.giaddr = "10.9.0.2",
                                          .link = "10.9.0.0",
                                          .selection = "10.0.0.0"}),
        "10.9.0.10");
    assert_string_equal(
        offered(&relay, &(struct relayed){.giaddr = "10.9.0.2",
                                          .selection = "172.16.0.0"}),
        "");
    world_end(&w);
}

static void a_relay_may_stand_in_for_the_server(void **state)
{
    struct world w;
    struct station relay;
    struct packet_writer p;
    const struct relayed r = {.giaddr = "10.9.0.2",
                              .override_id = "10.9.0.2"};
    (void)state;
    world_start(&w, 45, 4);
    station_open(&relay, &w, 7, "10.9.0.2", 67);
    assert_string_equal(offered(&relay, &r), "10.9.0.10");
    assert_int_equal(server_of(&relay).s_addr, address_of("10.9.0.2").s_addr);
    /* The client names the relay then, and means us. */
    station_packet(&relay, &p, DHCP_REQUEST);
    (void)packet_put_address(&p, OPTION_REQUESTED_ADDRESS,
                             address_of("10.9.0.10"));
    (void)packet_put_address(&p, OPTION_SERVER_ID, address_of("10.9.0.2"));
    put_relayed(&p, &r);
    station_send(&relay, &p, WORLD_SERVER, 67);
    assert_int_equal(relay.type, DHCP_ACK);
    world_end(&w);
}

static void odd_relay_options_are_no_networks(void **state)
{
    struct world w;
    struct station relay;
    struct packet_writer p;
    static const uint8_t agents[][6] = {
        {5, 3, 10, 0, 0}, {5, 9, 10, 0, 0, 0}, {11, 0}, {5}};
    struct in_addr giaddr = address_of("10.9.0.2");
    (void)state;
    world_start(&w, 46, 10);
    station_open(&relay, &w, 7, "10.9.0.2", 67);
    for (size_t i = 0; i < ARRAY_LENGTH(agents); i++) {
        relay.type = DHCP_NONE;
        station_packet(&relay, &p, DHCP_DISCOVER);
        memcpy(p.bytes + 24, &giaddr, sizeof(giaddr));
        (void)packet_put(&p, OPTION_SUBNET_SELECTION, "\x0a", 1);
        (void)packet_put(&p, OPTION_RELAY, agents[i], sizeof(agents[i]));
        station_send(&relay, &p, WORLD_SERVER, 67);
        assert_int_equal(relay.type, DHCP_OFFER);
        assert_string_equal(station_address(&relay), "10.9.0.10");
    }
    world_end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_interface_has_its_network_and_our_address),
        cmocka_unit_test(an_interface_that_is_not_served_is_silent),
        cmocka_unit_test(an_engine_is_told_the_address_on_its_wire),
        cmocka_unit_test(the_subnet_is_what_link_selection_and_118_say),
        cmocka_unit_test(a_relay_may_stand_in_for_the_server),
        cmocka_unit_test(odd_relay_options_are_no_networks),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
