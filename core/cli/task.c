/* SPDX-License-Identifier: Apache-2.0 */
/* slipway task start and batch wait: tasks from start to end. */
#include <string.h>
#include <time.h>

#include "core/cli/host.h"
#include "core/cli/output.h"
#include "core/cli/progress.h"
#include "core/cli/range.h"
#include "core/cli/rest.h"
#include "core/util/json.h"
#include "core/util/num.h"

/* The stream tells at once; the batch is read again as often as this, so that
 * nothing depends on an event. */
#define LOOK_MS 10000
#define RETRY_S 2
#define MAX_RETRIES 30 /* a server that is just starting again */

struct waiting {
    struct cli *cli;
    const char *batch;
    json_t *tasks; /* id -> {host_name, state, permille, text, sentence} */
    struct progress progress;
    bool over;
};

static const struct column outcome_columns[] = {
    {"HOST", "host_name", COLUMN_TEXT}, {"STATE", "state", COLUMN_TEXT},
    {"TASK", "task", COLUMN_TEXT},      {"CODE", "code", COLUMN_TEXT},
    {"WHY", "sentence", COLUMN_TEXT},   {NULL, NULL, COLUMN_TEXT},
};

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));

    return text ? text : "";
}

static bool is_over(const json_t *task)
{
    const char *state = text_of(task, "state");

    return strcmp(state, "succeeded") == 0 || strcmp(state, "failed") == 0 ||
           strcmp(state, "cancelled") == 0 || strcmp(state, "not-started") == 0;
}

struct counts {
    size_t all;
    size_t succeeded;
    size_t over;
    uint64_t permille;     /* sum */
    const json_t *running; /* one of them */
};

static struct counts count(const struct waiting *w)
{
    struct counts c = {0};
    const char *id;
    json_t *task;

    json_object_foreach(w->tasks, id, task)
    {
        bool over = is_over(task);

        c.all++;
        c.over += over;
        c.succeeded += strcmp(text_of(task, "state"), "succeeded") == 0;
        c.permille += over ? 1000
                           : (uint64_t)json_integer_value(
                                 json_object_get(task, "permille"));
        if (!over)
            c.running = task;
    }
    return c;
}

/* ---- what is shown ------------------------------------------------------ */

static void show_progress(struct waiting *w)
{
    struct counts c = count(w);
    char line[200];
    char bar[32];

    progress_bar(c.all ? (unsigned)(c.permille / c.all) : 0, bar);
    if (c.all == 1 && c.running)
        (void)snprintf(line, sizeof(line), "%.40s %s %.16s  %.80s",
                       text_of(c.running, "host_name"), bar,
                       text_of(c.running, "state"), text_of(c.running, "text"));
    else
        (void)snprintf(line, sizeof(line), "%s %zu of %zu over, %zu not well",
                       bar, c.over, c.all, c.over - c.succeeded);
    progress_line(&w->progress, line);
}

/* Without a terminal every change of state is a line of its own. */
static void show_state(const struct waiting *w, const json_t *task)
{
    if (!w->progress.terminal)
        (void)fprintf(stderr, "%s: %s%s%s\n", text_of(task, "host_name"),
                      text_of(task, "state"),
                      *text_of(task, "sentence") ? ": " : "",
                      text_of(task, "sentence"));
}

static void take(json_t *task, const json_t *from)
{
    static const char *const keys[] = {"host_name", "state", "permille",
                                       "text",      "code",  "sentence"};

    for (size_t i = 0; i < ARRAY_LENGTH(keys); i++) {
        json_t *value = json_object_get(from, keys[i]);

        if (value)
            (void)json_object_set(task, keys[i], value);
    }
    /* An event's own permille is that of its step. */
    json_t *whole = json_object_get(from, "task_permille");
    if (whole)
        (void)json_object_set(task, "permille", whole);
}

/* News about a task, from the batch or from an event. */
static void learn(struct waiting *w, const char *id, const json_t *news)
{
    json_t *task = json_object_get(w->tasks, id);
    char before[32];

    if (!task)
        return;
    (void)snprintf(before, sizeof(before), "%s", text_of(task, "state"));
    take(task, news);
    if (strcmp(before, text_of(task, "state")) != 0)
        show_state(w, task);
}

static bool on_event(void *arg, const json_t *event)
{
    struct waiting *w = arg;
    const char *id = text_of(event, "task");

    if (*id)
        learn(w, id, event);
    show_progress(w);
    w->over = count(w).over == json_object_size(w->tasks);
    return !w->over;
}

