/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptions read from files: the fixtures of this machine and of another
 * one, and damaged copies of them. */
#include "core/plugin/describe.h"

#include "config.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <slipway/action.h>

#include "core/util/file.h"

static const char *fixtures_dir(char out[512])
{
    const char *top = getenv("top_builddir");
    (void)snprintf(out, 512, "%s/tests/plugin/built", top ? top : ".");
    return out;
}

/* Reads a fixture; false when that machine's fixtures were not built. */
static bool read_fixture(const char *machine, const char *name, struct buf *ret)
{
    char dir[512], path[600];
    struct err err = ERR_INIT;
    (void)snprintf(path, sizeof(path), "%s/%s/action/%s.so", fixtures_dir(dir),
                   machine, name);
    buf_init(ret, PLUGIN_MAX_BYTES);
    int code = file_read(AT_FDCWD, path, ret, &err);
    if (code == ERR_NOT_FOUND && strcmp(machine, machine_own()->name))
        return false;
    assert_string_equal(err.text, "");
    return true;
}

static int describe(const char *machine, const char *name,
                    struct plugin_info **ret, struct err *err)
{
    AUTO_BUF file = BUF_INIT(0);
    assert_true(read_fixture(machine, name, &file));
    return plugin_describe(file.data, file.length, name, ret, err);
}

static void check_good_file(const struct buf *file, const char *machine)
{
    AUTO_PLUGIN_INFO info = NULL;
    struct err err = ERR_INIT;
    (void)plugin_describe(file->data, file->length, "good", &info, &err);
    assert_string_equal(err.text, "");
    assert_string_equal(info->machine->name, machine);
    assert_int_equal(info->kind, SLIPWAY_KIND_ACTION);
    assert_int_equal(info->major, SLIPWAY_ABI_MAJOR);
    assert_in_range(info->level, 1, SLIPWAY_ABI_LEVEL); /* older ones are kept */
    assert_string_equal(info->name, "good");
    assert_string_equal(info->version, "1.2");
    assert_string_equal(info->summary, "Uses everything a descriptor has.");
    assert_int_equal(info->action_timeout_ms, 60000);
    assert_int_equal(info->action_callbacks, 15);
    assert_int_equal(info->findings, 0);
    assert_false(info->reduced);
    assert_int_equal(info->params.count, 5);
    const struct param *count = &info->params.items[1];
    assert_string_equal(count->name, "count");
    assert_int_equal(count->type, SLIPWAY_PARAM_NUMBER);
    assert_int_equal(count->min, 1);
    assert_int_equal(count->max, 10);
    assert_string_equal(count->default_text, "3");
    assert_string_equal(info->params.items[4].choices, "quick full");
    assert_int_equal(plugin_info_check(info, &err), 0);
    json_t *json = plugin_info_json(info);
    assert_non_null(json);
    assert_string_equal(json_string_value(json_object_get(json, "machine")),
                        machine);
    assert_int_equal(json_array_size(json_object_get(json, "params")), 5);
    json_decref(json);
}

static void check_good(const char *machine)
{
    AUTO_BUF file = BUF_INIT(0);
    assert_true(read_fixture(machine, "good", &file));
    check_good_file(&file, machine);
}

static void test_good(void **state)
{
    (void)state;
    check_good(machine_own()->name);
}

/* A file of the fuzz target's corpus. */
static void check_corpus(const char *prefix, const char *machine)
{
    const char *top = getenv("top_srcdir");
    AUTO_BUF file = BUF_INIT(PLUGIN_MAX_BYTES);
    char path[512];
    (void)snprintf(path, sizeof(path),
                   "%s/tests/fuzz/corpus/describe/%s-%s.so", top ? top : ".",
                   prefix, machine);
    assert_int_equal(file_read(AT_FDCWD, path, &file, NULL), 0);
    check_good_file(&file, machine);
}

/* The corpus begins with the same plugin built for each machine. */
static void test_every_machine(void **state)
{
    (void)state;
    const struct machine *machine;
    for (size_t i = 0; (machine = machine_at(i)); i++)
        check_corpus("good", machine->name);
}

/* Linked with -z pack-relative-relocs. */
static void test_packed_relocations(void **state)
{
    (void)state;
    check_corpus("packed", "x86_64");
    check_corpus("packed", "i686");
}

static void test_foreign_machine(void **state)
{
    (void)state;
    AUTO_BUF file = BUF_INIT(0);
    if (!read_fixture("i686", "good", &file))
        skip();
    check_good("i686");
}

static void test_minimal_has_defaults(void **state)
{
    (void)state;
    AUTO_PLUGIN_INFO info = NULL;
    assert_int_equal(describe(machine_own()->name, "minimal", &info, NULL), 0);
    assert_int_equal(info->action_timeout_ms, 3600000);
    assert_int_equal(info->action_callbacks, DESCRIBED_RUN);
    assert_int_equal(info->params.count, 0);
    assert_int_equal(info->action_flags, 0);
}

