/* SPDX-License-Identifier: Apache-2.0 */
/*
 * local-x64.efi: starts the machine's own disk.  The server sends it to a
 * machine that has nothing to do, because no DHCP answer makes UEFI firmware
 * go on to the disk within seconds.
 *
 * It connects every controller, because fast boot leaves disks out, then tries
 *   1. the entries of the firmware's boot order that mean a local disk,
 *   2. \EFI\BOOT\BOOTX64.EFI on every fixed disk,
 *   3. BootNext and a reset, for an entry that only the firmware can start.
 * It never tries the entry that it came from.  The server counts: a machine
 * that comes back at once is not sent here for ever.
 */
#include "options.h"

#define REMOVABLE_PATH L"\\EFI\\BOOT\\BOOTX64.EFI"
#define ENTRY_NAME_CHARS 9 /* "Boot0000" and the NUL */
#define READ_PAUSE_US (5 * 1000 * 1000)

static void entry_name(UINT16 number, CHAR16 name[ENTRY_NAME_CHARS])
{
    SPrint(name, ENTRY_NAME_CHARS * sizeof(CHAR16), L"Boot%04x", number);
    for (UINTN i = 4; i < ENTRY_NAME_CHARS - 1; i++)
        if (name[i] >= 'a' && name[i] <= 'f')
            name[i] = (CHAR16)(name[i] - 'a' + 'A');
}

static void connect_all(void)
{
    EFI_HANDLE *handles = NULL;
    UINTN count = 0;
    if (EFI_ERROR(uefi_call_wrapper(BS->LocateHandleBuffer, 5, AllHandles, NULL,
                                    NULL, &count, &handles)))
        return;
    for (UINTN i = 0; i < count; i++)
        (void)uefi_call_wrapper(BS->ConnectController, 4, handles[i], NULL,
                                NULL, TRUE);
    FreePool(handles);
}

/* Returns only when the loader did not take the machine over. */
static EFI_STATUS start(EFI_HANDLE self, EFI_DEVICE_PATH *path, VOID *data,
                        UINTN data_bytes)
{
    EFI_HANDLE image = NULL;
    EFI_LOADED_IMAGE *loaded = NULL;
    EFI_STATUS rc =
        uefi_call_wrapper(BS->LoadImage, 6, FALSE, self, path, NULL, 0, &image);
    if (EFI_ERROR(rc)) {
        /* Refused by Secure Boot: an image was made all the same. */
        if (rc == EFI_SECURITY_VIOLATION)
            (void)uefi_call_wrapper(BS->UnloadImage, 1, image);
        return rc;
    }
    if (data_bytes &&
        !EFI_ERROR(uefi_call_wrapper(BS->HandleProtocol, 3, image,
                                     &LoadedImageProtocol, (VOID **)&loaded))) {
        loaded->LoadOptions = data;
        loaded->LoadOptionsSize = (UINT32)data_bytes;
    }
    return uefi_call_wrapper(BS->StartImage, 3, image, NULL, NULL);
}

/* A file on a file system's handle. */
static EFI_STATUS start_file(EFI_HANDLE self, EFI_HANDLE volume, CHAR16 *file,
                             VOID *data, UINTN data_bytes)
{
    EFI_DEVICE_PATH *path = FileDevicePath(volume, file);
    if (!path)
        return EFI_OUT_OF_RESOURCES;
    CHAR16 *text = DevicePathToStr(path);
    Print(L"Slipway: trying %s\r\n", text ? text : file);
    if (text)
        FreePool(text);
    EFI_STATUS rc = start(self, path, data, data_bytes);
    FreePool(path);
    return rc;
}

static EFI_HANDLE *volumes(UINTN *ret_count)
{
    EFI_HANDLE *handles = NULL;
    *ret_count = 0;
    if (EFI_ERROR(uefi_call_wrapper(BS->LocateHandleBuffer, 5, ByProtocol,
                                    &FileSystemProtocol, NULL, ret_count,
                                    &handles)))
        return NULL;
    return handles;
}

