/* SPDX-License-Identifier: Apache-2.0 */
/* The way through iPXE: which hosts take it, and its scripts. */
#include <string.h>

#include "plugins/arch/ipxe-script.h"
#include "x86-uefi.h"

#define LABEL "boot-loader"

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
    return ipxe_script_is_run_by(request, 1);
}

static int render_engine(const struct slipway_boot_writer *writer)
{
    if (!ipxe_script_has_engine(writer, ENGINE_MACHINE))
        return SLIPWAY_ENOTAPPLICABLE;
    int code = IPXE_SCRIPT_PUT(writer, "#!ipxe\n");
    if (!code)
        code = ipxe_script_put_engine(writer, ENGINE_MACHINE);
    return code ? code : ipxe_script_put_failed(writer);
}

int loader_render(const char *name, const struct slipway_boot_writer *writer)
{
    if (strcmp(name, LOADER_ENGINE_SCRIPT) == 0)
        return render_engine(writer);
    if (strcmp(name, LOADER_LOCAL_SCRIPT) == 0)
        return IPXE_SCRIPT_PUT(
            writer, "#!ipxe\n",
            "echo Slipway: there is nothing to do on this machine\n",
            "chain " LOCAL_BOOT_FILE " || exit 1\n");
    return writer->fail(writer, SLIPWAY_EINVAL, "this script is not known");
}
