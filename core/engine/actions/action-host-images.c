/* SPDX-License-Identifier: Apache-2.0 */
/* Images: manifests by digest, then the pipeline process. */
#include <stdio.h>
#include <string.h>

#include "core/engine/actions/action-host-parts.h"
#include "core/image/checkpoint.h"
#include "core/plugin/load.h"
#include "core/util/json.h"
#include "core/util/num.h"

/* Of the progress that is left, a write takes this much and a verification
 * most of the rest. */
#define WRITE_SHARE 700
#define VERIFY_SHARE 900

static void drop_pages(struct action_host *host)
{
    while (host->pages) {
        struct page_fetch *page = host->pages;
        host->pages = page->next;
        session_fetch_cancel(page->fetch);
        free(page);
    }
}

void action_stop_images(struct action_host *host)
{
    session_fetch_cancel(host->manifest_fetch);
    host->manifest_fetch = NULL;
    if (host->wanted) {
        buf_done(&host->wanted->text);
        free(host->wanted);
        host->wanted = NULL;
    }
    pipeline_client_free(host->pipeline);
    host->pipeline = NULL;
    drop_pages(host);
    if (host->device_fd >= 0)
        (void)close(host->device_fd); /* the pipeline has synced it */
    host->device_fd = -1;
}

/* ---- manifests ---- */

static void on_manifest(void *arg, const uint8_t *data, size_t length,
                        const char *signature, const struct err *err)
{
    struct action_host *host = arg;
    struct action_image *image = host->wanted;
    const struct trust *trust = host->spec.trust;
    uint8_t bytes[SIGNATURE_BYTES];
    struct err why = ERR_INIT;

    host->manifest_fetch = NULL;
    host->wanted = NULL;
    if (!data)
        why = *err;
    else if (hex_parse(signature, bytes, sizeof(bytes)) < 0)
        (void)err_set(&why, ERR_VERIFY, "it carries no signature");
    else if (buf_append(&image->text, data, length) < 0)
        (void)err_set(&why, ERR_NO_MEMORY, "not enough memory");
    else if (manifest_open(data, length, bytes, trust->signing_keys,
                           trust->signing_key_count, &image->manifest,
                           &why) == 0) {
        host->contents[image->plan - host->step->images] = image;
        host->then(host, image);
        return;
    }
    action_refuse(host, why.code ? why.code : ERR_IO,
                  "the manifest for '%s' is not accepted: %s",
                  image->plan->param, why.text);
    buf_done(&image->text);
    free(image);
}

void action_with_image(struct action_host *host, const json_t *head,
                       void (*then)(struct action_host *host,
                                    struct action_image *image))
{
    const char *param = json_string_value(json_object_get(head, "param"));
    const struct plan_step *step = host->step;
    struct err err = ERR_INIT;
    size_t i;

    for (i = 0; i < step->image_count; i++)
        if (param && strcmp(step->images[i].param, param) == 0)
            break;
    if (i == step->image_count) {
        action_refuse(host, ERR_INVALID,
                      "the plan names no image for parameter '%.40s' of action "
                      "'%s'",
                      param ? param : "", step->action);
        return;
    }
    if (host->contents[i]) {
        then(host, host->contents[i]);
        return;
    }
    struct action_image *image = calloc(1, sizeof(*image));
    if (!image) {
        action_refuse(host, ERR_NO_MEMORY, "not enough memory for a manifest");
        return;
    }
    image->plan = &step->images[i];
    buf_init(&image->text, MANIFEST_MAX_BYTES);
    host->then = then;
    host->wanted = image;
    if (session_fetch(host->spec.session, SESSION_MANIFEST,
                      &image->plan->manifest, on_manifest, host,
                      &host->manifest_fetch, &err) < 0) {
        host->wanted = NULL;
        free(image);
        action_refuse(host, err.code, "%s", err.text);
    }
}

static void reply_facts(struct action_host *host, struct action_image *image)
{
    AUTO_JSON *json = manifest_json(&image->manifest);
    AUTO_FREE char *text = json ? json_text(json) : NULL;

    action_reply_text(host, text);
}

void action_serve_image_facts(struct action_host *host, const json_t *head)
{
    action_with_image(host, head, reply_facts);
}

/* ---- the pipeline ---- */

static void on_page(void *arg, const uint8_t *data, size_t length,
                    const char *signature, const struct err *err)
{
    struct page_fetch *page = arg;
    struct action_host *host = page->host;
    struct page_fetch **at = &host->pages;

    (void)signature; /* its digest stands in what was signed */
    while (*at != page)
        at = &(*at)->next;
    *at = page->next;
    pipeline_client_page(host->pipeline, &page->digest, data ? 0 : err->code,
                         data ? "" : err->text, data, length);
    free(page);
}

