/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include <slipway/arch.h>

extern const struct slipway_arch_plugin slipway_plugin_descriptor;
#define PLUGIN slipway_plugin_descriptor

struct notes {
    char options[64]; /* "60=9 43=4 " */
    char file[64];
    char sentence[160];
    const char *engine;      /* file of any role */
    const char *boot_loader; /* the machine's label */
    const char *user_class;
    char text[400];
};

static int note_option(const struct slipway_boot_writer *writer, uint32_t code,
                       const void *data, uint64_t length)
{
    struct notes *n = writer->private_data;
    size_t at = strlen(n->options);
    (void)data;
    (void)snprintf(n->options + at, sizeof(n->options) - at, "%u=%u ", code,
                   (unsigned)length);
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
    const struct notes *n = writer->private_data;
    assert_string_equal(machine, "x86_64");
    assert_true(n->boot_loader || n->user_class || !strcmp(role, "engine"));
    return n->engine;
}

static const char *find_label(const struct slipway_boot_writer *writer,
                              const char *name)
{
    const struct notes *n = writer->private_data;
    return strcmp(name, "boot-loader") ? NULL : n->boot_loader;
}

static int note_text(const struct slipway_boot_writer *writer, const char *text)
{
    struct notes *n = writer->private_data;
    size_t at = strlen(n->text);
    (void)snprintf(n->text + at, sizeof(n->text) - at, "%s", text);
    return 0;
}

static const char *find_command_line(const struct slipway_boot_writer *writer,
                                     const char *machine)
{
    (void)writer;
    assert_string_equal(machine, "x86_64");
    return "quiet";
}

static int note_failure(const struct slipway_boot_writer *writer, int code,
                        const char *sentence)
{
    struct notes *n = writer->private_data;
    (void)snprintf(n->sentence, sizeof(n->sentence), "%s", sentence);
    return code;
}

static int answer_to(struct notes *n, uint32_t intent, uint32_t proxy,
                     const char *class_id)
{
    const struct slipway_boot_writer writer = {
        .size = sizeof(writer),
        .private_data = n,
        .option = note_option,
        .boot_file = note_file,
        .engine_file = find_engine,
        .fail = note_failure,
        .label = find_label,
    };
    const struct slipway_boot_request request = {.size = sizeof(request),
                                                 .class_id = class_id,
                                                 .user_class =
                                                     n->user_class
                                                         ? n->user_class
                                                         : "",
                                                 .proxy = proxy};
    const struct slipway_boot_intent what = {.size = sizeof(what),
                                             .intent = intent,
                                             .attempt = 1,
                                             .server_address = "10.0.0.1",
                                             .http_base =
                                                 "http://10.0.0.1:7080"};
    return PLUGIN.answer(&request, &what, &writer);
}

static int answer(struct notes *n, uint32_t intent, uint32_t proxy)
{
    return answer_to(n, intent, proxy, "PXEClient:Arch:00007:UNDI:003016");
}

static int score(uint32_t kind, const char *class_id, uint32_t first,
                 uint32_t second, uint32_t count)
{
    const uint32_t arch[] = {first, second};
    const struct slipway_boot_request request = {.size = sizeof(request),
                                                 .kind = kind,
                                                 .arch_count = count,
                                                 .arch = arch,
                                                 .class_id = class_id};
    return PLUGIN.recognise(&request);
}

static void only_x64_uefi_is_recognised(void **state)
{
    const uint32_t d = SLIPWAY_BOOT_DHCP_DISCOVER;
    (void)state;
    assert_int_equal(score(d, "PXEClient:Arch:00007", 7, 0, 1), 800);
    assert_int_equal(score(d, "PXEClient:Arch:00009", 9, 0, 1), 800);
    assert_int_equal(score(d, "PXEClient", 6, 7, 2), 500);
    assert_int_equal(score(d, "PXEClient:Arch:00007:UNDI:3", 0, 0, 0), 600);
    assert_int_equal(score(d, "PXEClient:Arch:00000:UNDI:2", 0, 0, 1), 0);
    assert_int_equal(score(d, "PXEClient:Arch:00000", 0, 0, 0), 0);
    assert_int_equal(score(d, "PXEClient", 11, 0, 1), 0); /* arm64 */
    assert_int_equal(score(d, "HTTPClient:Arch:00016", 16, 0, 1), 800);
    assert_int_equal(score(d, "HTTPClient:Arch:00016:UNDI:3", 0, 0, 0), 600);
    assert_int_equal(score(d, "HTTPClient:Arch:00015", 15, 0, 1), 0);
    /* The code of the other way to boot. */
    assert_int_equal(score(d, "HTTPClient", 7, 0, 1), 0);
    assert_int_equal(score(d, "PXEClient", 16, 0, 1), 0);
    assert_int_equal(score(d, "", 7, 0, 1), 0);
    assert_int_equal(score(SLIPWAY_BOOT_BOOTP, "PXEClient", 7, 0, 1), 0);
    assert_int_equal(score(SLIPWAY_BOOT_PXE_REQUEST, "PXEClient", 7, 0, 1),
                     800);
}

