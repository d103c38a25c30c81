/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The action plugin `install`: makes one disk equal to an image, compares it
 * with the image's index, lets it fill the disk, and then gives the installed
 * system its name, its users and its network.
 */
#include "install.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define LINE_BYTES 400

static const struct slipway_param params[] = {
    [PARAM_IMAGE] =
        SLIPWAY_PARAM(.type = SLIPWAY_PARAM_IMAGE,
                      .flags = SLIPWAY_PARAM_REQUIRED, .name = "image",
                      .help = "The disk image to install."),
    [PARAM_DISK] =
        SLIPWAY_PARAM(.type = SLIPWAY_PARAM_DISK,
                      .flags = SLIPWAY_PARAM_REQUIRED, .name = "disk",
                      .help = "The disk that will be overwritten."),
    [PARAM_GROW] =
        SLIPWAY_PARAM(.type = SLIPWAY_PARAM_BOOL, .name = "grow",
                      .help = "Whether the last partition and its file system "
                              "grow to the end of the disk.",
                      .default_text = "false"),
    [PARAM_HOSTNAME] =
        SLIPWAY_PARAM(.type = SLIPWAY_PARAM_TEXT, .name = "hostname",
                      .help = "Host name of the installed system.", .min = 1,
                      .max = HOSTNAME_BYTES_MAX),
    [PARAM_MARKER] =
        SLIPWAY_PARAM(.type = SLIPWAY_PARAM_TEXT, .name = "marker",
                      .help = "A line that is shown above the login prompt.",
                      .min = 1, .max = 200),
    [PARAM_USERS] =
        SLIPWAY_PARAM(.type = SLIPWAY_PARAM_JSON, .name = "users",
                      .help = "Users that cloud-init makes at the first "
                              "start."),
    [PARAM_SSH_KEYS] =
        SLIPWAY_PARAM(.type = SLIPWAY_PARAM_JSON, .name = "ssh_keys",
                      .help = "Public keys that may log in as the image's own "
                              "user."),
    [PARAM_NETWORK] =
        SLIPWAY_PARAM(.type = SLIPWAY_PARAM_JSON, .name = "network",
                      .help = "Network ports as cloud-init sets them up."),
};

int failf(const struct slipway_action_host *host, int code, const char *format,
          ...)
{
    char sentence[LINE_BYTES];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(sentence, sizeof(sentence), format, args);
    va_end(args);
    return host->fail(host, code, sentence);
}

static int wants_growth(const struct slipway_action_host *host)
{
    uint64_t grow = 0;

    return host->param_number(host, PARAM_GROW, &grow) == SLIPWAY_OK && grow;
}

/* Everything that would make the image useless on this disk. */
static int check_fit(const struct slipway_action_host *host,
                     const struct slipway_disk *disk, const json_t *image)
{
    const char *name = json_string_value(json_object_get(image, "name"));
    uint64_t need =
        (uint64_t)json_integer_value(json_object_get(image, "size_bytes"));
    uint64_t sector =
        (uint64_t)json_integer_value(json_object_get(image, "sector_bytes"));

    if (!name || need == 0)
        return failf(host, SLIPWAY_EINTERNAL,
                     "the engine's description of the image is incomplete");
    if (disk->size_bytes < need)
        return failf(host, SLIPWAY_ENOSPACE,
                     "disk '%s' (serial '%.64s') has %llu MiB and image '%s' "
                     "needs %llu MiB; choose a larger disk",
                     disk->name, disk->serial,
                     (unsigned long long)(disk->size_bytes >> 20), name,
                     (unsigned long long)((need + (1 << 20) - 1) >> 20));
    if (disk->logical_sector_bytes != sector)
        return failf(host, SLIPWAY_EINVAL,
                     "disk '%s' has sectors of %u bytes and image '%s' was "
                     "made for sectors of %llu bytes; use an image made for "
                     "such disks",
                     disk->name, disk->logical_sector_bytes, name,
                     (unsigned long long)sector);
    /* What grows reaches the end of the disk. */
    return host->declare_write(host, disk->id, 0,
                               wants_growth(host) ? 0 : need);
}

