/* SPDX-License-Identifier: Apache-2.0 */
/*
 * x86-uefi: x86-64 machines whose UEFI firmware boots by PXE over IPv4.
 *
 * The firmware downloads what we name and starts it: the engine as one unified
 * kernel image, or, for a machine without a task, the small program that
 * starts the operating system on its disk.
 */
#include <string.h>

#include <slipway/arch.h>

/* Processor architectures of option 93.  RFC 4578 printed EBC and x86-64 the
 * wrong way round and an erratum swapped them, so both mean x86-64. */
#define ARCH_X64_UEFI 7u
#define ARCH_EBC 9u

#define OPTION_VENDOR 43u
#define OPTION_CLASS_ID 60u

#define LOCAL_BOOT_FILE "local-x64.efi"
#define ENGINE_MACHINE "x86_64"

/* Scores of recognise. */
enum {
    SCORE_NONE = 0,
    SCORE_LATER = 500, /* ours, but another architecture comes first */
    SCORE_TEXT = 600,  /* only the class text says so */
    SCORE_FIRST = 800,
};

static int is_x64(uint32_t arch)
{
    return arch == ARCH_X64_UEFI || arch == ARCH_EBC;
}

static int begins(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

static int recognise(const struct slipway_boot_request *request)
{
    if (request->kind != SLIPWAY_BOOT_DHCP_DISCOVER &&
        request->kind != SLIPWAY_BOOT_DHCP_REQUEST &&
        request->kind != SLIPWAY_BOOT_PXE_REQUEST)
        return SCORE_NONE;
    /* UEFI HTTP boot has codes and a class of its own (HTTPClient). */
    if (!begins(request->class_id, "PXEClient"))
        return SCORE_NONE;
    for (uint32_t i = 0; i < request->arch_count; i++)
        if (is_x64(request->arch[i]))
            return i == 0 ? SCORE_FIRST : SCORE_LATER;
    if (request->arch_count == 0 &&
        (begins(request->class_id, "PXEClient:Arch:00007") ||
         begins(request->class_id, "PXEClient:Arch:00009")))
        return SCORE_TEXT;
    return SCORE_NONE;
}

/*
 * Class `PXEClient` and discovery control with bit 3: "there is a boot file,
 * download it now".  EDK2 then takes our offer before any other (it sorts
 * DHCP with PXE tags first) and asks no port 4011.  With the class alone it
 * would go to 4011 always; without the class a foreign proxy server on the
 * network would win over us.
 */
static int write_pxe_tags(const struct slipway_boot_writer *writer)
{
    static const unsigned char direct[] = {6, 1, 0x08, 0xff};
    static const char class_id[] = "PXEClient";
    int code =
        writer->option(writer, OPTION_CLASS_ID, class_id, sizeof(class_id) - 1);
    if (code)
        return code;
    return writer->option(writer, OPTION_VENDOR, direct, sizeof(direct));
}

static int answer(const struct slipway_boot_request *request,
                  const struct slipway_boot_intent *intent,
                  const struct slipway_boot_writer *writer)
{
    const char *file = NULL;
    if (request->proxy)
        return writer->fail(writer, SLIPWAY_EUNSUPPORTED,
                            "another server gives the addresses, and UEFI "
                            "machines are only booted where this one does");
    switch (intent->intent) {
    case SLIPWAY_INTENT_LOCAL:
        file = LOCAL_BOOT_FILE;
        break;
    case SLIPWAY_INTENT_ENGINE:
        file = writer->engine_file(writer, ENGINE_MACHINE, "engine");
        if (!file)
            return writer->fail(writer, SLIPWAY_ENOTAPPLICABLE,
                                "no engine for x86_64 is published, make one "
                                "with 'slipway engine build'");
        break;
    default:
        return writer->fail(writer, SLIPWAY_EUNSUPPORTED,
                            "UEFI machines are not shown a menu");
    }
    int code = write_pxe_tags(writer);
    if (code)
        return code;
    return writer->boot_file(writer, file);
}

static const struct slipway_boot_file files[] = {
    {.size = sizeof(struct slipway_boot_file),
     .name = LOCAL_BOOT_FILE,
     .file = LOCAL_BOOT_FILE},
};

SLIPWAY_ARCH_PLUGIN(
        .name = "x86-uefi", .version = PLUGIN_VERSION,
        .summary = "x86-64 machines with UEFI firmware that boot by PXE",
        .files = files, .files_count = sizeof(files) / sizeof(files[0]),
        .machine = ENGINE_MACHINE, .recognise = recognise, .answer = answer);
