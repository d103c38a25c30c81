/* SPDX-License-Identifier: Apache-2.0 */
/* The engine's DHCP client against a small server in a simulated network. */
#include "core/engine/net/net-dhcp.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "core/boot/packet.h"
#include "core/util/sim.h"

#define LEASE_S 600

struct world {
    struct sim *sim;
    struct loop *loop;
    const struct seam *server;
    struct datagram_socket *socket;
    struct dhcp_client *client;
    /* how the server behaves */
    bool silent;
    bool refuses; /* NAK to requests */
    bool proxy;   /* an offer without an address comes first */
    /* what was seen */
    unsigned discovers, requests;
    struct in_addr renewing; /* ciaddr of the last request */
    struct dhcp_lease lease;
    unsigned leased, lost;
};

static struct in_addr address(const char *text)
{
    struct in_addr a;
    assert_int_equal(inet_pton(AF_INET, text, &a), 1);
    return a;
}

static void reply(struct world *w, const struct packet *request,
                  enum dhcp_type type, const char *yiaddr)
{
    struct packet_writer writer;
    packet_reply_init(&writer, request, type);
    packet_set_yiaddr(&writer, address(yiaddr));
    (void)packet_put_address(&writer, OPTION_SERVER_ID, address("10.0.0.1"));
    if (type != DHCP_NAK) {
        (void)packet_put_address(&writer, OPTION_NETMASK,
                                 address("255.255.255.0"));
        (void)packet_put_address(&writer, OPTION_ROUTER, address("10.0.0.254"));
        (void)packet_put_u32(&writer, OPTION_LEASE_TIME, LEASE_S);
    }
    struct datagram datagram = {.data = writer.bytes};
    datagram.length = packet_finish(&writer);
    datagram.peer.address.s_addr = INADDR_BROADCAST;
    datagram.peer.port = PACKET_CLIENT_PORT;
    (void)w->server->datagram_send(w->server->context, w->socket, &datagram);
}

static void serve(void *arg, const struct datagram *datagram)
{
    struct world *w = arg;
    struct packet request;
    assert_int_equal(
        packet_parse(datagram->data, datagram->length, &request, NULL), 0);
    assert_true(packet_class_begins(&request, "SlipwayEngine:1"));
    assert_int_equal(request.flags, PACKET_FLAG_BROADCAST);
    bool discover = packet_type(&request) == DHCP_DISCOVER;
    w->discovers += discover;
    w->requests += !discover;
    w->renewing = request.ciaddr;
    if (w->silent)
        return;
    if (discover && w->proxy)
        reply(w, &request, DHCP_OFFER, "0.0.0.0");
    if (discover)
        reply(w, &request, DHCP_OFFER, "10.0.0.77");
    else if (w->refuses)
        reply(w, &request, DHCP_NAK, "0.0.0.0");
    else
        reply(w, &request, DHCP_ACK, "10.0.0.77");
}

static void changed(void *arg, const struct dhcp_lease *lease)
{
    struct world *w = arg;
    if (lease) {
        w->lease = *lease;
        w->leased++;
    } else {
        w->lost++;
    }
}

static int set_up(void **state)
{
    struct world *w = calloc(1, sizeof(*w));
    const struct datagram_spec spec = {
        .local = {.port = PACKET_SERVER_PORT}, .broadcast = true, .fd = -1};
    const struct dhcp_client_spec client = {.interface_index = 1,
                                            .mac = {0x52, 0x54, 0, 1, 2, 3}};
    assert_non_null(w);
    w->sim = sim_new(7);
    w->server = sim_host(w->sim, "10.0.0.1");
    w->loop = loop_new(sim_host(w->sim, "0.0.0.0"), NULL);
    assert_non_null(w->loop);
    assert_int_equal(w->server->datagram_open(w->server->context, w->loop,
                                              &spec, serve, w, &w->socket,
                                              NULL),
                     0);
    assert_int_equal(
        dhcp_client_new(w->loop, &client, changed, w, &w->client, NULL), 0);
    *state = w;
    return 0;
}

