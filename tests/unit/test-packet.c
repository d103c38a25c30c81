/* SPDX-License-Identifier: Apache-2.0 */
/* DHCP packets, client facts and option 43. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>

#include "core/boot/client.h"
#include "core/boot/packet.h"
#include "core/boot/pxe.h"

static const uint8_t mac[6] = {0x52, 0x54, 0, 0x12, 0x34, 0x56};

/* A DISCOVER with these option bytes behind the cookie. */
static size_t raw(uint8_t *out, const void *options, size_t length)
{
    static const uint8_t cookie[4] = {0x63, 0x82, 0x53, 0x63};
    memset(out, 0, PACKET_HEADER_BYTES);
    out[0] = PACKET_REQUEST;
    out[1] = 1;
    out[2] = 6;
    memcpy(out + 28, mac, sizeof(mac));
    memcpy(out + PACKET_HEADER_BYTES, cookie, 4);
    memcpy(out + PACKET_HEADER_BYTES + 4, options, length);
    return PACKET_HEADER_BYTES + 4 + length;
}

static int parse(const void *options, size_t length, struct packet *ret)
{
    uint8_t bytes[PACKET_INPUT_MAX + 300];
    return packet_parse(bytes, raw(bytes, options, length), ret, NULL);
}

#define OPTIONS(text) (text), sizeof(text) - 1

static void header_and_options_are_read(void **state)
{
    struct packet p;
    size_t length;
    (void)state;
    assert_int_equal(parse(OPTIONS("\x35\x01\x01\0\0\x3c\x02hi\xff"), &p), 0);
    assert_int_equal(packet_type(&p), DHCP_DISCOVER);
    const uint8_t *value = packet_option(&p, OPTION_CLASS_ID, &length);
    assert_int_equal(length, 2);
    assert_memory_equal(value, "hi", 2);
    assert_null(packet_option(&p, OPTION_ROUTER, &length));
    assert_true(packet_class_begins(&p, "h"));
    assert_false(packet_class_begins(&p, "hip"));
}

static void missing_end_and_empty_options_are_tolerated(void **state)
{
    struct packet p;
    size_t length = 9;
    (void)state;
    assert_int_equal(parse(OPTIONS("\x35\x01\x03\x3d\x00"), &p), 0);
    assert_non_null(packet_option(&p, OPTION_CLIENT_ID, &length));
    assert_int_equal(length, 0);
    assert_int_equal(parse(OPTIONS(""), &p), 0);
    assert_int_equal(packet_type(&p), DHCP_NONE);
}

static void options_past_the_end_are_refused(void **state)
{
    struct packet p;
    uint8_t long_one[1600] = {0};
    (void)state;
    assert_int_equal(parse(OPTIONS("\x35\x02\x01"), &p), ERR_INVALID);
    assert_int_equal(parse(OPTIONS("\x35"), &p), ERR_INVALID);
    assert_int_equal(parse(OPTIONS("\x35\x01\x01\x3c\xff x"), &p), ERR_INVALID);
    assert_int_equal(parse(long_one, PACKET_INPUT_MAX, &p), ERR_INVALID);
    assert_int_equal(packet_parse(long_one, 235, &p, NULL), ERR_INVALID);
    long_one[2] = 17; /* hlen */
    assert_int_equal(packet_parse(long_one, 300, &p, NULL), ERR_INVALID);
}

static void every_truncation_is_survived(void **state)
{
    struct packet p;
    struct packet_writer w;
    (void)state;
    packet_request_init(&w, DHCP_REQUEST, 1, mac);
    (void)packet_put_text(&w, OPTION_CLASS_ID, "PXEClient:Arch:00007");
    (void)packet_put_u16(&w, OPTION_ARCH, 7);
    size_t length = packet_finish(&w);
    for (size_t n = 0; n <= length; n++) {
        uint8_t *exact = malloc(n + 1);
        memcpy(exact, w.bytes, n);
        /* What matters is that a memory checker has nothing to say. */
        (void)packet_parse(exact, n, &p, NULL);
        free(exact);
    }
}

