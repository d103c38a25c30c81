/* SPDX-License-Identifier: Apache-2.0 */
/* Loading, in its order: who may have put the file there, its digest, its ELF
 * properties, its descriptor. */
#include "core/plugin/load.h"

#include "config.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "core/util/file.h"

static char built[512];  /* the fixtures */
static char folder[512]; /* our own plugin folder: FOLDER/MACHINE/action */
static char actions[600];

static int setup(void **state)
{
    (void)state;
    const char *top = getenv("top_builddir");
    const char *own = getenv("TEST_DIR");
    (void)snprintf(built, sizeof(built), "%s/tests/plugin/built",
                   top ? top : ".");
    (void)snprintf(folder, sizeof(folder), "%s/XXXXXX", own ? own : "/tmp");
    if (!mkdtemp(folder))
        return -1;
    (void)snprintf(actions, sizeof(actions), "%s/%s", folder,
                   machine_own()->name);
    if (mkdir(actions, 0755))
        return -1;
    (void)snprintf(actions, sizeof(actions), "%s/%s/action", folder,
                   machine_own()->name);
    return mkdir(actions, 0755);
}

static const char *path_of(const char *name, char out[700])
{
    (void)snprintf(out, 700, "%s/%s.so", actions, name);
    return out;
}

/* Copies a fixture into our folder under another name. */
static void install(const char *fixture, const char *name, mode_t mode)
{
    AUTO_BUF file = BUF_INIT(PLUGIN_MAX_BYTES);
    char from[700], to[700];
    (void)snprintf(from, sizeof(from), "%s/%s/action/%s.so", built,
                   machine_own()->name, fixture);
    assert_int_equal(file_read(AT_FDCWD, from, &file, NULL), 0);
    (void)unlink(path_of(name, to));
    int fd = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(file_write_all(fd, file.data, file.length, NULL), 0);
    assert_int_equal(fchmod(fd, mode), 0);
    (void)close(fd);
}

static struct plugin_place place_of(const char *dir, const char *name)
{
    return (struct plugin_place){dir, NULL, SLIPWAY_KIND_ACTION, name,
                                 geteuid()};
}

static int load(const char *dir, const char *name, const struct plugin **ret,
                struct err *err)
{
    struct plugin_place place = place_of(dir, name);
    return plugin_load_file(&place, NULL, ret, err);
}

static void test_good(void **state)
{
    (void)state;
    const struct plugin *plugin = NULL;
    struct err err = ERR_INIT;
    assert_int_equal(load(built, "good", &plugin, &err), 0);
    assert_int_equal(plugin->kind, SLIPWAY_KIND_ACTION);
    assert_string_equal(plugin->name, "good");
    assert_string_equal(plugin->as.action.version, "1.2");
    assert_int_equal(plugin->as.action.timeout_ms, 60000);
    assert_non_null(plugin->as.action.verify);
    assert_false(plugin->reduced);
    const struct plugin *again = NULL;
    assert_int_equal(load(built, "good", &again, &err), 0);
    assert_ptr_equal(again, plugin);
}

/* The loader's cache goes by name, and /proc/self/fd/N is a name. */
static void test_two_in_a_row_are_two(void **state)
{
    (void)state;
    const struct plugin *first = NULL, *second = NULL;
    struct err err = ERR_INIT;
    assert_int_equal(load(built, "minimal", &first, &err), 0);
    assert_int_equal(load(built, "crash", &second, &err), 0);
    assert_string_equal(first->as.head.name, "minimal");
    assert_string_equal(second->as.head.name, "crash");
    assert_ptr_not_equal(first->as.action.run, second->as.action.run);
}

static void test_older_has_absent_members(void **state)
{
    (void)state;
    const struct plugin *plugin = NULL;
    struct err err = ERR_INIT;
    assert_int_equal(load(built, "older", &plugin, &err), 0);
    assert_non_null(plugin->as.action.run);
    assert_null(plugin->as.action.verify);
    assert_false(plugin->reduced);
}

static void test_newer_is_reduced(void **state)
{
    (void)state;
    const struct plugin *plugin = NULL;
    struct err err = ERR_INIT;
    assert_int_equal(load(built, "newer", &plugin, &err), 0);
    assert_true(plugin->reduced);
}

