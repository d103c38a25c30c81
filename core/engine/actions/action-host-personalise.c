/* SPDX-License-Identifier: Apache-2.0 */
/* Writing files into an installed root file system, after it was verified. */
#include <string.h>

#include "core/engine/actions/action-host-parts.h"
#include "core/util/json.h"

#define PATH_MAX_BYTES 1024

struct file_set {
    struct slipway_file files[ACTION_MAX_FILES];
    uint8_t *data[ACTION_MAX_FILES];
    size_t count;
};

static void file_set_done(struct file_set *set)
{
    for (size_t i = 0; i < set->count; i++)
        free(set->data[i]);
    free(set);
}

void action_stop_personalise(struct action_host *host)
{
    personalise_free(host->personalise);
    host->personalise = NULL;
    json_decref(host->files);
    host->files = NULL;
    if (host->device_fd >= 0)
        (void)close(host->device_fd); /* the helper has synced it */
    host->device_fd = -1;
}

/* Absolute, no empty, "." or ".." component, bounded. */
static bool path_ok(const char *path)
{
    size_t length = strlen(path);

    if (length < 2 || length > PATH_MAX_BYTES || path[0] != '/' ||
        path[length - 1] == '/')
        return false;
    for (const char *at = path; *at == '/';) {
        size_t part = strcspn(++at, "/");
        if (part == 0 || part > 255 || (part == 1 && at[0] == '.') ||
            (part == 2 && at[0] == '.' && at[1] == '.'))
            return false;
        at += part;
    }
    return true;
}

static int read_file(const json_t *from, struct file_set *set, struct err *err)
{
    struct slipway_file *file = &set->files[set->count];
    struct json_reader r;

    json_reader_init(&r, from, "files", err);
    const char *path = json_get_text(&r, "path");
    const char *hex = json_get_text(&r, "hex");
    file->size = sizeof(*file);
    file->path = path;
    file->mode = (uint32_t)json_get_u64(&r, "mode", 0, 07777);
    file->owner = (uint32_t)json_get_u64(&r, "owner", 0, UINT32_MAX);
    file->group = (uint32_t)json_get_u64(&r, "group", 0, UINT32_MAX);
    file->partition = (uint32_t)json_get_u64(&r, "partition", 0, 1024);
    file->needs = json_opt_text(&r, "needs", NULL);
    file->needs_text = json_opt_text(&r, "needs_text", NULL);
    if (json_done(&r) < 0)
        return r.code;
    file->length = strlen(hex) / 2;
    if (!path_ok(path) || (file->needs && !path_ok(file->needs)) ||
        file->length > ACTION_MAX_FILE_BYTES)
        return err_set(err, ERR_INVALID,
                       "'%.200s' cannot be written: the path must be absolute "
                       "and plain, the content at most %u bytes",
                       path, ACTION_MAX_FILE_BYTES);
    uint8_t *data = malloc((size_t)file->length + 1);
    if (!data)
        return err_set(err, ERR_NO_MEMORY, "not enough memory for a file");
    set->data[set->count++] = data;
    if (hex_parse(hex, data, (size_t)file->length) < 0)
        return err_set(err, ERR_INVALID, "a file's content is damaged");
    file->data = data;
    return 0;
}

static struct file_set *read_files(const json_t *list, struct err *err)
{
    struct file_set *set = calloc(1, sizeof(*set));
    uint64_t total = 0;

    if (!set) {
        (void)err_set(err, ERR_NO_MEMORY, "not enough memory for files");
        return NULL;
    }
    if (json_array_size(list) < 1 || json_array_size(list) > ACTION_MAX_FILES) {
        (void)err_set(err, ERR_INVALID, "1 to %d files are expected",
                      ACTION_MAX_FILES);
        goto fail;
    }
    for (size_t i = 0; i < json_array_size(list); i++) {
        if (read_file(json_array_get(list, i), set, err) < 0)
            goto fail;
        total += set->files[i].length;
        if (set->files[i].partition != set->files[0].partition) {
            (void)err_set(err, ERR_INVALID,
                          "files for two partitions need two calls");
            goto fail;
        }
    }
    if (total <= ACTION_MAX_ALL_FILES_BYTES)
        return set;
    (void)err_set(err, ERR_TOO_BIG, "the files have more than %u bytes",
                  ACTION_MAX_ALL_FILES_BYTES);
fail:
    file_set_done(set);
    return NULL;
}

