/* SPDX-License-Identifier: Apache-2.0 */
#include "core/cli/rest-internal.h"

#include <string.h>
#include <strings.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "core/util/file.h"
#include "core/util/json.h"

#define CONNECT_S 10L
#define STALL_S 60L /* without a byte */

struct transfer {
    struct cli *cli;
    const struct rest_request *request;
    struct rest_reply *reply;
    struct progress progress;
    uint64_t sent;
    struct stat begun; /* the file when its upload began */
    bool short_file;
    bool changed_file;
    bool too_large;
};

static size_t on_body(char *data, size_t size, size_t count, void *arg)
{
    struct transfer *t = arg;
    long status = 0;

    if (t->request->sink) {
        (void)curl_easy_getinfo(t->cli->curl, CURLINFO_RESPONSE_CODE, &status);
        if (status < 300)
            return t->request->sink(t->request->sink_arg, data, size * count)
                       ? size * count
                       : 0;
    }
    if (buf_append(&t->reply->text, data, size * count) != 0) {
        t->too_large = true;
        return 0;
    }
    return size * count;
}

static size_t on_header(char *data, size_t size, size_t count, void *arg)
{
    struct transfer *t = arg;
    size_t length = size * count;

    if (length > 6 && strncasecmp(data, "etag: ", 6) == 0) {
        size_t value = length - 6;

        while (value &&
               (data[6 + value - 1] == '\r' || data[6 + value - 1] == '\n'))
            value--;
        if (value < sizeof(t->reply->etag)) {
            memcpy(t->reply->etag, data + 6, value);
            t->reply->etag[value] = '\0';
        }
    }
    return length;
}

static bool file_changed(const struct transfer *t)
{
    struct stat now;

    return fstat(t->request->fd, &now) != 0 ||
           now.st_size != t->begun.st_size ||
           now.st_mtim.tv_sec != t->begun.st_mtim.tv_sec ||
           now.st_mtim.tv_nsec != t->begun.st_mtim.tv_nsec;
}

/* The file's next bytes.  A file that became shorter ends the upload, and so
 * does one that was written to meanwhile: its last bytes are not sent, so that
 * the server has no whole image and keeps none. */
static size_t on_read(char *data, size_t size, size_t count, void *arg)
{
    struct transfer *t = arg;
    size_t room = size * count;
    ssize_t got;

    if (t->sent == t->request->length)
        return 0;
    if (room > t->request->length - t->sent)
        room = (size_t)(t->request->length - t->sent);
    got = pread(t->request->fd, data, room,
                (off_t)(t->request->offset + t->sent));
    if (got <= 0) {
        t->short_file = true;
        return CURL_READFUNC_ABORT;
    }
    if (t->sent + (uint64_t)got == t->request->length && file_changed(t)) {
        t->changed_file = true;
        return CURL_READFUNC_ABORT;
    }
    t->sent += (uint64_t)got;
    if (t->request->bar)
        progress_show(t->request->bar, t->request->offset + t->sent,
                      t->request->total, "");
    else
        progress_show(&t->progress, t->sent, t->request->length, "");
    return (size_t)got;
}

CURL *rest_handle(struct cli *cli)
{
    if (!cli->curl)
        cli->curl = curl_easy_init();
    if (cli->curl)
        curl_easy_reset(cli->curl);
    return cli->curl;
}

struct curl_slist *rest_add_header(struct curl_slist *list, const char *name,
                                   const char *value)
{
    AUTO_FREE char *line = NULL;
    struct curl_slist *longer;

    if (asprintf(&line, "%s: %s", name, value) < 0) {
        line = NULL;
        return list;
    }
    longer = curl_slist_append(list, line);
    return longer ? longer : list;
}

/* A key of its own for each request: libcurl may send one twice. */
static void random_key(char key[33])
{
    unsigned char bytes[16];

    if (getrandom(bytes, sizeof(bytes), 0) != sizeof(bytes))
        abort(); /* the kernel has no randomness */
    for (size_t i = 0; i < sizeof(bytes); i++)
        (void)snprintf(key + 2 * i, 3, "%02x", bytes[i]);
}

