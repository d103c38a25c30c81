/* SPDX-License-Identifier: Apache-2.0 */
/* REST of uploads: images in pieces. */
#include <stdio.h>
#include <string.h>

#include "core/server/api/api-image.h"
#include "core/server/rest/route.h"
#include "core/server/images/uploads.h"
#include "core/util/json.h"
#include "core/util/num.h"

static struct upload *find(struct server *server, struct request *r)
{
    const char *id = request_path_value(r, "id");
    struct upload *upload = uploads_find(server->uploads, id);
    if (!upload)
        request_problem(r, "not-found", "there is no upload '%s'", id);
    return upload;
}

void api_upload_list(struct server *server, struct request *r)
{
    size_t limit;
    const char *after;
    if (route_paging(r, &limit, &after))
        return;
    json_t *items = json_array();
    const struct upload *u = uploads_after(server->uploads, after);
    const char *last = NULL;
    while (u && json_array_size(items) < limit) {
        json_t *json = upload_json(u);
        last = json_string_value(json_object_get(json, "id"));
        (void)json_array_append_new(items, json);
        u = uploads_after(server->uploads, last);
    }
    route_reply_list(r, items, u ? last : NULL);
}

void api_upload_get(struct server *server, struct request *r)
{
    const struct upload *upload = find(server, r);
    if (upload)
        request_reply(r, 200, upload_json(upload), 0);
}

static void made(void *arg, const struct upload *upload, const struct err *err)
{
    if (err)
        request_fail(arg, err);
    else
        request_reply(arg, 201, upload_json(upload), 0);
}

/* The schema has checked types and words. */
static int parse_spec(const json_t *body, struct upload_spec *spec,
                      struct err *err)
{
    struct json_reader r;
    json_reader_init(&r, body, "$", err);
    json_copy_text(&r, "name", spec->name, sizeof(spec->name));
    const char *kind = json_opt_text(&r, "kind", "disk");
    const char *format = json_opt_text(&r, "format", "raw");
    spec->size_bytes = json_get_u64(&r, "size_bytes", 1, IMAGE_BYTES_MAX);
    spec->sector_bytes =
        (uint32_t)json_opt_u64(&r, "sector_bytes", 512, 4096, 512);
    (void)snprintf(spec->min_tier, sizeof(spec->min_tier), "%s",
                   json_opt_text(&r, "min_tier", "network"));
    (void)snprintf(spec->source, sizeof(spec->source), "%s",
                   json_opt_text(&r, "source", ""));
    int rc = json_done(&r);
    if (!rc)
        rc = image_kind_parse(kind, &spec->kind, err);
    return rc ? rc : disk_format_parse(format, &spec->format, err);
}

void api_upload_create(struct server *server, struct request *r)
{
    struct err err = ERR_INIT;
    struct upload_spec spec = {.name = ""};
    if (parse_spec(request_body(r), &spec, &err)) {
        request_fail(r, &err);
        return;
    }
    request_new_id(r, spec.id);
    (void)snprintf(spec.actor, sizeof(spec.actor), "%s", request_actor(r));
    upload_create(server->uploads, &spec, made, r);
}

/* ---- a piece ---- */

struct piece {
    struct request *r;
    struct uploads *uploads;
    char id[UPLOAD_ID_BYTES];
};

static void settled(void *arg, const struct upload *upload,
                    const struct err *err)
{
    struct piece *p = arg;
    if (err)
        request_fail(p->r, err);
    else
        request_reply(p->r, 200, upload_json(upload), 0);
    free(p);
}

static void sent(void *arg, uint64_t length, const struct err *err)
{
    struct piece *p = arg;
    bool broken = err && err->code == ERR_IO;
    upload_received(p->uploads, p->id, length, broken, settled, p);
}

static void ready(void *arg, int fd, const struct err *err)
{
    struct piece *p = arg;
    if (!err) {
        request_upload(p->r, fd, sent, p);
        return;
    }
    request_fail(p->r, err);
    free(p);
}

void api_upload_piece(struct server *server, struct request *r)
{
    struct err err = ERR_INIT;
    const char *text = request_query(r, "offset");
    uint64_t offset = 0;
    struct upload *upload = find(server, r);
    if (!upload)
        return;
    int rc = text ? num_parse_u64(text, 0, IMAGE_BYTES_MAX, &offset, &err)
                  : err_set(&err, ERR_INVALID,
                            "a piece says where it belongs: ?offset=BYTES");
    struct piece *p = rc ? NULL : calloc(1, sizeof(*p));
    if (!rc && !p)
        rc = err_set(&err, ERR_NO_MEMORY, "no memory for a piece");
    if (rc) {
        request_fail(r, &err);
        return;
    }
    p->r = r;
    p->uploads = server->uploads;
    (void)snprintf(p->id, sizeof(p->id), "%s", request_path_value(r, "id"));
    upload_receive(upload, offset, request_content_length(r), ready, p);
}

static void deleted(void *arg, const struct err *err)
{
    if (err)
        request_fail(arg, err);
    else
        request_reply(arg, 204, NULL, 0);
}

void api_upload_delete(struct server *server, struct request *r)
{
    struct upload *upload = find(server, r);
    if (upload)
        upload_delete(server->uploads, upload, deleted, r);
}
