/* SPDX-License-Identifier: Apache-2.0 */
/* Built twice: for an iPXE that has our script inside, and, with
 * IPXE_WITHOUT_SCRIPT, for one that has not. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include <slipway/arch.h>

#include "plugins/arch/x86-bios/x86-bios.h"

extern const struct slipway_arch_plugin slipway_plugin_descriptor;
#define PLUGIN slipway_plugin_descriptor

/* What a site has, and what the plugin wrote. */
struct notes {
    const char *engine_x86_64; /* digest part of its file names, NULL = none */
    const char *engine_i686;
    const char *command_line;
    const char *local_boot; /* the machine's label */
    char options[128];      /* "60=PXEClient 43=060108ff " */
    char file[160];
    char sentence[200];
    char text[2048];
};

static int note_option(const struct slipway_boot_writer *writer, uint32_t code,
                       const void *data, uint64_t length)
{
    struct notes *n = writer->private_data;
    const unsigned char *bytes = data;
    size_t at = strlen(n->options);
    at += (size_t)snprintf(n->options + at, sizeof(n->options) - at, "%u=",
                           code);
    for (uint64_t i = 0; i < length; i++)
        at += (size_t)snprintf(n->options + at, sizeof(n->options) - at,
                               code == 43 ? "%02x" : "%c", bytes[i]);
    (void)snprintf(n->options + at, sizeof(n->options) - at, " ");
    return 0;
}

static int note_file(const struct slipway_boot_writer *writer, const char *name)
{
    struct notes *n = writer->private_data;
    (void)snprintf(n->file, sizeof(n->file), "%s", name);
    return 0;
}

static const char *find_engine(const struct slipway_boot_writer *writer,
                               const char *machine, const char *role)
{
    /* Two names live at once. */
    static char names[4][80];
    static unsigned turn;
    const struct notes *n = writer->private_data;
    const char *digest =
        strcmp(machine, "i686") ? n->engine_x86_64 : n->engine_i686;
    char *name = names[turn++ % 4];
    (void)snprintf(name, sizeof(names[0]), "%s-%s-%s", role, machine,
                   digest ? digest : "");
    return digest ? name : NULL;
}

static int note_text(const struct slipway_boot_writer *writer, const char *text)
{
    struct notes *n = writer->private_data;
    size_t at = strlen(n->text);
    (void)snprintf(n->text + at, sizeof(n->text) - at, "%s", text);
    return 0;
}

static int note_failure(const struct slipway_boot_writer *writer, int code,
                        const char *sentence)
{
    struct notes *n = writer->private_data;
    (void)snprintf(n->sentence, sizeof(n->sentence), "%s", sentence);
    return code;
}

static const char *find_command_line(const struct slipway_boot_writer *writer,
                                     const char *machine)
{
    const struct notes *n = writer->private_data;
    (void)machine;
    return n->command_line;
}

static const char *find_label(const struct slipway_boot_writer *writer,
                              const char *name)
{
    const struct notes *n = writer->private_data;
    return strcmp(name, "local-boot") ? NULL : n->local_boot;
}

static struct slipway_boot_writer writer_on(struct notes *n)
{
    n->options[0] = n->file[0] = n->sentence[0] = n->text[0] = '\0';
    return (struct slipway_boot_writer){
        .size = sizeof(struct slipway_boot_writer),
        .private_data = n,
        .option = note_option,
        .boot_file = note_file,
        .engine_file = find_engine,
        .text = note_text,
        .fail = note_failure,
        .engine_command_line = find_command_line,
        .label = find_label,
    };
}

static int answer(struct notes *n, uint32_t intent, const char *user_class,
                  uint32_t proxy)
{
    const struct slipway_boot_writer writer = writer_on(n);
    const struct slipway_boot_request request = {.size = sizeof(request),
                                                 .user_class = user_class,
                                                 .proxy = proxy};
    const struct slipway_boot_intent what = {.size = sizeof(what),
                                             .intent = intent,
                                             .attempt = 1,
                                             .http_base =
                                                 "http://192.0.2.1:7080"};
    return PLUGIN.answer(&request, &what, &writer);
}

static const char *rendered(struct notes *n, const char *name)
{
    const struct slipway_boot_writer writer = writer_on(n);
    assert_int_equal(PLUGIN.render(name, &writer), 0);
    return n->text;
}

static int score(const char *class_id, const char *mac, uint32_t first,
                 uint32_t second, uint32_t count)
{
    const uint32_t arch[] = {first, second};
    const struct slipway_boot_request request = {
        .size = sizeof(request),
        .kind = SLIPWAY_BOOT_DHCP_DISCOVER,
        .arch_count = count,
        .arch = arch,
        .class_id = class_id,
        .mac = mac};
    return PLUGIN.recognise(&request);
}

