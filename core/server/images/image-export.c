/* SPDX-License-Identifier: Apache-2.0 */
/* Exports seen from the server: a worker for each, that ends by itself. */
#include <fcntl.h>
#include <string.h>

#include "core/server/event.h"
#include "core/server/images/export-worker.h"
#include "core/server/images/images-parts.h"
#include "core/server/workers/worker-process.h"
#include "core/util/log.h"

struct image_export {
    struct image_export *next;
    struct images *images;
    char id[IMAGE_ID_BYTES];
    struct digest manifest;
    struct worker_process *worker;
};

static void export_free(struct image_export *export)
{
    struct images *images = export->images;
    for (struct image_export **at = &images->exports; *at; at = &(*at)->next)
        if (*at == export) {
            *at = export->next;
            images->export_count--;
            break;
        }
    worker_process_free(export->worker);
    free(export);
}

void image_exports_free(struct images *images)
{
    while (images->exports)
        export_free(images->exports);
}

int images_export_roots(const struct images *images, json_t *digests)
{
    int bad = 0;
    for (const struct image_export *e = images->exports; e; e = e->next) {
        char hex[DIGEST_HEX_BYTES];
        bad |= json_array_append_new(digests,
                                     json_string(digest_hex(&e->manifest, hex)));
    }
    return bad ? -1 : 0;
}

static void on_message(void *arg, struct channel_message *message)
{
    struct image_export *export = arg;
    const char *text =
        json_string_value(json_object_get(message->head, "message"));
    json_int_t code =
        json_integer_value(json_object_get(message->head, "code"));
    /* A client that went away is its own business. */
    if (!text || code == ERR_CANCELLED)
        return;
    log_warn("image '%s' was not exported whole: %s", export->id, text);
    events_emit(export->images->server->events, "image-damaged",
                json_pack("{s:s, s:s, s:s}", "image", export->id, "what",
                          "export", "message", text));
}

static void on_ended(void *arg, bool clean, const char *why)
{
    struct image_export *export = arg;
    if (!clean)
        log_warn("the export of image '%s' %s", export->id, why);
    export_free(export);
}

static const struct worker_process_handlers handlers = {
    .on_message = on_message,
    .on_ended = on_ended,
};

static int start_worker(struct image_export *export, const struct image *image,
                        const struct image_part *part, int pipe_fd,
                        struct err *err)
{
    const struct image_files *files = export->images->files;
    char root[DIGEST_HEX_BYTES];
    const int fds[EXPORT_FDS] = {
        [EXPORT_FD_OBJECTS] = objects_folder_fd(files->objects),
        [EXPORT_FD_INDEX] = objects_index_fd(files->objects),
        [EXPORT_FD_PIPE] = pipe_fd,
    };
    export->worker =
        worker_process_start(export->images->server->loop, "export", image->id,
                             &handlers, export, err);
    if (!export->worker)
        return err->code;
    json_t *head = json_pack(
        "{s:s, s:s, s:I, s:b, s:I, s:I}", "type", "export", "index_root",
        digest_hex(&image->index_root, root), "epoch",
        (json_int_t)files->secret.epoch, "framed", part->framed,
        "offset_bytes", (json_int_t)part->offset_bytes, "length_bytes",
        (json_int_t)part->length_bytes);
    return worker_process_send(export->worker, head, files->secret.key.bytes,
                               sizeof(files->secret.key.bytes), fds, EXPORT_FDS,
                               err);
}

int image_export_begin(struct images *images, const struct image *image,
                       const struct image_part *part, int *ret_fd,
                       struct err *err)
{
    int fds[2];
    struct err local = ERR_INIT;
    if (images->export_count == IMAGES_MAX_EXPORTS)
        return err_set(err, ERR_UNAVAILABLE,
                       "%d exports are running already: try again when one "
                       "has ended",
                       IMAGES_MAX_EXPORTS);
    struct image_export *export = calloc(1, sizeof(*export));
    if (!export)
        return err_set(err, ERR_NO_MEMORY, "no memory for an export");
    if (pipe2(fds, O_CLOEXEC)) {
        free(export);
        return err_set_errno(err, ERR_IO, errno, "cannot make a pipe");
    }
    AUTO_CLOSE int read_end = fds[0];
    AUTO_CLOSE int write_end = fds[1];
    export->images = images;
    export->manifest = image->manifest;
    memcpy(export->id, image->id, sizeof(export->id));
    export->next = images->exports;
    images->exports = export;
    images->export_count++;
    int rc = start_worker(export, image, part, write_end, &local);
    if (rc) {
        export_free(export);
        return err_set(err, rc, "%s", local.text);
    }
    *ret_fd = TAKE_FD(read_end);
    return 0;
}
