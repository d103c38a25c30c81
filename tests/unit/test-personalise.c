/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files into an ext4 without mounting it, with the real helper and e2fsprogs:
 * exactly the reported ranges differ, and e2fsck is content.
 */
#include "core/engine/actions/personalise.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "core/util/file.h"
#include "core/util/json.h"

#define OFFSET (UINT64_C(3) << 20)
#define LENGTH (UINT64_C(24) << 20)
#define DISK_BYTES (OFFSET + LENGTH + (1 << 20))

static char part_path[300], disk_path[300];

struct outcome {
    struct loop *loop;
    bool called;
    json_t *ranges;
    struct err err;
};

static void done(void *arg, json_t *ranges, uint64_t length_bytes,
                 const struct err *err)
{
    struct outcome *outcome = arg;
    (void)length_bytes;
    outcome->called = true;
    outcome->ranges = json_incref(ranges);
    if (err)
        outcome->err = *err;
    loop_stop(outcome->loop);
}

/* Runs a program to its end; its exit status, 127 when there is none. */
static int run(const char *const *argv)
{
    pid_t pid = fork();
    int status = 0;
    assert_true(pid >= 0);
    if (pid == 0) {
        int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
        (void)dup2(null, STDOUT_FILENO);
        (void)dup2(null, STDERR_FILENO);
        execvp(argv[0], (char *const *)argv);
        _exit(127);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

static uint8_t *read_whole(const char *path, size_t length, uint64_t offset)
{
    AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
    uint8_t *data = malloc(length);
    assert_true(fd >= 0);
    assert_non_null(data);
    assert_int_equal(file_pread_all(fd, data, length, offset, NULL), 0);
    return data;
}

static void write_whole(const char *path, const void *data, size_t length,
                        uint64_t offset)
{
    AUTO_CLOSE int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(file_pwrite_all(fd, data, length, offset, NULL), 0);
}

/* A disk with an ext4 at OFFSET that holds /etc/hostname and two links. */
static bool make_disk(void)
{
    const char *folder = getenv("TEST_DIR");
    char tree[280], path[400], size[32];
    folder = folder ? folder : "/tmp";
    (void)snprintf(tree, sizeof(tree), "%s/tree", folder);
    (void)snprintf(part_path, sizeof(part_path), "%s/part.img", folder);
    (void)snprintf(disk_path, sizeof(disk_path), "%s/disk.img", folder);
    (void)unlink(part_path);
    (void)unlink(disk_path);
    (void)snprintf(path, sizeof(path), "%s/etc", tree);
    const char *const folders[] = {"mkdir", "-p", path, NULL};
    assert_int_equal(run(folders), 0);
    (void)snprintf(path, sizeof(path), "%s/etc/hostname", tree);
    write_whole(path, "before\n", 7, 0);
    (void)snprintf(path, sizeof(path), "%s/config", tree);
    (void)!symlink("etc", path);
    (void)snprintf(path, sizeof(path), "%s/etc/issue", tree);
    (void)!symlink("hostname", path);
    (void)snprintf(size, sizeof(size), "%uM", (unsigned)(LENGTH >> 20));
    const char *const mke2fs[] = {"mke2fs", "-q",      "-t", "ext4", "-d",
                                  tree,     part_path, size, NULL};
    if (run(mke2fs) != 0)
        return false;
    AUTO_FREE uint8_t *part = read_whole(part_path, LENGTH, 0);
    write_whole(disk_path, part, LENGTH, OFFSET);
    assert_int_equal(truncate(disk_path, (off_t)DISK_BYTES), 0);
    return true;
}

static void personalise(const struct slipway_file *files, size_t count,
                        struct outcome *outcome)
{
    struct personalise *p = NULL;
    AUTO_CLOSE int fd = open(disk_path, O_RDWR | O_CLOEXEC);
    assert_true(fd >= 0);
    const struct personalise_spec spec = {.device_fd = fd,
                                          .offset_bytes = OFFSET,
                                          .length_bytes = LENGTH,
                                          .file_system = "ext4",
                                          .files = files,
                                          .file_count = count};
    memset(outcome, 0, sizeof(*outcome));
    outcome->loop = loop_new(&seam_real, NULL);
    assert_non_null(outcome->loop);
    assert_int_equal(
        personalise_start(outcome->loop, &spec, done, outcome, &p, NULL), 0);
    assert_false(outcome->called);
    loop_run(outcome->loop);
    assert_true(outcome->called);
    personalise_free(p);
    loop_free(outcome->loop);
}

static struct slipway_file file(const char *path, const char *text)
{
    return (struct slipway_file){.size = sizeof(struct slipway_file),
                                 .path = path,
                                 .data = text,
                                 .length = strlen(text),
                                 .mode = 0644};
}

static void take_partition_out(void)
{
    AUTO_FREE uint8_t *part = read_whole(disk_path, LENGTH, OFFSET);
    write_whole(part_path, part, LENGTH, 0);
}

static void assert_content(const char *path, const char *text)
{
    char command[600], out[400];
    (void)snprintf(out, sizeof(out), "%s.out", part_path);
    (void)snprintf(command, sizeof(command), "dump %s %s", path, out);
    const char *const debugfs[] = {"debugfs", "-R", command, part_path, NULL};
    (void)unlink(out);
    assert_int_equal(run(debugfs), 0);
    AUTO_BUF data = BUF_INIT(4096);
    assert_int_equal(file_read(AT_FDCWD, out, &data, NULL), 0);
    assert_string_equal(buf_text(&data), text);
}

static bool inside(const json_t *ranges, uint64_t at)
{
    size_t i;
    const json_t *range;
    json_array_foreach(ranges, i, range)
    {
        uint64_t start = (uint64_t)json_integer_value(json_array_get(range, 0));
        uint64_t length =
            (uint64_t)json_integer_value(json_array_get(range, 1));
        if (at >= start && at < start + length)
            return true;
    }
    return false;
}

static int set_up(void **state)
{
    const char *build = getenv("top_builddir");
    (void)state;
    (void)setenv("SLIPWAY_LIBEXEC_DIR", build ? build : ".", 1);
    return 0;
}

static void files_are_written_and_ranges_told(void **state)
{
    const struct slipway_file files[] = {
        file("/etc/hostname", "lab-01\n"),
        file("/etc/issue.d/slipway.issue", "marker\n"),
        file("/config/through-a-link", "yes\n"),
        file("/etc/issue", "no link any more\n"),
    };
    struct outcome outcome;
    (void)state;
    if (!make_disk())
        skip();
    AUTO_FREE uint8_t *before = read_whole(disk_path, DISK_BYTES, 0);
    personalise(files, ARRAY_LENGTH(files), &outcome);
    assert_string_equal(outcome.err.text, "");
    assert_non_null(outcome.ranges);
    AUTO_FREE uint8_t *after = read_whole(disk_path, DISK_BYTES, 0);
    for (uint64_t i = 0; i < DISK_BYTES; i++)
        if (before[i] != after[i])
            assert_true(inside(outcome.ranges, i));
    assert_false(inside(outcome.ranges, OFFSET - 1));
    assert_false(inside(outcome.ranges, OFFSET + LENGTH));
    take_partition_out();
    const char *const e2fsck[] = {"e2fsck", "-fn", part_path, NULL};
    assert_int_equal(run(e2fsck), 0);
    assert_content("/etc/hostname", "lab-01\n");
    assert_content("/etc/issue.d/slipway.issue", "marker\n");
    assert_content("/etc/through-a-link", "yes\n");
    assert_content("/etc/issue", "no link any more\n");
    json_decref(outcome.ranges);
}

static void bad_places_are_refused(void **state)
{
    static const char *const paths[] = {
        "/etc", "/etc/../x", "relative", "/etc/hostname/x", "/", "//x"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(paths); i++) {
        const struct slipway_file files[] = {file(paths[i], "x")};
        struct outcome outcome;
        if (!make_disk())
            skip();
        personalise(files, 1, &outcome);
        assert_null(outcome.ranges);
        assert_true(outcome.err.text[0]);
        take_partition_out();
        const char *const e2fsck[] = {"e2fsck", "-fn", part_path, NULL};
        assert_int_equal(run(e2fsck), 0);
    }
}

/* The superblock's state says that errors were seen (offset 58, ext4(5)). */
static void an_unclean_file_system_is_left_alone(void **state)
{
    const struct slipway_file files[] = {file("/etc/hostname", "x\n")};
    static const uint8_t with_errors[2] = {3, 0};
    struct outcome outcome;
    (void)state;
    if (!make_disk())
        skip();
    const char *const tune2fs[] = {"tune2fs", "-O", "^metadata_csum", part_path,
                                   NULL};
    assert_int_equal(run(tune2fs), 0);
    AUTO_FREE uint8_t *part = read_whole(part_path, LENGTH, 0);
    write_whole(disk_path, part, LENGTH, OFFSET);
    write_whole(disk_path, with_errors, 2, OFFSET + 1024 + 58);
    AUTO_FREE uint8_t *before = read_whole(disk_path, DISK_BYTES, 0);
    personalise(files, 1, &outcome);
    assert_null(outcome.ranges);
    assert_non_null(strstr(outcome.err.text, "not clean"));
    AUTO_FREE uint8_t *after = read_whole(disk_path, DISK_BYTES, 0);
    assert_memory_equal(before, after, DISK_BYTES);
}

/* All or nothing: the first file is not written either. */
static void a_file_may_need_what_is_there(void **state)
{
    struct slipway_file files[] = {
        file("/etc/hostname", "changed\n"),
        file("/var/lib/cloud/seed/nocloud/meta-data", "{}\n"),
    };
    struct outcome outcome;
    (void)state;
    files[1].needs = "/etc/cloud";
    if (!make_disk())
        skip();
    AUTO_FREE uint8_t *before = read_whole(disk_path, DISK_BYTES, 0);
    personalise(files, 2, &outcome);
    assert_null(outcome.ranges);
    assert_non_null(strstr(outcome.err.text, "has no '/etc/cloud'"));
    files[1].needs_text = "this image has no cloud-init";
    personalise(files, 2, &outcome);
    assert_string_equal(outcome.err.text, files[1].needs_text);
    AUTO_FREE uint8_t *after = read_whole(disk_path, DISK_BYTES, 0);
    assert_memory_equal(before, after, DISK_BYTES);
    files[1].needs = "/config/hostname"; /* through a link */
    personalise(files, 2, &outcome);
    assert_string_equal(outcome.err.text, "");
    take_partition_out();
    assert_content("/etc/hostname", "changed\n");
    assert_content("/var/lib/cloud/seed/nocloud/meta-data", "{}\n");
    json_decref(outcome.ranges);
}

static void what_is_no_file_system_is_told(void **state)
{
    const struct slipway_file files[] = {file("/etc/hostname", "x\n")};
    struct outcome outcome;
    (void)state;
    if (!make_disk())
        skip();
    AUTO_FREE uint8_t *zeros = calloc(1, 4096);
    assert_non_null(zeros);
    write_whole(disk_path, zeros, 4096, OFFSET);
    personalise(files, 1, &outcome);
    assert_null(outcome.ranges);
    assert_non_null(strstr(outcome.err.text, "not an ext4"));
}

static void another_file_system_is_refused(void **state)
{
    const struct personalise_spec spec = {
        .device_fd = 0, .length_bytes = 1, .file_system = "ntfs"};
    struct personalise *p = NULL;
    struct err err = ERR_INIT;
    struct loop *loop = loop_new(&seam_real, NULL);
    (void)state;
    assert_int_equal(personalise_start(loop, &spec, done, NULL, &p, &err),
                     ERR_UNSUPPORTED);
    assert_non_null(strstr(err.text, "ntfs"));
    loop_free(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_are_written_and_ranges_told),
        cmocka_unit_test(bad_places_are_refused),
        cmocka_unit_test(an_unclean_file_system_is_left_alone),
        cmocka_unit_test(a_file_may_need_what_is_there),
        cmocka_unit_test(what_is_no_file_system_is_told),
        cmocka_unit_test(another_file_system_is_refused),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, set_up, NULL);
}
