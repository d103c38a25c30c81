/* SPDX-License-Identifier: Apache-2.0 */
/* Idempotency-Key: see operation.h. */
#include "core/server/rest/operation.h"

#include <stdio.h>
#include <string.h>

#include "core/server/http/http-internal.h"
#include "core/server/server.h"
#include "core/server/store/store.h"
#include "core/util/json.h"
#include "core/util/log.h"

#define KEY_PREFIX "/v1/op/key-"
#define KEPT_S (24 * 3600)
/* Longest reply that fits into a document beside its other members. */
#define REPLY_BYTES (60 * 1024)

struct operation {
    char key[96];      /* in the store */
    char request[DIGEST_HEX_BYTES]; /* of method, path and body */
    char id[33];       /* derived from the key */
    uint64_t revision; /* of our document */
    struct request *r;
    void (*run)(struct request *r);
    void (*send)(void *arg);
    void *send_arg;
};

bool operation_wanted(const struct request *r)
{
    return route_takes_key(r->match.route) &&
           request_header(r, "Idempotency-Key");
}

const char *operation_new_id(const struct operation *operation)
{
    return operation->id;
}

void operation_free(struct operation *operation)
{
    free(operation);
}

/* One run of the server; documents of another run have nobody at work. */
static const char *boot_id(void)
{
    static char id[33];
    if (!id[0]) {
        uint8_t raw[16];
        random_bytes(raw, sizeof(raw));
        (void)hex_format(raw, sizeof(raw), id);
    }
    return id;
}

static void add_text(struct digest_stream *stream, const char *text)
{
    digest_stream_add(stream, text, strlen(text) + 1);
}

static int derive(struct operation *op, const struct request *r)
{
    struct digest digest;
    struct digest_stream stream;
    char hex[DIGEST_HEX_BYTES];
    if (digest_stream_init(&stream) < 0)
        return -1;
    add_text(&stream, r->token_id);
    add_text(&stream, request_header(r, "Idempotency-Key"));
    digest_stream_done(&stream, &digest);
    (void)digest_hex(&digest, hex);
    (void)snprintf(op->key, sizeof(op->key), KEY_PREFIX "%s", hex);
    digest_of(hex, strlen(hex), &digest); /* ids do not tell the key */
    (void)digest_hex(&digest, hex);
    memcpy(op->id, hex, 32);
    if (digest_stream_init(&stream) < 0)
        return -1;
    add_text(&stream, r->method);
    add_text(&stream, r->uri);
    digest_stream_add(&stream, r->body.data ? (const void *)r->body.data : "",
                      r->body.length);
    digest_stream_done(&stream, &digest);
    (void)digest_hex(&digest, op->request);
    return 0;
}

static json_t *document(const struct operation *op)
{
    const struct seam *seam = loop_seam(op->r->http->loop);
    return json_pack("{s:i, s:s, s:s, s:I}", "schema", 1, "request",
                     op->request, "boot", boot_id(), "made_s",
                     (json_int_t)seam->wall_s(seam->context));
}

static void on_claimed(void *arg, uint64_t revision, const struct err *err)
{
    struct operation *op = arg;
    struct request *r = op->r;
    if (!err) {
        op->revision = revision;
        op->run(r);
        return;
    }
    r->operation = NULL; /* the document is not ours */
    if (err->code == ERR_CONFLICT)
        request_problem(r, "conflict", "a request with this Idempotency-Key "
                        "is being worked on");
    else
        request_fail(r, err);
    operation_free(op);
}

static void claim(struct operation *op, uint64_t expected)
{
    json_t *doc = document(op);
    store_put(op->r->http->server->store, op->key,
              doc ? doc : json_object(), expected, on_claimed, op);
}

/* The same request was finished before: its reply again. */
static void repeat(struct request *r, const json_t *doc)
{
    const char *text = json_string_value(json_object_get(doc, "reply"));
    json_int_t status = json_integer_value(json_object_get(doc, "status"));
    AUTO_JSON *body = text ? json_loads(text, JSON_DECODE_ANY, NULL) : NULL;
    operation_free(TAKE(r->operation));
    if (json_is_true(json_object_get(doc, "long")))
        request_problem(r, "conflict", "this request was done before; its "
                        "reply was too long to be kept");
    else
        request_repeat(r, (unsigned)status, TAKE(body),
                       (uint64_t)json_integer_value(
                           json_object_get(doc, "revision")));
}

