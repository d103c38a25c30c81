/* SPDX-License-Identifier: Apache-2.0 */
/*
 * x86-uefi: x86-64 machines whose UEFI firmware boots by PXE or HTTP over
 * IPv4.
 *
 * The firmware downloads what we name and starts it: the engine as one unified
 * kernel image, or, for a machine without a task, the small program that
 * starts the operating system on its disk.
 */
#include <string.h>

#include "plugins/arch/pxe-answer.h"
#include "x86-uefi.h"

/* Processor architectures of option 93.  RFC 4578 printed EBC and x86-64 the
 * wrong way round and an erratum swapped them, so both mean x86-64. */
#define ARCH_X64_UEFI 7u
#define ARCH_EBC 9u
#define ARCH_X64_HTTP 16u

static int begins(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* UEFI HTTP boot: a class and an architecture code of its own. */
static int by_http(const struct slipway_boot_request *request)
{
    return begins(request->class_id, "HTTPClient");
}

static int is_x64(const struct slipway_boot_request *request, uint32_t arch)
{
    return by_http(request) ? arch == ARCH_X64_HTTP
                            : arch == ARCH_X64_UEFI || arch == ARCH_EBC;
}

static int recognise(const struct slipway_boot_request *request)
{
    if (!pxe_answer_is_wanted(request))
        return PXE_SCORE_NONE;
    if (!begins(request->class_id, "PXEClient") && !by_http(request))
        return PXE_SCORE_NONE;
    for (uint32_t i = 0; i < request->arch_count; i++)
        if (is_x64(request, request->arch[i]))
            return i == 0 ? PXE_SCORE_FIRST : PXE_SCORE_LATER;
    if (request->arch_count == 0 &&
        (begins(request->class_id, "PXEClient:Arch:00007") ||
         begins(request->class_id, "PXEClient:Arch:00009") ||
         begins(request->class_id, "HTTPClient:Arch:00016")))
        return PXE_SCORE_TEXT;
    return PXE_SCORE_NONE;
}

/* The file by its URL.  With the class of HTTP boot in the answer EDK2 takes
 * it, from us or from a proxy alike; port 4011 is not for it. */
static int write_http(const struct slipway_boot_intent *intent,
                      const struct slipway_boot_writer *writer,
                      const char *file)
{
    static const char class_id[] = "HTTPClient";
    int code = writer->option(writer, PXE_OPTION_CLASS_ID, class_id,
                              sizeof(class_id) - 1);
    return code ? code : pxe_answer_url(intent, writer, file);
}

static int find_engine(const struct slipway_boot_writer *writer,
                       const char **ret_file)
{
    int by_loader = loader_wanted(writer);
    if (by_loader < 0)
        return by_loader;
    *ret_file = writer->engine_file(writer, ENGINE_MACHINE,
                                    by_loader ? "kernel" : "engine");
    if (!*ret_file)
        return writer->fail(writer, SLIPWAY_ENOTAPPLICABLE,
                            "no engine for x86_64 is published, make one "
                            "with 'slipway engine build'");
    if (by_loader)
        *ret_file = LOADER_FILE;
    return SLIPWAY_OK;
}

static int answer(const struct slipway_boot_request *request,
                  const struct slipway_boot_intent *intent,
                  const struct slipway_boot_writer *writer)
{
    const char *file = LOCAL_BOOT_FILE;
    const char *script = LOADER_LOCAL_SCRIPT;
    int code = SLIPWAY_OK;
    switch (intent->intent) {
    case SLIPWAY_INTENT_LOCAL:
        break;
    case SLIPWAY_INTENT_ENGINE:
        code = find_engine(writer, &file);
        script = LOADER_ENGINE_SCRIPT;
        break;
    default:
        code = writer->fail(writer, SLIPWAY_EUNSUPPORTED,
                            "UEFI machines are not shown a menu");
    }
    if (code)
        return code;
    if (by_http(request))
        return write_http(intent, writer, file);
    code = pxe_answer_tags(writer);
    if (code)
        return code;
    if (loader_runs_scripts(request))
        return pxe_answer_url(intent, writer, script);
    return writer->boot_file(writer, file);
}

static const struct slipway_boot_file files[] = {
    {.size = sizeof(struct slipway_boot_file),
     .name = LOCAL_BOOT_FILE,
     .file = LOCAL_BOOT_FILE},
#ifdef WITH_IPXE
    {.size = sizeof(struct slipway_boot_file),
     .name = LOADER_FILE,
     .file = LOADER_FILE},
    {.size = sizeof(struct slipway_boot_file), .name = LOADER_ENGINE_SCRIPT},
    {.size = sizeof(struct slipway_boot_file), .name = LOADER_LOCAL_SCRIPT},
#endif
};

SLIPWAY_ARCH_PLUGIN(
        .name = "x86-uefi", .version = PLUGIN_VERSION,
        .summary = "x86-64 machines whose UEFI firmware boots by PXE or HTTP",
        .files = files, .files_count = sizeof(files) / sizeof(files[0]),
        .machine = ENGINE_MACHINE, .recognise = recognise, .answer = answer,
        .render = loader_render);