static void overloaded_fields_are_read_once(void **state)
{
    uint8_t bytes[600];
    struct packet p;
    size_t length = raw(bytes, OPTIONS("\x35\x01\x01\x34\x01\x03\xff"));
    size_t size;
    (void)state;
    /* `file` says again that it is overloaded; that means nothing. */
    memcpy(bytes + 108, "\x34\x01\x03\x3c\x01Z\xff", 7);
    memcpy(bytes + 44, "\x0c\x03pc1\xff", 6);
    assert_int_equal(packet_parse(bytes, length, &p, NULL), 0);
    assert_non_null(packet_option(&p, OPTION_CLASS_ID, &size));
    assert_non_null(packet_option(&p, OPTION_HOST_NAME, &size));
    assert_string_equal(p.file, "");
    bytes[108 + 1] = 200; /* an option past the field's end */
    assert_int_equal(packet_parse(bytes, length, &p, NULL), ERR_INVALID);
}

static void reply_has_what_clients_and_relays_need(void **state)
{
    struct packet request;
    struct packet reply;
    struct packet_writer w;
    (void)state;
    assert_int_equal(parse(OPTIONS("\x35\x01\x01\x52\x04\x01\x02\x65\x30"
                                   "\x3d\x03\x00\x41\x42"
                                   "\x61\x03\x00\x01\x02\xff"),
                           &request),
                     0);
    request.flags = PACKET_FLAG_BROADCAST;
    request.xid = 0xdeadbeef;
    packet_reply_init(&w, &request, DHCP_OFFER);
    assert_int_equal(packet_put_boot_file(&w, "boot.efi"), 0);
    size_t length = packet_finish(&w);
    assert_true(length >= PACKET_MIN_BYTES);
    assert_int_equal(packet_parse(w.bytes, length, &reply, NULL), 0);
    assert_int_equal(reply.op, PACKET_REPLY);
    assert_int_equal(reply.xid, 0xdeadbeef);
    assert_int_equal(reply.flags, PACKET_FLAG_BROADCAST);
    assert_string_equal(reply.file, "boot.efi");
    /* Option 82 stands last, before the end option (RFC 3046). */
    assert_memory_equal(reply.options + reply.options_length - 6,
                        "\x52\x04\x01\x02\x65\x30", 6);
    size_t size;
    assert_memory_equal(packet_option(&reply, OPTION_BOOT_FILE, &size),
                        "boot.efi", 9);
    assert_int_equal(size, 9); /* the NUL is counted */
    assert_non_null(packet_option(&reply, OPTION_CLIENT_ID, &size));
    assert_non_null(packet_option(&reply, OPTION_MACHINE_ID, &size));
}

static void reply_never_exceeds_what_the_client_takes(void **state)
{
    static const struct {
        const char *options;
        size_t length;
        size_t max;
    } cases[] = {
        {OPTIONS("\x35\x01\x01\xff"), 576 - 28},
        {OPTIONS("\x39\x02\x02\x40\xff"), 576 - 28},
        {OPTIONS("\x39\x02\x00\x10\xff"), 576 - 28}, /* below the least */
        {OPTIONS("\x39\x02\x05\xdc\xff"), 1500 - 28},
        {OPTIONS("\x39\x02\xff\xff\xff"), PACKET_MAX_BYTES},
        {OPTIONS("\x39\x01\xff\xff"), 576 - 28}, /* malformed */
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        struct packet request;
        struct packet_writer w;
        uint8_t value[100] = {0};
        assert_int_equal(parse(cases[i].options, cases[i].length, &request), 0);
        packet_reply_init(&w, &request, DHCP_ACK);
        struct packet_writer last = w;
        while (packet_put(&w, OPTION_VENDOR, value, sizeof(value)) == 0)
            last = w;
        assert_int_equal(packet_finish(&w), 0); /* sticky */
        size_t length = packet_finish(&last);
        assert_in_range(length, cases[i].max - 110, cases[i].max);
    }
}

static void writer_refuses_what_is_no_option(void **state)
{
    struct packet_writer w;
    char name[200];
    (void)state;
    packet_request_init(&w, DHCP_DISCOVER, 1, mac);
    assert_int_equal(packet_put(&w, OPTION_END, "", 0), -1);
    packet_request_init(&w, DHCP_DISCOVER, 1, mac);
    assert_int_equal(packet_put(&w, OPTION_VENDOR, w.tail, 256), -1);
    packet_request_init(&w, DHCP_DISCOVER, 1, mac);
    memset(name, 'a', sizeof(name));
    name[128] = '\0';
    assert_int_equal(packet_put_boot_file(&w, name), -1);
    packet_request_init(&w, DHCP_DISCOVER, 1, mac);
    name[127] = '\0';
    assert_int_equal(packet_put_boot_file(&w, name), 0);
}

