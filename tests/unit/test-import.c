/* SPDX-License-Identifier: Apache-2.0 */
/* Importing images and reading them back, and what bad input gets. */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "core/image/import.h"
#include "core/image/reader.h"
#include "core/util/file.h"
#include "tests/unit/image-fixture.h"

static void expect_error(struct fixture *f, const struct import_spec *spec,
                         int code, const char *words)
{
    struct manifest m;
    struct err err = ERR_INIT;
    assert_int_equal(import_run(f->objects, spec, &m, &err), code);
    if (!strstr(err.text, words))
        fail_msg("'%s' does not say '%s'", err.text, words);
}

static void round_trip_of_random_images(void **state)
{
    struct fixture *f = *state;
    for (unsigned seed = 1; seed <= 6; seed++) {
        struct manifest m;
        size_t size = 512 * (1 + fixture_random(f, 4000));
        uint8_t *image = fixture_image(f, size);
        fixture_import(f, image, size, 16, &m);
        assert_int_equal(m.size_bytes, size);
        struct image_reader *r =
            image_reader_new(f->objects, &f->secret, &m.index_root, NULL);
        assert_non_null(r);
        uint8_t *back = malloc(size);
        assert_int_equal(image_reader_read(r, back, size, 0, NULL), 0);
        assert_memory_equal(image, back, size);
        struct err err;
        assert_int_equal(image_reader_read(r, back, 2, size - 1, &err),
                         ERR_INVALID);
        image_reader_free(r);
        free(back);
        free(image);
    }
}

static void same_content_is_stored_once(void **state)
{
    struct fixture *f = *state;
    struct manifest a;
    struct manifest b;
    uint8_t *image = fixture_image(f, 1 << 20);
    fixture_import(f, image, 1 << 20, 16, &a);
    unsigned before = fixture_count_objects(f);
    fixture_import(f, image, 1 << 20, 16, &b);
    assert_true(digest_equal(&a.index_root, &b.index_root));
    assert_int_equal(fixture_count_objects(f), before);
    free(image);
}

static void zeros_are_not_stored(void **state)
{
    struct fixture *f = *state;
    struct manifest m;
    size_t size = (size_t)8 << 20;
    uint8_t *image = calloc(1, size);
    fixture_import(f, image, size, 16, &m);
    assert_int_equal(m.stored_bytes, 0);
    assert_int_equal(fixture_count_objects(f), 0);
    free(image);
}

static void truncated_image_is_refused(void **state)
{
    struct fixture *f = *state;
    AUTO_CLOSE int fd = fixture_file(f, "image", 100000);
    struct import_spec spec = {.fd = fd,
                               .size_bytes = 200 * 512,
                               .chunk_shift = 16,
                               .secret = &f->secret};
    expect_error(f, &spec, ERR_INVALID, "ended after 100000 of 102400 bytes");
}

static void longer_image_is_refused(void **state)
{
    struct fixture *f = *state;
    AUTO_CLOSE int fd = fixture_file(f, "image", 102401);
    struct import_spec spec = {.fd = fd,
                               .size_bytes = 200 * 512,
                               .chunk_shift = 16,
                               .secret = &f->secret};
    expect_error(f, &spec, ERR_INVALID, "longer than the 102400 bytes");
}

static void odd_and_empty_images_are_refused(void **state)
{
    struct fixture *f = *state;
    struct import_spec spec = {
        .fd = -1, .size_bytes = 1000, .secret = &f->secret};
    expect_error(f, &spec, ERR_INVALID, "no multiple of its sectors of 512");
    spec.size_bytes = 0;
    expect_error(f, &spec, ERR_INVALID, "empty");
}

static int touch_file(void *arg, uint64_t done_bytes, uint64_t stored_bytes)
{
    (void)stored_bytes;
    int fd = *(int *)arg;
    if (done_bytes > 65536)
        assert_int_equal(pwrite(fd, "changed", 7, 3), 7);
    return 0;
}

static void changing_image_is_refused(void **state)
{
    struct fixture *f = *state;
    AUTO_CLOSE int fd = fixture_file(f, "image", 512 * 600);
    struct import_spec spec = {.fd = fd,
                               .size_bytes = 512 * 600,
                               .chunk_shift = 16,
                               .secret = &f->secret,
                               .progress = touch_file,
                               .arg = &fd};
    /* So that the change is a later moment than the file's making. */
    const struct timespec old[2] = {{1000, 0}, {1000, 0}};
    assert_int_equal(futimens(fd, old), 0);
    expect_error(f, &spec, ERR_INVALID, "changed while it was read");
}

static int stop(void *arg, uint64_t done_bytes, uint64_t stored_bytes)
{
    (void)arg;
    (void)stored_bytes;
    return done_bytes > 65536;
}

static void cancelled_import_leaves_no_image(void **state)
{
    struct fixture *f = *state;
    AUTO_CLOSE int fd = fixture_file(f, "image", 512 * 600);
    struct import_spec spec = {.fd = fd,
                               .size_bytes = 512 * 600,
                               .chunk_shift = 16,
                               .secret = &f->secret,
                               .progress = stop};
    expect_error(f, &spec, ERR_CANCELLED, "cancelled");
    assert_int_equal(fixture_count_files(f, "index"), 0);
    assert_int_equal(fixture_count_temporary(f), 0);
}

