/* SPDX-License-Identifier: Apache-2.0 */
#include "core/engine/handoff/kexec-process.h"

#include <fcntl.h>
#include <linux/kexec.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "core/engine/handoff/installed-mount.h"
#include "core/util/json.h"

#define KERNEL_MAX_BYTES (UINT64_C(256) << 20)
#define INITRD_MAX_BYTES (UINT64_C(1) << 30)
#define HEAD_BYTES 65536 /* the setup code of an x86 kernel is in there */
#define INITRD_ALIGN 4   /* archives one after the other */

/* What goes into the kernel. */
struct load {
    int kernel_fd;
    int initrd_fd; /* -1 = none */
    char version[INSTALLED_NAME_BYTES];
};

/* ---- pieces ------------------------------------------------------------- */

static int copy_piece(int to, int from, uint64_t offset, uint64_t length,
                      struct err *err)
{
    off_t at = (off_t)offset;

    while (length > 0) {
        ssize_t got = sendfile(to, from, &at, (size_t)length);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return err_set_errno(err, ERR_IO, got < 0 ? errno : EIO,
                                 "the installed kernel cannot be read");
        length -= (uint64_t)got;
    }
    return 0;
}

/* The kernel reads only from what nobody has open for writing. */
static int reopen(int memfd, struct err *err)
{
    char path[40];

    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", memfd);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    (void)close(memfd);
    return fd >= 0 ? fd
                   : err_set_errno(err, ERR_IO, errno,
                                   "a copy of the installed kernel cannot be "
                                   "opened");
}

static int new_memfd(const char *name, struct err *err)
{
    int fd = memfd_create(name, MFD_CLOEXEC);

    return fd >= 0 ? fd
                   : err_set_errno(err, ERR_NO_MEMORY, errno,
                                   "no memory for the installed kernel");
}

static int take_piece(int from, const struct installed_piece *piece,
                      const char *name, struct err *err)
{
    int fd = new_memfd(name, err);

    if (fd < 0)
        return fd;
    int code = copy_piece(fd, from, piece->offset, piece->length, err);
    if (code == 0)
        return reopen(fd, err);
    (void)close(fd);
    return code;
}

static int open_unified(const struct installed_fs *fs,
                        const struct installed_entry *entry, struct load *load,
                        struct err *err)
{
    struct installed_uki uki;
    AUTO_CLOSE int fd = installed_uki_open(fs, entry->kernel, &uki, err);

    if (fd < 0)
        return fd;
    if (uki.kernel.length > KERNEL_MAX_BYTES ||
        uki.initrd.length > INITRD_MAX_BYTES)
        return err_set(err, ERR_TOO_BIG, "'%s' is too large", entry->kernel);
    load->kernel_fd = take_piece(fd, &uki.kernel, "kernel", err);
    if (load->kernel_fd < 0)
        return load->kernel_fd;
    if (uki.initrd.length == 0)
        return 0;
    load->initrd_fd = take_piece(fd, &uki.initrd, "initrd", err);
    return load->initrd_fd < 0 ? load->initrd_fd : 0;
}

static int append_initrd(const struct installed_fs *fs, const char *path,
                         int to, uint64_t *total, struct err *err)
{
    static const uint8_t zeros[INITRD_ALIGN];
    AUTO_CLOSE int fd = installed_open(fs, path, err);
    struct stat status;

    if (fd < 0)
        return fd;
    if (fstat(fd, &status) != 0 ||
        (uint64_t)status.st_size > INITRD_MAX_BYTES - *total)
        return err_set(err, ERR_TOO_BIG, "'%s' is too large", path);
    int code = copy_piece(to, fd, 0, (uint64_t)status.st_size, err);
    *total += (uint64_t)status.st_size;
    size_t rest = *total % INITRD_ALIGN;
    if (!code && rest > 0 &&
        write(to, zeros, INITRD_ALIGN - rest) != (ssize_t)(INITRD_ALIGN - rest))
        return err_set(err, ERR_NO_MEMORY, "no memory for '%s'", path);
    return code;
}

static int open_files(const struct installed_fs *fs,
                      const struct installed_entry *entry, struct load *load,
                      struct err *err)
{
    uint64_t total = 0;
    int code = 0;

