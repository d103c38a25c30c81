/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the plugin x86-uefi share. */
#ifndef X86_UEFI_H
#define X86_UEFI_H

#include <slipway/arch.h>

#define ENGINE_MACHINE "x86_64"
#define LOCAL_BOOT_FILE "local-x64.efi"

/* iPXE over the firmware's own network driver, for machines whose firmware
 * cannot take the engine as one file. */
#define LOADER_FILE "snponly.efi"
#define LOADER_ENGINE_SCRIPT "x86-uefi-engine.ipxe"
#define LOADER_LOCAL_SCRIPT "x86-uefi-disk.ipxe"

/* The host's label `boot-loader`: 1 = through iPXE, 0 = directly; negative
 * when it says something else or iPXE is not part of this build. */
int loader_wanted(const struct slipway_boot_writer *writer);
/* Whether this client is our iPXE, which is given scripts. */
int loader_runs_scripts(const struct slipway_boot_request *request);
/* The text of one of the two scripts. */
int loader_render(const char *name, const struct slipway_boot_writer *writer);

#endif
