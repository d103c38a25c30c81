/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Disks of other programs: what qemu-img makes of a raw disk reads as that
 * disk, and what cannot be a whole disk is refused with the reason.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "core/image/disk-format.h"
#include "core/util/bytes.h"
#include "core/util/crypto.h"
#include "core/util/file.h"

/* No multiple of any cluster, block or grain. */
#define DISK_BYTES ((5u << 20) + 3 * 512)

extern char **environ;

static uint8_t *content;

static bool qemu_img(const char *const *arguments)
{
    const char *argv[16] = {"qemu-img"};
    pid_t pid;
    int status = -1;
    for (size_t i = 0; arguments[i] && i < 14; i++)
        argv[i + 1] = arguments[i];
    if (posix_spawnp(&pid, argv[0], NULL, NULL, (char **)(uintptr_t)argv,
                     environ))
        return false;
    return waitpid(pid, &status, 0) == pid && status == 0;
}

static void write_file(const char *name, const void *data, size_t length)
{
    AUTO_CLOSE int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(file_write_all(fd, data, length, NULL), 0);
}

/* Text, noise, zeros and a few single bytes, so that every kind of cluster
 * comes up. */
static int setup(void **state)
{
    const char *folder = getenv("TEST_DIR");
    (void)state;
    assert_int_equal(chdir(folder ? folder : "/tmp"), 0);
    content = calloc(1, DISK_BYTES);
    assert_non_null(content);
    for (size_t at = 0; at < (1u << 20); at++)
        content[at] = (uint8_t)(at * at >> 7);
    random_bytes(content + (1u << 20) + 5000, 1u << 20);
    content[3u << 20] = 1;
    memset(content + (4u << 20) - 10, 'x', 20);
    content[DISK_BYTES - 1] = 7;
    write_file("raw", content, DISK_BYTES);
    return qemu_img((const char *[]){"--version", NULL}) ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    free(content);
    return 0;
}

static int read_file(void *arg, void *data, size_t length, uint64_t offset,
                     struct err *err)
{
    return file_pread_all(*(int *)arg, data, length, offset, err);
}

struct opened {
    int fd;
    struct disk *disk;
    struct err err;
};

static int open_disk(enum disk_format format, const char *name,
                     struct opened *ret)
{
    struct stat st;
    *ret = (struct opened){.fd = open(name, O_RDWR | O_CLOEXEC)};
    assert_true(ret->fd >= 0);
    assert_int_equal(fstat(ret->fd, &st), 0);
    struct disk_input input = {read_file, &ret->fd, (uint64_t)st.st_size};
    return disk_open(format, &input, &ret->disk, &ret->err);
}

static void close_disk(struct opened *o)
{
    disk_free(o->disk);
    (void)close(o->fd);
}

/* Reads forward in pieces of `step` and compares; what is called a hole is
 * zeros. */
static void compare(struct opened *o, size_t step)
{
    uint8_t *back = malloc(step);
    uint64_t size = disk_size_bytes(o->disk);
    assert_true(size >= DISK_BYTES && size < DISK_BYTES + (1u << 20));
    for (uint64_t at = 0; at < DISK_BYTES; at += step) {
        size_t some = (size_t)MIN(step, DISK_BYTES - at);
        uint64_t hole;
        assert_int_equal(disk_read(o->disk, back, some, at, &o->err), 0);
        assert_memory_equal(back, content + at, some);
        assert_int_equal(disk_hole(o->disk, at, &hole, &o->err), 0);
        for (uint64_t i = at; i < MIN(at + hole, DISK_BYTES); i++)
            assert_int_equal(content[i], 0);
    }
    free(back);
}

static void expect_same(enum disk_format format, const char *const *options)
{
    const char *argv[16] = {"convert", "-q", "-O", disk_format_word(format)};
    size_t count = 4;
    for (; *options; options++)
        argv[count++] = *options;
    argv[count++] = "raw";
    argv[count] = "converted";
    assert_true(qemu_img(argv));
    for (size_t step = 512 * 63; step < (4u << 20); step *= 32) {
        struct opened o;
        if (open_disk(format, "converted", &o))
            fail_msg("%s", o.err.text);
        compare(&o, step);
        close_disk(&o);
    }
}

#define SAME(format, ...) expect_same(format, (const char *[]){__VA_ARGS__, NULL})

static void qcow2_of_every_kind_is_read(void **state)
{
    (void)state;
    SAME(DISK_QCOW2, "-p");
    SAME(DISK_QCOW2, "-o", "compat=0.10");
    SAME(DISK_QCOW2, "-o", "cluster_size=512");
    SAME(DISK_QCOW2, "-o", "cluster_size=2M");
    SAME(DISK_QCOW2, "-o", "extended_l2=on");
    SAME(DISK_QCOW2, "-o", "preallocation=metadata");
    SAME(DISK_QCOW2, "-S", "0");
}

