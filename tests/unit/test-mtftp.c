/* SPDX-License-Identifier: Apache-2.0 */
/* The TFTP server against clients of several habits and a bad network. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "core/util/bytes.h"
#include "core/util/log.h"
#include "tests/unit/tftp-world.h"

extern const struct slipway_transport_plugin slipway_plugin_descriptor;

static void fetch(const char *options, size_t length)
{
    struct tftp_world w;
    struct tftp_client c;
    tftp_world_start(&w, length + 1);
    tftp_publish(&w, "file.efi", length);
    tftp_client_open(&c, &w, "10.0.0.20", 2000);
    assert_true(tftp_get(&c, "file.efi", options, 600000));
    assert_true(tftp_content_ok(&c, "file.efi", length));
    assert_int_equal(w.done, 1);
    assert_int_equal(w.failed, 0);
    tftp_client_done(&c);
    tftp_world_end(&w);
}

static void files_of_every_length_arrive_whole(void **state)
{
    static const size_t lengths[] = {0, 1, 511, 512, 513, 1024, 100000};
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(lengths); i++) {
        fetch("", lengths[i]);
        fetch("blksize=8 windowsize=3", lengths[i]);
        fetch("blksize=1468 windowsize=4 tsize=0", lengths[i]);
    }
    fetch("blksize=1468 windowsize=64", 1468 * 64);
}

static void block_numbers_wrap_to_zero(void **state)
{
    (void)state;
    fetch("blksize=8 windowsize=16", 8 * 70000 + 3);
    fetch("blksize=16 windowsize=1", 16 * 66000);
}

static void options_are_granted_only_as_asked(void **state)
{
    static const struct {
        const char *asked;
        const char *granted; /* "" = no OACK at all */
    } cases[] = {
        {"blksize=1468 windowsize=4 tsize=0",
         "blksize=1468 windowsize=4 tsize=700 "},
        {"tsize=0", "tsize=700 "},
        {"BlkSize=65464", "BlkSize=1468 "},
        {"windowsize=65535", "windowsize=64 "},
        {"timeout=5", "timeout=5 "},
        {"blksize=7", ""},
        {"blksize=0 windowsize=0 timeout=0", ""},
        {"blksize=-1", ""},
        {"blksize=4294967296", ""},
        {"blksize=99999999999999999999999", ""},
        {"timeout=256 multicast=", ""},
        {"blksize=1024 blksize=512", "blksize=1024 "},
        {"unknown=1 tsize=0", "tsize=700 "},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        struct tftp_world w;
        struct tftp_client c;
        tftp_world_start(&w, i);
        tftp_publish(&w, "a", 700);
        tftp_client_open(&c, &w, "10.0.0.20", 2000);
        assert_true(tftp_get(&c, "a", cases[i].asked, 30000));
        assert_string_equal(c.oack_text, cases[i].granted);
        assert_true(tftp_content_ok(&c, "a", 700));
        tftp_client_done(&c);
        tftp_world_end(&w);
    }
}

static void bad_network_only_slows_a_transfer(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct tftp_world w;
        struct tftp_client c;
        tftp_world_start(&w, seed);
        sim_network(w.sim, 60, 50, 1, 20);
        tftp_publish(&w, "file.efi", 200000);
        tftp_client_open(&c, &w, "10.0.0.20", 2000);
        assert_true(
            tftp_get(&c, "file.efi",
                     seed % 2 ? "blksize=1468 windowsize=4" : "blksize=1428",
                     3600 * 1000));
        assert_true(tftp_content_ok(&c, "file.efi", 200000));
        tftp_client_done(&c);
        tftp_world_end(&w);
    }
}

static void doubled_acknowledgements_do_not_double_the_data(void **state)
{
    struct tftp_world w;
    struct tftp_client c;
    (void)state;
    tftp_world_start(&w, 3);
    tftp_publish(&w, "file.efi", 512 * 200);
    tftp_client_open(&c, &w, "10.0.0.20", 2000);
    c.habits = HABIT_TWICE;
    assert_true(tftp_get(&c, "file.efi", "", 60000));
    assert_int_equal(w.data_packets, 201);
    /* Nor, for long, with a window. */
    w.data_packets = 0;
    assert_true(tftp_get(&c, "file.efi", "windowsize=4", 60000));
    assert_true(w.data_packets < 201 * 3);
    tftp_client_done(&c);
    tftp_world_end(&w);
}