static void full_disk_is_a_clean_error(void **state)
{
    struct fixture *f = *state;
    AUTO_CLOSE int fd = fixture_file(f, "image", 512 * 600);
    struct import_spec spec = {.fd = fd,
                               .size_bytes = 512 * 600,
                               .chunk_shift = 16,
                               .secret = &f->secret};
    struct rlimit before;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    struct rlimit small = {4096, before.rlim_max};
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    struct manifest m;
    struct err err = ERR_INIT;
    int rc = import_run(f->objects, &spec, &m, &err);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    (void)signal(SIGXFSZ, handler);
    assert_int_equal(rc, ERR_NO_SPACE);
    assert_non_null(strstr(err.text, "full"));
    assert_int_equal(fixture_count_files(f, "index"), 0);
    assert_int_equal(fixture_count_temporary(f), 0);
}

struct sentences {
    char text[8][ERR_TEXT_BYTES];
    unsigned count;
};

static void remember(void *arg, const struct image_fault *fault)
{
    struct sentences *s = arg;
    if (s->count < 8)
        (void)snprintf(s->text[s->count++], ERR_TEXT_BYTES, "%s",
                       fault->err.text);
}

static void flipped_bits_are_found_and_named(void **state)
{
    struct fixture *f = *state;
    struct manifest m;
    uint8_t *image = fixture_image(f, 1 << 20);
    fixture_import(f, image, 1 << 20, 16, &m);
    struct sentences s = {.count = 0};
    struct image_damage damage = {.found = remember, .arg = &s};
    assert_int_equal(
        image_check(f->objects, &f->secret, &m.index_root, &damage, NULL), 0);
    char name[DIGEST_HEX_BYTES];
    fixture_flip_bit(f, "objects", name);
    struct err err;
    assert_int_equal(
        image_check(f->objects, &f->secret, &m.index_root, &damage, &err),
        ERR_CORRUPT);
    assert_int_equal(damage.count, s.count);
    assert_non_null(strstr(s.text[0], name));
    assert_non_null(strstr(err.text, name));
    fixture_flip_bit(f, "index", name);
    s.count = 0;
    assert_int_equal(
        image_check(f->objects, &f->secret, &m.index_root, &damage, &err),
        ERR_CORRUPT);
    assert_non_null(strstr(s.text[0], name));
    free(image);
}

static void importing_again_mends_damage(void **state)
{
    struct fixture *f = *state;
    struct manifest m;
    char name[DIGEST_HEX_BYTES];
    struct image_damage damage = {.count = 0};
    uint8_t *image = fixture_image(f, 1 << 20);
    fixture_import(f, image, 1 << 20, 16, &m);
    fixture_flip_bit(f, "objects", name);
    fixture_flip_bit(f, "index", name);
    assert_int_equal(
        image_check(f->objects, &f->secret, &m.index_root, &damage, NULL),
        ERR_CORRUPT);
    fixture_import(f, image, 1 << 20, 16, &m);
    assert_int_equal(
        image_check(f->objects, &f->secret, &m.index_root, &damage, NULL), 0);
    free(image);
}

static void another_epoch_is_named(void **state)
{
    struct fixture *f = *state;
    struct manifest m;
    uint8_t *image = fixture_image(f, 1 << 18);
    fixture_import(f, image, 1 << 18, 16, &m);
    struct seal_secret later = f->secret;
    later.epoch = 9;
    struct err err;
    assert_null(image_reader_new(f->objects, &later, &m.index_root, &err));
    assert_int_equal(err.code, ERR_UNSUPPORTED);
    assert_non_null(strstr(err.text, "epoch 9"));
    free(image);
}

static void sweep_removes_what_killed_writers_left(void **state)
{
    struct fixture *f = *state;
    struct objects_batch *batch = objects_batch_new(f->objects);
    struct digest name;
    digest_of("x", 1, &name);
    assert_int_equal(objects_put(batch, &name, "x", 1, NULL), 0);
    assert_int_equal(fixture_count_temporary(f), 1);
    objects_sweep(f->objects);
    assert_int_equal(fixture_count_temporary(f), 0);
    objects_batch_free(batch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(round_trip_of_random_images),
        FIXTURE_TEST(same_content_is_stored_once),
        FIXTURE_TEST(zeros_are_not_stored),
        FIXTURE_TEST(truncated_image_is_refused),
        FIXTURE_TEST(longer_image_is_refused),
        FIXTURE_TEST(odd_and_empty_images_are_refused),
        FIXTURE_TEST(changing_image_is_refused),
        FIXTURE_TEST(cancelled_import_leaves_no_image),
        FIXTURE_TEST(full_disk_is_a_clean_error),
        FIXTURE_TEST(flipped_bits_are_found_and_named),
        FIXTURE_TEST(importing_again_mends_damage),
        FIXTURE_TEST(another_epoch_is_named),
        FIXTURE_TEST(sweep_removes_what_killed_writers_left),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
