/* SPDX-License-Identifier: Apache-2.0 */
/* The event stream (text/event-stream), connection after connection. */
#include <string.h>

#include "core/cli/rest-internal.h"
#include "core/util/json.h"

#define MAX_EVENT_BYTES (256 * 1024)
/* The server says something every 15 s; without it the connection is dead. */
#define SILENCE_S 45L

/* One connection. */
struct stream {
    struct rest_follower *follower;
    CURL *curl;
    struct buf text; /* received and not whole yet */
    bool refused;    /* `text` is what the server says instead */
};

static void take_data(struct rest_follower *f, const char *text)
{
    AUTO_JSON *event = json_parse(text, strlen(text), MAX_EVENT_BYTES, NULL);

    if (event && !f->stopped && !f->on_event(f->arg, event))
        f->stopped = true;
}

/* One block, the lines up to an empty one.  The id counts when all of the
 * block is there: what comes after it is asked for the next time. */
static void take_block(struct rest_follower *f, char *text)
{
    char id[sizeof(f->last_id)] = "";

    for (char *line = text; line && *line;) {
        char *end = strchr(line, '\n');

        if (end)
            *end++ = '\0';
        if (strncmp(line, "data: ", 6) == 0)
            take_data(f, line + 6);
        else if (strncmp(line, "id: ", 4) == 0 && strlen(line + 4) < sizeof(id))
            memcpy(id, line + 4, strlen(line + 4) + 1);
        line = end;
    }
    if (id[0])
        memcpy(f->last_id, id, sizeof(id));
}

static size_t on_bytes(char *data, size_t size, size_t count, void *arg)
{
    struct stream *s = arg;
    char *end;
    long status = 0;

    (void)curl_easy_getinfo(s->curl, CURLINFO_RESPONSE_CODE, &status);
    s->refused = status >= 400;
    s->follower->connected |= !s->refused;
    if (buf_append(&s->text, data, size * count) != 0)
        return 0;
    while (!s->refused && s->text.length &&
           (end = strstr(buf_text(&s->text), "\n\n"))) {
        size_t used = (size_t)(end - (char *)s->text.data) + 2;

        *end = '\0';
        take_block(s->follower, (char *)s->text.data);
        buf_consume(&s->text, used);
    }
    return s->follower->stopped ? 0 : size * count;
}

static int say_refused(const struct stream *s)
{
    AUTO_JSON *problem =
        json_parse(s->text.data, s->text.length, MAX_EVENT_BYTES, NULL);
    long status = 0;

    (void)curl_easy_getinfo(s->curl, CURLINFO_RESPONSE_CODE, &status);
    return rest_say_problem(problem, status);
}

static int perform(struct cli *cli, struct stream *s, const char *url,
                   struct curl_slist *headers)
{
    uint64_t timeout_ms = s->follower->timeout_ms;
    char error[CURL_ERROR_SIZE];
    CURLcode code;

    rest_set_common(cli, s->curl, url, error);
    (void)curl_easy_setopt(s->curl, CURLOPT_HTTPHEADER, headers);
    (void)curl_easy_setopt(s->curl, CURLOPT_TIMEOUT_MS, (long)timeout_ms);
    (void)curl_easy_setopt(s->curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
    (void)curl_easy_setopt(s->curl, CURLOPT_LOW_SPEED_TIME, SILENCE_S);
    (void)curl_easy_setopt(s->curl, CURLOPT_WRITEFUNCTION, on_bytes);
    (void)curl_easy_setopt(s->curl, CURLOPT_WRITEDATA, s);
    code = curl_easy_perform(s->curl);
    if (s->refused)
        return say_refused(s);
    /* Ended by us, by the time, or by a server that is stopping. */
    if (s->follower->stopped || code == CURLE_OK ||
        (code == CURLE_OPERATION_TIMEDOUT && timeout_ms))
        return 0;
    return rest_say_curl(cli, false, code, error);
}

int rest_follow(struct cli *cli, struct rest_follower *f)
{
    const struct rest_request request = {.method = "GET"};
    struct stream s = {.follower = f, .curl = rest_handle(cli)};
    struct curl_slist *headers;
    AUTO_FREE char *url = NULL;
    int code;

    if (!s.curl || asprintf(&url, "%s/api/v1/events", cli->server) < 0) {
        url = NULL;
        return cli_fail(EXIT_FAILED, "no memory is left");
    }
    buf_init(&s.text, MAX_EVENT_BYTES);
    headers = rest_headers(cli, &request);
    if (f->last_id[0])
        headers = rest_add_header(headers, "Last-Event-ID", f->last_id);
    code = perform(cli, &s, url, headers);
    curl_slist_free_all(headers);
    buf_done(&s.text);
    return code;
}
