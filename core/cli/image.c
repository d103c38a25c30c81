/* SPDX-License-Identifier: Apache-2.0 */
/*
 * slipway image import: a file in pieces, with a progress bar.  A lost
 * connection or a server that is restarted only costs time; a command that was
 * ended itself goes on when it is given again with the same, unchanged file.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

#include "core/cli/output.h"
#include "core/cli/patience.h"
#include "core/cli/rest.h"
#include "core/util/json.h"
#include "core/util/num.h"

#define PIECE_BYTES ((uint64_t)16 << 20)
#define POLL_MS 250
#define UPLOADS "/api/v1/uploads"

struct sending {
    struct cli *cli;
    const char *name;
    const char *format;
    int fd;
    struct stat file;    /* as it was at the beginning */
    char source[129];    /* that, for the server */
    char path[80];       /* of the upload */
    uint64_t offset;     /* where the next piece begins */
    char state[16];
    json_t *upload;      /* the newest that was heard of it */
    struct progress bar;
    bool complete;       /* all was sent, the server was importing */
    struct patience patience;
};

static bool same_file(const struct stat *a, const struct stat *b)
{
    return a->st_size == b->st_size &&
           a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
           a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* What a file of another format begins with. */
static const struct {
    const char *format;
    const char *magic;
    size_t length;
} magics[] = {
    {"qcow2", "QFI\xfb", 4},
    {"vhdx", "vhdxfile", 8},
    {"vmdk", "KDMV", 4},
};

/* A forgotten --format would make an image of the file, not of the disk. */
static int check_format(struct sending *s, const char *path)
{
    char head[8] = "";

    if (s->format)
        return 0;
    s->format = "raw";
    if (pread(s->fd, head, sizeof(head), 0) < (ssize_t)sizeof(head))
        return 0;
    for (size_t i = 0; i < ARRAY_LENGTH(magics); i++)
        if (memcmp(head, magics[i].magic, magics[i].length) == 0)
            return cli_fail(EXIT_USAGE,
                            "'%s' looks like a %s file: say --format %s to "
                            "import the disk in it, or --format raw to import "
                            "the file as it is",
                            path, magics[i].format, magics[i].format);
    return 0;
}

static int open_image(struct sending *s, const char *path)
{
    char host[33] = "";

    s->fd = open(path, O_RDONLY | O_CLOEXEC);
    if (s->fd < 0 || fstat(s->fd, &s->file) != 0)
        return cli_fail(EXIT_FAILED, "'%s' cannot be read: %s", path,
                        err_errno_text(errno));
    if (!S_ISREG(s->file.st_mode) || s->file.st_size == 0)
        return cli_fail(EXIT_FAILED, "'%s' is not a file with content", path);
    (void)gethostname(host, sizeof(host) - 1);
    (void)snprintf(s->source, sizeof(s->source), "%s:%jx:%jx:%jd.%09ld", host,
                   (uintmax_t)s->file.st_dev, (uintmax_t)s->file.st_ino,
                   (intmax_t)s->file.st_mtim.tv_sec,
                   s->file.st_mtim.tv_nsec);
    return check_format(s, path);
}

/* Remembers what the server says of the upload; takes `json`. */
static void note(struct sending *s, json_t *json)
{
    const char *state = json_string_value(json_object_get(json, "state"));
    const char *id = json_string_value(json_object_get(json, "id"));
    json_int_t offset =
        json_integer_value(json_object_get(json, "offset_bytes"));

    (void)snprintf(s->state, sizeof(s->state), "%s", state ? state : "");
    (void)snprintf(s->path, sizeof(s->path), UPLOADS "/%.32s", id ? id : "");
    s->offset = offset > 0 ? (uint64_t)offset : 0;
    json_decref(s->upload);
    s->upload = json;
}

/* ---- finding or making the upload ---- */

static json_t *wanted(const struct sending *s)
{
    const struct cli *cli = s->cli;
    const char *kind = cli_option(cli, "kind");
    const char *sector = cli_option(cli, "sector-bytes");
    const char *tier = cli_option(cli, "min-tier");
    uint64_t sector_bytes = 512;

    if (sector && num_parse_u64(sector, 512, 4096, &sector_bytes, NULL) != 0)
        return NULL;
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:I, s:I}", "name", s->name,
                     "kind", kind ? kind : "disk", "format", s->format,
                     "min_tier", tier ? tier : "network", "source", s->source,
                     "size_bytes", (json_int_t)s->file.st_size, "sector_bytes",
                     (json_int_t)sector_bytes);
}

/* True when an upload is what we would make, and not over. */
static bool is_ours(const json_t *upload, json_t *want)
{
    const char *state = json_string_value(json_object_get(upload, "state"));
    const char *key;
    json_t *value;

    if (!state ||
        (strcmp(state, "receiving") != 0 && strcmp(state, "importing") != 0))
        return false;
    json_object_foreach (want, key, value)
        if (!json_equal(json_object_get(upload, key), value))
            return false;
    return true;
}

static int begin(struct sending *s)
{
    AUTO_JSON *want = wanted(s);
    struct rest_reply reply = {0};
    size_t i;
    json_t *item;
    int code;

    if (!want)
        return cli_fail(EXIT_USAGE, "--sector-bytes is 512 or 4096");
    code = rest_get(s->cli, UPLOADS "?limit=1000", &reply);
    json_array_foreach (json_object_get(reply.json, "items"), i, item)
        if (code == 0 && !s->upload && is_ours(item, want))
            note(s, json_incref(item));
    rest_reply_done(&reply);
    if (code != 0 || s->upload)
        return code;
    code = rest_call(s->cli,
                     &(struct rest_request){.method = "POST",
                                            .path = UPLOADS,
                                            .body = json_incref(want)},
                     &reply);
    if (code == 0)
        note(s, TAKE(reply.json));
    rest_reply_done(&reply);
    return code;
}

