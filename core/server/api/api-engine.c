/* SPDX-License-Identifier: Apache-2.0 */
/*
 * REST: engine builds.  Files are uploaded under their SHA-256 first, then one
 * request publishes a build made of them.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "core/server/api/api.h"
#include "core/server/event.h"
#include "core/server/boot/publish.h"
#include "core/server/rest/route.h"
#include "core/server/server.h"
#include "core/server/site.h"
#include "core/server/store/store.h"
#include "core/util/file.h"
#include "core/util/json.h"
#include "core/util/pool.h"

#define READ_BYTES (256 * 1024)

/* ---- upload ---- */

/* The HTTP thread writes the pipe, a pool thread reads it into a file. */
struct receiving {
    struct server *server;
    struct request *r;
    char name[DIGEST_HEX_BYTES];
    char part[DIGEST_HEX_BYTES + 24]; /* until it is whole */
    uint64_t length;
    int pipe;
    int folder;
    int code;              /* of the pool's part */
    struct err err;
    struct err upload_err; /* of the HTTP thread's part */
    unsigned pending;      /* parts that are not over */
};

static int copy(const struct receiving *v, int file, struct digest *ret,
                struct err *err)
{
    struct digest_stream stream;
    uint64_t total = 0;
    int code = 0;
    AUTO_FREE uint8_t *block = malloc(READ_BYTES);
    if (!block || digest_stream_init(&stream) < 0)
        return err_set(err, ERR_NO_MEMORY, "no memory to receive a file");
    for (;;) {
        ssize_t n = read(v->pipe, block, READ_BYTES);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        digest_stream_add(&stream, block, (size_t)n);
        total += (uint64_t)n;
        code = file_write_all(file, block, (size_t)n, err);
        if (code != 0)
            break;
    }
    digest_stream_done(&stream, ret);
    if (code == 0 && total != v->length)
        return err_set(err, ERR_INVALID, "the file ended after %llu of %llu "
                       "bytes", (unsigned long long)total,
                       (unsigned long long)v->length);
    return code;
}

static int receive_into(const struct receiving *v, struct err *err)
{
    char hex[DIGEST_HEX_BYTES];
    struct digest digest;
    AUTO_CLOSE int file = openat(v->folder, v->part,
                                 O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW |
                                     O_CLOEXEC, 0644);
    if (file < 0)
        return err_set_errno(err, errno == ENOSPC ? ERR_NO_SPACE : ERR_IO,
                             errno, "the file cannot be kept");
    int code = copy(v, file, &digest, err);
    if (code != 0)
        return code;
    if (strcmp(digest_hex(&digest, hex), v->name) != 0)
        return err_set(err, ERR_VERIFY, "the content has the SHA-256 %s, the "
                       "path says %s", hex, v->name);
    if (fdatasync(file) < 0 ||
        renameat(v->folder, v->part, v->folder, v->name) < 0 ||
        fsync(v->folder) < 0)
        return err_set_errno(err, errno == ENOSPC ? ERR_NO_SPACE : ERR_IO,
                             errno, "the file cannot be kept");
    return 0;
}

static void receive(void *arg)
{
    struct receiving *v = arg;
    v->code = receive_into(v, &v->err);
    if (v->code != 0)
        (void)unlinkat(v->folder, v->part, 0); /* may never have been there */
    (void)close(TAKE_FD(v->pipe)); /* the HTTP thread stops writing */
}

static void part_over(struct receiving *v)
{
    if (--v->pending > 0)
        return;
    published_receive_end(v->server);
    if (v->code)
        request_fail(v->r, &v->err);
    else if (v->upload_err.code)
        request_fail(v->r, &v->upload_err);
    else
        request_reply(v->r, 201,
                      json_pack("{s:s, s:I}", "sha256", v->name, "length",
                                (json_int_t)v->length), 0);
    free(v);
}

static void on_received(void *arg)
{
    part_over(arg);
}

static void on_uploaded(void *arg, uint64_t length, const struct err *err)
{
    struct receiving *v = arg;
    (void)length;
    if (err)
        v->upload_err = *err;
    part_over(v);
}

static struct receiving *receiving_new(struct server *server,
                                       struct request *r)
{
    struct receiving *v = calloc(1, sizeof(*v));
    if (!v)
        return NULL;
    v->server = server;
    v->r = r;
    v->length = request_content_length(r);
    v->folder = published_folder(server);
    v->pending = 2;
    (void)snprintf(v->name, sizeof(v->name), "%s",
                   request_path_value(r, "sha256"));
    (void)snprintf(v->part, sizeof(v->part), "%s.%s", v->name, request_id(r));
    return v;
}

