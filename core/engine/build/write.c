/* SPDX-License-Identifier: Apache-2.0 */
#include "core/engine/build/pack.h"

#include <fcntl.h>
#include <string.h>

#include "config.h"

#include "core/util/file.h"

/* DESIGN: kernel and initramfs together, on x86-64. */
#define ENGINE_BUDGET_BYTES ((size_t)24 * 1000 * 1000)

static int pack_compress(struct pack *pack, struct err *err)
{
    const char *how = pack->options->compress;
    const struct buf *plain = &pack->cpio.data;
    int rc = 0;
    pack->compression = "zstd";
    if (strcmp(how, "xz"))
        rc = compress_zstd(plain, &pack->initramfs, err);
    if (rc)
        return rc;
    /* zstd starts quicker on the target; xz is smaller when that matters. */
    bool fits =
        pack->kernel.length + pack->initramfs.length <= ENGINE_BUDGET_BYTES;
    if (!strcmp(how, "zstd") || (!strcmp(how, "auto") && fits))
        return 0;
    pack->compression = "xz";
    buf_clear(&pack->initramfs);
    bool x86 = !strcmp(pack->options->machine, "x86_64") ||
               !strcmp(pack->options->machine, "i686");
    return compress_xz(plain, x86, &pack->initramfs, err);
}

static int warn_budget(struct pack *pack, struct err *err)
{
    size_t total = pack->kernel.length + pack->initramfs.length;
    if (total <= ENGINE_BUDGET_BYTES)
        return 0;
    json_t *text = json_sprintf(
        "kernel and initramfs together are %zu bytes, more than the %zu that "
        "old firmware is sure to take",
        total, ENGINE_BUDGET_BYTES);
    if (json_array_append_new(pack->warnings, text))
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    return 0;
}

static int write_out(const char *path, const struct buf *content,
                     struct err *err)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    AUTO_FREE char *folder =
        slash ? strndup(path, (size_t)MAX(slash - path, 1)) : strdup(".");
    if (!folder)
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    AUTO_CLOSE int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return err_set_errno(err, ERR_IO, errno, "cannot open '%s'", folder);
    return file_write(fd, name, content->data, content->length, 0644, err);
}

static int read_stub(const struct pack *pack, struct buf *stub,
                     struct err *err)
{
    int rc = file_read(AT_FDCWD, pack->options->stub, stub, err);
    if (rc == ERR_NOT_FOUND)
        return err_set(err, rc,
                       "there is no EFI stub at '%s'; install Debian's "
                       "package systemd-boot-efi or name the file with --stub",
                       pack->options->stub);
    return rc ? rc : pe_check(stub, err);
}

static int write_image(struct pack *pack, const struct buf *stub,
                       struct err *err)
{
    static const char os_release[] =
        "ID=slipway\nNAME=Slipway\nVERSION_ID=" PACKAGE_VERSION
        "\nPRETTY_NAME=\"Slipway deployment engine " PACKAGE_VERSION "\"\n";
    AUTO_BUF image = BUF_INIT((size_t)1 << 30);
    const char *line = pack->options->command_line;
    const struct pe_section sections[] = {
        {".osrel", os_release, sizeof(os_release) - 1},
        {".cmdline", line, strlen(line)},
        {".uname", pack->release, strlen(pack->release)},
        {".initrd", pack->initramfs.data, pack->initramfs.length},
        /* Last: the stub of some versions wants room behind the kernel. */
        {".linux", pack->kernel.data, pack->kernel.length},
    };
    int rc = pe_append(stub, sections, ARRAY_LENGTH(sections), &image, err);
    if (!rc)
        rc = write_out(pack->options->out, &image, err);
    if (!rc)
        rc = pack_part(pack, "stub", stub->length, err);
    return rc ? rc : pack_part(pack, "image", image.length, err);
}

int pack_write(struct pack *pack, struct err *err)
{
    const struct build_options *options = pack->options;
    AUTO_BUF stub = BUF_INIT(16u << 20);
    /* Before the long work. */
    int rc = options->out ? read_stub(pack, &stub, err) : 0;
    if (!rc)
        rc = cpio_finish(&pack->cpio, err);
    if (!rc)
        rc = pack_part(pack, "initramfs_plain", pack->cpio.data.length, err);
    if (!rc)
        rc = pack_compress(pack, err);
    if (!rc)
        rc = warn_budget(pack, err);
    if (!rc)
        rc = pack_part(pack, "kernel", pack->kernel.length, err);
    if (!rc)
        rc = pack_part(pack, "initramfs", pack->initramfs.length, err);
    if (!rc && options->out)
        rc = write_image(pack, &stub, err);
    if (!rc && options->out_kernel)
        rc = write_out(options->out_kernel, &pack->kernel, err);
    if (!rc && options->out_initramfs)
        rc = write_out(options->out_initramfs, &pack->initramfs, err);
    return rc;
}
