/* SPDX-License-Identifier: Apache-2.0 */
/* Making a device match an index: fresh, resumed, verified, and refused. */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "core/image/import.h"
#include "core/util/file.h"
#include "tests/unit/image-fixture.h"
#include "tests/unit/pipeline-driver.h"

#define CHUNK_SHIFT 16
#define CHUNK ((size_t)1 << CHUNK_SHIFT)

/* An image in the store and a device to write it to. */
struct bench {
    struct fixture *f;
    size_t size;
    uint8_t *image;
    struct manifest m;
    int fd;
    struct driver driver;
};

static void bench_open(struct bench *b, struct fixture *f, size_t size)
{
    *b = (struct bench){.f = f, .size = size};
    b->image = fixture_image(f, size);
    fixture_import(f, b->image, size, CHUNK_SHIFT, &b->m);
    (void)snprintf(b->m.name, sizeof(b->m.name), "debian-12");
    /* What was on the device before must not shine through. */
    b->fd = fixture_file(f, "device", size);
    driver_init(&b->driver, f->objects, &f->secret);
}

static void bench_close(struct bench *b)
{
    driver_done(&b->driver);
    (void)close(b->fd);
    free(b->image);
}

static struct pipeline_spec bench_spec(struct bench *b, enum pipeline_mode mode)
{
    return (struct pipeline_spec){.mode = mode,
                                  .fd = b->fd,
                                  .device = "disk 'vda'",
                                  .device_bytes = b->size,
                                  .manifest = &b->m,
                                  .threads = 3,
                                  .memory_bytes = 20 * CHUNK};
}

static void run(struct bench *b, enum pipeline_mode mode,
                struct pipeline_progress *ret)
{
    struct pipeline_spec spec = bench_spec(b, mode);
    struct err err = ERR_INIT;
    if (driver_run(&b->driver, &spec, ret, &err))
        fail_msg("%s", err.text);
}

static void expect_image(struct bench *b)
{
    uint8_t *back = malloc(b->size);
    assert_int_equal(file_pread_all(b->fd, back, b->size, 0, NULL), 0);
    assert_memory_equal(back, b->image, b->size);
    free(back);
}

static void fresh_device_becomes_the_image(void **state)
{
    for (unsigned i = 0; i < 8; i++) {
        struct bench b;
        struct pipeline_progress progress;
        size_t size = 512 * (1 + fixture_random(*state, 12000));
        bench_open(&b, *state, size);
        b.driver.reverse = i & 1;
        b.driver.max_in_flight = 1 + i;
        run(&b, PIPELINE_FRESH, &progress);
        expect_image(&b);
        assert_int_equal(progress.done_bytes, size);
        assert_int_equal(progress.kept_bytes, 0);
        run(&b, PIPELINE_VERIFY, &progress);
        bench_close(&b);
    }
}

static void holes_take_no_space(void **state)
{
    struct bench b;
    struct stat st;
    bench_open(&b, *state, 64 * CHUNK);
    memset(b.image, 0, b.size);
    memset(b.image + 5 * CHUNK, 7, 9 * CHUNK);
    fixture_import(b.f, b.image, b.size, CHUNK_SHIFT, &b.m);
    run(&b, PIPELINE_FRESH, NULL);
    expect_image(&b);
    assert_int_equal(fstat(b.fd, &st), 0);
    assert_true((size_t)st.st_blocks * 512 <= 10 * CHUNK);
    assert_int_equal(b.driver.delivered, 1);
    bench_close(&b);
}

static void damaged_deliveries_are_fetched_again(void **state)
{
    struct bench b;
    struct pipeline_progress progress;
    bench_open(&b, *state, 80 * CHUNK);
    b.driver.flip_every = 3;
    run(&b, PIPELINE_FRESH, &progress);
    expect_image(&b);
    assert_true(b.driver.refused > 0);
    assert_int_equal(progress.refused, b.driver.refused);
    bench_close(&b);
}

static void resume_fetches_only_what_is_missing(void **state)
{
    struct bench b;
    struct pipeline_progress progress;
    bench_open(&b, *state, 100 * CHUNK);
    b.driver.deliver_at_most = 10;
    run(&b, PIPELINE_FRESH, &progress);
    uint64_t written = progress.written_bytes;
    assert_true(progress.done_bytes < b.size);
    b.driver.deliver_at_most = 0;
    b.driver.delivered = 0;
    run(&b, PIPELINE_RESUME, &progress);
    expect_image(&b);
    assert_true(progress.kept_bytes >= written);
    b.driver.delivered = 0;
    run(&b, PIPELINE_RESUME, &progress);
    assert_int_equal(b.driver.delivered, 0);
    assert_int_equal(progress.written_bytes, 0);
    bench_close(&b);
}

