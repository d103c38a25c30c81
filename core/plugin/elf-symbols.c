/* SPDX-License-Identifier: Apache-2.0 */
/* Exported and undefined symbols of a shared object, and the versions of the
 * C library that it asks for. */
#include <string.h>

#include "config.h"
#include "core/plugin/elf-view-internal.h"
#include "core/util/num.h"

#define MAX_VERSIONS 1024

/* The section of dynamic symbols.  Only it tells how many there are. */
static int find_table(const struct elf_view *view, GElf_Shdr *ret,
                      struct err *err)
{
    Elf_Scn *section = NULL;
    while ((section = elf_nextscn(view->elf, section)))
        if (gelf_getshdr(section, ret) && ret->sh_type == SHT_DYNSYM &&
            ret->sh_addr == view->dynamic.symtab && ret->sh_addr)
            return 0;
    return err_set(err, ERR_INVALID,
                   "it has no section of dynamic symbols; build it again and "
                   "do not remove its section table");
}

/* Symbols that linkers, and in a sanitized build compilers, export by
 * themselves. */
static bool is_linkers(const char *name)
{
#ifdef SLIPWAY_SANITIZED
    static const char sanitizers[] = "__odr_asan.";
    if (!strncmp(name, sanitizers, sizeof(sanitizers) - 1))
        return true;
#endif
    static const char *const names[] = {"_init", "_fini", "_edata", "_end",
                                        "__bss_start"};
    for (size_t i = 0; i < ARRAY_LENGTH(names); i++)
        if (!strcmp(names[i], name))
            return true;
    return false;
}

static void note_export(struct elf_view *view, const GElf_Sym *symbol,
                        const char *name)
{
    struct elf_facts *facts = &view->facts;
    unsigned visibility = GELF_ST_VISIBILITY(symbol->st_other);
    if ((visibility != STV_DEFAULT && visibility != STV_PROTECTED) ||
        is_linkers(name))
        return;
    if (!strcmp(name, SLIPWAY_PLUGIN_SYMBOL_NAME)) {
        facts->descriptor = symbol->st_value;
        facts->descriptor_bytes = symbol->st_size;
    }
    if (facts->export_count < ELF_VIEW_MAX_EXPORTS)
        facts->exports[facts->export_count] = name;
    facts->export_count++;
}

/* An undefined strong symbol without a version comes from no library that
 * versions its symbols, as the C library does. */
static void note_undefined(struct elf_view *view, size_t index,
                           const GElf_Sym *symbol, const char *name)
{
    uint16_t version = 0;
    if (GELF_ST_BIND(symbol->st_info) != STB_GLOBAL || view->facts.unversioned)
        return;
    if (view->dynamic.versym)
        (void)elf_view_u16(view, view->dynamic.versym + 2 * index, &version);
    if ((version & 0x7fff) <= 1) /* local or global, not a version */
        view->facts.unversioned = name;
}

static int read_table(struct elf_view *view, const GElf_Shdr *section,
                      struct err *err)
{
    size_t entry = gelf_fsize(view->elf, ELF_T_SYM, 1, EV_CURRENT);
    uint64_t count = section->sh_size / entry;
    if (count < 2 || count > ELF_VIEW_MAX_SYMBOLS)
        return err_set(err, ERR_INVALID, "it has too few or too many symbols");
    view->symbols =
        elf_view_table(view, section->sh_addr, count * entry, ELF_T_SYM);
    view->symbol_count = view->symbols ? count : 0;
    if (!view->symbols)
        return err_set(err, ERR_INVALID, "its symbol table is damaged");
    for (size_t i = 1; i < count; i++) {
        GElf_Sym symbol;
        if (!gelf_getsym(view->symbols, (int)i, &symbol))
            return err_set(err, ERR_INVALID, "its symbol table is damaged");
        unsigned bind = GELF_ST_BIND(symbol.st_info);
        if ((bind != STB_GLOBAL && bind != STB_WEAK) ||
            (view->machine->elf_machine == EM_SPARCV9 &&
             GELF_ST_TYPE(symbol.st_info) == STT_SPARC_REGISTER))
            continue;
        const char *name = elf_view_string(view, symbol.st_name);
        if (!name)
            return err_set(err, ERR_INVALID, "its symbol table is damaged");
        if (symbol.st_shndx == SHN_UNDEF)
            note_undefined(view, i, &symbol, name);
        else
            note_export(view, &symbol, name);
    }
    return 0;
}

/* "GLIBC_2.36" and the like; what is not of that form does not count. */
static void note_version(struct elf_view *view, const char *name)
{
    static const char prefix[] = "GLIBC_2.";
    uint64_t minor;
    if (strncmp(name, prefix, sizeof(prefix) - 1))
        return;
    char digits[8] = "";
    size_t length = strspn(name + sizeof(prefix) - 1, "0123456789");
    if (!length || length >= sizeof(digits))
        return;
    memcpy(digits, name + sizeof(prefix) - 1, length);
    if (!num_parse_u64(digits, 0, 9999999, &minor, NULL) &&
        minor > view->facts.glibc_minor)
        view->facts.glibc_minor = (unsigned)minor;
}

/* The list of needed versions: Elf_Verneed, each with its Elf_Vernaux, which
 * have one layout in both classes (gABI, symbol versioning). */
static int read_versions(struct elf_view *view, struct err *err)
{
    uint64_t need = view->dynamic.verneed;
    unsigned budget = MAX_VERSIONS;
    uint32_t next_need = 1, aux, next_aux, name;
    uint16_t count;
    while (need && next_need && budget) {
        if (!elf_view_u16(view, need + 2, &count) ||
            !elf_view_u32(view, need + 8, &aux) ||
            !elf_view_u32(view, need + 12, &next_need))
            return err_set(err, ERR_INVALID, "its version table is damaged");
        uint64_t at = need + aux;
        next_aux = 1;
        for (; count && next_aux && budget; count--, budget--) {
            if (!elf_view_u32(view, at + 8, &name) ||
                !elf_view_u32(view, at + 12, &next_aux))
                return err_set(err, ERR_INVALID,
                               "its version table is damaged");
            const char *text = elf_view_string(view, name);
            if (text)
                note_version(view, text);
            at += next_aux;
        }
        need += next_need;
        budget -= budget ? 1 : 0;
    }
    return 0;
}

int elf_view_read_symbols(struct elf_view *view, struct err *err)
{
    GElf_Shdr section;
    int code = find_table(view, &section, err);
    if (!code)
        code = read_table(view, &section, err);
    return code ? code : read_versions(view, err);
}
