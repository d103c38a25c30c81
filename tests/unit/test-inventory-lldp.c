/* SPDX-License-Identifier: Apache-2.0 */
/* LLDP frames written by hand after IEEE 802.1AB, and the inventory step that
 * hears them. */
#include "plugins/action/inventory/lldp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include <jansson.h>

#include <slipway/mock.h>

extern const struct slipway_action_plugin slipway_plugin_descriptor;

struct frame {
    uint8_t bytes[1500];
    size_t length;
};

static void tlv(struct frame *f, unsigned type, const void *value,
                size_t length)
{
    f->bytes[f->length++] = (uint8_t)(type << 1 | length >> 8);
    f->bytes[f->length++] = (uint8_t)length;
    memcpy(f->bytes + f->length, value, length);
    f->length += length;
}

static void tlv_text(struct frame *f, unsigned type, const char *value)
{
    tlv(f, type, value, strlen(value));
}

/* Chassis, port and time to live. */
static struct frame short_frame(uint16_t ttl_s)
{
    static const uint8_t chassis[] = {4, 0x52, 0x54, 0x00, 0xaa, 0xbb, 0xcc};
    const uint8_t ttl[] = {(uint8_t)(ttl_s >> 8), (uint8_t)ttl_s};
    struct frame f = {.length = 0};
    tlv(&f, 1, chassis, sizeof(chassis));
    tlv_text(&f, 2, "\x05Gi1/0/24");
    tlv(&f, 3, ttl, sizeof(ttl));
    return f;
}

static struct frame whole_frame(void)
{
    static const uint8_t capabilities[] = {0x00, 0x14, 0x00, 0x14};
    static const uint8_t address[] = {5, 1, 192, 0, 2, 7, 2, 0, 0, 0, 1, 0};
    static const uint8_t vlan[] = {0x00, 0x80, 0xc2, 1, 0x00, 0x65};
    static const uint8_t mtu[] = {0x00, 0x12, 0x0f, 4, 0x05, 0xee};
    struct frame f = short_frame(120);
    tlv_text(&f, 4, "uplink of rack 7");
    tlv_text(&f, 5, "sw-rack7\ngarbage\x01");
    tlv_text(&f, 6, "Some Switch OS 1.2");
    tlv(&f, 7, capabilities, sizeof(capabilities));
    tlv(&f, 8, address, sizeof(address));
    tlv(&f, 127, mtu, sizeof(mtu));
    tlv(&f, 127, vlan, sizeof(vlan));
    tlv(&f, 0, "", 0);
    f.length += 20; /* padding up to what Ethernet wants */
    return f;
}

static void a_frame_becomes_a_neighbour(void **state)
{
    struct frame f = whole_frame();
    struct lldp_neighbour n;
    (void)state;
    assert_int_equal(lldp_parse(f.bytes, f.length, &n), 0);
    assert_string_equal(n.chassis_kind, "mac");
    assert_string_equal(n.chassis, "52:54:00:aa:bb:cc");
    assert_string_equal(n.port_kind, "interface");
    assert_string_equal(n.port, "Gi1/0/24");
    assert_int_equal(n.ttl_s, 120);
    assert_string_equal(n.port_description, "uplink of rack 7");
    assert_string_equal(n.system, "sw-rack7?garbage?");
    assert_string_equal(n.system_description, "Some Switch OS 1.2");
    assert_string_equal(n.address, "192.0.2.7");
    assert_int_equal(n.capabilities, 0x14);
    assert_int_equal(n.vlan, 101);
}

