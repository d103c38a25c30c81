/* SPDX-License-Identifier: Apache-2.0 */
/* The action under the mock host, without a server or a target machine. */
#include <stdio.h>
#include <string.h>

#include <slipway/mock.h>

extern const struct slipway_action_plugin slipway_plugin_descriptor;

static int tests, failures;

static void check(int ok, const char *what)
{
    tests++;
    failures += !ok;
    printf("%sok %d - %s\n", ok ? "" : "not ", tests, what);
}

static void test_greets_as_often_as_told(void)
{
    struct slipway_mock *mock = slipway_mock_new(&slipway_plugin_descriptor);
    slipway_mock_param(mock, "greeting", "good morning");
    slipway_mock_param(mock, "times", "2");
    check(slipway_mock_run(mock) == SLIPWAY_OK, "it succeeds");
    check(!strcmp(slipway_mock_log(mock), "good morning\ngood morning\n"),
          "it greets twice");
    check(!strcmp(slipway_mock_result(mock), "{\"greeted\":2}"),
          "its result says so");
    check(slipway_mock_progress(mock) == 1000, "it shows that it is done");
    check(!slipway_mock_violations(mock)[0], "it breaks no rule");
    slipway_mock_free(mock);
}

static void test_stops_when_cancelled(void)
{
    struct slipway_mock *mock = slipway_mock_new(&slipway_plugin_descriptor);
    slipway_mock_cancel_at(mock, 2);
    check(slipway_mock_run(mock) == SLIPWAY_ECANCELLED,
          "it stops when it is cancelled");
    check(!slipway_mock_result(mock)[0], "and has no result then");
    slipway_mock_free(mock);
}

int main(void)
{
    test_greets_as_often_as_told();
    test_stops_when_cancelled();
    printf("1..%d\n", tests);
    return failures != 0;
}
