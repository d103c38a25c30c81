/* SPDX-License-Identifier: Apache-2.0 */
#include "core/engine/build/build.h"

#include <fcntl.h>
#include <gelf.h>
#include <libelf.h>
#include <string.h>

static int add_name(json_t *names, const char *name)
{
    size_t i;
    json_t *known;
    json_array_foreach(names, i, known)
    {
        if (!strcmp(json_string_value(known), name))
            return 0;
    }
    return json_array_append_new(names, json_string(name));
}

/* The NEEDED entries of a dynamic section. */
static int add_dynamic(Elf *elf, Elf_Scn *section, const GElf_Shdr *header,
                       json_t *names)
{
    Elf_Data *data = elf_getdata(section, NULL);
    if (!data || header->sh_entsize == 0)
        return -1;
    size_t count = (size_t)(header->sh_size / header->sh_entsize);
    for (size_t i = 0; i < count && i < INT32_MAX; i++) {
        GElf_Dyn entry;
        if (!gelf_getdyn(data, (int)i, &entry))
            return -1;
        if (entry.d_tag != DT_NEEDED)
            continue;
        const char *name = elf_strptr(elf, header->sh_link, entry.d_un.d_val);
        if (!name || add_name(names, name))
            return -1;
    }
    return 0;
}

static int add_interpreter(Elf_Scn *section, json_t *names)
{
    Elf_Data *data = elf_getdata(section, NULL);
    if (!data || data->d_size < 2 || !memchr(data->d_buf, 0, data->d_size))
        return -1;
    return add_name(names, data->d_buf);
}

static int add_needed(Elf *elf, json_t *names)
{
    size_t strings = 0;
    if (elf_getshdrstrndx(elf, &strings))
        return -1;
    Elf_Scn *section = NULL;
    while ((section = elf_nextscn(elf, section))) {
        GElf_Shdr header;
        if (!gelf_getshdr(section, &header))
            return -1;
        const char *name = elf_strptr(elf, strings, header.sh_name);
        if (header.sh_type == SHT_DYNAMIC &&
            add_dynamic(elf, section, &header, names))
            return -1;
        if (name && !strcmp(name, ".interp") && add_interpreter(section, names))
            return -1;
    }
    return 0;
}

int library_needed(const char *path, json_t *names, struct err *err)
{
    (void)elf_version(EV_CURRENT);
    AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return err_set_errno(err, ERR_IO, errno, "cannot open '%s'", path);
    Elf *elf = elf_begin(fd, ELF_C_READ, NULL);
    int rc = 0;
    if (!elf || elf_kind(elf) != ELF_K_ELF || add_needed(elf, names))
        rc = err_set(err, ERR_CORRUPT,
                     "'%s' is not a readable ELF program or library", path);
    elf_end(elf);
    return rc;
}

static const struct machine_elf {
    const char *name;
    unsigned machine;
    unsigned elf_class;
    const char *triplet;
} machines[] = {
    {"x86_64", EM_X86_64, ELFCLASS64, "x86_64-linux-gnu"},
    {"i686", EM_386, ELFCLASS32, "i386-linux-gnu"},
    {"aarch64", EM_AARCH64, ELFCLASS64, "aarch64-linux-gnu"},
    {"ppc64le", EM_PPC64, ELFCLASS64, "powerpc64le-linux-gnu"},
    {"sparc64", EM_SPARCV9, ELFCLASS64, "sparc64-linux-gnu"},
};

static const struct machine_elf *machine_find(const char *name)
{
    for (size_t i = 0; i < ARRAY_LENGTH(machines); i++)
        if (!strcmp(machines[i].name, name))
            return &machines[i];
    return NULL;
}

static bool file_fits(const char *path, const struct machine_elf *machine)
{
    AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    Elf *elf = elf_begin(fd, ELF_C_READ, NULL);
    GElf_Ehdr header;
    bool fits = elf && gelf_getehdr(elf, &header) &&
                header.e_machine == machine->machine &&
                header.e_ident[EI_CLASS] == machine->elf_class;
    elf_end(elf);
    return fits;
}

int library_find(const struct library_search *search, const char *name,
                 char **ret_path, struct err *err)
{
    const struct machine_elf *machine = machine_find(search->machine);
    if (!machine)
        return err_set(err, ERR_UNSUPPORTED,
                       "engines for '%s' are not known here", search->machine);
    const char *const folders[] = {"/lib/", "/usr/lib/", "/lib64/",
                                   "/usr/lib64/"};
    (void)elf_version(EV_CURRENT);
    for (size_t i = 0; i < 2 * ARRAY_LENGTH(folders); i++) {
        const char *folder = folders[i % ARRAY_LENGTH(folders)];
        bool multiarch = i < ARRAY_LENGTH(folders);
        AUTO_FREE char *path = NULL;
        int made = name[0] == '/'
                       ? asprintf(&path, "%s%s", search->sysroot, name)
                       : asprintf(&path, "%s%s%s%s%s", search->sysroot, folder,
                                  multiarch ? machine->triplet : "",
                                  multiarch ? "/" : "", name);
        if (made < 0) {
            path = NULL;
            return err_set(err, ERR_NO_MEMORY, "out of memory");
        }
        if (file_fits(path, machine)) {
            *ret_path = TAKE(path);
            return 0;
        }
    }
    return err_set(err, ERR_NOT_FOUND,
                   "the engine needs the library '%s' for %s, and it is not "
                   "in the usual folders of '%s'; install the package that "
                   "has it",
                   name, search->machine,
                   *search->sysroot ? search->sysroot : "/");
}