static void identities_of_every_kind_have_a_text(void **state)
{
    static const struct {
        const char *value;
        size_t length;
        const char *kind;
        const char *text;
    } cases[] = {
        {"\x07sw1", 4, "local", "sw1"},
        {"\x05\x01\xc0\x00\x02\x01", 6, "address", "192.0.2.1"},
        {"\x05\x02\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01", 18, "address",
         "2001:db8::1"},
        {"\x05\x09\x41\x42", 4, "address", "094142"},
        {"\x04\x01\x02", 3, "mac", "??"}, /* a MAC of two bytes */
        {"\x63x", 2, "other", "x"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct frame f = {.length = 0};
        struct lldp_neighbour n;
        tlv(&f, 1, cases[i].value, cases[i].length);
        tlv_text(&f, 2, "\x07p");
        tlv(&f, 3, "\0\x78", 2);
        assert_int_equal(lldp_parse(f.bytes, f.length, &n), 0);
        assert_string_equal(n.chassis_kind, cases[i].kind);
        assert_string_equal(n.chassis, cases[i].text);
    }
}

static void expect_discarded(const struct frame *f)
{
    struct lldp_neighbour n;
    assert_int_equal(lldp_parse(f->bytes, f->length, &n), -1);
}

static void frames_without_identity_are_discarded(void **state)
{
    struct frame f = {.length = 0};
    (void)state;
    expect_discarded(&f);
    tlv_text(&f, 2, "\x05p"); /* the port comes second */
    expect_discarded(&f);
    f = short_frame(120);
    tlv_text(&f, 1, "\x07second");
    expect_discarded(&f);
    f = (struct frame){.length = 0};
    tlv_text(&f, 1, "\x07"); /* a kind and nothing of it */
    expect_discarded(&f);
    f = short_frame(120);
    f.bytes[f.length++] = 5 << 1 | 1; /* 511 bytes that are not there */
    f.bytes[f.length++] = 0xff;
    expect_discarded(&f);
}

static void every_cut_and_every_wrong_byte_is_survived(void **state)
{
    static const uint8_t values[] = {0, 1, 0x7f, 0xff};
    struct frame f = whole_frame();
    struct lldp_neighbour n;
    (void)state;
    for (size_t length = 0; length <= f.length; length++) {
        /* On the heap and exact, so that a sanitizer sees any overrun. */
        uint8_t *cut = malloc(length + 1);
        assert_non_null(cut);
        memcpy(cut, f.bytes, length);
        (void)lldp_parse(cut, length, &n);
        free(cut);
    }
    for (size_t i = 0; i < f.length; i++) {
        uint8_t saved = f.bytes[i];
        for (size_t j = 0; j < sizeof(values); j++) {
            f.bytes[i] = values[j];
            (void)lldp_parse(f.bytes, f.length, &n);
        }
        f.bytes[i] = saved;
    }
}

/* ---- the step ---- */

struct world {
    struct slipway_mock *mock;
    int wire[2]; /* the test writes to [0] */
};

static void make_world(struct world *w, const char *wait_s)
{
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, w->wire), 0);
    w->mock = slipway_mock_new(&slipway_plugin_descriptor);
    assert_non_null(w->mock);
    slipway_mock_facts(w->mock, "{\"disks\":[],\"ports\":["
                                "{\"name\":\"eth0\",\"link\":true},"
                                "{\"name\":\"eth1\",\"link\":false}]}");
    slipway_mock_lldp(w->mock, w->wire[1]);
    assert_int_equal(slipway_mock_param(w->mock, "lldp_wait_s", wait_s), 0);
}

static void send_frame(const struct world *w, const struct frame *f)
{
    assert_int_equal(send(w->wire[0], f->bytes, f->length, 0), f->length);
}

/* Runs the step; the neighbours of port `place`, a new reference or NULL. */
static json_t *run_step(struct world *w, size_t place)
{
    assert_int_equal(slipway_mock_run(w->mock), SLIPWAY_OK);
    assert_string_equal(slipway_mock_violations(w->mock), "");
    json_t *result = json_loads(slipway_mock_result(w->mock), 0, NULL);
    assert_non_null(result);
    json_t *port = json_array_get(json_object_get(result, "ports"), place);
    assert_non_null(port);
    json_t *list = json_incref(json_object_get(port, "neighbours"));
    json_decref(result);
    return list;
}

static void end_world(struct world *w)
{
    slipway_mock_free(w->mock);
    (void)close(w->wire[0]);
    (void)close(w->wire[1]);
}

static void what_was_heard_before_needs_no_waiting(void **state)
{
    const struct frame f = whole_frame();
    struct world w;
    (void)state;
    make_world(&w, "0");
    send_frame(&w, &f);
    json_t *list = run_step(&w, 0);
    assert_int_equal(json_array_size(list), 1);
    const json_t *n = json_array_get(list, 0);
    assert_string_equal(json_string_value(json_object_get(n, "system")),
                        "sw-rack7?garbage?");
    assert_int_equal(json_integer_value(json_object_get(n, "vlan")), 101);
    const json_t *words = json_object_get(n, "capabilities");
    assert_int_equal(json_array_size(words), 2);
    assert_string_equal(json_string_value(json_array_get(words, 1)), "router");
    json_decref(list);
    end_world(&w);
}

static void a_silent_wire_costs_the_time_it_was_given(void **state)
{
    struct world w;
    (void)state;
    make_world(&w, "1");
    const struct slipway_action_host *host = slipway_mock_host(w.mock);
    uint64_t start_ms = host->now_ms(host);
    assert_null(run_step(&w, 0));
    assert_true(host->now_ms(host) - start_ms >= 1000);
    end_world(&w);
}

