/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of the ELF view share: elf-view.c (memory and the dynamic
 * section), elf-relocations.c, elf-symbols.c. */
#ifndef CORE_PLUGIN_ELF_VIEW_INTERNAL_H
#define CORE_PLUGIN_ELF_VIEW_INTERNAL_H

#include <gelf.h>

#include "core/plugin/elf-view.h"

#define ELF_VIEW_MAX_SEGMENTS 64
#define ELF_VIEW_MAX_DYNAMIC 512
#define ELF_VIEW_MAX_RELOCATIONS (1u << 17)
#define ELF_VIEW_MAX_SYMBOLS (1u << 16)
#define ELF_VIEW_MAX_NAME 256

/* One word of memory that the loader fills. */
struct elf_relocation {
    uint64_t address;
    uint64_t target; /* inside this object */
    bool outside;    /* it depends on another object's symbol */
};

/* Dynamic tags that later parts need; 0 = absent. */
struct elf_dynamic {
    uint64_t strtab, strsz, symtab;
    uint64_t rela, relasz, rel, relsz, relr, relrsz;
    uint64_t verneed, verneednum, versym;
    uint64_t preinit_bytes, init_array_bytes;
    bool has_init;
};

struct elf_view {
    const uint8_t *data;
    size_t length;
    Elf *elf;
    GElf_Ehdr header;
    const struct machine *machine;
    GElf_Phdr segments[ELF_VIEW_MAX_SEGMENTS];
    size_t segment_count;
    struct elf_dynamic dynamic;
    struct elf_facts facts;
    Elf_Data *symbols; /* the dynamic symbols, libelf's */
    size_t symbol_count;
    struct elf_relocation *relocations; /* sorted by address */
    size_t relocation_count;
};

/* A table of libelf's at `address` in memory, converted; NULL when it is not
 * all in the file. */
Elf_Data *elf_view_table(const struct elf_view *view, uint64_t address,
                         uint64_t bytes, Elf_Type type);
/* A text of the dynamic string table, borrowed; NULL when out of it. */
const char *elf_view_string(const struct elf_view *view, uint64_t offset);

int elf_view_read_symbols(struct elf_view *view, struct err *err);
/* After the symbols. */
int elf_view_read_relocations(struct elf_view *view, struct err *err);

#endif
