/* SPDX-License-Identifier: Apache-2.0 */
/* Members of structures in a plugin's file: see describe-internal.h. */
#include <string.h>

#include "core/plugin/describe-internal.h"

bool member_reader_init(struct member_reader *r, const struct elf_view *view,
                        uint64_t address, uint64_t least, uint64_t most)
{
    uint64_t size;
    *r = (struct member_reader){view, address, address, true};
    if (!elf_view_u64(view, address, &size) || size < least || size > most ||
        size % 8 || !elf_view_memory(view, address, size))
        return false;
    r->at = address + 8;
    r->end = address + size;
    r->bad = false;
    return true;
}

/* True when the next `bytes` are there; steps over them in any case. */
static bool step(struct member_reader *r, unsigned bytes, uint64_t *ret_at)
{
    *ret_at = r->at;
    bool there = !r->bad && r->end - r->at >= bytes;
    if (there)
        r->at += bytes;
    else
        r->at = r->end;
    return there;
}

uint32_t member_u32(struct member_reader *r)
{
    uint64_t at;
    uint32_t value = 0;
    if (step(r, 4, &at) && !elf_view_u32(r->view, at, &value))
        r->bad = true;
    return value;
}

uint64_t member_u64(struct member_reader *r)
{
    uint64_t at, value = 0;
    if (step(r, 8, &at) && !elf_view_u64(r->view, at, &value))
        r->bad = true;
    return value;
}

/* The kind of the next pointer; its target may be NULL. */
static enum elf_pointer next_pointer(struct member_reader *r,
                                     uint64_t *ret_target)
{
    uint64_t at;
    enum elf_pointer kind = ELF_POINTER_NULL;
    *ret_target = 0;
    if (step(r, elf_view_pointer_bytes(r->view), &at) &&
        elf_view_pointer(r->view, at, &kind, ret_target))
        r->bad = true;
    return kind;
}

uint64_t member_pointer(struct member_reader *r)
{
    uint64_t target;
    if (next_pointer(r, &target) == ELF_POINTER_OUTSIDE)
        r->bad = true; /* data of another object cannot be read from here */
    return target;
}

bool member_callback(struct member_reader *r)
{
    uint64_t target;
    return next_pointer(r, &target) != ELF_POINTER_NULL;
}

/* UTF-8 without control characters: it will be printed and sent as JSON. */
static bool printable(const char *text)
{
    for (const char *c = text; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            return false;
    json_t *probe = json_string(text); /* NULL for broken UTF-8 */
    json_decref(probe);
    return probe != NULL;
}

char *member_text(struct member_reader *r, size_t max)
{
    uint64_t target = member_pointer(r);
    if (!target || r->bad)
        return NULL;
    const char *text = elf_view_text(r->view, target, max);
    char *copy = text && printable(text) ? strdup(text) : NULL;
    if (!copy)
        r->bad = true;
    return copy;
}

bool member_more(const struct member_reader *r)
{
    if (r->bad || r->at >= r->end)
        return false;
    const uint8_t *rest = elf_view_memory(r->view, r->at, r->end - r->at);
    for (uint64_t i = 0; rest && i < r->end - r->at; i++)
        if (rest[i])
            return true;
    /* A pointer that the loader fills may be zero in the file. */
    unsigned bytes = elf_view_pointer_bytes(r->view);
    for (uint64_t at = r->at; at + bytes <= r->end; at += bytes) {
        enum elf_pointer kind;
        uint64_t target;
        if (!elf_view_pointer(r->view, at, &kind, &target) &&
            kind != ELF_POINTER_NULL)
            return true;
    }
    return false;
}
