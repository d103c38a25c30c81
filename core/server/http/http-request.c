/* SPDX-License-Identifier: Apache-2.0 */
/* One request: made, looked at on the HTTP thread, read by handlers. */
#include "core/server/http/http-internal.h"

#include <arpa/inet.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/server/rest/operation.h"
#include "core/server/rest/schema.h"
#include "core/server/server.h"
#include "core/server/store/store.h"
#include "core/server/rest/token.h"
#include "core/util/json.h"
#include "core/util/num.h"

static void note_remote(struct request *r)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(
        r->connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    const struct sockaddr *address = info ? info->client_addr : NULL;
    (void)snprintf(r->remote, sizeof(r->remote), "unknown");
    if (address && address->sa_family == AF_INET)
        (void)inet_ntop(AF_INET,
                        &((const struct sockaddr_in *)(const void *)address)
                             ->sin_addr,
                        r->remote, sizeof(r->remote));
    else if (address && address->sa_family == AF_INET6)
        (void)inet_ntop(AF_INET6,
                        &((const struct sockaddr_in6 *)(const void *)address)
                             ->sin6_addr,
                        r->remote, sizeof(r->remote));
}

static void note_connection(struct request *r)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(
        r->connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    const struct http_connection *connection =
        info ? info->socket_context : NULL;
    r->connection_number = connection ? connection->number : 0;
}

static void list_add(struct request *r)
{
    struct http *http = r->http;
    (void)pthread_mutex_lock(&http->lock);
    r->next = http->requests;
    if (r->next)
        r->next->previous = r;
    http->requests = r;
    (void)pthread_mutex_unlock(&http->lock);
}

static void list_remove(struct request *r)
{
    struct http *http = r->http;
    (void)pthread_mutex_lock(&http->lock);
    if (r->previous)
        r->previous->next = r->next;
    else
        http->requests = r->next;
    if (r->next)
        r->next->previous = r->previous;
    (void)pthread_mutex_unlock(&http->lock);
}

struct request *request_new(struct http *http, const char *uri,
                            struct MHD_Connection *connection)
{
    struct request *r = calloc(1, sizeof(*r));
    if (!r)
        return NULL;
    uint8_t raw[8];
    random_bytes(raw, sizeof(raw));
    (void)hex_format(raw, sizeof(raw), r->id);
    r->http = http;
    r->connection = connection;
    r->references = 1;
    r->pipe_fd = -1;
    r->gone_fd = -1;
    buf_init(&r->stream, HTTP_STREAM_BYTES);
    (void)pthread_mutex_init(&r->lock, NULL);
    r->overflow = strlen(uri) > HTTP_MAX_URI;
    r->uri = strndup(uri, HTTP_MAX_URI);
    r->path = r->uri ? strndup(r->uri, strcspn(r->uri, "?")) : NULL;
    r->overflow |= !r->path;
    note_remote(r);
    note_connection(r);
    (void)snprintf(r->actor, sizeof(r->actor), "%s", r->remote);
    list_add(r);
    return r;
}

struct request *request_hold(struct request *r)
{
    atomic_fetch_add(&r->references, 1);
    return r;
}

static void pairs_free(struct http_pair *pairs, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        free(pairs[i].name);
        free(pairs[i].value);
    }
}

void request_release(struct request *r)
{
    if (atomic_fetch_sub(&r->references, 1) > 1)
        return;
    list_remove(r);
    gone_stop(r);
    loop_watch_cancel(r->pipe_watch);
    if (r->pipe_fd >= 0)
        (void)close(r->pipe_fd);
    if (r->response)
        MHD_destroy_response(r->response);
    operation_free(r->operation);
    pairs_free(r->headers, r->header_count);
    pairs_free(r->arguments, r->argument_count);
    json_decref(r->json);
    buf_done(&r->body);
    buf_done(&r->stream);
    free(r->uri);
    free(r->path);
    (void)pthread_mutex_destroy(&r->lock);
    free(r);
}

/* ---- what the headers say ---- */

