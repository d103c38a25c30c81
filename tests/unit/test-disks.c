/* SPDX-License-Identifier: Apache-2.0 */
/* Disks as a made-up sysfs shows them. */
#include "core/engine/disks/disks.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "core/util/json.h"

#define PROBE_MS 10000

static char root[300];

static char *under(const char *path, char out[1024])
{
    (void)snprintf(out, 1024, "%s/%s", root, path);
    return out;
}

/* Makes the folders of `path` and the file with `text`. */
static void put(const char *path, const char *text)
{
    char full[1024];
    (void)under(path, full);
    for (char *at = full + strlen(root) + 1; (at = strchr(at, '/')); at++) {
        *at = '\0';
        (void)mkdir(full, 0755);
        *at = '/';
    }
    FILE *file = fopen(full, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

/* A disk of `mib` MiB whose device lies at `place` below /sys/devices; its
 * content is as large, unless `content` says there is none. */
static void add_disk(const char *name, const char *place, unsigned mib,
                     bool content)
{
    char path[400], number[32], target[500], from[1024];
    (void)snprintf(number, sizeof(number), "%u\n", mib * 2048);
    (void)snprintf(path, sizeof(path), "sys/devices/%s/block/%s/size", place,
                   name);
    put(path, number);
    (void)snprintf(path, sizeof(path), "sys/block/%s", name);
    put("sys/block/.keep", "");
    (void)snprintf(target, sizeof(target), "../devices/%s/block/%s", place,
                   name);
    assert_int_equal(symlink(target, under(path, from)), 0);
    (void)snprintf(path, sizeof(path), "dev/%s", name);
    put(path, "");
    if (content)
        assert_int_equal(truncate(under(path, from), (off_t)mib << 20), 0);
}

static int set_up(void **state)
{
    static unsigned count;
    const char *folder = getenv("TEST_DIR");
    (void)state;
    (void)snprintf(root, sizeof(root), "%s/machine%u", folder ? folder : "/tmp",
                   count++);
    assert_int_equal(mkdir(root, 0755), 0);
    put("sys/block/.keep", "");
    return 0;
}

static void disks_have_stable_facts(void **state)
{
    struct disk_list list;
    (void)state;
    add_disk("sda", "pci0000:00/0000:00:1f.2/ata3/host2/target2:0:0/2:0:0:0", 4,
             true);
    put("sys/block/sda/device/model", "FINE DISK       \n");
    put("sys/block/sda/device/wwid", "naa.5000c500a1b2c3d4\n");
    put("sys/block/sda/device/vpd_pg80", "");
    put("sys/block/sda/queue/rotational", "1\n");
    put("sys/block/sda/queue/logical_block_size", "512\n");
    put("sys/block/sda/queue/physical_block_size", "4096\n");
    add_disk("vda", "pci0000:00/0000:00:02.0/virtio1", 2, true);
    put("sys/block/vda/serial", "VM-DISK");
    add_disk("nvme0n1", "pci0000:00/0000:00:01.0/0000:01:00.0/nvme/nvme0", 8,
             true);
    put("sys/block/nvme0n1/device/serial", "  NV\x01"
                                           "1 \n");
    assert_int_equal(disks_scan(root, PROBE_MS, &list, NULL), 0);
    assert_int_equal(list.count, 3);
    /* Sorted by bus path, not by the kernel's names. */
    assert_string_equal(list.disks[0].name, "vda");
    assert_string_equal(list.disks[0].path, "pci-0000:00:02.0");
    assert_string_equal(list.disks[0].transport, "virtio");
    assert_string_equal(list.disks[0].serial, "VM-DISK");
    assert_string_equal(list.disks[1].name, "sda");
    assert_string_equal(list.disks[1].path,
                        "pci-0000:00:1f.2-ata-3-scsi-0:0:0");
    assert_string_equal(list.disks[1].transport, "sata");
    assert_string_equal(list.disks[1].model, "FINE DISK");
    assert_string_equal(list.disks[1].wwn, "naa.5000c500a1b2c3d4");
    assert_int_equal(list.disks[1].physical_sector_bytes, 4096);
    assert_true(list.disks[1].rotational);
    assert_string_equal(list.disks[2].path, "pci-0000:01:00.0-nvme-1");
    assert_string_equal(list.disks[2].serial, "NV?1");
    assert_int_equal(list.disks[2].size_bytes, 8 << 20);
    for (size_t i = 0; i < list.count; i++)
        assert_false(list.disks[i].unreadable);
    disk_list_done(&list);
}

/* "model" at word 27 and "firmware" at word 23, two letters a word. */
static void put_identity(const char *path, const char *model,
                         const char *firmware)
{
    uint8_t page[60 + 512] = {[1] = 0x89, [2] = 2, [3] = 0x38, [56] = 0xec};
    char full[1024];
    memset(page + 60 + 46, ' ', 48);
    for (size_t i = 0; model[i]; i++)
        page[60 + 54 + (i ^ 1)] = (uint8_t)model[i];
    for (size_t i = 0; firmware[i]; i++)
        page[60 + 46 + (i ^ 1)] = (uint8_t)firmware[i];
    put(path, "");
    FILE *file = fopen(under(path, full), "w");
    assert_non_null(file);
    assert_int_equal(fwrite(page, sizeof(page), 1, file), 1);
    assert_int_equal(fclose(file), 0);
}

/* The kernel's SCSI name of it ends after 16 letters. */
static void an_ata_disk_has_its_whole_model_and_firmware(void **state)
{
    struct disk_list list;
    (void)state;
    add_disk("sda", "pci0000:00/0000:00:1f.2/ata1/host0/target0:0:0/0:0:0:0", 1,
             true);
    put("sys/block/sda/device/vendor", "ATA     \n");
    put("sys/block/sda/device/model", "Acme Spinning Di\n");
    put("sys/block/sda/device/rev", "2345\n");
    put_identity("sys/block/sda/device/vpd_pg89",
                 "Acme Spinning Disk 4000 Deluxe", "R012345");
    assert_int_equal(disks_scan(root, PROBE_MS, &list, NULL), 0);
    assert_int_equal(list.count, 1);
    assert_string_equal(list.disks[0].vendor, "");
    assert_string_equal(list.disks[0].model, "Acme Spinning Disk 4000 Deluxe");
    assert_string_equal(list.disks[0].firmware, "R012345");
    disk_list_done(&list);
}

static void a_usb_disk_without_a_serial_has_its_bridges(void **state)
{
    struct disk_list list;
    (void)state;
    add_disk("sda",
             "pci0000:00/0000:00:06.0/usb2/2-1/2-1:1.0/host1/target1:0:0/"
             "1:0:0:0",
             1, true);
    put("sys/devices/pci0000:00/0000:00:06.0/usb2/2-1/idVendor", "46f4\n");
    put("sys/devices/pci0000:00/0000:00:06.0/usb2/2-1/serial", "USB-0001\n");
    put("sys/devices/pci0000:00/0000:00:06.0/usb2/idVendor", "1d6b\n");
    put("sys/devices/pci0000:00/0000:00:06.0/usb2/serial", "the hub\n");
    put("sys/block/sda/device/vendor", "QEMU\n");
    assert_int_equal(disks_scan(root, PROBE_MS, &list, NULL), 0);
    assert_int_equal(list.count, 1);
    assert_string_equal(list.disks[0].vendor, "QEMU");
    assert_string_equal(list.disks[0].serial, "USB-0001");
    disk_list_done(&list);
}

static void what_is_no_disk_is_left_out(void **state)
{
    static const char *const names[] = {"loop0", "ram0",  "sr0",
                                        "dm-0",  "md127", "mmcblk0boot0"};
    struct disk_list list;
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(names); i++)
        add_disk(names[i], "virtual", 1, true);
    add_disk("sdb", "pci0000:00/0000:00:05.0/virtio2", 0, true);
    assert_int_equal(disks_scan(root, PROBE_MS, &list, NULL), 0);
    assert_int_equal(list.count, 0);
    disk_list_done(&list);
}

static void a_disk_that_cannot_be_read_is_a_finding(void **state)
{
    struct disk_list list;
    (void)state;
    add_disk("vda", "pci0000:00/0000:00:02.0/virtio1", 2, false);
    add_disk("vdb", "pci0000:00/0000:00:03.0/virtio2", 2, true);
    assert_int_equal(disks_scan(root, PROBE_MS, &list, NULL), 0);
    assert_int_equal(list.count, 2);
    assert_true(list.disks[0].unreadable);
    assert_false(list.disks[0].silent); /* it errs, and at once */
    assert_non_null(strstr(list.disks[0].finding, "cannot be read"));
    assert_false(list.disks[1].unreadable);
    AUTO_JSON *json = disk_json(&list.disks[0]);
    assert_non_null(json_object_get(json, "finding"));
    disk_list_done(&list);
}

/* A pipe that nobody writes to hangs its reader for ever, as a dying disk
 * does. */
static void a_disk_that_hangs_is_a_finding(void **state)
{
    struct disk_list list;
    char path[1024];
    (void)state;
    add_disk("vda", "pci0000:00/0000:00:02.0/virtio1", 2, true);
    assert_int_equal(unlink(under("dev/vda", path)), 0);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(disks_scan(root, 300, &list, NULL), 0);
    assert_int_equal(list.count, 1);
    assert_true(list.disks[0].unreadable);
    assert_true(list.disks[0].silent);
    assert_non_null(strstr(list.disks[0].finding, "within"));
    disk_list_done(&list);
}

static void no_disk_is_no_error(void **state)
{
    struct disk_list list;
    (void)state;
    assert_int_equal(disks_scan(root, PROBE_MS, &list, NULL), 0);
    assert_int_equal(list.count, 0);
    disk_list_done(&list);
}

static void files_can_be_disks(void **state)
{
    struct disk_list list = {NULL, 0};
    struct err err = ERR_INIT;
    char path[1024];
    (void)state;
    put("plain.img", "0123456789");
    assert_int_equal(
        disks_add_file(&list, under("plain.img", path), 4096, NULL), 0);
    assert_int_equal(list.count, 1);
    assert_int_equal(list.disks[0].size_bytes, 10);
    assert_int_equal(list.disks[0].logical_sector_bytes, 4096);
    assert_string_equal(list.disks[0].transport, "file");
    assert_int_equal(disks_add_file(&list, root, 512, &err), ERR_INVALID);
    assert_int_equal(disks_add_file(&list, "/nonexistent", 512, &err), ERR_IO);
    disk_list_done(&list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(disks_have_stable_facts, set_up),
        cmocka_unit_test_setup(
            an_ata_disk_has_its_whole_model_and_firmware, set_up),
        cmocka_unit_test_setup(
            a_usb_disk_without_a_serial_has_its_bridges, set_up),
        cmocka_unit_test_setup(what_is_no_disk_is_left_out, set_up),
        cmocka_unit_test_setup(a_disk_that_cannot_be_read_is_a_finding, set_up),
        cmocka_unit_test_setup(a_disk_that_hangs_is_a_finding, set_up),
        cmocka_unit_test_setup(no_disk_is_no_error, set_up),
        cmocka_unit_test_setup(files_can_be_disks, set_up),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
