/* SPDX-License-Identifier: Apache-2.0 */
#include "core/engine/build/build.h"

#include <fcntl.h>
#include <gelf.h>
#include <libelf.h>
#include <string.h>

#include "core/util/file.h"

/* "drivers/net/virtio-net.ko" -> "virtio_net", as the kernel spells names. */
static char *module_name(const char *path, size_t length)
{
    char *name = strndup(path, length);
    for (char *at = name; at && *at; at++)
        if (*at == '-')
            *at = '_';
    return name;
}

static int append_text(json_t *array, const char *text, size_t length)
{
    return json_array_append_new(array, json_stringn(text, length));
}

/* Each word of "a,b c" that is not empty, '-' as '_'. */
static int append_words(json_t *array, const char *text)
{
    while (*text) {
        size_t length = strcspn(text, ", ");
        if (length) {
            AUTO_FREE char *name = module_name(text, length);
            if (!name || append_text(array, name, strlen(name)))
                return -1;
        }
        text += length;
        text += *text != '\0';
    }
    return 0;
}

/* One "key=value" of .modinfo. */
static int take_entry(struct module *module, const char *entry)
{
    if (!strncmp(entry, "depends=", 8))
        return append_words(module->depends, entry + 8);
    if (!strncmp(entry, "softdep=pre: ", 13))
        return append_words(module->depends, entry + 13);
    if (!strncmp(entry, "alias=", 6))
        return append_text(module->aliases, entry + 6, strlen(entry + 6));
    if (!strncmp(entry, "firmware=", 9))
        return append_text(module->firmware, entry + 9, strlen(entry + 9));
    return 0;
}

static int take_modinfo(struct module *module, const Elf_Data *data)
{
    const char *at = data->d_buf;
    const char *end = at + data->d_size;
    while (at < end) {
        size_t length = strnlen(at, (size_t)(end - at));
        if (at + length == end)
            return -1; /* the last entry has no end */
        if (take_entry(module, at))
            return -1;
        at += length + 1;
    }
    return 0;
}

static const Elf_Data *modinfo_section(Elf *elf)
{
    size_t names = 0;
    if (!elf || elf_getshdrstrndx(elf, &names))
        return NULL;
    Elf_Scn *section = NULL;
    while ((section = elf_nextscn(elf, section))) {
        GElf_Shdr header;
        if (!gelf_getshdr(section, &header))
            return NULL;
        const char *name = elf_strptr(elf, names, header.sh_name);
        if (name && !strcmp(name, ".modinfo"))
            return elf_rawdata(section, NULL);
    }
    return NULL;
}

static int read_module(const struct tree *tree, const struct tree_file *file,
                       struct buf *bytes, struct module *module,
                       struct err *err)
{
    const char *base = strrchr(file->path, '/');
    base = base ? base + 1 : file->path;
    module->file = file;
    module->kind = "";
    module->name = module_name(base, strlen(base) - strlen(".ko"));
    module->depends = json_array();
    module->aliases = json_array();
    module->firmware = json_array();
    if (!module->name || !module->depends || !module->aliases ||
        !module->firmware)
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    int rc = tree_read(tree, file, bytes, err);
    if (rc)
        return rc;
    Elf *elf = elf_memory((char *)bytes->data, bytes->length);
    const Elf_Data *data = modinfo_section(elf);
    if (!data || take_modinfo(module, data))
        rc = err_set(err, ERR_CORRUPT,
                     "'%s' is not a kernel module (its .modinfo section "
                     "cannot be read)",
                     file->path);
    elf_end(elf);
    return rc;
}

static bool ends_with(const char *text, const char *end)
{
    size_t length = strlen(text), tail = strlen(end);
    return length >= tail && !strcmp(text + length - tail, end);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct module *)a)->name,
                  ((const struct module *)b)->name);
}

static struct module *set_find(const struct module_set *set, const char *name)
{
    struct module key = {.name = (char *)name};
    return set->count
               ? bsearch(&key, set->modules, set->count, sizeof(key), by_name)
               : NULL;
}

static int read_all(const struct tree *tree, struct module_set *set,
                    struct err *err)
{
    AUTO_BUF bytes = BUF_INIT(BUILD_FILE_MAX);
    (void)elf_version(EV_CURRENT);
    set->modules = calloc(tree->count + 1, sizeof(*set->modules));
    if (!set->modules)
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    for (size_t i = 0; i < tree->count; i++) {
        const struct tree_file *file = &tree->files[i];
        if (ends_with(file->path, ".ko.xz") ||
            ends_with(file->path, ".ko.zst") || ends_with(file->path, ".ko.gz"))
            return err_set(err, ERR_UNSUPPORTED,
                           "'%s' is compressed; the engine loads plain "
                           "modules only, as Debian 12's kernels have them",
                           file->path);
        if (!ends_with(file->path, ".ko"))
            continue;
        int rc =
            read_module(tree, file, &bytes, &set->modules[set->count++], err);
        if (rc)
            return rc;
    }
    if (set->count == 0)
        return err_set(err, ERR_NOT_FOUND,
                       "the kernel has no modules (*.ko) at all");
    qsort(set->modules, set->count, sizeof(*set->modules), by_name);
    return 0;
}

