/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loading a plugin's code into this process.  The order of the checks is the
 * point: nothing of the file runs before its name, owner, mode, digest and ELF
 * properties are accepted, and what runs is a sealed copy that nobody can
 * change afterwards.  Each refusal is one sentence: what, why, what to do.
 *
 * Code stays mapped until the process ends; loading the same bytes again gives
 * the same plugin.
 */
#ifndef CORE_PLUGIN_LOAD_H
#define CORE_PLUGIN_LOAD_H

#include <sys/types.h>

#include <slipway/action.h>
#include <slipway/arch.h>
#include <slipway/store.h>
#include <slipway/transport.h>

#include "core/plugin/kind.h"
#include "core/util/crypto.h"

/*
 * A loaded plugin.  `as` is the host's own copy of the descriptor: members
 * that the plugin does not know are 0 or NULL, members that the host does not
 * know are left out.
 */
struct plugin {
    uint32_t kind;
    char name[PLUGIN_NAME_BYTES];
    struct digest digest;
    bool reduced; /* it has members that this host does not know */
    union {
        struct slipway_plugin head;
        struct slipway_arch_plugin arch;
        struct slipway_transport_plugin transport;
        struct slipway_action_plugin action;
        struct slipway_store_plugin store;
    } as;
};

/* Where a plugin's file lies: DIR/MACHINE/KIND/NAME.so. */
struct plugin_place {
    const char *dir;     /* the plugin folder, see plugin_dir */
    const char *machine; /* NULL = this machine */
    uint32_t kind;
    const char *name;
    uid_t owner; /* accepted beside root: the user slipwayd was started as */
};

/* $SLIPWAY_PLUGIN_DIR, or the installed folder. */
const char *plugin_dir(void);

/*
 * Opens the file without following links, checks owner and mode of it and of
 * its folder, and copies it into a sealed memory file, which the caller
 * closes.  The digest is of the copy.  Blocks; any thread.
 * ERR_NOT_FOUND, ERR_DENIED (owner, mode, link), ERR_TOO_BIG, ERR_IO.
 */
int plugin_file_open(const struct plugin_place *place, int *ret_fd,
                     struct digest *ret_digest, struct err *err);

/*
 * Loads from a sealed memory file, which is taken in every case.  `expected`
 * is what was enabled or what the signed plan says; NULL only for the store,
 * which the configuration names.  The result belongs to the process: it is
 * never freed.  ERR_VERIFY for another digest, ERR_INVALID or ERR_UNSUPPORTED
 * for what the plugin is.  One thread at a time.
 */
int plugin_load(int memory_fd, uint32_t kind, const char *name,
                const struct digest *expected, const struct plugin **ret,
                struct err *err);

/* The two in one: a file of this machine. */
int plugin_load_file(const struct plugin_place *place,
                     const struct digest *expected, const struct plugin **ret,
                     struct err *err);

#endif
