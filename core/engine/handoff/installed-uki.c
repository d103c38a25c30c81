/* SPDX-License-Identifier: Apache-2.0 */
/* Unified kernel images: a PE file with .linux, .initrd and .cmdline
 * (UAPI.5; PE format, "Section Table"). */
#include <string.h>
#include <sys/stat.h>

#include "core/engine/handoff/installed.h"
#include "core/util/bytes.h"
#include "core/util/file.h"

#define HEAD_BYTES 8192 /* the sections' table is in there */
#define PE_OFFSET_AT 0x3c
#define PE_HEAD_BYTES 24 /* signature and COFF header */
#define SECTION_BYTES 40
#define SECTIONS_MAX 96
#define KERNEL_VERSION_AT 0x20e
#define KERNEL_SETUP_BYTES 0x200

static int take_section(const uint8_t *section, uint64_t file_bytes,
                        struct installed_uki *ret, struct err *err)
{
    const struct {
        char name[9];
        struct installed_piece *piece;
    } known[] = {
        {".linux", &ret->kernel},
        {".initrd", &ret->initrd},
        {".cmdline", &ret->line},
    };
    /* The file's part is rounded up; the memory's says how much counts. */
    uint64_t length = get_le32(section + 8);
    uint64_t stored = get_le32(section + 16);
    uint64_t offset = get_le32(section + 20);

    for (size_t i = 0; i < ARRAY_LENGTH(known); i++) {
        if (strncmp((const char *)section, known[i].name, 8) != 0)
            continue;
        if (length == 0 || length > stored)
            length = stored;
        if (offset > file_bytes || length > file_bytes - offset)
            return err_set(err, ERR_CORRUPT,
                           "section %s of the unified kernel image lies "
                           "outside of the file",
                           known[i].name);
        *known[i].piece = (struct installed_piece){offset, length};
    }
    return 0;
}

int installed_uki_parse(const uint8_t *head, size_t length, uint64_t file_bytes,
                        struct installed_uki *ret, struct err *err)
{
    struct installed_uki found = {0};

    if (length < PE_OFFSET_AT + 4 || memcmp(head, "MZ", 2) != 0)
        return err_set(err, ERR_NOT_APPLICABLE, "it is no EFI program");
    size_t pe = get_le32(head + PE_OFFSET_AT);
    if (pe > length || length - pe < PE_HEAD_BYTES ||
        memcmp(head + pe, "PE\0\0", 4) != 0)
        return err_set(err, ERR_NOT_APPLICABLE, "it is no EFI program");
    size_t count = get_le16(head + pe + 6);
    size_t at = pe + PE_HEAD_BYTES + get_le16(head + pe + 20);
    if (count > SECTIONS_MAX || at > length ||
        (length - at) / SECTION_BYTES < count)
        return err_set(err, ERR_CORRUPT,
                       "the EFI program's table of sections is damaged");
    for (; count > 0; count--, at += SECTION_BYTES)
        if (take_section(head + at, file_bytes, &found, err))
            return ERR_CORRUPT;
    if (found.kernel.length == 0)
        return err_set(err, ERR_NOT_APPLICABLE,
                       "the EFI program is no unified kernel image");
    *ret = found;
    return 0;
}

int installed_uki_open(const struct installed_fs *fs, const char *path,
                       struct installed_uki *ret, struct err *err)
{
    AUTO_CLOSE int fd = installed_open(fs, path, err);
    uint8_t head[HEAD_BYTES];
    struct stat status;

    if (fd < 0)
        return fd;
    ssize_t got = pread(fd, head, sizeof(head), 0);
    if (got < 0 || fstat(fd, &status) != 0)
        return err_set_errno(err, ERR_IO, errno, "'%s' cannot be read", path);
    int code = installed_uki_parse(head, (size_t)got, (uint64_t)status.st_size,
                                   ret, err);
    return code ? code : TAKE_FD(fd);
}

void installed_kernel_version(const uint8_t *head, size_t length,
                              char ret[INSTALLED_NAME_BYTES])
{
    size_t used = 0;

    ret[0] = '\0';
    if (length < KERNEL_VERSION_AT + 2 || memcmp(head + 0x202, "HdrS", 4) != 0)
        return;
    size_t at = (size_t)get_le16(head + KERNEL_VERSION_AT) + KERNEL_SETUP_BYTES;
    /* "6.1.0-56-amd64 (debian-kernel@...) #1 SMP ...": the first word. */
    while (at < length && head[at] > ' ' && head[at] < 0x7f &&
           used < INSTALLED_NAME_BYTES - 1)
        ret[used++] = (char)head[at++];
    ret[used] = '\0';
}