static void compressed_qcow2_is_read(void **state)
{
    (void)state;
    SAME(DISK_QCOW2, "-c");
    SAME(DISK_QCOW2, "-c", "-o", "cluster_size=2M");
    SAME(DISK_QCOW2, "-c", "-o", "compression_type=zstd");
    SAME(DISK_QCOW2, "-c", "-o", "compression_type=zstd,cluster_size=4k");
}

static void vhdx_is_read(void **state)
{
    (void)state;
    SAME(DISK_VHDX, "-o", "subformat=dynamic");
    SAME(DISK_VHDX, "-o", "subformat=fixed");
    SAME(DISK_VHDX, "-o", "block_size=2M");
}

static void vmdk_is_read(void **state)
{
    (void)state;
    SAME(DISK_VMDK, "-o", "subformat=monolithicSparse");
    SAME(DISK_VMDK, "-o", "subformat=streamOptimized");
}

static void internal_snapshots_are_passed_over(void **state)
{
    struct opened o;
    (void)state;
    assert_true(qemu_img((const char *[]){"convert", "-O", "qcow2", "raw",
                                          "snapshot", NULL}));
    assert_true(qemu_img(
        (const char *[]){"snapshot", "-c", "first", "snapshot", NULL}));
    assert_int_equal(open_disk(DISK_QCOW2, "snapshot", &o), 0);
    compare(&o, 65536);
    close_disk(&o);
}

static void expect_refused(enum disk_format format, const char *name, int code,
                           const char *words)
{
    struct opened o;
    int rc = open_disk(format, name, &o);
    for (uint64_t at = 0; !rc && at < disk_size_bytes(o.disk); at += 512) {
        uint8_t piece[512];
        rc = disk_read(o.disk, piece,
                       (size_t)MIN(512, disk_size_bytes(o.disk) - at), at,
                       &o.err);
    }
    close_disk(&o);
    if (rc != code || !strstr(o.err.text, words))
        fail_msg("'%s' (%d) does not say '%s'", o.err.text, rc, words);
}

static void what_needs_another_file_is_refused(void **state)
{
    (void)state;
    assert_true(qemu_img((const char *[]){"create", "-q", "-f", "qcow2", "-F",
                                          "raw", "-b", "raw", "backed", NULL}));
    expect_refused(DISK_QCOW2, "backed", ERR_UNSUPPORTED, "backing file");
    assert_true(qemu_img((const char *[]){"convert", "-O", "qcow2", "-o",
                                          "data_file=data,data_file_raw=on",
                                          "raw", "external", NULL}));
    expect_refused(DISK_QCOW2, "external", ERR_UNSUPPORTED, "another file");
    assert_true(qemu_img((const char *[]){"convert", "-O", "vmdk", "-o",
                                          "subformat=monolithicFlat", "raw",
                                          "flat.vmdk", NULL}));
    expect_refused(DISK_VMDK, "flat.vmdk", ERR_UNSUPPORTED, "other files");
    assert_true(qemu_img((const char *[]){"convert", "-O", "vmdk", "raw",
                                          "parent.vmdk", NULL}));
    assert_true(qemu_img((const char *[]){"create", "-q", "-f", "vmdk", "-F",
                                          "vmdk", "-b", "parent.vmdk",
                                          "child.vmdk", NULL}));
    expect_refused(DISK_VMDK, "child.vmdk", ERR_UNSUPPORTED, "parent");
}

static void another_format_is_not_guessed(void **state)
{
    (void)state;
    expect_refused(DISK_QCOW2, "raw", ERR_CORRUPT, "not a qcow2 file");
    expect_refused(DISK_VHDX, "raw", ERR_CORRUPT, "not a VHDX file");
    expect_refused(DISK_VMDK, "raw", ERR_CORRUPT, "not a VMDK file");
}

/* A file that is cut off is never read as a shorter or emptier disk. */
static void cut_files_are_refused(void **state)
{
    static const struct {
        enum disk_format format;
        const char *option;
    } kinds[] = {{DISK_QCOW2, "cluster_size=64k"},
                 {DISK_VHDX, "subformat=dynamic"},
                 {DISK_VMDK, "subformat=monolithicSparse"},
                 {DISK_VMDK, "subformat=streamOptimized"}};
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(kinds); i++) {
        const char *word = disk_format_word(kinds[i].format);
        struct stat st;
        assert_true(qemu_img((const char *[]){"convert", "-O", word, "-o",
                                              kinds[i].option, "raw", "cut",
                                              NULL}));
        assert_int_equal(stat("cut", &st), 0);
        for (off_t length = st.st_size * 3 / 4; length > 600; length /= 3) {
            assert_int_equal(truncate("cut", length), 0);
            struct opened o;
            int rc = open_disk(kinds[i].format, "cut", &o);
            uint8_t *back = malloc(DISK_BYTES);
            if (!rc)
                rc = disk_read(o.disk, back, DISK_BYTES, 0, &o.err);
            free(back);
            close_disk(&o);
            if (rc != ERR_CORRUPT)
                fail_msg("%s of %lld bytes was read: %s", word,
                         (long long)length, o.err.text);
        }
    }
}

