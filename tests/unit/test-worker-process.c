/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A worker process seen from its parent.  This program is its own
 * /proc/self/exe: `worker burst` says everything at once and ends.
 */
#include "core/server/workers/worker-process.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "core/util/json.h"

/* More than a channel reads at one event, less than its socket holds. */
#define BURST 60

struct seen {
    struct loop *loop;
    struct worker_process *process;
    unsigned messages;
    unsigned ended;
    bool clean;
    bool free_at_last; /* the last message is all that its owner wants */
};

static void on_message(void *arg, struct channel_message *message)
{
    struct seen *seen = arg;

    assert_int_equal(json_integer_value(json_object_get(message->head, "n")),
                     seen->messages);
    seen->messages++;
    if (seen->messages == BURST && seen->free_at_last) {
        worker_process_free(TAKE(seen->process));
        loop_stop(seen->loop);
    }
}

static void on_ended(void *arg, bool clean, const char *why)
{
    struct seen *seen = arg;

    assert_string_equal(why, "ended with status 0");
    seen->ended++;
    seen->clean = clean;
    worker_process_free(TAKE(seen->process));
    loop_stop(seen->loop);
}

/* Looks at the worker only when it has ended. */
static void run(struct seen *seen)
{
    static const struct worker_process_handlers handlers = {
        .on_message = on_message,
        .on_ended = on_ended,
    };
    siginfo_t info;

    seen->loop = loop_new(&seam_real, NULL);
    seen->process = worker_process_start(seen->loop, "burst", "burst",
                                         &handlers, seen, NULL);
    assert_non_null(seen->process);
    assert_int_equal(waitid(P_PID, (id_t)worker_process_pid(seen->process),
                            &info, WEXITED | WNOWAIT),
                     0);
    loop_run(seen->loop);
    assert_int_equal(seen->messages, BURST);
    loop_free(seen->loop);
}

static void the_last_messages_of_a_worker_come_before_its_end(void **state)
{
    struct seen seen = {.clean = false};

    (void)state;
    run(&seen);
    assert_int_equal(seen.ended, 1);
    assert_true(seen.clean);
}

static void an_owner_that_had_its_last_message_hears_of_no_end(void **state)
{
    struct seen seen = {.free_at_last = true};

    (void)state;
    run(&seen);
    assert_int_equal(seen.ended, 0);
}

static int burst(void)
{
    for (int i = 0; i < BURST; i++)
        if (channel_send_now(3, json_pack("{s:i}", "n", i), NULL, 0, NULL, 0,
                             NULL) != 0)
            return 1;
    return 0;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_last_messages_of_a_worker_come_before_its_end),
        cmocka_unit_test(an_owner_that_had_its_last_message_hears_of_no_end),
    };

    if (argc == 3 && strcmp(argv[1], "worker") == 0)
        return burst();
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