    load->kernel_fd = installed_open(fs, entry->kernel, err);
    if (load->kernel_fd < 0)
        return load->kernel_fd;
    if (entry->initrd_count == 0)
        return 0;
    int fd = new_memfd("initrd", err);
    if (fd < 0)
        return fd;
    for (size_t i = 0; i < entry->initrd_count && !code; i++)
        code = append_initrd(fs, entry->initrd[i], fd, &total, err);
    if (code) {
        (void)close(fd);
        return code;
    }
    load->initrd_fd = reopen(fd, err);
    return load->initrd_fd < 0 ? load->initrd_fd : 0;
}

/* ---- proof -------------------------------------------------------------- */

/* A UEFI kernel whose runtime services are off would start a system that can
 * never set its own boot entries (efi=noruntime, broken firmware). */
static int check_firmware(struct err *err)
{
#if defined(__x86_64__)
    if (access("/sys/firmware/efi", F_OK) != 0 ||
        access("/sys/firmware/efi/runtime-map/0", F_OK) == 0)
        return 0;
    return err_set(err, ERR_UNSUPPORTED,
                   "this machine's UEFI runtime services cannot be handed to "
                   "another kernel");
#else
    (void)err;
    return 0; /* other machines' kernels pass the firmware's tables whole */
#endif
}

static int refused(int number, struct err *err)
{
    switch (number) {
    case EPERM:
    case EKEYREJECTED:
    case ENOKEY:
    case ENODATA:
    case EBADMSG:
        return err_set(err, ERR_DENIED,
                       "Secure Boot has locked the engine's kernel down and "
                       "it does not accept the installed kernel's signature: "
                       "%s",
                       err_errno_text(number));
    case ENOSYS:
        return err_set(err, ERR_UNSUPPORTED,
                       "the engine's kernel cannot load another one from a "
                       "file (32-bit kernels cannot)");
    case ENOEXEC:
        return err_set(err, ERR_UNSUPPORTED,
                       "the installed kernel is none that this machine's "
                       "kernel could start");
    default:
        return err_set(err, ERR_IO,
                       "the engine's kernel does not load the installed one: "
                       "%s",
                       err_errno_text(number));
    }
}

static int load_file(const struct load *load, const char *line, struct err *err)
{
#ifdef SYS_kexec_file_load
    unsigned long flags = load->initrd_fd < 0 ? KEXEC_FILE_NO_INITRAMFS : 0;

    if (syscall(SYS_kexec_file_load, load->kernel_fd, load->initrd_fd,
                strlen(line) + 1, line, flags) == 0)
        return 0;
    return refused(errno, err);
#else
    (void)load;
    (void)line;
    return refused(ENOSYS, err);
#endif
}

/* ---- all of it ---------------------------------------------------------- */

static void read_version(struct load *load)
{
    AUTO_FREE uint8_t *head = malloc(HEAD_BYTES);
    ssize_t got = head ? pread(load->kernel_fd, head, HEAD_BYTES, 0) : -1;

    if (got > 0)
        installed_kernel_version(head, (size_t)got, load->version);
}

static int work(const char *disk_node, struct load *load,
                struct installed_entry *entry, struct err *err)
{
    AUTO_FREE struct installed_disk *disk = calloc(1, sizeof(*disk));
    const struct installed_fs *fs = NULL;

    if (!disk)
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    int code = check_firmware(err);
    if (!code)
        code = installed_mount(disk_node, disk, err);
    if (!code)
        code = installed_find(disk, entry, &fs, err);
    if (!code)
        code = entry->unified ? open_unified(fs, entry, load, err)
                              : open_files(fs, entry, load, err);
    if (code)
        return code;
    read_version(load);
    return load_file(load, entry->line, err);
}

int kexec_process_main(const char *disk_node)
{
    static struct installed_entry entry;
    struct load load = {.kernel_fd = -1, .initrd_fd = -1};
    struct err err = ERR_INIT;
    int code = work(disk_node, &load, &entry, &err);

    for (char *c = err.text; *c; c++)
        if (*c < ' ' || *c > '~') /* of the disk's own texts */
            *c = '?';
    AUTO_JSON *reply = code ? json_pack("{s:s}", "error", err.text)
                            : json_pack("{s:s, s:s}", "kernel", load.version,
                                        "line", entry.line);
    AUTO_FREE char *text = reply ? json_text(reply) : NULL;

    if (text)
        (void)puts(text);
    return code || !text ? 1 : 0;
}
