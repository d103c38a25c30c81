/* SPDX-License-Identifier: Apache-2.0 */
#include "core/engine/actions/personalise.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "core/engine/change/mounted.h"
#include "core/util/child.h"
#include "core/util/crypto.h"
#include "core/util/file.h"
#include "core/util/json.h"

#define HELPER_NAME "slipway-ext4-personalise"
#define FILES_TIMEOUT_MS 120000u
#define GROW_TIMEOUT_MS (30u * 60 * 1000)
#define REPLY_MAX (4u << 20)

struct personalise {
    struct child *child;
    int reply_fd;
    uint64_t timeout_ms;
    personalise_done *done;
    void *arg;
};

static json_t *file_json(const struct slipway_file *file)
{
    AUTO_FREE char *hex = malloc(2 * (size_t)file->length + 1);
    if (!hex)
        return NULL;
    (void)hex_format(file->data, (size_t)file->length, hex);
    return json_pack("{s:s, s:I, s:I, s:I, s:s, s:s, s:s}", "path", file->path,
                     "owner", (json_int_t)file->owner, "group",
                     (json_int_t)file->group, "mode", (json_int_t)file->mode,
                     "data", hex, "needs", file->needs ? file->needs : "",
                     "needs_text", file->needs_text ? file->needs_text : "");
}

static int request_json(const struct personalise_spec *spec, json_t **ret,
                        struct err *err)
{
    AUTO_JSON *files = json_array();
    if (spec->file_count > CHANGE_FILES_MAX)
        return err_set(err, ERR_TOO_BIG, "more than %d files to personalise",
                       CHANGE_FILES_MAX);
    for (size_t i = 0; i < spec->file_count; i++) {
        if (spec->files[i].length > CHANGE_FILE_BYTES_MAX)
            return err_set(err, ERR_TOO_BIG,
                           "the file '%s' is larger than 1 MiB",
                           spec->files[i].path);
        if (json_array_append_new(files, file_json(&spec->files[i])))
            return err_set(err, ERR_NO_MEMORY, "out of memory");
    }
    *ret = json_pack(
        "{s:I, s:I, s:s, s:i, s:I, s:I, s:b, s:O}", "offset",
        (json_int_t)spec->offset_bytes, "length",
        (json_int_t)spec->length_bytes, "file_system", spec->file_system,
        "partition", (int)spec->partition, "disk_bytes",
        (json_int_t)spec->device_bytes, "sector_bytes",
        (json_int_t)(spec->sector_bytes ? spec->sector_bytes : 512), "grow",
        spec->grow, "files", files);
    return *ret ? 0 : err_set(err, ERR_NO_MEMORY, "out of memory");
}

/* The request as the helper's standard input. */
static int request_fd(const struct personalise_spec *spec, int *ret_fd,
                      struct err *err)
{
    AUTO_JSON *request = NULL;
    int rc = request_json(spec, &request, err);
    if (rc)
        return rc;
    AUTO_FREE char *text = json_text(request);
    if (!text)
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    *ret_fd = file_sealed_memfd("personalise", text, strlen(text), err);
    secret_wipe(text, strlen(text));
    return *ret_fd < 0 ? ERR_IO : 0;
}

/* As core/engine/change/request.h has it. */
static int parse_reply(int fd, json_t **ret_ranges, uint64_t *ret_length,
                       struct err *err)
{
    AUTO_BUF text = BUF_INIT(REPLY_MAX);
    off_t length = lseek(fd, 0, SEEK_END);
    uint8_t *room = length > 0 && length <= (off_t)REPLY_MAX - 1
                        ? buf_reserve(&text, (size_t)length)
                        : NULL;
    if (!room || file_pread_all(fd, room, (size_t)length, 0, NULL))
        return err_set(err, ERR_INTERNAL,
                       "the helper that changes the file system ended without "
                       "an answer");
    AUTO_JSON *reply = json_parse(room, (size_t)length, REPLY_MAX, err);
    if (!reply)
        return ERR_INTERNAL;
    const char *error = json_string_value(json_object_get(reply, "error"));
    if (error)
        return err_set(err, ERR_IO, "%s", error);
    json_t *ranges = json_object_get(reply, "ranges");
    if (!json_is_array(ranges))
        return err_set(err, ERR_INTERNAL,
                       "the helper that changes the file system answered "
                       "nonsense");
    *ret_ranges = json_incref(ranges);
    *ret_length =
        (uint64_t)json_integer_value(json_object_get(reply, "length"));
    return 0;
}

