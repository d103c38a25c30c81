/* SPDX-License-Identifier: Apache-2.0 */
#include "plugins/arch/ipxe-script.h"

#include <string.h>

#ifdef IPXE_WITHOUT_SCRIPT
#define IPXE_CLASS "iPXE" /* of an iPXE without our script, ROM or file */
#endif

int ipxe_script_is_run_by(const struct slipway_boot_request *request, int any)
{
    if (strcmp(request->user_class, IPXE_SCRIPT_CLASS) == 0)
        return 1;
#ifdef IPXE_WITHOUT_SCRIPT
    return any && strcmp(request->user_class, IPXE_CLASS) == 0;
#else
    (void)any;
    return 0;
#endif
}

int ipxe_script_has_engine(const struct slipway_boot_writer *writer,
                           const char *machine)
{
    return writer->engine_file(writer, machine, "kernel") &&
           writer->engine_file(writer, machine, "initramfs");
}

int ipxe_script_put(const struct slipway_boot_writer *writer,
                    const char *const *texts, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        int code = writer->text(writer, texts[i]);
        if (code)
            return code;
    }
    return SLIPWAY_OK;
}

/* Words, assignments and paths; nothing that iPXE would expand or take for an
 * operator. */
static int is_plain(const char *line)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyz"
                                "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                "0123456789 ,.:;=_/@%+-";
    return line[strspn(line, plain)] == '\0';
}

int ipxe_script_put_engine(const struct slipway_boot_writer *writer,
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
    /* Under UEFI the kernel's EFI stub asks iPXE for the initramfs by this
     * name; a BIOS kernel finds it in memory and passes the word over. */
    return IPXE_SCRIPT_PUT(
        writer, "echo Slipway: loading the engine for ", machine, "\n",
        "kernel ", kernel, " initrd=", initramfs, line && *line ? " " : "",
        line ? line : "", " || goto failed\n", "initrd ", initramfs,
        " || goto failed\n", "boot || goto failed\n");
}

int ipxe_script_put_failed(const struct slipway_boot_writer *writer)
{
    return IPXE_SCRIPT_PUT(writer, ":failed\n",
                           "echo Slipway: the engine could not be started\n",
                           "exit 1\n");
}
