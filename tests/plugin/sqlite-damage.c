/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The SQLite store's file, damaged: each flipped bit is noticed or harmless,
 * and never another value.  Files of others are refused, and a full disk is
 * told as what it is.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/util/file.h"
#include "tests/plugin/store-driver.h"

#define ROWS 40

static const struct slipway_store_plugin *plugin;

/* The library's syncs end here, because the program exports these names (it
 * is linked with -rdynamic): a disk that fails when it is told to. */
static bool sync_fails;

int fdatasync(int fd)
{
    (void)fd;
    if (sync_fails) {
        errno = EIO;
        return -1;
    }
    return 0;
}

int fsync(int fd)
{
    return fdatasync(fd);
}

static char location[512];

static int setup(void **state)
{
    (void)state;
    const char *own = getenv("TEST_DIR");
    (void)snprintf(location, sizeof(location), "%s/damage", own ? own : "/tmp");
    plugin = driver_plugin("sqlite");
    return 0;
}

static void write_file(const char *path, const void *data, size_t length)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(file_write_all(fd, data, length, NULL), 0);
    (void)close(fd);
}

static void key_and_value(unsigned i, char key[32], char value[64])
{
    (void)snprintf(key, 32, "/v1/host/%02u", i);
    (void)snprintf(value, 64, "{\"schema\":1,\"name\":\"lab-%02u\"}", i);
}

static void make_store(struct buf *ret)
{
    struct driver d;
    char key[32], value[64];
    assert_int_equal(driver_open(&d, plugin, location), 0);
    for (unsigned i = 0; i < ROWS; i++) {
        key_and_value(i, key, value);
        assert_int_equal(driver_put(&d, key, "first"), SLIPWAY_STORE_OK);
        assert_int_equal(driver_put(&d, key, value), SLIPWAY_STORE_OK);
    }
    driver_close(&d);
    assert_int_equal(file_read(AT_FDCWD, location, ret, NULL), 0);
}

/* Everything that can be read is what was written; returns whether all was. */
static bool check_values(struct driver *d)
{
    char key[32], value[64];
    for (unsigned i = 0; i < ROWS; i++) {
        key_and_value(i, key, value);
        uint32_t result = driver_get(d, key);
        if (result == SLIPWAY_STORE_CORRUPT) {
            assert_non_null(strstr(d->answer.sentence, "is damaged"));
            return false;
        }
        assert_int_equal(result, SLIPWAY_STORE_OK);
        assert_string_equal(d->answer.items[0].value, value);
    }
    assert_int_equal(driver_list(d, "/v1/", NULL, 1000, 0), SLIPWAY_STORE_OK);
    assert_int_equal(d->answer.count, ROWS);
    /* Half of the keys had both their values by then. */
    assert_int_equal(driver_list(d, "/v1/", NULL, 1000, ROWS),
                     SLIPWAY_STORE_OK);
    assert_int_equal(d->answer.count, ROWS / 2);
    for (unsigned i = 0; i < ROWS / 2; i++) {
        key_and_value(i, key, value);
        assert_string_equal(d->answer.items[i].key, key);
        assert_string_equal(d->answer.items[i].value, value);
    }
    return true;
}

static void test_flipped_bits(void **state)
{
    (void)state;
    AUTO_BUF file = BUF_INIT(16 << 20);
    unsigned refused = 0, harmless = 0;
    make_store(&file);
    for (size_t at = 0; at < file.length; at += at < 200 ? 1 : 61) {
        struct driver d;
        uint8_t kept = file.data[at];
        file.data[at] ^= (uint8_t)(1u << (at % 8));
        write_file(location, file.data, file.length);
        file.data[at] = kept;
        if (driver_open(&d, plugin, location)) {
            assert_true(strlen(d.why) > 20);
            refused++;
            continue;
        }
        if (check_values(&d))
            harmless++;
        driver_close(&d);
    }
    printf("# %u refused, %u in bytes that nothing uses\n", refused, harmless);
    assert_true(refused > 20);
}

/* The sentence is BEFORE, the file's path, AFTER. */
static void expect_refused(const char *before, const char *after)
{
    struct driver d;
    char sentence[700];
    assert_int_not_equal(driver_open(&d, plugin, location), 0);
    (void)snprintf(sentence, sizeof(sentence), "%s%s%s", before, location,
                   after);
    assert_string_equal(d.why, sentence);
}

