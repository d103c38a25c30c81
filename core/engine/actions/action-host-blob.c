/* SPDX-License-Identifier: Apache-2.0 */
/* Blobs: content of an image that the action reads as a file in memory. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>

#include "core/engine/actions/action-host-parts.h"

/* Firmware and tool packs. */
#define BLOB_MAX_BYTES (256u * 1024 * 1024)

static void on_blob_done(void *arg, int code, const char *sentence,
                         const json_t *result)
{
    struct action_host *host = arg;
    AUTO_CLOSE int fd = TAKE_FD(host->device_fd);
    off_t length = lseek(fd, 0, SEEK_END);
    char why[ERR_TEXT_BYTES];

    (void)result;
    (void)snprintf(why, sizeof(why), "%s", sentence ? sentence : "");
    action_stop_images(host);
    if (code < 0) {
        action_refuse(host, code, "%s", why);
        return;
    }
    if (fcntl(fd, F_ADD_SEALS,
              F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) < 0 ||
        lseek(fd, 0, SEEK_SET) < 0) {
        action_refuse(host, ERR_IO, "the blob cannot be sealed: %s",
                      err_errno_text(errno));
        return;
    }
    action_reply(host, 0, json_pack("{s:I}", "length", (json_int_t)length), fd);
}

static void open_blob(struct action_host *host, struct action_image *image)
{
    const struct manifest *m = &image->manifest;

    if (m->kind != IMAGE_BLOB || m->size_bytes > BLOB_MAX_BYTES) {
        action_refuse(host, ERR_INVALID,
                      "image '%s' is not a blob of at most %u MiB", m->name,
                      BLOB_MAX_BYTES / 1024 / 1024);
        return;
    }
    host->device_fd =
        memfd_create("slipway-blob", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (host->device_fd < 0 ||
        ftruncate(host->device_fd, (off_t)m->size_bytes) < 0) {
        action_refuse(host, ERR_NO_MEMORY, "no memory for blob '%s'", m->name);
        action_stop_images(host);
        return;
    }
    struct pipeline_job job = {.mode = PIPELINE_FRESH,
                               .device_fd = host->device_fd};
    (void)action_start_pipeline(host, image, &job, on_blob_done);
}

void action_serve_blob(struct action_host *host, const json_t *head)
{
    if (host->phase != ACTION_RUN)
        action_refuse(host, ERR_INVALID,
                      "action '%s' opens a blob in %s; only run may",
                      host->step->action, action_phase_word(host->phase));
    else
        action_with_image(host, head, open_blob);
}
