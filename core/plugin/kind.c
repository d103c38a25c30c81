/* SPDX-License-Identifier: Apache-2.0 */
/* Kinds, machines and published libraries: see kind.h. */
#include "core/plugin/kind.h"

#include <elf.h>
#include <string.h>

#include "config.h"
#include "core/util/macros.h"

static const char *const kinds[] = {NULL, "arch", "transport", "action",
                                    "store"};

static const struct machine machines[] = {
    {"aarch64", EM_AARCH64, ELFCLASS64, ELFDATA2LSB},
    {"i686", EM_386, ELFCLASS32, ELFDATA2LSB},
    {"ppc64le", EM_PPC64, ELFCLASS64, ELFDATA2LSB},
    {"sparc64", EM_SPARCV9, ELFCLASS64, ELFDATA2MSB},
    {"x86_64", EM_X86_64, ELFCLASS64, ELFDATA2LSB},
};

/* The C library in the parts that a linker may name, on every machine. */
static const char *const libraries_all[] = {
    "libc.so.6",     "libm.so.6",  "libpthread.so.0",
    "libdl.so.2",    "librt.so.1", "ld-linux-x86-64.so.2",
    "ld-linux.so.2", "ld64.so.2",  "ld-linux-aarch64.so.1",
};
/* Beside it: what the engine's base initramfs holds, and what the server's
 * package depends on.  Publishing a library here is a promise to vendors. */
static const char *const libraries_action[] = {"libjansson.so.4",
                                               "libblkid.so.1"};
static const char *const libraries_store[] = {
    "libsqlite3.so.0", "libcurl-gnutls.so.4", "libjansson.so.4"};

static const struct {
    const char *const *names;
    size_t count;
} libraries[] = {
    [SLIPWAY_KIND_ACTION] = {libraries_action, ARRAY_LENGTH(libraries_action)},
    [SLIPWAY_KIND_STORE] = {libraries_store, ARRAY_LENGTH(libraries_store)},
};

const char *kind_word(uint32_t kind)
{
    return kind < ARRAY_LENGTH(kinds) ? kinds[kind] : NULL;
}

uint32_t kind_find(const char *word)
{
    for (uint32_t i = 1; i < ARRAY_LENGTH(kinds); i++)
        if (!strcmp(kinds[i], word))
            return i;
    return 0;
}

const struct machine *machine_at(size_t index)
{
    return index < ARRAY_LENGTH(machines) ? &machines[index] : NULL;
}

const struct machine *machine_find(const char *name)
{
    for (size_t i = 0; i < ARRAY_LENGTH(machines); i++)
        if (!strcmp(machines[i].name, name))
            return &machines[i];
    return NULL;
}

const struct machine *machine_find_elf(uint16_t elf_machine, uint8_t elf_class,
                                       uint8_t elf_data)
{
    for (size_t i = 0; i < ARRAY_LENGTH(machines); i++)
        if (machines[i].elf_machine == elf_machine &&
            machines[i].elf_class == elf_class &&
            machines[i].elf_data == elf_data)
            return &machines[i];
    return NULL;
}

const struct machine *machine_own(void)
{
    return machine_find(SLIPWAY_MACHINE);
}

bool machine_stack_executable(const struct machine *machine)
{
    return machine->elf_machine == EM_386 || machine->elf_machine == EM_X86_64;
}

bool plugin_name_ok(const char *name)
{
    size_t length = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-");
    return name[0] >= 'a' && name[0] <= 'z' && !name[length] &&
           length < PLUGIN_NAME_BYTES;
}

const char *kind_library_at(uint32_t kind, size_t index)
{
    if (index < ARRAY_LENGTH(libraries_all))
        return libraries_all[index];
    index -= ARRAY_LENGTH(libraries_all);
    if (kind < ARRAY_LENGTH(libraries) && index < libraries[kind].count)
        return libraries[kind].names[index];
    return NULL;
}

static bool is_sanitizer_runtime(const char *library)
{
#ifdef SLIPWAY_SANITIZED
    static const char *const runtimes[] = {"libasan.so.", "libubsan.so.",
                                           "libtsan.so."};
    for (size_t i = 0; i < ARRAY_LENGTH(runtimes); i++)
        if (!strncmp(library, runtimes[i], strlen(runtimes[i])))
            return true;
#endif
    (void)library;
    return false;
}

bool kind_may_need(uint32_t kind, const char *library)
{
    const char *known;
    for (size_t i = 0; (known = kind_library_at(kind, i)); i++)
        if (!strcmp(known, library))
            return true;
    return is_sanitizer_runtime(library);
}
