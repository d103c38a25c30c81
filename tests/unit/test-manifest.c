/* SPDX-License-Identifier: Apache-2.0 */
/* Manifests, and the partition tables that they summarise. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/image/manifest.h"
#include "core/util/bytes.h"

#define SECTOR 512
#define DISK_BYTES ((size_t)4 << 20)

static void crc_into(uint8_t *at, const uint8_t *data, size_t length)
{
    uint32_t crc = 0xffffffff;
    for (size_t i = 0; i < length; i++) {
        crc ^= data[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc & 1 ? (crc >> 1) ^ 0xedb88320 : crc >> 1;
    }
    put_le32(at, ~crc);
}

/* A GPT as sgdisk makes it: ESP, then two Linux file systems. */
static void gpt_entry(uint8_t *entry, const uint8_t type[16], uint64_t first,
                      uint64_t last, const char *name)
{
    memcpy(entry, type, 16);
    entry[16] = (uint8_t)first; /* some unique GUID */
    put_le64(entry + 32, first);
    put_le64(entry + 40, last);
    for (size_t i = 0; name[i]; i++)
        put_le16(entry + 56 + 2 * i, (uint8_t)name[i]);
}

static const uint8_t type_esp[16] = {0x28, 0x73, 0x2a, 0xc1, 0x1f, 0xf8,
                                     0xd2, 0x11, 0xba, 0x4b, 0x00, 0xa0,
                                     0xc9, 0x3e, 0xc9, 0x3b};
static const uint8_t type_linux[16] = {0xaf, 0x3d, 0xc6, 0x0f, 0x83, 0x84,
                                       0x72, 0x47, 0x8e, 0x79, 0x3d, 0x69,
                                       0xd8, 0x47, 0x7d, 0xe4};
static const uint8_t type_root[16] = {0xe3, 0xbc, 0x68, 0x4f, 0xcd, 0xe8,
                                      0xb1, 0x4d, 0x96, 0xe7, 0xfb, 0xca,
                                      0xf9, 0x84, 0xb7, 0x09};

static void gpt_checksums(uint8_t *disk, uint32_t sector)
{
    uint8_t *header = disk + sector;
    crc_into(header + 88, disk + 2 * (size_t)sector, 128 * 128);
    put_le32(header + 16, 0);
    uint8_t crc[4];
    crc_into(crc, header, 92);
    memcpy(header + 16, crc, 4);
}

static void put_ext4(uint8_t *disk, uint64_t start, const char *last_mounted)
{
    uint8_t *sb = disk + start + 1024;
    put_le16(sb + 56, 0xef53);
    put_le32(sb + 0x60, 0x40 | 0x80);
    memcpy(sb + 136, last_mounted, strlen(last_mounted) + 1);
}

static uint8_t *gpt_disk(uint32_t sector)
{
    uint8_t *disk = calloc(1, DISK_BYTES);
    assert_non_null(disk);
    put_le16(disk + 510, 0xaa55);
    disk[446 + 4] = 0xee;
    put_le32(disk + 446 + 8, 1);
    put_le32(disk + 446 + 12, DISK_BYTES / sector - 1);
    uint8_t *header = disk + sector;
    memcpy(header, "EFI PART", 8);
    put_le32(header + 8, 0x10000);
    put_le32(header + 12, 92);
    put_le64(header + 24, 1);
    put_le64(header + 72, 2);
    put_le32(header + 80, 128);
    put_le32(header + 84, 128);
    uint8_t *entries = disk + 2 * (size_t)sector;
    uint64_t unit = (1 << 20) / sector;
    gpt_entry(entries, type_esp, unit, unit + 99, "esp");
    gpt_entry(entries + 128, type_linux, unit + 200, unit + 299, "r\xe9ot");
    gpt_entry(entries + 256, type_linux, unit + 300, unit + 499, "data");
    gpt_checksums(disk, sector);
    memcpy(disk + (1 << 20) + 82, "FAT32", 5);
    put_ext4(disk, (unit + 200) * sector, "/");
    put_ext4(disk, (unit + 300) * sector, "/home");
    return disk;
}

static int read_memory(void *arg, void *data, size_t length, uint64_t offset,
                       struct err *err)
{
    if (offset > DISK_BYTES || length > DISK_BYTES - offset)
        return err_set(err, ERR_INVALID, "behind the end");
    memcpy(data, (uint8_t *)arg + offset, length);
    return 0;
}

static int look(uint8_t *disk, uint32_t sector, struct partitions *ret,
                struct err *err)
{
    return partitions_read(read_memory, disk, DISK_BYTES, sector, ret, err);
}

