/* SPDX-License-Identifier: Apache-2.0 */
/* Enabled plugins: listed, examined, applied, opened by digest, changed. */
#include "core/plugin/registry.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "core/util/file.h"
#include "core/util/json.h"

static char built[512];
static char folder[512];

static int setup(void **state)
{
    (void)state;
    const char *top = getenv("top_builddir");
    const char *own = getenv("TEST_DIR");
    char path[600];
    (void)snprintf(built, sizeof(built), "%s/tests/plugin/built",
                   top ? top : ".");
    (void)snprintf(folder, sizeof(folder), "%s/XXXXXX", own ? own : "/tmp");
    if (!mkdtemp(folder))
        return -1;
    (void)snprintf(path, sizeof(path), "%s/%s", folder, machine_own()->name);
    if (mkdir(path, 0755))
        return -1;
    (void)snprintf(path, sizeof(path), "%s/%s/action", folder,
                   machine_own()->name);
    return mkdir(path, 0755);
}

static void install(const char *fixture, const char *name)
{
    AUTO_BUF file = BUF_INIT(PLUGIN_MAX_BYTES);
    char path[700];
    (void)snprintf(path, sizeof(path), "%s/%s/action/%s.so", built,
                   machine_own()->name, fixture);
    assert_int_equal(file_read(AT_FDCWD, path, &file, NULL), 0);
    (void)snprintf(path, sizeof(path), "%s/%s/action/%s.so", folder,
                   machine_own()->name, name);
    (void)unlink(path);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    assert_true(fd >= 0);
    assert_int_equal(file_write_all(fd, file.data, file.length, NULL), 0);
    (void)close(fd);
}

static const struct registry_file *find_file(const struct registry_listing *l,
                                             const char *name)
{
    for (size_t i = 0; i < l->count; i++)
        if (!strcmp(l->files[i].name, name) &&
            l->files[i].machine == machine_own())
            return &l->files[i];
    return NULL;
}

static void test_scan(void **state)
{
    (void)state;
    struct registry *registry = registry_new(built, geteuid(), NULL);
    struct registry_listing listing = {NULL, 0};
    struct err err = ERR_INIT;
    assert_int_equal(registry_scan(registry, &listing, &err), 0);
    const struct registry_file *good = find_file(&listing, "good");
    assert_non_null(good);
    assert_null(good->problem);
    assert_string_equal(good->info->version, "1.2");
    const struct registry_file *rpath = find_file(&listing, "rpath");
    assert_non_null(rpath->info);
    assert_non_null(strstr(rpath->problem, "RPATH"));
    assert_null(find_file(&listing, "not-a-plugin")->info);
    for (size_t i = 1; i < listing.count; i++)
        assert_true(strcmp(listing.files[i - 1].name, listing.files[i].name) <=
                    0);
    registry_listing_done(&listing);
    registry_free(registry);
}

static void test_enable_and_open(void **state)
{
    (void)state;
    struct registry *registry = registry_new(folder, geteuid(), NULL);
    struct err err = ERR_INIT;
    struct digest digest, opened;
    json_t *document = NULL;
    int fd = -1;
    const char *own = machine_own()->name;
    install("good", "good");
    assert_int_equal(registry_digest(registry, SLIPWAY_KIND_ACTION, "good", own,
                                     &digest, &err),
                     ERR_NOT_FOUND);
    assert_string_equal(err.text,
                        "action plugin 'good' is not enabled; enable it with "
                        "'slipway plugin enable action/good'");
    assert_int_equal(registry_examine(registry, SLIPWAY_KIND_ACTION, "good",
                                      "token-1", 1700000000, &document, &err),
                     0);
    assert_int_equal(registry_apply(registry, document, &err), 0);
    const struct registry_entry *entry =
        registry_find(registry, SLIPWAY_KIND_ACTION, "good");
    assert_non_null(entry);
    assert_ptr_equal(registry_at(registry, 0), entry);
    assert_null(registry_at(registry, 1));
    assert_null(entry->problem);
    assert_string_equal(entry->info->name, "good");
    assert_null(entry->plugin); /* an action is never loaded here */
    assert_int_equal(registry_digest(registry, SLIPWAY_KIND_ACTION, "good", own,
                                     &digest, &err),
                     0);
    assert_int_equal(registry_open_digest(registry, &digest, &fd, &err), 0);
    (void)close(fd);
    assert_int_equal(registry_open(registry, SLIPWAY_KIND_ACTION, "good", own,
                                   &fd, &opened, &err),
                     0);
    assert_true(digest_equal(&digest, &opened));
    (void)close(fd);

    install("minimal", "good");
    assert_int_equal(registry_open_digest(registry, &digest, &fd, &err),
                     ERR_VERIFY);
    assert_non_null(strstr(err.text, "was changed after it was enabled"));
    registry_remove(registry, SLIPWAY_KIND_ACTION, "good");
    assert_int_equal(registry_open_digest(registry, &digest, &fd, &err),
                     ERR_NOT_FOUND);
    json_decref(document);
    registry_free(registry);
}

