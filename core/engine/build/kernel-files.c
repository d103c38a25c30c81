/* SPDX-License-Identifier: Apache-2.0 */
#include "core/engine/build/pack.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>

#include "core/util/file.h"

#define MODULES_TOP "lib/modules/"

static bool is_kernel(const char *path)
{
    return !strncmp(path, "boot/vmlinu", 11);
}

static bool wanted_in_package(const char *path)
{
    return is_kernel(path) ||
           !strncmp(path, MODULES_TOP, sizeof(MODULES_TOP) - 1);
}

static bool wanted_in_folder(const char *path)
{
    return strstr(path, ".ko") != NULL;
}

static int take_release(struct pack *pack, const char *text, size_t length,
                        struct err *err)
{
    if (length == 0 || length >= sizeof(pack->release))
        return err_set(err, ERR_INVALID,
                       "the kernel's version has %zu characters", length);
    memcpy(pack->release, text, length);
    pack->release[length] = '\0';
    return 0;
}

static int kernel_from_package(struct pack *pack, struct err *err)
{
    const struct tree_file *kernel = NULL;
    for (size_t i = 0; i < pack->tree.count; i++) {
        const struct tree_file *file = &pack->tree.files[i];
        if (!is_kernel(file->path))
            continue;
        if (kernel)
            return err_set(err, ERR_INVALID,
                           "'%s' has more than one kernel in it",
                           pack->options->kernel_package);
        kernel = file;
    }
    const char *dash = kernel ? strchr(kernel->path, '-') : NULL;
    if (!dash)
        return err_set(err, ERR_NOT_FOUND,
                       "'%s' has no kernel in it (boot/vmlinuz-VERSION); "
                       "linux-image-amd64 only names the package that has "
                       "it: take that one, linux-image-VERSION-amd64",
                       pack->options->kernel_package);
    int rc = take_release(pack, dash + 1, strlen(dash + 1), err);
    return rc ? rc : tree_read(&pack->tree, kernel, &pack->kernel, err);
}

/* ".../lib/modules/6.1.0-56-amd64/": the version is the folder's name. */
static int take_folder_release(struct pack *pack, struct err *err)
{
    const char *folder = pack->options->modules;
    size_t length = strlen(folder);
    while (length && folder[length - 1] == '/')
        length--;
    size_t start = length;
    while (start && folder[start - 1] != '/')
        start--;
    return take_release(pack, folder + start, length - start, err);
}

static int add_modules(struct pack *pack, struct err *err)
{
    for (size_t i = 0; i < pack->modules.count; i++) {
        const struct module *module = &pack->modules.modules[i];
        if (!module->chosen)
            continue;
        int rc = tree_read(&pack->tree, module->file, &pack->scratch, err);
        if (!rc)
            rc = cpio_add_file(&pack->cpio, module->file->path, 0644,
                               pack->scratch.data, pack->scratch.length, err);
        if (!rc)
            rc = pack_part(pack, "modules", pack->scratch.length, err);
        if (rc)
            return rc;
    }
    buf_clear(&pack->scratch);
    int rc = modules_index(&pack->modules, &pack->scratch, err);
    return rc ? rc
              : cpio_add_file(&pack->cpio, MODULES_TOP "slipway.index", 0644,
                              pack->scratch.data, pack->scratch.length, err);
}

/* Adds one firmware file when the folder has it; ERR_NOT_FOUND otherwise. */
static int add_firmware_file(struct pack *pack, const char *name,
                             struct err *err)
{
    if (!pack->options->firmware || strstr(name, ".."))
        return err_set(err, ERR_NOT_FOUND, "no firmware folder");
    AUTO_FREE char *from = NULL;
    AUTO_FREE char *path = NULL;
    if (asprintf(&from, "%s/%s", pack->options->firmware, name) < 0)
        from = NULL;
    if (asprintf(&path, "lib/firmware/%s", name) < 0)
        path = NULL;
    if (!from || !path)
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    int rc = file_read(AT_FDCWD, from, &pack->scratch, err);
    if (!rc)
        rc = cpio_add_file(&pack->cpio, path, 0644, pack->scratch.data,
                           pack->scratch.length, err);
    return rc ? rc : pack_part(pack, "firmware", pack->scratch.length, err);
}

static int warn_missing(struct pack *pack, const struct module *module,
                        size_t missing, struct err *err)
{
    AUTO_BUF text = BUF_INIT(1024);
    (void)buf_printf(
        &text,
        module->needs_firmware
            ? "network cards of the driver '%s' will not work: %zu of their "
              "firmware files are not in this build, '%s' for one; Debian "
              "has them in non-free-firmware, see --firmware"
            : "network cards of the driver '%s' may lack features: %zu of "
              "their firmware files are not in this build, '%s' for one",
        module->name, missing,
        json_string_value(json_array_get(module->firmware, 0)));
    if (json_array_append_new(pack->warnings, json_string(buf_text(&text))))
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    return 0;
}

static int add_firmware(struct pack *pack, struct err *err)
{
    for (size_t i = 0; i < pack->modules.count; i++) {
        const struct module *module = &pack->modules.modules[i];
        if (!module->chosen)
            continue;
        size_t missing = 0, j;
        json_t *name;
        json_array_foreach(module->firmware, j, name)
        {
            int rc = add_firmware_file(pack, json_string_value(name), err);
            if (rc == ERR_NOT_FOUND)
                missing++;
            else if (rc)
                return rc;
        }
        if (missing && !strcmp(module->kind, "net")) {
            int rc = warn_missing(pack, module, missing, err);
            if (rc)
                return rc;
        }
    }
    return 0;
}

static int read_folder(struct pack *pack, struct err *err)
{
    const struct build_options *options = pack->options;
    int rc = take_folder_release(pack, err);
    if (rc)
        return rc;
    AUTO_FREE char *prefix = NULL;
    if (asprintf(&prefix, MODULES_TOP "%s/", pack->release) < 0) {
        prefix = NULL;
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    }
    rc = tree_from_folder(options->modules, prefix, wanted_in_folder,
                          &pack->tree, err);
    return rc ? rc : file_read(AT_FDCWD, options->kernel, &pack->kernel, err);
}

static int read_package(struct pack *pack, struct err *err)
{
    int rc = tree_from_package(pack->options->kernel_package, wanted_in_package,
                               &pack->tree, err);
    return rc ? rc : kernel_from_package(pack, err);
}

int pack_kernel(struct pack *pack, struct err *err)
{
    int rc = pack->options->kernel_package ? read_package(pack, err)
                                           : read_folder(pack, err);
    if (!rc)
        rc = modules_choose(&pack->tree, pack->options->modules_list,
                            &pack->modules, err);
    if (!rc)
        rc = add_modules(pack, err);
    return rc ? rc : add_firmware(pack, err);
}