static void answers_follow_the_intent(void **state)
{
    struct notes n = {.engine = "engine.efi"};
    (void)state;
    assert_int_equal(answer(&n, SLIPWAY_INTENT_LOCAL, 0), 0);
    assert_string_equal(n.file, "local-x64.efi");
    assert_string_equal(n.options, "60=9 43=4 ");
    n.options[0] = '\0';
    assert_int_equal(answer(&n, SLIPWAY_INTENT_ENGINE, 0), 0);
    assert_string_equal(n.file, "engine.efi");
    n.options[0] = '\0';
    assert_int_equal(answer(&n, SLIPWAY_INTENT_LOCAL, 1), 0);
    assert_string_equal(n.options, "60=9 43=4 "); /* the host does the rest */
}

static void http_boot_is_told_a_url(void **state)
{
    static const char class_id[] = "HTTPClient:Arch:00016:UNDI:003000";
    static const char long_name[] =
        "engine-0123456789012345678901234567890123456789012345678901234567890"
        "1234567890123456789012345678901234567890123456789.efi";
    struct notes n = {.engine = "engine.efi"};
    (void)state;
    assert_int_equal(answer_to(&n, SLIPWAY_INTENT_ENGINE, 0, class_id), 0);
    assert_string_equal(n.file, "http://10.0.0.1:7080/boot/engine.efi");
    assert_string_equal(n.options, "60=10 "); /* and nothing of PXE */
    n.engine = long_name; /* the header field `file` holds 127 bytes */
    assert_int_equal(answer_to(&n, SLIPWAY_INTENT_ENGINE, 0, class_id),
                     SLIPWAY_ENOSPACE);
}

static void what_is_not_there_is_said(void **state)
{
    struct notes n = {0};
    (void)state;
    assert_int_not_equal(answer(&n, SLIPWAY_INTENT_ENGINE, 0), 0);
    assert_non_null(strstr(n.sentence, "slipway engine build"));
    assert_int_equal(answer(&n, SLIPWAY_INTENT_MENU, 0), SLIPWAY_EUNSUPPORTED);
    assert_string_equal(n.file, "");
}

static void a_label_chooses_the_way_through_ipxe(void **state)
{
    struct notes n = {.engine = "x", .boot_loader = "ipxe"};
    (void)state;
    assert_int_equal(answer(&n, SLIPWAY_INTENT_ENGINE, 0), 0);
    assert_string_equal(n.file, "snponly.efi");
    assert_int_equal(answer(&n, SLIPWAY_INTENT_LOCAL, 0), 0);
    assert_string_equal(n.file, "local-x64.efi");
    n.user_class = "slipway";
    assert_int_equal(answer(&n, SLIPWAY_INTENT_ENGINE, 0), 0);
    assert_string_equal(n.file,
                        "http://10.0.0.1:7080/boot/x86-uefi-engine.ipxe");
    assert_int_equal(answer(&n, SLIPWAY_INTENT_LOCAL, 0), 0);
    assert_string_equal(n.file, "http://10.0.0.1:7080/boot/x86-uefi-disk.ipxe");
    n.boot_loader = "grub";
    assert_int_equal(answer(&n, SLIPWAY_INTENT_ENGINE, 0), SLIPWAY_EINVAL);
    assert_non_null(strstr(n.sentence, "boot-loader"));
}

static void the_kernel_asks_for_the_initramfs_by_name(void **state)
{
    struct notes n = {.engine = "x", .user_class = "slipway"};
    const struct slipway_boot_writer writer = {
        .size = sizeof(writer),
        .private_data = &n,
        .engine_file = find_engine,
        .text = note_text,
        .fail = note_failure,
        .engine_command_line = find_command_line,
    };
    (void)state;
    assert_int_equal(PLUGIN.render("x86-uefi-engine.ipxe", &writer), 0);
    assert_string_equal(n.text,
                        "#!ipxe\n"
                        "echo Slipway: loading the engine for x86_64\n"
                        "kernel x initrd=x quiet || goto failed\n"
                        "initrd x || goto failed\n"
                        "boot || goto failed\n"
                        ":failed\n"
                        "echo Slipway: the engine could not be started\n"
                        "exit 1\n");
    n.text[0] = '\0';
    assert_int_equal(PLUGIN.render("x86-uefi-disk.ipxe", &writer), 0);
    assert_non_null(strstr(n.text, "chain local-x64.efi || exit 1\n"));
    assert_int_equal(PLUGIN.render("other", &writer), SLIPWAY_EINVAL);
    n.engine = NULL;
    assert_int_equal(PLUGIN.render("x86-uefi-engine.ipxe", &writer),
                     SLIPWAY_ENOTAPPLICABLE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_x64_uefi_is_recognised),
        cmocka_unit_test(answers_follow_the_intent),
        cmocka_unit_test(http_boot_is_told_a_url),
        cmocka_unit_test(what_is_not_there_is_said),
        cmocka_unit_test(a_label_chooses_the_way_through_ipxe),
        cmocka_unit_test(the_kernel_asks_for_the_initramfs_by_name),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
