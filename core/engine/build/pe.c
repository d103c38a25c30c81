/* SPDX-License-Identifier: Apache-2.0 */
#include "core/engine/build/build.h"

#include <string.h>

#include "core/util/bytes.h"

/* Microsoft PE/COFF specification: offsets from the COFF header, which
 * follows the signature "PE\0\0". */
enum {
    COFF_SECTIONS = 2,
    COFF_OPTIONAL_BYTES = 16,
    COFF_BYTES = 20,
    OPTIONAL_MAGIC = 0,
    OPTIONAL_INITIALIZED = 8,
    OPTIONAL_SECTION_ALIGN = 32,
    OPTIONAL_FILE_ALIGN = 36,
    OPTIONAL_IMAGE_BYTES = 56,
    OPTIONAL_HEADER_BYTES = 60,
    OPTIONAL_CHECKSUM = 64,
    OPTIONAL_DIRECTORIES = 112,
    OPTIONAL_CERTIFICATES = OPTIONAL_DIRECTORIES + 4 * 8,
    OPTIONAL_MIN_BYTES = OPTIONAL_CERTIFICATES + 8,
    SECTION_VIRTUAL_BYTES = 8,
    SECTION_VIRTUAL_ADDRESS = 12,
    SECTION_RAW_BYTES = 16,
    SECTION_RAW_OFFSET = 20,
    SECTION_FLAGS = 36,
    SECTION_BYTES = 40,
};
#define PE32_PLUS 0x20b
#define SECTIONS_MAX 96 /* the Windows loader's limit */
#define PAGE_BYTES 4096u
#define INITIALIZED_READABLE 0x40000040u
#define IMAGE_MAX ((size_t)1 << 30)

struct layout {
    size_t coff; /* offsets in the file */
    size_t optional;
    size_t table;
    size_t count; /* sections so far */
    size_t header_bytes;
    uint32_t file_align;
    uint32_t section_align;
    uint64_t end; /* first address behind the last section */
};

static uint64_t round_up(uint64_t value, uint64_t step)
{
    return (value + step - 1) / step * step;
}

static bool power_of_two(uint32_t value)
{
    return value && !(value & (value - 1));
}

static int read_sections(const struct buf *image, struct layout *l,
                         struct err *err)
{
    for (size_t i = 0; i < l->count; i++) {
        const uint8_t *section = image->data + l->table + i * SECTION_BYTES;
        uint64_t bytes = MAX(get_le32(section + SECTION_VIRTUAL_BYTES),
                             get_le32(section + SECTION_RAW_BYTES));
        uint64_t end = get_le32(section + SECTION_VIRTUAL_ADDRESS) + bytes;
        l->end = MAX(l->end, end);
    }
    return l->end > IMAGE_MAX
               ? err_set(err, ERR_CORRUPT,
                         "the EFI stub's sections lie beyond 1 GiB")
               : 0;
}

static int read_layout(const struct buf *image, struct layout *l,
                       struct err *err)
{
    const char *what = "the EFI stub is not a PE32+ program";
    memset(l, 0, sizeof(*l));
    if (image->length < 64 || memcmp(image->data, "MZ", 2))
        return err_set(err, ERR_CORRUPT, "%s (no DOS header)", what);
    size_t at = get_le32(image->data + 60);
    if (at > image->length || image->length - at < 4 + COFF_BYTES ||
        memcmp(image->data + at, "PE\0\0", 4))
        return err_set(err, ERR_CORRUPT, "%s (no PE header)", what);
    l->coff = at + 4;
    l->optional = l->coff + COFF_BYTES;
    l->count = get_le16(image->data + l->coff + COFF_SECTIONS);
    size_t optional_bytes =
        get_le16(image->data + l->coff + COFF_OPTIONAL_BYTES);
    l->table = l->optional + optional_bytes;
    if (optional_bytes < OPTIONAL_MIN_BYTES || l->count > SECTIONS_MAX ||
        l->table > image->length ||
        image->length - l->table < l->count * SECTION_BYTES)
        return err_set(err, ERR_CORRUPT, "%s (headers are cut)", what);
    const uint8_t *optional = image->data + l->optional;
    l->file_align = get_le32(optional + OPTIONAL_FILE_ALIGN);
    l->section_align = get_le32(optional + OPTIONAL_SECTION_ALIGN);
    l->header_bytes = get_le32(optional + OPTIONAL_HEADER_BYTES);
    if (get_le16(optional + OPTIONAL_MAGIC) != PE32_PLUS ||
        !power_of_two(l->file_align) || l->file_align > PAGE_BYTES ||
        !power_of_two(l->section_align) || l->section_align > (1u << 20) ||
        l->header_bytes > image->length)
        return err_set(err, ERR_CORRUPT, "%s (odd header values)", what);
    if (get_le32(optional + OPTIONAL_CERTIFICATES + 4))
        return err_set(err, ERR_INVALID,
                       "the EFI stub is signed; take the unsigned one and "
                       "sign the finished file");
    return read_sections(image, l, err);
}

