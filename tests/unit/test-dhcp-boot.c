/* SPDX-License-Identifier: Apache-2.0 */
/* The DHCP server's boot answers and the engine's rendezvous. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "core/boot/pxe.h"
#include "tests/unit/dhcp-world.h"

#define TICKET "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQ"

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
    const uint8_t *value = packet_option(&s.reply, OPTION_BOOT_FILE, &length);
    assert_int_equal(length, sizeof("local-x64.efi"));
    assert_memory_equal(value, "local-x64.efi", length);
    assert_int_equal(s.reply.siaddr.s_addr, address_of(WORLD_SERVER).s_addr);
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

static void a_disabled_arch_plugin_is_the_reason_for_no_answer(void **state)
{
    struct world w;
    struct station s;
    size_t length;
    (void)state;
    world_start(&w, 27, 2);
    w.no_arch = true;
    station_open(&s, &w, 7, "0.0.0.0", 68);
    assert_true(station_dora(&s, true)); /* an address it gets */
    assert_string_equal(s.reply.file, "");
    assert_null(packet_option(&s.reply, OPTION_BOOT_FILE, &length));
    assert_null(packet_option(&s.reply, OPTION_CLASS_ID, &length));
    assert_string_equal(w.last_event, "host-boot");
    assert_string_equal(
        json_string_value(json_object_get(w.last_json, "answer")), "none");
    assert_non_null(
        strstr(json_string_value(json_object_get(w.last_json, "reason")),
               "no enabled arch plugin"));
    w.no_arch = false; /* enabled: the very next packet is answered */
    loop_run_for(w.loop, 3000);
    assert_true(station_dora(&s, true));
    assert_string_equal(s.reply.file, "local-x64.efi");
    world_end(&w);
}

static void one_boot_is_one_event(void **state)
{
    struct world w;
    struct station s;
    struct packet_writer p;
    (void)state;
    world_start(&w, 22, 2);
    station_open(&s, &w, 7, "0.0.0.0", 68);
    assert_true(station_dora(&s, false)); /* its system: not firmware */
    assert_int_equal(w.events, 0);
    assert_true(station_dora(&s, true));
    station_packet(&s, &p, DHCP_DISCOVER);
    put_uefi(&p);
    station_send(&s, &p, "255.255.255.255", 67); /* impatient */
    assert_int_equal(w.events, 1);
    assert_string_equal(w.last_event, "host-boot");
    loop_run_for(w.loop, 3000);
    assert_true(station_dora(&s, true));
    assert_int_equal(w.events, 2);
    char mac[MAC_TEXT_BYTES];
    dhcp_client_at(w.dhcp, station_address(&s), mac);
    assert_string_equal(mac, "52:54:00:00:00:07");
    dhcp_client_at(w.dhcp, "10.0.0.199", mac);
    assert_string_equal(mac, "");
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(uefi_firmware_gets_its_boot_file_at_once),
        cmocka_unit_test(a_disabled_arch_plugin_is_the_reason_for_no_answer),
        cmocka_unit_test(one_boot_is_one_event),
        cmocka_unit_test(port_4011_answers_where_the_request_came_from),
        cmocka_unit_test(engine_gets_servers_and_its_ticket),
        cmocka_unit_test(ticket_may_come_later_or_after_the_end),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