void api_engine_file(struct server *server, struct request *r)
{
    struct digest digest;
    int ends[2];
    uint64_t length = request_content_length(r);
    if (digest_parse(request_path_value(r, "sha256"), &digest, NULL) < 0) {
        request_problem(r, "invalid", "the path must end in the SHA-256 of "
                        "the file, 64 lower-case hexadecimal digits");
        return;
    }
    if (length == 0 || length > ENGINE_MAX_BYTES) {
        request_problem(r, "too-large", "a file of an engine build has 1 to "
                        "%u bytes, this one %llu", ENGINE_MAX_BYTES,
                        (unsigned long long)length);
        return;
    }
    if (!published_receive_begin(server)) {
        request_problem(r, "unavailable", "another file of an engine build is "
                        "being received; try again when it is done");
        return;
    }
    struct receiving *v = receiving_new(server, r);
    if (!v || pipe2(ends, O_CLOEXEC) < 0) {
        published_receive_end(server);
        free(v);
        request_problem(r, "internal", "no memory or descriptor for an upload");
        return;
    }
    v->pipe = ends[0];
    if (pool_submit(server->pool, receive, on_received, v) < 0) {
        (void)close(ends[0]);
        (void)close(ends[1]);
        published_receive_end(server);
        free(v);
        request_problem(r, "unavailable", "the server is busy; try again");
        return;
    }
    request_upload(r, ends[1], on_uploaded, v);
}

/* ---- publishing ---- */

struct publishing {
    struct server *server;
    struct request *r;
    json_t *document;
};

/* "engine-x86_64-1a2b3c4d5e6f7081.efi": never the same for other bytes. */
static void published_name(const char *machine, const char *role,
                           const char *sha256, char out[BOOT_NAME_BYTES])
{
    const char *end = strcmp(role, "engine") == 0 ? ".efi" : "";
    (void)snprintf(out, BOOT_NAME_BYTES, "%.15s-%.12s-%.16s%s", role, machine,
                   sha256, end);
}

static int check_file(struct server *server, const char *machine, json_t *file,
                      struct err *err)
{
    struct stat st;
    char name[BOOT_NAME_BYTES];
    const char *role = json_string_value(json_object_get(file, "role"));
    const char *sha256 = json_string_value(json_object_get(file, "sha256"));
    json_int_t length = json_integer_value(json_object_get(file, "length"));
    if (fstatat(published_folder(server), sha256, &st, AT_SYMLINK_NOFOLLOW) <
            0 || !S_ISREG(st.st_mode))
        return err_set(err, ERR_NOT_FOUND, "the file %s of the role '%s' was "
                       "not uploaded", sha256, role);
    if (st.st_size != length)
        return err_set(err, ERR_INVALID, "the file of the role '%s' has %lld "
                       "bytes, not %lld", role, (long long)st.st_size,
                       (long long)length);
    published_name(machine, role, sha256, name);
    return json_object_set_new(file, "name", json_string(name)) < 0
               ? err_set(err, ERR_NO_MEMORY, "out of memory")
               : 0;
}

static int make_document(struct server *server, struct request *r,
                         json_t **ret, struct err *err)
{
    const json_t *body = request_body(r);
    const struct seam *seam = loop_seam(server->loop);
    char hex[DIGEST_HEX_BYTES];
    size_t i;
    json_t *file;
    const char *machine = json_string_value(json_object_get(body, "machine"));
    const char *trust =
        json_string_value(json_object_get(body, "trust_sha256"));
    if (strcmp(trust, digest_hex(&server->site->trust_digest, hex)) != 0)
        return err_set(err, ERR_INVALID, "the build has the trust file of "
                       "another site or of another time; take the one of "
                       "/api/v1/trust and build again");
    AUTO_JSON *document = json_deep_copy(body);
    if (!document)
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    json_array_foreach (json_object_get(document, "files"), i, file) {
        int code = check_file(server, machine, file, err);
        if (code != 0)
            return code;
    }
    int bad = json_object_set_new(document, "schema", json_integer(1));
    bad |= json_object_set_new(document, "by",
                               json_string(request_actor(r)));
    bad |= json_object_set_new(document, "published_s",
                               json_integer(seam->wall_s(seam->context)));
    if (bad)
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    *ret = TAKE(document);
    return 0;
}

static void on_stored(void *arg, uint64_t revision, const struct err *err)
{
    struct publishing *p = arg;
    if (err) {
        request_fail(p->r, err);
    } else {
        events_emit(p->server->events, "engine-published",
                    json_pack("{s:O}", "machine",
                              json_object_get(p->document, "machine")));
        request_reply(p->r, 201, json_incref(p->document), revision);
    }
    json_decref(p->document);
    free(p);
}

void api_engine_publish(struct server *server, struct request *r)
{
    char key[64];
    struct err err = ERR_INIT;
    struct publishing *p = calloc(1, sizeof(*p));
    if (!p) {
        request_problem(r, "internal", "out of memory");
        return;
    }
    *p = (struct publishing){server, r, NULL};
    /* Published before it is stored: that checks the content, and a name
     * that no document has yet hurts nobody. */
    if (make_document(server, r, &p->document, &err) < 0 ||
        publish_engine(server, p->document, &err) < 0) {
        request_fail(r, &err);
        json_decref(p->document);
        free(p);
        return;
    }
    (void)snprintf(key, sizeof(key), ENGINE_KEY_PREFIX "%s",
                   json_string_value(json_object_get(p->document, "machine")));
    store_put(server->store, key, json_incref(p->document), STORE_ANY,
              on_stored, p);
}

void api_engine_list(struct server *server, struct request *r)
{
    json_t *items = json_array();
    const char *machine;
    json_t *document;
    json_object_foreach ((json_t *)(uintptr_t)published_engines(server),
                         machine, document)
        (void)json_array_append(items, document);
    route_reply_list(r, items, NULL);
}
