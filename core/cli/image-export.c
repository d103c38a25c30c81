/* SPDX-License-Identifier: Apache-2.0 */
/*
 * slipway image export: the plain content of an image into a file.  It comes in
 * pieces with their place (framed.h), so that holes are neither sent nor
 * written.  A lost connection or a server that is restarted only costs time,
 * and a raw file goes on when the command is given again: until it is whole and
 * checked it is called FILE.DIGEST.part, after the image's manifest, so that
 * nothing of another revision gets into it.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "core/cli/framed.h"
#include "core/cli/output.h"
#include "core/cli/patience.h"
#include "core/cli/qcow2.h"
#include "core/cli/rest.h"
#include "core/util/file.h"

struct export {
    struct cli *cli;
    const char *path;
    char *part; /* where it grows */
    int fd;
    struct qcow2_writer *qcow2; /* NULL = raw */
    struct framed framed;
    uint64_t begun_bytes; /* an earlier command has brought so many */
    uint64_t size_bytes;
    char id[160]; /* of the image, with its revision */
    char manifest[DIGEST_HEX_BYTES];
    struct progress bar;
    struct patience patience;
};

/* ---- what comes ---- */

static int write_bytes(void *arg, const void *data, size_t length,
                       uint64_t offset, struct err *err)
{
    struct export *e = arg;

    progress_show(&e->bar, offset + length, e->size_bytes, "");
    return e->qcow2 ? qcow2_write(e->qcow2, data, length, offset, err)
                    : file_pwrite_all(e->fd, data, length, offset, err);
}

/* One connection, from done_bytes on. */
static int fetch(struct export *e, struct rest_reply *reply)
{
    AUTO_FREE char *url = NULL;
    struct rest_request request = {.method = "GET",
                                   .sink = framed_take,
                                   .sink_arg = &e->framed,
                                   .quiet = true};

    memset(reply, 0, sizeof(*reply));
    if (asprintf(&url,
                 "/api/v1/images/%s/content?framed=true&offset=%" PRIu64,
                 e->id, e->framed.done_bytes) < 0) {
        url = NULL;
        return cli_fail(EXIT_FAILED, "no memory is left");
    }
    request.path = url;
    framed_part(&e->framed);
    return rest_call(e->cli, &request, reply);
}

static int give_up(const struct export *e, int code,
                   const struct rest_reply *reply)
{
    if (reply->status >= 400)
        return rest_say_problem(reply->json, reply->status);
    return cli_fail(code,
                    "server '%s' has sent nothing more for five minutes: give "
                    "the same command again to %s",
                    e->cli->server,
                    e->qcow2 ? "begin anew" : "go on where it was");
}

/* After a connection: *ret_again when another one is worth trying. */
static int judge(struct export *e, int code, const struct rest_reply *reply,
                 bool *ret_again)
{
    const struct framed *f = &e->framed;

    if (f->err.code != 0)
        return cli_fail(EXIT_FAILED, "'%s': %s", e->path, f->err.text);
    if (f->state == FRAMED_SENTENCE)
        return cli_fail(EXIT_FAILED, "image '%s' was not exported: %s", e->id,
                        f->sentence);
    if (f->state == FRAMED_WHOLE)
        return 0;
    if (code == EXIT_UNAVAILABLE || code == 0) {
        *ret_again = patience_wait(&e->patience);
        return *ret_again ? 0 : give_up(e, EXIT_UNAVAILABLE, reply);
    }
    return reply->status >= 400 ? rest_say_problem(reply->json, reply->status)
                                : code;
}

static int fetch_all(struct export *e)
{
    bool again = true;
    int code = 0;

    progress_init(&e->bar, e->cli->args[0], e->cli->terminal);
    while (again) {
        uint64_t before = e->framed.done_bytes;
        struct rest_reply reply;

        code = fetch(e, &reply);
        if (e->framed.done_bytes > before)
            e->patience.waited_ms = 0;
        again = false;
        code = judge(e, code, &reply, &again);
        rest_reply_done(&reply);
    }
    progress_done(&e->bar);
    return code;
}

