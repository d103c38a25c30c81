/* SPDX-License-Identifier: Apache-2.0 */
/* The part of leaving that speaks to UEFI firmware (UEFI 2.10, 3.1). */
#ifndef CORE_ENGINE_HANDOFF_HANDOFF_EFI_H
#define CORE_ENGINE_HANDOFF_HANDOFF_EFI_H

#include "core/engine/handoff/handoff.h"

/* A place that UEFI can start from: a GPT partition and a file on it. */
struct efi_loader {
    uint32_t number;       /* of the partition, from 1 */
    uint64_t start_sector; /* in the disk's own sectors */
    uint64_t size_sectors;
    uint8_t guid[16]; /* unique partition GUID as on the disk */
    char path[128];   /* "\\EFI\\BOOT\\BOOTX64.EFI" */
};

#define HANDOFF_EFI_NOTE_BYTES 256
/*
 * Finds the EFI system partition of the disk, makes or reuses the one entry
 * 'Slipway: NAME' and sets BootNext to it; `ret_note` says what will happen.
 * Blocks for the firmware's variable store.
 */
int handoff_efi(const struct handoff *handoff,
                char ret_note[HANDOFF_EFI_NOTE_BYTES], struct err *err);

/*
 * The EFI system partition of a disk's GPT.  ERR_NOT_FOUND when there is none;
 * `ret_loader->path` is the removable-media path of this machine.
 */
int efi_find_partition(int disk_fd, uint32_t sector_bytes,
                       struct efi_loader *ret_loader, struct err *err);

#define EFI_ENTRY_MAX 1024
/*
 * An EFI_LOAD_OPTION that starts `loader`: attributes active, the description,
 * a hard-drive and a file-path node.  Its length in `ret_length`.
 */
int efi_load_option(const struct efi_loader *loader, const char *description,
                    uint8_t out[EFI_ENTRY_MAX], size_t *ret_length,
                    struct err *err);
/* True when a load option has this description (ASCII). */
bool efi_option_named(const uint8_t *option, size_t length,
                      const char *description);

/*
 * Makes the entry of this description, or reuses the one there is, puts it at
 * the end of BootOrder unless it is listed, and sets BootNext to it.
 * `folder_fd` is efivarfs.  Nothing that is right already is written again.
 */
int efi_store_entry(int folder_fd, const char *description,
                    const uint8_t *option, size_t length, uint16_t *ret_number,
                    struct err *err);

#endif