/* ---- waiting ------------------------------------------------------------ */

static int look(struct waiting *w)
{
    AUTO_FREE char *path = NULL;
    struct rest_reply reply;
    const json_t *entry;
    size_t i;
    int code;

    if (asprintf(&path, "/api/v1/batches/%s", w->batch) < 0) {
        path = NULL;
        return cli_fail(EXIT_FAILED, "no memory is left");
    }
    code = rest_get(w->cli, path, &reply);
    if (code == 0) {
        json_array_foreach(json_object_get(reply.json, "tasks"), i, entry)
        {
            const char *id = text_of(entry, "task");

            if (!json_object_get(w->tasks, id))
                (void)json_object_set_new(w->tasks, id,
                                          json_pack("{s:s}", "task", id));
            learn(w, id, entry);
        }
        w->over = json_object_size(w->tasks) > 0 &&
                  count(w).over == json_object_size(w->tasks);
        show_progress(w);
    }
    rest_reply_done(&reply);
    return code;
}

static int outcome(struct waiting *w)
{
    AUTO_JSON *list = json_array();
    struct counts c = count(w);
    const char *id;
    json_t *task;

    json_object_foreach(w->tasks, id, task)(void) json_array_append(list, task);
    if (w->cli->json) {
        AUTO_JSON *object =
            json_pack("{s:s, s:O}", "batch", w->batch, "tasks", list);

        output_json(object);
    } else {
        output_table(list, outcome_columns);
    }
    if (c.succeeded == c.all)
        return EXIT_OK;
    return c.succeeded ? EXIT_PARTLY : EXIT_FAILED;
}

/* A server that was there a moment ago is probably just starting again. */
static int be_patient(struct waiting *w, unsigned *retries)
{
    struct timespec pause = {.tv_sec = RETRY_S};

    if (*retries == MAX_RETRIES)
        return cli_fail(EXIT_UNAVAILABLE,
                        "server '%s' does not answer any more; the tasks go "
                        "on without it, see 'slipway batch show %s'",
                        w->cli->server, w->batch);
    if ((*retries)++ == 0)
        (void)fprintf(stderr,
                      "%sslipway: server '%s' does not answer, trying "
                      "again\n",
                      w->progress.shown ? "\n" : "", w->cli->server);
    (void)nanosleep(&pause, NULL);
    return 0;
}

static int follow(struct waiting *w, uint64_t timeout_ms)
{
    struct rest_follower follower = {.on_event = on_event, .arg = w};
    time_t start = time(NULL);
    unsigned retries = 0;
    int code;

    for (;;) {
        uint64_t passed = (uint64_t)(time(NULL) - start) * 1000;

        code = look(w);
        w->cli->patient = true;
        if (code == EXIT_UNAVAILABLE) {
            code = be_patient(w, &retries);
            if (code)
                return code;
            continue;
        }
        if (code || w->over)
            return code;
        retries = 0;
        if (timeout_ms && passed >= timeout_ms)
            return cli_fail(EXIT_TIMED_OUT,
                            "the tasks are not over yet; they "
                            "go on, see 'slipway batch show "
                            "%s'",
                            w->batch);
        follower.timeout_ms = timeout_ms ? MIN(timeout_ms - passed, LOOK_MS)
                                         : (uint64_t)LOOK_MS;
        code = rest_follow(w->cli, &follower);
        if (code && code != EXIT_UNAVAILABLE)
            return code;
        if (w->over) /* what ended last may have more to say */
            return look(w);
    }
}

int cli_batch_wait(struct cli *cli, const char *batch, uint64_t timeout_ms)
{
    AUTO_JSON *tasks = json_object();
    struct waiting w = {.cli = cli, .batch = batch, .tasks = tasks};
    int code;

    progress_init(&w.progress, batch, cli->terminal);
    code = follow(&w, timeout_ms);
    progress_done(&w.progress);
    return code ? code : outcome(&w);
}

static int parse_timeout(const struct cli *cli, uint64_t *ret)
{
    const char *text = cli_option(cli, "timeout");
    struct err err = ERR_INIT;

    *ret = 0;
    if (text && num_parse_duration(text, ret, &err) != 0)
        return cli_fail(EXIT_USAGE, "--timeout: %s", err.text);
    return 0;
}