/* ---- whether it is right ---- */

static bool is_zero(const uint8_t *data, size_t length)
{
    return !data[0] && memcmp(data, data + 1, length - 1) == 0;
}

/* The digest of what is in the file now: it holds bytes that an earlier command
 * brought, of which some may never have reached the disk. */
static int read_back(struct export *e, struct digest_stream *all,
                     struct err *err)
{
    uint64_t chunk = e->framed.chunk_bytes;
    AUTO_FREE uint8_t *data = malloc((size_t)chunk);

    if (!data)
        return err_set(err, ERR_NO_MEMORY, "no memory is left");
    for (uint64_t at = 0; at < e->size_bytes; at += chunk) {
        off_t next = lseek(e->fd, (off_t)at, SEEK_DATA);
        size_t length;
        struct digest plain;
        int rc;

        if (next < 0 && errno == ENXIO)
            return 0; /* a hole up to the end */
        if (next > 0)
            at = (uint64_t)next / chunk * chunk;
        length = (size_t)MIN(chunk, e->size_bytes - at);
        rc = file_pread_all(e->fd, data, length, at, err);
        if (rc != 0)
            return rc;
        if (is_zero(data, length))
            continue; /* nothing of that is stored but as a hole */
        digest_of(data, length, &plain);
        framed_note(all, at, length, &plain);
    }
    return 0;
}

static int check(struct export *e, struct err *err)
{
    struct digest_stream all = {NULL};
    struct digest now = e->framed.came;

    if (e->begun_bytes) {
        int rc = digest_stream_init(&all) != 0
                     ? err_set(err, ERR_NO_MEMORY, "no memory is left")
                     : read_back(e, &all, err);

        digest_stream_done(&all, &now);
        if (rc != 0)
            return rc;
    }
    if (digest_equal(&now, &e->framed.told))
        return 0;
    return err_set(err, ERR_VERIFY,
                   "what was written is not what the image holds%s: export it "
                   "again",
                   e->begun_bytes ? ", because the file of an earlier, "
                                    "interrupted export is damaged"
                                  : "");
}

/* Everything came: makes a file of it, checks it and brings it to the disk. */
static int finish(struct export *e)
{
    struct err err = ERR_INIT;
    int rc = 0;

    if (e->framed.size_bytes != e->size_bytes)
        rc = err_set(&err, ERR_VERIFY, "the image changed its size");
    else if (e->qcow2)
        rc = qcow2_finish(e->qcow2, &err);
    else if (ftruncate(e->fd, (off_t)e->size_bytes) != 0)
        rc = err_set_errno(&err, ERR_IO, errno,
                           "the file cannot be made as long as the image");
    if (rc == 0)
        rc = check(e, &err);
    if (rc == 0 && fsync(e->fd) != 0)
        rc = err_set_errno(&err, ERR_IO, errno,
                           "it was not brought to the disk");
    if (rc == 0 && rename(e->part, e->path) != 0)
        rc = err_set_errno(&err, ERR_IO, errno, "it cannot get its name");
    return rc == 0 ? 0 : cli_fail(EXIT_FAILED, "'%s': %s", e->path, err.text);
}

/* ---- the file ---- */

/* What an earlier command has brought, without its last piece, which may be
 * half there. */
