/* SPDX-License-Identifier: Apache-2.0 */
/* Asking a disk: through the kernel's NVMe and SCSI doors, reading only. */
#include "health.h"

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>

#include <linux/nvme_ioctl.h>
#include <scsi/sg.h>

#define ASK_LIMIT_MS 5000 /* of one command; the kernel may add its resets */

#define NVME_GET_LOG_PAGE 0x02
#define NVME_LOG_HEALTH 0x02
#define NVME_ALL_NAMESPACES 0xffffffffu

#define SCSI_INQUIRY 0x12
#define SCSI_LOG_SENSE 0x4d
#define SCSI_LOG_EXCEPTIONS 0x2f
#define SCSI_CUMULATIVE 0x40 /* of the values that a log page may hold */
#define SCSI_INQUIRY_BYTES 36
#define SCSI_VENDOR 8
#define SCSI_CHECK_CONDITION 2

/* ATA PASS-THROUGH (16) (SAT-4 12.2.2) and ATA's SMART (ACS-3 7.47). */
#define ATA_PASS_THROUGH_16 0x85
#define ATA_NO_DATA (3 << 1)
#define ATA_PIO_IN (4 << 1)
#define ATA_RETURN_REGISTERS 0x20
#define ATA_IN_BLOCKS_BY_COUNT 0x0e
#define ATA_SMART 0xb0
#define SMART_READ_DATA 0xd0
#define SMART_READ_LIMITS 0xd1
#define SMART_STATUS 0xda
#define SMART_KEY_MID 0x4f /* the registers must hold this ... */
#define SMART_KEY_HIGH 0xc2
#define SMART_FAILING_MID 0xf4 /* ... and come back so from a failing disk */
#define SMART_FAILING_HIGH 0x2c

static void ask_nvme(int fd, struct health_pages *pages)
{
    struct nvme_admin_cmd command = {
        .opcode = NVME_GET_LOG_PAGE,
        .nsid = NVME_ALL_NAMESPACES,
        .addr = (uint64_t)(uintptr_t)pages->nvme,
        .data_len = sizeof(pages->nvme),
        .cdw10 = NVME_LOG_HEALTH | (sizeof(pages->nvme) / 4 - 1) << 16,
        .timeout_ms = ASK_LIMIT_MS,
    };
    int rc = ioctl(fd, NVME_IOCTL_ADMIN_CMD, &command);
    if (rc)
        pages->error = rc < 0 ? errno : EIO; /* above 0: its status */
}

struct answer {
    uint8_t sense[32];
    unsigned length; /* of the data */
};

/* 0 = done, 1 = it has something to say in `sense`, or a negative errno. */
static int scsi(int fd, uint8_t *command, uint8_t command_length, void *data,
                unsigned length, struct answer *answer)
{
    struct sg_io_hdr io = {
        .interface_id = 'S',
        .dxfer_direction = data ? SG_DXFER_FROM_DEV : SG_DXFER_NONE,
        .cmd_len = command_length,
        .cmdp = command,
        .dxferp = data,
        .dxfer_len = length,
        .mx_sb_len = sizeof(answer->sense),
        .sbp = answer->sense,
        .timeout = ASK_LIMIT_MS,
    };
    memset(answer, 0, sizeof(*answer));
    if (ioctl(fd, SG_IO, &io) < 0)
        return -errno;
    if (io.host_status)
        return -EIO; /* no answer, or none in time */
    answer->length =
        length - ((unsigned)io.resid < length ? (unsigned)io.resid : length);
    return io.status == SCSI_CHECK_CONDITION || io.sb_len_wr ? 1
           : io.status                                       ? -EIO
                                                             : 0;
}

static int smart(int fd, uint8_t feature, void *data, struct answer *answer)
{
    uint8_t command[16] = {
        [0] = ATA_PASS_THROUGH_16,
        [1] = data ? ATA_PIO_IN : ATA_NO_DATA,
        [2] = data ? ATA_IN_BLOCKS_BY_COUNT : ATA_RETURN_REGISTERS,
        [4] = feature,
        [6] = data ? 1 : 0,
        [10] = SMART_KEY_MID,
        [12] = SMART_KEY_HIGH,
        [14] = ATA_SMART,
    };
    return scsi(fd, command, sizeof(command), data,
                data ? HEALTH_PAGE_BYTES : 0, answer);
}

/* The registers after SMART RETURN STATUS: a descriptor of type 9 (SAT-4
 * 12.2.2.7), or in fixed format the command-specific bytes. */
