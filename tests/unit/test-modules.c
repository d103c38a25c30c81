/* SPDX-License-Identifier: Apache-2.0 */
#include "core/engine/init/modules.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "core/util/file.h"

struct kernel {
    char order[256]; /* what was inserted, blanks between */
    const char *refused;
    int number;
};

static int insert(void *arg, const char *path)
{
    struct kernel *kernel = arg;
    if (kernel->refused && !strcmp(path, kernel->refused))
        return kernel->number;
    size_t used = strlen(kernel->order);
    (void)snprintf(kernel->order + used, sizeof(kernel->order) - used, "%s%s",
                   used ? " " : "", path);
    return 0;
}

static const char *folder(void)
{
    const char *name = getenv("TEST_DIR");
    return name ? name : "/tmp";
}

static struct modules *open_index(const char *text, struct kernel *kernel)
{
    struct modules *modules = NULL;
    AUTO_CLOSE int dir = open(folder(), O_RDONLY | O_DIRECTORY);
    assert_int_equal(
        file_write(dir, MODULES_INDEX_NAME, text, strlen(text), 0644, NULL), 0);
    assert_int_equal(modules_open(folder(), &modules, NULL), 0);
    modules_set_insert(modules, insert, kernel);
    return modules;
}

static const char index_text[] = "slipway-modules 1\n"
                                 "m virtio v.ko\n"
                                 "m virtio_net n.ko virtio failover gone\n"
                                 "m failover f.ko\n"
                                 "m ring_a a.ko ring_b\n"
                                 "m ring_b b.ko ring_a\n"
                                 "a virtio:d00000001v* virtio_net\n"
                                 "a pci:v00001AF4d*sv*sd*bc*sc*i* virtio\n"
                                 "a both* failover\n"
                                 "a both* virtio\n";

static void dependencies_come_first_and_once(void **state)
{
    struct kernel kernel = {.order = ""};
    struct modules *modules = open_index(index_text, &kernel);
    (void)state;
    assert_int_equal(modules_load(modules, "virtio:d00000001v00001AF4"), 3);
    assert_string_equal(kernel.order, "v.ko f.ko n.ko");
    assert_int_equal(modules_load(modules, "virtio:d00000001v00001AF4"), 0);
    assert_int_equal(modules_load(modules, "virtio-net"), 0);
    assert_string_equal(kernel.order, "v.ko f.ko n.ko");
    modules_free(modules);
}

static void every_module_that_fits_is_loaded(void **state)
{
    struct kernel kernel = {.order = ""};
    struct modules *modules = open_index(index_text, &kernel);
    (void)state;
    assert_int_equal(modules_load(modules, "nothing:fits"), 0);
    assert_int_equal(modules_load(modules, "both-of-them"), 2);
    assert_string_equal(kernel.order, "f.ko v.ko");
    modules_free(modules);
}

static void a_ring_of_dependencies_ends(void **state)
{
    struct kernel kernel = {.order = ""};
    struct modules *modules = open_index(index_text, &kernel);
    (void)state;
    assert_int_equal(modules_load(modules, "ring_a"), 2);
    assert_string_equal(kernel.order, "b.ko a.ko");
    modules_free(modules);
}

static void a_refused_module_is_not_tried_again(void **state)
{
    struct kernel kernel = {.order = "", .refused = "v.ko", .number = ENODEV};
    struct modules *modules = open_index(index_text, &kernel);
    (void)state;
    assert_int_equal(modules_load(modules, "virtio_net"), 2);
    kernel.refused = NULL;
    assert_int_equal(modules_load(modules, "virtio"), 0);
    assert_string_equal(kernel.order, "f.ko n.ko");
    modules_free(modules);
}

static void damaged_indexes_are_refused(void **state)
{
    static const char *const damaged[] = {
        "", "slipway-modules 2\n", "slipway-modules 1\nm only-a-name\n",
        "slipway-modules 1\nx a b\n", "slipway-modules 1\nmm a b\n"};
    AUTO_CLOSE int dir = open(folder(), O_RDONLY | O_DIRECTORY);
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(damaged); i++) {
        struct modules *modules = NULL;
        struct err err = ERR_INIT;
        assert_int_equal(file_write(dir, MODULES_INDEX_NAME, damaged[i],
                                    strlen(damaged[i]), 0644, NULL),
                         0);
        assert_int_equal(modules_open(folder(), &modules, &err), ERR_CORRUPT);
        assert_non_null(strstr(err.text, "index of kernel modules"));
    }
}

static void put(const char *path, const char *text)
{
    char full[512];
    (void)snprintf(full, sizeof(full), "%s/%s", folder(), path);
    FILE *file = fopen(full, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void make(const char *path)
{
    char full[512];
    (void)snprintf(full, sizeof(full), "%s/%s", folder(), path);
    assert_int_equal(mkdir(full, 0755), 0);
}

static void devices_ask_by_modalias(void **state)
{
    struct kernel kernel = {.order = ""};
    struct modules *modules = open_index(index_text, &kernel);
    (void)state;
    make("devices");
    make("devices/pci0");
    make("devices/pci0/net");
    put("devices/pci0/modalias", "pci:v00001AF4d00001000sv0sd0bc02sc00i00\n");
    put("devices/pci0/net/modalias", "virtio:d00000001v00001AF4\n");
    assert_int_equal(modules_coldplug(modules, folder()), 3);
    assert_int_equal(modules_coldplug(modules, folder()), 0);
    modules_free(modules);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dependencies_come_first_and_once),
        cmocka_unit_test(every_module_that_fits_is_loaded),
        cmocka_unit_test(a_ring_of_dependencies_ends),
        cmocka_unit_test(a_refused_module_is_not_tried_again),
        cmocka_unit_test(damaged_indexes_are_refused),
        cmocka_unit_test(devices_ask_by_modalias),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