static void only_bios_pxe_is_recognised(void **state)
{
    const char *pc = "52:54:00:12:34:56";
    struct slipway_boot_request bootp = {.kind = SLIPWAY_BOOT_BOOTP,
                                         .class_id = "PXEClient",
                                         .mac = pc};
    (void)state;
    assert_int_equal(score("PXEClient:Arch:00000:UNDI:002001", pc, 0, 0, 1),
                     800);
    assert_int_equal(score("PXEClient", pc, 7, 0, 2), 500);
    assert_int_equal(score("PXEClient:Arch:00000:UNDI:002001", pc, 0, 0, 0),
                     600);
    assert_int_equal(score("PXEClient", pc, 0, 0, 0), 300);
    assert_int_equal(score("PXEClient:Arch:00007:UNDI:003000", pc, 0, 0, 0), 0);
    assert_int_equal(score("PXEClient:Arch:00007", pc, 7, 0, 1), 0);
    assert_int_equal(score("PXEClient", pc, 1, 0, 1), 0); /* NEC PC-98 */
    assert_int_equal(score("HTTPClient:Arch:00020", pc, 0x14, 0, 1), 0);
    assert_int_equal(score("", pc, 0, 0, 1), 0);
    assert_int_equal(PLUGIN.recognise(&bootp), 0);
}

static void a_raspberry_pi_is_no_pc(void **state)
{
    (void)state;
    assert_int_equal(score("PXEClient:Arch:00000:UNDI:002001",
                           "dc:a6:32:01:02:03", 0, 0, 1),
                     0);
}

static void every_rom_is_given_the_loader(void **state)
{
    static const char *const classes[] = {"", "iPXE", "other"};
    struct notes n = {.engine_x86_64 = "11"};
    (void)state;
    for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++) {
        assert_int_equal(answer(&n, SLIPWAY_INTENT_ENGINE, classes[i], 0), 0);
        assert_string_equal(n.file, "undionly.kpxe");
        assert_int_equal(answer(&n, SLIPWAY_INTENT_LOCAL, classes[i], 0), 0);
        assert_string_equal(n.file, "undionly.kpxe");
#ifdef IPXE_WITHOUT_SCRIPT
        assert_string_equal(n.options,
                            "60=PXEClient 43=060108ff 77=slipway ");
#else
        assert_string_equal(n.options, "60=PXEClient 43=060108ff ");
#endif
    }
}

static void beside_another_dhcp_server_no_ipxe_goes_in_circles(void **state)
{
    struct notes n = {.engine_x86_64 = "11"};
    (void)state;
    assert_int_equal(answer(&n, SLIPWAY_INTENT_ENGINE, "iPXE", 1), 0);
#ifdef IPXE_WITHOUT_SCRIPT
    assert_string_equal(n.file,
                        "http://192.0.2.1:7080/boot/x86-bios-engine.ipxe");
#else
    assert_string_equal(n.file, "undionly.kpxe");
#endif
    assert_int_equal(answer(&n, SLIPWAY_INTENT_ENGINE, "", 1), 0);
    assert_string_equal(n.file, "undionly.kpxe");
}

static void our_loader_is_given_the_script_of_the_intent(void **state)
{
    struct notes n = {.engine_i686 = "22"};
    (void)state;
    assert_int_equal(answer(&n, SLIPWAY_INTENT_ENGINE, "slipway", 0), 0);
    assert_string_equal(n.file,
                        "http://192.0.2.1:7080/boot/x86-bios-engine.ipxe");
    assert_string_equal(n.options, "60=PXEClient 43=060108ff ");
    assert_int_equal(answer(&n, SLIPWAY_INTENT_LOCAL, "slipway", 0), 0);
    assert_string_equal(n.file,
                        "http://192.0.2.1:7080/boot/x86-bios-disk.ipxe");
}

static void a_label_chooses_the_local_boot(void **state)
{
    struct notes n = {.local_boot = "second-disk"};
    (void)state;
    assert_int_equal(answer(&n, SLIPWAY_INTENT_LOCAL, "slipway", 0), 0);
    assert_string_equal(
        n.file, "http://192.0.2.1:7080/boot/x86-bios-second-disk.ipxe");
    n.local_boot = "exit";
    assert_int_equal(answer(&n, SLIPWAY_INTENT_LOCAL, "slipway", 0), 0);
    assert_string_equal(n.file,
                        "http://192.0.2.1:7080/boot/x86-bios-exit.ipxe");
    n.local_boot = "0x83";
    assert_int_equal(answer(&n, SLIPWAY_INTENT_LOCAL, "slipway", 0),
                     SLIPWAY_EINVAL);
    assert_non_null(strstr(n.sentence, "local-boot"));
    assert_string_equal(n.file, "");
}

static void what_is_not_there_is_said(void **state)
{
    struct notes n = {0};
    (void)state;
    assert_int_equal(answer(&n, SLIPWAY_INTENT_ENGINE, "", 0),
                     SLIPWAY_ENOTAPPLICABLE);
    assert_non_null(strstr(n.sentence, "slipway engine build"));
    assert_int_equal(answer(&n, SLIPWAY_INTENT_MENU, "", 0),
                     SLIPWAY_EUNSUPPORTED);
    const struct slipway_boot_writer writer = writer_on(&n);
    assert_int_equal(PLUGIN.render("x86-bios-engine.ipxe", &writer),
                     SLIPWAY_ENOTAPPLICABLE);
    assert_int_equal(PLUGIN.render("other.ipxe", &writer), SLIPWAY_EINVAL);
}