static void test_other_files(void **state)
{
    (void)state;
    static const char text[] =
        "This is a text that somebody put in the place of the store by a "
        "mistake that is easily made when paths look alike.\n";
    write_file(location, text, sizeof(text));
    expect_refused("the store's file '",
                   "' is damaged (file is not a database); stop the server "
                   "and put a backup in its place");
    struct driver d;
    assert_int_not_equal(driver_open(&d, plugin, "relative/path"), 0);
    assert_string_equal(d.why,
                        "'relative/path' is not an absolute path of a file");
    /* Another program's database. */
    (void)unlink(location);
    AUTO_BUF file = BUF_INIT(16 << 20);
    make_store(&file);
    memcpy(file.data + 68, "FOSL", 4); /* application id, file format 1.3 */
    write_file(location, file.data, file.length);
    expect_refused("'", "' is a database of another program; name another "
                        "file");
    memcpy(file.data + 68, "SLPW", 4);
    file.data[63] = 9; /* user version */
    write_file(location, file.data, file.length);
    expect_refused("'", "' was written by another version of Slipway (schema "
                        "9, this one knows 1); upgrade Slipway");
}

static void test_mode_is_private(void **state)
{
    (void)state;
    struct stat status;
    AUTO_BUF file = BUF_INIT(16 << 20);
    (void)unlink(location);
    make_store(&file);
    assert_int_equal(stat(location, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0600);
}

/* $SLIPWAY_SMALL_DISK is a folder on a file system of about one MiB; the test
 * script mounts it. */
static void test_full_disk(void **state)
{
    (void)state;
    const char *small = getenv("SLIPWAY_SMALL_DISK");
    static char value[40001];
    struct driver d;
    char path[512], key[32];
    unsigned written = 0;
    if (!small)
        skip();
    (void)snprintf(path, sizeof(path), "%s/store", small);
    memset(value, 'v', sizeof(value) - 1);
    assert_int_equal(driver_open(&d, plugin, path), 0);
    uint32_t result;
    do {
        (void)snprintf(key, sizeof(key), "/v1/%03u", written);
        result = driver_put(&d, key, value);
        written += result == SLIPWAY_STORE_OK;
    } while (result == SLIPWAY_STORE_OK && written < 200);
    assert_int_equal(result, SLIPWAY_STORE_UNAVAILABLE);
    assert_non_null(strstr(d.answer.sentence, "is full; make room"));
    assert_int_equal(driver_get(&d, key), SLIPWAY_STORE_NOTFOUND);
    assert_int_equal(driver_get(&d, "/v1/000"), SLIPWAY_STORE_OK);
    (void)snprintf(path, sizeof(path), "%s/ballast", small);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(driver_put(&d, key, value), SLIPWAY_STORE_OK);
    assert_int_equal(driver_list(&d, "/v1/", NULL, 1000, 0), SLIPWAY_STORE_OK);
    assert_int_equal(d.answer.count, written + 1);
    driver_close(&d);
}

/* The commit may be on the disk or not: nobody can say, so nobody does.  The
 * next request opens the file again and finds out. */
static void test_failed_sync_is_unknown(void **state)
{
    (void)state;
    struct driver d;
    (void)unlink(location);
    assert_int_equal(driver_open(&d, plugin, location), 0);
    assert_int_equal(driver_put(&d, "/a", "sure"), SLIPWAY_STORE_OK);
    uint64_t before = d.answer.revision;
    sync_fails = true;
    assert_int_equal(driver_put(&d, "/b", "unsure"), SLIPWAY_STORE_UNKNOWN);
    assert_true(d.answer.sentence[0] != 0);
    sync_fails = false;
    uint32_t result = driver_get(&d, "/b");
    assert_true(result == SLIPWAY_STORE_OK || result == SLIPWAY_STORE_NOTFOUND);
    assert_int_equal(driver_get(&d, "/a"), SLIPWAY_STORE_OK);
    assert_int_equal(driver_put(&d, "/c", "sure"), SLIPWAY_STORE_OK);
    assert_true(d.answer.revision > before);
    driver_close(&d);
    assert_int_equal(driver_open(&d, plugin, location), 0);
    assert_int_equal(driver_get(&d, "/b"), result);
    assert_int_equal(driver_get(&d, "/c"), SLIPWAY_STORE_OK);
    driver_close(&d);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_flipped_bits),
        cmocka_unit_test(test_other_files),
        cmocka_unit_test(test_mode_is_private),
        cmocka_unit_test(test_full_disk),
        cmocka_unit_test(test_failed_sync_is_unknown),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("sqlite-damage", tests, setup, NULL);
}