/* Takes the changed ranges into the disk's state and the step's result. */
static int keep_ranges(struct action_host *host, json_t *ranges)
{
    struct disk_state *state = &host->disks[host->disk];
    const struct disk *disk = &host->spec.target->disks.disks[host->disk];
    size_t index;
    json_t *pair;

    json_array_foreach(ranges, index, pair)
    {
        json_int_t offset = json_integer_value(json_array_get(pair, 0));
        json_int_t length = json_integer_value(json_array_get(pair, 1));
        if (state->range_count == ACTION_MAX_RANGES || offset < 0 ||
            length <= 0)
            return -1;
        state->ranges[state->range_count++] =
            (struct pipeline_range){(uint64_t)offset, (uint64_t)length};
    }
    return json_array_append_new(
        host->personalised,
        json_pack("{s:s, s:O}", "disk", disk->name, "ranges", ranges));
}

static void on_changed(void *arg, json_t *ranges, uint64_t length_bytes,
                       const struct err *err)
{
    struct action_host *host = arg;
    struct err why = ERR_INIT;

    if (!ranges)
        why = *err; /* it belongs to what is freed next */
    int kept = ranges ? keep_ranges(host, ranges) : 0;
    action_stop_personalise(host);
    if (!ranges) {
        host->disks[host->disk].verified = false;
        action_refuse(host, why.code, "%s", why.text);
    } else if (kept < 0) {
        action_refuse(host, ERR_INTERNAL,
                      "the list of changed ranges is damaged");
    } else {
        action_note_growth(host, length_bytes);
        action_reply(host, 0, NULL, -1);
    }
}

void action_start_change(struct action_host *host,
                         const struct partition *partition,
                         struct personalise_spec *spec)
{
    const struct disk *disk = &host->spec.target->disks.disks[host->disk];
    const struct disk_state *state = &host->disks[host->disk];
    struct err err = ERR_INIT;

    host->partition = partition;
    host->device_fd = action_open_disk(host, host->disk, true);
    if (host->device_fd < 0) {
        action_stop_personalise(host);
        return;
    }
    spec->device_fd = host->device_fd;
    spec->device_bytes = disk->size_bytes;
    spec->sector_bytes = disk->logical_sector_bytes;
    spec->partition = partition->number;
    spec->offset_bytes = partition->start_bytes;
    spec->length_bytes = state->grown == partition->number
                             ? state->grown_bytes
                             : partition->length_bytes;
    spec->file_system = partition->file_system;
    int code = personalise_start(host->spec.loop, spec, on_changed, host,
                                 &host->personalise, &err);
    if (code == 0)
        return;
    action_stop_personalise(host);
    action_refuse(host, code, "%s", err.text);
}

int action_may_change(struct action_host *host,
                      const struct action_image *image)
{
    const struct disk_state *state = &host->disks[host->disk];

    if (state->image == image && state->verified)
        return 0;
    action_refuse(host, ERR_INVALID,
                  "action '%s' wants to change disk '%s' before it was "
                  "compared with image '%s'",
                  host->step->action,
                  host->spec.target->disks.disks[host->disk].name,
                  image->manifest.name);
    return -1;
}

/* The partition that the files go into, or NULL after refusing. */
static const struct partition *files_place(struct action_host *host,
                                           const struct action_image *image,
                                           unsigned number)
{
    const struct partitions *parts = &image->manifest.partitions;
    const struct partition *found =
        partitions_find(parts, number ? number : parts->root);

    if (found)
        return found;
    if (number)
        action_refuse(host, ERR_INVALID, "image '%s' has no partition %u",
                      image->manifest.name, number);
    else
        action_refuse(host, ERR_UNSUPPORTED,
                      "image '%s' has no root file system that could be "
                      "personalised; leave host name and marker out",
                      image->manifest.name);
    return NULL;
}

static void with_manifest(struct action_host *host, struct action_image *image)
{
    struct err err = ERR_INIT;
    struct file_set *set = NULL;
    const struct partition *place = NULL;

    if (action_may_change(host, image) == 0) {
        set = read_files(host->files, &err);
        if (!set)
            action_refuse(host, err.code, "%s", err.text);
    }
    if (set)
        place = files_place(host, image, set->files[0].partition);
    if (place) {
        struct personalise_spec spec = {.files = set->files,
                                        .file_count = set->count};
        action_start_change(host, place, &spec);
    } else {
        action_stop_personalise(host);
    }
    if (set)
        file_set_done(set);
}

void action_serve_personalise(struct action_host *host, const json_t *head,
                              int text_fd)
{
    AUTO_BUF text = BUF_INIT(ACTION_MAX_TEXT_BYTES);
    struct err err = ERR_INIT;

    if (action_find_disk(host, head, &host->disk) < 0)
        return;
    if (host->phase != ACTION_RUN) {
        action_refuse(host, ERR_INVALID,
                      "action '%s' personalises in %s; only run may",
                      host->step->action, action_phase_word(host->phase));
        return;
    }
    if (action_text_read(text_fd, &text, &err) == 0)
        host->files = json_parse(buf_text(&text), text.length, text.max, &err);
    if (!host->files) {
        action_refuse(host, ERR_INVALID, "%s", err.text);
        return;
    }
    action_with_image(host, head, with_manifest);
}