struct curl_slist *rest_headers(const struct cli *cli,
                                const struct rest_request *request)
{
    struct curl_slist *list = NULL;
    AUTO_FREE char *bearer = NULL;
    char key[33];

    if (cli->token && asprintf(&bearer, "Bearer %s", cli->token) > 0)
        list = rest_add_header(list, "Authorization", bearer);
    if (request->body)
        list = rest_add_header(list, "Content-Type", "application/json");
    if (request->upload)
        list = rest_add_header(list, "Content-Type", "application/octet-stream");
    if (request->if_match)
        list = rest_add_header(list, "If-Match", request->if_match);
    if (strcmp(request->method, "POST") == 0 && !request->upload) {
        random_key(key);
        list = rest_add_header(list, "Idempotency-Key", key);
    }
    return rest_add_header(list, "Expect", "");
}

void rest_set_common(struct cli *cli, CURL *curl, const char *url,
                     char error[CURL_ERROR_SIZE])
{
    error[0] = '\0';
    (void)curl_easy_setopt(curl, CURLOPT_URL, url);
    (void)curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "https");
    (void)curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
    (void)curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, CONNECT_S);
    (void)curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, error);
    (void)curl_easy_setopt(curl, CURLOPT_SSLVERSION,
                           (long)CURL_SSLVERSION_TLSv1_3);
    if (cli->ca)
        (void)curl_easy_setopt(curl, CURLOPT_CAINFO, cli->ca);
    (void)curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)cli->limit_ms);
}

/* The exit code and sentence for a connection that did not work. */
int rest_say_curl(const struct cli *cli, bool quiet, CURLcode code,
                  const char *error)
{
    const char *why = error[0] ? error : curl_easy_strerror(code);

    switch (code) {
    case CURLE_OPERATION_TIMEDOUT:
        return cli_fail(EXIT_TIMED_OUT, "server '%s' took too long: %s",
                        cli->server, why);
    /* A handshake that breaks off (CURLE_SSL_CONNECT_ERROR) is none of this:
     * a server that is just ending does that. */
    case CURLE_PEER_FAILED_VERIFICATION:
        return cli_fail(EXIT_REFUSED,
                        "server '%s' is not the one that '%s' vouches for: %s",
                        cli->server, cli->ca ? cli->ca : "the system", why);
    case CURLE_SSL_CACERT_BADFILE:
        return cli_fail(EXIT_USAGE, "the CA file '%s' cannot be used: %s",
                        cli->ca ? cli->ca : "", why);
    default:
        if (cli->patient || quiet)
            return EXIT_UNAVAILABLE;
        return cli_fail(EXIT_UNAVAILABLE, "server '%s' cannot be reached: %s",
                        cli->server, why);
    }
}

static int exit_of_status(long status)
{
    switch (status) {
    case 401:
    case 403:
        return EXIT_REFUSED;
    case 404:
        return EXIT_NOT_FOUND;
    case 408:
        return EXIT_TIMED_OUT;
    case 409:
    case 412:
    case 428:
        return EXIT_CONFLICT;
    case 429:
    case 503:
        return EXIT_UNAVAILABLE;
    default:
        return EXIT_FAILED;
    }
}

/* "forbidden" of "/api/v1/problems/forbidden", for a person at a terminal. */
static void say_where_more_is(const json_t *problem)
{
    static const char pages[] = "/api/v1/problems/";
    const char *type = json_string_value(json_object_get(problem, "type"));

    if (type && strncmp(type, pages, strlen(pages)) == 0 &&
        isatty(STDERR_FILENO) == 1)
        (void)fprintf(stderr, "slipway: 'slipway explain %.40s' says more\n",
                      type + strlen(pages));
}

int rest_say_problem(const json_t *problem, long status)
{
    const char *detail = json_string_value(json_object_get(problem, "detail"));
    const char *title = json_string_value(json_object_get(problem, "title"));
    const char *text = detail ? detail : title;
    int code = exit_of_status(status);

    if (!text)
        return cli_fail(code, "the server answered with status %ld", status);
    (void)cli_fail(code, "%s", text);
    say_where_more_is(problem);
    return code;
}

