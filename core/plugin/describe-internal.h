/* SPDX-License-Identifier: Apache-2.0 */
/* Reading a descriptor member by member.  Structures of the border have no
 * padding, so one order of members is enough for every machine. */
#ifndef CORE_PLUGIN_DESCRIBE_INTERNAL_H
#define CORE_PLUGIN_DESCRIBE_INTERNAL_H

#include "core/plugin/describe.h"
#include "core/plugin/elf-view.h"

/* A position inside one structure.  Members behind its stated size read as 0
 * or NULL; `bad` is sticky. */
struct member_reader {
    const struct elf_view *view;
    uint64_t at;
    uint64_t end;
    bool bad;
};

/* Starts on the structure at `address`, whose first member is its size, and
 * steps over that.  `least` and `most` bound the size. */
bool member_reader_init(struct member_reader *r, const struct elf_view *view,
                        uint64_t address, uint64_t least, uint64_t most);
uint32_t member_u32(struct member_reader *r);
uint64_t member_u64(struct member_reader *r);
/* The address that a pointer holds; 0 = NULL. */
uint64_t member_pointer(struct member_reader *r);
/* True when a function is named, here or in another object. */
bool member_callback(struct member_reader *r);
/* A copy of a text of at most `max` bytes; NULL when absent. */
char *member_text(struct member_reader *r, size_t max);
/* True when a byte after the members read so far is set. */
bool member_more(const struct member_reader *r);

/* The part of the descriptor behind the head, by kind. */
int describe_kind(struct member_reader *r, struct plugin_info *info,
                  struct err *err);
/* The parameter table. */
int describe_params(const struct elf_view *view, uint64_t address,
                    uint64_t count, struct plugin_info *info, struct err *err);
/* Copies the ELF facts and judges them. */
int describe_findings(const struct elf_view *view, struct plugin_info *info,
                      struct err *err);

#endif