static void repair_writes_the_one_chunk_that_differs(void **state)
{
    struct bench b;
    struct pipeline_progress progress;
    bench_open(&b, *state, 40 * CHUNK);
    for (size_t i = 0; i < b.size; i++)
        b.image[i] = (uint8_t)fixture_random(b.f, 256);
    fixture_import(b.f, b.image, b.size, CHUNK_SHIFT, &b.m);
    run(&b, PIPELINE_FRESH, NULL);
    assert_int_equal(pwrite(b.fd, "damage", 6, 17 * CHUNK + 3), 6);
    b.driver.delivered = 0;
    run(&b, PIPELINE_RESUME, &progress);
    expect_image(&b);
    assert_int_equal(b.driver.delivered, 1);
    assert_int_equal(progress.written_bytes, CHUNK);
    bench_close(&b);
}

static void checkpoint_spares_reading(void **state)
{
    struct bench b;
    struct pipeline_progress progress;
    bench_open(&b, *state, 100 * CHUNK);
    b.driver.checkpoint_every = 5;
    run(&b, PIPELINE_FRESH, NULL);
    assert_true(b.driver.checkpoint.length > 0);
    /* What the checkpoint vouches for is not looked at, right or wrong. */
    struct pipeline_spec spec = bench_spec(&b, PIPELINE_RESUME);
    AUTO_BUF checkpoint = BUF_INIT(1 << 20);
    assert_int_equal(buf_append(&checkpoint, b.driver.checkpoint.data,
                                b.driver.checkpoint.length),
                     0);
    spec.checkpoint = checkpoint.data;
    spec.checkpoint_length = checkpoint.length;
    assert_int_equal(driver_run(&b.driver, &spec, &progress, NULL), 0);
    assert_int_equal(progress.done_bytes, b.size);
    expect_image(&b);
    /* One of another image is ignored. */
    checkpoint.data[10] ^= 1;
    assert_int_equal(driver_run(&b.driver, &spec, &progress, NULL), 0);
    expect_image(&b);
    bench_close(&b);
}

static void verify_finds_differences_and_respects_exclusions(void **state)
{
    struct bench b;
    bench_open(&b, *state, 30 * CHUNK);
    run(&b, PIPELINE_FRESH, NULL);
    struct pipeline_range range = {12 * CHUNK + 100, 6};
    uint8_t byte;
    assert_int_equal(pread(b.fd, &byte, 1, (off_t)range.offset), 1);
    byte ^= 1;
    assert_int_equal(pwrite(b.fd, &byte, 1, (off_t)range.offset), 1);
    struct pipeline_spec spec = bench_spec(&b, PIPELINE_VERIFY);
    struct err err = ERR_INIT;
    assert_int_equal(driver_run(&b.driver, &spec, NULL, &err), ERR_VERIFY);
    assert_non_null(strstr(err.text, "disk 'vda' differs from the image in 1 "
                                     "chunks, the first at byte 786432"));
    spec.excluded = &range;
    spec.excluded_count = 1;
    assert_int_equal(driver_run(&b.driver, &spec, NULL, &err), 0);
    bench_close(&b);
}

static void small_device_is_refused(void **state)
{
    struct bench b;
    bench_open(&b, *state, 10 * CHUNK);
    struct pipeline_spec spec = bench_spec(&b, PIPELINE_FRESH);
    struct err err = ERR_INIT;
    spec.device_bytes = b.size - 1;
    assert_int_equal(driver_run(&b.driver, &spec, NULL, &err), ERR_NO_SPACE);
    assert_non_null(strstr(err.text, "disk 'vda' holds"));
    assert_non_null(strstr(err.text, "'debian-12' needs"));
    bench_close(&b);
}

static void other_sector_size_is_refused(void **state)
{
    struct bench b;
    bench_open(&b, *state, 10 * CHUNK);
    b.m.kind = IMAGE_DISK;
    b.m.sector_bytes = 512;
    struct pipeline_spec spec = bench_spec(&b, PIPELINE_FRESH);
    struct err err = ERR_INIT;
    spec.sector_bytes = 4096;
    assert_int_equal(driver_run(&b.driver, &spec, NULL, &err), ERR_INVALID);
    assert_non_null(strstr(err.text, "sectors of 4096 bytes"));
    bench_close(&b);
}

