/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the plugin x86-bios share. */
#ifndef X86_BIOS_H
#define X86_BIOS_H

#include <slipway/arch.h>

#define ENGINE_SCRIPT "x86-bios-engine.ipxe"

/* A way to start the disk, chosen by the machine's label `local-boot`. */
struct local_boot {
    const char *label;  /* its value; the first is the default */
    const char *script; /* published name */
    const char *drive;  /* BIOS drive number, NULL = leave it to the BIOS */
};

#define LOCAL_BOOTS 3
extern const struct local_boot local_boots[LOCAL_BOOTS];

/* The text of one of the scripts above. */
int script_render(const char *name, const struct slipway_boot_writer *writer);

#endif