static void lost_first_block_of_a_window_needs_no_timeout(void **state)
{
    struct tftp_world w;
    struct tftp_client c;
    (void)state;
    tftp_world_start(&w, 4);
    tftp_publish(&w, "file.efi", 1468 * 40);
    tftp_client_open(&c, &w, "10.0.0.20", 2000);
    tftp_ask(&c, "file.efi", "blksize=1468 windowsize=4");
    loop_run_for(w.loop, 3); /* OACK, ACK, the first window is under way */
    c.next = 1;
    /* What the client says when block 1 of the window did not come. */
    static const uint8_t again[] = {0, 4, 0, 0};
    tftp_send_transfer(&c, again, sizeof(again));
    uint64_t before = loop_now_ms(w.loop);
    while (!c.complete && loop_now_ms(w.loop) - before < 900)
        loop_run_for(w.loop, 10);
    assert_true(c.complete);
    assert_true(tftp_content_ok(&c, "file.efi", 1468 * 40));
    tftp_client_done(&c);
    tftp_world_end(&w);
}

static void size_probe_is_no_transfer(void **state)
{
    struct tftp_world w;
    struct tftp_client c;
    static const uint8_t abort_8[] = {0, 5, 0, 8, 'U', 's', 'e', 'r', 0};
    (void)state;
    tftp_world_start(&w, 5);
    tftp_publish(&w, "file.efi", 5000);
    tftp_client_open(&c, &w, "10.0.0.20", 2000);
    c.habits = HABIT_SILENT;
    tftp_ask(&c, "file.efi", "tsize=0 blksize=1468 windowsize=4");
    loop_run_for(w.loop, 10);
    assert_true(c.oack);
    tftp_send_transfer(&c, abort_8, sizeof(abort_8));
    loop_run_for(w.loop, 100);
    assert_int_equal(w.started + w.done + w.failed, 0);
    unsigned sent = w.server_packets;
    loop_run_for(w.loop, 60000);
    assert_int_equal(w.server_packets, sent); /* it is gone */
    c.habits = 0;
    assert_true(tftp_get(&c, "file.efi", "blksize=1468 windowsize=4", 5000));
    assert_int_equal(w.done, 1);
    tftp_client_done(&c);
    tftp_world_end(&w);
}

static void unproven_address_is_sent_little(void **state)
{
    static const char *const options[] = {"", "blksize=1468 windowsize=64"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(options); i++) {
        struct tftp_world w;
        struct tftp_client c;
        tftp_world_start(&w, 6);
        tftp_publish(&w, "file.efi", 1 << 20);
        tftp_client_open(&c, &w, "10.0.0.20", 2000);
        c.habits = HABIT_SILENT;
        tftp_ask(&c, "file.efi", options[i]);
        loop_run_for(w.loop, 600 * 1000);
        assert_int_equal(w.server_packets, 6);
        assert_int_equal(w.data_packets, i == 0 ? 6 : 0);
        tftp_client_done(&c);
        tftp_world_end(&w);
    }
}

static void missing_last_acknowledgement_is_not_a_failure(void **state)
{
    struct tftp_world w;
    struct tftp_client c;
    (void)state;
    tftp_world_start(&w, 7);
    tftp_publish(&w, "file.efi", 3000);
    tftp_client_open(&c, &w, "10.0.0.20", 2000);
    c.habits = HABIT_NO_LAST;
    assert_true(tftp_get(&c, "file.efi", "", 5000));
    c.habits = HABIT_NO_LAST | HABIT_SILENT;
    loop_run_for(w.loop, 60000);
    assert_int_equal(w.done, 1);
    assert_int_equal(w.failed, 0);
    tftp_client_done(&c);
    tftp_world_end(&w);
}

