/* SPDX-License-Identifier: Apache-2.0 */
/* Beside another DHCP server: who is answered, in which style, and how the
 * machines are known all the same. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>

#include "core/boot/pxe.h"
#include "tests/unit/dhcp-world.h"

static const char *const not_for_a_proxy = /* option codes */
    "\x01\x03\x06\x0c\x0f\x33\x3a\x3b";

static void proxy_start(struct world *w, uint64_t seed)
{
    world_prepare(w, seed, 2);
    w->config.mode = DHCP_MODE_PROXY;
    w->config.subnet_count = 0;
    w->config.lease_log = NULL;
    world_serve(w);
}

static void put_http(struct packet_writer *p)
{
    (void)packet_put_text(p, OPTION_CLASS_ID,
                          "HTTPClient:Arch:00016:UNDI:003016");
    (void)packet_put_u16(p, OPTION_ARCH, 16);
    (void)packet_put_u16(p, OPTION_MAX_SIZE, 1472);
}

static void discover(struct station *s, void (*put)(struct packet_writer *p))
{
    struct packet_writer p;
    s->type = DHCP_NONE;
    station_packet(s, &p, DHCP_DISCOVER);
    if (put)
        put(&p);
    station_send(s, &p, "255.255.255.255", PACKET_SERVER_PORT);
}

static void assert_proxy_offer(const struct station *s)
{
    size_t length;
    assert_int_equal(s->type, DHCP_OFFER);
    assert_int_equal(s->reply.yiaddr.s_addr, 0);
    assert_int_equal(s->reply.ciaddr.s_addr, 0);
    assert_int_equal(s->reply.flags, PACKET_FLAG_BROADCAST);
    assert_int_equal(s->from.port, PACKET_SERVER_PORT);
    for (const char *code = not_for_a_proxy; *code; code++)
        assert_null(packet_option(&s->reply, (uint8_t)*code, &length));
    assert_non_null(packet_option(&s->reply, OPTION_SERVER_ID, &length));
}

static void assert_class(const struct station *s, const char *text)
{
    size_t length;
    const uint8_t *value = packet_option(&s->reply, OPTION_CLASS_ID, &length);
    assert_int_equal(length, strlen(text));
    assert_memory_equal(value, text, length);
}

/* ---- styles ------------------------------------------------------------- */

static void uefi_is_sent_to_port_4011_and_gets_its_file_there(void **state)
{
    struct world w;
    struct station s;
    struct station pxe;
    struct packet_writer p;
    size_t length;
    (void)state;
    proxy_start(&w, 31);
    station_open(&s, &w, 7, "0.0.0.0", 68);
    discover(&s, put_uefi);
    assert_proxy_offer(&s);
    assert_class(&s, "PXEClient");
    assert_int_equal(s.reply.siaddr.s_addr, address_of(WORLD_SERVER).s_addr);
    /* EDK2 asks port 4011 only when both are absent. */
    assert_null(packet_option(&s.reply, OPTION_VENDOR, &length));
    assert_null(packet_option(&s.reply, OPTION_BOOT_FILE, &length));
    assert_string_equal(s.reply.file, "");
    assert_non_null(packet_option(&s.reply, OPTION_MACHINE_ID, &length));
    station_open(&pxe, &w, 7, "10.0.0.50", 4011);
    station_packet(&pxe, &p, DHCP_REQUEST);
    packet_set_ciaddr(&p, address_of("10.0.0.50"));
    put_uefi(&p);
    station_send(&pxe, &p, WORLD_SERVER, 4011);
    assert_int_equal(pxe.type, DHCP_ACK);
    assert_int_equal(pxe.from.port, 4011);
    assert_string_equal(pxe.reply.file, "local-x64.efi");
    assert_null(packet_option(&pxe.reply, OPTION_LEASE_TIME, &length));
    world_end(&w);
}

static void assert_direct(const struct station *s)
{
    size_t length;
    assert_proxy_offer(s);
    assert_string_equal(s->reply.file, "local-x64.efi");
    const uint8_t *value = packet_option(&s->reply, OPTION_VENDOR, &length);
    assert_int_equal(length, PXE_DIRECT_BOOT_BYTES);
    assert_memory_equal(value, pxe_direct_boot, length);
}

static void style_is_chosen_by_plugin_and_by_host(void **state)
{
    struct world w;
    struct station s;
    const struct dhcp_proxy_style styles[] = {
        {"other", PROXY_STYLE_BOOT_SERVER}, {"x86-uefi", PROXY_STYLE_DIRECT}};
    (void)state;
    world_prepare(&w, 32, 2);
    w.config.mode = DHCP_MODE_PROXY;
    w.config.proxy_styles = styles;
    w.config.proxy_style_count = 2;
    world_serve(&w);
    station_open(&s, &w, 7, "0.0.0.0", 68);
    discover(&s, put_uefi);
    assert_direct(&s);
    w.decision.proxy_style = PROXY_STYLE_BOOT_SERVER;
    discover(&s, put_uefi);
    assert_proxy_offer(&s);
    assert_string_equal(s.reply.file, "");
    world_end(&w);
}

