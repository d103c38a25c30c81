/* SPDX-License-Identifier: Apache-2.0 */
#include "core/engine/handoff/handoff-efi.h"

#include <blkid.h>
#include <dirent.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>

#include "core/engine/handoff/efi-variables.h"
#include "core/util/buf.h"
#include "core/util/bytes.h"
#include "core/util/crypto.h"
#include "core/util/log.h"

#define ESP_TYPE "c12a7328-f81f-11d2-ba4b-00a0c93ec93b"
#if defined(__x86_64__)
#define EFI_SUFFIX "X64"
#elif defined(__i386__)
#define EFI_SUFFIX "IA32"
#elif defined(__aarch64__)
#define EFI_SUFFIX "AA64"
#else
#define EFI_SUFFIX "NONE"
#endif
#define MOUNT_POINT "/mnt"
#define ENTRIES_MAX 0x10000

/* ------------------------------------------------------ the partition */

static int take_partition(blkid_partition partition, uint32_t sector_bytes,
                          struct efi_loader *ret)
{
    const char *type = blkid_partition_get_type_string(partition);
    const char *uuid = blkid_partition_get_uuid(partition);
    if (!type || !uuid || strcmp(type, ESP_TYPE))
        return -1;
    char hex[33];
    size_t used = 0;
    for (; *uuid && used < sizeof(hex) - 1; uuid++)
        if (*uuid != '-')
            hex[used++] = *uuid;
    hex[used] = '\0';
    uint8_t text_order[16];
    if (hex_parse(hex, text_order, sizeof(text_order)))
        return -1;
    static const uint8_t order[16] = {3, 2, 1,  0,  5,  4,  7,  6,
                                      8, 9, 10, 11, 12, 13, 14, 15};
    for (size_t i = 0; i < sizeof(order); i++)
        ret->guid[i] = text_order[order[i]];
    /* libblkid counts in units of 512 bytes. */
    uint64_t unit = sector_bytes / 512;
    ret->number = (uint32_t)blkid_partition_get_partno(partition);
    ret->start_sector = (uint64_t)blkid_partition_get_start(partition) / unit;
    ret->size_sectors = (uint64_t)blkid_partition_get_size(partition) / unit;
    return 0;
}

static int find_in_table(blkid_probe probe, uint32_t sector_bytes,
                         struct efi_loader *ret, struct err *err)
{
    (void)blkid_probe_enable_superblocks(probe, 0);
    (void)blkid_probe_enable_partitions(probe, 1);
    (void)blkid_probe_set_sectorsize(probe, sector_bytes);
    blkid_partlist list = blkid_probe_get_partitions(probe);
    int count = list ? blkid_partlist_numof_partitions(list) : 0;
    for (int i = 0; i < count; i++)
        if (!take_partition(blkid_partlist_get_partition(list, i), sector_bytes,
                            ret))
            return 0;
    return err_set(err, ERR_NOT_FOUND,
                   "the disk has no EFI system partition (GPT type %s)",
                   ESP_TYPE);
}

int efi_find_partition(int disk_fd, uint32_t sector_bytes,
                       struct efi_loader *ret_loader, struct err *err)
{
    struct efi_loader loader = {.path = "\\EFI\\BOOT\\BOOT" EFI_SUFFIX ".EFI"};
    if (sector_bytes < 512 || sector_bytes % 512)
        return err_set(err, ERR_INVALID, "sectors of %u bytes", sector_bytes);
    blkid_probe probe = blkid_new_probe();
    if (!probe || blkid_probe_set_device(probe, disk_fd, 0, 0)) {
        blkid_free_probe(probe);
        return err_set(err, ERR_IO,
                       "the disk's partition table cannot be "
                       "read");
    }
    int rc = find_in_table(probe, sector_bytes, &loader, err);
    blkid_free_probe(probe);
    if (!rc)
        *ret_loader = loader;
    return rc;
}

/* --------------------------------------------------- the loader's file */

/* The first of the usual loaders in EFI/VENDOR; their paths stay the same for
 * decades because firmware entries name them. */
static bool find_vendor_loader(char out[128])
{
    static const char *const names[] = {"shim", "grub", "systemd-boot"};
    DIR *dir = opendir(MOUNT_POINT "/EFI");
    const struct dirent *entry = NULL;
    bool found = false;
    while (dir && !found && (entry = readdir(dir)))
        for (size_t i = 0; i < ARRAY_LENGTH(names) && !found; i++) {
            char path[400];
            if (entry->d_name[0] == '.' || strlen(entry->d_name) > 64)
                continue;
            (void)snprintf(path, sizeof(path), MOUNT_POINT "/EFI/%s/%sx64.efi",
                           entry->d_name, names[i]);
            found = access(path, R_OK) == 0;
            if (found)
                (void)snprintf(out, 128, "\\EFI\\%s\\%sx64.efi", entry->d_name,
                               names[i]);
        }
    if (dir)
        (void)closedir(dir);
    return found;
}