static void client_that_goes_away_is_a_failure_after_a_minute(void **state)
{
    struct tftp_world w;
    struct tftp_client c;
    (void)state;
    tftp_world_start(&w, 8);
    tftp_publish(&w, "file.efi", 300000);
    tftp_client_open(&c, &w, "10.0.0.20", 2000);
    tftp_ask(&c, "file.efi", "blksize=1468");
    loop_run_for(w.loop, 100);
    c.habits = HABIT_SILENT;
    loop_run_for(w.loop, 50000);
    assert_int_equal(w.failed, 0);
    loop_run_for(w.loop, 30000);
    assert_int_equal(w.failed, 1);
    tftp_client_done(&c);
    tftp_world_end(&w);
}

static void foreign_packets_get_error_5_and_change_nothing(void **state)
{
    struct tftp_world w;
    struct tftp_client c;
    struct tftp_client foreign;
    static const uint8_t ack[] = {0, 4, 0, 1};
    static const uint8_t error[] = {0, 5, 0, 0, 0};
    (void)state;
    tftp_world_start(&w, 9);
    tftp_publish(&w, "file.efi", 100000);
    tftp_client_open(&c, &w, "10.0.0.20", 2000);
    tftp_client_open(&foreign, &w, "10.0.0.21", 2000);
    tftp_ask(&c, "file.efi", "blksize=1468");
    loop_run_for(w.loop, 20);
    foreign.server = c.server;
    tftp_send_transfer(&foreign, error, sizeof(error));
    tftp_send_transfer(&foreign, ack, sizeof(ack));
    loop_run_for(w.loop, 20);
    assert_int_equal(foreign.error, 5);
    assert_int_equal(foreign.replies, 1); /* none to its ERROR */
    loop_run_for(w.loop, 5000);
    assert_true(c.complete);
    assert_true(tftp_content_ok(&c, "file.efi", 100000));
    tftp_client_done(&c);
    tftp_client_done(&foreign);
    tftp_world_end(&w);
}

static void repeated_request_is_one_transfer(void **state)
{
    struct tftp_world w;
    struct tftp_client c;
    (void)state;
    tftp_world_start(&w, 10);
    tftp_publish(&w, "file.efi", 5000);
    tftp_client_open(&c, &w, "10.0.0.20", 2000);
    c.habits = HABIT_SILENT;
    tftp_ask(&c, "file.efi", "blksize=1468");
    loop_run_for(w.loop, 10);
    uint16_t port = c.server.port;
    c.server.port = 0; /* it never saw the answer */
    tftp_send_raw(&c, TFTP_SERVER, c.last, c.last_length);
    loop_run_for(w.loop, 10);
    assert_int_equal(c.server.port, port);
    assert_int_equal(w.server_packets, 2);
    tftp_client_done(&c);
    tftp_world_end(&w);
}

static void next_file_from_the_same_port_is_not_swallowed(void **state)
{
    struct tftp_world w;
    struct tftp_client c;
    (void)state;
    tftp_world_start(&w, 11);
    tftp_publish(&w, "first", 3000);
    tftp_publish(&w, "second", 4000);
    tftp_client_open(&c, &w, "10.0.0.20", 2001);
    c.habits = HABIT_NO_LAST; /* leaves the first transfer waiting */
    assert_true(tftp_get(&c, "first", "blksize=1428", 5000));
    assert_true(tftp_get(&c, "second", "blksize=1428", 5000));
    assert_true(tftp_content_ok(&c, "second", 4000));
    tftp_client_done(&c);
    tftp_world_end(&w);
}

static void too_many_transfers_of_one_client_are_ignored(void **state)
{
    struct tftp_world w;
    struct tftp_client c[65];
    (void)state;
    tftp_world_start(&w, 12);
    tftp_publish(&w, "file.efi", 3000);
    /* One host each, but one address: 64 is the default limit. */
    for (size_t i = 0; i < ARRAY_LENGTH(c); i++) {
        tftp_client_open(&c[i], &w, "10.0.0.20", (uint16_t)(2000 + i));
        c[i].habits = HABIT_SILENT;
        tftp_ask(&c[i], "file.efi", "blksize=1428");
    }
    loop_run_for(w.loop, 20);
    assert_int_equal(w.server_packets, 64);
    for (size_t i = 0; i < ARRAY_LENGTH(c); i++)
        tftp_client_done(&c[i]);
    tftp_world_end(&w);
}

