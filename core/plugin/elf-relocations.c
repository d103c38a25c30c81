/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The relocations that put addresses into data, for all machines that plugins
 * are built for.  Others (jump slots, thread-local storage ...) cannot stand
 * in a descriptor and are left out, so that a pointer that depends on one
 * cannot be read.
 */
#include <stdlib.h>
#include <string.h>

#include "core/plugin/elf-view-internal.h"

/* How a machine names the two kinds that matter. */
static const struct {
    uint16_t machine;
    uint32_t relative; /* base + addend */
    uint32_t absolute; /* symbol + addend */
} kinds[] = {
    {EM_X86_64, R_X86_64_RELATIVE, R_X86_64_64},
    {EM_386, R_386_RELATIVE, R_386_32},
    {EM_AARCH64, R_AARCH64_RELATIVE, R_AARCH64_ABS64},
    {EM_PPC64, R_PPC64_RELATIVE, R_PPC64_ADDR64},
    {EM_SPARCV9, R_SPARC_RELATIVE, R_SPARC_64},
};

static int grow(struct elf_view *view, uint64_t more, struct err *err)
{
    if (more > ELF_VIEW_MAX_RELOCATIONS - view->relocation_count)
        return err_set(err, ERR_INVALID, "it has more than %u relocations",
                       ELF_VIEW_MAX_RELOCATIONS);
    struct elf_relocation *grown =
        realloc(view->relocations, (view->relocation_count + more + 1) *
                                       sizeof(*view->relocations));
    if (!grown)
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    view->relocations = grown;
    return 0;
}

static void add(struct elf_view *view, uint64_t address, uint64_t target,
                bool outside)
{
    view->relocations[view->relocation_count++] =
        (struct elf_relocation){address, target, outside};
}

/* The word at `address` as it is in the file: the addend of REL and RELR. */
static bool in_place(const struct elf_view *view, uint64_t address,
                     uint64_t *ret)
{
    uint32_t low;
    if (elf_view_pointer_bytes(view) == 8)
        return elf_view_u64(view, address, ret);
    if (!elf_view_u32(view, address, &low))
        return false;
    *ret = low;
    return true;
}

/* One entry of a REL or RELA table. */
static int add_entry(struct elf_view *view, const GElf_Rela *entry,
                     struct err *err)
{
    uint32_t type = (uint32_t)GELF_R_TYPE(entry->r_info);
    uint32_t relative = 0, absolute = 0;
    if (view->machine->elf_machine == EM_SPARCV9)
        type &= 0xff; /* the rest of the field is data of OLO10 */
    for (size_t i = 0; i < ARRAY_LENGTH(kinds); i++)
        if (kinds[i].machine == view->machine->elf_machine) {
            relative = kinds[i].relative;
            absolute = kinds[i].absolute;
        }
    uint64_t addend = (uint64_t)entry->r_addend;
    if (type == relative) {
        add(view, entry->r_offset, addend, false);
    } else if (type == absolute) {
        GElf_Sym symbol;
        uint64_t index = GELF_R_SYM(entry->r_info);
        if (index >= view->symbol_count ||
            !gelf_getsym(view->symbols, (int)index, &symbol))
            return err_set(err, ERR_INVALID, "its symbol table is damaged");
        bool outside = symbol.st_shndx == SHN_UNDEF;
        add(view, entry->r_offset, outside ? 0 : symbol.st_value + addend,
            outside);
    }
    return 0;
}

static int read_rela(struct elf_view *view, struct err *err)
{
    const struct elf_dynamic *d = &view->dynamic;
    size_t entry = gelf_fsize(view->elf, ELF_T_RELA, 1, EV_CURRENT);
    uint64_t count = entry ? d->relasz / entry : 0;
    if (!d->rela || !count)
        return 0;
    int code = grow(view, count, err);
    if (code)
        return code;
    Elf_Data *table = elf_view_table(view, d->rela, count * entry, ELF_T_RELA);
    GElf_Rela one;
    for (uint64_t i = 0; !code && i < count; i++) {
        if (!table || !gelf_getrela(table, (int)i, &one))
            return err_set(err, ERR_INVALID, "its relocations are damaged");
        code = add_entry(view, &one, err);
    }
    return code;
}

static int read_rel(struct elf_view *view, struct err *err)
{
    const struct elf_dynamic *d = &view->dynamic;
    size_t entry = gelf_fsize(view->elf, ELF_T_REL, 1, EV_CURRENT);
    uint64_t count = entry ? d->relsz / entry : 0;
    if (!d->rel || !count)
        return 0;
    int code = grow(view, count, err);
    if (code)
        return code;
    Elf_Data *table = elf_view_table(view, d->rel, count * entry, ELF_T_REL);
    GElf_Rel one;
    for (uint64_t i = 0; !code && i < count; i++) {
        uint64_t addend = 0;
        if (!table || !gelf_getrel(table, (int)i, &one))
            return err_set(err, ERR_INVALID, "its relocations are damaged");
        (void)in_place(view, one.r_offset, &addend); /* bss holds zeroes */
        GElf_Rela full = {one.r_offset, one.r_info, (GElf_Sxword)addend};
        code = add_entry(view, &full, err);
    }
    return code;
}

/* One word of the packed table: an address, or a bitmap of the words after
 * the last one (gABI, SHT_RELR). */
static void unpack(struct elf_view *view, uint64_t word, uint64_t *where)
{
    unsigned bytes = elf_view_pointer_bytes(view);
    uint64_t value;
    if (!(word & 1)) {
        if (in_place(view, word, &value))
            add(view, word, value, false);
        *where = word + bytes;
        return;
    }
    for (unsigned bit = 0; bit < bytes * 8 - 1; bit++)
        if ((word >> (bit + 1) & 1) &&
            in_place(view, *where + bit * bytes, &value))
            add(view, *where + bit * bytes, value, false);
    *where += (uint64_t)(bytes * 8 - 1) * bytes;
}

static int read_relr(struct elf_view *view, struct err *err)
{
    const struct elf_dynamic *d = &view->dynamic;
    unsigned bytes = elf_view_pointer_bytes(view);
    uint64_t where = 0, word;
    if (!d->relr)
        return 0;
    if (d->relrsz / bytes > ELF_VIEW_MAX_RELOCATIONS)
        return err_set(err, ERR_INVALID, "its relocations are damaged");
    for (uint64_t at = 0; at + bytes <= d->relrsz; at += bytes) {
        int code = grow(view, bytes * 8, err);
        if (code)
            return code;
        if (!in_place(view, d->relr + at, &word))
            return err_set(err, ERR_INVALID, "its relocations are damaged");
        unpack(view, word, &where);
    }
    return 0;
}

static int by_address(const void *a, const void *b)
{
    uint64_t left = ((const struct elf_relocation *)a)->address;
    uint64_t right = ((const struct elf_relocation *)b)->address;
    return left < right ? -1 : left > right;
}

int elf_view_read_relocations(struct elf_view *view, struct err *err)
{
    int code = read_rela(view, err);
    if (!code)
        code = read_rel(view, err);
    if (!code)
        code = read_relr(view, err);
    if (!code && view->relocation_count)
        qsort(view->relocations, view->relocation_count,
              sizeof(*view->relocations), by_address);
    return code;
}