static void too_little_memory_is_refused(void **state)
{
    struct bench b;
    bench_open(&b, *state, 10 * CHUNK);
    struct pipeline_spec spec = bench_spec(&b, PIPELINE_FRESH);
    spec.memory_bytes = CHUNK;
    assert_int_equal(driver_run(&b.driver, &spec, NULL, NULL), ERR_INVALID);
    bench_close(&b);
}

static void failing_device_is_named(void **state)
{
    struct bench b;
    bench_open(&b, *state, 20 * CHUNK);
    struct pipeline_spec spec = bench_spec(&b, PIPELINE_FRESH);
    AUTO_CLOSE int read_only = openat(b.f->dir_fd, "device", O_RDONLY);
    struct err err = ERR_INIT;
    spec.fd = read_only;
    assert_int_equal(driver_run(&b.driver, &spec, NULL, &err), ERR_IO);
    assert_non_null(strstr(err.text, "disk 'vda' cannot be written at byte"));
    bench_close(&b);
}

static void short_device_fails_with_a_sentence(void **state)
{
    struct bench b;
    bench_open(&b, *state, 20 * CHUNK);
    struct pipeline_spec spec = bench_spec(&b, PIPELINE_VERIFY);
    struct err err = ERR_INIT;
    assert_int_equal(ftruncate(b.fd, 5 * CHUNK), 0);
    for (unsigned i = 0; i < 5; i++)
        assert_int_equal(
            pwrite(b.fd, b.image + i * CHUNK, CHUNK, (off_t)(i * CHUNK)),
            CHUNK);
    assert_int_equal(driver_run(&b.driver, &spec, NULL, &err), ERR_IO);
    assert_non_null(strstr(err.text, "disk 'vda' ends at byte"));
    bench_close(&b);
}

/* Runs a restore in a process of its own and kills it after some deliveries,
 * which it counts by bytes on a pipe. */
static void restore_and_kill(struct bench *b, enum pipeline_mode mode,
                             unsigned deliveries)
{
    int fds[2];
    char byte;
    assert_int_equal(pipe(fds), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (!child) {
        struct pipeline_spec spec = bench_spec(b, mode);
        b->driver.count_fd = fds[1];
        (void)driver_run(&b->driver, &spec, NULL, NULL);
        _exit(0);
    }
    (void)close(fds[1]);
    for (unsigned i = 0; i < deliveries && read(fds[0], &byte, 1) == 1; i++)
        ;
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, NULL, 0), child);
    (void)close(fds[0]);
}

static void killed_restores_are_resumed(void **state)
{
    struct bench b;
    struct pipeline_progress progress;
    bench_open(&b, *state, 60 * CHUNK);
    for (size_t i = 0; i < b.size; i++)
        b.image[i] = (uint8_t)fixture_random(b.f, 256);
    fixture_import(b.f, b.image, b.size, CHUNK_SHIFT, &b.m);
    restore_and_kill(&b, PIPELINE_FRESH, 20);
    for (unsigned i = 0; i < 5; i++)
        restore_and_kill(&b, PIPELINE_RESUME,
                         1 + (unsigned)fixture_random(b.f, 10));
    run(&b, PIPELINE_RESUME, &progress);
    expect_image(&b);
    assert_true(progress.kept_bytes > 0);
    bench_close(&b);
}

/* Few objects, so that the test is quick; every 40th has its own. */
static uint64_t content_of(uint64_t chunk)
{
    return chunk % 40 ? 1 : chunk + 2;
}

/* More records than one page holds: holes and data in turn. */
static void images_of_several_index_pages(void **state)
{
    struct fixture *f = *state;
    const unsigned chunks = 4200;
    AUTO_CLOSE int fd = openat(f->dir_fd, "large", O_RDWR | O_CREAT, 0600);
    AUTO_CLOSE int out = openat(f->dir_fd, "out", O_RDWR | O_CREAT, 0600);
    struct manifest m;
    struct driver driver;
    struct pipeline_progress progress;
    const uint64_t size = (uint64_t)chunks << CHUNK_SHIFT;
    for (uint64_t i = 0; i < chunks; i += 2) {
        uint64_t value = content_of(i);
        assert_int_equal(
            pwrite(fd, &value, sizeof(value), (off_t)((i << CHUNK_SHIFT) + 40)),
            sizeof(value));
    }
    assert_int_equal(pwrite(fd, "end", 3, (off_t)size - 3), 3);
    assert_int_equal(ftruncate(out, (off_t)size), 0);
    struct import_spec import = {.fd = fd,
                                 .size_bytes = size,
                                 .kind = IMAGE_BLOB,
                                 .chunk_shift = CHUNK_SHIFT,
                                 .secret = &f->secret};
    assert_int_equal(import_run(f->objects, &import, &m, NULL), 0);
    driver_init(&driver, f->objects, &f->secret);
    driver.max_in_flight = 8;
    struct pipeline_spec spec = {.mode = PIPELINE_FRESH,
                                 .fd = out,
                                 .device = "file 'out'",
                                 .device_bytes = size,
                                 .manifest = &m};
    assert_int_equal(driver_run(&driver, &spec, &progress, NULL), 0);
    assert_int_equal(progress.done_bytes, size);
    spec.mode = PIPELINE_VERIFY;
    assert_int_equal(driver_run(&driver, &spec, &progress, NULL), 0);
    for (uint64_t i = 0; i < chunks; i += 2) {
        uint64_t value;
        assert_int_equal(
            pread(out, &value, sizeof(value), (off_t)((i << CHUNK_SHIFT) + 40)),
            sizeof(value));
        assert_int_equal(value, content_of(i));
    }
    driver_done(&driver);
}