static int get_image(const struct slipway_action_host *host, json_t **ret_image)
{
    const char *text = "";
    int code = host->image_facts(host, PARAM_IMAGE, &text);

    if (code != SLIPWAY_OK)
        return code;
    *ret_image = json_loads(text, 0, NULL);
    if (!*ret_image)
        return failf(host, SLIPWAY_EINTERNAL,
                     "the engine's description of the image cannot be read");
    return SLIPWAY_OK;
}

static int prepare(const struct slipway_action_host *host)
{
    const struct slipway_disk *disk;
    json_t *image = NULL;
    int code = files_check(host);

    if (code == SLIPWAY_OK)
        code = host->disk_select(host, PARAM_DISK, &disk);
    if (code == SLIPWAY_OK)
        code = get_image(host, &image);
    if (code == SLIPWAY_OK)
        code = check_fit(host, disk, image);
    if (code == SLIPWAY_OK)
        code = files_check_image(host, image);
    if (code == SLIPWAY_OK && wants_growth(host))
        code = host->disk_grow(host, PARAM_IMAGE, disk->id);
    json_decref(image);
    return code;
}

static int report(const struct slipway_action_host *host,
                  const struct slipway_disk *disk)
{
    json_t *image = NULL;
    int code = get_image(host, &image);

    if (code != SLIPWAY_OK)
        return code;
    json_t *result = json_pack(
        "{s:O, s:O, s:O, s:{s:s, s:s*, s:s*, s:s*, s:I}}", "image",
        json_object_get(image, "name"), "revision",
        json_object_get(image, "revision"), "bytes",
        json_object_get(image, "size_bytes"), "disk", "name", disk->name,
        "serial", disk->serial, "model", disk->model, "path", disk->path,
        "size_bytes", (json_int_t)disk->size_bytes);
    char *text = result ? json_dumps(result, JSON_COMPACT) : NULL;
    code = text ? host->result(host, text)
                : failf(host, SLIPWAY_EINTERNAL,
                        "not enough memory for the result");
    free(text);
    json_decref(result);
    json_decref(image);
    return code;
}

/* What makes an equal copy this machine's own. */
static int adapt(const struct slipway_action_host *host,
                 const struct slipway_disk *disk)
{
    json_t *image = NULL;
    int code = get_image(host, &image);

    if (code == SLIPWAY_OK && wants_growth(host)) {
        host->progress(host, 970, "growing");
        code = host->disk_grow(host, PARAM_IMAGE, disk->id);
    }
    if (code == SLIPWAY_OK) {
        host->progress(host, 980, "personalising");
        code = files_write(host, image, disk->id);
    }
    json_decref(image);
    return code;
}

static int run(const struct slipway_action_host *host)
{
    const struct slipway_disk *disk;
    int code = host->disk_select(host, PARAM_DISK, &disk);

    if (code != SLIPWAY_OK)
        return code;
    if (host->flags & SLIPWAY_ACTION_DRY_RUN)
        return report(host, disk);
    host->progress(host, 0, "writing");
    code = host->image_write(host, PARAM_IMAGE, disk->id);
    if (code != SLIPWAY_OK)
        return code;
    host->progress(host, 700, "comparing");
    code = host->image_verify(host, PARAM_IMAGE, disk->id);
    if (code == SLIPWAY_OK)
        code = adapt(host, disk);
    if (code != SLIPWAY_OK)
        return code;
    host->progress(host, 1000, "installed");
    return report(host, disk);
}

SLIPWAY_ACTION_PLUGIN(
        .name = "install", .version = PLUGIN_VERSION,
        .summary = "Writes a disk image, compares it and makes it this "
                   "machine's own.",
        .needs_level = 2, .params = params,
        .params_count = sizeof(params) / sizeof(params[0]),
        .flags = SLIPWAY_ACTION_DESTRUCTIVE, .timeout_ms = 4 * 3600 * 1000,
        .prepare = prepare, .run = run);
