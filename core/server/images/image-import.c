/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Imports seen from the server: a worker process for the content, then the
 * manifest, signed here, then the document.  An image exists when its document
 * does; whatever an import left before that, nothing names.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/server/event.h"
#include "core/server/images/images-parts.h"
#include "core/server/images/import-worker.h"
#include "core/server/store/store.h"
#include "core/server/workers/worker-process.h"
#include "core/util/json.h"
#include "core/util/log.h"
#include "core/util/pool.h"

#define ACTOR_BYTES 96

struct image_import {
    struct image_import *next;
    struct images *images;
    struct image_import_spec spec; /* strings point into this structure */
    char name[IMAGE_NAME_BYTES];
    char min_tier[16];
    char actor[ACTOR_BYTES];
    char upload[33];
    int64_t begun_s;
    struct worker_process *worker; /* NULL once it has ended */
    struct manifest *manifest;     /* set by the worker's result */
    struct image image;
    struct image_files *files;
    struct err err;
    bool on_pool;   /* a job has it */
    bool cancelled; /* nobody waits for it any more */
};

static void unlink_import(struct image_import *import)
{
    struct images *images = import->images;
    if (!images)
        return;
    for (struct image_import **at = &images->imports; *at; at = &(*at)->next)
        if (*at == import) {
            *at = import->next;
            images->import_count--;
            break;
        }
    import->images = NULL;
}

static void import_free(struct image_import *import)
{
    unlink_import(import);
    worker_process_free(import->worker);
    image_files_unref(import->files);
    free(import->manifest);
    free(import);
}

static void emit(struct image_import *import, const char *id,
                 const struct image *image, const char *message)
{
    json_t *json = json_pack("{s:s, s:s*, s:s*, s:s}", "name", import->name,
                             "image", image ? image->id : NULL, "message",
                             message, "actor", import->actor);
    events_emit(import->images->server->events, id, json);
}

/* Ends the import: tells and frees. */
static void finish(struct image_import *import, const struct image *image)
{
    const struct err *err = image ? NULL : &import->err;
    emit(import, image ? "image-imported" : "image-failed", image,
         err ? err->text : NULL);
    if (!import->cancelled)
        import->spec.done(import->spec.arg, image, err);
    import_free(import);
}

static void fail(struct image_import *import, int code, const char *text)
{
    (void)err_set(&import->err, code, "image '%s': %s", import->name, text);
    finish(import, NULL);
}

static void sign(struct image_import *import);

static void written(void *arg, uint64_t revision, const struct err *err)
{
    struct image_import *import = arg;
    import->on_pool = false;
    if (!import->images) {
        import_free(import); /* the server is stopping */
        return;
    }
    if (err && err->code == ERR_CONFLICT) {
        /* Another server gave this number to its own import. */
        import->image.revision++;
        sign(import);
        return;
    }
    if (err) {
        fail(import, err->code, err->text);
        return;
    }
    import->image.store_revision = revision;
    const struct image *image =
        images_remember(import->images, &import->image, &import->err);
    finish(import, image);
}

static void write_manifest(void *arg)
{
    struct image_import *import = arg;
    const struct image_files *files = import->files;
    uint8_t signature[SIGNATURE_BYTES];
    AUTO_FREE char *text = manifest_format(import->manifest, &import->err);
    if (!text)
        return;
    size_t length = strlen(text);
    if (!manifest_sign(&files->signing, text, length, signature, &import->err))
        (void)objects_manifest_put(files->objects, text, length, signature,
                                   &import->image.manifest, &import->err);
}

static void manifest_written(void *arg)
{
    struct image_import *import = arg;
    char key[IMAGE_KEY_BYTES];
    import->on_pool = false;
    if (!import->images) {
        import_free(import);
        return;
    }
    if (import->err.code) {
        struct err err = import->err;
        fail(import, err.code, err.text);
        return;
    }
    image_set_id(&import->image);
    image_key(&import->image, key);
    import->on_pool = true;
    store_put(import->images->server->store, key,
              image_document(&import->image), STORE_NEW, written, import);
}

/* Writes the manifest with the revision that the image would get now. */
static void sign(struct image_import *import)
{
    struct server *server = import->images->server;
    uint64_t next = images_next_revision(import->images, import->name);
    import->image.revision = MAX(import->image.revision, next);
    import->image.made_s =
        loop_seam(server->loop)->wall_s(loop_seam(server->loop)->context);
    import->manifest->revision = import->image.revision;
    import->manifest->made_s = import->image.made_s;
    import->on_pool = true;
    if (!pool_submit(server->pool, write_manifest, manifest_written, import))
        return;
    import->on_pool = false;
    fail(import, ERR_UNAVAILABLE, "the server has too much to do just now");
}

/* The worker is not believed blindly: what it says must be a manifest, and of
 * what was asked for. */