static void names_are_forgiving_and_never_climb(void **state)
{
    static const struct {
        const char *name;
        int error; /* -1 = served */
    } cases[] = {
        {"/file.efi", -1},
        {"\\FILE.EFI", -1},
        {"//file.efi\xff", -1},
        {"nothing", 1},
        {"../file.efi", 2},
        {"..\\..\\file.efi", 2},
        {"x/../file.efi", 2},
        {"%2e%2e/file.efi", 1},
        {"", 1},
        {"/", 1},
        {"fi\x01le.efi", 1},
        {"dir/file.efi", 1},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        struct tftp_world w;
        struct tftp_client c;
        tftp_world_start(&w, i);
        tftp_publish(&w, "file.efi", 10);
        tftp_client_open(&c, &w, "10.0.0.20", 2000);
        (void)tftp_get(&c, cases[i].name, "", 500);
        assert_int_equal(c.error, cases[i].error);
        tftp_client_done(&c);
        tftp_world_end(&w);
    }
}

struct raw_case {
    const char *data;
    size_t length;
    int error; /* -1 = no answer */
};

#define RAW(text, error)                                                       \
    {                                                                          \
        text, sizeof(text) - 1, error                                          \
    }

static const struct raw_case raw_cases[] = {
    RAW("\0\2file.efi\0octet\0", 2),    /* a write */
    RAW("\0\1file.efi\0netascii\0", 0), /* refused clearly */
    RAW("\0\1file.efi\0mail\0", 4),     /* RFC 783's */
    RAW("\0\1file.efi", 4),             /* no end */
    RAW("\0\1file.efi\0", 4),           /* no mode */
    RAW("\0\1file.efi\0octet", 4),      /* mode without end */
    RAW("\0\1", 4),                     /* nothing */
    RAW("\0\3\0\1data", 5),             /* no such transfer */
    RAW("\0\4\0\1", 5),                 /* the same */
    RAW("\0\6blksize\0008\0", 5),       /* an OACK to the server */
    RAW("\0\5\0\1no\0", -1),            /* never answered */
    RAW("\0\7x", 4),                    /* unknown */
    RAW("\0", 4),                       /* half an opcode */
};

static void malformed_requests_get_the_right_error(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(raw_cases); i++) {
        struct tftp_world w;
        struct tftp_client c;
        tftp_world_start(&w, i);
        tftp_publish(&w, "file.efi", 10);
        tftp_client_open(&c, &w, "10.0.0.20", 2000);
        tftp_send_raw(&c, TFTP_SERVER, raw_cases[i].data, raw_cases[i].length);
        loop_run_for(w.loop, 100);
        assert_int_equal(c.error, raw_cases[i].error);
        tftp_client_done(&c);
        tftp_world_end(&w);
    }
}

static void oversized_requests_are_refused(void **state)
{
    struct tftp_world w;
    struct tftp_client c;
    static char bytes[1400];
    (void)state;
    tftp_world_start(&w, 13);
    tftp_publish(&w, "file.efi", 10);
    tftp_client_open(&c, &w, "10.0.0.20", 2000);
    memset(bytes, 'a', sizeof(bytes));
    memcpy(bytes, "\0\1", 2);
    tftp_send_raw(&c, TFTP_SERVER, bytes, sizeof(bytes));
    loop_run_for(w.loop, 100);
    assert_int_equal(c.error, 4);
    /* Two hundred options fit; the file is served all the same. */
    int n = snprintf(bytes + 2, sizeof(bytes) - 2, "file.efi%coctet%c", 0, 0);
    size_t length = 2 + (size_t)n;
    for (int i = 0; i < 200; i++) {
        memcpy(bytes + length, "o\0001\0", 4);
        length += 4;
    }
    c.error = -1;
    c.server.port = 0;
    c.block_bytes = 512;
    c.window = 1;
    c.next = 1;
    tftp_send_raw(&c, TFTP_SERVER, bytes, length);
    loop_run_for(w.loop, 100);
    assert_true(c.complete);
    tftp_client_done(&c);
    tftp_world_end(&w);
}

