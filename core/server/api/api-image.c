/* SPDX-License-Identifier: Apache-2.0 */
/* REST of images: see api-image.h. */
#include "core/server/api/api-image.h"

#include <string.h>

#include "core/server/audit.h"
#include "core/server/images/images.h"
#include "core/server/rest/route.h"
#include "core/util/json.h"
#include "core/util/num.h"

void api_images_list(struct server *server, struct request *r)
{
    size_t limit;
    const char *after;
    if (route_paging(r, &limit, &after))
        return;
    json_t *items = json_array();
    const struct image *image = images_after(server->images, after);
    const char *last = NULL;
    while (image && json_array_size(items) < limit) {
        (void)json_array_append_new(items, image_json(image));
        last = image->id;
        image = images_after(server->images, last);
    }
    route_reply_list(r, items, image ? last : NULL);
}

struct show {
    struct request *r;
    json_t *json;
    uint64_t revision;
};

static void show_manifest(void *arg, const void *text, size_t length,
                          const uint8_t *signature, const struct err *err)
{
    struct show *show = arg;
    (void)signature; /* was checked */
    json_t *contents =
        err ? NULL : json_parse(text, length, MANIFEST_MAX_BYTES, NULL);
    if (err) {
        request_fail(show->r, err);
        json_decref(show->json);
    } else {
        (void)json_object_set_new(show->json, "contents", contents);
        request_reply(show->r, 200, show->json, show->revision);
    }
    free(show);
}

static void no_such_image(struct request *r)
{
    request_problem(r, "not-found", "there is no image '%s'",
                    request_path_value(r, "id"));
}

void api_image_get(struct server *server, struct request *r)
{
    const struct image *image =
        images_find(server->images, request_path_value(r, "id"));
    if (!image) {
        no_such_image(r);
        return;
    }
    struct show *show = calloc(1, sizeof(*show));
    if (!show) {
        request_problem(r, "internal", "no memory to show an image");
        return;
    }
    *show = (struct show){r, image_json(image), image->store_revision};
    images_manifest(server->images, &image->manifest, show_manifest, show);
}

/* An upload and its import end independently; the reply needs both. */
struct import_request {
    struct request *r;
    struct image_import *import;
    bool uploaded;
    bool imported;
    json_t *json; /* of the new image, or NULL */
    uint64_t revision;
    struct err err;
};

static void reply_when_over(struct import_request *i)
{
    if (!i->uploaded || !i->imported)
        return;
    if (i->json)
        request_reply(i->r, 201, i->json, i->revision);
    else
        request_fail(i->r, &i->err);
    free(i);
}

static void import_done(void *arg, const struct image *image,
                        const struct err *err)
{
    struct import_request *i = arg;
    i->imported = true;
    if (image) {
        i->json = image_json(image);
        i->revision = image->store_revision;
    } else {
        i->err = *err;
    }
    reply_when_over(i);
}

static void upload_over(void *arg, uint64_t length, const struct err *err)
{
    struct import_request *i = arg;
    (void)length; /* the worker has counted */
    (void)err; /* an early end reaches the worker too, which says it better */
    i->uploaded = true;
    reply_when_over(i);
}

static bool tier_ok(const char *tier)
{
    return !strcmp(tier, "network") || !strcmp(tier, "console") ||
           !strcmp(tier, "tpm");
}

static int parse_query(const struct request *r, struct image_import_spec *spec,
                       struct err *err)
{
    const char *kind = request_query(r, "kind");
    const char *sector = request_query(r, "sector_bytes");
    const char *tier = request_query(r, "min_tier");
    uint64_t sector_bytes = 512;
    int rc = kind ? image_kind_parse(kind, &spec->kind, err) : 0;
    if (!rc && sector)
        rc = num_parse_u64(sector, 512, 4096, &sector_bytes, err);
    if (!rc && tier && !tier_ok(tier))
        rc = err_set(err, ERR_INVALID,
                     "there is no tier '%.16s': it is network, console or tpm",
                     tier);
    spec->sector_bytes = (uint32_t)sector_bytes;
    spec->min_tier = tier;
    return rc;
}

void api_image_import(struct server *server, struct request *r)
{
    struct err err = ERR_INIT;
    int fd = -1;
    struct import_request *i = calloc(1, sizeof(*i));
    if (!i) {
        request_problem(r, "internal", "no memory for an import");
        return;
    }
    i->r = r;
    struct image_import_spec spec = {
        .name = request_path_value(r, "name"),
        .size_bytes = request_content_length(r),
        .actor = request_actor(r),
        .done = import_done,
        .arg = i,
    };
    int rc = parse_query(r, &spec, &err);
    if (!rc)
        rc = image_import_begin(server->images, &spec, &fd, &i->import, &err);
    if (rc) {
        request_fail(r, &err);
        free(i);
        return;
    }
    request_upload(r, fd, upload_over, i);
}

/* The one GET that is written to the audit log: the content leaves the care of
 * seal and tiers, with whatever secrets lie in it. */
void api_image_export(struct server *server, struct request *r)
{
    struct err err = ERR_INIT;
    int fd = -1;
    const char *framed = request_query(r, "framed");
    const struct image *image =
        images_find(server->images, request_path_value(r, "id"));
    if (!image) {
        no_such_image(r);
        return;
    }
    if (framed && strcmp(framed, "true") != 0 && strcmp(framed, "false") != 0) {
        request_problem(r, "invalid", "framed is true or false");
        return;
    }
    bool frames = framed && !strcmp(framed, "true");
    int rc = audit_record(server->audit, request_actor(r),
                          "GET /api/v1/images/{id}/content", image->id,
                          json_pack("{s:s, s:s}", "request", request_id(r),
                                    "remote", request_remote_address(r)),
                          &err);
    if (!rc)
        rc = image_export_begin(server->images, image, frames, &fd, &err);
    if (rc)
        request_fail(r, &err);
    else
        request_reply_pipe(r, "application/octet-stream", fd,
                           frames ? 0 : image->size_bytes);
}

static void delete_done(void *arg, const struct err *err)
{
    struct request *r = arg;
    if (err)
        request_fail(r, err);
    else
        request_reply(r, 204, NULL, 0);
}

void api_image_delete(struct server *server, struct request *r)
{
    struct err err = ERR_INIT;
    uint64_t revision = 0;
    (void)request_if_match(r, &revision); /* the route demands it */
    if (images_delete(server->images, request_path_value(r, "id"), revision,
                      delete_done, r, &err))
        request_fail(r, &err);
}
