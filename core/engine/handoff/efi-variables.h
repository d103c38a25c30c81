/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The firmware's boot variables (UEFI 2.10, 3.3) as files of efivarfs: four
 * bytes of attributes, then the value.  No libefivar: it looks for the file
 * system when it is loaded, and in PID 1 that is before anything is mounted.
 */
#ifndef CORE_ENGINE_HANDOFF_EFI_VARIABLES_H
#define CORE_ENGINE_HANDOFF_EFI_VARIABLES_H

#include <stdbool.h>

#include "core/util/buf.h"
#include "core/util/err.h"

#define EFI_FOLDER "/sys/firmware/efi" /* there: the firmware is UEFI */
#define EFI_VARIABLES_FOLDER EFI_FOLDER "/efivars"
#define EFI_VALUE_MAX 65536
#define EFI_NAME_BYTES 64

/* True when efivarfs is mounted there and may be written. */
bool efi_variables_writable(int folder_fd);

/* The value of a global variable; ERR_NOT_FOUND when there is none. */
int efi_variable_read(int folder_fd, const char *name, struct buf *ret,
                      struct err *err);
/* Stores it for ever, for boot and run time. */
int efi_variable_write(int folder_fd, const char *name, const void *data,
                       size_t length, struct err *err);
/* Calls `see` for each "Boot" and four hexadecimal digits. */
int efi_variables_each_entry(int folder_fd,
                             void (*see)(void *arg, uint16_t number), void *arg,
                             struct err *err);

#endif
