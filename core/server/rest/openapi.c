/* SPDX-License-Identifier: Apache-2.0 */
/* The route table as an OpenAPI 3.1 document: see openapi.h. */
#include "core/server/rest/openapi.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include <config.h>
#include "core/server/rest/problem.h"
#include "core/server/rest/token.h"
#include "core/util/crypto.h"
#include "core/util/json.h"

#define SCHEMA_REF "#/components/schemas/"
#define WORD_BYTES 48

struct writer {
    const struct schemas *schemas;
    const struct route *route; /* the one being described */
    struct err *err;
};

static int missing(const struct writer *w, const char *what, const char *name)
{
    return err_set(w->err, ERR_INTERNAL, "%s %s: %s '%s' is not defined in "
                   "core/server/rest/schema", w->route->method, w->route->path,
                   what, name);
}

static json_t *reference(const char *schema)
{
    return json_pack("{s:s+}", "$ref", SCHEMA_REF, schema);
}

/* ---- schemas ---- */

static json_t *all_schemas(const struct schemas *schemas)
{
    json_t *copy = json_deep_copy(
        json_object_get(schemas_document(schemas), "$defs"));
    schemas_move_references(copy, "#/$defs/", SCHEMA_REF);
    return copy;
}

/* ---- parameters ---- */

static json_t *header_parameter(const char *name, bool required,
                                const char *text)
{
    return json_pack("{s:s, s:s, s:b, s:s, s:{s:s}}", "name", name, "in",
                     "header", "required", required, "description", text,
                     "schema", "type", "string");
}

/* One whose schema and description are a definition, "path-id". */
static int add_defined(const struct writer *w, json_t *list, const char *place,
                       const char *name)
{
    char definition[WORD_BYTES + 8];
    (void)snprintf(definition, sizeof(definition), "%s-%s", place, name);
    const json_t *schema = schemas_find(w->schemas, definition);
    const json_t *text = json_object_get(schema, "description");
    if (!schema || !text)
        return missing(w, "the schema", definition);
    (void)json_array_append_new(
        list, json_pack("{s:s, s:s, s:b, s:O, s:o}", "name", name, "in", place,
                        "required", strcmp(place, "path") == 0, "description",
                        text, "schema", reference(definition)));
    return 0;
}

static int add_path_values(const struct writer *w, json_t *list)
{
    const char *at = w->route->path;
    int code = 0;
    while (code == 0 && (at = strchr(at, '{'))) {
        char name[WORD_BYTES];
        at++;
        (void)snprintf(name, sizeof(name), "%.*s", (int)strcspn(at, "}"), at);
        code = add_defined(w, list, "path", name);
    }
    return code;
}

static int add_query(const struct writer *w, json_t *list, const char *words)
{
    int code = 0;
    for (const char *at = words; code == 0 && at && *at;) {
        char name[WORD_BYTES];
        size_t length = strcspn(at, " ");
        (void)snprintf(name, sizeof(name), "%.*s", (int)length, at);
        code = add_defined(w, list, "query", name);
        at += length + strspn(at + length, " ");
    }
    return code;
}

static bool takes_if_match(const struct route *route)
{
    return (route->flags & ROUTE_IF_MATCH) ||
           (strcmp(route->method, "PUT") == 0 && (route->flags & ROUTE_ETAG));
}

static void add_headers(const struct route *route, json_t *list)
{
    if (takes_if_match(route))
        (void)json_array_append_new(
            list, header_parameter("If-Match",
                                   (route->flags & ROUTE_IF_MATCH) != 0,
                                   "The ETag of the version that was read, or "
                                   "* for any"));
    if (route_takes_key(route))
        (void)json_array_append_new(
            list, header_parameter("Idempotency-Key", false,
                                   "Chosen by the client, 1 to 128 printable "
                                   "characters: the same key and body get the "
                                   "same reply again for a day"));
    if (route->flags & ROUTE_STREAM)
        (void)json_array_append_new(
            list, header_parameter("Last-Event-ID", false,
                                   "The id of the last event that was seen: "
                                   "the stream goes on after it"));
    if (route->flags & ROUTE_RANGE) {
        (void)json_array_append_new(
            list, header_parameter("Range", false,
                                   "One range of bytes, to go on where an "
                                   "earlier request was cut off: 206"));
        (void)json_array_append_new(
            list, header_parameter("If-Range", false,
                                   "The ETag that came with the beginning: "
                                   "everything is sent when it is another"));
    }
    if (route->flags & ROUTE_CACHED)
        (void)json_array_append_new(
            list, header_parameter("If-None-Match", false,
                                   "The ETag of what is there already: 304 "
                                   "when it is still the same"));
}

