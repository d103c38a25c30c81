/* SPDX-License-Identifier: Apache-2.0 */
/* What a disk calls itself: maker, model, serial number, firmware, WWN. */
#include "core/engine/disks/disks-internal.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "core/util/file.h"

/* SCSI pages (SPC-4 7.8; SAT-4 12.4.2). */
#define PAGE_HEADER 4
#define PAGE_SERIAL 0x80
#define PAGE_ATA 0x89
#define ATA_COMMAND 56 /* of that page: with which it was identified ... */
#define ATA_IDENTIFY_DEVICE 0xec
#define ATA_IDENTITY 60 /* ... and what it said: words of 16 bits */
#define ATA_WORDS 256

/* The page that sysfs keeps in FOLDER/device/NAME; its length, or 0. */
static size_t read_page(const char *folder, const char *name, uint8_t number,
                        uint8_t *page, size_t size)
{
    AUTO_FREE char *path = NULL;
    if (asprintf(&path, "%s/device/%s", folder, name) < 0) {
        path = NULL;
        return 0;
    }
    AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd >= 0 ? read(fd, page, size) : -1;
    return got > PAGE_HEADER && page[1] == number ? (size_t)got : 0;
}

/* `length` bytes of a device, trimmed and printable. */
static void keep_text(const uint8_t *from, size_t length, char *out,
                      size_t size)
{
    size_t at = 0;
    for (size_t i = 0; i < length && at + 1 < size; i++) {
        char c = (char)from[i];
        if (c == ' ' && at == 0)
            continue; /* SPC pads on the left */
        out[at++] = c >= 0x20 && c <= 0x7e ? c : '?';
    }
    out[at] = '\0';
    while (at && (out[at - 1] == ' ' || out[at - 1] == '?'))
        out[--at] = '\0';
}

static void scsi_serial(const char *folder, char *out, size_t size)
{
    uint8_t page[256];
    size_t got =
        read_page(folder, "vpd_pg80", PAGE_SERIAL, page, sizeof(page));
    if (got)
        keep_text(page + PAGE_HEADER, got - PAGE_HEADER, out, size);
}

/* Words `first` to `last` of ATA's identity: the first letter of each is the
 * upper byte (ACS-3 3.4.9). */
static void ata_text(const uint8_t *identity, size_t first, size_t last,
                     char *out, size_t size)
{
    uint8_t text[64];
    size_t length = 0;
    for (size_t word = first; word <= last; word++) {
        text[length++] = identity[word * 2 + 1];
        text[length++] = identity[word * 2];
    }
    keep_text(text, length, out, size);
}

/* The kernel shows ATA disks as SCSI ones, which have room for 16 letters of
 * the model and 4 of the firmware; ATA has 40 and 8 (ACS-3 table 45). */
static void ata_names(const char *folder, struct disk *disk)
{
    uint8_t page[ATA_IDENTITY + ATA_WORDS * 2];
    if (read_page(folder, "vpd_pg89", PAGE_ATA, page, sizeof(page)) <
            sizeof(page) ||
        page[ATA_COMMAND] != ATA_IDENTIFY_DEVICE)
        return;
    ata_text(page + ATA_IDENTITY, 23, 26, disk->firmware,
             sizeof(disk->firmware));
    ata_text(page + ATA_IDENTITY, 27, 46, disk->model, sizeof(disk->model));
}

/* The nearest USB device above: bridges often have a number on their label
 * and hand none on from the disk behind them. */
static void usb_serial(const char *folder, char *out, size_t size)
{
    char place[PATH_MAX], vendor[8];
    if (!realpath(folder, place))
        return;
    for (char *slash; (slash = strrchr(place, '/')) && slash != place;) {
        *slash = '\0';
        if (!disk_text(place, "idVendor", vendor, sizeof(vendor))) {
            (void)disk_text(place, "serial", out, size);
            return;
        }
    }
}

/* The first of several files that has something in it. */
static void first_text(const char *folder, const char *const *names, char *out,
                       size_t size)
{
    for (; *names; names++)
        if (!disk_text(folder, *names, out, size) && *out)
            return;
}

void disk_names(const char *folder, struct disk *disk)
{
    static const char *const serials[] = {"device/serial", "serial", NULL};
    static const char *const models[] = {"device/model", "device/name", NULL};
    static const char *const wwns[] = {"wwid", "device/wwid", NULL};
    static const char *const firmwares[] = {
        "device/firmware_rev", "device/rev", "device/fwrev", NULL};
    first_text(folder, serials, disk->serial, sizeof(disk->serial));
    first_text(folder, models, disk->model, sizeof(disk->model));
    first_text(folder, wwns, disk->wwn, sizeof(disk->wwn));
    first_text(folder, firmwares, disk->firmware, sizeof(disk->firmware));
    (void)disk_text(folder, "device/vendor", disk->vendor,
                    sizeof(disk->vendor));
    /* The kernel's word for all SATA disks; the number of a virtio device. */
    if (!strcmp(disk->vendor, "ATA") || !strncmp(disk->vendor, "0x", 2))
        disk->vendor[0] = '\0';
    ata_names(folder, disk);
    if (!disk->serial[0])
        scsi_serial(folder, disk->serial, sizeof(disk->serial));
    if (!disk->serial[0] && !strcmp(disk->transport, "usb"))
        usb_serial(folder, disk->serial, sizeof(disk->serial));
}
