/* SPDX-License-Identifier: Apache-2.0 */
/* Content by digest over the session: manifests, index pages, plugins. */
#include "core/engine/session/session-parts.h"

#include <stdio.h>
#include <string.h>

#include "core/image/index.h"
#include "core/image/manifest.h"
#include "core/util/json.h"

#define FETCH_TIMEOUT_MS 60000
#define FETCH_MAX_DAMAGED 3
#define PLUGIN_MAX_BYTES (16 * 1024 * 1024)

static const struct {
    const char *word;
    size_t max_bytes;
} contents[] = {
    [SESSION_MANIFEST] = {"manifest", MANIFEST_MAX_BYTES},
    [SESSION_INDEX] = {"index", INDEX_MAX_BYTES},
    [SESSION_PLUGIN] = {"plugin", PLUGIN_MAX_BYTES},
};

static void unlink_fetch(struct session_fetch *fetch)
{
    struct session_fetch **at = &fetch->session->fetches;

    while (*at && *at != fetch)
        at = &(*at)->next;
    if (*at)
        *at = fetch->next;
}

/* A fetch whose request is under way cannot be freed: its answer comes to it.
 * It then only forgets who wanted it. */
void session_fetch_cancel(struct session_fetch *fetch)
{
    if (!fetch)
        return;
    fetch->done = NULL;
    if (fetch->sent)
        return;
    unlink_fetch(fetch);
    free(fetch);
}

void session_drop_fetches(struct session *session)
{
    while (session->fetches) {
        struct session_fetch *first = session->fetches;
        session->fetches = first->next;
        free(first);
    }
}

static void finish(struct session_fetch *fetch, const uint8_t *data,
                   size_t length, const char *signature, const struct err *err)
{
    unlink_fetch(fetch);
    if (fetch->done)
        fetch->done(fetch->arg, data, length, signature, err);
    free(fetch);
}

/* The server itself has found that what it stores is damaged: asking again
 * would change nothing. */
static bool is_damaged(const struct http_response *response)
{
    if (response->status != 500)
        return false;
    AUTO_JSON *problem = session_body(response, NULL);
    const char *type = json_string_value(json_object_get(problem, "type"));
    return type && strcmp(type, "/api/v1/problems/damaged") == 0;
}

static void on_content(void *arg, const struct http_response *response,
                       const struct err *err)
{
    struct session_fetch *fetch = arg;
    struct session *session = fetch->session;
    struct digest digest;
    struct err why = ERR_INIT;
    char hex[DIGEST_HEX_BYTES];

    fetch->sent = false;
    if (!fetch->done) {
        unlink_fetch(fetch);
        free(fetch);
        return;
    }
    if (response && response->status == 404) {
        (void)err_set(&why, ERR_NOT_FOUND,
                      "server %s does not have %s %.16s...; its log says why",
                      session->server_name, contents[fetch->content].word,
                      digest_hex(&fetch->digest, hex));
        finish(fetch, NULL, 0, "", &why);
        return;
    }
    if (response && is_damaged(response)) {
        session_problem(session, response, &why);
        why.code = ERR_CORRUPT;
        finish(fetch, NULL, 0, "", &why);
        return;
    }
    if (err && err->code == ERR_TOO_BIG) {
        finish(fetch, NULL, 0, "", err);
        return;
    }
    if (session_judge(session, response, err) < 0)
        return;
    digest_of(response->body.data, response->body.length, &digest);
    if (!digest_equal(&digest, &fetch->digest)) {
        (void)err_set(&why, ERR_VERIFY,
                      "server %s sent a damaged %s: its digest is not the one "
                      "that was signed",
                      session->server_name, contents[fetch->content].word);
        if (++fetch->damaged >= FETCH_MAX_DAMAGED)
            finish(fetch, NULL, 0, "", &why);
        else
            session_lost(session, &why);
        return;
    }
    const char *signature = http_response_header(response, "Slipway-Signature");
    finish(fetch, response->body.data, response->body.length,
           signature ? signature : "", NULL);
}

static int send_fetch(struct session_fetch *fetch, struct err *err)
{
    struct session *session = fetch->session;
    char path[128], hex[DIGEST_HEX_BYTES];
    struct http_request request = {
        .method = "GET",
        .path = path,
        .authorization = session->authorization,
        .timeout_ms = FETCH_TIMEOUT_MS,
        .max_body_bytes = contents[fetch->content].max_bytes,
    };

    (void)snprintf(path, sizeof(path), "/engine/v1/%s/%s",
                   contents[fetch->content].word,
                   digest_hex(&fetch->digest, hex));
    int code =
        http_client_send(session->talk, &request, on_content, fetch, err);
    fetch->sent = code == 0;
    return code;
}

void session_send_fetches(struct session *session)
{
    struct err err = ERR_INIT;
    struct session_fetch *next;

    for (struct session_fetch *f = session->fetches; f; f = next) {
        next = f->next;
        if (f->sent)
            continue;
        if (!f->done) { /* cancelled while its server was lost */
            unlink_fetch(f);
            free(f);
            continue;
        }
        if (send_fetch(f, &err) < 0) {
            session_lost(session, &err);
            return;
        }
    }
}

int session_fetch(struct session *session, enum session_content content,
                  const struct digest *digest, session_fetched *done, void *arg,
                  struct session_fetch **ret, struct err *err)
{
    struct session_fetch *fetch = calloc(1, sizeof(*fetch));
    struct session_fetch **last = &session->fetches;

    if (!fetch)
        return err_set(err, ERR_NO_MEMORY, "not enough memory to fetch");
    fetch->session = session;
    fetch->content = content;
    fetch->digest = *digest;
    fetch->done = done;
    fetch->arg = arg;
    if (session->phase == SESSION_OPEN && send_fetch(fetch, err) < 0) {
        int code = err ? err->code : ERR_UNAVAILABLE;
        free(fetch);
        return code;
    }
    while (*last)
        last = &(*last)->next;
    *last = fetch;
    *ret = fetch;
    return 0;
}