static void wake_nobody(void *arg)
{
    (void)arg;
}

static void cancel_and_give_up(void **state)
{
    struct bench b;
    struct pipeline *p;
    struct digest digest;
    struct digest again;
    uint64_t length;
    bench_open(&b, *state, 20 * CHUNK);
    struct pipeline_spec spec = bench_spec(&b, PIPELINE_FRESH);
    spec.wake = wake_nobody;
    assert_int_equal(pipeline_new(&spec, &p, NULL), 0);
    AUTO_BUF bytes = BUF_INIT(INDEX_MAX_BYTES + SEAL_TAG_BYTES);
    assert_int_equal(pipeline_next_wanted(p, 0, &digest, &length), 0);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(pipeline_needs_page(p, &digest), 1);
        assert_int_equal(pipeline_needs_page(p, &again), 0);
        pipeline_page_lost(p, &digest);
        assert_int_equal(pipeline_needs_page(p, &digest), 1);
        assert_int_equal(objects_index_get(b.f->objects, &b.f->secret, &digest,
                                           &bytes, NULL),
                         0);
        bytes.data[bytes.length / 2] ^= 1;
        assert_int_equal(
            pipeline_give_page(p, &digest, bytes.data, bytes.length, NULL),
            ERR_CORRUPT);
        bytes.data[bytes.length / 2] ^= 1;
        assert_int_equal(
            pipeline_give_page(p, &digest, bytes.data, bytes.length, NULL), 0);
    }
    assert_int_equal(pipeline_next_wanted(p, 0, &digest, &length), 1);
    assert_int_equal(pipeline_give_up(p, 0, &digest, 2), 1);
    assert_int_equal(pipeline_next_wanted(p, 1, &again, &length), 1);
    assert_true(digest_equal(&digest, &again));
    assert_int_equal(pipeline_give_up(p, 1, &digest, 2), 0);
    pipeline_forgive(p);
    assert_int_equal(pipeline_next_wanted(p, 0, &again, &length), 1);
    assert_true(digest_equal(&digest, &again));
    pipeline_return(p, 0);
    assert_int_equal(pipeline_next_wanted(p, 0, &again, &length), 1);
    assert_true(digest_equal(&digest, &again));
    pipeline_cancel(p);
    struct err err;
    assert_int_equal(pipeline_state(p, &err), PIPELINE_FAILED);
    assert_int_equal(err.code, ERR_CANCELLED);
    assert_int_equal(pipeline_next_wanted(p, 0, &again, &length), 0);
    pipeline_free(p);
    bench_close(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(fresh_device_becomes_the_image),
        FIXTURE_TEST(holes_take_no_space),
        FIXTURE_TEST(damaged_deliveries_are_fetched_again),
        FIXTURE_TEST(resume_fetches_only_what_is_missing),
        FIXTURE_TEST(repair_writes_the_one_chunk_that_differs),
        FIXTURE_TEST(checkpoint_spares_reading),
        FIXTURE_TEST(verify_finds_differences_and_respects_exclusions),
        FIXTURE_TEST(small_device_is_refused),
        FIXTURE_TEST(other_sector_size_is_refused),
        FIXTURE_TEST(too_little_memory_is_refused),
        FIXTURE_TEST(failing_device_is_named),
        FIXTURE_TEST(short_device_fails_with_a_sentence),
        FIXTURE_TEST(killed_restores_are_resumed),
        FIXTURE_TEST(images_of_several_index_pages),
        FIXTURE_TEST(cancel_and_give_up),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
