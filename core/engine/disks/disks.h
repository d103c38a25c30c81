/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The machine's disks and the facts of them that survive a reboot.  A disk
 * that is broken is a finding, never a reason to stop or to wait for ever.
 */
#ifndef CORE_ENGINE_DISKS_DISKS_H
#define CORE_ENGINE_DISKS_DISKS_H

#include <stdbool.h>

#include <jansson.h>

#include "core/util/err.h"

#define DISKS_MAX 256

struct disk {
    char name[32];    /* kernel name, "vda"; not stable */
    char node[256];   /* what to open: "/dev/vda", or a file's path */
    char serial[128]; /* "" when unknown, like all texts below */
    char vendor[32]; /* SCSI and USB only: others have it in `model` */
    char model[128];
    char firmware[64];  /* its revision */
    char wwn[128];      /* "naa.5000c500a1b2c3d4", "eui.0025385b71b0a2c1" */
    char path[128];     /* bus path, "pci-0000:00:04.0-ata-1" */
    char transport[16]; /* "sata", "nvme", "virtio", "usb", "sas", "file" */
    char finding[256];  /* what is wrong with it, one sentence; "" = nothing */
    uint64_t size_bytes;
    uint32_t logical_sector_bytes;
    uint32_t physical_sector_bytes;
    bool read_only;
    bool removable;
    bool rotational;
    bool unreadable; /* its first sector could not be read */
    bool silent;     /* nor did it fail: whoever opens it may wait for ever */
};

struct disk_list {
    struct disk *disks;
    size_t count;
};

/*
 * Finds every disk by sysfs (no partitions, loop or RAM devices, CD drives or
 * md arrays), sorted by bus path and then by name, and reads the first sector
 * of each in a child process: reading all of them together takes at most
 * `probe_ms`.  `root` goes before /sys and /dev ("" = this machine; tests have
 * a folder of files).  No disk at all is not an error.
 */
int disks_scan(const char *root, unsigned probe_ms, struct disk_list *ret,
               struct err *err);
/* A plain file as one more disk (transport "file"), for `slipway-engine run`.
 */
int disks_add_file(struct disk_list *list, const char *path,
                   uint32_t sector_bytes, struct err *err);
void disk_list_done(struct disk_list *list);

/* The disk as an object of the inventory; NULL = no memory. */
json_t *disk_json(const struct disk *disk);

#endif