static const struct {
    const char *name;
    const char *sentence;
} refused[] = {
    {"bad-param",
     "action plugin 'bad-param' is refused: parameter 'count' has a default "
     "that must be from 0 to 10"},
#ifndef SLIPWAY_SANITIZED
    {"constructor",
     "action plugin 'constructor' is refused: it runs code of its own when it "
     "is loaded (a constructor); do that work in its callbacks"},
#endif
    {"execstack",
     "action plugin 'execstack' is refused: it asks for an executable stack; "
     "link it with -Wl,-z,noexecstack"},
    {"needs-library",
     "action plugin 'needs-library' is refused: it needs 'libfixture.so.1', "
     "which plugins of kind action cannot count on; link it statically "
     "(published: the C library, libjansson.so.4, libblkid.so.1)"},
    {"needs-newer",
     "action plugin 'needs-newer' is refused: it needs level 3 of the plugin "
     "ABI and this is level 2; upgrade Slipway"},
    {"no-run",
     "action plugin 'no-run' is refused: its descriptor has no 'run', which "
     "every plugin of its kind must have"},
    {"not-a-plugin",
     "action plugin 'not-a-plugin' is refused: it does not export "
     "'slipway_plugin_descriptor'; is it a Slipway plugin?"},
    {"rpath",
     "action plugin 'rpath' is refused: it looks for libraries in "
     "'/opt/vendor/lib' (RPATH or RUNPATH), which somebody may own; link it "
     "without -rpath"},
    {"short-descriptor",
     "action plugin 'short-descriptor' is refused: its descriptor states a "
     "size of 16 bytes, which is too small, too large or no multiple of 8"},
    {"textrel",
     "action plugin 'textrel' is refused: it has relocations in its code; "
     "compile all of it with -fPIC"},
    {"undefined",
     "action plugin 'undefined' is refused: the dynamic loader refuses it: "
     "undefined symbol: fixture_nobody_has_this"},
    {"wrong-major",
     "action plugin 'wrong-major' is refused: it was built for plugin ABI 99 "
     "and this is ABI 0; build it against this version's SDK"},
    {"wrong-name",
     "action plugin 'wrong-name' is refused: its descriptor names it "
     "'right-name'; rename the file or the plugin"},
};

static void test_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(refused); i++) {
        const struct plugin *plugin = NULL;
        struct err err = ERR_INIT;
        assert_int_not_equal(load(built, refused[i].name, &plugin, &err), 0);
        assert_string_equal(err.text, refused[i].sentence);
        assert_null(plugin);
    }
    assert_null(getenv("FIXTURE_CONSTRUCTOR_RAN"));
}

static void test_foreign_machine(void **state)
{
    (void)state;
    struct err err = ERR_INIT;
    const struct plugin *plugin = NULL;
    struct plugin_place place = place_of(built, "good");
    struct digest digest;
    int fd = -1;
    place.machine = "i686";
    if (plugin_file_open(&place, &fd, &digest, &err) == ERR_NOT_FOUND)
        skip();
    assert_int_equal(
        plugin_load(fd, SLIPWAY_KIND_ACTION, "good", &digest, &plugin, &err),
        ERR_UNSUPPORTED);
    assert_non_null(strstr(err.text, "it is built for i686 and this machine "
                                     "is"));
}

static void test_changed_after_enabling(void **state)
{
    (void)state;
    struct err err = ERR_INIT;
    const struct plugin *plugin = NULL;
    struct digest enabled, now;
    struct plugin_place place = place_of(folder, "good");
    int fd = -1;
    install("good", "good", 0644);
    assert_int_equal(plugin_file_open(&place, &fd, &enabled, &err), 0);
    (void)close(fd);
    install("minimal", "good", 0644);
    assert_int_equal(plugin_load_file(&place, &enabled, &plugin, &err),
                     ERR_VERIFY);
    assert_string_equal(err.text,
                        "action plugin 'good' is refused: its file was "
                        "changed after it was enabled; enable it again if "
                        "that was intended");
    assert_int_equal(plugin_file_open(&place, &fd, &now, &err), 0);
    assert_false(digest_equal(&enabled, &now));
    (void)close(fd);
}

