/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A process that writes to a store is killed at random moments, again and
 * again; afterwards everything that was acknowledged is there and nothing is
 * there by half.  The seed is printed; SLIPWAY_SEED repeats the moments as
 * far as the machine allows.
 */
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/util/num.h"
#include "tests/plugin/store-driver.h"

#define KILLS 20
#define PAIRS 16
#define IN_FLIGHT 8

static char location[512];
static uint64_t state;

static uint64_t pick(uint64_t below)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state % below;
}

/* ---- the child: several transactions under way at any time ---- */

struct writer {
    struct driver driver;
    uint64_t next; /* number that the next transaction writes */
    int pipe_fd;
};

struct flight {
    struct writer *writer;
    uint64_t number;
};

static void send_next(struct writer *writer);

/* Says which number was acknowledged and sends the next one. */
static void on_acknowledged(void *arg, uint32_t result, uint64_t revision,
                            const char *sentence)
{
    struct flight *flight = arg;
    (void)revision;
    if (result != SLIPWAY_STORE_OK) {
        fprintf(stderr, "not acknowledged: %s\n", sentence ? sentence : "");
        _exit(3);
    }
    if (write(flight->writer->pipe_fd, &flight->number,
              sizeof(flight->number)) != sizeof(flight->number))
        _exit(4);
    send_next(flight->writer);
    free(flight);
}

/* Number N goes under two keys of pair N % PAIRS, in one transaction. */
static void send_next(struct writer *writer)
{
    char left[32], right[32], value[32];
    struct flight *flight = calloc(1, sizeof(*flight));
    flight->writer = writer;
    flight->number = writer->next++;
    (void)snprintf(left, sizeof(left), "/left/%llu",
                   (unsigned long long)(flight->number % PAIRS));
    (void)snprintf(right, sizeof(right), "/right/%llu",
                   (unsigned long long)(flight->number % PAIRS));
    (void)snprintf(value, sizeof(value), "%llu",
                   (unsigned long long)flight->number);
    struct slipway_store_op ops[] = {PUT(left, value), PUT(right, value)};
    struct driver *driver = &writer->driver;
    driver->plugin->txn(driver->store, NULL, 0, ops, 2, on_acknowledged,
                        flight);
}

static void child_main(const struct slipway_store_plugin *plugin,
                       uint64_t first, int pipe_fd)
{
    struct writer writer = {.next = first, .pipe_fd = pipe_fd};
    if (driver_open(&writer.driver, plugin, location)) {
        fprintf(stderr, "cannot open: %s\n", writer.driver.why);
        _exit(2);
    }
    for (unsigned i = 0; i < IN_FLIGHT; i++)
        send_next(&writer);
    loop_run(writer.driver.loop);
    _exit(5);
}

/* ---- the parent ---- */

static uint64_t newest[PAIRS]; /* acknowledged */
static uint64_t highest;

static void note_number(uint64_t number)
{
    newest[number % PAIRS] = number;
    if (number > highest)
        highest = number;
}

/* Reads acknowledgements for a random number of them, then kills. */
static void run_until_killed(const struct slipway_store_plugin *plugin)
{
    int fds[2], status;
    uint64_t number, quota = pick(60);
    assert_int_equal(pipe(fds), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (!pid) {
        (void)close(fds[0]);
        child_main(plugin, highest + IN_FLIGHT + 1, fds[1]);
    }
    (void)close(fds[1]);
    for (uint64_t i = 0; i < quota; i++) {
        if (read(fds[0], &number, sizeof(number)) != sizeof(number))
            break;
        note_number(number);
    }
    /* Some steps of the processor later, not at the acknowledgement itself. */
    for (volatile uint64_t spin = pick(2000000); spin; spin--)
        continue;
    assert_int_equal(kill(pid, SIGKILL), 0);
    while (read(fds[0], &number, sizeof(number)) == sizeof(number))
        note_number(number);
    (void)close(fds[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

/* The number under a key; 0 = it is not there. */
static uint64_t number_of(struct driver *driver, const char *side,
                          unsigned pair)
{
    char key[32];
    uint64_t number = 0;
    (void)snprintf(key, sizeof(key), "/%s/%u", side, pair);
    if (driver_get(driver, key) != SLIPWAY_STORE_OK)
        return 0;
    assert_int_equal(num_parse_u64(driver->answer.items[0].value, 1, UINT64_MAX,
                                   &number, NULL),
                     0);
    return number;
}

static void check_store(const struct slipway_store_plugin *plugin)
{
    struct driver driver;
    if (driver_open(&driver, plugin, location))
        fail_msg("does not open after the kill: %s", driver.why);
    for (unsigned i = 0; i < PAIRS; i++) {
        uint64_t left = number_of(&driver, "left", i);
        assert_int_equal(left, number_of(&driver, "right", i));
        assert_true(left >= newest[i]);
        assert_true(left <= highest + 2 * IN_FLIGHT + 1);
        note_number(left ? left : newest[i]);
    }
    driver_close(&driver);
}

static void test_kills_lose_nothing(void **unused)
{
    (void)unused;
    const char *name = getenv("SLIPWAY_STORE");
    const struct slipway_store_plugin *plugin =
        driver_plugin(name ? name : "sqlite");
    for (unsigned i = 0; i < KILLS; i++) {
        run_until_killed(plugin);
        check_store(plugin);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kills_lose_nothing),
    };
    const char *own = getenv("TEST_DIR");
    const char *dir = getenv("SLIPWAY_STORE_LOCATION");
    const char *text = getenv("SLIPWAY_SEED");
    (void)snprintf(location, sizeof(location), "%s/crash",
                   dir   ? dir
                   : own ? own
                         : "/tmp");
    state = (uint64_t)time(NULL) * 2654435761u + 1;
    if (text)
        (void)num_parse_u64(text, 1, UINT64_MAX, &state, NULL);
    printf("# SLIPWAY_SEED=%llu\n", (unsigned long long)state);
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("store-crash", tests, NULL, NULL);
}
