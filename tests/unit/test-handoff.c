/* SPDX-License-Identifier: Apache-2.0 */
/* Leaving: words, boot entries, and the EFI system partition of a GPT. */
#include "core/engine/handoff/handoff.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "core/engine/handoff/efi-variables.h"
#include "core/engine/handoff/handoff-efi.h"
#include "core/engine/init/init-devices.h"
#include "core/engine/init/init.h"
#include "core/util/bytes.h"
#include "core/util/file.h"

#define DISK_SECTORS 4096
#define ENTRY_BYTES 128
#define ENTRIES 128

static void words_mean_methods(void **state)
{
    static const enum handoff_method methods[] = {
        HANDOFF_FIRMWARE, HANDOFF_KEXEC, HANDOFF_REBOOT, HANDOFF_POWEROFF,
        HANDOFF_STAY};
    enum handoff_method method = HANDOFF_STAY;
    struct err err = ERR_INIT;
    (void)state;
    assert_int_equal(handoff_parse("boot-disk", &method, NULL), 0);
    assert_int_equal(method, HANDOFF_FIRMWARE);
    for (size_t i = 0; i < ARRAY_LENGTH(methods); i++) {
        assert_int_equal(handoff_parse(handoff_word(methods[i]), &method, NULL),
                         0);
        assert_int_equal(method, methods[i]);
    }
    assert_int_equal(handoff_parse("fly", &method, &err), ERR_UNSUPPORTED);
    assert_non_null(strstr(err.text, "'fly'"));
}

struct waiting {
    struct loop *loop;
    struct handoff_way way;
};

static void on_way(void *arg, const struct handoff_way *way)
{
    struct waiting *waiting = arg;
    waiting->way = *way;
    loop_stop(waiting->loop);
}

/* How a machine would be left that has this disk. */
static struct handoff_way way_of(enum handoff_method method, bool try_kexec,
                                 const char *disk)
{
    struct handoff handoff = {.method = method, .try_kexec = try_kexec};
    struct waiting waiting = {.loop = loop_new(&seam_real, NULL)};
    (void)snprintf(handoff.disk_node, sizeof(handoff.disk_node), "%s", disk);
    struct handoff_preparing *preparing =
        handoff_prepare(waiting.loop, &handoff, on_way, &waiting, NULL);
    assert_non_null(preparing);
    loop_run(waiting.loop);
    handoff_preparing_free(preparing);
    loop_free(waiting.loop);
    return waiting.way;
}

static void a_plain_file_has_nothing_to_boot(void **state)
{
    struct handoff_way way = way_of(HANDOFF_FIRMWARE, false, "/tmp/disk.img");
    struct err err = ERR_INIT;
    (void)state;
    assert_int_equal(way.method, HANDOFF_FIRMWARE);
    assert_non_null(strstr(way.note, "plain file"));
    way = way_of(HANDOFF_FIRMWARE, false, "");
    assert_non_null(strstr(way.note, "no disk was installed"));
    /* Not PID 1 here: nobody may reset this machine. */
    assert_int_equal(handoff_go(HANDOFF_REBOOT, &err), ERR_DENIED);
    assert_int_equal(handoff_go(HANDOFF_KEXEC, &err), ERR_DENIED);
}

static void ways_that_need_no_disk(void **state)
{
    static const enum handoff_method methods[] = {
        HANDOFF_REBOOT, HANDOFF_POWEROFF, HANDOFF_STAY};
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(methods); i++) {
        struct handoff_way way = way_of(methods[i], true, "/dev/none");
        assert_int_equal(way.method, methods[i]);
        assert_false(way.failed);
        assert_true(way.note[0]);
    }
}

/* Allowed, it falls back; demanded, it is a failure.  Both say why. */
static void kexec_without_a_kernel(void **state)
{
    struct handoff_way way = way_of(HANDOFF_FIRMWARE, true, "");
    (void)state;
    assert_int_equal(way.method, HANDOFF_FIRMWARE);
    assert_false(way.failed);
    assert_non_null(strstr(way.note, "not by kexec because no disk was"));
    assert_non_null(strstr(way.note, "by the firmware instead"));
    way = way_of(HANDOFF_KEXEC, false, "/tmp/disk.img");
    assert_int_equal(way.method, HANDOFF_FIRMWARE);
    assert_true(way.failed);
    assert_non_null(strstr(way.note, "plain file"));
}

static const struct efi_loader loader = {
    .number = 2,
    .start_sector = 2048,
    .size_sectors = 131072,
    .guid = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16},
    .path = "\\EFI\\BOOT\\BOOTX64.EFI",
};