/* The removable-media path if it is there, a vendor's loader if that is; when
 * the partition cannot be looked into, the removable-media path stays. */
static void choose_loader(const struct handoff *handoff,
                          struct efi_loader *loader)
{
    char node[300];
    size_t length = strlen(handoff->disk_node);
    bool digit = length && handoff->disk_node[length - 1] >= '0' &&
                 handoff->disk_node[length - 1] <= '9';
    (void)snprintf(node, sizeof(node), "%s%s%u", handoff->disk_node,
                   digit ? "p" : "", loader->number);
    if (mount(node, MOUNT_POINT, "vfat", MS_RDONLY | MS_NOSUID | MS_NODEV,
              "")) {
        log_info("the EFI system partition '%s' cannot be looked into: %s",
                 node, err_errno_text(errno));
        return;
    }
    if (access(MOUNT_POINT "/EFI/BOOT/BOOT" EFI_SUFFIX ".EFI", R_OK))
        (void)find_vendor_loader(loader->path);
    (void)umount(MOUNT_POINT);
}

static int find_loader(const struct handoff *handoff, struct efi_loader *loader,
                       struct err *err)
{
    AUTO_CLOSE int fd = open(handoff->disk_node, O_RDONLY | O_CLOEXEC);
    int sector_bytes = 0;
    if (fd < 0 || ioctl(fd, BLKSSZGET, &sector_bytes))
        return err_set_errno(err, ERR_IO, errno, "cannot open '%s'",
                             handoff->disk_node);
    int rc = efi_find_partition(fd, (uint32_t)sector_bytes, loader, err);
    if (rc)
        return rc;
    /* The table is new: the kernel shall make the partitions' devices.  It may
     * refuse (the disk is in use); then the default path has to do. */
    (void)ioctl(fd, BLKRRPART);
    choose_loader(handoff, loader);
    return 0;
}

/* ------------------------------------------------------ load options */

static int put_utf16(struct buf *out, const char *text)
{
    for (;; text++) {
        /* ASCII is all we write; anything else would not be found again. */
        char c = *text && (*text < 0x20 || *text > 0x7e) ? '?' : *text;
        if (buf_append_byte(out, (uint8_t)c) || buf_append_byte(out, 0))
            return -1;
        if (!c)
            return 0;
    }
}

/* Device path nodes: UEFI 2.10, 10.3.5.1 (hard drive), 10.3.5.4 (file). */
static void put_device_path(struct buf *out, const struct efi_loader *loader)
{
    uint8_t drive[42] = {4, 1, sizeof(drive), 0};
    put_le32(drive + 4, loader->number);
    put_le64(drive + 8, loader->start_sector);
    put_le64(drive + 16, loader->size_sectors);
    memcpy(drive + 24, loader->guid, sizeof(loader->guid));
    drive[40] = 2; /* GUID partition table */
    drive[41] = 2; /* the signature is a GUID */
    (void)buf_append(out, drive, sizeof(drive));
    uint8_t file[4] = {4, 4};
    put_le16(file + 2,
             (uint16_t)(sizeof(file) + 2 * (strlen(loader->path) + 1)));
    (void)buf_append(out, file, sizeof(file));
    (void)put_utf16(out, loader->path);
    static const uint8_t end[4] = {0x7f, 0xff, 4, 0};
    (void)buf_append(out, end, sizeof(end));
}

int efi_load_option(const struct efi_loader *loader, const char *description,
                    uint8_t out[EFI_ENTRY_MAX], size_t *ret_length,
                    struct err *err)
{
    AUTO_BUF path = BUF_INIT(EFI_ENTRY_MAX);
    AUTO_BUF option = BUF_INIT(EFI_ENTRY_MAX);
    put_device_path(&path, loader);
    uint8_t head[6];
    put_le32(head, 1); /* LOAD_OPTION_ACTIVE */
    put_le16(head + 4, (uint16_t)path.length);
    (void)buf_append(&option, head, sizeof(head));
    (void)put_utf16(&option, description);
    (void)buf_append(&option, path.data, path.length);
    if (option.failed || path.failed)
        return err_set(err, ERR_TOO_BIG,
                       "the boot entry '%.60s' would be too long", description);
    memcpy(out, option.data, option.length);
    *ret_length = option.length;
    return 0;
}

bool efi_option_named(const uint8_t *option, size_t length,
                      const char *description)
{
    AUTO_BUF text = BUF_INIT(EFI_ENTRY_MAX);
    if (put_utf16(&text, description) || length < 6 || length - 6 < text.length)
        return false;
    return !memcmp(option + 6, text.data, text.length);
}

/* -------------------------------------------------- firmware variables */