static int tear_down(void **state)
{
    struct world *w = *state;
    dhcp_client_free(w->client);
    w->server->datagram_close(w->server->context, w->socket);
    loop_free(w->loop);
    sim_free(w->sim);
    free(w);
    return 0;
}

static void gets_an_address(void **state)
{
    struct world *w = *state;
    loop_run_for(w->loop, 3000);
    assert_int_equal(w->leased, 1);
    assert_int_equal(w->lease.address.s_addr, address("10.0.0.77").s_addr);
    assert_int_equal(w->lease.router.s_addr, address("10.0.0.254").s_addr);
    assert_int_equal(w->lease.server.s_addr, address("10.0.0.1").s_addr);
    assert_int_equal(w->lease.prefix_length, 24);
    assert_int_equal(w->lease.lease_s, LEASE_S);
}

static void an_offer_without_an_address_is_passed_over(void **state)
{
    struct world *w = *state;
    w->proxy = true;
    loop_run_for(w->loop, 3000);
    assert_int_equal(w->leased, 1);
    assert_int_equal(w->lease.address.s_addr, address("10.0.0.77").s_addr);
}

static void lost_packets_are_repeated(void **state)
{
    struct world *w = *state;
    sim_network(w->sim, 600, 0, 1, 40);
    loop_run_for(w->loop, 300000);
    assert_true(w->leased >= 1);
}

static void a_silent_server_is_asked_again_and_again(void **state)
{
    struct world *w = *state;
    w->silent = true;
    loop_run_for(w->loop, 120000);
    assert_int_equal(w->leased, 0);
    assert_in_range(w->discovers, 6, 14);
    w->silent = false;
    loop_run_for(w->loop, 20000);
    assert_int_equal(w->leased, 1);
}

static void a_refusal_begins_anew(void **state)
{
    struct world *w = *state;
    w->refuses = true;
    loop_run_for(w->loop, 500);
    assert_int_equal(w->leased, 0);
    assert_true(w->requests >= 1);
    w->refuses = false;
    loop_run_for(w->loop, 5000);
    assert_int_equal(w->leased, 1);
    assert_int_equal(w->lost, 0);
}

static void a_lease_is_renewed_at_half_its_time(void **state)
{
    struct world *w = *state;
    loop_run_for(w->loop, 3000);
    unsigned requests = w->requests;
    loop_run_for(w->loop, LEASE_S * 500);
    assert_int_equal(w->requests, requests + 1);
    assert_int_equal(w->renewing.s_addr, address("10.0.0.77").s_addr);
    assert_int_equal(w->lost, 0);
    loop_run_for(w->loop, UINT64_C(10) * LEASE_S * 1000);
    assert_int_equal(w->lost, 0);
}

static void a_lease_that_is_not_renewed_is_given_up(void **state)
{
    struct world *w = *state;
    loop_run_for(w->loop, 3000);
    w->silent = true;
    loop_run_for(w->loop, LEASE_S * 1000 + 70000);
    assert_int_equal(w->lost, 1);
    w->silent = false;
    loop_run_for(w->loop, 20000);
    assert_int_equal(w->leased, 2);
}

static void a_refused_renewal_takes_the_address_away(void **state)
{
    struct world *w = *state;
    loop_run_for(w->loop, 3000);
    w->refuses = true;
    loop_run_for(w->loop, LEASE_S * 500);
    assert_int_equal(w->lost, 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(gets_an_address),
        TEST(an_offer_without_an_address_is_passed_over),
        TEST(lost_packets_are_repeated),
        TEST(a_silent_server_is_asked_again_and_again),
        TEST(a_refusal_begins_anew),
        TEST(a_lease_is_renewed_at_half_its_time),
        TEST(a_lease_that_is_not_renewed_is_given_up),
        TEST(a_refused_renewal_takes_the_address_away),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
