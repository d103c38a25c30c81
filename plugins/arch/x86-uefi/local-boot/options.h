/* SPDX-License-Identifier: Apache-2.0 */
/* Boot entries of the firmware (UEFI 2.10, 3.1.3): what they mean. */
#ifndef PLUGINS_ARCH_X86_UEFI_LOCAL_BOOT_OPTIONS_H
#define PLUGINS_ARCH_X86_UEFI_LOCAL_BOOT_OPTIONS_H

#include <efi.h>
#include <efilib.h>

struct boot_option {
    CHAR16 *description;   /* inside the entry */
    EFI_DEVICE_PATH *path; /* a copy whose nodes add up, or NULL */
    VOID *data;            /* for the loader; inside the entry */
    UINTN data_bytes;
    BOOLEAN is_disk; /* active, and means a local disk */
    CHAR16 *file;    /* a copy; NULL = the removable-media path */
};

/* FALSE when the bytes are not a load option; `ret` is for option_done then
 * too.  `value` stays the caller's and outlives it. */
BOOLEAN option_parse(UINT8 *value, UINTN bytes, struct boot_option *ret);
void option_done(struct boot_option *option);
/* TRUE when the volume at `place` is on the disk, or is the partition, that
 * the entry names. */
BOOLEAN option_fits(const struct boot_option *option, EFI_DEVICE_PATH *place);
/* TRUE when a device path goes to a disk, not to a network, a CD or into the
 * firmware. */
BOOLEAN path_is_disk(EFI_DEVICE_PATH *path);

#endif