static unsigned verdict_of(const uint8_t sense[32])
{
    uint8_t mid = 0, high = 0;
    if ((sense[0] & 0x7f) == 0x72 && sense[8] == 0x09 && sense[9] == 0x0c) {
        mid = sense[17];
        high = sense[19];
    } else if ((sense[0] & 0x7f) == 0x70) {
        mid = sense[10];
        high = sense[11];
    }
    if (mid == SMART_KEY_MID && high == SMART_KEY_HIGH)
        return HEALTH_VERDICT_PASSED;
    if (mid == SMART_FAILING_MID && high == SMART_FAILING_HIGH)
        return HEALTH_VERDICT_FAILING;
    return HEALTH_VERDICT_NONE;
}

/* The bytes of a SMART page add up to nothing (ACS-3 table 143). */
static int read_page(int fd, uint8_t feature, uint8_t page[HEALTH_PAGE_BYTES])
{
    struct answer answer;
    uint8_t sum = 0;
    if (smart(fd, feature, page, &answer) != 0 ||
        answer.length != HEALTH_PAGE_BYTES)
        return 0;
    for (int i = 0; i < HEALTH_PAGE_BYTES; i++)
        sum = (uint8_t)(sum + page[i]);
    return sum == 0;
}

static void ask_ata(int fd, struct health_pages *pages)
{
    struct answer answer;
    int rc = smart(fd, SMART_STATUS, NULL, &answer);
    if (rc < 0) {
        pages->error = -rc;
        return;
    }
    pages->verdict = rc == 1 ? verdict_of(answer.sense) : HEALTH_VERDICT_NONE;
    pages->has_ata = read_page(fd, SMART_READ_DATA, pages->ata);
    pages->has_limits =
        pages->has_ata && read_page(fd, SMART_READ_LIMITS, pages->limits);
    if (!pages->has_ata && pages->verdict == HEALTH_VERDICT_NONE)
        pages->error = EOPNOTSUPP; /* switched off, or it has none */
}

static void ask_scsi(int fd, struct health_pages *pages)
{
    uint8_t command[10] = {[0] = SCSI_LOG_SENSE,
                           [2] = SCSI_CUMULATIVE | SCSI_LOG_EXCEPTIONS,
                           [7] = HEALTH_PAGE_BYTES >> 8,
                           [8] = HEALTH_PAGE_BYTES & 0xff};
    struct answer answer;
    int rc = scsi(fd, command, sizeof(command), pages->scsi,
                  sizeof(pages->scsi), &answer);
    if (rc < 0)
        pages->error = -rc;
    else if (rc == 1 || answer.length < 4 ||
             (pages->scsi[0] & 0x3f) != SCSI_LOG_EXCEPTIONS)
        pages->error = EOPNOTSUPP;
    else
        pages->scsi_length = answer.length;
}

/* Behind the kernel's SCSI names are ATA disks too: the kernel's own
 * translation calls the vendor "ATA", USB bridges say nothing and are tried. */
static int speaks_ata(int fd)
{
    uint8_t command[6] = {[0] = SCSI_INQUIRY, [4] = SCSI_INQUIRY_BYTES};
    uint8_t data[SCSI_INQUIRY_BYTES] = {0};
    struct answer answer;
    return scsi(fd, command, sizeof(command), data, sizeof(data), &answer) ==
               0 &&
           !memcmp(data + SCSI_VENDOR, "ATA     ", 8);
}

void health_ask(int fd, enum health_kind kind, struct health_pages *ret_pages)
{
    memset(ret_pages, 0, sizeof(*ret_pages));
    if (kind == HEALTH_SCSI && speaks_ata(fd))
        kind = HEALTH_ATA;
    ret_pages->kind = kind;
    if (kind == HEALTH_NVME)
        ask_nvme(fd, ret_pages);
    else if (kind == HEALTH_ATA)
        ask_ata(fd, ret_pages);
    else
        ask_scsi(fd, ret_pages);
    if (kind != HEALTH_ATA || !ret_pages->error)
        return;
    /* A bridge between USB and ATA that only seemed to be one. */
    ret_pages->error = 0;
    ret_pages->kind = HEALTH_SCSI;
    ask_scsi(fd, ret_pages);
}

enum health_kind health_kind_of(const struct slipway_disk *disk)
{
    if (!strncmp(disk->name, "nvme", 4))
        return HEALTH_NVME;
    if (strncmp(disk->name, "sd", 2) != 0)
        return HEALTH_NONE;
    return strcmp(disk->transport, "usb") ? HEALTH_SCSI : HEALTH_ATA;
}