static void choose(struct module_set *set, struct module *module)
{
    if (module->chosen)
        return;
    module->chosen = true; /* first: dependencies may name each other */
    set->chosen++;
    size_t i;
    json_t *name;
    json_array_foreach(module->depends, i, name)
    {
        struct module *other = set_find(set, json_string_value(name));
        if (other) /* else it is built into the kernel */
            choose(set, other);
    }
}

static const char *const kinds[] = {"net", "disk", "bus", "system"};

/* "KIND NAME [needs-firmware]" */
static int choose_line(struct module_set *set, char *line, struct err *err)
{
    line[strcspn(line, "#")] = '\0';
    char *rest = line;
    char *words[4] = {NULL};
    size_t count = 0;
    for (char *word; (word = strsep(&rest, " \t"));)
        if (*word && count < ARRAY_LENGTH(words))
            words[count++] = word;
    if (count == 0)
        return 0;
    const char *kind = NULL;
    for (size_t i = 0; i < ARRAY_LENGTH(kinds); i++)
        if (!strcmp(words[0], kinds[i]))
            kind = kinds[i];
    bool firmware = count == 3 && !strcmp(words[2], "needs-firmware");
    if (!kind || count < 2 || (count > 2 && !firmware))
        return err_set(err, ERR_INVALID,
                       "'%s %s' is not 'KIND NAME [needs-firmware]' with KIND "
                       "net, disk, bus or system",
                       words[0], count > 1 ? words[1] : "");
    AUTO_FREE char *name = module_name(words[1], strlen(words[1]));
    struct module *module = name ? set_find(set, name) : NULL;
    if (module) {
        module->kind = kind;
        module->needs_firmware = firmware;
        choose(set, module);
    }
    return 0;
}

static int choose_listed(struct module_set *set, const char *list_path,
                         struct err *err)
{
    AUTO_BUF list = BUF_INIT(1 << 20);
    int rc = file_read(AT_FDCWD, list_path, &list, err);
    if (rc)
        return err_prefix(err, "list of modules '%s': ", list_path);
    char *rest = (char *)list.data;
    unsigned number = 0;
    for (char *line; rest && (line = strsep(&rest, "\n"));) {
        number++;
        rc = choose_line(set, line, err);
        if (rc)
            return err_prefix(err, "'%s' line %u: ", list_path, number);
    }
    for (size_t i = 0; i < set->count; i++)
        if (set->modules[i].chosen && !strcmp(set->modules[i].kind, "net"))
            return 0;
    return err_set(err, ERR_NOT_FOUND,
                   "the kernel has none of the network drivers of '%s', so "
                   "the engine could not reach a server; take Debian's "
                   "generic kernel (linux-image-amd64, not the cloud one)",
                   list_path);
}

int modules_choose(const struct tree *tree, const char *list_path,
                   struct module_set *ret, struct err *err)
{
    struct module_set set = {0};
    int rc = read_all(tree, &set, err);
    if (!rc)
        rc = choose_listed(&set, list_path, err);
    if (rc) {
        module_set_done(&set);
        return rc;
    }
    *ret = set;
    return 0;
}

void module_set_done(struct module_set *set)
{
    for (size_t i = 0; i < set->count; i++) {
        free(set->modules[i].name);
        json_decref(set->modules[i].depends);
        json_decref(set->modules[i].aliases);
        json_decref(set->modules[i].firmware);
    }
    free(set->modules);
    memset(set, 0, sizeof(*set));
}

int modules_index(const struct module_set *set, struct buf *ret,
                  struct err *err)
{
    (void)buf_append_text(ret, "slipway-modules 1\n");
    for (size_t i = 0; i < set->count; i++) {
        const struct module *module = &set->modules[i];
        if (!module->chosen)
            continue;
        const char *path = strchr(module->file->path, '/'); /* lib/ */
        path = path ? strchr(path + 1, '/') : NULL;         /* modules/ */
        if (!path)
            return err_set(err, ERR_CORRUPT, "'%s' is not below lib/modules",
                           module->file->path);
        (void)buf_printf(ret, "m %s %s", module->name, path + 1);
        size_t j;
        json_t *text;
        json_array_foreach(module->depends, j, text)
        {
            const struct module *other = set_find(set, json_string_value(text));
            if (other)
                (void)buf_printf(ret, " %s", other->name);
        }
        (void)buf_append_byte(ret, '\n');
        json_array_foreach(module->aliases, j, text)
        {
            (void)buf_printf(ret, "a %s %s\n", json_string_value(text),
                             module->name);
        }
    }
    return ret->failed ? err_set(err, ERR_NO_MEMORY, "out of memory") : 0;
}
