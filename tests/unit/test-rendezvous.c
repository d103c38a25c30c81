/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finding a server on a network that loses and repeats, beside DHCP servers
 * that are none of ours.  Virtual time: no second passes.
 */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/boot/packet.h"
#include "core/boot/pxe.h"
#include "core/engine/net/rendezvous.h"
#include "core/util/sim.h"

#define ENGINE "192.0.2.50"
#define SERVER "192.0.2.1"
#define TICKET "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

enum manner {
    HONEST,
    SILENT,
    FOREIGN, /* an ACK without option 43 */
    OTHER_XID,
    OTHER_MAC,
    NO_CLASS,
    BAD_SERVERS,
    GARBAGE,
};

struct world {
    struct sim *sim;
    struct loop *loop;
    const struct seam *server;
    struct datagram_socket *socket;
    enum manner manner;
    const char *servers;
    unsigned asked;
    unsigned wrong; /* questions that were not as they should be */
    bool ended;
    bool found;
    struct rendezvous_result result;
    struct err err;
};

static void check_question(struct world *world, const struct packet *packet)
{
    size_t length = 0;
    const uint8_t *id = packet_option(packet, OPTION_MACHINE_ID, &length);

    if (packet_type(packet) != DHCP_INFORM || !id || length != 17 ||
        id[0] != 0 || id[1] != 0x11 ||
        packet->ciaddr.s_addr != inet_addr(ENGINE) ||
        !packet_class_begins(packet, "SlipwayEngine:1"))
        world->wrong++;
}

static void send_answer(struct world *world, struct packet *question)
{
    struct packet_writer writer;
    struct rendezvous content = {.ticket = TICKET};
    uint8_t vendor[RENDEZVOUS_VENDOR_MAX];
    size_t length = 0;

    (void)snprintf(content.servers, sizeof(content.servers), "%s",
                   world->servers);
    assert_int_equal(rendezvous_format(&content, vendor, &length, NULL), 0);
    if (world->manner == OTHER_XID)
        question->xid += 100;
    if (world->manner == OTHER_MAC)
        question->chaddr[0] ^= 2;
    if (world->manner == BAD_SERVERS)
        vendor[2] = 'x';
    packet_reply_init(&writer, question, DHCP_ACK);
    if (world->manner != NO_CLASS)
        (void)packet_put_text(&writer, OPTION_CLASS_ID, "SlipwayEngine:1");
    if (world->manner != FOREIGN)
        (void)packet_put(&writer, OPTION_VENDOR, vendor, length);
    struct datagram datagram = {
        .peer = {.address.s_addr = inet_addr(ENGINE), .port = 68},
        .local = {.address.s_addr = inet_addr(SERVER), .port = 67},
        .data = writer.bytes,
        .length = packet_finish(&writer),
    };
    if (world->manner == GARBAGE)
        datagram.length = 200;
    (void)world->server->datagram_send(world->server->context, world->socket,
                                       &datagram);
}

static void on_question(void *arg, const struct datagram *datagram)
{
    struct world *world = arg;
    struct packet packet;

    world->asked++;
    if (packet_parse(datagram->data, datagram->length, &packet, NULL) < 0) {
        world->wrong++;
        return;
    }
    check_question(world, &packet);
    if (world->manner != SILENT)
        send_answer(world, &packet);
}

static void on_done(void *arg, const struct rendezvous_result *result,
                    const struct err *err)
{
    struct world *world = arg;

    assert_false(world->ended);
    world->ended = true;
    world->found = result;
    if (result)
        world->result = *result;
    else
        world->err = *err;
    loop_stop(world->loop);
}

static void run_world(struct world *world, unsigned lost, unsigned repeated,
                      uint64_t seed)
{
    struct datagram_spec spec = {
        .local = {.port = 67}, .broadcast = true, .fd = -1};
    struct rendezvous_port port = {.name = "eth0",
                                   .interface_index = 1,
                                   .address.s_addr = inet_addr(ENGINE),
                                   .mac = {0x52, 0x54, 0, 1, 2, 3}};
    uint8_t uuid[16] = {0x11, 0x22};
    struct err err = ERR_INIT;

    world->sim = sim_new(seed);
    sim_network(world->sim, lost, repeated, 1, 50);
    world->loop = loop_new(sim_host(world->sim, ENGINE), &err);
    world->server = sim_host(world->sim, SERVER);
    assert_int_equal(
        world->server->datagram_open(world->server->context, world->loop, &spec,
                                     on_question, world, &world->socket, &err),
        0);
    struct rendezvous_search *search = rendezvous_start(
        world->loop, &port, 1, uuid, 60000, on_done, world, &err);
    assert_non_null(search);
    loop_run(world->loop);
    assert_true(world->ended);
    assert_int_equal(world->wrong, 0);
    rendezvous_free(search);
    world->server->datagram_close(world->server->context, world->socket);
    loop_free(world->loop);
    sim_free(world->sim);
}

static void test_answer_is_taken(void **state)
{
    struct world world = {.servers = "192.0.2.1:7443,192.0.2.2:7443"};

    (void)state;
    run_world(&world, 0, 0, 1);
    assert_true(world.found);
    assert_int_equal(world.asked, 1);
    assert_int_equal(world.result.server_count, 2);
    assert_string_equal(world.result.servers[1], "192.0.2.2:7443");
    assert_string_equal(world.result.ticket, TICKET);
}

static void test_lossy_network_is_outlasted(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct world world = {.servers = "192.0.2.1:7443"};
        run_world(&world, 400, 200, seed);
        assert_true(world.found);
    }
}

static void test_other_answers_are_ignored(void **state)
{
    static const enum manner manners[] = {
        SILENT, FOREIGN, OTHER_XID, OTHER_MAC, NO_CLASS, BAD_SERVERS, GARBAGE};

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(manners); i++) {
        struct world world = {.servers = "192.0.2.1:7443",
                              .manner = manners[i]};
        run_world(&world, 0, 0, 7);
        if (world.found)
            fail_msg("manner %d was believed", (int)manners[i]);
        assert_int_equal(world.err.code, ERR_TIMEOUT);
        /* At 0, 1, 3, 7 s and then every 4 s. */
        assert_in_range(world.asked, 15, 20);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answer_is_taken),
        cmocka_unit_test(test_lossy_network_is_outlasted),
        cmocka_unit_test(test_other_answers_are_ignored),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