static int take_result(struct image_import *import, const json_t *json,
                       struct err *err)
{
    AUTO_FREE char *text = json ? json_text(json) : NULL;
    if (!text)
        return err_set(err, ERR_INTERNAL, "the import worker said nothing");
    struct manifest *m = malloc(sizeof(*m));
    if (!m)
        return err_set(err, ERR_NO_MEMORY, "no memory for a manifest");
    int rc = manifest_parse(text, strlen(text), m, err);
    if (!rc && (strcmp(m->name, import->name) || m->kind != import->spec.kind ||
                (import->spec.format == DISK_RAW &&
                 m->size_bytes != import->spec.size_bytes)))
        rc =
            err_set(err, ERR_INTERNAL, "the import worker made something else");
    if (rc) {
        free(m);
        return rc;
    }
    import->manifest = m;
    struct image *image = &import->image;
    memcpy(image->name, m->name, sizeof(image->name));
    image->kind = m->kind;
    image->size_bytes = m->size_bytes;
    image->stored_bytes = m->stored_bytes;
    image->sector_bytes = m->sector_bytes;
    image->index_root = m->index_root;
    (void)snprintf(image->min_tier, sizeof(image->min_tier), "%s",
                   import->min_tier);
    memcpy(image->upload, import->upload, sizeof(image->upload));
    return 0;
}

static uint64_t bytes_of(const json_t *head, const char *key)
{
    json_int_t value = json_integer_value(json_object_get(head, key));
    return value > 0 ? (uint64_t)value : 0;
}

static void told_progress(struct image_import *import, const json_t *head)
{
    json_t *json =
        json_pack("{s:s, s:O*, s:O*, s:O*}", "name", import->name, "done_bytes",
                  json_object_get(head, "done_bytes"), "stored_bytes",
                  json_object_get(head, "stored_bytes"), "size_bytes",
                  json_object_get(head, "size_bytes"));
    events_emit(import->images->server->events, "image-import", json);
    import->spec.progress(import->spec.arg, bytes_of(head, "done_bytes"),
                          bytes_of(head, "size_bytes"));
}

/* It is no failure: the rest may come later. */
static void told_kept(struct image_import *import, const json_t *head)
{
    struct err err = ERR_INIT;
    (void)err_set(&err, ERR_UNAVAILABLE, "image '%s': %s", import->name,
                  json_string_value(json_object_get(head, "message")));
    emit(import, "image-interrupted", NULL, err.text);
    import->spec.kept(import->spec.arg, bytes_of(head, "offset_bytes"), &err);
    import_free(import);
}

static void end_worker(struct image_import *import)
{
    worker_process_free(import->worker);
    import->worker = NULL;
}

static void on_message(void *arg, struct channel_message *message)
{
    struct image_import *import = arg;
    const char *type =
        json_string_value(json_object_get(message->head, "type"));
    const char *text =
        json_string_value(json_object_get(message->head, "message"));
    struct err err = ERR_INIT;
    if (type && !strcmp(type, "progress")) {
        told_progress(import, message->head);
    } else if (type && !strcmp(type, "begun")) {
        import->spec.begun(import->spec.arg,
                           bytes_of(message->head, "offset_bytes"));
    } else if (type && !strcmp(type, "kept") && text) {
        told_kept(import, message->head);
    } else if (type && !strcmp(type, "imported")) {
        int rc = take_result(import, json_object_get(message->head, "manifest"),
                             &err);
        end_worker(import);
        if (rc)
            fail(import, rc, err.text);
        else
            sign(import);
    } else if (type && !strcmp(type, "failed") && text) {
        json_int_t code =
            json_integer_value(json_object_get(message->head, "code"));
        AUTO_FREE char *copy = strdup(text);
        end_worker(import);
        fail(import, code < 0 && code > -100 ? (int)code : ERR_INTERNAL,
             copy ? copy : "it failed");
    } else {
        log_debug("the import worker sent a message of an unknown type");
    }
}

static void on_ended(void *arg, bool clean, const char *why)
{
    struct image_import *import = arg;
    char text[ERR_TEXT_BYTES];
    (void)clean; /* without a result even a clean end is a failure */
    (void)snprintf(text, sizeof(text), "the import worker %s", why);
    end_worker(import);
    fail(import, ERR_INTERNAL, text);
}

static const struct worker_process_handlers handlers = {
    .on_message = on_message,
    .on_ended = on_ended,
};