struct entries {
    int folder_fd;
    const char *description;
    const uint8_t *option;
    size_t length;
    uint8_t used[ENTRIES_MAX / 8];
    bool found; /* one has our description */
    uint16_t number;
    bool same; /* and our content */
};

static void entry_name(uint16_t number, char name[16])
{
    (void)snprintf(name, 16, "Boot%04X", number);
}

static void look_at_entry(void *arg, uint16_t number)
{
    struct entries *e = arg;
    AUTO_BUF value = BUF_INIT(2 * EFI_VALUE_MAX);
    char name[16];
    entry_name(number, name);
    e->used[number / 8] |= (uint8_t)(1u << (number % 8));
    if (e->found || efi_variable_read(e->folder_fd, name, &value, NULL) ||
        !efi_option_named(value.data, value.length, e->description))
        return;
    e->found = true;
    e->number = number;
    e->same =
        value.length == e->length && !memcmp(value.data, e->option, e->length);
}

/* At the end: the network stays first, and without a network the firmware
 * still finds the disk. */
static int append_to_order(int folder_fd, uint16_t number, struct err *err)
{
    AUTO_BUF order = BUF_INIT(2 * EFI_VALUE_MAX);
    int rc = efi_variable_read(folder_fd, "BootOrder", &order, err);
    if (rc && rc != ERR_NOT_FOUND)
        return rc;
    for (size_t i = 0; i + 1 < order.length; i += 2)
        if (get_le16(order.data + i) == number)
            return 0;
    uint8_t last[2];
    put_le16(last, number);
    order.length -= order.length % 2;
    if (buf_append(&order, last, sizeof(last)))
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    return efi_variable_write(folder_fd, "BootOrder", order.data, order.length,
                              err);
}

static int choose_entry(struct entries *entries, struct err *err)
{
    int rc = efi_variables_each_entry(entries->folder_fd, look_at_entry,
                                      entries, err);
    if (rc || entries->found)
        return rc;
    for (unsigned i = 0; i < ENTRIES_MAX; i++)
        if (!(entries->used[i / 8] & (1u << (i % 8)))) {
            entries->number = (uint16_t)i;
            return 0;
        }
    return err_set(err, ERR_NO_SPACE, "the firmware has no free boot entry");
}

int efi_store_entry(int folder_fd, const char *description,
                    const uint8_t *option, size_t length, uint16_t *ret_number,
                    struct err *err)
{
    AUTO_FREE struct entries *entries = calloc(1, sizeof(*entries));
    char name[16];
    uint8_t next[2];
    if (!entries)
        return err_set(err, ERR_NO_MEMORY, "out of memory");
    entries->folder_fd = folder_fd;
    entries->description = description;
    entries->option = option;
    entries->length = length;
    int rc = choose_entry(entries, err);
    if (rc)
        return rc;
    entry_name(entries->number, name);
    if (!entries->same)
        rc = efi_variable_write(folder_fd, name, option, length, err);
    if (!rc)
        rc = append_to_order(folder_fd, entries->number, err);
    put_le16(next, entries->number);
    if (!rc)
        rc = efi_variable_write(folder_fd, "BootNext", next, sizeof(next), err);
    if (!rc)
        *ret_number = entries->number;
    return rc;
}

static void resigned(char ret_note[HANDOFF_EFI_NOTE_BYTES], const char *why)
{
    (void)snprintf(ret_note, HANDOFF_EFI_NOTE_BYTES,
                   "%.140s; the machine resets and the server's local boot "
                   "starts the disk",
                   why);
}

int handoff_efi(const struct handoff *handoff,
                char ret_note[HANDOFF_EFI_NOTE_BYTES], struct err *err)
{
    struct efi_loader loader;
    struct err why = ERR_INIT;
    char description[160];
    uint8_t option[EFI_ENTRY_MAX];
    size_t length = 0;
    uint16_t number = 0;
    AUTO_CLOSE int folder =
        open(EFI_VARIABLES_FOLDER, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (access(EFI_FOLDER, F_OK) != 0) {
        resigned(ret_note, "this machine has no UEFI firmware");
        return 0;
    }
    if (folder < 0 || !efi_variables_writable(folder)) {
        resigned(ret_note, "the firmware's boot entries cannot be written");
        return 0;
    }
    int rc = find_loader(handoff, &loader, &why);
    if (rc) {
        resigned(ret_note, why.text);
        return 0;
    }
    (void)snprintf(description, sizeof(description), "Slipway: %.64s",
                   handoff->host_name[0] ? handoff->host_name : "disk");
    rc = efi_load_option(&loader, description, option, &length, err);
    if (rc)
        return rc;
    if (efi_store_entry(folder, description, option, length, &number, &why)) {
        resigned(ret_note, why.text);
        return 0;
    }
    (void)snprintf(ret_note, HANDOFF_EFI_NOTE_BYTES,
                   "the firmware's entry Boot%04X '%.80s' starts the disk "
                   "next",
                   number, description);
    return 0;
}
