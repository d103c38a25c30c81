/* SPDX-License-Identifier: Apache-2.0 */
/*
 * slipway image export: the plain content of an image into a file.  It comes in
 * pieces with their place (core/image/export.h), so that holes are neither sent
 * nor written; the file has its name only when it is whole.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/cli/output.h"
#include "core/cli/qcow2.h"
#include "core/cli/rest.h"
#include "core/util/bytes.h"
#include "core/util/file.h"

#define HEADER_BYTES 16
#define FAILED UINT64_MAX
#define PIECE_MAX ((uint64_t)16 << 20)
#define SIZE_MAX_BYTES (UINT64_C(1) << 46)

struct receiving {
    int fd;
    struct qcow2_writer *qcow2; /* NULL = raw */
    uint8_t header[HEADER_BYTES];
    size_t header_length;
    uint64_t offset; /* of the next byte of the piece */
    uint64_t left;   /* of the piece */
    bool failed;     /* what follows is the server's sentence */
    bool whole;
    char sentence[ERR_TEXT_BYTES];
    size_t sentence_length;
    struct err err;
    struct progress bar;
    uint64_t total;
};

static int take_header(struct receiving *r)
{
    uint64_t offset = get_le64(r->header);
    uint64_t length = get_le64(r->header + 8);

    r->header_length = 0;
    r->failed = offset == FAILED;
    if (!r->failed && (offset < r->offset || offset > SIZE_MAX_BYTES ||
                       length > PIECE_MAX))
        return err_set(&r->err, ERR_CORRUPT,
                       "the server sends pieces that make no sense");
    r->left = length;
    if (r->failed)
        return 0;
    r->offset = offset;
    r->whole = !length;
    if (r->whole && r->qcow2)
        return qcow2_finish(r->qcow2, &r->err);
    if (r->whole && ftruncate(r->fd, (off_t)offset) != 0)
        return err_set_errno(&r->err, ERR_IO, errno,
                             "the file cannot be made as long as the image");
    return 0;
}

static int write_bytes(struct receiving *r, const char *data, size_t length)
{
    return r->qcow2 ? qcow2_write(r->qcow2, data, length, r->offset, &r->err)
                    : file_pwrite_all(r->fd, data, length, r->offset, &r->err);
}

static int take_bytes(struct receiving *r, const char *data, size_t length)
{
    if (r->failed) {
        size_t room = sizeof(r->sentence) - 1 - r->sentence_length;
        size_t some = length < room ? length : room;

        memcpy(r->sentence + r->sentence_length, data, some);
        r->sentence_length += some;
    } else if (write_bytes(r, data, length) != 0) {
        return r->err.code;
    } else {
        r->offset += length;
        progress_show(&r->bar, r->offset, r->total, "");
    }
    r->left -= length;
    return 0;
}

/* A `sink`: false ends the transfer. */
static bool take(void *arg, const char *data, size_t length)
{
    struct receiving *r = arg;

    while (length) {
        size_t some;

        if (r->whole || r->err.code)
            return false;
        if (r->left) {
            some = r->left < length ? (size_t)r->left : length;
            if (take_bytes(r, data, some) != 0)
                return false;
        } else {
            some = HEADER_BYTES - r->header_length;
            some = some < length ? some : length;
            memcpy(r->header + r->header_length, data, some);
            r->header_length += some;
            if (r->header_length == HEADER_BYTES && take_header(r) != 0)
                return false;
        }
        data += some;
        length -= some;
    }
    return true;
}

/* What is wrong with what came, or 0. */
static int judge(struct receiving *r, int code, const char *path)
{
    if (r->err.code)
        return cli_fail(EXIT_FAILED, "'%s': %s", path, r->err.text);
    if (r->failed) {
        for (size_t i = 0; i < r->sentence_length; i++)
            if ((unsigned char)r->sentence[i] < ' ')
                r->sentence[i] = '?';
        return cli_fail(EXIT_FAILED, "the image was not exported: %s",
                        r->sentence);
    }
    if (code == 0 && !r->whole)
        return cli_fail(EXIT_UNAVAILABLE,
                        "the server ended before the image did: export it "
                        "again");
    if (code == 0 && fsync(r->fd) != 0)
        return cli_fail(EXIT_FAILED, "'%s' was not brought to the disk: %s",
                        path, err_errno_text(errno));
    return code;
}

static int receive(struct cli *cli, struct receiving *r, const char *path,
                   bool qcow2)
{
    AUTO_FREE char *base = cli_path(cli, cli->verb->path);
    AUTO_FREE char *url = NULL;
    struct rest_reply image;
    struct rest_reply reply;
    struct rest_request request = {
        .method = "GET", .sink = take, .sink_arg = r};
    int code = rest_get(cli, base, &image);

    r->total = (uint64_t)json_integer_value(
        json_object_get(image.json, "size_bytes"));
    rest_reply_done(&image);
    if (code != 0)
        return code;
    if (qcow2)
        r->qcow2 = qcow2_writer_new(r->fd, r->total, &r->err);
    if (qcow2 && !r->qcow2)
        return cli_fail(EXIT_FAILED, "%s", r->err.text);
    if (asprintf(&url, "%s/content?framed=true", base) < 0) {
        url = NULL;
        return cli_fail(EXIT_FAILED, "no memory is left");
    }
    request.path = url;
    progress_init(&r->bar, cli->args[0], cli->terminal);
    code = rest_call(cli, &request, &reply);
    progress_done(&r->bar);
    rest_reply_done(&reply);
    return judge(r, code, path);
}

int image_export(struct cli *cli)
{
    const char *path = cli->args[1];
    const char *format = cli_option(cli, "format");
    AUTO_FREE char *part = NULL;
    struct receiving r = {.fd = -1};
    int code;

    if (format && strcmp(format, "raw") != 0 && strcmp(format, "qcow2") != 0)
        return cli_fail(EXIT_USAGE,
                        "images are exported raw or as qcow2: 'qemu-img "
                        "convert' makes every other format of that");
    if (asprintf(&part, "%s.part", path) < 0) {
        part = NULL;
        return cli_fail(EXIT_FAILED, "no memory is left");
    }
    r.fd = open(part, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW,
                0600);
    if (r.fd < 0)
        return cli_fail(EXIT_FAILED, "'%s' cannot be made: %s", part,
                        err_errno_text(errno));
    code = receive(cli, &r, path, format && strcmp(format, "qcow2") == 0);
    qcow2_writer_free(r.qcow2);
    (void)close(r.fd);
    if (code == 0 && rename(part, path) != 0)
        code = cli_fail(EXIT_FAILED, "'%s' cannot get its name: %s", path,
                        err_errno_text(errno));
    if (code != 0)
        (void)unlink(part);
    return code;
}
