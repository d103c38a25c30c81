/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "core/boot/boot-table.h"
#include "core/util/file.h"
#include "core/util/json.h"

static struct boot_file make(const char *name, const char *path, uint8_t mark)
{
    struct boot_file file = {.root = BOOT_ROOT_DATA, .length = 4};
    (void)snprintf(file.name, sizeof(file.name), "%s", name);
    (void)snprintf(file.path, sizeof(file.path), "%s", path);
    memset(file.digest.bytes, mark, sizeof(file.digest.bytes));
    return file;
}

static void names_are_narrow(void **state)
{
    static const char *const good[] = {"a", "local-x64.efi", "0_1",
                                       "engine-x86_64.efi"};
    static const char *const bad[] = {"",    ".hidden", "-x",  "A",   "a/b",
                                      "a b", "..",      "a\n", "\xff"};
    char longest[66];
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(good); i++)
        assert_true(boot_name_ok(good[i]));
    for (size_t i = 0; i < ARRAY_LENGTH(bad); i++)
        assert_false(boot_name_ok(bad[i]));
    memset(longest, 'a', 65);
    longest[65] = '\0';
    assert_false(boot_name_ok(longest));
    longest[64] = '\0';
    assert_true(boot_name_ok(longest));
}

static void put_replaces_and_refuses(void **state)
{
    struct boot_table *table = boot_table_new();
    struct boot_file file = make("b", "x/b", 1);
    static const char *const paths[] = {"",     "/x",     "x/", "../x",
                                        "x//y", "x/../y", "./x"};
    (void)state;
    assert_int_equal(boot_table_put(table, &file, NULL), 0);
    file = make("a", "x/a", 2);
    file.immutable = true;
    assert_int_equal(boot_table_put(table, &file, NULL), 0);
    assert_int_equal(boot_table_put(table, &file, NULL), 0); /* the same */
    file.digest.bytes[0] ^= 1;
    assert_int_equal(boot_table_put(table, &file, NULL), ERR_CONFLICT);
    file = make("b", "y/b", 3);
    assert_int_equal(boot_table_put(table, &file, NULL), 0);
    assert_string_equal(boot_table_find(table, "b")->path, "y/b");
    assert_int_equal(boot_table_count(table), 2);
    assert_string_equal(boot_table_at(table, 0)->name, "a");
    for (size_t i = 0; i < ARRAY_LENGTH(paths); i++) {
        file = make("c", paths[i], 1);
        assert_int_equal(boot_table_put(table, &file, NULL), ERR_INVALID);
    }
    assert_true(boot_table_remove(table, "a"));
    assert_false(boot_table_remove(table, "a"));
    assert_null(boot_table_find(table, "a"));
    boot_table_free(table);
}

static void table_is_bounded(void **state)
{
    struct boot_table *table = boot_table_new();
    struct err err = ERR_INIT;
    char name[16];
    (void)state;
    for (int i = 0; i < BOOT_TABLE_MAX; i++) {
        (void)snprintf(name, sizeof(name), "f%d", i);
        struct boot_file file = make(name, "f", 1);
        assert_int_equal(boot_table_put(table, &file, &err), 0);
    }
    struct boot_file file = make("one-more", "f", 1);
    assert_int_equal(boot_table_put(table, &file, &err), ERR_TOO_BIG);
    boot_table_free(table);
}

static void count_change(void *arg)
{
    (*(unsigned *)arg)++;
}

static void json_holds_the_whole_table(void **state)
{
    struct boot_table *table = boot_table_new();
    struct boot_table *copy = boot_table_new();
    struct boot_file file = make("a.efi", "x86-uefi/a.efi", 9);
    unsigned changes = 0;
    struct err err = ERR_INIT;
    (void)state;
    file.immutable = true;
    boot_table_listen(copy, count_change, &changes);
    assert_int_equal(boot_table_put(table, &file, NULL), 0);
    AUTO_JSON *json = boot_table_to_json(table);
    assert_int_equal(boot_table_from_json(copy, json, &err), 0);
    assert_int_equal(changes, 1);
    const struct boot_file *got = boot_table_find(copy, "a.efi");
    assert_memory_equal(got, boot_table_find(table, "a.efi"), sizeof(*got));
    json_t *item = json_array_get(json, 0);
    json_object_set_new(item, "name", json_string("../etc"));
    assert_int_equal(boot_table_from_json(copy, json, &err), ERR_INVALID);
    json_object_set_new(item, "name", json_string("ok"));
    json_object_set_new(item, "extra", json_true());
    assert_int_not_equal(boot_table_from_json(copy, json, &err), 0);
    assert_int_equal(boot_table_count(copy), 1); /* nothing has changed */
    boot_table_free(table);
    boot_table_free(copy);
}

static void only_the_published_file_is_opened(void **state)
{
    const char *dir = getenv("TEST_DIR");
    AUTO_CLOSE int root =
        open(dir ? dir : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const int roots[BOOT_ROOTS] = {-1, root};
    struct err err = ERR_INIT;
    (void)state;
    assert_int_equal(mkdirat(root, "real", 0755), 0);
    AUTO_CLOSE int real = openat(root, "real", O_RDONLY | O_DIRECTORY);
    assert_int_equal(file_write(real, "f", "data", 4, 0644, &err), 0);
    assert_int_equal(symlinkat("real", root, "link"), 0);
    assert_int_equal(symlinkat("f", real, "g"), 0);
    struct boot_file file = make("f", "real/f", 1);
    AUTO_CLOSE int fd = boot_file_open(&file, roots, &err);
    assert_true(fd >= 0);
    file = make("f", "link/f", 1);
    assert_true(boot_file_open(&file, roots, &err) < 0);
    file = make("f", "real/g", 1);
    assert_true(boot_file_open(&file, roots, &err) < 0);
    file = make("f", "real", 1);
    assert_true(boot_file_open(&file, roots, &err) < 0);
    file = make("f", "real/f", 1);
    file.length = 5; /* it has changed since */
    assert_int_equal(boot_file_open(&file, roots, &err), ERR_CORRUPT);
    (void)unlinkat(real, "f", 0);
    (void)unlinkat(real, "g", 0);
    (void)unlinkat(root, "link", 0);
    (void)unlinkat(root, "real", AT_REMOVEDIR);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_narrow),
        cmocka_unit_test(put_replaces_and_refuses),
        cmocka_unit_test(table_is_bounded),
        cmocka_unit_test(json_holds_the_whole_table),
        cmocka_unit_test(only_the_published_file_is_opened),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
