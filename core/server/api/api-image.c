/* SPDX-License-Identifier: Apache-2.0 */
/* REST of images: see api-image.h. */
#include "core/server/api/api-image.h"

#include <stdio.h>
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

/* What of an image is wanted: from `offset` on with frames, else as Range says.
 * False: the problem was sent. */
static bool export_part(struct request *r, const struct image *image,
                        const char *etag, struct image_part *ret)
{
    const char *framed = request_query(r, "framed");
    const char *offset = request_query(r, "offset");
    struct http_range range = {0, image->size_bytes};
    struct err err = ERR_INIT;
    int rc = 0;
    if (framed && strcmp(framed, "true") != 0 && strcmp(framed, "false") != 0)
        rc = err_set(&err, ERR_INVALID, "framed is true or false");
    ret->framed = framed && !strcmp(framed, "true");
    if (!rc && offset && !ret->framed)
        rc = err_set(&err, ERR_INVALID, "offset goes with framed=true; "
                                        "without frames send Range");
    if (!rc && offset)
        rc = num_parse_u64(offset, 0, image->size_bytes, &range.offset, &err);
    range.length -= range.offset;
    if (rc)
        request_fail(r, &err);
    else if (!ret->framed && !request_range(r, image->size_bytes, etag, &range))
        rc = ERR_INVALID;
    ret->offset_bytes = range.offset;
    ret->length_bytes = range.length;
    return !rc;
}

/* The one GET that is written to the audit log: the content leaves the care of
 * seal and tiers, with whatever secrets lie in it. */
void api_image_export(struct server *server, struct request *r)
{
    struct err err = ERR_INIT;
    char hex[DIGEST_HEX_BYTES];
    char etag[DIGEST_HEX_BYTES + 2];
    struct image_part part;
    const struct image *image =
        images_find(server->images, request_path_value(r, "id"));
    if (!image) {
        no_such_image(r);
        return;
    }
    (void)snprintf(etag, sizeof(etag), "\"%s\"",
                   digest_hex(&image->manifest, hex));
    if (!export_part(r, image, etag, &part))
        return;
    struct request_pipe pipe = {
        .fd = -1,
        .type = "application/octet-stream",
        .etag = etag,
        .size = part.framed ? 0 : image->size_bytes,
        .range = {part.offset_bytes, part.length_bytes},
    };
    int rc = audit_record(server->audit, request_actor(r),
                          "GET /api/v1/images/{id}/content", image->id,
                          json_pack("{s:s, s:s, s:I}", "request", request_id(r),
                                    "remote", request_remote_address(r),
                                    "offset_bytes",
                                    (json_int_t)part.offset_bytes),
                          &err);
    if (!rc)
        rc = image_export_begin(server->images, image, &part, &pipe.fd, &err);
    if (rc)
        request_fail(r, &err);
    else
        request_reply_pipe(r, &pipe);
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