static void gpt_is_understood(void **state)
{
    (void)state;
    struct partitions p;
    uint8_t *disk = gpt_disk(SECTOR);
    assert_int_equal(look(disk, SECTOR, &p, NULL), 0);
    assert_string_equal(p.table, "gpt");
    assert_int_equal(p.count, 3);
    assert_int_equal(p.esp, 1);
    assert_int_equal(p.root, 2); /* last mounted on / */
    assert_true(p.boots_uefi);
    assert_false(p.boots_bios);
    assert_string_equal(p.list[0].type, "c12a7328-f81f-11d2-ba4b-00a0c93ec93b");
    assert_string_equal(p.list[0].file_system, "vfat");
    assert_string_equal(p.list[1].file_system, "ext4");
    assert_string_equal(p.list[1].name, "r\xc3\xa9ot");
    assert_int_equal(p.list[1].start_bytes, (1 << 20) + 200 * SECTOR);
    assert_int_equal(p.list[1].length_bytes, 100 * SECTOR);
    assert_ptr_equal(partitions_find(&p, 3), &p.list[2]);
    assert_null(partitions_find(&p, 4));
    /* A partition that says it is the root is believed first. */
    memcpy(disk + 2 * SECTOR + 256, type_root, 16);
    gpt_checksums(disk, SECTOR);
    assert_int_equal(look(disk, SECTOR, &p, NULL), 0);
    assert_int_equal(p.root, 3);
    free(disk);
}

static void gpt_of_another_sector_size_is_named(void **state)
{
    (void)state;
    struct partitions p;
    struct err err;
    uint8_t *disk = gpt_disk(4096);
    assert_int_equal(look(disk, 4096, &p, NULL), 0);
    assert_int_equal(p.count, 3);
    assert_int_equal(look(disk, SECTOR, &p, &err), ERR_INVALID);
    assert_non_null(strstr(err.text, "sectors of 4096 bytes, not 512"));
    free(disk);
}

static void damaged_gpt_is_refused(void **state)
{
    (void)state;
    struct partitions p;
    uint8_t *disk = gpt_disk(SECTOR);
    static const size_t at[] = {SECTOR, SECTOR + 20, SECTOR + 73,
                                2 * SECTOR + 33, 2 * SECTOR + 5000};
    for (size_t i = 0; i < ARRAY_LENGTH(at); i++) {
        disk[at[i]] ^= 0x20;
        assert_int_equal(look(disk, SECTOR, &p, NULL), ERR_CORRUPT);
        disk[at[i]] ^= 0x20;
    }
    put_le64(disk + 2 * SECTOR + 40, DISK_BYTES / SECTOR);
    gpt_checksums(disk, SECTOR);
    assert_int_equal(look(disk, SECTOR, &p, NULL), ERR_CORRUPT);
    free(disk);
}

static void mbr_is_understood(void **state)
{
    (void)state;
    struct partitions p;
    uint8_t *disk = calloc(1, DISK_BYTES);
    put_le16(disk + 510, 0xaa55);
    disk[0] = 0xeb;
    disk[446] = 0x80;
    disk[446 + 4] = 0x83;
    put_le32(disk + 446 + 8, 2048);
    put_le32(disk + 446 + 12, 100);
    disk[446 + 16 + 4] = 0x05;
    put_le32(disk + 446 + 16 + 8, 3000);
    put_le32(disk + 446 + 16 + 12, 1000);
    uint8_t *logical = disk + 3000 * SECTOR;
    put_le16(logical + 510, 0xaa55);
    logical[446 + 4] = 0x82;
    put_le32(logical + 446 + 8, 10);
    put_le32(logical + 446 + 12, 50);
    /* A chain that points to itself must end. */
    logical[446 + 16 + 4] = 0x05;
    put_ext4(disk, 2048 * SECTOR, "");
    assert_int_equal(look(disk, SECTOR, &p, NULL), 0);
    assert_string_equal(p.table, "mbr");
    assert_int_equal(p.list[0].number, 1);
    assert_string_equal(p.list[0].type, "0x83");
    assert_int_equal(p.root, 1);
    assert_int_equal(p.list[1].number, 5);
    assert_int_equal(p.list[1].start_bytes, 3010 * SECTOR);
    assert_true(p.boots_bios);
    free(disk);
}

static void no_table_is_no_error(void **state)
{
    (void)state;
    struct partitions p;
    uint8_t *disk = calloc(1, DISK_BYTES);
    assert_int_equal(look(disk, SECTOR, &p, NULL), 0);
    assert_string_equal(p.table, "none");
    /* A FAT boot sector has the same signature. */
    memset(disk + 446, 0xf6, 64);
    put_le16(disk + 510, 0xaa55);
    assert_int_equal(look(disk, SECTOR, &p, NULL), 0);
    assert_string_equal(p.table, "none");
    free(disk);
}

