/* SPDX-License-Identifier: Apache-2.0 */
/* The last partition extended to the end of a longer disk, on tables that
 * sfdisk made, and looked at by sfdisk afterwards. */
#include "core/engine/change/grow-table.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "core/util/bytes.h"
#include "core/util/file.h"
#include "core/util/json.h"

#define MIB (UINT64_C(1) << 20)
#define IMAGE_BYTES (64 * MIB)
#define DISK_BYTES (200 * MIB + 12345 / 512 * 512)

static char disk_path[300];

/* Runs a program with a text as its input; true when it ends with 0. */
static bool run(const char *const *argv, const char *input, const char *output)
{
    int in = file_sealed_memfd("input", input, strlen(input), NULL);
    int out = open(output ? output : "/dev/null",
                   O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    int status = 0;
    pid_t pid = fork();
    assert_true(pid >= 0 && in >= 0 && out >= 0);
    if (pid == 0) {
        (void)dup2(in, STDIN_FILENO);
        (void)dup2(out, STDOUT_FILENO);
        (void)dup2(open("/dev/null", O_WRONLY | O_CLOEXEC), STDERR_FILENO);
        execvp(argv[0], (char *const *)argv);
        _exit(127);
    }
    (void)close(in);
    (void)close(out);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* A table on a disk as long as the image, which is then copied to a longer
 * one; -1 when there is no sfdisk. */
static int make_disk(const char *script)
{
    const char *folder = getenv("TEST_DIR");
    (void)snprintf(disk_path, sizeof(disk_path), "%s/disk.img",
                   folder ? folder : "/tmp");
    (void)unlink(disk_path);
    int fd = open(disk_path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, (off_t)IMAGE_BYTES), 0);
    const char *const sfdisk[] = {"/sbin/sfdisk", "-q", disk_path, NULL};
    if (!run(sfdisk, script, NULL)) {
        (void)close(fd);
        return -1;
    }
    assert_int_equal(ftruncate(fd, (off_t)DISK_BYTES), 0);
    return fd;
}

static int grow(int fd, unsigned partition, uint64_t offset, uint64_t length,
                struct change_ranges *changed, uint64_t *ret_length,
                struct err *err)
{
    struct change_request *request = calloc(1, sizeof(*request));
    assert_non_null(request);
    request->offset = offset;
    request->partition = partition;
    request->disk_bytes = DISK_BYTES;
    request->sector_bytes = 512;
    *ret_length = length;
    int code = grow_table(fd, request, changed, ret_length, err);
    free(request);
    return code;
}

/* What sfdisk finds on the disk, perhaps in the backup of a GPT. */
static json_t *table_by_sfdisk(void)
{
    char out[320];
    (void)snprintf(out, sizeof(out), "%s.json", disk_path);
    const char *const dump[] = {"/sbin/sfdisk", "--json", disk_path, NULL};
    assert_true(run(dump, "", out));
    AUTO_JSON *json = json_read_file(out, 65536, NULL);
    return json_incref(json_object_get(json, "partitiontable"));
}

/* What sfdisk says of partition `index`, in sectors; it must have no
 * complaint. */
static uint64_t size_by_sfdisk(size_t index)
{
    const char *const verify[] = {"/sbin/sfdisk", "--verify", disk_path, NULL};
    assert_true(run(verify, "", NULL));
    AUTO_JSON *table = table_by_sfdisk();
    const json_t *list = json_object_get(table, "partitions");
    return (uint64_t)json_integer_value(
        json_object_get(json_array_get(list, index), "size"));
}

static void assert_told(int fd, const uint8_t *before, const json_t *ranges)
{
    AUTO_FREE uint8_t *after = malloc(IMAGE_BYTES);
    assert_non_null(after);
    assert_int_equal(file_pread_all(fd, after, IMAGE_BYTES, 0, NULL), 0);
    size_t i;
    const json_t *pair;
    AUTO_FREE uint8_t *may = calloc(1, IMAGE_BYTES);
    assert_non_null(may);
    json_array_foreach(ranges, i, pair)
    {
        uint64_t start = (uint64_t)json_integer_value(json_array_get(pair, 0));
        uint64_t length = (uint64_t)json_integer_value(json_array_get(pair, 1));
        if (start < IMAGE_BYTES)
            memset(may + start, 1, MIN(length, IMAGE_BYTES - start));
    }
    for (uint64_t at = 0; at < IMAGE_BYTES; at++)
        if (before[at] != after[at])
            assert_true(may[at]);
}

static void a_gpt_reaches_the_end(void **state)
{
    struct change_ranges changed = {NULL, 0, 0, false};
    struct err err = ERR_INIT;
    uint64_t length = 0, again = 0;
    uint8_t mbr[512];
    (void)state;
    int fd = make_disk("label: gpt\nsize=4MiB, type=uefi\ntype=linux\n");
    if (fd < 0)
        skip();
    AUTO_FREE uint8_t *before = malloc(IMAGE_BYTES);
    assert_int_equal(file_pread_all(fd, before, IMAGE_BYTES, 0, NULL), 0);
    assert_int_equal(grow(fd, 2, 5 * MIB, 58 * MIB, &changed, &length, &err),
                     0);
    assert_int_equal(length, 194 * MIB); /* 5..199: the backup needs room */
    assert_int_equal(size_by_sfdisk(1) * 512, length);
    assert_int_equal(size_by_sfdisk(0), 4 * MIB / 512);
    assert_int_equal(file_pread_all(fd, mbr, sizeof(mbr), 0, NULL), 0);
    assert_int_equal(get_le32(mbr + 446 + 12), DISK_BYTES / 512 - 1);
    AUTO_JSON *ranges = change_ranges_json(&changed);
    assert_told(fd, before, ranges);
    change_ranges_done(&changed);
    /* Again: nothing is left to do. */
    again = length;
    assert_int_equal(grow(fd, 2, 5 * MIB, length, &changed, &again, &err), 0);
    assert_int_equal(again, length);
    assert_int_equal(changed.count, 0);
    (void)close(fd);
}

static void an_mbr_reaches_the_end(void **state)
{
    struct change_ranges changed = {NULL, 0, 0, false};
    struct err err = ERR_INIT;
    uint64_t length = 0;
    (void)state;
    int fd = make_disk("label: dos\nsize=4MiB, type=ef\ntype=83, bootable\n");
    if (fd < 0)
        skip();
    AUTO_FREE uint8_t *before = malloc(IMAGE_BYTES);
    assert_int_equal(file_pread_all(fd, before, IMAGE_BYTES, 0, NULL), 0);
    assert_int_equal(grow(fd, 2, 5 * MIB, 59 * MIB, &changed, &length, &err),
                     0);
    assert_int_equal(length, 195 * MIB);
    assert_int_equal(size_by_sfdisk(1) * 512, length);
    AUTO_JSON *ranges = change_ranges_json(&changed);
    assert_told(fd, before, ranges);
    change_ranges_done(&changed);
    (void)close(fd);
}

/* Refuses, and writes nothing. */
static void assert_left_alone(int fd, unsigned partition, uint64_t offset)
{
    struct change_ranges changed = {NULL, 0, 0, false};
    struct err err = ERR_INIT;
    uint64_t length = 0;
    assert_true(grow(fd, partition, offset, MIB, &changed, &length, &err) < 0);
    assert_true(err.text[0]);
    assert_int_equal(changed.count, 0);
}

static void another_table_is_left_alone(void **state)
{
    (void)state;
    int fd = make_disk("label: gpt\nsize=4MiB, type=uefi\ntype=linux\n");
    if (fd < 0)
        skip();
    assert_left_alone(fd, 1, 1 * MIB); /* not the last one */
    assert_left_alone(fd, 2, 6 * MIB); /* begins elsewhere */
    assert_left_alone(fd, 0, 5 * MIB);
    assert_left_alone(fd, 3, 5 * MIB);
    assert_left_alone(fd, 4000, 5 * MIB);
    /* One flipped bit in the entries, then in the header. */
    uint8_t byte = 0x80;
    assert_int_equal(file_pwrite_all(fd, &byte, 1, 1024 + 300, NULL), 0);
    assert_left_alone(fd, 2, 5 * MIB);
    assert_int_equal(file_pwrite_all(fd, &byte, 1, 512 + 60, NULL), 0);
    assert_left_alone(fd, 2, 5 * MIB);
    (void)close(fd);
    fd = make_disk("label: dos\nsize=4MiB, type=83\nsize=30MiB, type=5\n"
                   "size=8MiB, type=83\n");
    assert_true(fd >= 0);
    assert_left_alone(fd, 5, 6 * MIB); /* a logical one */
    assert_left_alone(fd, 1, 1 * MIB); /* the extended one is behind it */
    (void)close(fd);
}

/* ---- power cuts ---- */

#define EDGE_BYTES ((size_t)MIB) /* all that a table takes, at either end */

/* What matters of a disk: its first and its last MiB. */
struct edges {
    uint8_t first[EDGE_BYTES];
    uint8_t last[EDGE_BYTES];
};

static void read_edges(int fd, struct edges *ret)
{
    assert_int_equal(file_pread_all(fd, ret->first, EDGE_BYTES, 0, NULL), 0);
    assert_int_equal(file_pread_all(fd, ret->last, EDGE_BYTES,
                                    DISK_BYTES - EDGE_BYTES, NULL),
                     0);
}

static void write_edges(int fd, const struct edges *edges)
{
    assert_int_equal(file_pwrite_all(fd, edges->first, EDGE_BYTES, 0, NULL), 0);
    assert_int_equal(file_pwrite_all(fd, edges->last, EDGE_BYTES,
                                     DISK_BYTES - EDGE_BYTES, NULL),
                     0);
}

/* Where the n-th sector that is written lies; false when there are fewer. */
static bool nth_sector(const struct change_ranges *writes, uint64_t n,
                       uint64_t *ret_offset)
{
    for (size_t i = 0; i < writes->count; i++) {
        uint64_t sectors = (writes->list[i].length + 511) / 512;
        if (n < sectors) {
            *ret_offset = writes->list[i].offset + n * 512;
            return true;
        }
        n -= sectors;
    }
    return false;
}

static void copy_sector(struct edges *to, const struct edges *from,
                        uint64_t offset)
{
    uint64_t last = DISK_BYTES - EDGE_BYTES;
    if (offset < EDGE_BYTES)
        memcpy(to->first + offset, from->first + offset, 512);
    else
        memcpy(to->last + offset - last, from->last + offset - last, 512);
}

static void assert_both_partitions(const char *script)
{
    AUTO_JSON *table = table_by_sfdisk();
    const char *label = json_string_value(json_object_get(table, "label"));
    assert_non_null(label);
    assert_memory_equal(label, script + strlen("label: "), 3);
    assert_int_equal(json_array_size(json_object_get(table, "partitions")), 2);
}

/* Cuts after each sector that is written: the disk still has both partitions,
 * and once the image is there again it grows as if nothing had been. */
static void cut_everywhere(const char *script, uint64_t length)
{
    struct change_ranges writes = {NULL, 0, 0, false};
    struct change_ranges again = {NULL, 0, 0, false};
    struct edges *old = malloc(sizeof(*old)), *new = malloc(sizeof(*new));
    struct edges *now = malloc(sizeof(*now));
    uint64_t got = length, offset = 0, cuts = 0;
    int fd = make_disk(script);
    if (fd < 0)
        skip();
    assert_true(old && new && now);
    read_edges(fd, old);
    assert_int_equal(grow(fd, 2, 5 * MIB, length, &writes, &got, NULL), 0);
    read_edges(fd, new);
    for (*now = *old; nth_sector(&writes, cuts, &offset); cuts++) {
        copy_sector(now, new, offset);
        write_edges(fd, now);
        assert_both_partitions(script);
        struct edges *cut = malloc(sizeof(*cut));
        assert_non_null(cut);
        memcpy(cut->first, old->first, EDGE_BYTES); /* of the image */
        memcpy(cut->last, now->last, EDGE_BYTES);
        write_edges(fd, cut);
        got = length;
        assert_int_equal(grow(fd, 2, 5 * MIB, length, &again, &got, NULL), 0);
        change_ranges_done(&again);
        again = (struct change_ranges){NULL, 0, 0, false};
        read_edges(fd, cut);
        assert_memory_equal(cut, new, sizeof(*new));
        free(cut);
    }
    assert_true(cuts > 0);
    (void)size_by_sfdisk(1);
    change_ranges_done(&writes);
    (void)close(fd);
    free(old);
    free(new);
    free(now);
}

static void the_power_may_go_at_each_sector(void **state)
{
    (void)state;
    cut_everywhere("label: gpt\nsize=4MiB, type=uefi\ntype=linux\n",
                   58 * MIB);
    cut_everywhere("label: dos\nsize=4MiB, type=ef\ntype=83\n", 59 * MIB);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_gpt_reaches_the_end),
        cmocka_unit_test(an_mbr_reaches_the_end),
        cmocka_unit_test(another_table_is_left_alone),
        cmocka_unit_test(the_power_may_go_at_each_sector),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
