/* SPDX-License-Identifier: Apache-2.0 */
/* What the console shows, and what a hostile text cannot make it do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "core/engine/console.h"
#include "core/util/sim.h"

#define SCREEN_BYTES 8192

struct screen {
    struct sim *sim;
    struct loop *loop;
    struct console *console;
    int fd;
    char text[SCREEN_BYTES];
};

static int setup(void **state)
{
    struct screen *screen = calloc(1, sizeof(*screen));

    screen->fd = memfd_create("screen", MFD_CLOEXEC);
    screen->sim = sim_new(1);
    screen->loop = loop_new(sim_host(screen->sim, "192.0.2.1"), NULL);
    screen->console = console_new(screen->loop, &screen->fd, 1, NULL);
    *state = screen;
    return screen->console ? 0 : -1;
}

static int teardown(void **state)
{
    struct screen *screen = *state;

    console_free(screen->console);
    loop_free(screen->loop);
    sim_free(screen->sim);
    (void)close(screen->fd);
    free(screen);
    return 0;
}

static const char *seen(struct screen *screen)
{
    ssize_t got = pread(screen->fd, screen->text, SCREEN_BYTES - 1, 0);

    assert_true(got >= 0);
    screen->text[got] = '\0';
    return screen->text;
}

static unsigned count(const char *text, const char *what)
{
    unsigned found = 0;

    while ((text = strstr(text, what))) {
        found++;
        text++;
    }
    return found;
}

static void test_control_bytes_do_not_reach_the_terminal(void **state)
{
    struct screen *screen = *state;
    struct console_who who = {.name = "lab\033[2J\n01",
                              .product = "\007",
                              .mac = "m",
                              .address = "",
                              .server = "s\r"};

    console_say(screen->console, "one\033]0;title\007 %s", "two\nthree");
    console_trouble(screen->console, "bad\x9b\033c", "\033[31m");
    console_who(screen->console, &who);
    console_progress(screen->console, "a\033[A", 10, "b\b\b", 1, 2);
    const char *text = seen(screen);
    assert_null(strchr(text, '\033'));
    assert_null(strchr(text, '\007'));
    assert_null(strchr(text, '\b'));
    assert_non_null(strstr(text, "two?three"));
    assert_non_null(strstr(text, "lab?[2J?01"));
}

static void test_who_is_shown_when_it_changes(void **state)
{
    struct screen *screen = *state;
    struct console_who who = {
        .name = "", .product = "", .mac = "52:54", .address = "", .server = ""};

    console_who(screen->console, &who);
    console_who(screen->console, &who);
    assert_int_equal(count(seen(screen), "not found yet"), 1);
    who.server = "10.0.0.1:7443";
    console_who(screen->console, &who);
    assert_int_equal(count(seen(screen), "this machine"), 2);
}

static void test_progress_is_not_drawn_too_often(void **state)
{
    struct screen *screen = *state;

    for (unsigned i = 0; i < 1000; i++) {
        console_progress(screen->console, "install", i, "writing",
                         i * 1000000ull, 1000000000);
        loop_run_for(screen->loop, 10);
    }
    console_progress(screen->console, "install", 1000, "writing", 1000000000,
                     1000000000);
    const char *text = seen(screen);
    assert_in_range(count(text, "install ["), 35, 45); /* 10 s, 4 a second */
    assert_non_null(strstr(text, "100 %"));
    assert_non_null(strstr(text, "95.4 MiB/s"));
    /* One line of the terminal, rewritten. */
    assert_int_equal(count(text, "\n"), 0);
    console_say(screen->console, "next");
    assert_non_null(strstr(seen(screen), "\r\nSlipway: next\r\n"));
}

static void test_code_is_large_and_a_command(void **state)
{
    struct screen *screen = *state;

    console_code(screen->console, "lab-01", "one two");
    assert_non_null(strstr(seen(screen), "O N E   T W O"));
    assert_non_null(
        strstr(seen(screen), "slipway host approve lab-01 'one two'"));
}

static void test_endless_texts_are_cut(void **state)
{
    struct screen *screen = *state;
    char text[5000];

    memset(text, 'x', sizeof(text));
    text[sizeof(text) - 1] = '\0';
    console_say(screen->console, "%s", text);
    console_code(screen->console, text, text);
    console_progress(screen->console, text, 5, text, 0, 0);
    assert_true(strlen(seen(screen)) < 5000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            test_control_bytes_do_not_reach_the_terminal, setup, teardown),
        cmocka_unit_test_setup_teardown(test_who_is_shown_when_it_changes,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(test_progress_is_not_drawn_too_often,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(test_code_is_large_and_a_command, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_endless_texts_are_cut, setup,
                                        teardown),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