static int parameters(const struct writer *w, json_t *operation)
{
    json_t *list = json_array();
    int code = add_path_values(w, list);
    if (code == 0 && (w->route->flags & ROUTE_LIST))
        code = add_query(w, list, "limit after");
    if (code == 0)
        code = add_query(w, list, w->route->query);
    add_headers(w->route, list);
    if (json_array_size(list) > 0)
        (void)json_object_set(operation, "parameters", list);
    json_decref(list);
    return code;
}

/* ---- bodies ---- */

static int request_body_of(const struct writer *w, json_t *operation)
{
    const struct route *route = w->route;
    json_t *content = NULL;
    if (route->flags & ROUTE_UPLOAD)
        content = json_pack("{s:{}}", "application/octet-stream");
    else if (!route->request_schema)
        return 0;
    else if (!schemas_find(w->schemas, route->request_schema))
        return missing(w, "the schema", route->request_schema);
    else
        content = json_pack("{s:{s:o}}", "application/json", "schema",
                            reference(route->request_schema));
    (void)json_object_set_new(operation, "requestBody",
                              json_pack("{s:b, s:o}", "required", 1, "content",
                                        content));
    return 0;
}

static json_t *success_content(const struct route *route)
{
    json_t *content = json_object();
    if (route->reply_schema)
        (void)json_object_set_new(content, "application/json",
                                  json_pack("{s:o}", "schema",
                                            reference(route->reply_schema)));
    for (const char *at = route->reply_type; at && *at;) {
        char type[WORD_BYTES];
        size_t length = strcspn(at, " ");
        (void)snprintf(type, sizeof(type), "%.*s", (int)length, at);
        (void)json_object_set_new(content, type, json_object());
        at += length + strspn(at + length, " ");
    }
    return content;
}

static json_t *reply_header(const char *text)
{
    return json_pack("{s:s, s:{s:s}}", "description", text, "schema", "type",
                     "string");
}

static json_t *reply_headers(const struct route *route)
{
    json_t *headers = json_object();
    (void)json_object_set_new(
        headers, "Request-Id",
        reply_header("Names this request in slipwayd's log"));
    if (route->flags & (ROUTE_ETAG | ROUTE_CACHED))
        (void)json_object_set_new(
            headers, "ETag", reply_header("The revision, for If-Match"));
    if (route->flags & ROUTE_RANGE)
        (void)json_object_set_new(
            headers, "ETag", reply_header("What is sent, for If-Range"));
    return headers;
}

static int success(const struct writer *w, json_t *responses)
{
    const struct route *route = w->route;
    if (route->reply_schema && !schemas_find(w->schemas, route->reply_schema))
        return missing(w, "the schema", route->reply_schema);
    for (const char *at = route_status(route); *at;) {
        char status[4];
        (void)snprintf(status, sizeof(status), "%.3s", at);
        json_t *response = json_pack("{s:s, s:o}", "description",
                                     route->summary, "headers",
                                     reply_headers(route));
        json_t *content = success_content(route);
        if (json_object_size(content) > 0)
            (void)json_object_set(response, "content", content);
        json_decref(content);
        (void)json_object_set_new(responses, status, response);
        at += strspn(at, "0123456789");
        at += strspn(at, " ");
    }
    if (route->flags & ROUTE_CACHED)
        (void)json_object_set_new(responses, "304",
                                  json_pack("{s:s}", "description",
                                            "It is still the same"));
    return 0;
}

/* ---- problems ---- */

struct cause {
    const char *problem;
    bool (*of)(const struct route *route); /* NULL = of every route */
};

static bool needs_token(const struct route *route)
{
    return route->scope != SCOPE_NONE;
}

