/* SPDX-License-Identifier: Apache-2.0 */
/* The catalogue of images: see images.h. */
#include "core/server/images/images.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/server/config.h"
#include "core/server/images/images-parts.h"
#include "core/server/site.h"
#include "core/server/event.h"
#include "core/server/server.h"
#include "core/server/store/store.h"
#include "core/util/json.h"
#include "core/util/log.h"
#include "core/util/num.h"

#define IMAGE_SCHEMA 1

struct image_load {
    struct images *images; /* NULL: freed meanwhile */
    void (*done)(void *arg, const struct err *err);
    void *arg;
};

struct image_files *image_files_ref(struct image_files *files)
{
    files->references++;
    return files;
}

void image_files_unref(struct image_files *files)
{
    if (!files || --files->references)
        return;
    objects_free(files->objects);
    secret_wipe(files, sizeof(*files));
    free(files);
}

static struct image_files *open_files(struct server *server, struct err *err)
{
    AUTO_CLOSE int state_fd =
        open(server->config->state_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (state_fd < 0) {
        (void)err_set_errno(err, ERR_IO, errno, "cannot open '%s'",
                            server->config->state_dir);
        return NULL;
    }
    struct image_files *files = calloc(1, sizeof(*files));
    if (!files) {
        (void)err_set(err, ERR_NO_MEMORY, "no memory for the images");
        return NULL;
    }
    files->references = 1;
    files->objects = objects_open(state_fd, err);
    if (!files->objects) {
        free(files);
        return NULL;
    }
    files->secret.epoch = server->site->seal_epoch;
    files->secret.key = server->site->secret;
    files->signing = server->site->signing;
    memcpy(files->keys, server->site->verify_keys, sizeof(files->keys));
    return files;
}

int images_new(struct server *server, struct images **ret, struct err *err)
{
    struct image_files *files = open_files(server, err);
    if (!files)
        return err ? err->code : ERR_IO;
    struct images *images = calloc(1, sizeof(*images));
    if (!images) {
        image_files_unref(files);
        return err_set(err, ERR_NO_MEMORY, "no memory for the images");
    }
    objects_sweep(files->objects);
    images->server = server;
    images->files = files;
    *ret = images;
    return 0;
}

void images_free(struct images *images)
{
    if (!images)
        return;
    image_imports_free(images);
    image_exports_free(images);
    if (images->load)
        images->load->images = NULL;
    for (size_t i = 0; i < images->table.count; i++)
        free(images->table.entries[i].value);
    table_done(&images->table);
    image_files_unref(images->files);
    free(images);
}

void image_set_id(struct image *image)
{
    (void)snprintf(image->id, sizeof(image->id), "%s@%" PRIu64, image->name,
                   image->revision);
}

void image_key(const struct image *image, char out[IMAGE_KEY_BYTES])
{
    (void)snprintf(out, IMAGE_KEY_BYTES, IMAGE_KEY_PREFIX "%s", image->id);
}

json_t *image_document(const struct image *image)
{
    json_t *json = image_json(image);
    if (json &&
        (json_object_set_new(json, "schema", json_integer(IMAGE_SCHEMA)) ||
         json_object_set_new(json, "deleted", json_boolean(image->deleted)) ||
         (image->upload[0] &&
          json_object_set_new(json, "upload", json_string(image->upload))) ||
         json_object_del(json, "id"))) {
        json_decref(json);
        json = NULL;
    }
    return json;
}

json_t *image_json(const struct image *image)
{
    char manifest[DIGEST_HEX_BYTES];
    char root[DIGEST_HEX_BYTES];
    return json_pack(
        "{s:s, s:s, s:I, s:s, s:I, s:I, s:I, s:I, s:s, s:s, s:s}", "id",
        image->id, "name", image->name, "revision", (json_int_t)image->revision,
        "kind", image_kind_word(image->kind), "size_bytes",
        (json_int_t)image->size_bytes, "stored_bytes",
        (json_int_t)image->stored_bytes, "sector_bytes",
        (json_int_t)image->sector_bytes, "made_s", (json_int_t)image->made_s,
        "manifest", digest_hex(&image->manifest, manifest), "index_root",
        digest_hex(&image->index_root, root), "min_tier", image->min_tier);
}

static void get_digest(struct json_reader *r, const char *key,
                       struct digest *ret)
{
    const char *hex = json_get_text(r, key);
    if (!r->code && digest_parse(hex, ret, NULL))
        (void)json_reader_fail(r, key, "is not a digest");
}

static int parse_document(const struct store_doc *doc, struct image *ret,
                          struct err *err)
{
    struct json_reader r;
    struct image image = {.store_revision = doc->revision};
    json_reader_init(&r, doc->json, doc->key, err);
    (void)json_get_u64(&r, "schema", IMAGE_SCHEMA, IMAGE_SCHEMA);
    (void)snprintf(image.name, sizeof(image.name), "%s",
                   json_get_text(&r, "name"));
    image.revision = json_get_u64(&r, "revision", 1, IMAGE_REVISION_MAX);
    const char *kind = json_get_text(&r, "kind");
    image.size_bytes = json_get_u64(&r, "size_bytes", 1, IMAGE_BYTES_MAX);
    image.stored_bytes = json_get_u64(&r, "stored_bytes", 0, INT64_MAX);
    image.sector_bytes = (uint32_t)json_get_u64(&r, "sector_bytes", 1, 65536);
    image.made_s = (int64_t)json_get_u64(&r, "made_s", 0, INT64_MAX);
    get_digest(&r, "manifest", &image.manifest);
    get_digest(&r, "index_root", &image.index_root);
    (void)snprintf(image.min_tier, sizeof(image.min_tier), "%s",
                   json_get_text(&r, "min_tier"));
    image.deleted = json_get_bool(&r, "deleted");
    (void)snprintf(image.upload, sizeof(image.upload), "%s",
                   json_opt_text(&r, "upload", ""));
    int rc = json_done(&r);
    if (!rc)
        rc = image_kind_parse(kind, &image.kind, err);
    image_set_id(&image);
    if (!rc)
        *ret = image;
    return rc;
}

const struct image *images_remember(struct images *images,
                                    const struct image *image, struct err *err)
{
    struct image *known = table_find(&images->table, image->id);
    if (known) {
        *known = *image;
        return known;
    }
    known = malloc(sizeof(*known));
    if (known)
        *known = *image;
    if (!known || table_add(&images->table, known->id, known)) {
        free(known);
        (void)err_set(err, ERR_NO_MEMORY, "no memory for another image");
        return NULL;
    }
    return known;
}

static void loaded(void *arg, const struct store_doc *doc,
                   const struct err *err)
{
    struct image_load *load = arg;
    struct images *images = load->images;
    if (doc) {
        struct image image;
        struct err local = ERR_INIT;
        /* One damaged document must not hide all other images. */
        if (images && (parse_document(doc, &image, &local) ||
                       !images_remember(images, &image, &local)))
            log_warn("ignoring a document of the store: %s", local.text);
        return;
    }
    if (images)
        images->load = NULL;
    if (images)
        load->done(load->arg, err);
    free(load);
}

void images_load(struct images *images,
                 void (*done)(void *arg, const struct err *err), void *arg)
{
    struct image_load *load = calloc(1, sizeof(*load));
    if (!load) {
        struct err err;
        (void)err_set(&err, ERR_NO_MEMORY, "no memory to load the images");
        done(arg, &err);
        return;
    }
    *load = (struct image_load){images, done, arg};
    images->load = load;
    store_each(images->server->store, IMAGE_KEY_PREFIX, loaded, load);
}

static const struct image *newest(const struct images *images, const char *name)
{
    const struct image *best = NULL;
    for (size_t i = 0; i < images->table.count; i++) {
        const struct image *image = images->table.entries[i].value;
        if (!image->deleted && !strcmp(image->name, name) &&
            (!best || image->revision > best->revision))
            best = image;
    }
    return best;
}

const struct image *images_find(const struct images *images, const char *ref)
{
    if (!strchr(ref, '@'))
        return newest(images, ref);
    const struct image *image = table_find(&images->table, ref);
    return image && !image->deleted ? image : NULL;
}

const struct image *images_by_manifest(const struct images *images,
                                       const struct digest *manifest)
{
    for (size_t i = 0; i < images->table.count; i++) {
        const struct image *image = images->table.entries[i].value;
        if (!image->deleted && digest_equal(&image->manifest, manifest))
            return image;
    }
    return NULL;
}

const struct image *images_by_upload(const struct images *images,
                                     const char *upload)
{
    for (size_t i = 0; i < images->table.count; i++) {
        const struct image *image = images->table.entries[i].value;
        if (!strcmp(image->upload, upload))
            return image;
    }
    return NULL;
}

const struct image *images_after(const struct images *images, const char *id)
{
    for (size_t i = table_after(&images->table, id); i < images->table.count;
         i++) {
        const struct image *image = images->table.entries[i].value;
        if (!image->deleted)
            return image;
    }
    return NULL;
}

uint64_t images_next_revision(const struct images *images, const char *name)
{
    uint64_t last = 0;
    for (size_t i = 0; i < images->table.count; i++) {
        const struct image *image = images->table.entries[i].value;
        if (!strcmp(image->name, name))
            last = MAX(last, image->revision);
    }
    return last + 1;
}

void images_set_in_use(struct images *images, image_in_use *in_use, void *arg)
{
    images->in_use = in_use;
    images->in_use_arg = arg;
}

struct deletion {
    struct images *images;
    struct image image; /* as it will be */
    void (*done)(void *arg, const struct err *err);
    void *arg;
};

static void deleted(void *arg, uint64_t revision, const struct err *err)
{
    struct deletion *d = arg;
    if (!err) {
        d->image.store_revision = revision;
        (void)images_remember(d->images, &d->image, NULL); /* it is known */
        events_emit(d->images->server->events, "image-deleted",
                    json_pack("{s:s}", "image", d->image.id));
    }
    d->done(d->arg, err);
    free(d);
}

static int deletable(const struct images *images, const struct image *image,
                     uint64_t store_revision, const char *id, struct err *err)
{
    char why[256] = "";
    if (!image)
        return err_set(err, ERR_NOT_FOUND, "there is no image '%.80s'", id);
    if (store_revision != STORE_ANY &&
        image->store_revision != store_revision)
        return err_set(err, ERR_CONFLICT,
                       "image '%s' was changed meanwhile: look at it again",
                       image->id);
    if (images->in_use &&
        images->in_use(images->in_use_arg, image, why, sizeof(why)))
        return err_set(err, ERR_CONFLICT,
                       "image '%s' cannot be deleted now: %s", image->id, why);
    return 0;
}

int images_delete(struct images *images, const char *id,
                  uint64_t store_revision,
                  void (*done)(void *arg, const struct err *err), void *arg,
                  struct err *err)
{
    const struct image *image = images_find(images, id);
    int rc = deletable(images, image, store_revision, id, err);
    if (rc)
        return rc;
    struct deletion *d = calloc(1, sizeof(*d));
    if (!d)
        return err_set(err, ERR_NO_MEMORY, "no memory to delete an image");
    *d = (struct deletion){images, *image, done, arg};
    d->image.deleted = true;
    char key[IMAGE_KEY_BYTES];
    image_key(image, key);
    store_put(images->server->store, key, image_document(&d->image),
              store_revision, deleted, d);
    return 0;
}
