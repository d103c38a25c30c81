/* SPDX-License-Identifier: Apache-2.0 */
/*
 * slipway engine build: fetches the site's trust file, executes the helper
 * slipway-engine-build as the caller, and uploads and publishes what it made.
 */
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "core/cli/output.h"
#include "core/cli/rest.h"
#include "core/util/file.h"
#include "core/util/json.h"

#define MAX_ARGS 32
#define MAX_REPORT (1u << 20)
#define HELPER "slipway-engine-build"

struct build {
    struct cli *cli;
    char dir[256]; /* ours, removed at the end */
    char trust[300];
    json_t *report;
};

/* What the helper makes, by the roles of the published files. */
static const struct out {
    const char *name; /* in the folder */
    const char *option;
    bool unified; /* only for UEFI machines of x86_64 */
} outs[] = {
    {"engine.efi", "--out", true},
    {"kernel", "--out-kernel", false},
    {"initramfs", "--out-initramfs", false},
};

static bool is_wide(const struct build *b)
{
    const char *arch = cli_option(b->cli, "arch");

    return !arch || strcmp(arch, "x86_64") == 0;
}

static const char *out_path(const struct build *b, const struct out *out,
                            char path[300])
{
    (void)snprintf(path, 300, "%s/%s", b->dir, out->name);
    return path;
}

static const char *helper_path(char path[512])
{
    const char *dir = getenv("SLIPWAY_LIBEXEC_DIR");

    (void)snprintf(path, 512, "%s/%s", dir && *dir ? dir : PKGLIBEXECDIR,
                   HELPER);
    return path;
}

static int fetch_trust(struct build *b)
{
    struct rest_reply reply;
    struct err err = ERR_INIT;
    int code = rest_get(b->cli, "/api/v1/trust", &reply);

    if (code == 0 && file_write(AT_FDCWD, b->trust, reply.text.data,
                                reply.text.length, 0644, &err) != 0)
        code = cli_fail(EXIT_FAILED, "%s", err.text);
    rest_reply_done(&reply);
    return code;
}

/* Options of ours that are the helper's too.  `paths` holds what it writes. */
static void make_argv(const struct build *b, const char *path,
                      char paths[ARRAY_LENGTH(outs)][300],
                      const char *argv[MAX_ARGS])
{
    static const struct {
        const char *name;
        const char *option;
    } passed[] = {{"kernel-package", "--kernel-package"},
                  {"kernel", "--kernel"},
                  {"modules", "--modules"},
                  {"arch", "--machine"},
                  {"engine-files", "--engine-files"},
                  {"plugins", "--plugins"},
                  {"firmware", "--firmware"},
                  {"sysroot", "--sysroot"},
                  {"compress", "--compress"}};
    int count = 0;

    argv[count++] = path;
    argv[count++] = "--json";
    argv[count++] = "--trust";
    argv[count++] = b->trust;
    for (size_t i = 0; i < ARRAY_LENGTH(outs); i++) {
        if (outs[i].unified && !is_wide(b))
            continue;
        argv[count++] = outs[i].option;
        argv[count++] = out_path(b, &outs[i], paths[i]);
    }
    for (size_t i = 0; i < ARRAY_LENGTH(passed); i++) {
        const char *value = cli_option(b->cli, passed[i].name);

        if (value) {
            argv[count++] = passed[i].option;
            argv[count++] = value;
        }
    }
    argv[count] = NULL;
}

static int read_report(int fd, struct buf *text)
{
    uint8_t data[4096];
    ssize_t got;

    while ((got = read(fd, data, sizeof(data))) != 0) {
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0 || buf_append(text, data, (size_t)got) != 0)
            return -1;
    }
    return 0;
}

static int run_helper(struct build *b)
{
    AUTO_BUF text = BUF_INIT(MAX_REPORT);
    AUTO_CLOSE int reading = -1;
    const char *argv[MAX_ARGS];
    char paths[ARRAY_LENGTH(outs)][300];
    char path[512];
    struct err err = ERR_INIT;
    int status = -1;
    int ends[2];
    pid_t pid;

    make_argv(b, helper_path(path), paths, argv);
    if (pipe2(ends, O_CLOEXEC) != 0)
        return cli_fail(EXIT_FAILED, "no pipe: %s", err_errno_text(errno));
    reading = ends[0];
    pid = fork();
    if (pid == 0) {
        (void)dup2(ends[1], STDOUT_FILENO);
        (void)execv(path, (char *const *)argv);
        (void)cli_fail(127, "'%s' cannot be executed: %s", path,
                       err_errno_text(errno));
        _exit(127);
    }
    (void)close(ends[1]);
    if (pid < 0)
        return cli_fail(EXIT_FAILED, "no process: %s", err_errno_text(errno));
    if (read_report(reading, &text) != 0)
        (void)kill(pid, SIGTERM);
    (void)waitpid(pid, &status, 0);
    if (status != 0)
        return cli_fail(EXIT_FAILED, "the engine was not built; the lines "
                                     "above say why");
    b->report = json_parse(text.data, text.length, MAX_REPORT, &err);
    if (!b->report)
        return cli_fail(EXIT_FAILED, "the helper's report: %s", err.text);
    return 0;
}

