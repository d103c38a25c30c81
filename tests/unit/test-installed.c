/* SPDX-License-Identifier: Apache-2.0 */
/* What an installed disk would boot: GRUB's and other loaders' configurations,
 * unified kernel images, and the search over folders that stand for mounted
 * file systems. */
#include "core/engine/handoff/installed.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "core/util/bytes.h"
#include "core/util/file.h"

/* As grub-mkconfig of Debian 12 writes it, shortened. */
static const char debian[] =
    "if [ -s $prefix/grubenv ]; then\n"
    "  set have_grubenv=true\n"
    "  load_env\n"
    "fi\n"
    "if [ \"${next_entry}\" ] ; then\n"
    "   set default=\"${next_entry}\"\n"
    "   set next_entry=\n"
    "else\n"
    "   set default=\"0\"\n"
    "fi\n"
    "function savedefault {\n"
    "  if [ -z \"${boot_once}\" ]; then\n"
    "    save_env saved_entry\n"
    "  fi\n"
    "}\n"
    "menuentry 'Debian GNU/Linux' --class debian $menuentry_id_option "
    "'gnulinux-simple-f00d' {\n"
    "\tload_video\n"
    "\tif [ x$grub_platform = xxen ]; then insmod xzio; insmod lzopio; fi\n"
    "\tif [ x$feature_platform_search_hint = xy ]; then\n"
    "\t  search --no-floppy --fs-uuid --set=root --hint-bios=hd0,gpt2  f00d\n"
    "\telse\n"
    "\t  search --no-floppy --fs-uuid --set=root f00d\n"
    "\tfi\n"
    "\techo\t'Loading Linux 6.1.0-40-amd64 ...'\n"
    "\tlinux\t/boot/vmlinuz-6.1.0-40-amd64 root=UUID=f00d ro  quiet $vt\n"
    "\tinitrd\t/boot/initrd.img-6.1.0-40-amd64\n"
    "}\n"
    "submenu 'Advanced options for Debian' $menuentry_id_option 'adv' {\n"
    "\tmenuentry 'Debian, with Linux 6.1.0-40' $menuentry_id_option 'a-40' {\n"
    "\t\tlinux\t/boot/vmlinuz-6.1.0-40-amd64 root=UUID=f00d ro\n"
    "\t\tinitrd\t/boot/initrd.img-6.1.0-40-amd64\n"
    "\t}\n"
    "\tmenuentry 'Debian, with Linux 6.1.0-39' $menuentry_id_option 'a-39' {\n"
    "\t\tlinux\t($root)/boot/vmlinuz-6.1.0-39-amd64 root=UUID=f00d ro \"two "
    "words\"\n"
    "\t\tinitrd\t/boot/ucode.img /boot/initrd.img-6.1.0-39-amd64\n"
    "\t}\n"
    "}\n"
    "menuentry 'UEFI Firmware Settings' $menuentry_id_option 'uefi' {\n"
    "\tfwsetup\n"
    "}\n";

static int parse_grub(const char *text, const char *env_text,
                      struct installed_entry *ret, struct err *err)
{
    AUTO_BUF env = BUF_INIT(4096);

    assert_int_equal(buf_append_text(&env, env_text), 0);
    return installed_grub_parse(text, strlen(text), &env, ret, err);
}

static void debians_default_is_found(void **state)
{
    struct installed_entry e;
    (void)state;
    assert_int_equal(parse_grub(debian, "", &e, NULL), 0);
    assert_string_equal(e.title, "Debian GNU/Linux");
    assert_string_equal(e.kernel, "/boot/vmlinuz-6.1.0-40-amd64");
    assert_int_equal(e.initrd_count, 1);
    assert_string_equal(e.initrd[0], "/boot/initrd.img-6.1.0-40-amd64");
    assert_string_equal(e.line, "root=UUID=f00d ro quiet");
    assert_string_equal(e.fs_uuid, "f00d");
}

/* The text with its default replaced. */
static int parse_with_default(const char *value, const char *env,
                              struct installed_entry *ret, struct err *err)
{
    char text[sizeof(debian) + 100];
    const char *at = strstr(debian, "set default=\"0\"");

    (void)snprintf(text, sizeof(text), "%.*sset default=\"%s\"%s",
                   (int)(at - debian), debian, value,
                   at + strlen("set default=\"0\""));
    return parse_grub(text, env, ret, err);
}

