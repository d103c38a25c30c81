/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The way through iPXE: which hosts take it, and its scripts.  File names in
 * these are relative to the script's own address.
 */
#include <string.h>

#include "x86-uefi.h"

#define LABEL "boot-loader"
#define LOADER_CLASS "slipway" /* our loader's option 77 */
#define IPXE_CLASS "iPXE"      /* that of an iPXE without our script */

int loader_wanted(const struct slipway_boot_writer *writer)
{
    const char *label = writer->label(writer, LABEL);
    if (!label || strcmp(label, "direct") == 0)
        return 0;
    if (strcmp(label, "ipxe") != 0)
        return writer->fail(writer, SLIPWAY_EINVAL,
                            "the machine's label boot-loader must be 'direct' "
                            "or 'ipxe'");
#ifdef WITH_IPXE
    return 1;
#else
    return writer->fail(writer, SLIPWAY_EUNSUPPORTED,
                        "the machine's label boot-loader wants iPXE, which "
                        "this build of the server does not have");
#endif
}

int loader_runs_scripts(const struct slipway_boot_request *request)
{
    if (strcmp(request->user_class, LOADER_CLASS) == 0)
        return 1;
#ifdef IPXE_WITHOUT_SCRIPT
    return strcmp(request->user_class, IPXE_CLASS) == 0;
#else
    return 0;
#endif
}

static int put(const struct slipway_boot_writer *writer,
               const char *const *texts, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        int code = writer->text(writer, texts[i]);
        if (code)
            return code;
    }
    return SLIPWAY_OK;
}

#define PUT(writer, ...)                                                       \
    put((writer), (const char *const[]){__VA_ARGS__},                          \
        sizeof((const char *const[]){__VA_ARGS__}) / sizeof(const char *))

/* Words, assignments and paths; nothing that iPXE would expand or take for an
 * operator. */
static int is_plain(const char *line)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyz"
                                "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                "0123456789 ,.:;=_/@%+-";
    return line[strspn(line, plain)] == '\0';
}

static int render_engine(const struct slipway_boot_writer *writer)
{
    const char *kernel = writer->engine_file(writer, ENGINE_MACHINE, "kernel");
    const char *initramfs =
        writer->engine_file(writer, ENGINE_MACHINE, "initramfs");
    const char *line = writer->engine_command_line(writer, ENGINE_MACHINE);
    if (!kernel || !initramfs)
        return SLIPWAY_ENOTAPPLICABLE;
    if (line && !is_plain(line))
        return writer->fail(writer, SLIPWAY_EINVAL,
                            "the engine's command line has characters that "
                            "mean something to iPXE; build it with letters, "
                            "digits and ,.:;=_/@%+- alone");
    /* The kernel's EFI stub asks iPXE for the initramfs by this name. */
    return PUT(writer, "#!ipxe\n", "echo Slipway: loading the engine\n",
               "kernel ", kernel, " initrd=", initramfs, " ", line ? line : "",
               " || goto failed\n", "initrd ", initramfs, " || goto failed\n",
               "boot ||\n", ":failed\n",
               "echo Slipway: the engine could not be started\n", "exit 1\n");
}

int loader_render(const char *name, const struct slipway_boot_writer *writer)
{
    if (strcmp(name, LOADER_ENGINE_SCRIPT) == 0)
        return render_engine(writer);
    if (strcmp(name, LOADER_LOCAL_SCRIPT) == 0)
        return PUT(writer, "#!ipxe\n",
                   "echo Slipway: there is nothing to do on this machine\n",
                   "chain " LOCAL_BOOT_FILE " || exit 1\n");
    return writer->fail(writer, SLIPWAY_EINVAL, "this script is not known");
}
