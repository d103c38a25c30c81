/* SPDX-License-Identifier: Apache-2.0 */
#include "options.h"

#define LOAD_OPTION_ACTIVE_FLAG 1u
#define ATTRIBUTES_BYTES sizeof(UINT32)
#define PATH_LENGTH_BYTES sizeof(UINT16)
#define NODE_BYTES sizeof(EFI_DEVICE_PATH)
#define FILE_CHARS_MAX 512

/* UEFI 2.10, 10.3.4: what gnu-efi has no name for. */
#define MESSAGING_SATA 0x12
#define MESSAGING_NVME 0x17
#define MESSAGING_URI 0x18
#define MESSAGING_SD 0x1a
#define MESSAGING_UFS 0x19
#define MESSAGING_EMMC 0x1d
#define MEDIA_FIRMWARE_FILE 6
#define MEDIA_FIRMWARE_VOLUME 7
#define HARDWARE_PCI 1
#define HARD_DRIVE_GPT 2

/* The bytes of a device path whose nodes add up to at most `bytes` and end
 * with an end node; 0 when they do not. */
static UINTN path_bytes(const UINT8 *data, UINTN bytes)
{
    UINTN at = 0;
    while (bytes - at >= NODE_BYTES) {
        EFI_DEVICE_PATH *node = (EFI_DEVICE_PATH *)(data + at);
        UINTN length = (UINTN)DevicePathNodeLength(node);
        if (length < NODE_BYTES || length > bytes - at)
            return 0;
        at += length;
        if (IsDevicePathEnd(node))
            return at;
    }
    return 0;
}

static BOOLEAN is_network(UINT8 subtype)
{
    return subtype == MSG_MAC_ADDR_DP || subtype == MSG_IPv4_DP ||
           subtype == MSG_IPv6_DP || subtype == MESSAGING_URI;
}

static BOOLEAN is_storage(UINT8 subtype)
{
    return subtype == MSG_ATAPI_DP || subtype == MSG_SCSI_DP ||
           subtype == MESSAGING_SATA || subtype == MESSAGING_NVME ||
           subtype == MESSAGING_SD || subtype == MESSAGING_UFS ||
           subtype == MESSAGING_EMMC;
}

BOOLEAN path_is_disk(EFI_DEVICE_PATH *path)
{
    BOOLEAN storage = FALSE, hardware = FALSE;
    for (EFI_DEVICE_PATH *node = path; !IsDevicePathEnd(node);
         node = NextDevicePathNode(node)) {
        UINT8 type = DevicePathType(node), subtype = DevicePathSubType(node);
        if (type == BBS_DEVICE_PATH)
            return FALSE; /* a BIOS boot: not from here */
        if (type == MESSAGING_DEVICE_PATH && is_network(subtype))
            return FALSE;
        if (type == MEDIA_DEVICE_PATH &&
            (subtype == MEDIA_CDROM_DP || subtype == MEDIA_FIRMWARE_FILE ||
             subtype == MEDIA_FIRMWARE_VOLUME))
            return FALSE;
        storage |= type == MESSAGING_DEVICE_PATH && is_storage(subtype);
        storage |= type == MEDIA_DEVICE_PATH && subtype == MEDIA_HARDDRIVE_DP;
        hardware |= type == HARDWARE_DEVICE_PATH && subtype == HARDWARE_PCI;
    }
    /* A virtio disk ends at its PCI function, as a network card's path would
     * before its MAC address. */
    return storage || hardware;
}

/* The file at the end of a path; NULL when it ends at a device. */
static CHAR16 *path_file(EFI_DEVICE_PATH *path)
{
    for (EFI_DEVICE_PATH *node = path; !IsDevicePathEnd(node);
         node = NextDevicePathNode(node)) {
        if (DevicePathType(node) != MEDIA_DEVICE_PATH ||
            DevicePathSubType(node) != MEDIA_FILEPATH_DP)
            continue;
        UINTN chars =
            ((UINTN)DevicePathNodeLength(node) - NODE_BYTES) / sizeof(CHAR16);
        CHAR16 *text = (CHAR16 *)((UINT8 *)node + NODE_BYTES);
        if (chars == 0 || chars > FILE_CHARS_MAX)
            return NULL;
        CHAR16 *copy = AllocateZeroPool((chars + 1) * sizeof(CHAR16));
        if (copy)
            CopyMem(copy, text, chars * sizeof(CHAR16));
        return copy;
    }
    return NULL;
}