static int judge(struct transfer *t, CURLcode code, const char *error)
{
    struct rest_reply *reply = t->reply;

    if (t->short_file)
        return cli_fail(EXIT_FAILED, "the file became shorter while it was "
                                     "being sent; nothing was kept of it");
    if (t->changed_file)
        return cli_fail(EXIT_FAILED,
                        "the file changed while it was being sent; nothing was "
                        "kept of it: send it again when nothing writes to it");
    if (t->too_large)
        return cli_fail(EXIT_FAILED, "the server's answer is too large");
    if (code != CURLE_OK && reply->status < 400)
        return rest_say_curl(t->cli, t->request->quiet, code, error);
    if (reply->text.length && reply->text.data[0] == '{')
        reply->json = json_parse(reply->text.data, reply->text.length,
                                 REST_MAX_REPLY, NULL);
    if (reply->status >= 400 && t->request->quiet)
        return exit_of_status(reply->status);
    return reply->status >= 400 ? rest_say_problem(reply->json, reply->status)
                                : 0;
}

static void set_request(struct transfer *t, CURL *curl, const char *body)
{
    const struct rest_request *request = t->request;

    (void)curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, request->method);
    if (body) {
        (void)curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
    } else if (request->upload) {
        (void)curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L);
        /* An upload comes after minutes of building: the server has closed
         * the kept connection by then, and a body is not sent twice. */
        (void)curl_easy_setopt(curl, CURLOPT_FRESH_CONNECT,
                               request->bar ? 0L : 1L);
        (void)curl_easy_setopt(curl, CURLOPT_UPLOAD_BUFFERSIZE, 1L << 20);
        (void)curl_easy_setopt(curl, CURLOPT_INFILESIZE_LARGE,
                               (curl_off_t)request->length);
        (void)curl_easy_setopt(curl, CURLOPT_READFUNCTION, on_read);
        (void)curl_easy_setopt(curl, CURLOPT_READDATA, t);
    } else if (strcmp(request->method, "POST") == 0) {
        (void)curl_easy_setopt(curl, CURLOPT_POSTFIELDS, "");
    }
    if (!request->upload) {
        (void)curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
        (void)curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, STALL_S);
    }
    (void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEDATA, t);
    (void)curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header);
    (void)curl_easy_setopt(curl, CURLOPT_HEADERDATA, t);
}

int rest_call(struct cli *cli, const struct rest_request *request,
              struct rest_reply *ret)
{
    struct transfer t = {.cli = cli, .request = request, .reply = ret};
    AUTO_JSON *body = request->body;
    AUTO_FREE char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
    AUTO_FREE char *url = NULL;
    struct curl_slist *headers;
    char error[CURL_ERROR_SIZE];
    CURL *curl = rest_handle(cli);
    CURLcode code;

    memset(ret, 0, sizeof(*ret));
    buf_init(&ret->text, REST_MAX_REPLY);
    if (!curl || (body && !text) ||
        asprintf(&url, "%s%s", cli->server, request->path) < 0) {
        url = NULL;
        return cli_fail(EXIT_FAILED, "no memory is left");
    }
    if (request->upload && fstat(request->fd, &t.begun) != 0)
        return cli_fail(EXIT_FAILED, "the file cannot be looked at: %s",
                        err_errno_text(errno));
    rest_set_common(cli, curl, url, error);
    headers = rest_headers(cli, request);
    (void)curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    set_request(&t, curl, text);
    progress_init(&t.progress, request->what, cli->terminal);
    code = curl_easy_perform(curl);
    progress_done(&t.progress);
    (void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &ret->status);
    curl_slist_free_all(headers);
    return judge(&t, code, error);
}

void rest_reply_done(struct rest_reply *reply)
{
    json_decref(reply->json);
    reply->json = NULL;
    buf_done(&reply->text);
}

int rest_get(struct cli *cli, const char *path, struct rest_reply *ret)
{
    struct rest_request request = {.method = "GET", .path = path};

    return rest_call(cli, &request, ret);
}

void rest_done(struct cli *cli)
{
    if (cli->curl)
        curl_easy_cleanup(cli->curl);
    cli->curl = NULL;
}