int task_wait(struct cli *cli)
{
    AUTO_FREE char *batch = cli_path(cli, "{0}");
    uint64_t timeout_ms;
    int code = parse_timeout(cli, &timeout_ms);

    return code ? code : cli_batch_wait(cli, batch, timeout_ms);
}

/* ---- starting ----------------------------------------------------------- */

/* The selection, and after a question when it is more than one host. */
static int select_hosts(struct cli *cli, json_t **ret)
{
    const char *hosts = cli_option(cli, "hosts");
    const char *labels = cli_option(cli, "labels");
    AUTO_JSON *names = NULL;
    struct err err = ERR_INIT;
    char question[200];

    if (!hosts == !labels)
        return cli_fail(EXIT_USAGE, "say either --hosts or --labels");
    if (labels) {
        names = host_labels(labels);
        if (!names)
            return cli_fail(EXIT_USAGE, "--labels needs KEY=VALUE");
        (void)snprintf(question, sizeof(question),
                       "Start '%.60s' on every host with the labels %.80s?",
                       cli->args[0], labels);
    } else {
        if (range_expand(hosts, &names, &err) != 0)
            return cli_fail(EXIT_USAGE, "--hosts: %s", err.text);
        (void)snprintf(question, sizeof(question),
                       "Start '%.60s' on %zu hosts?", cli->args[0],
                       json_array_size(names));
    }
    if (labels || json_array_size(names) > 1) {
        int code = cli_confirm(cli, question);

        if (code)
            return code;
    }
    *ret = json_pack("{s:O}", labels ? "labels" : "hosts", names);
    return 0;
}

/* Machines of a site without an engine build would wait for ever. */
static void warn_without_engine(struct cli *cli)
{
    struct rest_reply reply;

    if (rest_get(cli, "/api/v1/engines", &reply) == 0 &&
        json_array_size(json_object_get(reply.json, "items")) == 0)
        (void)fprintf(stderr,
                      "slipway: no engine build is published, so machines "
                      "find nothing to load; 'slipway engine build' makes "
                      "one\n");
    rest_reply_done(&reply);
}

int task_start(struct cli *cli)
{
    AUTO_FREE char *batch = NULL;
    struct rest_reply reply;
    json_t *selection = NULL;
    uint64_t timeout_ms;
    int code = parse_timeout(cli, &timeout_ms);

    if (code == 0)
        code = select_hosts(cli, &selection);
    if (code)
        return code;
    code = rest_call(cli,
                     &(struct rest_request){
                         .method = "POST",
                         .path = cli->verb->path,
                         .body = json_pack("{s:s, s:o}", "profile",
                                           cli->args[0], "select", selection)},
                     &reply);
    if (code == 0)
        batch = strdup(text_of(reply.json, "id"));
    if (code == 0 && !cli_option(cli, "wait")) {
        if (cli->json)
            output_json(reply.json);
        else
            output_table(json_object_get(reply.json, "tasks"), outcome_columns);
    }
    rest_reply_done(&reply);
    if (code == 0)
        warn_without_engine(cli);
    if (code || !cli_option(cli, "wait") || !batch)
        return code;
    return cli_batch_wait(cli, batch, timeout_ms);
}

/* ---- showing ------------------------------------------------------------ */

/* An object, and below it a table of one of its members. */
static int show_with(struct cli *cli, const char *member,
                     const struct column *columns)
{
    AUTO_FREE char *path = cli_path(cli, cli->verb->path);
    struct rest_reply reply;
    int code = rest_get(cli, path, &reply);

    if (code == 0 && cli->json) {
        output_json(reply.json);
    } else if (code == 0) {
        output_object(reply.json, cli->verb->columns);
        (void)putchar('\n');
        output_table(json_object_get(reply.json, member), columns);
    }
    rest_reply_done(&reply);
    return code;
}

int batch_show(struct cli *cli)
{
    return show_with(cli, "tasks", outcome_columns);
}

int task_show(struct cli *cli)
{
    static const struct column columns[] = {
        {"STEP", "action", COLUMN_TEXT},
        {"STATE", "state", COLUMN_TEXT},
        {"STARTED", "started_s", COLUMN_TIME},
        {"ENDED", "ended_s", COLUMN_TIME},
        {"RESULT", "has_result", COLUMN_TEXT},
        {NULL, NULL, COLUMN_TEXT},
    };

    return show_with(cli, "steps", columns);
}