/* As after a restart: the record is in the store, the file is another one. */
static void test_changed_while_away(void **state)
{
    (void)state;
    struct registry *registry = registry_new(folder, geteuid(), NULL);
    struct err err = ERR_INIT;
    json_t *document = NULL;
    install("minimal", "minimal");
    assert_int_equal(registry_examine(registry, SLIPWAY_KIND_ACTION, "minimal",
                                      "t", 1, &document, &err),
                     0);
    install("crash", "minimal");
    assert_int_equal(registry_apply(registry, document, &err), ERR_INVALID);
    install("older", "older");
    json_decref(document);
    assert_int_equal(registry_examine(registry, SLIPWAY_KIND_ACTION, "older",
                                      "t", 1, &document, &err),
                     0);
    json_object_set_new(json_object_get(document, "digests"),
                        machine_own()->name,
                        json_string("00112233445566778899aabbccddeeff"
                                    "00112233445566778899aabbccddeeff"));
    assert_int_equal(registry_apply(registry, document, &err), ERR_VERIFY);
    const struct registry_entry *entry =
        registry_find(registry, SLIPWAY_KIND_ACTION, "older");
    assert_non_null(strstr(entry->problem, "was changed after it was "
                                           "enabled"));
    json_decref(document);
    registry_free(registry);
}

static void test_refuses_what_may_not_be_enabled(void **state)
{
    (void)state;
    struct registry *registry = registry_new(built, geteuid(), NULL);
    struct err err = ERR_INIT;
    json_t *document = NULL;
    assert_int_equal(registry_examine(registry, SLIPWAY_KIND_ACTION,
                                      "two-symbols", "t", 1, &document, &err),
                     ERR_INVALID);
    assert_non_null(strstr(err.text, "it exports 2 symbols"));
    assert_int_equal(registry_examine(registry, SLIPWAY_KIND_ACTION, "absent",
                                      "t", 1, &document, &err),
                     ERR_NOT_FOUND);
    assert_int_equal(registry_examine(registry, SLIPWAY_KIND_ACTION, "../good",
                                      "t", 1, &document, &err),
                     ERR_INVALID);
    assert_null(document);
    registry_free(registry);
}

static void test_refuses_damaged_records(void **state)
{
    (void)state;
    static const char *const records[] = {
        "{}",
        "[]",
        "{\"schema\":2}",
        "{\"schema\":1,\"kind\":\"actor\",\"name\":\"x\",\"version\":\"1\","
        "\"digests\":{},\"by\":\"t\",\"at_s\":1}",
        "{\"schema\":1,\"kind\":\"action\",\"name\":\"../x\",\"version\":\"1\","
        "\"digests\":{},\"by\":\"t\",\"at_s\":1}",
        "{\"schema\":1,\"kind\":\"action\",\"name\":\"x\",\"version\":\"1\","
        "\"digests\":{\"x86_64\":\"12\"},\"by\":\"t\",\"at_s\":1}",
        "{\"schema\":1,\"kind\":\"action\",\"name\":\"x\",\"version\":\"1\","
        "\"digests\":{\"vax\":\"12\"},\"by\":\"t\",\"at_s\":1}",
    };
    struct registry *registry = registry_new(built, geteuid(), NULL);
    for (size_t i = 0; i < ARRAY_LENGTH(records); i++) {
        struct err err = ERR_INIT;
        AUTO_JSON *json =
            json_parse(records[i], strlen(records[i]), 4096, NULL);
        assert_non_null(json);
        assert_int_not_equal(registry_apply(registry, json, &err), 0);
        assert_non_null(strstr(err.text, "an enabled plugin's record: "));
        assert_null(registry_at(registry, 0));
    }
    registry_free(registry);
}

static const struct registry_entry *
enable(struct registry *registry, uint32_t kind, const char *name)
{
    struct err err = ERR_INIT;
    json_t *document = NULL;
    (void)registry_examine(registry, kind, name, "init", 1, &document, &err);
    assert_string_equal(err.text, "");
    assert_int_equal(registry_apply(registry, document, &err), 0);
    json_decref(document);
    return registry_find(registry, kind, name);
}

/* The plugins of the build tree: one of each kind, as a server enables them. */
static void test_shipped_plugins(void **state)
{
    (void)state;
    const char *top = getenv("top_builddir");
    char dir[512];
    (void)snprintf(dir, sizeof(dir), "%s/plugins-built", top ? top : ".");
    struct registry *registry = registry_new(dir, geteuid(), NULL);
    const struct registry_entry *arch =
        enable(registry, SLIPWAY_KIND_ARCH, "x86-uefi");
    assert_non_null(arch->plugin);
    assert_non_null(arch->plugin->as.arch.recognise);
    assert_string_equal(arch->info->arch_machine, "x86_64");
    assert_int_equal(arch->info->file_count,
                     arch->plugin->as.arch.files_count);
    const struct registry_entry *mtftp =
        enable(registry, SLIPWAY_KIND_TRANSPORT, "mtftp");
    assert_int_equal(mtftp->info->capabilities,
                     SLIPWAY_TRANSPORT_SERVES_BOOT_FILES);
    assert_string_equal(mtftp->info->sockets, "tftp");
    assert_null(mtftp->plugin); /* it runs in its worker */
    const struct registry_entry *install =
        enable(registry, SLIPWAY_KIND_ACTION, "install");
    assert_int_equal(install->info->action_flags,
                     SLIPWAY_ACTION_DESTRUCTIVE);
    const struct registry_entry *sqlite =
        enable(registry, SLIPWAY_KIND_STORE, "sqlite");
    assert_int_equal(sqlite->info->findings, 0);
    /* By kind and name. */
    assert_string_equal(registry_at(registry, 0)->name, "x86-uefi");
    assert_string_equal(registry_at(registry, 1)->name, "mtftp");
    assert_string_equal(registry_at(registry, 3)->name, "sqlite");
    registry_free(registry);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scan),
        cmocka_unit_test(test_enable_and_open),
        cmocka_unit_test(test_changed_while_away),
        cmocka_unit_test(test_refuses_what_may_not_be_enabled),
        cmocka_unit_test(test_refuses_damaged_records),
        cmocka_unit_test(test_shipped_plugins),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests_name("registry", tests, setup, NULL);
}
