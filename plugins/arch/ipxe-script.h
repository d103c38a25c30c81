/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What arch plugins that boot through iPXE share: which clients are our
 * loader, and the parts of the scripts that it is given.  Compiled into each
 * of them.  File names in a script are relative to the script's own address,
 * so one text serves every network card of every server.
 */
#ifndef IPXE_SCRIPT_H
#define IPXE_SCRIPT_H

#include <slipway/arch.h>

/* Our loader's user class (option 77), set by slipway.ipxe inside it. */
#define IPXE_SCRIPT_CLASS "slipway"

/*
 * Whether this client runs scripts of ours.  In a build whose iPXE has not
 * our script inside (IPXE_WITHOUT_SCRIPT) the loader calls itself iPXE like
 * any ROM that is one; `any` says that such a client is to be taken for it.
 */
int ipxe_script_is_run_by(const struct slipway_boot_request *request, int any);

/* Whether kernel and initramfs for this machine are published. */
int ipxe_script_has_engine(const struct slipway_boot_writer *writer,
                           const char *machine);

/* Appends texts to the script; 0 or the writer's error. */
int ipxe_script_put(const struct slipway_boot_writer *writer,
                    const char *const *texts, size_t count);
#define IPXE_SCRIPT_PUT(writer, ...)                                           \
    ipxe_script_put((writer), (const char *const[]){__VA_ARGS__},              \
                    sizeof((const char *const[]){__VA_ARGS__}) /               \
                        sizeof(const char *))

/*
 * Appends the lines that load and start one machine's engine, which must be
 * published, and go to the label of ipxe_script_put_failed when that cannot
 * be done.  SLIPWAY_EINVAL with a sentence when iPXE would read more than
 * words in the engine's command line; otherwise 0 or the writer's error.
 */
int ipxe_script_put_engine(const struct slipway_boot_writer *writer,
                           const char *machine);
/* Appends the end of a script: what happens when no engine was started. */
int ipxe_script_put_failed(const struct slipway_boot_writer *writer);

#endif