static void on_want_page(void *arg, const struct digest *digest)
{
    struct action_host *host = arg;
    struct page_fetch *page = calloc(1, sizeof(*page));
    struct err err = ERR_INIT;

    if (!page) {
        pipeline_client_page(host->pipeline, digest, ERR_NO_MEMORY,
                             "not enough memory for the index", NULL, 0);
        return;
    }
    page->host = host;
    page->digest = *digest;
    if (session_fetch(host->spec.session, SESSION_INDEX, digest, on_page, page,
                      &page->fetch, &err) < 0) {
        free(page);
        pipeline_client_page(host->pipeline, digest, err.code, err.text, NULL,
                             0);
        return;
    }
    page->next = host->pages;
    host->pages = page;
}

static void on_pipeline_progress(void *arg, const struct pipeline_progress *p)
{
    struct action_host *host = arg;
    unsigned share = host->verifying ? VERIFY_SHARE : WRITE_SHARE;
    uint64_t total = p->total_bytes ? p->total_bytes : 1;
    uint64_t span = (uint64_t)(1000 - host->base_permille) * share / 1000;

    action_progress(host,
                    host->base_permille +
                        (unsigned)(span * MIN(p->done_bytes, total) / total),
                    NULL, p->done_bytes, p->total_bytes);
}

static void on_pipeline_note(void *arg, unsigned level, const char *text)
{
    struct action_host *host = arg;

    host->handlers.note(host->arg, level, text);
}

static void on_pipeline_checkpoint(void *arg, const void *data, size_t length)
{
    action_tell_checkpoint(arg, data, length);
}

static void record_image(struct action_host *host, const json_t *result)
{
    const struct action_image *image = host->disks[host->disk].image;
    const struct disk *disk = &host->spec.target->disks.disks[host->disk];
    char hex[DIGEST_HEX_BYTES];
    json_t *entry = result ? json_copy((json_t *)result) : json_object();

    if (!entry)
        return;
    (void)json_object_set_new(entry, "image",
                              json_string(image->manifest.name));
    (void)json_object_set_new(
        entry, "revision", json_integer((json_int_t)image->manifest.revision));
    (void)json_object_set_new(
        entry, "manifest",
        json_string(digest_hex(&image->plan->manifest, hex)));
    (void)json_object_set_new(entry, "disk", json_string(disk->name));
    (void)json_object_set_new(
        entry, "operation", json_string(host->verifying ? "verify" : "write"));
    (void)json_array_append_new(host->images, entry);
}

int action_start_pipeline(struct action_host *host,
                          const struct action_image *image,
                          struct pipeline_job *job, action_pipeline_done *done)
{
    const struct plan *plan = host->spec.plan;
    const char *transports[PLAN_MAX_TRANSPORTS];
    struct object_servers servers;
    struct pipeline_client_handlers handlers = {
        on_want_page, on_pipeline_progress, on_pipeline_note,
        on_pipeline_checkpoint, done};
    struct err err = ERR_INIT;

    for (size_t i = 0; i < plan->transport_count; i++)
        transports[i] = plan->transport[i];
    action_object_servers(host, &servers);
    job->manifest = buf_text(&image->text);
    job->manifest_length = image->text.length;
    job->transports = transports;
    job->transport_count = plan->transport_count;
    job->servers = servers.list;
    job->server_count = servers.count;
    job->plugin_dir = plugin_dir();
    host->base_permille = host->permille;
    host->pipeline =
        pipeline_client_start(host->spec.loop, job, &handlers, host, &err);
    if (host->pipeline)
        return 0;
    action_stop_images(host);
    action_refuse(host, err.code, "%s", err.text);
    return -1;
}

/* What must be true before the first byte is written. */
static bool image_fits(struct action_host *host,
                       const struct action_image *image)
{
    const struct manifest *m = &image->manifest;
    const struct disk *disk = &host->spec.target->disks.disks[host->disk];
    char need[NUM_SIZE_TEXT_BYTES], have[NUM_SIZE_TEXT_BYTES];

    if (m->kind != IMAGE_DISK)
        action_refuse(host, ERR_INVALID,
                      "image '%s' is not a disk image and cannot be written to "
                      "disk '%s'",
                      m->name, disk->name);
    else if (m->size_bytes > disk->size_bytes)
        action_refuse(host, ERR_NO_SPACE,
                      "image '%s' needs %s and disk '%s' has only %s", m->name,
                      num_format_size(m->size_bytes, need), disk->name,
                      num_format_size(disk->size_bytes, have));
    else if (m->sector_bytes != disk->logical_sector_bytes)
        action_refuse(host, ERR_INVALID,
                      "image '%s' was made for sectors of %u bytes and disk "
                      "'%s' has sectors of %u bytes; use an image made for it",
                      m->name, m->sector_bytes, disk->name,
                      disk->logical_sector_bytes);
    else
        return true;
    return false;
}

/* The part of a job that is about the disk; `text` is used by it. */
static void describe_disk(const struct action_host *host,
                          struct pipeline_job *job, char text[48])
{
    const struct disk *disk = &host->spec.target->disks.disks[host->disk];

    (void)snprintf(text, 48, "disk '%s'", disk->name);
    job->device = text;
    job->device_bytes = disk->size_bytes;
    job->sector_bytes = disk->logical_sector_bytes;
}

static void on_disk_done(void *arg, int code, const char *sentence,
                         const json_t *result);