static void poke(const char *name, uint64_t offset, const void *data,
                 size_t length)
{
    AUTO_CLOSE int fd = open(name, O_RDWR | O_CLOEXEC);
    assert_int_equal(file_pwrite_all(fd, data, length, offset, NULL), 0);
}

/* Entries that all name one cluster would make terabytes of a small file. */
static void tables_that_name_more_than_the_file_are_refused(void **state)
{
    uint8_t word[8];
    uint8_t table[65536];
    (void)state;
    assert_true(qemu_img((const char *[]){"convert", "-O", "qcow2", "raw",
                                          "bomb", NULL}));
    AUTO_CLOSE int fd = open("bomb", O_RDONLY | O_CLOEXEC);
    assert_int_equal(file_pread_all(fd, word, 8, 40, NULL), 0);
    uint64_t l1 = get_be64(word);
    assert_int_equal(file_pread_all(fd, word, 8, l1, NULL), 0);
    uint64_t l2 = get_be64(word) & 0x00fffffffffffe00;
    assert_int_equal(file_pread_all(fd, table, 8, l2, NULL), 0);
    for (size_t i = 8; i < sizeof(table); i += 8)
        memcpy(table + i, table, 8);
    poke("bomb", l2, table, sizeof(table));
    put_be64(word, 500u << 20);
    poke("bomb", 24, word, 8);
    expect_refused(DISK_QCOW2, "bomb", ERR_CORRUPT, "far more data");
}

static void lying_headers_are_refused(void **state)
{
    uint8_t word[8];
    (void)state;
    assert_true(qemu_img(
        (const char *[]){"convert", "-O", "qcow2", "raw", "liar", NULL}));
    put_be64(word, UINT64_C(1) << 60);
    poke("liar", 24, word, 8); /* the disk's size */
    expect_refused(DISK_QCOW2, "liar", ERR_CORRUPT, "64 TiB");
    put_be64(word, UINT64_C(1) << 40);
    poke("liar", 24, word, 8);
    expect_refused(DISK_QCOW2, "liar", ERR_CORRUPT, "its disk needs");
    put_be32(word, 60);
    poke("liar", 20, word, 4); /* the clusters' */
    expect_refused(DISK_QCOW2, "liar", ERR_CORRUPT, "clusters of 2^60");
    assert_true(qemu_img(
        (const char *[]){"convert", "-O", "vhdx", "raw", "liar.vhdx", NULL}));
    poke("liar.vhdx", 65536 + 100, "x", 1);
    poke("liar.vhdx", 131072 + 100, "x", 1);
    expect_refused(DISK_VHDX, "liar.vhdx", ERR_CORRUPT, "both headers");
}

static void encrypted_qcow2_is_refused(void **state)
{
    uint8_t word[4];
    (void)state;
    assert_true(qemu_img(
        (const char *[]){"convert", "-O", "qcow2", "raw", "locked", NULL}));
    put_be32(word, 2);
    poke("locked", 32, word, 4);
    expect_refused(DISK_QCOW2, "locked", ERR_UNSUPPORTED, "encrypted");
}

static void words_of_formats(void **state)
{
    enum disk_format format;
    struct err err;
    (void)state;
    assert_int_equal(disk_format_parse("vmdk", &format, NULL), 0);
    assert_int_equal(format, DISK_VMDK);
    assert_int_equal(disk_format_parse("iso", &format, &err), ERR_INVALID);
    assert_non_null(strstr(err.text, "raw, qcow2, vhdx or vmdk"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(qcow2_of_every_kind_is_read),
        cmocka_unit_test(compressed_qcow2_is_read),
        cmocka_unit_test(vhdx_is_read),
        cmocka_unit_test(vmdk_is_read),
        cmocka_unit_test(internal_snapshots_are_passed_over),
        cmocka_unit_test(what_needs_another_file_is_refused),
        cmocka_unit_test(another_format_is_not_guessed),
        cmocka_unit_test(cut_files_are_refused),
        cmocka_unit_test(tables_that_name_more_than_the_file_are_refused),
        cmocka_unit_test(lying_headers_are_refused),
        cmocka_unit_test(encrypted_qcow2_is_refused),
        cmocka_unit_test(words_of_formats),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, setup, teardown);
}
