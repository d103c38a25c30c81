/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A collector that is killed before each of its changes to the disk, one after
 * another: what is named stays whole, and the next one does the rest.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/image/objects-collect.h"
#include "core/image/reader.h"
#include "tests/unit/image-fixture.h"

#define IMAGE_BYTES 2000000
#define CHUNK_SHIFT CHUNK_SHIFT_MIN

/* ---- the two ways in which a collector changes the disk ---- */

static unsigned changes;
static unsigned die_before; /* this change; 0 = never */

static void change(void)
{
    if (++changes == die_before)
        (void)raise(SIGKILL);
}

int renameat(int old_fd, const char *old_path, int new_fd,
             const char *new_path)
{
    change();
    return (int)syscall(SYS_renameat2, old_fd, old_path, new_fd, new_path, 0);
}

int unlinkat(int fd, const char *path, int flags)
{
    change();
    return (int)syscall(SYS_unlinkat, fd, path, flags);
}

/* ---- images ---- */

/* Imports it and stores its manifest. */
static struct digest store(struct fixture *f, const uint8_t *image,
                           struct manifest *m)
{
    struct signing_key key;
    uint8_t signature[SIGNATURE_BYTES];
    struct digest digest;
    fixture_import(f, image, IMAGE_BYTES, CHUNK_SHIFT, m);
    (void)snprintf(m->name, sizeof(m->name), "one");
    m->revision = 1;
    AUTO_FREE char *text = manifest_format(m, NULL);
    assert_non_null(text);
    assert_int_equal(signing_key_generate(&key, NULL), 0);
    assert_int_equal(
        manifest_sign(&key, text, strlen(text), signature, NULL), 0);
    assert_int_equal(objects_manifest_put(f->objects, text, strlen(text),
                                          signature, &digest, NULL),
                     0);
    return digest;
}

static void assert_whole(struct fixture *f, const struct manifest *m)
{
    struct image_damage damage = {0};
    struct err err = ERR_INIT;
    if (image_check(f->objects, &f->secret, &m->index_root, &damage, &err))
        fail_msg("%s", err.text);
}

static int collect(struct fixture *f, const struct digest *named,
                   struct collect_result *ret)
{
    const struct collect_spec spec = {.secret = &f->secret,
                                      .roots = named,
                                      .root_count = 1,
                                      .before_s = time(NULL) + 3600};
    struct err err = ERR_INIT;
    int rc = objects_collect(f->objects, &spec, ret, &err);
    if (rc)
        print_error("%s\n", err.text);
    return rc;
}

/* True when it was killed. */
static bool collect_and_die(struct fixture *f, const struct digest *named,
                            unsigned before)
{
    struct collect_result result;
    int status;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        changes = 0;
        die_before = before;
        _exit(collect(f, named, &result) ? 1 : 0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    if (WIFEXITED(status))
        assert_int_equal(WEXITSTATUS(status), 0);
    return WIFSIGNALED(status);
}

static void test_killed_before_each_change(void **state)
{
    struct fixture *f = *state;
    struct manifest m, other;
    struct collect_result result;
    unsigned kills = 0;
    AUTO_FREE uint8_t *image = fixture_image(f, IMAGE_BYTES);
    struct digest named = store(f, image, &m);
    AUTO_FREE uint8_t *another = fixture_image(f, IMAGE_BYTES);
    memcpy(another, image, IMAGE_BYTES / 2);
    unsigned alone = fixture_count_files(f, "");
    (void)store(f, another, &other);
    unsigned together = fixture_count_files(f, "");
    assert_true(together > alone + 10);
    while (collect_and_die(f, &named, kills + 1)) {
        kills++;
        objects_sweep(f->objects); /* as the next slipwayd does */
        assert_whole(f, &m);
        /* What is left half is never an image: importing it mends that. */
        (void)store(f, another, &other);
        assert_whole(f, &other);
        assert_int_equal(fixture_count_temporary(f), 0);
    }
    /* Each file loses its name first and then goes. */
    assert_int_equal(kills, 2 * (together - alone));
    assert_whole(f, &m);
    assert_int_equal(fixture_count_files(f, ""), alone);
    assert_int_equal(collect(f, &named, &result), 0);
    assert_int_equal(result.freed_files, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_killed_before_each_change),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