/* `checkpoint`: what may be believed of the disk; empty = it is read.  -1 after
 * refusing. */
static int start_write(struct action_host *host,
                       const struct action_image *image,
                       enum pipeline_mode mode, const struct buf *checkpoint)
{
    struct disk_state *state = &host->disks[host->disk];
    char text[48];

    host->device_fd = action_open_disk(host, host->disk, true);
    if (host->device_fd < 0)
        return -1;
    struct pipeline_job job = {.mode = mode,
                               .device_fd = host->device_fd,
                               .checkpoint = checkpoint->data,
                               .checkpoint_length = checkpoint->length};
    describe_disk(host, &job, text);
    state->image = image;
    state->verified = false;
    state->believed = checkpoint->length > 0;
    state->range_count = 0;
    state->grown = 0;
    host->verifying = false;
    host->last_disk = host->disk;
    host->has_last_disk = true;
    return action_start_pipeline(host, image, &job, on_disk_done);
}

static void start_verify(struct action_host *host,
                         const struct action_image *image)
{
    struct disk_state *state = &host->disks[host->disk];
    char text[48];

    host->device_fd = action_open_disk(host, host->disk, false);
    if (host->device_fd < 0)
        return;
    struct pipeline_job job = {.mode = PIPELINE_VERIFY,
                               .device_fd = host->device_fd,
                               .excluded = state->ranges,
                               .excluded_count = state->range_count};
    describe_disk(host, &job, text);
    state->image = image;
    host->verifying = true;
    (void)action_start_pipeline(host, image, &job, on_disk_done);
}

/* What an earlier attempt had told of the disk is not so: the power went while
 * the installed system was being changed, or the disk lost what it said to
 * have stored. */
static void mend(struct action_host *host)
{
    const struct disk_state *state = &host->disks[host->disk];
    AUTO_BUF nothing = BUF_INIT(1);
    char text[ERR_TEXT_BYTES];

    (void)snprintf(text, sizeof(text),
                   "disk '%s' is not what the attempt before had told; reading "
                   "all of it and writing what differs",
                   host->spec.target->disks.disks[host->disk].name);
    host->handlers.note(host->arg, SLIPWAY_LOG_WARN, text);
    host->mending =
        start_write(host, state->image, PIPELINE_RESUME, &nothing) == 0;
}

static void on_disk_done(void *arg, int code, const char *sentence,
                         const json_t *result)
{
    struct action_host *host = arg;
    struct disk_state *state = &host->disks[host->disk];
    bool mended = host->mending;
    char why[ERR_TEXT_BYTES];

    /* The sentence belongs to the client, which is freed before the reply. */
    (void)snprintf(why, sizeof(why), "%s", sentence ? sentence : "");
    host->mending = false;
    if (code == 0) {
        record_image(host, result);
        if (host->verifying)
            state->verified = true;
    }
    action_stop_images(host);
    if (code == SLIPWAY_EVERIFY && host->verifying && state->believed &&
        state->range_count == 0)
        mend(host);
    else if (code < 0)
        action_refuse(host, code, "%s", why);
    else if (mended)
        start_verify(host, state->image);
    else
        action_reply(host, 0, NULL, -1);
}

static void write_image(struct action_host *host, struct action_image *image)
{
    /* A second attempt finds what the first one wrote. */
    bool again = host->spec.plan->attempt > 1;
    AUTO_BUF checkpoint = BUF_INIT(CHECKPOINT_MAX_BYTES + 1);

    if (!image_fits(host, image))
        return;
    if (!action_declared(host, host->disk, 0, image->manifest.size_bytes)) {
        action_refuse(host, ERR_INVALID,
                      "action '%s' writes an image to disk '%s' and has not "
                      "declared it in prepare",
                      host->step->action,
                      host->spec.target->disks.disks[host->disk].name);
        return;
    }
    if (again && !action_take_checkpoint(host, &checkpoint))
        buf_clear(&checkpoint);
    (void)start_write(host, image, again ? PIPELINE_RESUME : PIPELINE_FRESH,
                      &checkpoint);
}

static void verify_image(struct action_host *host, struct action_image *image)
{
    if (image_fits(host, image))
        start_verify(host, image);
}

/* True when the call may go on: its phase and its disk are right. */
static bool begin_disk_call(struct action_host *host, const json_t *head)
{
    if (action_find_disk(host, head, &host->disk) < 0)
        return false;
    if (host->phase >= ACTION_RUN)
        return true;
    action_refuse(host, ERR_INVALID,
                  "action '%s' works on an image in %s; only run and verify "
                  "may",
                  host->step->action, action_phase_word(host->phase));
    return false;
}

void action_serve_image_write(struct action_host *host, const json_t *head)
{
    if (!begin_disk_call(host, head))
        return;
    if (host->phase != ACTION_RUN)
        action_refuse(host, ERR_INVALID,
                      "action '%s' writes an image in verify; only run may",
                      host->step->action);
    else
        action_with_image(host, head, write_image);
}

void action_serve_image_verify(struct action_host *host, const json_t *head)
{
    if (begin_disk_call(host, head))
        action_with_image(host, head, verify_image);
}