/* The copy does not follow its file. */
static void test_copy_is_sealed(void **state)
{
    (void)state;
    struct err err = ERR_INIT;
    const struct plugin *plugin = NULL;
    struct digest enabled;
    struct plugin_place place = place_of(folder, "hang");
    char path[700];
    int fd = -1;
    install("hang", "hang", 0644);
    assert_int_equal(plugin_file_open(&place, &fd, &enabled, &err), 0);
    assert_int_equal(truncate(path_of("hang", path), 10), 0);
    assert_int_equal(pwrite(fd, "x", 1, 0), -1);
    assert_int_equal(ftruncate(fd, 1), -1);
    assert_int_equal(
        plugin_load(fd, SLIPWAY_KIND_ACTION, "hang", &enabled, &plugin, &err),
        0);
    fd = open(path_of("hang", path), O_RDONLY | O_CLOEXEC);
    assert_int_equal(
        plugin_load(fd, SLIPWAY_KIND_ACTION, "hang", &enabled, &plugin, &err),
        ERR_INVALID);
    assert_string_equal(err.text, "action plugin 'hang' is refused: it did "
                                  "not arrive as a sealed memory file");
}

static void expect_denied(const char *name, const char *ending)
{
    struct err err = ERR_INIT;
    const struct plugin *plugin = NULL;
    char path[700], sentence[1024];
    assert_int_equal(load(folder, name, &plugin, &err), ERR_DENIED);
    (void)snprintf(sentence, sizeof(sentence),
                   "plugin file '%s' is refused: %s", path_of(name, path),
                   ending);
    assert_string_equal(err.text, sentence);
}

static void test_file_modes(void **state)
{
    (void)state;
    char path[700], target[700];
    install("minimal", "minimal", 0646);
    expect_denied("minimal", "the file can be written by others (mode 0646); "
                             "take that away with chmod go-w");
    install("minimal", "minimal", 0664);
    expect_denied("minimal", "the file can be written by others (mode 0664); "
                             "take that away with chmod go-w");
    install("minimal", "minimal", 0644);
    assert_int_equal(chmod(actions, 0777), 0);
    expect_denied("minimal", "its folder can be written by others (mode "
                             "0777); take that away with chmod go-w");
    assert_int_equal(chmod(actions, 0755), 0);
    assert_int_equal(
        symlink(path_of("minimal", target), path_of("linked", path)), 0);
    expect_denied("linked", "it is a symbolic link; put the file itself "
                            "there");
    assert_int_equal(mkdir(path_of("folder", path), 0755), 0);
    expect_denied("folder", "it is not a regular file");
    assert_int_equal(mkfifo(path_of("pipe", path), 0644), 0);
    expect_denied("pipe", "it is not a regular file");
}

static void test_wrong_owner(void **state)
{
    (void)state;
    char path[700];
    if (geteuid() != 0)
        skip(); /* only root can give a file away */
    install("minimal", "minimal", 0644);
    assert_int_equal(chown(path_of("minimal", path), 4711, 4711), 0);
    expect_denied("minimal", "the file belongs to user 4711; give it to root");
}

static void test_names(void **state)
{
    (void)state;
    static const char *const names[] = {"",
                                        "..",
                                        "a/b",
                                        "../action/good",
                                        "Good",
                                        "1st",
                                        "good.so",
                                        "a b",
                                        "abcdefghijklmnopqrstuvwxyz0123456",
                                        "-dash"};
    struct err err = ERR_INIT;
    const struct plugin *plugin = NULL;
    for (size_t i = 0; i < ARRAY_LENGTH(names); i++)
        assert_int_equal(load(built, names[i], &plugin, &err), ERR_INVALID);
    assert_int_equal(load(built, "absent", &plugin, &err), ERR_NOT_FOUND);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),
        cmocka_unit_test(test_two_in_a_row_are_two),
        cmocka_unit_test(test_older_has_absent_members),
        cmocka_unit_test(test_newer_is_reduced),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_foreign_machine),
        cmocka_unit_test(test_changed_after_enabling),
        cmocka_unit_test(test_copy_is_sealed),
        cmocka_unit_test(test_file_modes),
        cmocka_unit_test(test_wrong_owner),
        cmocka_unit_test(test_names),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("load", tests, setup, NULL);
}