static void entries_are_chosen_as_grub_does(void **state)
{
    static const struct {
        const char *value, *env, *kernel;
    } cases[] = {
        {"1>1", "", "/boot/vmlinuz-6.1.0-39-amd64"},
        {"adv>a-39", "", "/boot/vmlinuz-6.1.0-39-amd64"},
        {"a-39", "", "/boot/vmlinuz-6.1.0-39-amd64"},
        {"Debian GNU/Linux", "", "/boot/vmlinuz-6.1.0-40-amd64"},
        {"${saved_entry}", "# GRUB\nsaved_entry=adv>a-39\n####",
         "/boot/vmlinuz-6.1.0-39-amd64"},
        {"${saved_entry}", "# GRUB\n####", "/boot/vmlinuz-6.1.0-40-amd64"},
    };
    struct installed_entry e;
    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        assert_int_equal(
            parse_with_default(cases[i].value, cases[i].env, &e, NULL), 0);
        assert_string_equal(e.kernel, cases[i].kernel);
    }
    assert_int_equal(parse_with_default("1>1", "", &e, NULL), 0);
    assert_string_equal(e.line, "root=UUID=f00d ro two words");
    assert_int_equal(e.initrd_count, 2);
    assert_string_equal(e.initrd[0], "/boot/ucode.img");
}

static void what_is_not_followed_is_refused(void **state)
{
    struct installed_entry e;
    struct err err = ERR_INIT;
    (void)state;
    assert_int_equal(parse_with_default("7", "", &e, &err), ERR_UNSUPPORTED);
    assert_non_null(strstr(err.text, "'7'"));
    assert_int_equal(parse_with_default("uefi", "", &e, &err), ERR_UNSUPPORTED);
    assert_non_null(strstr(err.text, "starts no Linux"));
    assert_int_equal(parse_grub("menuentry 'a' {\n linux /vmlinuz "
                                "root=UUID=${uuid} ro\n}\n",
                                "", &e, &err),
                     ERR_UNSUPPORTED);
    assert_non_null(strstr(err.text, "variable"));
    assert_int_equal(
        parse_grub("menuentry 'a' {\n linux (hd0,gpt2)/vmlinuz root=x\n}\n", "",
                   &e, &err),
        ERR_UNSUPPORTED);
    /* Two kernels: which one hangs on a condition. */
    assert_int_equal(parse_grub("menuentry 'a' {\n linux /a root=x\n"
                                " linux /b root=x\n}\n",
                                "", &e, &err),
                     ERR_UNSUPPORTED);
    /* Quotes that do not end, in the entry that is started. */
    assert_int_equal(
        parse_grub("menuentry 'a' {\n linux /a root=x\n initrd \"/b\n}\n", "",
                   &e, &err),
        ERR_UNSUPPORTED);
    assert_int_equal(parse_grub("insmod blscfg\nblscfg\n", "", &e, &err),
                     ERR_NOT_APPLICABLE);
}

static void a_line_too_long_is_refused(void **state)
{
    char text[6000];
    struct installed_entry e;
    (void)state;
    (void)snprintf(text, sizeof(text), "menuentry 'a' {\n linux /a %0*d\n}\n",
                   INSTALLED_LINE_BYTES, 1);
    assert_int_equal(parse_grub(text, "", &e, NULL), ERR_TOO_BIG);
    (void)snprintf(text, sizeof(text), "menuentry 'a' {\n linux /a %0*d\n}\n",
                   5000, 1);
    assert_int_equal(parse_grub(text, "", &e, NULL), ERR_UNSUPPORTED);
}

static void loader_entries_are_read(void **state)
{
    static const char text[] =
        "title  Fedora Linux 40\r\nversion 6.8.5-301.fc40\n# no\n"
        "linux /vmlinuz-6.8.5\ninitrd /initramfs-6.8.5.img $tuned_initrd\n"
        "initrd $tuned_initrd\n"
        "options root=UUID=ab ro rhgb $tuned_params\noptions $kernelopts\n"
        "grub_users $grub_users\n";
    AUTO_BUF env = BUF_INIT(4096);
    struct installed_entry e;
    char sort[INSTALLED_NAME_BYTES];
    (void)state;
    assert_int_equal(
        buf_append_text(&env, "# x\nkernelopts=console=ttyS0 quiet\n##"), 0);
    assert_int_equal(
        installed_loader_parse(text, strlen(text), &env, &e, sort, NULL), 0);
    assert_string_equal(e.title, "Fedora Linux 40");
    assert_string_equal(e.kernel, "/vmlinuz-6.8.5");
    assert_int_equal(e.initrd_count, 1);
    assert_string_equal(e.line, "root=UUID=ab ro rhgb console=ttyS0 quiet");
    assert_string_equal(sort, "6.8.5-301.fc40");
    char want[INSTALLED_NAME_BYTES];
    static const char conf[] = "#timeout 3\ndefault  arch-*\n";
    installed_loader_default(conf, strlen(conf), want);
    assert_string_equal(want, "arch-*");
}

