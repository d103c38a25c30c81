/* SPDX-License-Identifier: Apache-2.0 */
/* slipway event follow: one line an event, or JSON lines.  A connection that
 * breaks is made again, and the stream goes on where it was. */
#include <string.h>
#include <time.h>

#include "core/cli/output.h"
#include "core/cli/rest.h"

#define MAX_PAUSE_S 5
#define EVENT_TEXT_BYTES 512

/* Events that are gone: said to the person, told to the program. */
static void say_gap(const json_t *gap)
{
    const char *reason = json_string_value(json_object_get(gap, "reason"));
    json_int_t from = json_integer_value(json_object_get(gap, "lost_from"));
    json_int_t to = json_integer_value(json_object_get(gap, "lost_to"));

    if (reason && strcmp(reason, "restarted") == 0)
        (void)fprintf(stderr, "slipway: the server was started again; what "
                              "happened just before that may be missing\n");
    if (from)
        (void)fprintf(stderr,
                      "slipway: the events %lld to %lld are missing: the "
                      "server no longer keeps them\n",
                      (long long)from, (long long)to);
}

static bool print_event(void *arg, const json_t *event)
{
    const struct cli *cli = arg;
    char when[32];
    char id[64];
    char message[EVENT_TEXT_BYTES];
    const char *what = json_string_value(json_object_get(event, "event"));
    if (!what)
        return true; /* nothing that this program knows */
    if (strcmp(what, "gap") == 0 && !cli->json) {
        say_gap(event);
    } else if (cli->json) {
        AUTO_FREE char *text = json_dumps(event, JSON_COMPACT | JSON_SORT_KEYS);

        (void)puts(text ? text : "");
    } else {
        output_value(json_object_get(event, "time_ms"), COLUMN_TIME, when,
                     sizeof(when));
        output_value(json_object_get(event, "event"), COLUMN_TEXT, id,
                     sizeof(id));
        output_value(json_object_get(event, "message"), COLUMN_TEXT, message,
                     sizeof(message));
        (void)printf("%s  %-16s  %s\n", when, id, message);
    }
    return fflush(stdout) == 0;
}

/* Longer each time that the server does not answer. */
static void pause_a_while(unsigned failures)
{
    struct timespec pause = {.tv_sec = MIN(failures, MAX_PAUSE_S)};

    if (failures == 1)
        (void)fprintf(stderr, "slipway: the server does not answer, trying "
                              "again\n");
    (void)nanosleep(&pause, NULL);
}

int event_follow(struct cli *cli)
{
    struct rest_follower f = {.on_event = print_event, .arg = cli};
    const char *after = cli_option(cli, "after");
    unsigned failures = 0;

    (void)snprintf(f.last_id, sizeof(f.last_id), "%s", after ? after : "");
    for (;;) {
        bool before = f.connected;
        int code;

        f.connected = false;
        code = rest_follow(cli, &f);
        cli->patient = true;
        if (f.stopped)
            return cli_fail(EXIT_FAILED, "the output cannot be written");
        if (code && code != EXIT_UNAVAILABLE && code != EXIT_TIMED_OUT)
            return code;
        if (!f.connected && !before && failures == 0)
            return code ? code : EXIT_UNAVAILABLE; /* it never was there */
        failures = f.connected ? 0 : failures + 1;
        if (failures)
            pause_a_while(failures);
    }
}
