/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The search for what the disk would boot, in the order in which its loaders
 * come into play: a unified kernel image where firmware looks first, GRUB's
 * configuration, the entries of the Boot Loader Specification, the links
 * /vmlinuz and /initrd.img.
 */
#include <dirent.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "core/engine/handoff/installed.h"
#include "core/util/file.h"

#define ENTRIES_MAX 256
#if defined(__x86_64__)
#define REMOVABLE_PATH "/EFI/BOOT/BOOTX64.EFI"
#elif defined(__aarch64__)
#define REMOVABLE_PATH "/EFI/BOOT/BOOTAA64.EFI"
#else
#define REMOVABLE_PATH "/EFI/BOOT/BOOTIA32.EFI"
#endif

/* ---- files -------------------------------------------------------------- */

static int open_below(const struct installed_fs *fs, const char *path,
                      uint64_t flags)
{
    const struct open_how how = {
        .flags = flags | O_RDONLY | O_CLOEXEC | O_NONBLOCK,
        .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
    };

    if (fs->root_fd < 0) {
        errno = ENOENT;
        return -1;
    }
    return (int)syscall(SYS_openat2, fs->root_fd, path, &how, sizeof(how));
}

int installed_open(const struct installed_fs *fs, const char *path,
                   struct err *err)
{
    struct stat status;
    int fd = open_below(fs, path, 0);

    if (fd < 0)
        return err_set_errno(err, ERR_NOT_FOUND, errno,
                             "'%s' on %s cannot be opened", path, fs->node);
    if (fstat(fd, &status) == 0 && S_ISREG(status.st_mode))
        return fd;
    (void)close(fd);
    return err_set(err, ERR_INVALID, "'%s' on %s is not a file", path,
                   fs->node);
}

static int read_text(const struct installed_fs *fs, const char *path,
                     struct buf *ret)
{
    AUTO_CLOSE int fd = installed_open(fs, path, NULL);
    struct stat status;

    if (fd < 0)
        return fd;
    buf_clear(ret);
    if (fstat(fd, &status) != 0 || status.st_size > INSTALLED_CONFIG_MAX)
        return ERR_TOO_BIG;
    uint8_t *room = buf_reserve(ret, (size_t)status.st_size);
    if (!room)
        return ERR_NO_MEMORY;
    int code = file_pread_all(fd, room, (size_t)status.st_size, 0, NULL);
    if (code == 0)
        ret->length += (size_t)status.st_size;
    return code;
}

/* ---- a unified kernel image --------------------------------------------- */

static bool is_unified(const struct installed_fs *fs, const char *path)
{
    struct installed_uki uki;
    AUTO_CLOSE int fd = installed_uki_open(fs, path, &uki, NULL);

    return fd >= 0;
}

/* Its command line is inside, and belongs to the entry. */
static int read_unified_line(const struct installed_fs *fs,
                             struct installed_entry *entry, struct err *err)
{
    struct installed_uki uki;
    AUTO_CLOSE int fd = installed_uki_open(fs, entry->kernel, &uki, err);

    if (fd < 0)
        return fd;
    if (uki.line.length >= sizeof(entry->line))
        return err_set(err, ERR_TOO_BIG,
                       "the command line has more than %d bytes",
                       INSTALLED_LINE_BYTES - 1);
    int code = file_pread_all(fd, entry->line, (size_t)uki.line.length,
                              uki.line.offset, err);
    entry->line[code ? 0 : uki.line.length] = '\0';
    for (char *c = entry->line; *c; c++)
        if (*c == '\n' || *c == '\t')
            *c = ' ';
    return code;
}

static int find_removable(const struct installed_disk *disk,
                          struct installed_entry *ret,
                          const struct installed_fs **ret_fs, struct err *err)
{
    for (size_t i = 0; i < disk->count; i++) {
        const struct installed_fs *fs = &disk->fs[i];
        if (!is_unified(fs, REMOVABLE_PATH))
            continue;
        *ret = (struct installed_entry){.unified = true};
        (void)snprintf(ret->kernel, sizeof(ret->kernel), REMOVABLE_PATH);
        *ret_fs = fs;
        return 0;
    }
    return err_set(err, ERR_NOT_APPLICABLE, "no unified kernel image");
}

/* ---- GRUB --------------------------------------------------------------- */

static const char *const grub_folders[] = {"/boot/grub",   "/grub",
                                           "/boot/grub2",  "/grub2",
                                           "/@/boot/grub", "/@boot/grub"};