static enum MHD_Result keep_pair(struct request *r, struct http_pair *pairs,
                                 size_t *count, size_t max, const char *name,
                                 const char *value)
{
    if (*count == max) {
        r->overflow = true;
        return MHD_NO;
    }
    struct http_pair *pair = &pairs[*count];
    pair->name = strdup(name);
    pair->value = strdup(value ? value : "");
    (*count)++;
    r->overflow |= !pair->name || !pair->value;
    return r->overflow ? MHD_NO : MHD_YES;
}

static enum MHD_Result keep_header(void *cls, enum MHD_ValueKind kind,
                                   const char *name, const char *value)
{
    struct request *r = cls;
    (void)kind;
    return keep_pair(r, r->headers, &r->header_count, HTTP_MAX_HEADERS, name,
                     value);
}

static enum MHD_Result keep_argument(void *cls, enum MHD_ValueKind kind,
                                     const char *name, const char *value)
{
    struct request *r = cls;
    (void)kind;
    return keep_pair(r, r->arguments, &r->argument_count, HTTP_MAX_ARGUMENTS,
                     name, value);
}

static const char *check_arguments(const struct request *r, struct err *err)
{
    const struct route *route = r->match.route;
    for (size_t i = 0; i < r->argument_count; i++) {
        const char *name = r->arguments[i].name;
        if ((route->flags & ROUTE_LIST) && route_word_in("limit after", name))
            continue;
        if (!route->query || !route_word_in(route->query, name)) {
            (void)err_set(err, ERR_INVALID,
                          "the query argument '%s' is not known to %s %s",
                          name, route->method, route->path);
            return "malformed";
        }
    }
    return NULL;
}

static const char *find_route(struct request *r, struct err *err)
{
    route_find(r->http->routes, r->http->route_count, r->method, r->path,
               &r->match);
    if (r->match.route)
        return NULL;
    if (r->match.path_known) {
        (void)err_set(err, ERR_INVALID, "'%s' has no %s, only %s", r->path,
                      r->method, r->match.allow);
        return "method-not-allowed";
    }
    (void)err_set(err, ERR_NOT_FOUND, "there is nothing at '%s'", r->path);
    return "not-found";
}

static const char *check_token(struct request *r, struct err *err)
{
    static const char scheme[] = "Bearer ";
    enum scope needed = r->match.route->scope;
    r->scope = needed;
    if (needed == SCOPE_NONE || needed == SCOPE_ENGINE)
        return NULL;
    const char *text = request_header(r, "Authorization");
    if (!text || strncasecmp(text, scheme, sizeof(scheme) - 1) != 0) {
        (void)err_set(err, ERR_DENIED, "this request needs a token; none was "
                      "sent in 'Authorization: Bearer TOKEN'");
        return "unauthorised";
    }
    struct token_holder holder;
    const struct seam *seam = loop_seam(r->http->loop);
    if (tokens_find(r->http->server->tokens, text + sizeof(scheme) - 1,
                    seam->wall_s(seam->context), &holder, err) < 0)
        return "unauthorised";
    (void)snprintf(r->actor, sizeof(r->actor), "token '%s'", holder.name);
    (void)snprintf(r->token_id, sizeof(r->token_id), "%s", holder.id);
    r->scope = holder.scope;
    if (holder.scope < needed) {
        (void)err_set(err, ERR_DENIED, "the token '%s' has the scope '%s'; "
                      "this needs '%s'", holder.name, scope_word(holder.scope),
                      scope_word(needed));
        return "forbidden";
    }
    return NULL;
}

/* A certificate proves possession of its key: the handshake checked that. */
static void note_key(struct request *r)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(
        r->connection, MHD_CONNECTION_INFO_GNUTLS_SESSION);
    if (!info || !info->tls_session)
        return;
    unsigned count = 0;
    const gnutls_datum_t *list =
        gnutls_certificate_get_peers(info->tls_session, &count);
    gnutls_x509_crt_t certificate;
    if (!list || count == 0 || gnutls_x509_crt_init(&certificate) < 0)
        return;
    size_t size = sizeof(r->key.bytes);
    r->has_key =
        gnutls_x509_crt_import(certificate, &list[0], GNUTLS_X509_FMT_DER) >=
            0 &&
        gnutls_x509_crt_get_key_id(certificate, GNUTLS_KEYID_USE_SHA256,
                                   r->key.bytes, &size) >= 0 &&
        size == sizeof(r->key.bytes);
    gnutls_x509_crt_deinit(certificate);
}