static void test_newer_is_reduced(void **state)
{
    (void)state;
    AUTO_PLUGIN_INFO info = NULL;
    struct err err = ERR_INIT;
    assert_int_equal(describe(machine_own()->name, "newer", &info, &err), 0);
    assert_true(info->reduced);
    assert_int_equal(info->level, SLIPWAY_ABI_LEVEL + 1);
    assert_int_equal(plugin_info_check(info, &err), 0);
}

/* What cannot be described or may not be enabled, with its sentence. */
static const struct {
    const char *name;
    const char *sentence;
} refused[] = {
    {"bad-param", "parameter 'count' has a default that must be from 0 to 10"},
    {"constructor",
     "it runs code of its own when it is loaded (a constructor); do that work "
     "in its callbacks"},
    {"execstack",
     "it asks for an executable stack; link it with -Wl,-z,noexecstack"},
    {"needs-library",
     "it needs 'libfixture.so.1', which plugins of kind action cannot count "
     "on; link it statically (published: the C library, libjansson.so.4, "
     "libblkid.so.1)"},
    {"needs-newer",
     "it needs level 3 of the plugin ABI and this is level 2; upgrade "
     "Slipway"},
    {"no-run",
     "its descriptor has no 'run', which every plugin of its kind must have"},
    {"not-a-plugin",
     "it does not export 'slipway_plugin_descriptor'; is it a Slipway "
     "plugin?"},
    {"rpath",
     "it looks for libraries in '/opt/vendor/lib' (RPATH or RUNPATH), which "
     "somebody may own; link it without -rpath"},
    {"short-descriptor",
     "its descriptor states a size that is too small, too large or no "
     "multiple of 8"},
    {"textrel", "it has relocations in its code; compile all of it with -fPIC"},
    {"two-symbols",
     "it exports 2 symbols, 'fixture_second_symbol' among them, where a "
     "plugin exports its descriptor only; compile it with "
     "-fvisibility=hidden"},
#ifndef SLIPWAY_SANITIZED
    {"undefined",
     "it uses the symbol 'fixture_nobody_has_this', which no library that it "
     "needs is known to have; link it with -Wl,-z,defs"},
#endif
    {"wrong-major",
     "it was built for plugin ABI 99 and this is ABI 0; build it against "
     "this version's SDK"},
    {"wrong-name",
     "its descriptor names it 'right-name'; rename the file or the plugin"},
};

static void check_refused(const char *machine)
{
    for (size_t i = 0; i < ARRAY_LENGTH(refused); i++) {
        AUTO_PLUGIN_INFO info = NULL;
        struct err err = ERR_INIT;
#ifdef SLIPWAY_SANITIZED
        if (!strcmp(refused[i].name, "constructor"))
            continue;
#endif
        int code = describe(machine, refused[i].name, &info, &err);
        if (!code)
            code = plugin_info_check(info, &err);
        assert_int_not_equal(code, 0);
        assert_string_equal(err.text, refused[i].sentence);
    }
}

static void test_refused(void **state)
{
    (void)state;
    AUTO_BUF file = BUF_INIT(0);
    check_refused(machine_own()->name);
    if (read_fixture("i686", "good", &file))
        check_refused("i686");
}

/* Every shortened file and every file with one changed byte is refused or
 * described, and never more. */
static void damage(const char *machine, size_t step)
{
    AUTO_BUF file = BUF_INIT(0);
    if (!read_fixture(machine, "good", &file))
        return;
    for (size_t length = 0; length < file.length; length += step) {
        AUTO_PLUGIN_INFO info = NULL;
        AUTO_FREE void *copy = malloc(length + 1);
        memcpy(copy, file.data, length);
        (void)plugin_describe(copy, length, "good", &info, NULL);
    }
    for (size_t at = 0; at < file.length; at += step / 4 + 1) {
        AUTO_PLUGIN_INFO info = NULL;
        uint8_t kept = file.data[at];
        file.data[at] ^= (uint8_t)(1u << (at % 8));
        if (!plugin_describe(file.data, file.length, "good", &info, NULL)) {
            json_t *json = plugin_info_json(info);
            assert_non_null(json);
            json_decref(json);
        }
        file.data[at] = kept;
    }
}

static void test_damaged(void **state)
{
    (void)state;
    damage(machine_own()->name, 41);
    damage("i686", 83);
}

static void test_other_files(void **state)
{
    (void)state;
    struct err err = ERR_INIT;
    AUTO_PLUGIN_INFO info = NULL;
    assert_int_equal(plugin_describe("", 0, NULL, &info, &err), ERR_INVALID);
    assert_string_equal(err.text, "it is not an ELF file");
    static const char script[] = "#!/bin/sh\necho this is no plugin at all\n";
    assert_int_equal(plugin_describe(script, sizeof(script), NULL, &info, &err),
                     ERR_INVALID);
    assert_string_equal(err.text, "it is not an ELF file");
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),
        cmocka_unit_test(test_every_machine),
        cmocka_unit_test(test_packed_relocations),
        cmocka_unit_test(test_foreign_machine),
        cmocka_unit_test(test_minimal_has_defaults),
        cmocka_unit_test(test_newer_is_reduced),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_damaged),
        cmocka_unit_test(test_other_files),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("describe", tests, NULL, NULL);
}
