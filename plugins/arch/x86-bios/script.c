/* SPDX-License-Identifier: Apache-2.0 */
/* The iPXE scripts of BIOS machines. */
#include <string.h>

#include "plugins/arch/ipxe-script.h"
#include "x86-bios.h"

const struct local_boot local_boots[LOCAL_BOOTS] = {
    {"disk", "x86-bios-disk.ipxe", "0x80"},
    {"second-disk", "x86-bios-second-disk.ipxe", "0x81"},
    {"exit", "x86-bios-exit.ipxe", NULL},
};

static int put_no_engine(const struct slipway_boot_writer *writer)
{
    return IPXE_SCRIPT_PUT(writer, "echo Slipway: this processor has 32 bits "
                                   "and no engine for i686 is published\n");
}

static int render_engine(const struct slipway_boot_writer *writer)
{
    int wide = ipxe_script_has_engine(writer, "x86_64");
    int narrow = ipxe_script_has_engine(writer, "i686");
    if (!wide && !narrow)
        return SLIPWAY_ENOTAPPLICABLE;
    /* Bit 29 of the extended features: long mode (AMD64 manual volume 3,
     * CPUID 8000_0001h EDX). */
    int code = IPXE_SCRIPT_PUT(writer, "#!ipxe\n");
    if (!code && wide)
        code = IPXE_SCRIPT_PUT(writer, "cpuid --ext 29 || goto narrow\n");
    if (!code && wide)
        code = ipxe_script_put_engine(writer, "x86_64");
    if (!code && wide)
        code = IPXE_SCRIPT_PUT(writer, ":narrow\n");
    if (!code)
        code = narrow ? ipxe_script_put_engine(writer, "i686")
                      : put_no_engine(writer);
    return code ? code : ipxe_script_put_failed(writer);
}

static int render_local(const struct local_boot *way,
                        const struct slipway_boot_writer *writer)
{
    int code = IPXE_SCRIPT_PUT(
        writer, "#!ipxe\n",
        "echo Slipway: there is nothing to do on this machine\n");
    if (!code && way->drive)
        code = IPXE_SCRIPT_PUT(writer, "sanboot --no-describe --drive ",
                               way->drive, " ||\n");
    /* Back to the BIOS, which tries its next boot device. */
    return code ? code : IPXE_SCRIPT_PUT(writer, "exit\n");
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
