/* SPDX-License-Identifier: Apache-2.0 */
/* Replies: from the loop back to the connection, by way of the audit log. */
#include "core/server/http/http-internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/server/audit.h"
#include "core/server/rest/operation.h"
#include "core/server/rest/problem.h"
#include "core/server/rest/schema.h"
#include "core/server/server.h"
#include "core/util/json.h"
#include "core/util/log.h"

#define DETAIL_BYTES 1024

void http_header(struct MHD_Response *response, const char *name,
                 const char *value)
{
    if (MHD_add_response_header(response, name, value) == MHD_NO)
        log_warn("a reply goes without its header '%s'", name);
}

void http_common_headers(const struct request *r,
                         struct MHD_Response *response)
{
    http_header(response, "Request-Id", r->id);
    http_header(response, "Cache-Control", "no-store");
    http_header(response, "X-Content-Type-Options", "nosniff");
}

static struct MHD_Response *text_response(const struct request *r,
                                          const char *type, const char *text,
                                          size_t length)
{
    struct MHD_Response *response = MHD_create_response_from_buffer(
        length, (void *)(uintptr_t)text, MHD_RESPMEM_MUST_COPY);
    if (!response)
        return NULL;
    if (type)
        http_header(response, "Content-Type", type);
    http_common_headers(r, response);
    return response;
}

struct MHD_Response *http_problem_response(const struct request *r,
                                           const char *problem,
                                           const char *detail,
                                           unsigned *ret_status)
{
    const struct problem *p = problem_get(problem);
    AUTO_JSON *document = problem_document(p, detail, r->id);
    AUTO_FREE char *text = document ? json_text(document) : NULL;
    *ret_status = p->status;
    struct MHD_Response *response =
        text_response(r, "application/problem+json", text ? text : "",
                      text ? strlen(text) : 0);
    if (!response)
        return NULL;
    if (p->status == 401)
        http_header(response, "WWW-Authenticate", "Bearer");
    if (p->status == 405)
        http_header(response, "Allow", r->match.allow);
    if (p->status == 503 || p->status == 429)
        http_header(response, "Retry-After", "2");
    return response;
}

void request_send(struct request *r, unsigned status,
                  struct MHD_Response *response)
{
    log_debug("%s %s for %s: %u (request %s)", r->method, r->path, r->actor,
              status, r->id);
    gone_stop(r);
    r->replied = true;
    (void)pthread_mutex_lock(&r->lock);
    if (http_wake(r)) {
        r->response = TAKE(response);
        r->status = status;
    }
    (void)pthread_mutex_unlock(&r->lock);
    if (response)
        MHD_destroy_response(response); /* nobody is there to take it */
    request_release(r);
}

/* ---- the audit log ---- */

static int record(const struct request *r, unsigned status, struct err *err)
{
    struct audit *audit = r->http->server->audit;
    if (!audit || status >= 400 || !request_changes_state(r))
        return 0;
    char action[160];
    char hex[DIGEST_HEX_BYTES];
    struct digest digest;
    digest_of(r->body.data ? (const void *)r->body.data : "", r->body.length,
              &digest);
    (void)snprintf(action, sizeof(action), "%s %s", r->match.route->method,
                   r->match.route->path);
    json_t *detail = json_pack(
        "{s:s, s:s, s:i, s:s}", "request", r->id, "remote", r->remote,
        "status", (int)status, "body_sha256", digest_hex(&digest, hex));
    return audit_record(audit, r->actor, action, r->path, detail, err);
}

static void send_problem(struct request *r, const char *problem,
                         const char *detail)
{
    unsigned status = 500;
    struct MHD_Response *response =
        http_problem_response(r, problem, detail, &status);
    request_send(r, status, response);
}

/* ---- JSON ---- */

/* A reply on its way past the Idempotency-Key's document. */
struct pending {
    struct request *r;
    unsigned status;
    uint64_t revision;
    char *text; /* NULL = no body */
    const char *type;
};

static void send_pending(void *arg)
{
    struct pending *pending = arg;
    struct request *r = pending->r;
    const char *text = pending->text;
    struct MHD_Response *response =
        text_response(r, text ? pending->type : NULL, text ? text : "",
                      text ? strlen(text) : 0);
    if (response && pending->revision > 0) {
        char etag[32];
        (void)snprintf(etag, sizeof(etag), "\"%llu\"",
                       (unsigned long long)pending->revision);
        http_header(response, "ETag", etag);
    }
    request_send(r, pending->status, response);
    free(pending->text);
    free(pending);
}

/* Takes `text`. */
static void reply_text(struct request *r, unsigned status, char *text,
                       const char *type, uint64_t revision)
{
    struct pending *pending = calloc(1, sizeof(*pending));
    if (!pending) {
        free(text);
        send_problem(r, "internal", "out of memory");
        return;
    }
    *pending = (struct pending){r, status, revision, text, type};
    if (r->operation)
        operation_finish(r, status, revision, text, send_pending, pending);
    else
        send_pending(pending);
}