static void on_ended(void *arg, int status, bool timed_out)
{
    struct personalise *p = arg;
    AUTO_JSON *ranges = NULL;
    uint64_t length = 0;
    struct err err = ERR_INIT;
    if (timed_out)
        (void)err_set(&err, ERR_TIMEOUT,
                      "changing the file system did not end within %u s",
                      (unsigned)(p->timeout_ms / 1000));
    else if (status >= 256)
        (void)err_set(&err, ERR_INTERNAL,
                      "the helper that changes the file system was ended by "
                      "signal %d",
                      status - 256);
    else
        (void)parse_reply(p->reply_fd, &ranges, &length, &err);
    p->done(p->arg, ranges, length, &err); /* may free p */
}

bool personalise_writes(const char *file_system)
{
    return mounted_writable(file_system);
}

bool personalise_grows(const char *file_system)
{
    return mounted_growable(file_system);
}

/* An ext4 is written unmounted: that changes fewer places and works on files
 * too; the kernel knows the others and how each grows. */
static bool unmounted(const struct personalise_spec *spec)
{
    return !spec->grow && strcmp(spec->file_system, "ext4") == 0;
}

static char *helper_path(void)
{
    const char *folder = getenv("SLIPWAY_LIBEXEC_DIR");
    char *path = NULL;
    if (asprintf(&path, "%s/" HELPER_NAME,
                 folder && *folder ? folder : PKGLIBEXECDIR) < 0)
        return NULL;
    return path;
}

static int check(const struct personalise_spec *spec, struct err *err)
{
    if (!personalise_writes(spec->file_system))
        return err_set(err, ERR_UNSUPPORTED,
                       "files can be written into ext, XFS, btrfs and FAT, "
                       "and the file system of this partition is '%.40s'",
                       *spec->file_system ? spec->file_system : "unknown");
    if (spec->grow && !personalise_grows(spec->file_system))
        return err_set(err, ERR_UNSUPPORTED,
                       "a file system of type '%.40s' cannot grow",
                       spec->file_system);
    return 0;
}

static int start_helper(struct loop *loop, const struct personalise_spec *spec,
                        int request, struct personalise *p, struct err *err)
{
    AUTO_FREE char *path = helper_path();
    const char *const ext4[] = {path, NULL};
    const char *const mounted[] = {"/proc/self/exe", "change", NULL};
    if (!path)
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    const struct child_spec child = {
        .argv = unmounted(spec) ? ext4 : mounted,
        .keep_fds = &spec->device_fd,
        .keep_fd_count = 1,
        .stdin_fd = request,
        .stdout_fd = p->reply_fd,
        .stderr_fd = -1,
        .timeout_ms = p->timeout_ms,
        .own_group = true,
    };
    if (p->reply_fd < 0)
        return err_set_errno(err, ERR_IO, errno, "no memory for an answer");
    p->child = child_start(loop, &child, on_ended, p, err);
    return p->child ? 0 : ERR_IO;
}

int personalise_start(struct loop *loop, const struct personalise_spec *spec,
                      personalise_done *done, void *arg,
                      struct personalise **ret, struct err *err)
{
    AUTO_CLOSE int request = -1;
    int code = check(spec, err);
    if (!code)
        code = request_fd(spec, &request, err);
    if (code)
        return code;
    struct personalise *p = calloc(1, sizeof(*p));
    if (!p)
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    p->done = done;
    p->arg = arg;
    p->timeout_ms = spec->timeout_ms ? spec->timeout_ms
                    : spec->grow     ? GROW_TIMEOUT_MS
                                     : FILES_TIMEOUT_MS;
    p->reply_fd = memfd_create("personalised", MFD_CLOEXEC);
    code = start_helper(loop, spec, request, p, err);
    if (code) {
        personalise_free(p);
        return code;
    }
    *ret = p;
    return 0;
}

void personalise_free(struct personalise *personalise)
{
    if (!personalise)
        return;
    child_free(personalise->child);
    if (personalise->reply_fd >= 0)
        (void)close(personalise->reply_fd);
    free(personalise);
}
