/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The iPXE scripts.  File names in them are relative to the script's own
 * address, so one text serves every network card of every server.
 */
#include <string.h>

#include "x86-bios.h"

const struct local_boot local_boots[LOCAL_BOOTS] = {
    {"disk", "x86-bios-disk.ipxe", "0x80"},
    {"second-disk", "x86-bios-second-disk.ipxe", "0x81"},
    {"exit", "x86-bios-exit.ipxe", NULL},
};

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

int script_has_engine(const struct slipway_boot_writer *writer,
                      const char *machine)
{
    return writer->engine_file(writer, machine, "kernel") &&
           writer->engine_file(writer, machine, "initramfs");
}

/* Loads and starts one machine's engine. */
static int put_engine(const struct slipway_boot_writer *writer,
                      const char *machine)
{
    const char *kernel = writer->engine_file(writer, machine, "kernel");
    const char *initramfs = writer->engine_file(writer, machine, "initramfs");
    const char *line = writer->engine_command_line(writer, machine);
    if (line && !is_plain(line))
        return writer->fail(writer, SLIPWAY_EINVAL,
                            "the engine's command line has characters that "
                            "mean something to iPXE; build it with letters, "
                            "digits and ,.:;=_/@%+- alone");
    return PUT(writer, "echo Slipway: loading the engine for ", machine, "\n",
               "kernel ", kernel, line && *line ? " " : "", line ? line : "",
               " || goto failed\n", "initrd ", initramfs, " || goto failed\n",
               "boot || goto failed\n");
}

static int render_engine(const struct slipway_boot_writer *writer)
{
    int wide = script_has_engine(writer, "x86_64");
    int narrow = script_has_engine(writer, "i686");
    if (!wide && !narrow)
        return SLIPWAY_ENOTAPPLICABLE;
    /* Bit 29 of the extended features: long mode (AMD64 manual volume 3,
     * CPUID 8000_0001h EDX). */
    int code = PUT(writer, "#!ipxe\n");
    if (!code && wide)
        code = PUT(writer, "cpuid --ext 29 || goto narrow\n");
    if (!code && wide)
        code = put_engine(writer, "x86_64");
    if (!code && wide)
        code = PUT(writer, ":narrow\n");
    if (!code)
        code = narrow ? put_engine(writer, "i686")
                      : PUT(writer, "echo Slipway: this processor has 32 bits "
                                    "and no engine for i686 is published\n");
    return code ? code
                : PUT(writer, ":failed\n",
                      "echo Slipway: the engine could not be started\n",
                      "exit 1\n");
}

static int render_local(const struct local_boot *way,
                        const struct slipway_boot_writer *writer)
{
    int code = PUT(writer, "#!ipxe\n",
                   "echo Slipway: there is nothing to do on this machine\n");
    if (!code && way->drive)
        code = PUT(writer, "sanboot --no-describe --drive ", way->drive,
                   " ||\n");
    /* Back to the BIOS, which tries its next boot device. */
    return code ? code : PUT(writer, "exit\n");
}

int script_render(const char *name, const struct slipway_boot_writer *writer)
{
    if (strcmp(name, ENGINE_SCRIPT) == 0)
        return render_engine(writer);
    for (size_t i = 0; i < LOCAL_BOOTS; i++)
        if (strcmp(name, local_boots[i].script) == 0)
            return render_local(&local_boots[i], writer);
    return writer->fail(writer, SLIPWAY_EINVAL, "this script is not known");
}