static void a_boot_entry_is_what_firmware_reads(void **state)
{
    uint8_t option[EFI_ENTRY_MAX];
    size_t length = 0;
    (void)state;
    assert_int_equal(
        efi_load_option(&loader, "Slipway: lab-01", option, &length, NULL), 0);
    assert_int_equal(get_le32(option), 1);
    const size_t text_bytes = 2 * (strlen("Slipway: lab-01") + 1);
    const size_t file_bytes = 4 + 2 * (strlen(loader.path) + 1);
    assert_int_equal(get_le16(option + 4), 42 + file_bytes + 4);
    assert_int_equal(length, 6 + text_bytes + 42 + file_bytes + 4);
    assert_int_equal(option[6], 'S');
    assert_int_equal(option[7], 0);
    const uint8_t *drive = option + 6 + text_bytes;
    assert_int_equal(drive[0], 4);
    assert_int_equal(drive[1], 1);
    assert_int_equal(get_le16(drive + 2), 42);
    assert_int_equal(get_le32(drive + 4), 2);
    assert_int_equal(get_le64(drive + 8), 2048);
    assert_int_equal(get_le64(drive + 16), 131072);
    assert_memory_equal(drive + 24, loader.guid, 16);
    assert_int_equal(drive[40], 2);
    assert_int_equal(drive[41], 2);
    assert_int_equal(drive[42], 4);
    assert_int_equal(drive[43], 4);
    assert_int_equal(drive[46], '\\');
    static const uint8_t end[4] = {0x7f, 0xff, 4, 0};
    assert_memory_equal(option + length - 4, end, 4);
}

