/* SPDX-License-Identifier: Apache-2.0 */
/* Where a disk hangs. */
#include "core/engine/disks/disks-internal.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* True for "0000:00:1f.2". */
static bool is_pci_address(const char *part)
{
    static const char shape[] = "hhhh:hh:hh.h";
    if (strlen(part) != sizeof(shape) - 1)
        return false;
    for (size_t i = 0; shape[i]; i++)
        if (shape[i] == 'h' ? !strchr("0123456789abcdef", part[i])
                            : part[i] != shape[i])
            return false;
    return true;
}

static void set_transport(struct disk *disk, const char *word)
{
    (void)snprintf(disk->transport, sizeof(disk->transport), "%s", word);
}

static void add_place(struct disk *disk, const char *kind, const char *text)
{
    size_t at = strlen(disk->path);
    (void)snprintf(disk->path + at, sizeof(disk->path) - at, "%s%s-%s",
                   at ? "-" : "", kind, text);
}

/* One component of the device's place, from the root of the buses on.  The
 * last PCI address wins: the ones before are bridges. */
static void take_component(struct disk *disk, const char *part,
                           const char *next)
{
    if (is_pci_address(part)) {
        disk->path[0] = '\0';
        add_place(disk, "pci", part);
    } else if (!strncmp(part, "virtio", 6) && part[6]) {
        set_transport(disk, "virtio");
    } else if (!strcmp(part, "nvme") || !strncmp(part, "nvme-subsys", 11)) {
        set_transport(disk, "nvme");
    } else if (!strncmp(part, "usb", 3)) {
        set_transport(disk, "usb");
    } else if (!strncmp(part, "ata", 3) && part[3] >= '0' && part[3] <= '9') {
        set_transport(disk, "sata");
        add_place(disk, "ata", part + 3);
    } else if (!strncmp(part, "end_device-", 11)) {
        set_transport(disk, "sas");
    } else if (!strncmp(part, "mmc", 3)) {
        set_transport(disk, "mmc");
    } else if (!strncmp(part, "target", 6) && next && strchr(next, ':')) {
        if (!disk->transport[0])
            set_transport(disk, "scsi");
        /* Only what does not count hosts in the order they were found. */
        const char *colon = strchr(next, ':');
        add_place(disk, "scsi", colon + 1);
    }
}

void disk_place(const char *folder, struct disk *disk)
{
    char real[PATH_MAX];
    if (!realpath(folder, real))
        return;
    char *rest = real;
    char usb_port[64] = "";
    for (char *part; (part = strsep(&rest, "/"));) {
        AUTO_FREE char *next = rest ? strndup(rest, strcspn(rest, "/")) : NULL;
        take_component(disk, part, next);
        /* "1-4.2:1.0": the interface at the end of a chain of USB hubs. */
        const char *colon = strchr(part, ':');
        if (!strcmp(disk->transport, "usb") && colon && strchr(part, '-') &&
            !is_pci_address(part))
            (void)snprintf(usb_port, sizeof(usb_port), "%.*s",
                           (int)MIN(colon - part, 60), part);
    }
    if (usb_port[0])
        add_place(disk, "usb", usb_port);
    /* An NVMe namespace or a second disk of a controller: "nvme0n1" -> "n1". */
    if (!strncmp(disk->name, "nvme", 4)) {
        const char *name_space = strrchr(disk->name, 'n');
        set_transport(disk, "nvme");
        if (name_space && name_space != disk->name)
            add_place(disk, "nvme", name_space + 1);
    }
}
