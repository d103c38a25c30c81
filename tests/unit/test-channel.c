/* SPDX-License-Identifier: Apache-2.0 */
/* Messages between processes, and the processes themselves. */
#include "core/util/channel.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "core/util/child.h"

struct seen {
    struct loop *loop;
    struct channel *channel;
    unsigned messages;
    char word[32], data[32], why[64];
    int fd;
    int status;
    bool timed_out;
};

static void on_message(void *arg, struct channel_message *message)
{
    struct seen *seen = arg;
    seen->messages++;
    (void)strncpy(seen->word,
                  json_string_value(json_object_get(message->head, "word")),
                  sizeof(seen->word) - 1);
    memcpy(seen->data, message->data, message->length);
    seen->fd = TAKE_FD(message->fds[0]);
    loop_stop(seen->loop);
}
static void on_closed(void *arg, const char *why)
{
    struct seen *seen = arg;
    (void)strncpy(seen->why, why, sizeof(seen->why) - 1);
    loop_stop(seen->loop);
}
static const struct channel_handlers handlers = {on_message, on_closed};

static void start(struct seen *seen, int *ret_other)
{
    int fds[2];
    memset(seen, 0, sizeof(*seen));
    seen->fd = -1;
    seen->loop = loop_new(&seam_real, NULL);
    assert_int_equal(channel_pair(fds, NULL), 0);
    seen->channel =
        channel_new(seen->loop, fds[0], 4, &handlers, seen, NULL);
    *ret_other = fds[1];
}
static void end(struct seen *seen, int other)
{
    channel_free(seen->channel);
    loop_free(seen->loop);
    if (seen->fd >= 0)
        (void)close(seen->fd);
    if (other >= 0)
        (void)close(other);
}

static void a_message_brings_json_bytes_and_a_descriptor(void **state)
{
    struct seen seen;
    int other, fds[2], one;
    char byte = 0;
    (void)state;
    start(&seen, &other);
    assert_int_equal(pipe(fds), 0);
    one = fds[0];
    assert_int_equal(channel_send_now(other, json_pack("{s:s}", "word", "hi"),
                                      "bytes", 5, &one, 1, NULL),
                     0);
    loop_run(seen.loop);
    assert_string_equal(seen.word, "hi");
    assert_string_equal(seen.data, "bytes");
    assert_int_equal(write(fds[1], "x", 1), 1);
    assert_int_equal(read(seen.fd, &byte, 1), 1);
    assert_int_equal(byte, 'x');
    (void)close(fds[0]);
    (void)close(fds[1]);
    end(&seen, other);
}

static void garbage_closes_the_channel(void **state)
{
    struct seen seen;
    int other;
    (void)state;
    start(&seen, &other);
    assert_int_equal(send(other, "\xff\xff\xff\xff{}", 6, 0), 6);
    loop_run(seen.loop);
    assert_string_equal(seen.why, "a message is cut short");
    assert_int_equal(seen.messages, 0);
    end(&seen, other);
}

static void an_ended_peer_is_told(void **state)
{
    struct seen seen;
    int other;
    (void)state;
    start(&seen, &other);
    (void)close(other);
    loop_run(seen.loop);
    assert_string_equal(seen.why, "it has ended");
    assert_int_equal(channel_send(seen.channel, json_object(), NULL, 0, NULL,
                                  0, NULL),
                     ERR_UNAVAILABLE);
    end(&seen, -1);
}

static void a_slow_peer_fills_the_queue_and_no_more(void **state)
{
    struct seen seen;
    struct channel_message message;
    int other, sent = 0;
    static char block[32 * 1024];
    (void)state;
    start(&seen, &other);
    while (channel_send(seen.channel, json_pack("{s:s}", "word", "b"), block,
                        sizeof(block), NULL, 0, NULL) == 0)
        sent++;
    assert_true(sent >= 4);
    while (sent-- > 0) {
        loop_run_for(seen.loop, 1);
        assert_int_equal(channel_receive(other, &message, NULL), 0);
        assert_int_equal(message.length, sizeof(block));
        channel_message_done(&message);
    }
    end(&seen, other);
}

static void on_ended(void *arg, int status, bool timed_out)
{
    struct seen *seen = arg;
    seen->status = status;
    seen->timed_out = timed_out;
    loop_stop(seen->loop);
}

static void a_child_gets_its_descriptors_and_is_waited_for(void **state)
{
    struct seen seen = {.loop = loop_new(&seam_real, NULL)};
    int fds[2];
    char text[8] = "";
    static const char *const argv[] = {"/bin/sh", "-c",
                                       "echo hello >&3; exit 7", NULL};
    (void)state;
    assert_int_equal(pipe(fds), 0);
    struct child_spec spec = {.argv = argv,
                              .keep_fds = &fds[1],
                              .keep_fd_count = 1,
                              .stdin_fd = -1,
                              .stdout_fd = -1,
                              .stderr_fd = -1};
    struct child *child = child_start(seen.loop, &spec, on_ended, &seen, NULL);
    assert_non_null(child);
    loop_run(seen.loop);
    assert_int_equal(seen.status, 7);
    assert_int_equal(read(fds[0], text, 6), 6);
    assert_string_equal(text, "hello\n");
    child_free(child);
    (void)close(fds[0]);
    (void)close(fds[1]);
    loop_free(seen.loop);
}

static void a_child_that_hangs_is_killed_with_its_children(void **state)
{
    struct seen seen = {.loop = loop_new(&seam_real, NULL)};
    static const char *const argv[] = {"/bin/sh", "-c", "tail -f /dev/null",
                                       NULL};
    struct child_spec spec = {.argv = argv,
                              .stdin_fd = -1,
                              .stdout_fd = -1,
                              .stderr_fd = -1,
                              .timeout_ms = 50,
                              .own_group = true};
    (void)state;
    struct child *child = child_start(seen.loop, &spec, on_ended, &seen, NULL);
    assert_non_null(child);
    loop_run(seen.loop);
    assert_int_equal(seen.status, 256 + 9);
    assert_true(seen.timed_out);
    child_free(child);
    loop_free(seen.loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_message_brings_json_bytes_and_a_descriptor),
        cmocka_unit_test(garbage_closes_the_channel),
        cmocka_unit_test(an_ended_peer_is_told),
        cmocka_unit_test(a_slow_peer_fills_the_queue_and_no_more),
        cmocka_unit_test(a_child_gets_its_descriptors_and_is_waited_for),
        cmocka_unit_test(a_child_that_hangs_is_killed_with_its_children),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
