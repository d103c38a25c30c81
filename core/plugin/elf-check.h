/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a plugin's file must be before its code is mapped: of this machine,
 * with nothing that makes the dynamic loader look elsewhere or run code early.
 * A small reader for this machine's own ELF format, because the engine has no
 * libelf; describe.h has the full one for all machines.  The sentences of
 * both are here.
 */
#ifndef CORE_PLUGIN_ELF_CHECK_H
#define CORE_PLUGIN_ELF_CHECK_H

#include "core/plugin/kind.h"
#include "core/util/err.h"

/* 0, or why the `length` bytes must not be loaded as a plugin of `kind`. */
int elf_check(const void *data, size_t length, uint32_t kind, struct err *err);

/* The ABI numbers of a descriptor's head. */
int abi_check(uint32_t major, uint32_t level, uint32_t needs_level,
              struct err *err);

/* The refusals; each returns its code. */
int elf_refuse_machine(const char *machine, struct err *err);
int elf_refuse_run_path(const char *path, struct err *err);
int elf_refuse_library(uint32_t kind, const char *library, struct err *err);
int elf_refuse_constructor(struct err *err);
int elf_refuse_text_relocations(struct err *err);
int elf_refuse_executable_stack(struct err *err);

#endif