static const char *parse_if_match(struct request *r, struct err *err)
{
    const char *text = request_header(r, "If-Match");
    if (!text) {
        if (!(r->match.route->flags & ROUTE_IF_MATCH))
            return NULL;
        (void)err_set(err, ERR_INVALID, "%s %s needs 'If-Match' with the ETag "
                      "of the version that you read", r->method, r->path);
        return "precondition-required";
    }
    size_t length = strlen(text);
    r->has_if_match = true;
    if (strcmp(text, "*") == 0) {
        r->if_match = STORE_ANY;
        return NULL;
    }
    if (length >= 3 && length < 24 && text[0] == '"' &&
        text[length - 1] == '"') {
        char number[24];
        (void)snprintf(number, sizeof(number), "%.*s", (int)(length - 2),
                       text + 1);
        if (num_parse_u64(number, 1, UINT64_MAX - 1, &r->if_match, NULL) == 0)
            return NULL;
    }
    (void)err_set(err, ERR_INVALID, "If-Match is '%s', which is no ETag of "
                  "this server", text);
    return "precondition-failed";
}

static bool is_type(const char *header, const char *type)
{
    size_t length = strlen(type);
    return header && strncasecmp(header, type, length) == 0 &&
           (header[length] == '\0' || header[length] == ';' ||
            header[length] == ' ');
}

static const char *check_type(const struct request *r, struct err *err)
{
    const struct route *route = r->match.route;
    const char *type = request_header(r, "Content-Type");
    const char *wanted = route->flags & ROUTE_UPLOAD ? "application/octet-stream"
                         : route->request_schema     ? "application/json"
                                                     : NULL;
    if (!wanted || is_type(type, wanted))
        return NULL;
    (void)err_set(err, ERR_INVALID, "%s %s takes a body of type '%s', not "
                  "'%s'", r->method, route->path, wanted,
                  type ? type : "none");
    return "unsupported-media-type";
}

static const char *check_length(struct request *r, struct err *err)
{
    const struct route *route = r->match.route;
    const char *text = request_header(r, "Content-Length");
    bool upload = route->flags & ROUTE_UPLOAD;
    if (request_header(r, "Transfer-Encoding") || (!text && upload)) {
        (void)err_set(err, ERR_INVALID, "the body of %s %s needs a "
                      "Content-Length", r->method, route->path);
        return "length-required";
    }
    if (text &&
        num_parse_u64(text, 0, INT64_MAX, &r->content_length, err) < 0)
        return "malformed";
    uint64_t max = route->max_body ? route->max_body : ROUTE_BODY_BYTES;
    if (!upload && r->content_length > max) {
        (void)err_set(err, ERR_TOO_BIG, "the body has %llu bytes; %s %s takes "
                      "at most %llu", (unsigned long long)r->content_length,
                      r->method, route->path, (unsigned long long)max);
        return "too-large";
    }
    buf_init(&r->body, (size_t)max);
    return NULL;
}

static const char *check_idempotency_key(const struct request *r,
                                         struct err *err)
{
    const char *text = request_header(r, "Idempotency-Key");
    if (!text)
        return NULL;
    size_t length = strlen(text);
    bool good = length > 0 && length <= 128;
    for (size_t i = 0; good && i < length; i++)
        good = text[i] > 0x20 && text[i] < 0x7f;
    if (good)
        return NULL;
    (void)err_set(err, ERR_INVALID, "Idempotency-Key must be 1 to 128 "
                  "printable characters without spaces");
    return "malformed";
}