BOOLEAN option_parse(UINT8 *value, UINTN bytes, struct boot_option *ret)
{
    UINT32 attributes = 0;
    UINT16 length = 0;
    ZeroMem(ret, sizeof(*ret));
    if (bytes < ATTRIBUTES_BYTES + PATH_LENGTH_BYTES + sizeof(CHAR16))
        return FALSE;
    CopyMem(&attributes, value, sizeof(attributes));
    CopyMem(&length, value + ATTRIBUTES_BYTES, sizeof(length));
    UINTN at = ATTRIBUTES_BYTES + PATH_LENGTH_BYTES;
    ret->description = (CHAR16 *)(value + at);
    while (bytes - at >= sizeof(CHAR16) && (value[at] || value[at + 1]))
        at += sizeof(CHAR16);
    if (bytes - at < sizeof(CHAR16))
        return FALSE; /* the description has no end */
    at += sizeof(CHAR16);
    if (length > bytes - at)
        return FALSE;
    UINTN path_length = path_bytes(value + at, length);
    if (path_length == 0)
        return FALSE;
    /* Nodes may lie at odd places in the entry. */
    ret->path = AllocateZeroPool(path_length);
    if (!ret->path)
        return FALSE;
    CopyMem(ret->path, value + at, path_length);
    ret->data = value + at + length;
    ret->data_bytes = bytes - at - length;
    ret->file = path_file(ret->path);
    ret->is_disk =
        (attributes & LOAD_OPTION_ACTIVE_FLAG) && path_is_disk(ret->path);
    /* Automatic entries carry the firmware's own mark there. */
    if (!ret->file)
        ret->data_bytes = 0;
    return TRUE;
}

void option_done(struct boot_option *option)
{
    if (option->path)
        FreePool(option->path);
    if (option->file)
        FreePool(option->file);
    ZeroMem(option, sizeof(*option));
}

static BOOLEAN same_drive(EFI_DEVICE_PATH *a, EFI_DEVICE_PATH *b)
{
    HARDDRIVE_DEVICE_PATH x, y;
    if ((UINTN)DevicePathNodeLength(a) < sizeof(x) ||
        (UINTN)DevicePathNodeLength(b) < sizeof(y))
        return FALSE;
    CopyMem(&x, a, sizeof(x));
    CopyMem(&y, b, sizeof(y));
    if (x.SignatureType != y.SignatureType || x.MBRType != y.MBRType ||
        CompareMem(x.Signature, y.Signature, sizeof(x.Signature)))
        return FALSE;
    /* A GPT partition's GUID says it all; an MBR's signature is the disk's. */
    return x.SignatureType == HARD_DRIVE_GPT ||
           (x.PartitionNumber == y.PartitionNumber &&
            x.PartitionStart == y.PartitionStart);
}

static BOOLEAN is_drive(EFI_DEVICE_PATH *node)
{
    return DevicePathType(node) == MEDIA_DEVICE_PATH &&
           DevicePathSubType(node) == MEDIA_HARDDRIVE_DP;
}

static BOOLEAN same_node(EFI_DEVICE_PATH *a, EFI_DEVICE_PATH *b)
{
    UINTN length = (UINTN)DevicePathNodeLength(a);
    return length == (UINTN)DevicePathNodeLength(b) &&
           !CompareMem(a, b, length);
}

BOOLEAN option_fits(const struct boot_option *option, EFI_DEVICE_PATH *place)
{
    EFI_DEVICE_PATH *wanted = option->path, *node = place;
    if (is_drive(wanted)) { /* the short form: a partition, wherever it is */
        for (; !IsDevicePathEnd(node); node = NextDevicePathNode(node))
            if (is_drive(node) && same_drive(wanted, node))
                return TRUE;
        return FALSE;
    }
    for (; !IsDevicePathEnd(wanted) && !IsDevicePathEnd(node);
         wanted = NextDevicePathNode(wanted), node = NextDevicePathNode(node))
        if (!same_node(wanted, node))
            break;
    /* Everything but the file has to be on the way to the volume. */
    return IsDevicePathEnd(wanted) ||
           (DevicePathType(wanted) == MEDIA_DEVICE_PATH &&
            DevicePathSubType(wanted) == MEDIA_FILEPATH_DP);
}