/* ---- facts -------------------------------------------------------------- */

static void facts_come_from_the_packet(void **state)
{
    struct packet p;
    struct client c;
    (void)state;
    assert_int_equal(
        parse(OPTIONS("\x35\x01\x01"
                      "\x5d\x04\x00\x07\x00\x10"
                      "\x3c\x09PXEClient"
                      "\x61\x11\x00\x33\x22\x11\x00\x55\x44\x77\x66\x88\x99"
                      "\xaa\xbb\xcc\xdd\xee\xff\xff"),
              &p),
        0);
    client_from_packet(&c, &p, SLIPWAY_BOOT_DHCP_DISCOVER);
    assert_string_equal(c.mac, "52:54:00:12:34:56");
    assert_string_equal(c.uuid, "00112233-4455-6677-8899-aabbccddeeff");
    assert_int_equal(c.request.arch_count, 2);
    assert_int_equal(c.request.arch[0], 7);
    assert_int_equal(c.request.arch[1], 0x10);
    assert_string_equal(c.request.class_id, "PXEClient");
    assert_string_equal(c.request.user_class, "");
}

static void both_forms_of_the_user_class_are_read(void **state)
{
    struct packet p;
    struct client c;
    (void)state;
    assert_int_equal(parse(OPTIONS("\x4d\x04iPXE\xff"), &p), 0);
    client_from_packet(&c, &p, SLIPWAY_BOOT_DHCP_REQUEST);
    assert_string_equal(c.user_class, "iPXE");
    assert_int_equal(parse(OPTIONS("\x4d\x09\x04iPXE\x03lab\xff"), &p), 0);
    client_from_packet(&c, &p, SLIPWAY_BOOT_DHCP_REQUEST);
    assert_string_equal(c.user_class, "iPXE");
}

static void odd_facts_count_as_absent(void **state)
{
    struct packet p;
    struct client c;
    (void)state;
    assert_int_equal(parse(OPTIONS("\x5d\x03\x00\x07\x00"
                                   "\x61\x10\x00\x33\x22\x11\x00\x55\x44\x77"
                                   "\x66\x88\x99\xaa\xbb\xcc\xdd\xee"
                                   "\x3c\x03\x01\x1b\x7f\x4d\x00\xff"),
                           &p),
                     0);
    client_from_packet(&c, &p, SLIPWAY_BOOT_DHCP_DISCOVER);
    assert_int_equal(c.request.arch_count, 0);
    assert_string_equal(c.uuid, "");
    assert_string_equal(c.class_id, "...");
    assert_string_equal(c.user_class, "");
}

static void guid_as_hardware_address_is_no_mac(void **state)
{
    uint8_t bytes[400];
    struct packet p;
    uint8_t found[6];
    size_t length =
        raw(bytes, OPTIONS("\x35\x01\x03\x3d\x07\x01\x52\x54\x00\x12\x34"
                           "\x56\xff"));
    (void)state;
    bytes[2] = 16; /* EDK2 with SendGUID */
    assert_int_equal(packet_parse(bytes, length, &p, NULL), 0);
    assert_true(client_mac(&p, found)); /* from option 61 */
    assert_memory_equal(found, mac, 6);
    p.option_at[OPTION_CLIENT_ID] = 0;
    assert_false(client_mac(&p, found));
}

static void names_are_read_and_written(void **state)
{
    uint8_t out[6];
    char text[MAC_TEXT_BYTES];
    char uuid[UUID_TEXT_BYTES];
    (void)state;
    assert_int_equal(mac_parse("52:54:00:12:34:56", out, NULL), 0);
    assert_memory_equal(out, mac, 6);
    assert_int_equal(mac_parse("5254-0012", out, NULL), ERR_INVALID);
    assert_int_equal(mac_parse("52:54:00:12:34:5", out, NULL), ERR_INVALID);
    assert_int_equal(mac_parse("52:54:00:12:34-56", out, NULL), ERR_INVALID);
    assert_int_equal(mac_parse("525400123456", out, NULL), 0);
    assert_int_equal(mac_parse("52-54-00-12-34-56", out, NULL), 0);
    assert_int_equal(mac_parse("52-54-00-12-34-5G", out, NULL), ERR_INVALID);
    assert_int_equal(mac_parse("", out, NULL), ERR_INVALID);
    assert_string_equal(mac_format(mac, text), "52:54:00:12:34:56");
    assert_int_equal(
        uuid_other_order("00112233-4455-6677-8899-aabbccddeeff", uuid), 0);
    assert_string_equal(uuid, "33221100-5544-7766-8899-aabbccddeeff");
    assert_int_equal(uuid_other_order("00112233", uuid), -1);
    assert_string_equal(uuid, "");
}

