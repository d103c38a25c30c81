/* SPDX-License-Identifier: Apache-2.0 */
/* This machine's ELF files, before they are loaded: see elf-check.h. */
#include "core/plugin/elf-check.h"

#include <link.h>
#include <string.h>

#include "config.h"
#include "core/util/buf.h"
#include "core/util/macros.h"

#define MAX_SEGMENTS 64
#define MAX_TAGS 512
#define MAX_NAME 256

int abi_check(uint32_t major, uint32_t level, uint32_t needs_level,
              struct err *err)
{
    if (major != SLIPWAY_ABI_MAJOR)
        return err_set(err, ERR_UNSUPPORTED,
                       "it was built for plugin ABI %u and this is ABI %u; "
                       "build it against this version's SDK",
                       (unsigned)major, (unsigned)SLIPWAY_ABI_MAJOR);
    if (needs_level > SLIPWAY_ABI_LEVEL)
        return err_set(err, ERR_UNSUPPORTED,
                       "it needs level %u of the plugin ABI and this is level "
                       "%u; upgrade Slipway",
                       (unsigned)needs_level, (unsigned)SLIPWAY_ABI_LEVEL);
    (void)level; /* a newer one is read in reduced form */
    return 0;
}

int elf_refuse_machine(const char *machine, struct err *err)
{
    return err_set(err, ERR_UNSUPPORTED,
                   "it is built for %s and this machine is %s; use the file "
                   "of this machine's folder",
                   machine ? machine : "a machine that is not known here",
                   machine_own()->name);
}

int elf_refuse_run_path(const char *path, struct err *err)
{
    return err_set(err, ERR_INVALID,
                   "it looks for libraries in '%s' (RPATH or RUNPATH), which "
                   "somebody may own; link it without -rpath",
                   path);
}

int elf_refuse_library(uint32_t kind, const char *library, struct err *err)
{
    AUTO_BUF list = BUF_INIT(256);
    const char *name;
    for (size_t i = 0; (name = kind_library_at(kind, i)); i++)
        if (kind_library_at(0, i) != name)
            (void)buf_printf(&list, ", %s", name); /* cut when too long */
    return err_set(err, ERR_INVALID,
                   "it needs '%s', which plugins of kind %s cannot count on; "
                   "link it statically (published: the C library%s)",
                   library, kind_word(kind) ? kind_word(kind) : "?",
                   buf_text(&list));
}

int elf_refuse_constructor(struct err *err)
{
    return err_set(err, ERR_INVALID,
                   "it runs code of its own when it is loaded (a "
                   "constructor); do that work in its callbacks");
}

int elf_refuse_text_relocations(struct err *err)
{
    return err_set(err, ERR_INVALID,
                   "it has relocations in its code; compile all of it with "
                   "-fPIC");
}

int elf_refuse_executable_stack(struct err *err)
{
    return err_set(err, ERR_INVALID,
                   "it asks for an executable stack; link it with -Wl,-z,"
                   "noexecstack");
}

/* The file being looked at. */
struct file {
    const uint8_t *data;
    size_t length;
    ElfW(Ehdr) header;
    ElfW(Phdr) segments[MAX_SEGMENTS];
    uint64_t strtab; /* address of the dynamic strings */
    uint64_t strsz;
};

static int damaged(struct err *err)
{
    return err_set(err, ERR_INVALID,
                   "its ELF tables are damaged; copy or build it again");
}

/* Copies bytes of the file; false when they are not all there. */
static bool copy_at(const struct file *file, uint64_t offset, void *out,
                    size_t length)
{
    if (offset > file->length || length > file->length - offset)
        return false;
    memcpy(out, file->data + offset, length);
    return true;
}

static int read_header(struct file *file, struct err *err)
{
    const struct machine *own = machine_own();
    ElfW(Ehdr) *h = &file->header;
    if (file->length < EI_NIDENT || memcmp(file->data, ELFMAG, SELFMAG))
        return err_set(err, ERR_INVALID, "it is not an ELF file");
    /* e_type and e_machine stand at the same place in both classes. */
    uint8_t class = file->data[EI_CLASS], order = file->data[EI_DATA];
    if (!copy_at(file, 0, h, sizeof(*h)))
        return damaged(err);
    uint16_t machine = h->e_machine;
    if (order != own->elf_data)
        machine = (uint16_t)(machine << 8 | machine >> 8);
    const struct machine *built = machine_find_elf(machine, class, order);
    if (built != own)
        return elf_refuse_machine(built ? built->name : NULL, err);
    if (h->e_type != ET_DYN)
        return err_set(err, ERR_INVALID, "it is not a shared object");
    if (!h->e_phnum || h->e_phnum > MAX_SEGMENTS ||
        h->e_phentsize != sizeof(ElfW(Phdr)) ||
        !copy_at(file, h->e_phoff, file->segments,
                 h->e_phnum * sizeof(ElfW(Phdr))))
        return damaged(err);
    return 0;
}

/* The file offset of memory and how many of its bytes the file holds from
 * there on; 0 = the address is not in the file. */