/* A loader such as iPXE waits two seconds for a proxy and then does without:
 * it is told at once. */
static void put_loader(struct packet_writer *p)
{
    put_uefi(p);
    (void)packet_put(p, OPTION_USER_CLASS, "iPXE", 4);
}

static void a_loader_is_told_its_file_at_once(void **state)
{
    struct world w;
    struct station s;
    (void)state;
    proxy_start(&w, 33);
    station_open(&s, &w, 7, "0.0.0.0", 68);
    discover(&s, put_loader);
    assert_direct(&s);
    world_end(&w);
}

static void http_boot_gets_a_url_in_either_mode(void **state)
{
    struct world w;
    struct station s;
    size_t length;
    (void)state;
    proxy_start(&w, 34);
    station_open(&s, &w, 7, "0.0.0.0", 68);
    discover(&s, put_http);
    assert_proxy_offer(&s);
    assert_class(&s, "HTTPClient");
    assert_string_equal(s.reply.file,
                        "http://10.0.0.1:7080/boot/local-x64.efi");
    assert_null(packet_option(&s.reply, OPTION_VENDOR, &length));
    world_end(&w);
    world_start(&w, 34, 2);
    station_open(&s, &w, 7, "0.0.0.0", 68);
    discover(&s, put_http);
    assert_int_equal(s.type, DHCP_OFFER);
    assert_string_equal(station_address(&s), "10.0.0.100");
    assert_string_equal(s.reply.file,
                        "http://10.0.0.1:7080/boot/local-x64.efi");
    world_end(&w);
}

/* ---- who is answered ---------------------------------------------------- */

static void put_other_class(struct packet_writer *p)
{
    (void)packet_put_text(p, OPTION_CLASS_ID, "MSFT 5.0");
}

static void put_unknown_firmware(struct packet_writer *p)
{
    (void)packet_put_text(p, OPTION_CLASS_ID,
                          "PXEClient:Arch:00099:UNDI:003016");
    (void)packet_put_u16(p, OPTION_ARCH, 99);
}

static void nobody_but_known_firmware_is_answered(void **state)
{
    struct world w;
    struct station s;
    struct packet_writer p;
    static const enum dhcp_type types[] = {DHCP_REQUEST, DHCP_DECLINE,
                                           DHCP_RELEASE, DHCP_INFORM};
    (void)state;
    proxy_start(&w, 35);
    station_open(&s, &w, 7, "0.0.0.0", 68);
    discover(&s, NULL);
    discover(&s, put_other_class);
    discover(&s, put_unknown_firmware);
    for (size_t i = 0; i < 4; i++) {
        station_packet(&s, &p, types[i]);
        packet_set_ciaddr(&p, address_of("10.0.0.50"));
        /* Even when the firmware has chosen us by mistake. */
        (void)packet_put_address(&p, OPTION_SERVER_ID,
                                 address_of(WORLD_SERVER));
        put_uefi(&p);
        station_send(&s, &p, "255.255.255.255", 67);
    }
    station_packet(&s, &p, DHCP_INFORM); /* an ordinary system */
    packet_set_ciaddr(&p, address_of("10.0.0.50"));
    station_send(&s, &p, "255.255.255.255", 67);
    assert_int_equal(s.replies, 0);
    assert_int_equal(world_counters(&w).silent, 8);
    /* No boot answer: no offer either, or it would wait for us. */
    w.decision.intent = 0;
    discover(&s, put_uefi);
    w.decision.intent = SLIPWAY_INTENT_MENU;
    discover(&s, put_uefi);
    assert_int_equal(s.replies, 0);
    world_end(&w);
}

static void an_answer_through_a_relay_goes_back_to_it(void **state)
{
    struct world w;
    struct station relay;
    struct packet_writer p;
    static const uint8_t agent[] = {1, 4, 'e', 't', 'h', '0'};
    struct in_addr giaddr = address_of("192.168.7.1");
    (void)state;
    proxy_start(&w, 36);
    station_open(&relay, &w, 7, "192.168.7.1", 67);
    station_packet(&relay, &p, DHCP_DISCOVER);
    memcpy(p.bytes + 24, &giaddr, sizeof(giaddr));
    put_uefi(&p);
    (void)packet_put(&p, OPTION_RELAY, agent, sizeof(agent));
    station_send(&relay, &p, WORLD_SERVER, 67);
    assert_proxy_offer(&relay);
    assert_int_equal(relay.reply.giaddr.s_addr, giaddr.s_addr);
    assert_memory_equal(relay.reply.options + relay.reply.options_length - 8,
                        "\x52\x06\x01\x04"
                        "eth0",
                        8);
    world_end(&w);
}

/* ---- knowing the machines ----------------------------------------------- */