/* ---- option 43 ---------------------------------------------------------- */

static void rendezvous_survives_the_way(void **state)
{
    struct rendezvous in = {"10.0.0.1:7443,10.0.0.2:7443",
                            "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNO-_"};
    struct rendezvous out;
    uint8_t bytes[RENDEZVOUS_VENDOR_MAX];
    size_t length;
    (void)state;
    assert_int_equal(strlen(in.ticket), 43);
    assert_int_equal(rendezvous_format(&in, bytes, &length, NULL), 0);
    assert_int_equal(rendezvous_parse(bytes, length, &out, NULL), 0);
    assert_string_equal(out.servers, in.servers);
    assert_string_equal(out.ticket, in.ticket);
    in.ticket[0] = '\0';
    assert_int_equal(rendezvous_format(&in, bytes, &length, NULL), 0);
    assert_int_equal(rendezvous_parse(bytes, length, &out, NULL), 0);
    assert_string_equal(out.ticket, "");
    for (size_t n = 0; n + 1 < length; n++)
        assert_int_equal(rendezvous_parse(bytes, n, &out, NULL), ERR_INVALID);
    /* The longest list still fits one option. */
    memset(in.servers, 'a', sizeof(in.servers) - 1);
    memset(in.ticket, 'b', sizeof(in.ticket) - 1);
    in.servers[sizeof(in.servers) - 1] = '\0';
    in.ticket[sizeof(in.ticket) - 1] = '\0';
    assert_int_equal(rendezvous_format(&in, bytes, &length, NULL), 0);
    assert_true(length <= 255);
}

static void malformed_rendezvous_is_refused(void **state)
{
    struct rendezvous r = {"10.0.0.1:7443", "short"};
    uint8_t bytes[RENDEZVOUS_VENDOR_MAX];
    size_t length;
    (void)state;
    assert_int_equal(rendezvous_format(&r, bytes, &length, NULL), ERR_INVALID);
    r.ticket[0] = '\0';
    r.servers[2] = ' ';
    assert_int_equal(rendezvous_format(&r, bytes, &length, NULL), ERR_INVALID);
    assert_int_equal(rendezvous_parse((const uint8_t *)"\x01\x03"
                                                       "a\nb\xff",
                                      6, &r, NULL),
                     ERR_INVALID);
    assert_int_equal(rendezvous_parse((const uint8_t *)"\x01\x02"
                                                       "ab\x02\x03!!!\xff",
                                      10, &r, NULL),
                     ERR_INVALID);
    /* Unknown sub-options are skipped. */
    assert_int_equal(rendezvous_parse((const uint8_t *)"\x09\x01x\x01\x02"
                                                       "ab\xff",
                                      8, &r, NULL),
                     0);
    assert_string_equal(r.servers, "ab");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(header_and_options_are_read),
        cmocka_unit_test(missing_end_and_empty_options_are_tolerated),
        cmocka_unit_test(options_past_the_end_are_refused),
        cmocka_unit_test(every_truncation_is_survived),
        cmocka_unit_test(overloaded_fields_are_read_once),
        cmocka_unit_test(reply_has_what_clients_and_relays_need),
        cmocka_unit_test(reply_never_exceeds_what_the_client_takes),
        cmocka_unit_test(writer_refuses_what_is_no_option),
        cmocka_unit_test(facts_come_from_the_packet),
        cmocka_unit_test(both_forms_of_the_user_class_are_read),
        cmocka_unit_test(odd_facts_count_as_absent),
        cmocka_unit_test(guid_as_hardware_address_is_no_mac),
        cmocka_unit_test(names_are_read_and_written),
        cmocka_unit_test(rendezvous_survives_the_way),
        cmocka_unit_test(malformed_rendezvous_is_refused),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