static int begin_file(struct export *e, bool qcow2, struct err *err)
{
    struct stat st;

    if (fstat(e->fd, &st) != 0)
        return err_set_errno(err, ERR_IO, errno, "'%s'", e->part);
    if (!qcow2 && (uint64_t)st.st_size <= e->size_bytes)
        e->begun_bytes =
            (uint64_t)st.st_size / FRAMED_PIECE_MAX * FRAMED_PIECE_MAX;
    if (ftruncate(e->fd, (off_t)e->begun_bytes) != 0)
        return err_set_errno(err, ERR_IO, errno, "'%s'", e->part);
    if (qcow2)
        e->qcow2 = qcow2_writer_new(e->fd, e->size_bytes, err);
    e->framed.write = write_bytes;
    e->framed.arg = e;
    return qcow2 && !e->qcow2 ? err->code
                              : framed_init(&e->framed, e->begun_bytes, err);
}

/* Ours alone, and not what another command has just given its last name. */
static bool lock_part(const struct export *e)
{
    struct stat ours;
    struct stat named;

    return flock(e->fd, LOCK_EX | LOCK_NB) == 0 && fstat(e->fd, &ours) == 0 &&
           stat(e->part, &named) == 0 && ours.st_ino == named.st_ino &&
           ours.st_dev == named.st_dev;
}

static int open_part(struct export *e, bool qcow2)
{
    struct err err = ERR_INIT;

    if (asprintf(&e->part, "%s.%.12s.part", e->path, e->manifest) < 0) {
        e->part = NULL;
        return cli_fail(EXIT_FAILED, "no memory is left");
    }
    e->fd = open(e->part, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (e->fd < 0)
        return cli_fail(EXIT_FAILED, "'%s' cannot be made: %s", e->part,
                        err_errno_text(errno));
    if (!lock_part(e))
        return cli_fail(EXIT_CONFLICT,
                        "'%s' is being written by another export", e->part);
    if (begin_file(e, qcow2, &err) != 0)
        return cli_fail(EXIT_FAILED, "%s", err.text);
    return 0;
}

/* Which revision it is, so that all of it comes from the same one. */
static int look(struct export *e)
{
    AUTO_FREE char *path = cli_path(e->cli, e->cli->verb->path);
    struct rest_reply reply;
    struct digest digest;
    int code = rest_get(e->cli, path, &reply);
    const char *id = json_string_value(json_object_get(reply.json, "id"));
    const char *manifest =
        json_string_value(json_object_get(reply.json, "manifest"));

    (void)snprintf(e->id, sizeof(e->id), "%s", id ? id : "");
    (void)snprintf(e->manifest, sizeof(e->manifest), "%s",
                   manifest ? manifest : "");
    e->size_bytes = (uint64_t)json_integer_value(
        json_object_get(reply.json, "size_bytes"));
    rest_reply_done(&reply);
    if (code == 0 && digest_parse(e->manifest, &digest, NULL) != 0)
        return cli_fail(EXIT_FAILED, "the server does not say which manifest "
                                     "image '%s' has", e->cli->args[0]);
    return code;
}

static int run(struct export *e, bool qcow2)
{
    int code = look(e);

    if (code == 0)
        code = open_part(e, qcow2);
    if (code == 0)
        code = fetch_all(e);
    if (code == 0)
        code = finish(e);
    /* What a raw file has is kept when only the connection was lost. */
    if (code != 0 && e->fd >= 0 && code != EXIT_CONFLICT &&
        (qcow2 || (code != EXIT_UNAVAILABLE && code != EXIT_TIMED_OUT)))
        (void)unlink(e->part);
    return code;
}

int image_export(struct cli *cli)
{
    const char *format = cli_option(cli, "format");
    struct export e = {.cli = cli, .path = cli->args[1], .fd = -1};
    int code;

    if (format && strcmp(format, "raw") != 0 && strcmp(format, "qcow2") != 0)
        return cli_fail(EXIT_USAGE,
                        "images are exported raw or as qcow2: 'qemu-img "
                        "convert' makes every other format of that");
    code = run(&e, format && strcmp(format, "qcow2") == 0);
    framed_done(&e.framed);
    qcow2_writer_free(e.qcow2);
    if (e.fd >= 0)
        (void)close(e.fd);
    free(e.part);
    return code;
}