static size_t find_memory(const struct file *file, uint64_t address,
                          uint64_t *ret_offset)
{
    for (size_t i = 0; i < file->header.e_phnum; i++) {
        const ElfW(Phdr) *s = &file->segments[i];
        if (s->p_type != PT_LOAD || address < s->p_vaddr ||
            address - s->p_vaddr >= s->p_filesz)
            continue;
        uint64_t inside = address - s->p_vaddr;
        if (s->p_offset > file->length || inside >= file->length - s->p_offset)
            return 0;
        *ret_offset = s->p_offset + inside;
        return MIN(file->length - *ret_offset, s->p_filesz - inside);
    }
    return 0;
}

/* A dynamic string; NULL when it is not there. */
static const char *string_at(const struct file *file, uint64_t index)
{
    uint64_t offset = 0;
    if (index >= file->strsz)
        return NULL;
    size_t room = find_memory(file, file->strtab + index, &offset);
    const char *text = (const char *)file->data + offset;
    return room && memchr(text, 0, MIN(room, (size_t)MAX_NAME)) ? text : NULL;
}

static int check_name(const struct file *file, const ElfW(Dyn) * tag,
                      uint32_t kind, struct err *err)
{
    if (tag->d_tag != DT_NEEDED && tag->d_tag != DT_RPATH &&
        tag->d_tag != DT_RUNPATH)
        return 0;
    const char *name = string_at(file, tag->d_un.d_val);
    if (!name)
        return damaged(err);
    if (tag->d_tag != DT_NEEDED)
        return elf_refuse_run_path(name, err);
    return kind_may_need(kind, name) ? 0 : elf_refuse_library(kind, name, err);
}

/* Code that would run inside dlopen, beyond what the start files bring: one
 * function, together with DT_INIT. */
static int check_constructors(const ElfW(Dyn) * tags, size_t count,
                              struct err *err)
{
#ifdef SLIPWAY_SANITIZED
    (void)tags;
    (void)count;
    (void)err;
    return 0; /* the sanitizers' own */
#else
    uint64_t bytes = 0;
    unsigned own = 0;
    for (size_t i = 0; i < count; i++) {
        if (tags[i].d_tag == DT_INIT)
            own = 1;
        if (tags[i].d_tag == DT_INIT_ARRAYSZ ||
            tags[i].d_tag == DT_PREINIT_ARRAYSZ)
            bytes += tags[i].d_un.d_val;
    }
    return bytes > own * sizeof(void *) ? elf_refuse_constructor(err) : 0;
#endif
}

static int check_tags(struct file *file, const ElfW(Dyn) * tags, size_t count,
                      uint32_t kind, struct err *err)
{
    for (size_t i = 0; i < count; i++) {
        if (tags[i].d_tag == DT_STRTAB)
            file->strtab = tags[i].d_un.d_ptr;
        if (tags[i].d_tag == DT_STRSZ)
            file->strsz = tags[i].d_un.d_val;
        if (tags[i].d_tag == DT_TEXTREL ||
            (tags[i].d_tag == DT_FLAGS && (tags[i].d_un.d_val & DF_TEXTREL)))
            return elf_refuse_text_relocations(err);
    }
    for (size_t i = 0; i < count; i++) {
        int code = check_name(file, &tags[i], kind, err);
        if (code)
            return code;
    }
    return check_constructors(tags, count, err);
}

static int check_dynamic(struct file *file, const ElfW(Phdr) * segment,
                         uint32_t kind, struct err *err)
{
    ElfW(Dyn) tags[MAX_TAGS];
    size_t count = segment->p_filesz / sizeof(tags[0]);
    uint64_t offset;
    /* By address, as the dynamic loader finds it. */
    if (count > MAX_TAGS ||
        find_memory(file, segment->p_vaddr, &offset) < segment->p_filesz ||
        !copy_at(file, offset, tags, count * sizeof(tags[0])))
        return damaged(err);
    size_t used = 0;
    while (used < count && tags[used].d_tag != DT_NULL)
        used++;
    return check_tags(file, tags, used, kind, err);
}

int elf_check(const void *data, size_t length, uint32_t kind, struct err *err)
{
    struct file file = {.data = data, .length = length};
    int code = read_header(&file, err);
    const ElfW(Phdr) *dynamic = NULL;
    bool stack_stated = !machine_stack_executable(machine_own());
    for (size_t i = 0; !code && i < file.header.e_phnum; i++) {
        const ElfW(Phdr) *s = &file.segments[i];
        if (s->p_type == PT_GNU_STACK && (s->p_flags & PF_X))
            code = elf_refuse_executable_stack(err);
        stack_stated |= s->p_type == PT_GNU_STACK;
        if (s->p_type == PT_DYNAMIC)
            dynamic = s;
    }
    if (!code && !stack_stated)
        code = elf_refuse_executable_stack(err);
    if (!code && !dynamic)
        code = damaged(err);
    return code ? code : check_dynamic(&file, dynamic, kind, err);
}