/* ---- unified kernel images ---------------------------------------------- */

#define UKI_BYTES 4096

static void put_section(uint8_t *at, const char *name, uint32_t offset,
                        const char *text)
{
    (void)snprintf((char *)at, 9, "%s", name);
    put_le32(at + 8, (uint32_t)strlen(text));
    put_le32(at + 16, 512);
    put_le32(at + 20, offset);
}

static void make_uki(uint8_t out[UKI_BYTES], const char *line)
{
    memset(out, 0, UKI_BYTES);
    memcpy(out, "MZ", 2);
    put_le32(out + 0x3c, 0x80);
    memcpy(out + 0x80, "PE\0\0", 4);
    put_le16(out + 0x86, 3);
    put_le16(out + 0x94, 240);
    uint8_t *table = out + 0x80 + 24 + 240;
    put_section(table, ".cmdline", 1024, line);
    put_section(table + 40, ".linux", 2048, "kernel");
    put_section(table + 80, ".initrd", 3072, "initrd");
    memcpy(out + 1024, line, strlen(line));
    memcpy(out + 2048, "kernel", 6);
    memcpy(out + 3072, "initrd", 6);
}

static void sections_are_found_and_stay_in_the_file(void **state)
{
    uint8_t image[UKI_BYTES];
    struct installed_uki uki;
    (void)state;
    make_uki(image, "root=LABEL=root");
    assert_int_equal(
        installed_uki_parse(image, sizeof(image), sizeof(image), &uki, NULL),
        0);
    assert_int_equal(uki.kernel.offset, 2048);
    assert_int_equal(uki.kernel.length, 6);
    assert_int_equal(uki.initrd.length, 6);
    assert_int_equal(uki.line.length, strlen("root=LABEL=root"));
    assert_int_equal(
        installed_uki_parse(image, sizeof(image), 3000, &uki, NULL),
        ERR_CORRUPT);
    put_le16(image + 0x86, 95);
    assert_int_equal(installed_uki_parse(image, 1024, 4096, &uki, NULL),
                     ERR_CORRUPT);
    put_le16(image + 0x86, 1); /* only .cmdline */
    assert_int_equal(installed_uki_parse(image, 1024, 4096, &uki, NULL),
                     ERR_NOT_APPLICABLE);
    assert_int_equal(installed_uki_parse(image, 2, 4096, &uki, NULL),
                     ERR_NOT_APPLICABLE);
    put_le32(image + 0x3c, UINT32_MAX);
    assert_int_equal(installed_uki_parse(image, 1024, 4096, &uki, NULL),
                     ERR_NOT_APPLICABLE);
}

static void a_kernel_says_its_version(void **state)
{
    uint8_t head[1024] = {0};
    char version[INSTALLED_NAME_BYTES];
    (void)state;
    memcpy(head + 0x202, "HdrS", 4);
    put_le16(head + 0x20e, 0x100);
    memcpy(head + 0x300, "6.1.0-9-amd64 (debian)", 22);
    installed_kernel_version(head, sizeof(head), version);
    assert_string_equal(version, "6.1.0-9-amd64");
    put_le16(head + 0x20e, 0xffff);
    installed_kernel_version(head, sizeof(head), version);
    assert_string_equal(version, "");
    installed_kernel_version(head, 0x20e, version);
    assert_string_equal(version, "");
}

/* ---- the search --------------------------------------------------------- */

struct world {
    char top[256];
    struct installed_disk disk;
};

