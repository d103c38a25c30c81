/* SPDX-License-Identifier: Apache-2.0 */
/* Memory and dynamic section of a shared object: see elf-view.h. */
#include "core/plugin/elf-view.h"

#include <stdlib.h>
#include <string.h>

#include "core/plugin/elf-view-internal.h"

const struct machine *elf_view_machine(const struct elf_view *view)
{
    return view->machine;
}

const struct elf_facts *elf_view_facts(const struct elf_view *view)
{
    return &view->facts;
}

unsigned elf_view_pointer_bytes(const struct elf_view *view)
{
    return view->machine->elf_class == ELFCLASS64 ? 8 : 4;
}

/* The file offset of memory, or false when a byte of it is not in the file. */
static bool find_offset(const struct elf_view *view, uint64_t address,
                        uint64_t length, uint64_t *ret)
{
    for (size_t i = 0; i < view->segment_count; i++) {
        const GElf_Phdr *s = &view->segments[i];
        if (s->p_type != PT_LOAD || address < s->p_vaddr ||
            address - s->p_vaddr > s->p_filesz ||
            length > s->p_filesz - (address - s->p_vaddr))
            continue;
        uint64_t inside = address - s->p_vaddr;
        if (s->p_offset > view->length || inside > view->length - s->p_offset ||
            length > view->length - s->p_offset - inside)
            return false;
        *ret = s->p_offset + inside;
        return true;
    }
    return false;
}

const uint8_t *elf_view_memory(const struct elf_view *view, uint64_t address,
                               uint64_t length)
{
    uint64_t offset;
    return find_offset(view, address, length, &offset) ? view->data + offset
                                                       : NULL;
}

static bool read_integer(const struct elf_view *view, uint64_t address,
                         unsigned bytes, uint64_t *ret)
{
    const uint8_t *p = elf_view_memory(view, address, bytes);
    if (!p)
        return false;
    uint64_t value = 0;
    bool big = view->machine->elf_data == ELFDATA2MSB;
    for (unsigned i = 0; i < bytes; i++)
        value = value << 8 | p[big ? i : bytes - 1 - i];
    *ret = value;
    return true;
}

bool elf_view_u16(const struct elf_view *view, uint64_t address, uint16_t *ret)
{
    uint64_t value;
    if (!read_integer(view, address, 2, &value))
        return false;
    *ret = (uint16_t)value;
    return true;
}

bool elf_view_u32(const struct elf_view *view, uint64_t address, uint32_t *ret)
{
    uint64_t value;
    if (!read_integer(view, address, 4, &value))
        return false;
    *ret = (uint32_t)value;
    return true;
}

bool elf_view_u64(const struct elf_view *view, uint64_t address, uint64_t *ret)
{
    return read_integer(view, address, 8, ret);
}

static int compare_address(const void *key, const void *item)
{
    uint64_t address = *(const uint64_t *)key;
    uint64_t other = ((const struct elf_relocation *)item)->address;
    return address < other ? -1 : address > other;
}

int elf_view_pointer(const struct elf_view *view, uint64_t address,
                     enum elf_pointer *ret_kind, uint64_t *ret_target)
{
    uint64_t value;
    if (!read_integer(view, address, elf_view_pointer_bytes(view), &value))
        return -1;
    const struct elf_relocation *relocation =
        view->relocation_count
            ? bsearch(&address, view->relocations, view->relocation_count,
                      sizeof(*view->relocations), compare_address)
            : NULL;
    *ret_target = 0;
    if (!relocation && value) /* an absolute address is nobody's */
        return -1;
    if (!relocation) {
        *ret_kind = ELF_POINTER_NULL;
    } else if (relocation->outside) {
        *ret_kind = ELF_POINTER_OUTSIDE;
    } else {
        *ret_kind = ELF_POINTER_INSIDE;
        *ret_target = relocation->target;
    }
    return 0;
}

const char *elf_view_text(const struct elf_view *view, uint64_t address,
                          size_t max)
{
    for (size_t i = 0; i < view->segment_count; i++) {
        const GElf_Phdr *s = &view->segments[i];
        if (s->p_type != PT_LOAD || address < s->p_vaddr ||
            address - s->p_vaddr >= s->p_filesz)
            continue;
        uint64_t room = MIN(s->p_filesz - (address - s->p_vaddr), max + 1);
        /* The file may end before the segment says so: look byte by byte of
         * what there is. */
        uint64_t offset;
        if (!find_offset(view, address, 1, &offset))
            return NULL;
        room = MIN(room, view->length - offset);
        const char *text = (const char *)view->data + offset;
        return memchr(text, 0, room) ? text : NULL;
    }
    return NULL;
}

