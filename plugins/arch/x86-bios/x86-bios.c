/* SPDX-License-Identifier: Apache-2.0 */
/*
 * x86-bios: PC machines whose BIOS boots by a PXE ROM.
 *
 * The ROM is given iPXE's undionly.kpxe by TFTP, whatever the ROM is: iPXE
 * drives the card through the ROM's own UNDI driver and speaks HTTP.  It asks
 * DHCP once more, with our user class, and only that class is given the name
 * of a script: the engine, or the machine's own disk.
 */
#include "x86-bios.h"

#include <string.h>

#include "plugins/arch/ipxe-script.h"
#include "plugins/arch/pxe-answer.h"

/* Processor architecture of option 93 (RFC 4578 section 2.1). */
#define ARCH_BIOS 0u

#define OPTION_USER_CLASS 77u

#define LOADER_FILE "undionly.kpxe"

#define LABEL_LOCAL_BOOT "local-boot"

static int begins(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* A Raspberry Pi says that it is a PC with a BIOS; its address knows better
 * (the maker's prefixes in IEEE's public listing). */
static int is_raspberry_pi(const char *mac)
{
    static const char *const prefixes[] = {
        "28:cd:c1:", "2c:cf:67:", "3a:35:41:", "b8:27:eb:",
        "d8:3a:dd:", "dc:a6:32:", "e4:5f:01:",
    };
    for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++)
        if (begins(mac, prefixes[i]))
            return 1;
    return 0;
}

static int recognise(const struct slipway_boot_request *request)
{
    if (!pxe_answer_is_wanted(request) ||
        !begins(request->class_id, "PXEClient") ||
        is_raspberry_pi(request->mac))
        return PXE_SCORE_NONE;
    for (uint32_t i = 0; i < request->arch_count; i++)
        if (request->arch[i] == ARCH_BIOS)
            return i == 0 ? PXE_SCORE_FIRST : PXE_SCORE_LATER;
    if (request->arch_count > 0)
        return PXE_SCORE_NONE;
    if (begins(request->class_id, "PXEClient:Arch:"))
        return begins(request->class_id, "PXEClient:Arch:00000")
                   ? PXE_SCORE_TEXT
                   : PXE_SCORE_NONE;
    return PXE_SCORE_SILENT;
}

static int find_local_boot(const struct slipway_boot_writer *writer,
                           const char **ret_script)
{
    const char *label = writer->label(writer, LABEL_LOCAL_BOOT);
    *ret_script = local_boots[0].script;
    if (!label)
        return SLIPWAY_OK;
    for (size_t i = 0; i < LOCAL_BOOTS; i++)
        if (strcmp(label, local_boots[i].label) == 0) {
            *ret_script = local_boots[i].script;
            return SLIPWAY_OK;
        }
    return writer->fail(writer, SLIPWAY_EINVAL,
                        "the machine's label local-boot must be 'disk', "
                        "'second-disk' or 'exit'");
}

static int find_script(const struct slipway_boot_intent *intent,
                       const struct slipway_boot_writer *writer,
                       const char **ret_script)
{
    switch (intent->intent) {
    case SLIPWAY_INTENT_LOCAL:
        return find_local_boot(writer, ret_script);
    case SLIPWAY_INTENT_ENGINE:
        *ret_script = ENGINE_SCRIPT;
        if (ipxe_script_has_engine(writer, "x86_64") ||
            ipxe_script_has_engine(writer, "i686"))
            return SLIPWAY_OK;
        return writer->fail(writer, SLIPWAY_ENOTAPPLICABLE,
                            "no engine for x86_64 or i686 is published, make "
                            "one with 'slipway engine build'");
    default:
        return writer->fail(writer, SLIPWAY_EUNSUPPORTED,
                            "BIOS machines are not shown a menu");
    }
}

/* iPXE's settings begin with the ROM's last DHCP answer, and with them its
 * user class. */
static int write_class(const struct slipway_boot_writer *writer)
{
#ifdef IPXE_WITHOUT_SCRIPT
    return writer->option(writer, OPTION_USER_CLASS, IPXE_SCRIPT_CLASS,
                          sizeof(IPXE_SCRIPT_CLASS) - 1);
#else
    (void)writer;
    return SLIPWAY_OK;
#endif
}

static int answer(const struct slipway_boot_request *request,
                  const struct slipway_boot_intent *intent,
                  const struct slipway_boot_writer *writer)
{
    const char *script = NULL;
    int code = find_script(intent, writer, &script);
    if (code == SLIPWAY_OK)
        code = pxe_answer_tags(writer);
    if (code)
        return code;
    /* An undionly.kpxe without our script takes the class over from the ROM's
     * answer (write_class), except where that came from another server: there
     * every iPXE has to be given the script. */
    if (ipxe_script_is_run_by(request, (int)request->proxy))
        return pxe_answer_url(intent, writer, script);
    code = write_class(writer);
    return code ? code : writer->boot_file(writer, LOADER_FILE);
}

static const struct slipway_boot_file files[] = {
    {.size = sizeof(struct slipway_boot_file),
     .name = LOADER_FILE,
     .file = LOADER_FILE},
    {.size = sizeof(struct slipway_boot_file), .name = ENGINE_SCRIPT},
    {.size = sizeof(struct slipway_boot_file), .name = "x86-bios-disk.ipxe"},
    {.size = sizeof(struct slipway_boot_file),
     .name = "x86-bios-second-disk.ipxe"},
    {.size = sizeof(struct slipway_boot_file), .name = "x86-bios-exit.ipxe"},
};

SLIPWAY_ARCH_PLUGIN(.name = "x86-bios", .version = PLUGIN_VERSION,
                    .summary = "PC machines with a BIOS that boot by PXE",
                    .files = files,
                    .files_count = sizeof(files) / sizeof(files[0]),
                    .machine = "x86_64", .recognise = recognise,
                    .answer = answer, .render = script_render);