/* The environment block beside any grub.cfg of this file system. */
static void read_grubenv(const struct installed_fs *fs, struct buf *env)
{
    char path[INSTALLED_PATH_BYTES];

    for (size_t i = 0; i < ARRAY_LENGTH(grub_folders); i++) {
        (void)snprintf(path, sizeof(path), "%s/grubenv", grub_folders[i]);
        if (read_text(fs, path, env) == 0)
            return;
    }
    buf_clear(env);
}

static int find_grub(const struct installed_disk *disk,
                     struct installed_entry *ret,
                     const struct installed_fs **ret_fs, struct err *err)
{
    AUTO_BUF text = BUF_INIT(INSTALLED_CONFIG_MAX + 1);
    AUTO_BUF env = BUF_INIT(INSTALLED_CONFIG_MAX + 1);
    char path[INSTALLED_PATH_BYTES];

    for (size_t i = 0; i < disk->count; i++)
        for (size_t k = 0; k < ARRAY_LENGTH(grub_folders); k++) {
            (void)snprintf(path, sizeof(path), "%s/grub.cfg", grub_folders[k]);
            if (read_text(&disk->fs[i], path, &text) != 0)
                continue;
            read_grubenv(&disk->fs[i], &env);
            *ret_fs = &disk->fs[i];
            return installed_grub_parse(buf_text(&text), text.length, &env, ret,
                                        err);
        }
    return err_set(err, ERR_NOT_APPLICABLE, "no grub.cfg");
}

/* ---- the Boot Loader Specification -------------------------------------- */

static const char *const loader_folders[] = {"/loader/entries",
                                             "/boot/loader/entries"};

struct candidate {
    const struct installed_fs *fs;
    struct installed_entry entry;
    char name[INSTALLED_NAME_BYTES]; /* of the file, without .conf */
    char sort[INSTALLED_NAME_BYTES];
    bool preferred; /* named by the loader's configuration */
};

struct candidates {
    struct candidate best;
    char want[INSTALLED_NAME_BYTES]; /* a pattern; "" = none */
    size_t count;
    struct buf env;
};

static void consider(struct candidates *all, struct candidate *one)
{
    const struct candidate *best = &all->best;
    char file[INSTALLED_NAME_BYTES + 8];

    (void)snprintf(file, sizeof(file), "%s.conf", one->name);
    one->preferred = all->want[0] && (fnmatch(all->want, one->name, 0) == 0 ||
                                      fnmatch(all->want, file, 0) == 0);
    int order = strverscmp(one->sort, best->sort);
    if (order == 0)
        order = strverscmp(one->name, best->name);
    if (all->count++ == 0 || (one->preferred && !best->preferred) ||
        (one->preferred == best->preferred && order > 0))
        all->best = *one;
}

/* NAME without `end`, or false when it is another kind of file. */
static bool cut_name(const char *file, const char *end,
                     char out[INSTALLED_NAME_BYTES])
{
    size_t length = strlen(file);
    size_t cut = strlen(end);

    if (file[0] == '.' || length <= cut ||
        length - cut >= INSTALLED_NAME_BYTES ||
        strcmp(file + length - cut, end) != 0)
        return false;
    memcpy(out, file, length - cut);
    out[length - cut] = '\0';
    return true;
}

static int take_file(struct candidates *all, const struct installed_fs *fs,
                     const char *folder, const char *file, struct err *err)
{
    AUTO_BUF text = BUF_INIT(INSTALLED_CONFIG_MAX + 1);
    struct candidate one = {.fs = fs};
    char path[INSTALLED_PATH_BYTES];

    if (cut_name(file, ".conf", one.name)) {
        (void)snprintf(path, sizeof(path), "%.60s/%.150s", folder, file);
        if (read_text(fs, path, &text) != 0)
            return 0;
        int code = installed_loader_parse(buf_text(&text), text.length,
                                          &all->env, &one.entry, one.sort, err);
        if (code)
            return err_prefix(err, "%s: ", path);
    } else if (cut_name(file, ".efi", one.name)) {
        one.entry.unified = true;
        (void)snprintf(one.entry.kernel, sizeof(one.entry.kernel),
                       "%.60s/%.150s", folder, file);
        if (!is_unified(fs, one.entry.kernel))
            return 0;
    } else {
        return 0;
    }
    consider(all, &one);
    return 0;
}