static void the_processor_chooses_the_engine(void **state)
{
    struct notes n = {.engine_x86_64 = "11",
                      .engine_i686 = "22",
                      .command_line = "console=ttyS0,115200 quiet"};
    (void)state;
    assert_string_equal(
        rendered(&n, "x86-bios-engine.ipxe"),
        "#!ipxe\n"
        "cpuid --ext 29 || goto narrow\n"
        "echo Slipway: loading the engine for x86_64\n"
        "kernel kernel-x86_64-11 initrd=initramfs-x86_64-11 "
        "console=ttyS0,115200 quiet || goto failed\n"
        "initrd initramfs-x86_64-11 || goto failed\n"
        "boot || goto failed\n"
        ":narrow\n"
        "echo Slipway: loading the engine for i686\n"
        "kernel kernel-i686-22 initrd=initramfs-i686-22 "
        "console=ttyS0,115200 quiet || goto failed\n"
        "initrd initramfs-i686-22 || goto failed\n"
        "boot || goto failed\n"
        ":failed\n"
        "echo Slipway: the engine could not be started\n"
        "exit 1\n");
}

static void one_engine_alone_is_enough(void **state)
{
    struct notes n = {.engine_i686 = "22", .command_line = ""};
    (void)state;
    assert_string_equal(rendered(&n, "x86-bios-engine.ipxe"),
                        "#!ipxe\n"
                        "echo Slipway: loading the engine for i686\n"
                        "kernel kernel-i686-22 initrd=initramfs-i686-22 "
                        "|| goto failed\n"
                        "initrd initramfs-i686-22 || goto failed\n"
                        "boot || goto failed\n"
                        ":failed\n"
                        "echo Slipway: the engine could not be started\n"
                        "exit 1\n");
    n = (struct notes){.engine_x86_64 = "11"};
    assert_non_null(strstr(rendered(&n, "x86-bios-engine.ipxe"),
                           ":narrow\necho Slipway: this processor has 32 bits "
                           "and no engine for i686 is published\n:failed\n"));
}

static void a_command_line_is_never_a_script(void **state)
{
    static const char *const lines[] = {"quiet && sanboot", "${net0/mac}",
                                        "a\nshell", "a || b", "\"a\"", "a#b"};
    struct notes n = {.engine_x86_64 = "11"};
    (void)state;
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        const struct slipway_boot_writer writer = writer_on(&n);
        n.command_line = lines[i];
        assert_int_equal(PLUGIN.render("x86-bios-engine.ipxe", &writer),
                         SLIPWAY_EINVAL);
        assert_non_null(strstr(n.sentence, "command line"));
    }
}

static void local_boot_falls_back_on_the_bios(void **state)
{
    struct notes n = {0};
    (void)state;
    assert_string_equal(rendered(&n, "x86-bios-disk.ipxe"),
                        "#!ipxe\n"
                        "echo Slipway: there is nothing to do on this machine\n"
                        "sanboot --no-describe --drive 0x80 ||\n"
                        "exit\n");
    assert_non_null(
        strstr(rendered(&n, "x86-bios-second-disk.ipxe"), "--drive 0x81 ||\n"));
    assert_null(strstr(rendered(&n, "x86-bios-exit.ipxe"), "sanboot"));
}

static void each_rendered_file_is_published(void **state)
{
    struct notes n = {.engine_x86_64 = "11"};
    (void)state;
    for (uint64_t i = 0; i < PLUGIN.files_count; i++)
        if (!PLUGIN.files[i].file)
            assert_memory_equal(rendered(&n, PLUGIN.files[i].name), "#!ipxe\n",
                                7);
    for (size_t i = 0; i < LOCAL_BOOTS; i++) {
        int found = 0;
        for (uint64_t j = 0; j < PLUGIN.files_count; j++)
            found += !strcmp(PLUGIN.files[j].name, local_boots[i].script);
        assert_int_equal(found, 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_bios_pxe_is_recognised),
        cmocka_unit_test(a_raspberry_pi_is_no_pc),
        cmocka_unit_test(every_rom_is_given_the_loader),
        cmocka_unit_test(beside_another_dhcp_server_no_ipxe_goes_in_circles),
        cmocka_unit_test(our_loader_is_given_the_script_of_the_intent),
        cmocka_unit_test(a_label_chooses_the_local_boot),
        cmocka_unit_test(what_is_not_there_is_said),
        cmocka_unit_test(the_processor_chooses_the_engine),
        cmocka_unit_test(one_engine_alone_is_enough),
        cmocka_unit_test(a_command_line_is_never_a_script),
        cmocka_unit_test(local_boot_falls_back_on_the_bios),
        cmocka_unit_test(each_rendered_file_is_published),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
