/* SPDX-License-Identifier: Apache-2.0 */
/* Results kept as sealed objects: there and back, and damage. */
#include "core/server/store/keep.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "core/util/json.h"

struct fixture {
    struct loop *loop;
    struct pool *pool;
    struct keeper *keeper;
    char dir[256];
    json_t *got; /* of the last completion */
    struct err err;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    struct seal_secret secret = {.epoch = 1};
    const char *dir = getenv("TEST_DIR");
    memset(&secret.key, 5, sizeof(secret.key));
    snprintf(f->dir, sizeof(f->dir), "%s", dir ? dir : ".");
    f->loop = loop_new(&seam_real, NULL);
    f->pool = pool_new(f->loop, 1, 8, NULL);
    f->keeper = keeper_new(f->pool, f->dir, &secret, &f->err);
    if (!f->keeper)
        fail_msg("%s", f->err.text);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    keeper_free(f->keeper);
    pool_free(f->pool);
    loop_free(f->loop);
    json_decref(f->got);
    free(f);
    return 0;
}

static void done(void *arg, json_t *json, const struct err *err)
{
    struct fixture *f = arg;
    json_decref(f->got);
    f->got = json_incref(json);
    memset(&f->err, 0, sizeof(f->err));
    if (err)
        f->err = *err;
    loop_stop(f->loop);
}

static json_t *put(struct fixture *f, const json_t *content)
{
    keep_put(f->keeper, content, done, f);
    loop_run(f->loop);
    if (f->err.code)
        fail_msg("%s", f->err.text);
    return json_incref(f->got);
}

static void get(struct fixture *f, const json_t *reference)
{
    keep_get(f->keeper, reference, done, f);
    loop_run(f->loop);
}

static void test_there_and_back(void **state)
{
    struct fixture *f = *state;
    AUTO_JSON *content = json_pack("{s:[i,i], s:s}", "a", 1, 2, "b", "text");
    AUTO_JSON *reference = put(f, content);
    get(f, reference);
    assert_int_equal(f->err.code, 0);
    assert_true(json_equal(f->got, content));
    /* The same again is the same object. */
    AUTO_JSON *again = put(f, content);
    assert_true(json_equal(reference, again));
}

static void flip(const struct fixture *f, const json_t *reference)
{
    const char *name = json_string_value(json_object_get(reference, "object"));
    char path[512], byte;
    snprintf(path, sizeof(path), "%s/objects/%.2s/%s", f->dir, name, name);
    chmod(path, 0600);
    AUTO_CLOSE int fd = open(path, O_RDWR | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(pread(fd, &byte, 1, 100), 1);
    byte ^= 1;
    assert_int_equal(pwrite(fd, &byte, 1, 100), 1);
}

static void test_a_flipped_bit_is_found(void **state)
{
    struct fixture *f = *state;
    AUTO_JSON *content = json_pack("{s:s}", "flipped", "bit");
    AUTO_JSON *reference = put(f, content);
    flip(f, reference);
    get(f, reference);
    assert_int_equal(f->err.code, ERR_CORRUPT);
    assert_null(f->got);
}

static void test_too_large(void **state)
{
    struct fixture *f = *state;
    char *text = calloc(1, KEEP_MAX_BYTES + 1);
    memset(text, 'x', KEEP_MAX_BYTES);
    AUTO_JSON *content = json_pack("{s:s}", "a", text);
    free(text);
    /* Refused inside the call: nothing runs. */
    keep_put(f->keeper, content, done, f);
    assert_int_equal(f->err.code, ERR_TOO_BIG);
    AUTO_JSON *wrong = json_pack("{s:s}", "object", "00");
    keep_get(f->keeper, wrong, done, f);
    assert_int_equal(f->err.code, ERR_INVALID);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_there_and_back),
        TEST(test_a_flipped_bit_is_found),
        TEST(test_too_large),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