static bool names_something(const struct route *route)
{
    return strchr(route->path, '{') || route->request_schema;
}

static bool takes_body(const struct route *route)
{
    return route->request_schema || (route->flags & ROUTE_UPLOAD);
}

static bool takes_values(const struct route *route)
{
    return takes_body(route) || names_something(route) || route->query ||
           (route->flags & ROUTE_LIST);
}

static bool changes(const struct route *route)
{
    return strcmp(route->method, "GET") != 0;
}

static bool takes_range(const struct route *route)
{
    return route->flags & ROUTE_RANGE;
}

static bool needs_if_match(const struct route *route)
{
    return route->flags & ROUTE_IF_MATCH;
}

static const struct cause causes[] = {
    {"internal", NULL},
    {"unavailable", NULL},
    {"timeout", NULL},
    {"malformed", NULL},
    {"too-large", NULL},
    {"length-required", NULL},
    {"unauthorised", needs_token},
    {"forbidden", needs_token},
    {"not-found", names_something},
    {"damaged", names_something},
    {"unsupported-media-type", takes_body},
    {"invalid", takes_values},
    {"unsupported", takes_values},
    {"conflict", changes},
    {"outcome-unknown", changes},
    {"no-space", changes},
    {"idempotency-mismatch", route_takes_key},
    {"precondition-failed", takes_if_match},
    {"precondition-required", needs_if_match},
    {"range", takes_range},
};

bool openapi_may_answer(const struct route *route, const char *problem)
{
    for (size_t i = 0; i < ARRAY_LENGTH(causes); i++)
        if (strcmp(causes[i].problem, problem) == 0)
            return !causes[i].of || causes[i].of(route);
    return false;
}

/* Those of one status share a response. */
static void add_problem(const struct problem *p, json_t *responses)
{
    char status[12];
    (void)snprintf(status, sizeof(status), "%u", p->status);
    json_t *response = json_object_get(responses, status);
    const char *before =
        json_string_value(json_object_get(response, "description"));
    if (before) {
        (void)json_object_set_new(
            response, "description",
            json_sprintf("%s; or %s (%s)", before, p->title, p->id));
        return;
    }
    (void)json_object_set_new(
        responses, status,
        json_pack("{s:o, s:{s:{s:o}}}", "description",
                  json_sprintf("%s (%s)", p->title, p->id), "content",
                  "application/problem+json", "schema", reference("problem")));
}

static void problems(const struct route *route, json_t *responses)
{
    size_t count;
    const struct problem *list = problem_list(&count);
    for (size_t i = 0; i < count; i++)
        if (openapi_may_answer(route, list[i].id))
            add_problem(&list[i], responses);
}

/* ---- operations ---- */

/* "GET /api/v1/hosts/{id}/inventory": "get-hosts-id-inventory". */
static json_t *operation_id(const struct route *route)
{
    char text[128];
    size_t used = 0;
    const char *path = strstr(route->path, "/v1/") + 3;
    bool engine = route->scope == SCOPE_ENGINE;
    for (const char *c = route->method; *c; c++)
        text[used++] = (char)tolower((unsigned char)*c);
    if (engine)
        used += (size_t)snprintf(text + used, sizeof(text) - used, "-engine");
    for (const char *c = path; *c && used + 1 < sizeof(text); c++)
        if (*c == '/' || *c == '.')
            text[used++] = '-';
        else if (*c != '{' && *c != '}')
            text[used++] = *c;
    text[used] = '\0';
    return json_string(text);
}

static json_t *tags(const struct route *route)
{
    const char *path = strstr(route->path, "/v1/") + 4;
    if (route->scope == SCOPE_ENGINE)
        return json_pack("[s]", "engine");
    return json_pack("[s#]", path, (int)strcspn(path, "/."));
}

static json_t *security(const struct route *route)
{
    if (route->scope == SCOPE_NONE)
        return json_array();
    if (route->scope == SCOPE_ENGINE)
        return json_pack("[{s:[]}]", "engine");
    return json_pack("[{s:[s]}]", "token", scope_word(route->scope));
}