static int start_worker(struct image_import *import, int pipe_fd,
                        struct err *err)
{
    struct images *images = import->images;
    const struct seal_secret *secret = &images->files->secret;
    char name[IMAGE_NAME_BYTES + 16];
    const int fds[IMPORT_FDS] = {
        [IMPORT_FD_PIPE] = pipe_fd,
        [IMPORT_FD_OBJECTS] = objects_folder_fd(images->files->objects),
        [IMPORT_FD_INDEX] = objects_index_fd(images->files->objects),
        [IMPORT_FD_STATE] = import->spec.state_fd,
    };
    (void)snprintf(name, sizeof(name), "import '%s'", import->name);
    import->worker = worker_process_start(images->server->loop, "import", name,
                                          &handlers, import, err);
    if (!import->worker)
        return err->code;
    json_t *head =
        json_pack("{s:s, s:s, s:s, s:s, s:I, s:I, s:I}", "type", "import",
                  "name", import->name, "kind",
                  image_kind_word(import->spec.kind), "format",
                  disk_format_word(import->spec.format), "size_bytes",
                  (json_int_t)import->spec.size_bytes, "sector_bytes",
                  (json_int_t)import->spec.sector_bytes, "epoch",
                  (json_int_t)secret->epoch);
    return worker_process_send(import->worker, head, secret->key.bytes,
                               sizeof(secret->key.bytes), fds, IMPORT_FDS, err);
}

int image_import_check(const struct image_import_spec *spec, struct err *err)
{
    if (!image_name_ok(spec->name))
        return err_set(err, ERR_INVALID,
                       "'%.64s' is not a name for an image: small letters, "
                       "digits, '.', '_' and '-', at most %d",
                       spec->name, IMAGE_NAME_BYTES - 1);
    if (spec->kind == IMAGE_DISK && spec->sector_bytes != 512 &&
        spec->sector_bytes != 4096)
        return err_set(err, ERR_INVALID,
                       "sectors have 512 or 4096 bytes, not %" PRIu32,
                       spec->sector_bytes);
    if (!spec->size_bytes || spec->size_bytes > IMAGE_BYTES_MAX)
        return err_set(err, ERR_INVALID,
                       "an image has between 1 byte and 64 TiB, not %" PRIu64
                       " bytes",
                       spec->size_bytes);
    if (spec->format != DISK_RAW && spec->kind != IMAGE_DISK)
        return err_set(err, ERR_INVALID,
                       "a file of the format %s holds a disk, nothing else",
                       disk_format_word(spec->format));
    return 0;
}

static struct image_import *import_new(struct images *images,
                                       const struct image_import_spec *spec)
{
    struct image_import *import = calloc(1, sizeof(*import));
    if (!import)
        return NULL;
    import->spec = *spec;
    (void)snprintf(import->name, sizeof(import->name), "%s", spec->name);
    (void)snprintf(import->min_tier, sizeof(import->min_tier), "%s",
                   spec->min_tier);
    (void)snprintf(import->actor, sizeof(import->actor), "%s",
                   spec->actor);
    (void)snprintf(import->upload, sizeof(import->upload), "%s",
                   spec->upload);
    const struct seam *seam = loop_seam(images->server->loop);
    import->begun_s = seam->wall_s(seam->context);
    import->files = image_files_ref(images->files);
    import->images = images;
    import->next = images->imports;
    images->imports = import;
    images->import_count++;
    return import;
}

int image_import_begin(struct images *images,
                       const struct image_import_spec *spec, int *ret_fd,
                       struct image_import **ret, struct err *err)
{
    int fds[2];
    struct err local = ERR_INIT;
    int rc = image_import_check(spec, err);
    if (rc)
        return rc;
    if (images->import_count == IMAGES_MAX_IMPORTS)
        return err_set(err, ERR_UNAVAILABLE,
                       "%d imports are running already: try again when one "
                       "has ended",
                       IMAGES_MAX_IMPORTS);
    if (pipe2(fds, O_CLOEXEC))
        return err_set_errno(err, ERR_IO, errno, "cannot make a pipe");
    AUTO_CLOSE int read_end = fds[0];
    AUTO_CLOSE int write_end = fds[1];
    struct image_import *import = import_new(images, spec);
    if (!import)
        return err_set(err, ERR_NO_MEMORY, "no memory for an import");
    rc = start_worker(import, read_end, &local);
    if (rc) {
        import_free(import);
        return err_set(err, rc, "%s", local.text);
    }
    *ret_fd = TAKE_FD(write_end);
    *ret = import;
    return 0;
}

int64_t images_oldest_import_s(const struct images *images)
{
    int64_t oldest = INT64_MAX;
    for (const struct image_import *i = images->imports; i; i = i->next)
        oldest = MIN(oldest, i->begun_s);
    return oldest;
}

void image_import_cancel(struct image_import *import)
{
    import->cancelled = true;
    /* Past its worker it is a matter of milliseconds: let it end by itself. */
    if (import->worker)
        import_free(import);
}

void image_imports_free(struct images *images)
{
    while (images->imports) {
        struct image_import *import = images->imports;
        if (import->on_pool)
            unlink_import(import); /* its job's end frees it */
        else
            import_free(import);
    }
}