/* A folder that stands for partition `number`, with a file in it. */
static void put_file(struct world *w, unsigned number, const char *path,
                     const void *data, size_t length)
{
    char full[600];

    (void)snprintf(full, sizeof(full), "%s/%u%s", w->top, number, path);
    for (char *slash = full + strlen(w->top) + 1; (slash = strchr(slash, '/'));
         slash++) {
        *slash = '\0';
        (void)mkdir(full, 0700);
        *slash = '/';
    }
    AUTO_CLOSE int fd =
        open(full, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(file_write_all(fd, data, length, NULL), 0);
}

static void put_text(struct world *w, unsigned number, const char *path,
                     const char *text)
{
    put_file(w, number, path, text, strlen(text));
}

static void open_partition(struct world *w, unsigned number, const char *uuid)
{
    struct installed_fs *fs = &w->disk.fs[w->disk.count++];
    char path[300];

    *fs = (struct installed_fs){.root_fd = -1};
    (void)snprintf(fs->node, sizeof(fs->node), "/dev/vda%u", number);
    (void)snprintf(fs->uuid, sizeof(fs->uuid), "%s", uuid);
    (void)snprintf(path, sizeof(path), "%s/%u", w->top, number);
    (void)mkdir(path, 0700);
    fs->root_fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    assert_true(fs->root_fd >= 0);
}

static int setup(void **state)
{
    static unsigned count;
    struct world *w = calloc(1, sizeof(*w));
    const char *top = getenv("TEST_DIR");

    (void)snprintf(w->top, sizeof(w->top), "%s/disk%u", top ? top : "/tmp",
                   count++);
    assert_int_equal(mkdir(w->top, 0700), 0);
    open_partition(w, 1, "E51");
    open_partition(w, 2, "f00d");
    (void)snprintf(w->disk.fs[1].label, sizeof(w->disk.fs[1].label), "root");
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;

    for (size_t i = 0; i < w->disk.count; i++)
        (void)close(w->disk.fs[i].root_fd);
    free(w);
    return 0;
}

static void grub_on_the_root_partition(void **state)
{
    struct world *w = *state;
    struct installed_entry e;
    const struct installed_fs *fs = NULL;

    put_text(w, 2, "/boot/grub/grub.cfg", debian);
    assert_int_equal(installed_find(&w->disk, &e, &fs, NULL), 0);
    assert_ptr_equal(fs, &w->disk.fs[1]);
    assert_string_equal(e.kernel, "/boot/vmlinuz-6.1.0-40-amd64");
}

/* A boot partition of its own has the files at its top, and GRUB's search
 * names it. */
static void a_separate_boot_partition(void **state)
{
    struct world *w = *state;
    struct installed_entry e;
    const struct installed_fs *fs = NULL;

    open_partition(w, 3, "b007");
    put_text(w, 3, "/grub/grub.cfg",
             "menuentry 'x' {\n search --fs-uuid --set=root b007\n"
             " linux /vmlinuz root=UUID=f00d\n initrd /initrd.img\n}\n");
    assert_int_equal(installed_find(&w->disk, &e, &fs, NULL), 0);
    assert_ptr_equal(fs, &w->disk.fs[2]);
    put_text(w, 3, "/grub/grub.cfg",
             "menuentry 'x' {\n search --fs-uuid --set=root gone\n"
             " linux /vmlinuz root=UUID=f00d\n}\n");
    assert_int_equal(installed_find(&w->disk, &e, &fs, NULL), ERR_NOT_FOUND);
}

static void the_newest_entry_or_the_wanted_one(void **state)
{
    struct world *w = *state;
    struct installed_entry e;
    const struct installed_fs *fs = NULL;

    put_text(w, 1, "/loader/entries/a-9.conf",
             "version 6.9\nlinux /9\noptions root=LABEL=root\n");
    put_text(w, 1, "/loader/entries/a-10.conf",
             "version 6.10\nlinux /10\noptions root=LABEL=root\n");
    assert_int_equal(installed_find(&w->disk, &e, &fs, NULL), 0);
    assert_string_equal(e.kernel, "/10");
    put_text(w, 1, "/loader/loader.conf", "default a-9*\n");
    assert_int_equal(installed_find(&w->disk, &e, &fs, NULL), 0);
    assert_string_equal(e.kernel, "/9");
}

static void a_unified_image_brings_its_line(void **state)
{
    struct world *w = *state;
    struct installed_entry e;
    const struct installed_fs *fs = NULL;
    uint8_t image[UKI_BYTES];

    make_uki(image, "root=LABEL=root rw\n");
    put_file(w, 1, "/EFI/BOOT/BOOTX64.EFI", image, sizeof(image));
    put_file(w, 1, "/EFI/BOOT/BOOTIA32.EFI", image, sizeof(image));
    put_file(w, 1, "/EFI/BOOT/BOOTAA64.EFI", image, sizeof(image));
    assert_int_equal(installed_find(&w->disk, &e, &fs, NULL), 0);
    assert_true(e.unified);
    assert_string_equal(e.line, "root=LABEL=root rw ");
}

static void links_with_a_line(void **state)
{
    struct world *w = *state;
    struct installed_entry e;
    const struct installed_fs *fs = NULL;
    struct err err = ERR_INIT;

    assert_int_equal(installed_find(&w->disk, &e, &fs, &err), ERR_NOT_FOUND);
    assert_non_null(strstr(err.text, "grub.cfg"));
    put_text(w, 2, "/vmlinuz", "k");
    put_text(w, 2, "/initrd.img", "i");
    put_text(w, 2, "/etc/kernel/cmdline", "root=UUID=F00D ro\n");
    assert_int_equal(installed_find(&w->disk, &e, &fs, NULL), 0);
    assert_string_equal(e.line, "root=UUID=F00D ro");
}

static void a_link_does_not_lead_out_of_the_disk(void **state)
{
    struct world *w = *state;
    char path[300];

    put_text(w, 2, "/inside", "x");
    (void)snprintf(path, sizeof(path), "%s/2/out", w->top);
    assert_int_equal(symlink("/etc/passwd", path), 0);
    (void)snprintf(path, sizeof(path), "%s/2/in", w->top);
    assert_int_equal(symlink("/../../inside", path), 0);
    assert_true(installed_open(&w->disk.fs[1], "/out", NULL) < 0);
    AUTO_CLOSE int fd = installed_open(&w->disk.fs[1], "/in", NULL);
    assert_true(fd >= 0);
    (void)snprintf(path, sizeof(path), "%s/2/pipe", w->top);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(installed_open(&w->disk.fs[1], "/pipe", NULL),
                     ERR_INVALID);
}

static void expect_root(struct world *w, const char *root, int code)
{
    struct installed_entry e;
    const struct installed_fs *fs = NULL;
    char text[200];

    (void)snprintf(text, sizeof(text), "linux /k\noptions ro %s\n", root);
    put_text(w, 1, "/loader/entries/a.conf", text);
    if (installed_find(&w->disk, &e, &fs, NULL) != code)
        fail_msg("'%s' is judged otherwise", root);
}

static void the_root_must_be_on_this_disk(void **state)
{
    struct world *w = *state;
    struct installed_fs *fs = &w->disk.fs[1];

    (void)snprintf(fs->part_uuid, sizeof(fs->part_uuid), "aa-bb");
    (void)snprintf(fs->part_label, sizeof(fs->part_label), "system");
    expect_root(w, "root=UUID=f00d", 0);
    expect_root(w, "root=PARTUUID=AA-BB", 0);
    expect_root(w, "root=PARTLABEL=system", 0);
    expect_root(w, "root=/dev/vda2", 0);
    expect_root(w, "root=/dev/disk/by-label/root", 0);
    expect_root(w, "root=LABEL=ROOT", ERR_UNSUPPORTED);
    expect_root(w, "root=UUID=other", ERR_UNSUPPORTED);
    expect_root(w, "root=/dev/sda1", ERR_UNSUPPORTED);
    expect_root(w, "root=/dev/mapper/vg-root", ERR_UNSUPPORTED);
    expect_root(w, "root=UUID=", ERR_UNSUPPORTED);
    expect_root(w, "quiet", ERR_UNSUPPORTED);
    expect_root(w, "root=UUID=f00d \x1b[2J", ERR_INVALID);
    (void)snprintf(fs->type, sizeof(fs->type), "LVM2_member");
    expect_root(w, "root=/dev/mapper/vg-root", 0);
}

#define IN_WORLD(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(debians_default_is_found),
        cmocka_unit_test(entries_are_chosen_as_grub_does),
        cmocka_unit_test(what_is_not_followed_is_refused),
        cmocka_unit_test(a_line_too_long_is_refused),
        cmocka_unit_test(loader_entries_are_read),
        cmocka_unit_test(sections_are_found_and_stay_in_the_file),
        cmocka_unit_test(a_kernel_says_its_version),
        IN_WORLD(grub_on_the_root_partition),
        IN_WORLD(a_separate_boot_partition),
        IN_WORLD(the_newest_entry_or_the_wanted_one),
        IN_WORLD(a_unified_image_brings_its_line),
        IN_WORLD(links_with_a_line),
        IN_WORLD(a_link_does_not_lead_out_of_the_disk),
        IN_WORLD(the_root_must_be_on_this_disk),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