static void entries_are_known_by_their_name(void **state)
{
    uint8_t option[EFI_ENTRY_MAX];
    size_t length = 0;
    char name[2000];
    (void)state;
    assert_int_equal(
        efi_load_option(&loader, "Slipway: lab-01", option, &length, NULL), 0);
    assert_true(efi_option_named(option, length, "Slipway: lab-01"));
    assert_false(efi_option_named(option, length, "Slipway: lab-0"));
    assert_false(efi_option_named(option, length, "Slipway: lab-011"));
    assert_false(efi_option_named(option, 5, "Slipway: lab-01"));
    assert_false(efi_option_named(option, 10, "Slipway: lab-01"));
    memset(name, 'x', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    assert_int_equal(efi_load_option(&loader, name, option, &length, NULL),
                     ERR_TOO_BIG);
}

/* CRC-32 as GPT has it (UEFI 2.10, 5.3.2). */
static uint32_t crc32(const uint8_t *data, size_t length)
{
    uint32_t crc = UINT32_MAX;
    for (size_t i = 0; i < length; i++) {
        crc ^= data[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc & 1 ? crc >> 1 ^ 0xedb88320u : crc >> 1;
    }
    return ~crc;
}

/* A disk with one partition at sector 64 whose type is `type`. */
static int make_disk(const uint8_t type[16], size_t sector_bytes)
{
    static uint8_t entries[ENTRIES * ENTRY_BYTES];
    uint8_t mbr[512] = {0}, header[92] = "EFI PART";
    int fd = memfd_create("disk", MFD_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, (off_t)(DISK_SECTORS * sector_bytes)), 0);
    mbr[446 + 4] = 0xee;
    put_le32(mbr + 446 + 8, 1);
    put_le32(mbr + 446 + 12, DISK_SECTORS - 1);
    mbr[510] = 0x55;
    mbr[511] = 0xaa;
    memset(entries, 0, sizeof(entries));
    memcpy(entries, type, 16);
    memcpy(entries + 16, loader.guid, 16);
    put_le64(entries + 32, 64);
    put_le64(entries + 40, 64 + 1000 - 1);
    put_le32(header + 8, 0x10000);
    put_le32(header + 12, sizeof(header));
    put_le64(header + 24, 1);
    put_le64(header + 32, DISK_SECTORS - 1);
    put_le64(header + 40, 34);
    put_le64(header + 48, DISK_SECTORS - 34);
    put_le64(header + 72, 2);
    put_le32(header + 80, ENTRIES);
    put_le32(header + 84, ENTRY_BYTES);
    put_le32(header + 88, crc32(entries, sizeof(entries)));
    put_le32(header + 16, crc32(header, sizeof(header)));
    assert_int_equal(file_pwrite_all(fd, mbr, sizeof(mbr), 0, NULL), 0);
    assert_int_equal(
        file_pwrite_all(fd, header, sizeof(header), sector_bytes, NULL), 0);
    assert_int_equal(
        file_pwrite_all(fd, entries, sizeof(entries), 2 * sector_bytes, NULL),
        0);
    return fd;
}

static const uint8_t esp_type[16] = {0x28, 0x73, 0x2a, 0xc1, 0x1f, 0xf8,
                                     0xd2, 0x11, 0xba, 0x4b, 0x00, 0xa0,
                                     0xc9, 0x3e, 0xc9, 0x3b};

static void the_system_partition_is_found(void **state)
{
    struct efi_loader found;
    (void)state;
    AUTO_CLOSE int fd = make_disk(esp_type, 512);
    assert_int_equal(efi_find_partition(fd, 512, &found, NULL), 0);
    assert_int_equal(found.number, 1);
    assert_int_equal(found.start_sector, 64);
    assert_int_equal(found.size_sectors, 1000);
    assert_memory_equal(found.guid, loader.guid, 16);
}

static void a_disk_without_one_is_told(void **state)
{
    static const uint8_t linux_type[16] = {0xaf, 0x3d, 0xc6, 0x0f};
    struct efi_loader found;
    struct err err = ERR_INIT;
    (void)state;
    AUTO_CLOSE int other = make_disk(linux_type, 512);
    assert_int_equal(efi_find_partition(other, 512, &found, &err),
                     ERR_NOT_FOUND);
    assert_non_null(strstr(err.text, "EFI system partition"));
    AUTO_CLOSE int empty = memfd_create("empty", MFD_CLOEXEC);
    assert_int_equal(ftruncate(empty, 1 << 20), 0);
    assert_int_equal(efi_find_partition(empty, 512, &found, &err),
                     ERR_NOT_FOUND);
    assert_int_equal(efi_find_partition(empty, 100, &found, &err), ERR_INVALID);
}

static size_t variable(int folder, const char *name, uint8_t out[600])
{
    char file[100];
    (void)snprintf(file, sizeof(file),
                   "%s-8be4df61-93ca-11d2-aa0d-00e098032b8c", name);
    AUTO_CLOSE int fd = openat(folder, file, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd >= 0 ? read(fd, out, 600) : 0;
    assert_true(got >= 0);
    return (size_t)got;
}

static void there_is_one_entry_however_often(void **state)
{
    char path[300];
    uint8_t option[EFI_ENTRY_MAX], value[600];
    size_t length = 0;
    uint16_t number = 0xffff;
    const char *top = getenv("TEST_DIR");
    (void)state;
    (void)snprintf(path, sizeof(path), "%s/efivars", top ? top : "/tmp");
    assert_int_equal(mkdir(path, 0700), 0);
    AUTO_CLOSE int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(folder >= 0);
    assert_false(efi_variables_writable(folder)); /* no efivarfs */
    assert_int_equal(efi_load_option(&loader, "Other", option, &length, NULL),
                     0);
    assert_int_equal(
        efi_variable_write(folder, "Boot0000", option, length, NULL), 0);
    assert_int_equal(efi_variable_write(folder, "BootOrder", "\0\0", 2, NULL),
                     0);
    assert_int_equal(
        efi_load_option(&loader, "Slipway: lab-01", option, &length, NULL), 0);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(efi_store_entry(folder, "Slipway: lab-01", option,
                                         length, &number, NULL),
                         0);
        assert_int_equal(number, 1);
        assert_int_equal(variable(folder, "Boot0001", value), length + 4);
        assert_memory_equal(value, "\7\0\0\0", 4);
        assert_memory_equal(value + 4, option, length);
        assert_int_equal(variable(folder, "BootOrder", value), 4 + 4);
        assert_memory_equal(value + 4, "\0\0\1\0", 4);
        assert_int_equal(variable(folder, "BootNext", value), 4 + 2);
        assert_memory_equal(value + 4, "\1\0", 2);
        assert_int_equal(variable(folder, "Boot0002", value), 0);
    }
}

static void the_command_line_is_read_by_words(void **state)
{
    static const char line[] =
        "quiet slipway.server=10.0.0.1:7443 xslipway.ticket=no "
        "slipway.ticket=abc\n";
    char value[32];
    (void)state;
    assert_int_equal(
        init_parameter(line, "slipway.server", value, sizeof(value)), 0);
    assert_string_equal(value, "10.0.0.1:7443");
    assert_int_equal(
        init_parameter(line, "slipway.ticket", value, sizeof(value)), 0);
    assert_string_equal(value, "abc");
    assert_int_equal(init_parameter(line, "slipway", value, sizeof(value)), -1);
    assert_int_equal(init_parameter("", "quiet", value, sizeof(value)), -1);
}

static void uevents_are_read_by_key(void **state)
{
    static const char event[] = "add@/devices/x\0ACTION=add\0"
                                "MODALIAS=pci:v1\0SEQNUM=7";
    (void)state;
    assert_string_equal(uevent_value(event, sizeof(event), "MODALIAS"),
                        "pci:v1");
    assert_null(uevent_value(event, sizeof(event), "MODALIA"));
    assert_null(uevent_value(event, sizeof(event), "DEVPATH"));
    /* Without its last NUL it is not the kernel's. */
    assert_null(uevent_value(event, sizeof(event) - 1, "SEQNUM"));
    assert_null(uevent_value(event, 0, "ACTION"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_mean_methods),
        cmocka_unit_test(a_plain_file_has_nothing_to_boot),
        cmocka_unit_test(ways_that_need_no_disk),
        cmocka_unit_test(kexec_without_a_kernel),
        cmocka_unit_test(a_boot_entry_is_what_firmware_reads),
        cmocka_unit_test(entries_are_known_by_their_name),
        cmocka_unit_test(the_system_partition_is_found),
        cmocka_unit_test(a_disk_without_one_is_told),
        cmocka_unit_test(there_is_one_entry_however_often),
        cmocka_unit_test(the_command_line_is_read_by_words),
        cmocka_unit_test(uevents_are_read_by_key),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