static int add_section(struct buf *out, struct layout *l,
                       const struct pe_section *section, struct err *err)
{
    uint64_t raw_bytes = round_up(section->length, l->file_align);
    uint64_t address = round_up(l->end, MAX(l->section_align, PAGE_BYTES));
    if (section->length > IMAGE_MAX || address + raw_bytes > IMAGE_MAX)
        return err_set(err, ERR_TOO_BIG,
                       "the unified kernel image would pass 1 GiB");
    while (out->length % l->file_align && !out->failed)
        (void)buf_append_byte(out, 0);
    size_t raw_offset = out->length;
    (void)buf_append(out, section->data, section->length);
    while (out->length % l->file_align && !out->failed)
        (void)buf_append_byte(out, 0);
    if (out->failed)
        return err_set(err, ERR_NO_MEMORY, "out of memory");

    uint8_t *header = out->data + l->table + l->count * SECTION_BYTES;
    memset(header, 0, SECTION_BYTES);
    memcpy(header, section->name, strnlen(section->name, 8));
    put_le32(header + SECTION_VIRTUAL_BYTES, (uint32_t)section->length);
    put_le32(header + SECTION_VIRTUAL_ADDRESS, (uint32_t)address);
    put_le32(header + SECTION_RAW_BYTES, (uint32_t)raw_bytes);
    put_le32(header + SECTION_RAW_OFFSET, (uint32_t)raw_offset);
    put_le32(header + SECTION_FLAGS, INITIALIZED_READABLE);
    uint8_t *initialized = out->data + l->optional + OPTIONAL_INITIALIZED;
    put_le32(initialized, get_le32(initialized) + (uint32_t)raw_bytes);
    l->count++;
    l->end = address + section->length;
    return 0;
}

int pe_append(const struct buf *image, const struct pe_section *sections,
              size_t count, struct buf *ret, struct err *err)
{
    struct layout l;
    int rc = read_layout(image, &l, err);
    if (rc)
        return rc;
    if (l.count + count > SECTIONS_MAX ||
        l.table + (l.count + count) * SECTION_BYTES > l.header_bytes)
        return err_set(err, ERR_NO_SPACE,
                       "the EFI stub's header has no room for %zu more "
                       "sections",
                       count);
    buf_clear(ret);
    if (buf_append(ret, image->data, image->length))
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    for (size_t i = 0; i < count; i++) {
        rc = add_section(ret, &l, &sections[i], err);
        if (rc)
            return rc;
    }
    uint8_t *optional = ret->data + l.optional;
    put_le16(ret->data + l.coff + COFF_SECTIONS, (uint16_t)l.count);
    put_le32(optional + OPTIONAL_IMAGE_BYTES,
             (uint32_t)round_up(l.end, MAX(l.section_align, PAGE_BYTES)));
    put_le32(optional + OPTIONAL_CHECKSUM, 0); /* firmware ignores it */
    return 0;
}

int pe_check(const struct buf *image, struct err *err)
{
    struct layout l;
    return read_layout(image, &l, err);
}