static int look_into(struct candidates *all, const struct installed_fs *fs,
                     const char *folder, struct err *err)
{
    int fd = open_below(fs, folder, O_DIRECTORY);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    const struct dirent *entry;
    int code = 0;

    if (!dir) {
        if (fd >= 0)
            (void)close(fd);
        return 0;
    }
    for (size_t i = 0; i < ENTRIES_MAX && !code && (entry = readdir(dir)); i++)
        code = take_file(all, fs, folder, entry->d_name, err);
    (void)closedir(dir);
    return code;
}

/* systemd-boot has its default in loader.conf, GRUB in its block. */
static void read_wanted(struct candidates *all, const struct installed_disk *d)
{
    AUTO_BUF text = BUF_INIT(INSTALLED_CONFIG_MAX + 1);

    for (size_t i = 0; i < d->count && !all->want[0]; i++)
        if (read_text(&d->fs[i], "/loader/loader.conf", &text) == 0)
            installed_loader_default(buf_text(&text), text.length, all->want);
    for (size_t i = 0; i < d->count && !all->env.length; i++)
        read_grubenv(&d->fs[i], &all->env);
    if (!all->want[0])
        (void)installed_grubenv_find(&all->env, "saved_entry", all->want,
                                     sizeof(all->want));
}

static int find_loader(const struct installed_disk *disk,
                       struct installed_entry *ret,
                       const struct installed_fs **ret_fs, struct err *err)
{
    AUTO_FREE struct candidates *all = calloc(1, sizeof(*all));
    int code = 0;

    if (!all)
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    buf_init(&all->env, INSTALLED_CONFIG_MAX + 1);
    read_wanted(all, disk);
    for (size_t i = 0; i < disk->count && !code; i++) {
        for (size_t k = 0; k < ARRAY_LENGTH(loader_folders) && !code; k++)
            code = look_into(all, &disk->fs[i], loader_folders[k], err);
        if (!code)
            code = look_into(all, &disk->fs[i], "/EFI/Linux", err);
    }
    buf_done(&all->env);
    if (code)
        return code;
    if (all->count == 0)
        return err_set(err, ERR_NOT_APPLICABLE, "no entry of a boot loader");
    *ret = all->best.entry;
    *ret_fs = all->best.fs;
    return 0;
}

/* ---- links -------------------------------------------------------------- */

/* Holds file systems that appear when the system itself opens it. */
static bool is_container(const struct installed_fs *fs)
{
    return strcmp(fs->type, "LVM2_member") == 0 ||
           strcmp(fs->type, "crypto_LUKS") == 0;
}

static int nothing_found(const struct installed_disk *disk, struct err *err)
{
    for (size_t i = 0; i < disk->count; i++)
        if (is_container(&disk->fs[i]))
            return err_set(err, ERR_UNSUPPORTED,
                           "no boot loader's configuration was found outside "
                           "of %s (%s), which the engine cannot look into",
                           disk->fs[i].node, disk->fs[i].type);
    return err_set(err, ERR_NOT_FOUND,
                   "neither a grub.cfg nor a loader's entry nor /vmlinuz with "
                   "/etc/kernel/cmdline was found on the disk");
}

static int find_links(const struct installed_disk *disk,
                      struct installed_entry *ret,
                      const struct installed_fs **ret_fs, struct err *err)
{
    AUTO_BUF text = BUF_INIT(INSTALLED_CONFIG_MAX + 1);

    for (size_t i = 0; i < disk->count; i++) {
        const struct installed_fs *fs = &disk->fs[i];
        AUTO_CLOSE int kernel = installed_open(fs, "/vmlinuz", NULL);
        AUTO_CLOSE int initrd = installed_open(fs, "/initrd.img", NULL);
        struct installed_entry entry = {
            .kernel = "/vmlinuz", .initrd = {"/initrd.img"}, .initrd_count = 1};
        if (kernel < 0 || initrd < 0 ||
            read_text(fs, "/etc/kernel/cmdline", &text) != 0)
            continue;
        size_t length = strcspn(buf_text(&text), "\n");
        if (length >= sizeof(entry.line))
            continue;
        memcpy(entry.line, buf_text(&text), length);
        *ret = entry;
        *ret_fs = fs;
        return 0;
    }
    return nothing_found(disk, err);
}

/* ---- root= -------------------------------------------------------------- */