static void waiting_ends_with_the_first_word(void **state)
{
    const struct frame f = short_frame(120);
    struct world w;
    (void)state;
    make_world(&w, "60");
    pid_t pid = fork();
    if (pid == 0) /* before or after the step has begun to listen */
        _exit(send(w.wire[0], f.bytes, f.length, 0) < 0);
    const struct slipway_action_host *host = slipway_mock_host(w.mock);
    uint64_t start_ms = host->now_ms(host);
    json_t *list = run_step(&w, 0);
    assert_int_equal(json_array_size(list), 1);
    assert_true(host->now_ms(host) - start_ms < 30000);
    json_decref(list);
    end_world(&w);
}

static void newer_words_replace_older_ones(void **state)
{
    struct world w;
    struct frame f = short_frame(120);
    (void)state;
    make_world(&w, "0");
    send_frame(&w, &f);
    f = whole_frame();
    send_frame(&w, &f);
    json_t *list = run_step(&w, 0);
    assert_int_equal(json_array_size(list), 1);
    assert_non_null(json_object_get(json_array_get(list, 0), "system"));
    json_decref(list);
    end_world(&w);
}

static void a_goodbye_removes_a_neighbour(void **state)
{
    struct world w;
    struct frame f = whole_frame();
    (void)state;
    make_world(&w, "0");
    send_frame(&w, &f);
    f = short_frame(0);
    send_frame(&w, &f);
    json_t *list = run_step(&w, 0);
    assert_int_equal(json_array_size(list), 0);
    json_decref(list);
    end_world(&w);
}

static void nonsense_on_the_wire_is_no_neighbour(void **state)
{
    struct world w;
    struct frame f = {.length = 1500};
    (void)state;
    make_world(&w, "0");
    memset(f.bytes, 0xff, sizeof(f.bytes));
    send_frame(&w, &f);
    f.length = 1;
    send_frame(&w, &f);
    assert_null(run_step(&w, 0));
    end_world(&w);
}

static void a_crowd_is_bounded(void **state)
{
    struct world w;
    (void)state;
    make_world(&w, "0");
    for (int i = 0; i < 40; i++) {
        struct frame f = {.length = 0};
        char name[16];
        (void)snprintf(name, sizeof(name), "\x07phone%d", i);
        tlv_text(&f, 1, name);
        tlv_text(&f, 2, "\x07p");
        tlv(&f, 3, "\0\x78", 2);
        send_frame(&w, &f);
    }
    json_t *list = run_step(&w, 0);
    assert_int_equal(json_array_size(list), 16);
    json_decref(list);
    end_world(&w);
}

static void an_engine_that_cannot_listen_is_no_failure(void **state)
{
    struct world w;
    (void)state;
    make_world(&w, "0");
    slipway_mock_lldp(w.mock, -1);
    assert_null(run_step(&w, 0));
    end_world(&w);
}

static void too_many_devices_shorten_the_result(void **state)
{
    struct world w;
    json_t *facts = json_object();
    json_t *pci = json_array();
    (void)state;
    make_world(&w, "0");
    for (int i = 0; i < 3000; i++)
        (void)json_array_append_new(pci, json_pack("{s:s, s:s}", "address",
                                                   "0000:00:02.0", "vendor_id",
                                                   "8086 and some more of it"));
    (void)json_object_set_new(facts, "pci", pci);
    (void)json_object_set_new(facts, "machine", json_string("x86_64"));
    char *text = json_dumps(facts, 0);
    slipway_mock_facts(w.mock, text);
    assert_int_equal(slipway_mock_run(w.mock), SLIPWAY_OK);
    json_t *result = json_loads(slipway_mock_result(w.mock), 0, NULL);
    assert_null(json_object_get(result, "pci"));
    assert_non_null(json_object_get(result, "machine"));
    assert_int_equal(json_array_size(json_object_get(result, "left_out")), 2);
    json_decref(result);
    json_decref(facts);
    free(text);
    end_world(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_frame_becomes_a_neighbour),
        cmocka_unit_test(identities_of_every_kind_have_a_text),
        cmocka_unit_test(frames_without_identity_are_discarded),
        cmocka_unit_test(every_cut_and_every_wrong_byte_is_survived),
        cmocka_unit_test(what_was_heard_before_needs_no_waiting),
        cmocka_unit_test(a_silent_wire_costs_the_time_it_was_given),
        cmocka_unit_test(waiting_ends_with_the_first_word),
        cmocka_unit_test(newer_words_replace_older_ones),
        cmocka_unit_test(a_goodbye_removes_a_neighbour),
        cmocka_unit_test(nonsense_on_the_wire_is_no_neighbour),
        cmocka_unit_test(a_crowd_is_bounded),
        cmocka_unit_test(an_engine_that_cannot_listen_is_no_failure),
        cmocka_unit_test(too_many_devices_shorten_the_result),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
