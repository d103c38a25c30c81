/* SPDX-License-Identifier: Apache-2.0 */
#include "core/engine/change/request.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "core/util/crypto.h"
#include "core/util/json.h"
#include "core/util/secret-memory.h"

#define REQUEST_MAX ((size_t)192 << 20)
#define READ_BYTES 65536

static int read_input(struct buf *ret, struct err *err)
{
    for (;;) {
        uint8_t *room = buf_reserve(ret, READ_BYTES);
        ssize_t got = room ? read(STDIN_FILENO, room, READ_BYTES) : -1;
        if (got < 0 && room && errno == EINTR)
            continue;
        if (got < 0)
            return err_set(err, ERR_IO, "the request cannot be read");
        if (got == 0)
            return 0;
        ret->length += (size_t)got;
    }
}

/* An absent text travels as "". */
static const char *text_or_null(const char *text)
{
    return *text ? text : NULL;
}

static int take_file(struct json_reader *r, struct change_file *file)
{
    *file = (struct change_file){
        .path = json_get_text(r, "path"),
        .owner = (uint32_t)json_get_u64(r, "owner", 0, UINT32_MAX),
        .group = (uint32_t)json_get_u64(r, "group", 0, UINT32_MAX),
        .mode = (uint32_t)json_get_u64(r, "mode", 0, 07777),
        .needs = text_or_null(json_opt_text(r, "needs", "")),
        .needs_text = text_or_null(json_opt_text(r, "needs_text", "")),
    };
    const char *hex = json_get_text(r, "data");
    int code = json_done(r);
    if (code)
        return code;
    file->length = strlen(hex) / 2;
    if (file->length > CHANGE_FILE_BYTES_MAX)
        return json_reader_fail(r, "data", "is larger than 1 MiB");
    uint8_t *data = secret_new(file->length + 1);
    if (!data)
        return err_set(r->err, ERR_NO_MEMORY, "out of memory");
    file->data = data;
    if (hex_parse(hex, data, file->length))
        return json_reader_fail(r, "data", "is not hexadecimal");
    return 0;
}

static int take_files(struct json_reader *r, struct change_request *ret)
{
    size_t count = json_array_size(json_get_array(r, "files"));
    if (count > CHANGE_FILES_MAX)
        return json_reader_fail(r, "files", "are more than %d",
                                CHANGE_FILES_MAX);
    int code = r->code;
    for (size_t i = 0; i < count && !code; i++) {
        struct json_reader one;
        json_reader_element(&one, r, "files", i);
        ret->file_count = i + 1;
        code = take_file(&one, &ret->files[i]);
    }
    return code;
}

int change_request_parse(const void *text, size_t length,
                         struct change_request *ret, struct err *err)
{
    struct json_reader r;
    *ret = (struct change_request){.file_system = ""};
    ret->json = json_parse(text, length, REQUEST_MAX, err);
    if (!ret->json)
        return ERR_INVALID;
    json_reader_init(&r, ret->json, "$", err);
    ret->offset = json_get_u64(&r, "offset", 0, INT64_MAX);
    ret->length = json_get_u64(&r, "length", 1, INT64_MAX);
    ret->file_system = json_get_text(&r, "file_system");
    ret->partition = (unsigned)json_opt_u64(&r, "partition", 0, 1024, 0);
    ret->disk_bytes = json_opt_u64(&r, "disk_bytes", 0, INT64_MAX, 0);
    ret->sector_bytes =
        (uint32_t)json_opt_u64(&r, "sector_bytes", 512, 4096, 512);
    ret->grow = json_opt_bool(&r, "grow", false);
    int code = take_files(&r, ret);
    return code ? code : json_done(&r);
}

void change_request_done(struct change_request *request)
{
    for (size_t i = 0; i < request->file_count; i++)
        secret_free((void *)(uintptr_t)request->files[i].data);
    json_decref(request->json);
}

int change_open_disk(int *ret_fd, struct err *err)
{
    int fd = open("/proc/self/fd/3", O_RDWR | O_CLOEXEC);
    if (fd < 0)
        fd = fcntl(CHANGE_DISK_FD, F_DUPFD_CLOEXEC, 0);
    if (fd < 0)
        return err_set_errno(err, ERR_IO, errno, "the disk cannot be opened");
    *ret_fd = fd;
    return 0;
}

int change_needs(const struct change_file *file, struct err *err)
{
    if (file->needs_text)
        return err_set(err, ERR_UNSUPPORTED, "%s", file->needs_text);
    return err_set(err, ERR_UNSUPPORTED,
                   "'%s' is not written: the file system has no '%s'",
                   file->path, file->needs);
}

/* Prints the answer; `ranges` NULL = it failed as `err` says.  The exit
 * status. */
static int reply(json_t *ranges, uint64_t length, const struct err *err)
{
    AUTO_JSON *answer =
        ranges ? json_pack("{s:O, s:I}", "ranges", ranges, "length",
                           (json_int_t)length)
               : json_pack("{s:s}", "error", err->text);
    AUTO_FREE char *text = json_text(answer);
    if (text)
        (void)puts(text);
    return !ranges || !text || fflush(stdout) ? 1 : 0;
}

int change_request_serve(change_fn *change)
{
    AUTO_BUF text = BUF_INIT(REQUEST_MAX);
    struct err err = ERR_INIT;
    struct change_request request = {.file_system = ""};
    struct change_ranges changed = {NULL, 0, 0, false};
    int code = read_input(&text, &err);
    if (!code)
        code = change_request_parse(text.data, text.length, &request, &err);
    if (text.data)
        secret_wipe(text.data, text.length);
    if (!code)
        code = change(&request, &changed, &err);
    AUTO_JSON *ranges = code ? NULL : change_ranges_json(&changed);
    if (!code && !ranges)
        (void)err_set(&err, ERR_NO_MEMORY, "out of memory");
    int status = reply(ranges, request.length, &err);
    change_ranges_done(&changed);
    change_request_done(&request);
    return status;
}