/* Tries an entry on every volume that it fits. */
static EFI_STATUS start_entry(EFI_HANDLE self, const struct boot_option *o)
{
    EFI_STATUS rc = EFI_NOT_FOUND;
    UINTN count = 0;
    EFI_HANDLE *handles = volumes(&count);
    CHAR16 *file = o->file ? o->file : REMOVABLE_PATH;
    for (UINTN i = 0; i < count; i++) {
        EFI_DEVICE_PATH *place = DevicePathFromHandle(handles[i]);
        if (!place || !option_fits(o, place))
            continue;
        rc = start_file(self, handles[i], file, o->data, o->data_bytes);
    }
    if (handles)
        FreePool(handles);
    return rc;
}

/* 0..0xffff, or -1: which entry means a disk but could not be started. */
static INTN try_boot_order(EFI_HANDLE self)
{
    UINTN size = 0, current_size = 0;
    UINT16 *order =
        LibGetVariableAndSize(L"BootOrder", &EfiGlobalVariable, &size);
    UINT16 *current = LibGetVariableAndSize(L"BootCurrent", &EfiGlobalVariable,
                                            &current_size);
    INTN failed = -1;
    for (UINTN i = 0; order && i < size / sizeof(UINT16); i++) {
        CHAR16 name[ENTRY_NAME_CHARS];
        struct boot_option option;
        UINTN bytes = 0;
        if (current && current_size == sizeof(UINT16) && order[i] == *current)
            continue;
        entry_name(order[i], name);
        UINT8 *value = LibGetVariableAndSize(name, &EfiGlobalVariable, &bytes);
        if (!value)
            continue;
        if (option_parse(value, bytes, &option) && option.is_disk) {
            Print(L"Slipway: %s, %s\r\n", name, option.description);
            EFI_STATUS rc = start_entry(self, &option);
            Print(L"Slipway: it did not start: %r\r\n", rc);
            if (failed < 0)
                failed = order[i];
        }
        option_done(&option);
        FreePool(value);
    }
    if (order)
        FreePool(order);
    if (current)
        FreePool(current);
    return failed;
}

/* Sticks and CD drives are not this machine's disk: nobody chose them. */
static BOOLEAN is_fixed(EFI_HANDLE volume)
{
    EFI_BLOCK_IO *block = NULL;
    EFI_DEVICE_PATH *place = DevicePathFromHandle(volume);
    if (!place || !path_is_disk(place) ||
        EFI_ERROR(uefi_call_wrapper(BS->HandleProtocol, 3, volume,
                                    &BlockIoProtocol, (VOID **)&block)))
        return FALSE;
    return !block->Media->RemovableMedia;
}

static void try_fixed_disks(EFI_HANDLE self)
{
    UINTN count = 0;
    EFI_HANDLE *handles = volumes(&count);
    for (UINTN i = 0; i < count; i++)
        if (is_fixed(handles[i]))
            (void)start_file(self, handles[i], REMOVABLE_PATH, NULL, 0);
    if (handles)
        FreePool(handles);
}

/* The firmware's own way, for what only it can start. */
static void reset_into(UINT16 number)
{
    EFI_STATUS rc = uefi_call_wrapper(
        RT->SetVariable, 5, L"BootNext", &EfiGlobalVariable,
        EFI_VARIABLE_NON_VOLATILE | EFI_VARIABLE_BOOTSERVICE_ACCESS |
            EFI_VARIABLE_RUNTIME_ACCESS,
        sizeof(number), &number);
    if (EFI_ERROR(rc)) {
        Print(L"Slipway: BootNext cannot be set: %r\r\n", rc);
        return;
    }
    Print(L"Slipway: resetting, so that the firmware starts it\r\n");
    uefi_call_wrapper(RT->ResetSystem, 4, EfiResetCold, EFI_SUCCESS, 0, NULL);
}

EFI_STATUS efi_main(EFI_HANDLE self, EFI_SYSTEM_TABLE *table);
EFI_STATUS efi_main(EFI_HANDLE self, EFI_SYSTEM_TABLE *table)
{
    InitializeLib(self, table);
    Print(L"\r\nSlipway: nothing to do here, starting this machine's own "
          L"disk\r\n");
    connect_all();
    INTN failed = try_boot_order(self);
    try_fixed_disks(self);
    if (failed >= 0)
        reset_into((UINT16)failed);
    Print(L"Slipway: no disk of this machine has anything that starts\r\n"
          L"Slipway: install a system with 'slipway task start', or look at "
          L"the boot order in the firmware's setup\r\n");
    (void)uefi_call_wrapper(BS->Stall, 1, READ_PAUSE_US);
    return EFI_NOT_FOUND;
}