Elf_Data *elf_view_table(const struct elf_view *view, uint64_t address,
                         uint64_t bytes, Elf_Type type)
{
    uint64_t offset;
    if (!bytes || !find_offset(view, address, bytes, &offset))
        return NULL;
    return elf_getdata_rawchunk(view->elf, (int64_t)offset, bytes, type);
}

const char *elf_view_string(const struct elf_view *view, uint64_t offset)
{
    const struct elf_dynamic *d = &view->dynamic;
    if (offset >= d->strsz)
        return NULL;
    uint64_t room = MIN(d->strsz - offset, (uint64_t)ELF_VIEW_MAX_NAME);
    if (d->strtab > UINT64_MAX - offset)
        return NULL;
    const char *text = elf_view_text(view, d->strtab + offset, room - 1);
    /* Names of symbols and libraries end up in sentences and in JSON. */
    for (const char *c = text; c && *c; c++)
        if (*c < ' ' || *c > '~')
            return NULL;
    return text;
}

static int read_segments(struct elf_view *view, struct err *err)
{
    size_t count;
    if (elf_getphdrnum(view->elf, &count) || !count ||
        count > ELF_VIEW_MAX_SEGMENTS)
        return err_set(err, ERR_INVALID, "its program header table is damaged");
    view->facts.executable_stack = machine_stack_executable(view->machine);
    for (size_t i = 0; i < count; i++) {
        GElf_Phdr *s = &view->segments[i];
        if (!gelf_getphdr(view->elf, (int)i, s))
            return err_set(err, ERR_INVALID,
                           "its program header table is damaged");
        if (s->p_type == PT_GNU_STACK)
            view->facts.executable_stack = (s->p_flags & PF_X) != 0;
        if (s->p_type == PT_GNU_RELRO)
            view->facts.relro = true;
    }
    view->segment_count = count;
    return 0;
}

/* Tags whose values are addresses, sizes or flags. */
static void note_tag(struct elf_view *view, const GElf_Dyn *tag)
{
    struct elf_dynamic *d = &view->dynamic;
    uint64_t value = tag->d_un.d_val;
    switch (tag->d_tag) {
    case DT_STRTAB:
        d->strtab = value;
        break;
    case DT_STRSZ:
        d->strsz = value;
        break;
    case DT_SYMTAB:
        d->symtab = value;
        break;
    case DT_RELA:
        d->rela = value;
        break;
    case DT_RELASZ:
        d->relasz = value;
        break;
    case DT_REL:
        d->rel = value;
        break;
    case DT_RELSZ:
        d->relsz = value;
        break;
    case DT_RELR:
        d->relr = value;
        break;
    case DT_RELRSZ:
        d->relrsz = value;
        break;
    case DT_VERNEED:
        d->verneed = value;
        break;
    case DT_VERNEEDNUM:
        d->verneednum = value;
        break;
    case DT_VERSYM:
        d->versym = value;
        break;
    case DT_INIT:
        d->has_init = true;
        break;
    case DT_INIT_ARRAYSZ:
        d->init_array_bytes = value;
        break;
    case DT_PREINIT_ARRAYSZ:
        d->preinit_bytes = value;
        break;
    case DT_TEXTREL:
        view->facts.text_relocations = true;
        break;
    case DT_BIND_NOW:
        view->facts.bind_now = true;
        break;
    case DT_FLAGS:
        view->facts.text_relocations |= (value & DF_TEXTREL) != 0;
        view->facts.bind_now |= (value & DF_BIND_NOW) != 0;
        break;
    case DT_FLAGS_1:
        view->facts.bind_now |= (value & DF_1_NOW) != 0;
        break;
    default:
        break;
    }
}

/* Tags whose values are names; needs the string table of the first pass. */
static int note_name(struct elf_view *view, const GElf_Dyn *tag,
                     struct err *err)
{
    struct elf_facts *facts = &view->facts;
    if (tag->d_tag != DT_NEEDED && tag->d_tag != DT_RPATH &&
        tag->d_tag != DT_RUNPATH)
        return 0;
    const char *name = elf_view_string(view, tag->d_un.d_val);
    if (!name)
        return err_set(err, ERR_INVALID, "its dynamic strings are damaged");
    if (tag->d_tag != DT_NEEDED) {
        facts->run_path = name;
        return 0;
    }
    if (facts->needed_count == ELF_VIEW_MAX_NEEDED)
        return err_set(err, ERR_INVALID, "it needs more than %d libraries",
                       ELF_VIEW_MAX_NEEDED);
    facts->needed[facts->needed_count++] = name;
    return 0;
}