const char *http_prepare(struct request *r, struct err *err)
{
    (void)MHD_get_connection_values(r->connection, MHD_HEADER_KIND,
                                    keep_header, r);
    (void)MHD_get_connection_values(r->connection, MHD_GET_ARGUMENT_KIND,
                                    keep_argument, r);
    if (r->overflow) {
        (void)err_set(err, ERR_TOO_BIG, "the request line or the headers are "
                      "longer than this server accepts");
        return "malformed";
    }
    const char *problem = find_route(r, err);
    if (!problem)
        problem = check_token(r, err);
    if (!problem)
        problem = check_arguments(r, err);
    if (!problem)
        problem = check_type(r, err);
    if (!problem)
        problem = check_length(r, err);
    if (!problem)
        problem = parse_if_match(r, err);
    if (!problem)
        problem = check_idempotency_key(r, err);
    if (!problem && r->match.route->scope == SCOPE_ENGINE)
        note_key(r);
    return problem;
}

const char *http_parse_body(struct request *r, struct err *err)
{
    const char *schema = r->match.route->request_schema;
    if (!schema) {
        if (r->body.length == 0)
            return NULL;
        (void)err_set(err, ERR_INVALID, "%s %s takes no body", r->method,
                      r->match.route->path);
        return "malformed";
    }
    r->json = json_parse(r->body.data ? (const char *)r->body.data : "",
                         r->body.length, r->body.max, err);
    if (!r->json) {
        (void)err_prefix(err, "the body is not valid JSON: ");
        return "malformed";
    }
    if (r->http->schemas &&
        schemas_validate(r->http->schemas, schema, r->json, err) < 0)
        return "invalid";
    return NULL;
}

/* ---- what handlers read ---- */

struct server *request_server(const struct request *r)
{
    return r->http->server;
}

const char *request_id(const struct request *r)
{
    return r->id;
}

const char *request_path_value(const struct request *r, const char *name)
{
    for (size_t i = 0; i < r->match.value_count; i++)
        if (strcmp(r->match.values[i].name, name) == 0)
            return r->match.values[i].text;
    return "";
}

const char *request_query(const struct request *r, const char *name)
{
    for (size_t i = 0; i < r->argument_count; i++)
        if (strcmp(r->arguments[i].name, name) == 0)
            return r->arguments[i].value;
    return NULL;
}

const char *request_header(const struct request *r, const char *name)
{
    for (size_t i = 0; i < r->header_count; i++)
        if (strcasecmp(r->headers[i].name, name) == 0)
            return r->headers[i].value;
    return NULL;
}

const json_t *request_body(const struct request *r)
{
    return r->json;
}

const char *request_actor(const struct request *r)
{
    return r->actor;
}

void request_set_actor(struct request *r, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)vsnprintf(r->actor, sizeof(r->actor), format, args);
    va_end(args);
}

enum scope request_scope(const struct request *r)
{
    return r->scope;
}

const char *request_remote_address(const struct request *r)
{
    return r->remote;
}

uint64_t request_connection(const struct request *r)
{
    return r->connection_number;
}

bool request_client_key(const struct request *r, struct digest *ret_key)
{
    if (r->has_key)
        *ret_key = r->key;
    return r->has_key;
}

bool request_if_match(const struct request *r, uint64_t *ret_revision)
{
    if (r->has_if_match)
        *ret_revision = r->if_match;
    return r->has_if_match;
}

uint64_t request_content_length(const struct request *r)
{
    return r->content_length;
}

bool request_changes_state(const struct request *r)
{
    const struct route *route = r->match.route;
    return strcmp(route->method, "GET") != 0 &&
           (route->scope == SCOPE_OPERATOR || route->scope == SCOPE_ADMIN) &&
           !(route->flags & ROUTE_QUIET);
}

void request_new_id(const struct request *r, char out[33])
{
    if (r->operation) {
        (void)snprintf(out, 33, "%s", operation_new_id(r->operation));
        return;
    }
    uint8_t raw[16];
    random_bytes(raw, sizeof(raw));
    (void)hex_format(raw, sizeof(raw), out);
}
