/* SPDX-License-Identifier: Apache-2.0 */
/* Imports that are interrupted and go on, and imports from a source. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "core/image/import.h"
#include "core/util/file.h"
#include "tests/unit/image-fixture.h"

#define SHIFT 16
#define SIZE ((size_t)(40 * 65536 + 1234))

struct upload {
    struct fixture *f;
    uint8_t *image;
    int journal_fd;
    int fd; /* the file that stands for the pipe */
    uint64_t begun;
};

static int begun(void *arg, uint64_t offset)
{
    struct upload *u = arg;
    u->begun = offset;
    return lseek(u->fd, (off_t)offset, SEEK_SET) < 0;
}

/* One run that gets the image's first `length` bytes. */
static int run(struct upload *u, size_t length, struct manifest *m,
               struct err *err)
{
    AUTO_CLOSE int fd = openat(u->f->dir_fd, "upload",
                               O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_int_equal(file_write_all(fd, u->image, length, NULL), 0);
    AUTO_IMPORT_JOURNAL struct import_journal *journal =
        import_journal_new(u->journal_fd, &u->f->secret, SHIFT, NULL);
    assert_non_null(journal);
    u->fd = fd;
    struct import_spec spec = {.fd = fd,
                               .size_bytes = SIZE,
                               .kind = IMAGE_BLOB,
                               .chunk_shift = SHIFT,
                               .threads = 3,
                               .secret = &u->f->secret,
                               .journal = journal,
                               .begun = begun,
                               .arg = u};
    return import_run(u->f->objects, &spec, m, err);
}

static void begin(struct upload *u, struct fixture *f)
{
    *u = (struct upload){.f = f, .image = fixture_image(f, SIZE)};
    u->journal_fd = openat(f->dir_fd, "journal",
                           O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(u->journal_fd >= 0);
}

/* The rest arrives: the same root as that of an import in one piece. */
static void end(struct upload *u, uint64_t at_least)
{
    struct manifest m;
    struct manifest whole;
    struct err err = ERR_INIT;
    if (run(u, SIZE, &m, &err))
        fail_msg("%s", err.text);
    assert_true(u->begun >= at_least);
    fixture_import(u->f, u->image, SIZE, SHIFT, &whole);
    assert_true(digest_equal(&m.index_root, &whole.index_root));
    assert_int_equal(m.stored_bytes, whole.stored_bytes);
    (void)close(u->journal_fd);
    free(u->image);
}

static void interrupted_import_goes_on(void **state)
{
    struct upload u;
    begin(&u, *state);
    size_t sent = 0;
    while (sent < SIZE - 65536) {
        struct manifest m;
        struct err err;
        sent += 1 + (size_t)fixture_random(u.f, 6 * 65536);
        sent = MIN(sent, SIZE - 1);
        assert_int_equal(run(&u, sent, &m, &err), ERR_UNAVAILABLE);
        assert_int_equal(fixture_count_temporary(u.f), 0);
    }
    end(&u, sent >> SHIFT << SHIFT);
}

/* What a crash leaves behind the last good entry is read again. */
static void damaged_journal_is_cut(void **state)
{
    struct upload u;
    struct manifest m;
    struct err err;
    begin(&u, *state);
    assert_int_equal(run(&u, 20 * 65536, &m, &err), ERR_UNAVAILABLE);
    assert_int_equal(file_pwrite_all(u.journal_fd, "xx", 2, 48 + 10 * 140 + 30,
                                     NULL),
                     0);
    assert_int_equal(run(&u, 0, &m, &err), ERR_UNAVAILABLE);
    assert_int_equal(u.begun, 10 * 65536);
    end(&u, 10 * 65536);
}

static void lost_object_is_imported_again(void **state)
{
    struct upload u;
    struct manifest m;
    struct err err;
    char name[DIGEST_HEX_BYTES];
    char path[DIGEST_HEX_BYTES + 16];
    begin(&u, *state);
    assert_int_equal(run(&u, 20 * 65536, &m, &err), ERR_UNAVAILABLE);
    fixture_flip_bit(u.f, "objects", name);
    (void)snprintf(path, sizeof(path), "objects/%.2s/%s", name, name);
    assert_int_equal(unlinkat(u.f->dir_fd, path, 0), 0);
    assert_int_equal(run(&u, 0, &m, &err), ERR_UNAVAILABLE);
    assert_true(u.begun < 20 * 65536);
    end(&u, 0);
}

static void journal_of_another_epoch_is_begun_anew(void **state)
{
    struct upload u;
    struct manifest m;
    struct err err;
    begin(&u, *state);
    assert_int_equal(run(&u, 20 * 65536, &m, &err), ERR_UNAVAILABLE);
    u.f->secret.epoch++;
    assert_int_equal(run(&u, 0, &m, &err), ERR_UNAVAILABLE);
    assert_int_equal(u.begun, 0);
    end(&u, 0);
}

/* ---- from a source ---- */

static int memory_hole(void *arg, uint64_t offset, uint64_t *ret_bytes,
                       struct err *err)
{
    const struct upload *u = arg;
    uint64_t at = offset;
    (void)err;
    while (at < SIZE && !u->image[at])
        at++;
    *ret_bytes = at - offset;
    return 0;
}

static int memory_read(void *arg, void *data, size_t length, uint64_t offset,
                       struct err *err)
{
    const struct upload *u = arg;
    (void)err;
    memcpy(data, u->image + offset, length);
    return 0;
}

static void source_gives_the_same_index(void **state)
{
    struct fixture *f = *state;
    for (unsigned round = 0; round < 8; round++) {
        struct upload u;
        struct manifest m;
        struct manifest whole;
        begin(&u, f);
        size_t hole = (size_t)fixture_random(f, SIZE);
        memset(u.image + hole, 0, round & 1 ? SIZE - hole : (SIZE - hole) / 2);
        const struct import_source source = {memory_hole, memory_read, &u};
        struct import_spec spec = {.fd = -1,
                                   .source = &source,
                                   .size_bytes = SIZE,
                                   .kind = IMAGE_BLOB,
                                   .chunk_shift = SHIFT,
                                   .secret = &f->secret};
        assert_int_equal(import_run(f->objects, &spec, &m, NULL), 0);
        fixture_import(f, u.image, SIZE, SHIFT, &whole);
        assert_true(digest_equal(&m.index_root, &whole.index_root));
        (void)close(u.journal_fd);
        free(u.image);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(interrupted_import_goes_on),
        FIXTURE_TEST(damaged_journal_is_cut),
        FIXTURE_TEST(lost_object_is_imported_again),
        FIXTURE_TEST(journal_of_another_epoch_is_begun_anew),
        FIXTURE_TEST(source_gives_the_same_index),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