static void make_manifest(struct manifest *m)
{
    uint8_t *disk = gpt_disk(SECTOR);
    memset(m, 0, sizeof(*m));
    (void)snprintf(m->name, sizeof(m->name), "debian-12");
    m->revision = 3;
    m->size_bytes = DISK_BYTES;
    m->stored_bytes = 12345;
    m->sector_bytes = SECTOR;
    m->chunk_shift = 20;
    m->seal_epoch = 1;
    m->made_s = 1790000000;
    memset(m->index_root.bytes, 0xab, DIGEST_BYTES);
    assert_int_equal(look(disk, SECTOR, &m->partitions, NULL), 0);
    free(disk);
}

static void manifest_comes_back(void **state)
{
    (void)state;
    struct manifest *m = malloc(sizeof(*m));
    struct manifest *back = malloc(sizeof(*back));
    make_manifest(m);
    AUTO_FREE char *text = manifest_format(m, NULL);
    struct err err = ERR_INIT;
    if (manifest_parse(text, strlen(text), back, &err))
        fail_msg("%s", err.text);
    AUTO_FREE char *again = manifest_format(back, NULL);
    assert_string_equal(text, again);
    assert_int_equal(back->partitions.root, 2);
    assert_string_equal(back->partitions.list[1].file_system, "ext4");
    free(m);
    free(back);
}

static void flipped_bits_break_the_signature(void **state)
{
    (void)state;
    struct signing_key key;
    uint8_t signature[SIGNATURE_BYTES];
    struct manifest *m = malloc(sizeof(*m));
    make_manifest(m);
    AUTO_FREE char *text = manifest_format(m, NULL);
    size_t length = strlen(text);
    assert_int_equal(signing_key_generate(&key, NULL), 0);
    assert_int_equal(manifest_sign(&key, text, length, signature, NULL), 0);
    assert_int_equal(
        manifest_open(text, length, signature, &key.public_key, 1, m, NULL), 0);
    for (size_t i = 0; i < length; i += 7) {
        text[i] ^= 1;
        struct err err;
        assert_int_equal(
            manifest_open(text, length, signature, &key.public_key, 1, m, &err),
            ERR_VERIFY);
        text[i] ^= 1;
    }
    signature[9] ^= 1;
    assert_int_equal(
        manifest_open(text, length, signature, &key.public_key, 1, m, NULL),
        ERR_VERIFY);
    free(m);
}

/* Sets one member and expects a refusal that names it. */
static void expect_refused(const char *key, json_t *value)
{
    struct manifest *m = malloc(sizeof(*m));
    struct err err = ERR_INIT;
    make_manifest(m);
    json_t *json = manifest_json(m);
    assert_int_equal(json_object_set_new(json, key, value), 0);
    AUTO_FREE char *text = json_dumps(json, JSON_COMPACT);
    assert_int_equal(manifest_parse(text, strlen(text), m, &err), ERR_INVALID);
    if (!strstr(err.text, key))
        fail_msg("'%s' does not name '%s'", err.text, key);
    json_decref(json);
    free(m);
}

static void wrong_members_are_named(void **state)
{
    (void)state;
    expect_refused("name", json_string("Debian"));
    expect_refused("name", json_string(""));
    expect_refused("revision", json_integer(0));
    expect_refused("kind", json_string("files"));
    expect_refused("size_bytes", json_integer(-1));
    expect_refused("chunk_shift", json_integer(30));
    expect_refused("index_root", json_string("abc"));
    expect_refused("table", json_string("bsd"));
    expect_refused("surprise", json_true());
    expect_refused("partitions", json_pack("[{s:i}]", "number", 1));
    expect_refused("partitions", json_object());
    expect_refused("boots", json_pack("[s]", "openfirmware"));
}

static void image_names(void **state)
{
    (void)state;
    assert_true(image_name_ok("debian-12"));
    assert_true(image_name_ok("0.a_b"));
    assert_false(image_name_ok(""));
    assert_false(image_name_ok("-a"));
    assert_false(image_name_ok("a@3"));
    assert_false(image_name_ok("a/b"));
    char text[80];
    memset(text, 'a', sizeof(text));
    text[63] = 0;
    assert_true(image_name_ok(text));
    text[63] = 'a';
    text[64] = 0;
    assert_false(image_name_ok(text));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gpt_is_understood),
        cmocka_unit_test(gpt_of_another_sector_size_is_named),
        cmocka_unit_test(damaged_gpt_is_refused),
        cmocka_unit_test(mbr_is_understood),
        cmocka_unit_test(no_table_is_no_error),
        cmocka_unit_test(manifest_comes_back),
        cmocka_unit_test(flipped_bits_break_the_signature),
        cmocka_unit_test(wrong_members_are_named),
        cmocka_unit_test(image_names),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