static void say_warnings(const struct build *b)
{
    const json_t *warning;
    size_t i;

    json_array_foreach(json_object_get(b->report, "warnings"), i, warning)
    {
        if (json_is_string(warning))
            (void)fprintf(stderr, "note: %s\n", json_string_value(warning));
    }
}

/* Uploads one file of the report and adds its length there. */
static int upload(struct build *b, json_t *file)
{
    const char *name = json_string_value(json_object_get(file, "file"));
    const char *sha256 = json_string_value(json_object_get(file, "sha256"));
    AUTO_CLOSE int fd = name ? open(name, O_RDONLY | O_CLOEXEC) : -1;
    struct stat status;
    struct rest_reply reply;
    char path[128];
    int code;

    if (fd < 0 || fstat(fd, &status) != 0)
        return cli_fail(EXIT_FAILED, "'%s' cannot be read: %s",
                        name ? name : "", err_errno_text(errno));
    (void)snprintf(path, sizeof(path), "/api/v1/engines/files/%.64s",
                   sha256 ? sha256 : "");
    code = rest_call(b->cli,
                     &(struct rest_request){.method = "PUT",
                                            .path = path,
                                            .upload = true,
                                            .fd = fd,
                                            .length = (uint64_t)status.st_size,
                                            .what = "engine"},
                     &reply);
    rest_reply_done(&reply);
    (void)json_object_del(file, "file"); /* a name of this machine */
    (void)json_object_set_new(file, "length", json_integer(status.st_size));
    return code;
}

static int publish(struct build *b)
{
    const json_t *report = b->report;
    json_t *files = json_object_get(report, "files");
    struct rest_reply reply;
    json_t *body;
    json_t *file;
    size_t i;
    int code;

    json_array_foreach(files, i, file)
    {
        code = upload(b, file);
        if (code)
            return code;
    }
    body = json_pack("{s:O, s:O, s:O?, s:O?, s:O?, s:O, s:O?, s:O}", "machine",
                     json_object_get(report, "machine"), "version",
                     json_object_get(report, "version"), "kernel",
                     json_object_get(report, "kernel"), "command_line",
                     json_object_get(report, "command_line"), "made_s",
                     json_object_get(report, "built_s"), "trust_sha256",
                     json_object_get(report, "trust_sha256"), "parts",
                     json_object_get(report, "bytes"), "files", files);
    if (!body)
        return cli_fail(EXIT_FAILED, "the helper's report is not complete");
    code = rest_call(b->cli,
                     &(struct rest_request){.method = "POST",
                                            .path = b->cli->verb->path,
                                            .body = body},
                     &reply);
    if (code == 0 && b->cli->json) {
        output_json(reply.json);
    } else if (code == 0) {
        AUTO_JSON *items = json_pack("[O]", reply.json);

        output_table(items, b->cli->verb->columns);
    }
    rest_reply_done(&reply);
    return code;
}

static int keep(const struct build *b)
{
    const char *to = cli_option(b->cli, "keep");
    AUTO_BUF content = BUF_INIT((size_t)1 << 30);
    struct err err = ERR_INIT;
    char path[300];

    if (!to)
        return 0;
    if (file_read(AT_FDCWD, out_path(b, &outs[0], path), &content, &err) != 0 ||
        file_write(AT_FDCWD, to, content.data, content.length, 0644, &err) != 0)
        return cli_fail(EXIT_FAILED, "%s", err.text);
    return 0;
}

int engine_build(struct cli *cli)
{
    const char *tmp = getenv("TMPDIR");
    struct build b = {.cli = cli};
    char path[300];
    int code;

    if (!cli_option(cli, "kernel-package") && !cli_option(cli, "kernel"))
        return cli_fail(EXIT_USAGE, "say --kernel-package FILE.deb, or "
                                    "--kernel and --modules");
    if (cli_option(cli, "keep") && !is_wide(&b))
        return cli_fail(EXIT_USAGE, "--keep is for the unified kernel image, "
                                    "which there is for x86_64 alone");
    (void)snprintf(b.dir, sizeof(b.dir), "%s/slipway-engine.XXXXXX",
                   tmp && *tmp ? tmp : "/tmp");
    if (!mkdtemp(b.dir))
        return cli_fail(EXIT_FAILED, "no folder '%s': %s", b.dir,
                        err_errno_text(errno));
    (void)snprintf(b.trust, sizeof(b.trust), "%s/trust.json", b.dir);
    code = fetch_trust(&b);
    if (code == 0)
        code = run_helper(&b);
    if (code == 0) {
        say_warnings(&b);
        code = publish(&b);
    }
    if (code == 0)
        code = keep(&b);
    (void)unlink(b.trust); /* what was never made cannot be removed */
    for (size_t i = 0; i < ARRAY_LENGTH(outs); i++)
        (void)unlink(out_path(&b, &outs[i], path));
    (void)rmdir(b.dir);
    json_decref(b.report);
    return code;
}