static bool names_partition(const struct installed_fs *fs, const char *root)
{
    const struct {
        const char *prefix;
        const char *value;
        bool exact; /* labels differ by case, identifiers do not */
    } names[] = {
        {"UUID=", fs->uuid, false},
        {"LABEL=", fs->label, true},
        {"PARTUUID=", fs->part_uuid, false},
        {"PARTLABEL=", fs->part_label, true},
        {"/dev/disk/by-uuid/", fs->uuid, false},
        {"/dev/disk/by-label/", fs->label, true},
        {"/dev/disk/by-partuuid/", fs->part_uuid, false},
        {"/dev/disk/by-partlabel/", fs->part_label, true},
        {"", fs->node, true},
    };

    for (size_t i = 0; i < ARRAY_LENGTH(names); i++) {
        size_t length = strlen(names[i].prefix);
        if (!names[i].value[0] || strncmp(root, names[i].prefix, length) != 0)
            continue;
        if (names[i].exact ? strcmp(root + length, names[i].value) == 0
                           : strcasecmp(root + length, names[i].value) == 0)
            return true;
    }
    return is_container(fs) && strncmp(root, "/dev/", 5) == 0 &&
           strncmp(root, "/dev/disk/", 10) != 0 && strchr(root + 5, '/');
}

static void find_root_word(const char *line, char out[INSTALLED_NAME_BYTES])
{
    out[0] = '\0';
    for (const char *at = line; *at;) {
        at += strspn(at, " \t");
        size_t length = strcspn(at, " \t");
        if (length > 5 && length - 5 < INSTALLED_NAME_BYTES &&
            strncmp(at, "root=", 5) == 0)
            (void)snprintf(out, INSTALLED_NAME_BYTES, "%.*s", (int)length - 5,
                           at + 5);
        at += length;
    }
}

static int check_line(const struct installed_entry *entry, struct err *err)
{
    for (const char *c = entry->line; *c; c++)
        if (*c < ' ' || *c > '~')
            return err_set(err, ERR_INVALID,
                           "the installed kernel's command line is not plain "
                           "text");
    return 0;
}

/* A kernel that finds another disk's system, or none, would be worse than the
 * minutes that firmware takes. */
static int check_root(const struct installed_disk *disk,
                      const struct installed_entry *entry, struct err *err)
{
    char root[INSTALLED_NAME_BYTES];

    find_root_word(entry->line, root);
    if (!root[0])
        return err_set(err, ERR_UNSUPPORTED,
                       "the installed kernel's command line has no root=");
    for (size_t i = 0; i < disk->count; i++)
        if (names_partition(&disk->fs[i], root))
            return 0;
    return err_set(err, ERR_UNSUPPORTED,
                   "root=%.60s of the installed kernel's command line is not "
                   "on the installed disk",
                   root);
}

/* ---- all of it ---------------------------------------------------------- */

static int find_fs(const struct installed_disk *disk, const char *uuid,
                   const struct installed_fs **ret, struct err *err)
{
    for (size_t i = 0; i < disk->count; i++)
        if (strcasecmp(disk->fs[i].uuid, uuid) == 0 &&
            disk->fs[i].root_fd >= 0) {
            *ret = &disk->fs[i];
            return 0;
        }
    return err_set(err, ERR_NOT_FOUND,
                   "the boot loader's file system %.40s is not on the "
                   "installed disk",
                   uuid);
}

int installed_find(const struct installed_disk *disk,
                   struct installed_entry *ret, const struct installed_fs **fs,
                   struct err *err)
{
    int (*const ways[])(const struct installed_disk *, struct installed_entry *,
                        const struct installed_fs **, struct err *) = {
        find_removable, find_grub, find_loader, find_links};
    struct installed_entry entry;
    const struct installed_fs *found = NULL;
    int code = ERR_NOT_APPLICABLE;

    for (size_t i = 0; i < ARRAY_LENGTH(ways) && code == ERR_NOT_APPLICABLE;
         i++) {
        memset(&entry, 0, sizeof(entry));
        code = ways[i](disk, &entry, &found, err);
    }
    if (!code && entry.fs_uuid[0])
        code = find_fs(disk, entry.fs_uuid, &found, err);
    if (!code && entry.unified)
        code = read_unified_line(found, &entry, err);
    if (!code)
        code = check_line(&entry, err);
    if (!code)
        code = check_root(disk, &entry, err);
    if (code)
        return code;
    *ret = entry;
    *fs = found;
    return 0;
}