static void the_rendezvous_works_beside_another_server(void **state)
{
    struct world w;
    struct station s;
    struct packet_writer p;
    struct rendezvous r;
    size_t length;
    char mac[MAC_TEXT_BYTES];
    (void)state;
    proxy_start(&w, 37);
    station_open(&s, &w, 7, "172.16.0.9", 68);
    station_packet(&s, &p, DHCP_INFORM);
    packet_set_ciaddr(&p, address_of("172.16.0.9"));
    (void)packet_put_text(&p, OPTION_CLASS_ID, CLIENT_ENGINE_CLASS);
    station_send(&s, &p, "255.255.255.255", 67);
    assert_int_equal(s.type, DHCP_ACK);
    assert_null(packet_option(&s.reply, OPTION_NETMASK, &length));
    const uint8_t *vendor = packet_option(&s.reply, OPTION_VENDOR, &length);
    assert_non_null(vendor);
    assert_int_equal(rendezvous_parse(vendor, length, &r, NULL), 0);
    assert_string_equal(r.servers, "10.0.0.1:7443");
    dhcp_client_at(w.dhcp, "172.16.0.9", mac);
    assert_string_equal(mac, "52:54:00:00:00:07");
    world_end(&w);
}

static void a_boot_is_one_event_and_its_address_is_overheard(void **state)
{
    struct world w;
    struct station s;
    struct packet_writer p;
    char mac[MAC_TEXT_BYTES];
    (void)state;
    proxy_start(&w, 38);
    station_open(&s, &w, 7, "0.0.0.0", 68);
    discover(&s, put_uefi);
    discover(&s, put_uefi); /* impatient */
    assert_int_equal(w.events, 1);
    assert_string_equal(w.last_event, "host-boot");
    assert_string_equal(w.last_mac, "52:54:00:00:00:07");
    station_packet(&s, &p, DHCP_REQUEST);
    (void)packet_put_address(&p, OPTION_SERVER_ID, address_of("10.0.0.2"));
    (void)packet_put_address(&p, OPTION_REQUESTED_ADDRESS,
                             address_of("10.0.0.77"));
    put_uefi(&p);
    station_send(&s, &p, "255.255.255.255", 67);
    dhcp_client_at(w.dhcp, "10.0.0.77", mac);
    assert_string_equal(mac, "52:54:00:00:00:07");
    loop_run_for(w.loop, 3000);
    discover(&s, put_uefi);
    assert_int_equal(w.events, 2);
    world_end(&w);
}

static void a_flood_of_machines_takes_no_memory(void **state)
{
    struct world w;
    struct station s;
    struct packet_writer p;
    (void)state;
    proxy_start(&w, 39);
    w.decision.host_id[0] = 'h'; /* a registered one: each boot is told */
    station_open(&s, &w, 7, "0.0.0.0", 68);
    for (unsigned i = 0; i < 6000; i++) {
        s.mac[3] = (uint8_t)(i >> 8);
        s.mac[4] = (uint8_t)i;
        station_packet(&s, &p, DHCP_DISCOVER);
        put_uefi(&p);
        const struct datagram out = {
            .peer = {address_of(WORLD_SERVER), PACKET_SERVER_PORT, 0},
            .data = p.bytes,
            .length = packet_finish(&p)};
        (void)s.seam->datagram_send(s.seam->context, s.socket, &out);
        loop_run_for(w.loop, 1);
    }
    loop_run_for(w.loop, 50);
    assert_int_equal(world_counters(&w).offers, 6000);
    discover(&s, put_uefi); /* the last of them is still known */
    assert_int_equal(w.events, 6000);
    world_end(&w);
}

static void flood_of_strangers_is_answered_and_hardly_told(void **state)
{
    struct world w;
    struct station s;
    struct packet_writer p;
    (void)state;
    proxy_start(&w, 41);
    station_open(&s, &w, 7, "0.0.0.0", 68);
    for (unsigned i = 0; i < 1000; i++) {
        s.mac[4] = (uint8_t)(i >> 8);
        s.mac[5] = (uint8_t)i;
        station_packet(&s, &p, DHCP_DISCOVER);
        put_uefi(&p);
        struct datagram out = {.peer = {address_of("255.255.255.255"), 67, 0},
                               .data = p.bytes,
                               .length = packet_finish(&p)};
        assert_int_equal(
            s.seam->datagram_send(s.seam->context, s.socket, &out), 0);
    }
    loop_run_for(w.loop, 50);
    assert_int_equal(world_counters(&w).offers, 1000);
    assert_in_range(w.events, 100, 200);
    world_end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(uefi_is_sent_to_port_4011_and_gets_its_file_there),
        cmocka_unit_test(style_is_chosen_by_plugin_and_by_host),
        cmocka_unit_test(a_loader_is_told_its_file_at_once),
        cmocka_unit_test(http_boot_gets_a_url_in_either_mode),
        cmocka_unit_test(nobody_but_known_firmware_is_answered),
        cmocka_unit_test(an_answer_through_a_relay_goes_back_to_it),
        cmocka_unit_test(the_rendezvous_works_beside_another_server),
        cmocka_unit_test(a_boot_is_one_event_and_its_address_is_overheard),
        cmocka_unit_test(a_flood_of_machines_takes_no_memory),
        cmocka_unit_test(flood_of_strangers_is_answered_and_hardly_told),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