static int operation(const struct writer *w, json_t *paths)
{
    const struct route *route = w->route;
    char method[8];
    size_t i = 0;
    json_t *responses = json_object();
    AUTO_JSON *o = json_pack("{s:s, s:o, s:o, s:o, s:o}", "summary",
                             route->summary, "operationId",
                             operation_id(route), "tags", tags(route),
                             "security", security(route), "responses",
                             responses);
    if (!o)
        return err_set(w->err, ERR_NO_MEMORY, "no memory for a document");
    for (; route->method[i] && i + 1 < sizeof(method); i++)
        method[i] = (char)tolower((unsigned char)route->method[i]);
    method[i] = '\0';
    int code = parameters(w, o);
    if (code == 0)
        code = request_body_of(w, o);
    if (code == 0)
        code = success(w, responses);
    problems(route, responses);
    json_t *item = json_object_get(paths, route->path);
    if (item)
        (void)json_object_set(item, method, o);
    else
        (void)json_object_set_new(paths, route->path,
                                  json_pack("{s:O}", method, o));
    return code;
}

static json_t *skeleton(const struct schemas *schemas, json_t *paths)
{
    return json_pack(
        "{s:s, s:{s:s, s:s, s:s, s:{s:s, s:s}}, s:[{s:s}], s:O,"
        " s:{s:o, s:{s:{s:s, s:s, s:s}, s:{s:s, s:s}}}}",
        "openapi", "3.1.0", "info", "title", "Slipway", "version",
        PACKAGE_VERSION, "description",
        "Starts, installs and repairs machines over the network. Errors are "
        "problem documents of RFC 9457; their type leads to a page that "
        "explains them.",
        "license", "name", "Apache License 2.0", "identifier", "Apache-2.0",
        "servers", "url", "/", "paths", paths, "components", "schemas",
        all_schemas(schemas), "securitySchemes", "token", "type", "http",
        "scheme", "bearer", "description",
        "A token with the scope that is named: viewer, operator or admin; "
        "each covers the ones before",
        "engine", "type", "mutualTLS", "description",
        "The engine's own key, bound to its session");
}

int openapi_document(const struct route *table, size_t count,
                     const struct schemas *schemas, json_t **ret,
                     struct err *err)
{
    AUTO_JSON *paths = json_object();
    struct writer w = {.schemas = schemas, .err = err};
    int code = 0;
    for (size_t i = 0; code == 0 && i < count; i++) {
        w.route = &table[i];
        code = operation(&w, paths);
    }
    if (code != 0)
        return code;
    *ret = skeleton(schemas, paths);
    return *ret ? 0 : err_set(err, ERR_NO_MEMORY, "no memory for a document");
}

/* ---- ours ---- */

int openapi_new(const struct schemas *schemas, struct openapi **ret,
                struct err *err)
{
    AUTO_JSON *document = NULL;
    struct digest digest;
    char hex[DIGEST_HEX_BYTES];
    int code =
        openapi_document(routes, route_count, schemas, &document, err);
    if (code != 0)
        return code;
    struct openapi *openapi = calloc(1, sizeof(*openapi));
    if (openapi)
        openapi->text = json_dumps(document, JSON_INDENT(1));
    if (!openapi || !openapi->text) {
        free(openapi);
        return err_set(err, ERR_NO_MEMORY, "no memory for a document");
    }
    openapi->length = strlen(openapi->text);
    digest_of(openapi->text, openapi->length, &digest);
    (void)snprintf(openapi->etag, sizeof(openapi->etag), "\"%.32s\"",
                   digest_hex(&digest, hex));
    *ret = openapi;
    return 0;
}

void openapi_free(struct openapi *openapi)
{
    if (!openapi)
        return;
    free(openapi->text);
    free(openapi);
}

int openapi_print(struct err *err)
{
    struct schemas *schemas = NULL;
    struct openapi *openapi = NULL;
    int code = schemas_builtin(&schemas, err);
    if (code == 0)
        code = openapi_new(schemas, &openapi, err);
    if (code == 0 && (puts(openapi->text) < 0 || fflush(stdout) != 0))
        code = err_set_errno(err, ERR_IO, errno, "standard output");
    openapi_free(openapi);
    schemas_free(schemas);
    return code;
}