/* Does the reply keep what its route promises in the OpenAPI document? */
static int check_reply(const struct request *r, unsigned status,
                       const json_t *body, uint64_t revision, struct err *err)
{
    const struct route *route = r->match.route;
    char number[12];
    (void)snprintf(number, sizeof(number), "%u", status);
    if (!route_word_in(route_status(route), number))
        return err_set(err, ERR_INTERNAL, "the status %u is not promised",
                       status);
    if ((revision > 0) != ((route->flags & ROUTE_ETAG) != 0))
        return err_set(err, ERR_INTERNAL, "it has %s ETag, against its flags",
                       revision > 0 ? "an" : "no");
    if (!body != !route->reply_schema)
        return err_set(err, ERR_INTERNAL, "it has %s body, against its schema",
                       body ? "a" : "no");
    return body ? schemas_validate(r->http->schemas, route->reply_schema, body,
                                   err)
                : 0;
}

void request_reply(struct request *r, unsigned status, json_t *body,
                   uint64_t revision)
{
    AUTO_JSON *taken = body;
    struct err err = ERR_INIT;
    if (r->http->check_replies &&
        check_reply(r, status, body, revision, &err) < 0) {
        log_error("the reply to %s %s breaks its promise: %s", r->method,
                  r->match.route->path, err.text);
        request_problem(r, "internal", "the reply breaks the promise of its "
                        "route: %s", err.text);
        return;
    }
    if (record(r, status, &err) < 0) {
        log_error("a change by %s was made but not recorded: %s", r->actor,
                  err.text);
        request_problem(r, "internal", "the change was made, but could not be "
                        "written to the audit log: %s", err.text);
        return;
    }
    char *text = taken ? json_text(taken) : NULL;
    if (taken && !text)
        send_problem(r, "internal", "out of memory");
    else
        reply_text(r, status, text, "application/json", revision);
}

void request_repeat(struct request *r, unsigned status, json_t *body,
                    uint64_t revision)
{
    AUTO_JSON *taken = body;
    reply_text(r, status, taken ? json_text(taken) : NULL, "application/json",
               revision);
}

void request_problem(struct request *r, const char *problem,
                     const char *format, ...)
{
    char detail[DETAIL_BYTES];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(detail, sizeof(detail), format, args);
    va_end(args);
    const struct problem *p = problem_get(problem);
    if (p->status >= 500)
        log_warn("%s %s for %s failed: %s (request %s)", r->method, r->path,
                 r->actor, detail, r->id);
    if (!r->operation) {
        send_problem(r, problem, detail);
        return;
    }
    AUTO_JSON *document = problem_document(p, detail, r->id);
    reply_text(r, p->status, document ? json_text(document) : NULL,
               "application/problem+json", 0);
}

void request_fail(struct request *r, const struct err *err)
{
    /* A stale If-Match is a failed precondition, not a conflict of state. */
    const char *id = err->code == ERR_CONFLICT && r->has_if_match
                         ? "precondition-failed"
                         : problem_for(err->code)->id;
    request_problem(r, id, "%s", err->text);
}

/* ---- bytes ---- */

void request_reply_bytes(struct request *r, unsigned status, const char *type,
                         const void *data, size_t length, const char *name,
                         const char *value)
{
    struct MHD_Response *response = text_response(r, type, data, length);
    if (response && name)
        http_header(response, name, value);
    request_send(r, status, response);
}

/* If-None-Match is a list of ETags or "*" (RFC 9110 section 13.1.2). */
static bool has_it(const struct request *r, const char *etag)
{
    const char *known = request_header(r, "If-None-Match");
    return known && (strcmp(known, "*") == 0 || strstr(known, etag));
}

void request_reply_cached(struct request *r, const char *type,
                          const void *data, size_t length, const char *etag)
{
    bool same = has_it(r, etag);
    struct MHD_Response *response = MHD_create_response_from_buffer(
        same ? 0 : length, (void *)(uintptr_t)data, MHD_RESPMEM_MUST_COPY);
    if (!response) {
        send_problem(r, "internal", "out of memory");
        return;
    }
    if (!same)
        http_header(response, "Content-Type", type);
    http_header(response, "ETag", etag);
    http_header(response, "Request-Id", r->id);
    http_header(response, "Cache-Control", "no-cache"); /* ask whether it changed */
    http_header(response, "X-Content-Type-Options", "nosniff");
    request_send(r, same ? 304 : 200, response);
}

void request_reply_file(struct request *r, unsigned status, const char *type,
                        int fd, uint64_t length)
{
    struct MHD_Response *response = MHD_create_response_from_fd64(length, fd);
    if (!response) {
        (void)close(fd);
        send_problem(r, "internal", "out of memory");
        return;
    }
    http_header(response, "Content-Type", type);
    http_common_headers(r, response);
    request_send(r, status, response);
}

/* ---- a posted request ---- */

static void run(struct request *r)
{
    r->match.route->handler(r->http->server, r);
}

void http_dispatch(void *arg)
{
    struct request *r = arg;
    if (atomic_load(&r->http->stopping))
        send_problem(r, "unavailable", "the server is stopping");
    else if (operation_wanted(r))
        operation_begin(r, run);
    else
        run(r);
}