static void refuse(struct request *r, const char *problem, const char *why)
{
    operation_free(TAKE(r->operation));
    request_problem(r, problem, "%s", why);
}

static void on_looked_up(void *arg, const struct store_doc *doc,
                         const struct err *err)
{
    struct operation *op = arg;
    struct request *r = op->r;
    if (err && err->code == ERR_NOT_FOUND) {
        claim(op, STORE_NEW);
        return;
    }
    if (err) {
        operation_free(TAKE(r->operation));
        request_fail(r, err);
        return;
    }
    const char *request =
        json_string_value(json_object_get(doc->json, "request"));
    const char *boot = json_string_value(json_object_get(doc->json, "boot"));
    if (!request || strcmp(request, op->request) != 0)
        refuse(r, "idempotency-mismatch",
               "this Idempotency-Key was used for another request");
    else if (json_object_get(doc->json, "status"))
        repeat(r, doc->json);
    else if (boot && strcmp(boot, boot_id()) == 0)
        refuse(r, "conflict",
               "a request with this Idempotency-Key is being worked on");
    else
        claim(op, doc->revision);
}

void operation_begin(struct request *r, void (*run)(struct request *r))
{
    struct operation *op = calloc(1, sizeof(*op));
    if (!op || derive(op, r) < 0) {
        free(op);
        request_problem(r, "internal", "out of memory");
        return;
    }
    op->r = r;
    op->run = run;
    r->operation = op;
    store_get(r->http->server->store, op->key, on_looked_up, op);
}

static void on_kept(void *arg, uint64_t revision, const struct err *err)
{
    struct operation *op = arg;
    (void)revision;
    if (err)
        log_warn("the reply to a request with an Idempotency-Key is not kept, "
                 "a repetition will find its work done: %s", err->text);
    op->send(op->send_arg);
}

void operation_finish(struct request *r, unsigned status, uint64_t revision,
                      const char *body, void (*send)(void *arg), void *arg)
{
    struct operation *op = r->operation;
    struct store *store = r->http->server->store;
    op->send = send;
    op->send_arg = arg;
    if (status >= 400) { /* nothing was done; it may be tried again */
        store_delete(store, op->key, op->revision, on_kept, op);
        return;
    }
    json_t *doc = document(op);
    bool fits = !body || strlen(body) <= REPLY_BYTES;
    int bad = json_object_set_new(doc, "status", json_integer(status));
    bad |= json_object_set_new(doc, "revision",
                               json_integer((json_int_t)revision));
    if (!fits)
        bad |= json_object_set_new(doc, "long", json_true());
    else if (body)
        bad |= json_object_set_new(doc, "reply", json_string(body));
    if (bad)
        log_warn("no memory to keep the reply of request %s", r->id);
    store_put(store, op->key, doc, op->revision, on_kept, op);
}

/* ---- forgetting ---- */

static void on_expired(void *arg, uint64_t revision, const struct err *err)
{
    (void)arg;
    (void)revision;
    if (err && err->code != ERR_CONFLICT)
        log_debug("an old Idempotency-Key stays for now: %s", err->text);
}

static void expire_one(void *arg, const struct store_doc *doc,
                       const struct err *err)
{
    struct server *server = arg;
    const struct seam *seam = loop_seam(server->loop);
    if (err)
        log_warn("old Idempotency-Keys stay for now: %s", err->text);
    if (!doc)
        return;
    json_int_t made_s = json_integer_value(json_object_get(doc->json,
                                                           "made_s"));
    if (seam->wall_s(seam->context) - made_s > KEPT_S)
        store_delete(server->store, doc->key, doc->revision, on_expired, NULL);
}

void operations_expire(struct server *server)
{
    store_each(server->store, KEY_PREFIX, expire_one, server);
}
