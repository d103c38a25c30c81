/* SPDX-License-Identifier: Apache-2.0 */
/* See image-fixture.h. */
#include "tests/unit/image-fixture.h"

#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "core/image/import.h"
#include "core/util/file.h"

#define MAX_OPEN_FOLDERS 8

int fixture_setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    assert_non_null(f);
    const char *dir = getenv("TEST_DIR");
    (void)snprintf(f->path, sizeof(f->path), "%s/store-XXXXXX",
                   dir ? dir : "/tmp");
    assert_non_null(mkdtemp(f->path));
    f->dir_fd = open(f->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    f->objects = objects_open(f->dir_fd, NULL);
    assert_non_null(f->objects);
    f->secret.epoch = 1;
    memset(f->secret.key.bytes, 0x5a, sizeof(f->secret.key.bytes));
    f->random = 0x2545f4914f6cdd1d;
    *state = f;
    return 0;
}

static int remove_one(const char *path, const struct stat *st, int type,
                      struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

int fixture_teardown(void **state)
{
    struct fixture *f = *state;
    objects_free(f->objects);
    (void)close(f->dir_fd);
    (void)nftw(f->path, remove_one, MAX_OPEN_FOLDERS, FTW_DEPTH | FTW_PHYS);
    free(f);
    return 0;
}

uint64_t fixture_random(struct fixture *f, uint64_t below)
{
    f->random ^= f->random << 13;
    f->random ^= f->random >> 7;
    f->random ^= f->random << 17;
    return f->random % below;
}

static void fill(struct fixture *f, uint8_t *at, size_t length)
{
    static const char text[] = "the quick brown fox jumps over the lazy dog\n";
    uint64_t kind = fixture_random(f, 4);
    uint8_t byte = (uint8_t)fixture_random(f, 256);
    for (size_t i = 0; i < length; i++) {
        if (kind == 0)
            at[i] = 0;
        else if (kind == 1)
            at[i] = (uint8_t)text[i % (sizeof(text) - 1)];
        else if (kind == 2)
            at[i] = byte;
        else
            at[i] = (uint8_t)fixture_random(f, 256);
    }
}

uint8_t *fixture_image(struct fixture *f, size_t size)
{
    uint8_t *image = malloc(size);
    assert_non_null(image);
    for (size_t at = 0; at < size;) {
        size_t some = 1 + (size_t)fixture_random(f, 200000);
        some = MIN(some, size - at);
        fill(f, image + at, some);
        at += some;
    }
    /* One chunk at least that is neither equal to another nor a hole. */
    for (size_t i = 0; i < MIN(size, (size_t)64); i++)
        image[i] = (uint8_t)fixture_random(f, 256);
    return image;
}

int fixture_file(struct fixture *f, const char *name, size_t size)
{
    int fd =
        openat(f->dir_fd, name, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    uint8_t *image = fixture_image(f, size);
    assert_int_equal(file_write_all(fd, image, size, NULL), 0);
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    free(image);
    return fd;
}

void fixture_import(struct fixture *f, const uint8_t *image, size_t size,
                    unsigned chunk_shift, struct manifest *ret)
{
    AUTO_CLOSE int fd = openat(f->dir_fd, "import.img",
                               O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(file_write_all(fd, image, size, NULL), 0);
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    struct import_spec spec = {.fd = fd,
                               .size_bytes = size,
                               .kind = IMAGE_BLOB,
                               .chunk_shift = chunk_shift,
                               .threads = 3,
                               .secret = &f->secret};
    struct err err = ERR_INIT;
    if (import_run(f->objects, &spec, ret, &err))
        fail_msg("%s", err.text);
}

/* What the walk looks for; nftw passes no argument. */
static struct {
    unsigned files;
    unsigned temporary;
    char first[512];
} seen;

static int look(const char *path, const struct stat *st, int type,
                struct FTW *ftw)
{
    (void)st;
    if (type != FTW_F)
        return 0;
    seen.files++;
    if (strstr(path + ftw->base, ".tmp"))
        seen.temporary++;
    else if (!seen.first[0] || strcmp(path, seen.first) < 0)
        (void)snprintf(seen.first, sizeof(seen.first), "%s", path);
    return 0;
}

unsigned fixture_count_files(struct fixture *f, const char *folder)
{
    char path[300];
    (void)snprintf(path, sizeof(path), "%s/%s", f->path, folder);
    memset(&seen, 0, sizeof(seen));
    assert_int_equal(nftw(path, look, MAX_OPEN_FOLDERS, FTW_PHYS), 0);
    return seen.files;
}

unsigned fixture_count_objects(struct fixture *f)
{
    return fixture_count_files(f, "objects");
}

unsigned fixture_count_temporary(struct fixture *f)
{
    (void)fixture_count_files(f, ".");
    return seen.temporary;
}

void fixture_flip_bit(struct fixture *f, const char *folder,
                      char ret_name[DIGEST_HEX_BYTES])
{
    assert_true(fixture_count_files(f, folder) > 0);
    assert_int_equal(chmod(seen.first, 0600), 0);
    AUTO_CLOSE int fd = open(seen.first, O_RDWR | O_CLOEXEC);
    struct stat st;
    uint8_t byte;
    assert_int_equal(fstat(fd, &st), 0);
    off_t at = st.st_size / 2;
    assert_int_equal(pread(fd, &byte, 1, at), 1);
    byte ^= 0x10;
    assert_int_equal(pwrite(fd, &byte, 1, at), 1);
    (void)snprintf(ret_name, DIGEST_HEX_BYTES, "%.64s",
                   strrchr(seen.first, '/') + 1);
}