/* How many initialisation functions there are beside frame_dummy, which the
 * start files bring together with DT_INIT. */
static uint64_t count_constructors(const struct elf_view *view)
{
    const struct elf_dynamic *d = &view->dynamic;
    unsigned word = elf_view_pointer_bytes(view);
    uint64_t own = d->has_init ? 1 : 0;
    uint64_t count = d->init_array_bytes / word;
    return d->preinit_bytes / word + (count > own ? count - own : 0);
}

static int read_dynamic(struct elf_view *view, struct err *err)
{
    const GElf_Phdr *segment = NULL;
    for (size_t i = 0; i < view->segment_count; i++)
        if (view->segments[i].p_type == PT_DYNAMIC)
            segment = &view->segments[i];
    size_t entry = gelf_fsize(view->elf, ELF_T_DYN, 1, EV_CURRENT);
    size_t count = segment && entry ? segment->p_filesz / entry : 0;
    if (!count || count > ELF_VIEW_MAX_DYNAMIC)
        return err_set(err, ERR_INVALID, "it has no usable dynamic section");
    Elf_Data *table =
        elf_view_table(view, segment->p_vaddr, count * entry, ELF_T_DYN);
    if (!table)
        return err_set(err, ERR_INVALID, "its dynamic section is damaged");
    GElf_Dyn tag;
    size_t used = 0;
    for (; used < count; used++) {
        if (!gelf_getdyn(table, (int)used, &tag) || tag.d_tag == DT_NULL)
            break;
        note_tag(view, &tag);
    }
    for (size_t i = 0; i < used; i++) {
        int code =
            gelf_getdyn(table, (int)i, &tag)
                ? note_name(view, &tag, err)
                : err_set(err, ERR_INVALID, "its dynamic section is damaged");
        if (code)
            return code;
    }
    view->facts.constructors = count_constructors(view);
    return 0;
}

static int read_header(struct elf_view *view, struct err *err)
{
    if (elf_kind(view->elf) != ELF_K_ELF ||
        !gelf_getehdr(view->elf, &view->header))
        return err_set(err, ERR_INVALID, "it is not an ELF file");
    if (view->header.e_type != ET_DYN)
        return err_set(err, ERR_INVALID, "it is not a shared object");
    view->machine =
        machine_find_elf(view->header.e_machine, view->header.e_ident[EI_CLASS],
                         view->header.e_ident[EI_DATA]);
    if (!view->machine)
        return err_set(err, ERR_UNSUPPORTED,
                       "it is built for a machine that is not known here (ELF "
                       "machine %u)",
                       (unsigned)view->header.e_machine);
    return 0;
}

int elf_view_open(const void *data, size_t length, struct elf_view **ret,
                  struct err *err)
{
    static const char magic[] = ELFMAG;
    if (length < EI_NIDENT || memcmp(data, magic, SELFMAG))
        return err_set(err, ERR_INVALID, "it is not an ELF file");
    (void)elf_version(EV_CURRENT); /* only fails for a libelf older than us */
    __attribute__((cleanup(auto_elf_view))) struct elf_view *view =
        calloc(1, sizeof(*view));
    if (!view)
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    view->data = data;
    view->length = length;
    /* libelf takes a plain pointer and does not write to what it points at. */
    view->elf = elf_memory((char *)(uintptr_t)data, length);
    if (!view->elf)
        return err_set(err, ERR_INVALID, "it is not an ELF file");
    int code = read_header(view, err);
    if (!code)
        code = read_segments(view, err);
    if (!code)
        code = read_dynamic(view, err);
    if (!code)
        code = elf_view_read_symbols(view, err);
    if (!code)
        code = elf_view_read_relocations(view, err);
    if (!code)
        *ret = TAKE(view);
    return code;
}

void elf_view_close(struct elf_view *view)
{
    if (!view)
        return;
    if (view->elf)
        (void)elf_end(view->elf); /* the count of references, of no use here */
    free(view->relocations);
    free(view);
}