/* ---- sending ---- */

static int pause_after(struct sending *s, int code, const json_t *problem,
                       long status)
{
    if (patience_wait(&s->patience))
        return 0;
    return status ? rest_say_problem(problem, status)
                  : cli_fail(code, "server '%s' does not answer any more: "
                                   "give the same command again to go on "
                                   "from byte %" PRIu64,
                             s->cli->server, s->offset);
}

/* What may pass by itself: no connection, a server that is busy or being
 * restarted, another connection that it has not given up yet. */
static bool may_pass(int code)
{
    return code == EXIT_UNAVAILABLE || code == EXIT_TIMED_OUT ||
           code == EXIT_CONFLICT;
}

/* Asks how the upload is. */
static int look(struct sending *s)
{
    struct rest_reply reply;
    struct rest_request request = {
        .method = "GET", .path = s->path, .quiet = true};
    int code = rest_call(s->cli, &request, &reply);

    if (code == 0) {
        note(s, TAKE(reply.json));
    } else if (may_pass(code)) {
        code = pause_after(s, code, reply.json, reply.status);
    } else {
        progress_done(&s->bar);
        code = rest_say_problem(reply.json, reply.status);
    }
    rest_reply_done(&reply);
    return code;
}

static int give_up_changed(struct sending *s)
{
    struct rest_reply reply;
    struct rest_request request = {
        .method = "DELETE", .path = s->path, .quiet = true};

    progress_done(&s->bar);
    (void)rest_call(s->cli, &request, &reply); /* it expires by itself too */
    rest_reply_done(&reply);
    return cli_fail(EXIT_FAILED,
                    "the file changed while it was being sent; nothing was "
                    "kept of it: send it again when nothing writes to it");
}

static int send_piece(struct sending *s)
{
    struct rest_reply reply;
    struct stat now;
    char path[128];
    uint64_t left = (uint64_t)s->file.st_size - s->offset;
    struct rest_request request = {
        .method = "PUT",
        .path = path,
        .upload = true,
        .fd = s->fd,
        .offset = s->offset,
        .length = left < PIECE_BYTES ? left : PIECE_BYTES,
        .bar = &s->bar,
        .total = (uint64_t)s->file.st_size,
        .quiet = true,
    };
    int code;

    if (fstat(s->fd, &now) != 0 || !same_file(&now, &s->file))
        return give_up_changed(s);
    (void)snprintf(path, sizeof(path), "%s?offset=%" PRIu64, s->path,
                   s->offset);
    code = rest_call(s->cli, &request, &reply);
    if (code == 0) {
        s->patience.waited_ms = 0;
        note(s, TAKE(reply.json));
    } else if (may_pass(code)) {
        code = pause_after(s, code, reply.json, reply.status);
        if (code == 0)
            code = look(s);
    } else if (fstat(s->fd, &now) != 0 || !same_file(&now, &s->file)) {
        code = give_up_changed(s);
    } else {
        progress_done(&s->bar);
        code = rest_say_problem(reply.json, reply.status);
    }
    rest_reply_done(&reply);
    return code;
}

/* Everything is there; the server converts or closes the image. */
static int wait_for_import(struct sending *s)
{
    json_int_t done =
        json_integer_value(json_object_get(s->upload, "done_bytes"));
    json_int_t disk =
        json_integer_value(json_object_get(s->upload, "disk_bytes"));

    if (disk > 0)
        progress_show(&s->bar, (uint64_t)done, (uint64_t)disk, "importing");
    patience_sleep(POLL_MS);
    return look(s);
}

static int send_all(struct sending *s)
{
    int code = 0;

    while (code == 0) {
        const json_t *problem = json_object_get(s->upload, "problem");
        long status =
            (long)json_integer_value(json_object_get(problem, "status"));

        if (strcmp(s->state, "done") == 0)
            return 0;
        /* A full disk: only what was tried now counts. */
        if (strcmp(s->state, "failed") == 0 ||
            (s->complete && strcmp(s->state, "receiving") == 0 && problem)) {
            progress_done(&s->bar);
            return rest_say_problem(problem, status);
        }
        s->complete = strcmp(s->state, "importing") == 0;
        code = s->complete ? wait_for_import(s) : send_piece(s);
    }
    return code;
}

static int show_image(const struct sending *s)
{
    const char *image =
        json_string_value(json_object_get(s->upload, "image"));
    char path[128];

    (void)snprintf(path, sizeof(path), "/api/v1/images/%.100s",
                   image ? image : "");
    return cli_call_and_show(
        s->cli, &(struct rest_request){.method = "GET", .path = path});
}

int image_import(struct cli *cli)
{
    struct sending s = {.cli = cli,
                        .name = cli->args[0],
                        .format = cli_option(cli, "format"),
                        .fd = -1};
    int code = open_image(&s, cli->args[1]);

    if (code == 0)
        code = begin(&s);
    if (code == 0) {
        progress_init(&s.bar, s.name, cli->terminal);
        code = send_all(&s);
        progress_done(&s.bar);
    }
    if (code == 0)
        code = show_image(&s);
    json_decref(s.upload);
    if (s.fd >= 0)
        (void)close(s.fd);
    return code;
}
