/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A shared object of any machine as the dynamic loader would see it, without
 * loading it: memory by address, pointers after relocation, the dynamic
 * section.  Everything is bounded; the file may hold anything.
 */
#ifndef CORE_PLUGIN_ELF_VIEW_H
#define CORE_PLUGIN_ELF_VIEW_H

#include <stdbool.h>

#include "core/plugin/kind.h"
#include "core/util/err.h"

#define ELF_VIEW_MAX_NEEDED 32
#define ELF_VIEW_MAX_EXPORTS 16

struct elf_view;

/* What the dynamic section and the symbols say.  Texts are borrowed from the
 * file's bytes. */
struct elf_facts {
    const char *needed[ELF_VIEW_MAX_NEEDED];
    size_t needed_count;
    const char *run_path; /* RPATH or RUNPATH; NULL = none */
    bool text_relocations;
    bool executable_stack;
    bool relro;    /* relocations become read-only ... */
    bool bind_now; /* ... all of them, before any code runs */
    /* Entries of the initialisation tables beyond the one that the
     * toolchain's own start files put there. */
    uint64_t constructors;
    const char *exports[ELF_VIEW_MAX_EXPORTS];
    size_t export_count;       /* may be above ELF_VIEW_MAX_EXPORTS */
    uint64_t descriptor;       /* address of the plugin symbol; 0 = none */
    uint64_t descriptor_bytes; /* its size by the symbol table */
    unsigned glibc_minor;      /* newest GLIBC_2.N it asks for */
    const char *unversioned;   /* an undefined strong symbol that names no
                                  library version; NULL = none */
};

/* `data` is borrowed until the view is closed. */
int elf_view_open(const void *data, size_t length, struct elf_view **ret,
                  struct err *err);
void elf_view_close(struct elf_view *view);
DEFINE_AUTO(elf_view, struct elf_view, elf_view_close)

const struct machine *elf_view_machine(const struct elf_view *view);
const struct elf_facts *elf_view_facts(const struct elf_view *view);
unsigned elf_view_pointer_bytes(const struct elf_view *view);

/* `length` bytes of initialised memory, borrowed; NULL when they are not all
 * in the file. */
const uint8_t *elf_view_memory(const struct elf_view *view, uint64_t address,
                               uint64_t length);
/* Integers in the file's byte order. */
bool elf_view_u16(const struct elf_view *view, uint64_t address, uint16_t *ret);
bool elf_view_u32(const struct elf_view *view, uint64_t address, uint32_t *ret);
bool elf_view_u64(const struct elf_view *view, uint64_t address, uint64_t *ret);

/* A pointer in memory after relocation. */
enum elf_pointer {
    ELF_POINTER_NULL,
    ELF_POINTER_INSIDE,  /* an address of this object */
    ELF_POINTER_OUTSIDE, /* something of another object */
};
/* -1 when there is no pointer that can be read at `address`. */
int elf_view_pointer(const struct elf_view *view, uint64_t address,
                     enum elf_pointer *ret_kind, uint64_t *ret_target);

/* A terminated text of at most `max` bytes, borrowed; NULL when there is
 * none. */
const char *elf_view_text(const struct elf_view *view, uint64_t address,
                          size_t max);

#endif
