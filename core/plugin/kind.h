/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The closed lists of the plugin world: kinds, the machines that plugins are
 * built for, and the libraries that a plugin of each kind may need.
 */
#ifndef CORE_PLUGIN_KIND_H
#define CORE_PLUGIN_KIND_H

#include <stdbool.h>
#include <stdint.h>

#include <slipway/plugin.h>

#define PLUGIN_NAME_BYTES 33 /* [a-z][a-z0-9-]{0,31} and the NUL */
#define PLUGIN_MAX_BYTES (64u * 1024 * 1024) /* of a plugin's file */

/* "arch", "transport", "action", "store"; NULL for another number. */
const char *kind_word(uint32_t kind);
/* The number of such a word; 0 = there is no such kind. */
uint32_t kind_find(const char *word);

/* A machine as plugin folders name it, and how ELF says the same. */
struct machine {
    const char *name;     /* "x86_64" */
    uint16_t elf_machine; /* EM_* */
    uint8_t elf_class;    /* ELFCLASS32 or ELFCLASS64 */
    uint8_t elf_data;     /* ELFDATA2LSB or ELFDATA2MSB */
};

/* Machine `index` of the list; NULL after the last. */
const struct machine *machine_at(size_t index);
const struct machine *machine_find(const char *name);
const struct machine *machine_find_elf(uint16_t elf_machine, uint8_t elf_class,
                                       uint8_t elf_data);
/* The machine this program was built for. */
const struct machine *machine_own(void);

/* True when a file without PT_GNU_STACK gets an executable stack there. */
bool machine_stack_executable(const struct machine *machine);

/* True for a name that a plugin may have; nothing else becomes a path. */
bool plugin_name_ok(const char *name);

/* True when a plugin of this kind may list `library` as NEEDED.  A build with
 * sanitizers accepts their runtimes too. */
bool kind_may_need(uint32_t kind, const char *library);
/* Library `index` of the kind's published list; NULL after the last. */
const char *kind_library_at(uint32_t kind, size_t index);

#endif
