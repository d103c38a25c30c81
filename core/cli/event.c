/* SPDX-License-Identifier: Apache-2.0 */
/* slipway event follow: one line an event, or JSON lines. */
#include "core/cli/output.h"
#include "core/cli/rest.h"

#include <string.h>

static void print_member(const char *key, const json_t *value)
{
    char text[200];

    if (strcmp(key, "event") == 0 || strcmp(key, "number") == 0 ||
        strcmp(key, "time_ms") == 0)
        return;
    output_value(value, COLUMN_TEXT, text, sizeof(text));
    (void)printf(" %s=%s", key, text);
}

static bool print_event(void *arg, const json_t *event)
{
    const struct cli *cli = arg;
    char when[32];
    char id[64];
    const char *key;
    json_t *value;

    if (!json_object_get(event, "event"))
        return true; /* "resync": some events are no longer kept */
    if (cli->json) {
        AUTO_FREE char *text = json_dumps(event, JSON_COMPACT | JSON_SORT_KEYS);

        (void)puts(text ? text : "");
    } else {
        output_value(json_object_get(event, "time_ms"), COLUMN_TIME, when,
                     sizeof(when));
        output_value(json_object_get(event, "event"), COLUMN_TEXT, id,
                     sizeof(id));
        (void)printf("%s %s", when, id);
        json_object_foreach((json_t *)(uintptr_t)event, key, value)
            print_member(key, value);
        (void)putchar('\n');
    }
    return fflush(stdout) == 0;
}

int event_follow(struct cli *cli)
{
    return rest_events(cli, cli_option(cli, "after"), 0, print_event, cli);
}
