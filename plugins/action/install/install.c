/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The action plugin `install`: makes one disk equal to an image, compares it
 * with the image's index, and then gives the installed system its name.
 */
#include <slipway/action.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#define NAME_MAX_BYTES 63 /* one label, RFC 1123 section 2.1 */
#define LINE_BYTES 320

enum { PARAM_IMAGE, PARAM_DISK, PARAM_HOSTNAME, PARAM_MARKER };

static const struct slipway_param params[] = {
    [PARAM_IMAGE] =
        SLIPWAY_PARAM(.type = SLIPWAY_PARAM_IMAGE,
                      .flags = SLIPWAY_PARAM_REQUIRED, .name = "image",
                      .help = "The disk image to install."),
    [PARAM_DISK] =
        SLIPWAY_PARAM(.type = SLIPWAY_PARAM_DISK,
                      .flags = SLIPWAY_PARAM_REQUIRED, .name = "disk",
                      .help = "The disk that will be overwritten."),
    [PARAM_HOSTNAME] =
        SLIPWAY_PARAM(.type = SLIPWAY_PARAM_TEXT, .name = "hostname",
                      .help = "Host name of the installed system.", .min = 1,
                      .max = NAME_MAX_BYTES),
    [PARAM_MARKER] =
        SLIPWAY_PARAM(.type = SLIPWAY_PARAM_TEXT, .name = "marker",
                      .help = "A line that is shown above the login prompt.",
                      .min = 1, .max = 200),
};

static int failf(const struct slipway_action_host *host, int code,
                 const char *format, ...) __attribute__((format(printf, 3, 4)));

static int failf(const struct slipway_action_host *host, int code,
                 const char *format, ...)
{
    char sentence[LINE_BYTES];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(sentence, sizeof(sentence), format, args);
    va_end(args);
    return host->fail(host, code, sentence);
}

static int check_hostname(const struct slipway_action_host *host)
{
    const char *name = host->param_text(host, PARAM_HOSTNAME);
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-";

    if (!name)
        return SLIPWAY_OK;
    size_t length = strlen(name);
    if (length == 0 || length > NAME_MAX_BYTES ||
        strspn(name, allowed) != length || name[0] == '-' ||
        name[length - 1] == '-')
        return failf(host, SLIPWAY_EINVAL,
                     "'%.80s' is not a host name: letters, digits and inner "
                     "dashes, at most %d of them",
                     name, NAME_MAX_BYTES);
    return SLIPWAY_OK;
}

static int check_marker(const struct slipway_action_host *host)
{
    const char *marker = host->param_text(host, PARAM_MARKER);

    for (; marker && *marker; marker++)
        if ((unsigned char)*marker < ' ' || *marker == 0x7f)
            return failf(host, SLIPWAY_EINVAL,
                         "the marker must be one line of printable text");
    return SLIPWAY_OK;
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
    return host->declare_write(host, disk->id, 0, need);
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
    int code = check_hostname(host);

    if (code == SLIPWAY_OK)
        code = check_marker(host);
    if (code == SLIPWAY_OK)
        code = host->disk_select(host, PARAM_DISK, &disk);
    if (code == SLIPWAY_OK)
        code = get_image(host, &image);
    if (code == SLIPWAY_OK)
        code = check_fit(host, disk, image);
    json_decref(image);
    return code;
}

static void add_file(struct slipway_file *files, uint64_t *count,
                     const char *path, const char *text)
{
    files[(*count)++] = (struct slipway_file){
        .size = sizeof(struct slipway_file),
        .path = path,
        .data = text,
        .length = strlen(text),
        .mode = 0644,
    };
}

static int personalise(const struct slipway_action_host *host,
                       const struct slipway_disk *disk)
{
    const char *name = host->param_text(host, PARAM_HOSTNAME);
    const char *marker = host->param_text(host, PARAM_MARKER);
    char name_line[LINE_BYTES], marker_line[LINE_BYTES];
    struct slipway_file files[3];
    uint64_t count = 0;

    if (name) {
        (void)snprintf(name_line, sizeof(name_line), "%s\n", name);
        add_file(files, &count, "/etc/hostname", name_line);
    }
    if (marker) {
        (void)snprintf(marker_line, sizeof(marker_line), "%s\n", marker);
        add_file(files, &count, "/etc/slipway-marker", marker_line);
        add_file(files, &count, "/etc/issue.d/slipway.issue", marker_line);
    }
    if (count == 0)
        return SLIPWAY_OK;
    return host->personalise(host, PARAM_IMAGE, disk->id, files, count);
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
    if (code != SLIPWAY_OK)
        return code;
    host->progress(host, 980, "personalising");
    code = personalise(host, disk);
    if (code != SLIPWAY_OK)
        return code;
    host->progress(host, 1000, "installed");
    return report(host, disk);
}

SLIPWAY_ACTION_PLUGIN(
        .name = "install", .version = PLUGIN_VERSION,
        .summary = "Writes a disk image, compares it and gives it a name.",
        .params = params, .params_count = sizeof(params) / sizeof(params[0]),
        .flags = SLIPWAY_ACTION_DESTRUCTIVE, .timeout_ms = 4 * 3600 * 1000,
        .prepare = prepare, .run = run);