static void broadcast_request_is_answered_only_for_a_file(void **state)
{
    struct tftp_world w;
    struct tftp_client c;
    static const char missing[] = "\0\1C0A80164\0octet";
    static const char there[] = "\0\1c0a80165\0octet";
    (void)state;
    tftp_world_start(&w, 14);
    tftp_publish(&w, "c0a80165", 700);
    tftp_client_open(&c, &w, "10.0.0.20", 2000);
    c.block_bytes = 512;
    c.window = 1;
    c.next = 1;
    tftp_send_raw(&c, "255.255.255.255", missing, sizeof(missing));
    tftp_send_raw(&c, "255.255.255.255", "\0\2x\0octet\0", 9);
    tftp_send_raw(&c, "255.255.255.255", "\0\1x", 3);
    loop_run_for(w.loop, 100);
    assert_int_equal(c.replies, 0);
    tftp_send_raw(&c, "255.255.255.255", there, sizeof(there));
    loop_run_for(w.loop, 1000);
    assert_true(c.complete);
    assert_true(tftp_content_ok(&c, "c0a80165", 700));
    tftp_client_done(&c);
    tftp_world_end(&w);
}

static void drain_finishes_what_runs_and_takes_nothing_new(void **state)
{
    struct tftp_world w;
    struct tftp_client c;
    struct tftp_client late;
    (void)state;
    tftp_world_start(&w, 15);
    tftp_publish(&w, "file.efi", 200000);
    tftp_client_open(&c, &w, "10.0.0.20", 2000);
    tftp_client_open(&late, &w, "10.0.0.21", 2000);
    tftp_ask(&c, "file.efi", "blksize=1468");
    loop_run_for(w.loop, 20);
    slipway_plugin_descriptor.serve_drain(w.plugin);
    assert_false(w.drained);
    assert_false(tftp_get(&late, "file.efi", "", 3000));
    loop_run_for(w.loop, 3000);
    assert_true(c.complete);
    assert_true(tftp_content_ok(&c, "file.efi", 200000));
    assert_true(w.drained);
    tftp_client_done(&c);
    tftp_client_done(&late);
    tftp_world_end(&w);
}

static void stop_in_the_middle_frees_everything(void **state)
{
    struct tftp_world w;
    struct tftp_client c;
    (void)state;
    tftp_world_start(&w, 16);
    tftp_publish(&w, "file.efi", 200000);
    tftp_client_open(&c, &w, "10.0.0.20", 2000);
    tftp_ask(&c, "file.efi", "blksize=1468 windowsize=8");
    loop_run_for(w.loop, 20);
    tftp_world_end(&w); /* leaks show under a leak checker */
    buf_done(&c.content);
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
        cmocka_unit_test(files_of_every_length_arrive_whole),
        cmocka_unit_test(block_numbers_wrap_to_zero),
        cmocka_unit_test(options_are_granted_only_as_asked),
        cmocka_unit_test(bad_network_only_slows_a_transfer),
        cmocka_unit_test(doubled_acknowledgements_do_not_double_the_data),
        cmocka_unit_test(lost_first_block_of_a_window_needs_no_timeout),
        cmocka_unit_test(size_probe_is_no_transfer),
        cmocka_unit_test(unproven_address_is_sent_little),
        cmocka_unit_test(missing_last_acknowledgement_is_not_a_failure),
        cmocka_unit_test(client_that_goes_away_is_a_failure_after_a_minute),
        cmocka_unit_test(foreign_packets_get_error_5_and_change_nothing),
        cmocka_unit_test(repeated_request_is_one_transfer),
        cmocka_unit_test(next_file_from_the_same_port_is_not_swallowed),
        cmocka_unit_test(too_many_transfers_of_one_client_are_ignored),
        cmocka_unit_test(names_are_forgiving_and_never_climb),
        cmocka_unit_test(malformed_requests_get_the_right_error),
        cmocka_unit_test(oversized_requests_are_refused),
        cmocka_unit_test(broadcast_request_is_answered_only_for_a_file),
        cmocka_unit_test(drain_finishes_what_runs_and_takes_nothing_new),
        cmocka_unit_test(stop_in_the_middle_frees_everything),
    };
    log_set_sink(ignore_line, NULL);
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
