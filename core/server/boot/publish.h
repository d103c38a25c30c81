/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Publishing boot files: what an arch plugin ships or renders while it is
 * enabled, and the files of the current engine build of each machine.  Each goes into the
 * boot table, which the workers follow.  Loop thread only.
 */
#ifndef CORE_SERVER_BOOT_PUBLISH_H
#define CORE_SERVER_BOOT_PUBLISH_H

#include "core/boot/boot-table.h"
#include "core/plugin/registry.h"
#include "core/server/server.h"

#define ENGINE_KEY_PREFIX "/v1/engine/"
#define ENGINE_ROLE_BYTES 16
#define ENGINE_MAX_FILES 8
#define ENGINE_MAX_BYTES (512u * 1024 * 1024) /* one file of a build */

/* Renders, hashes and publishes; a missing file is an error that names it.  Blocks for
 * the reading of the files. */
int publish_arch(struct server *server, const struct registry_entry *entry,
                 struct err *err);
void withdraw_arch(struct server *server, const struct registry_entry *entry);

/*
 * Publishes the files of an engine document, /v1/engine/MACHINE:
 * {"schema":1,"machine","version","trust_sha256","made_s","by","build",
 *  "command_line","files":[{"role","name","length","sha256"}]}.
 * Each file lies in STATE_DIR/boot/<sha256>; its content is checked.
 */
int publish_engine(struct server *server, const json_t *document,
                   struct err *err);
/* The published name of the machine's current file with that role; NULL =
 * none.  Fits dhcp_policy and policy_spec; `arg` is the server. */
const char *publish_engine_file(void *arg, const char *machine,
                                const char *role);
/* The kernel's command line of the machine's current build; NULL = none. */
const char *publish_engine_command_line(void *arg, const char *machine);
/* The documents of the current builds by machine, borrowed. */
const json_t *published_engines(const struct server *server);

/* Before the workers: they are given the folders. */
int published_new(struct server *server, struct err *err);
void published_free(struct server *server);
/* Duplicates of the boot table's folders, -1 = not there; the result is that
 * of STATE_DIR/boot. */
int published_roots(const struct server *server, int ret[BOOT_ROOTS]);
/* One file is received at a time, since it holds a pool thread: false = one is
 * being received. */
bool published_receive_begin(struct server *server);
void published_receive_end(struct server *server);
/* Once the documents are read: removes what belongs to no current build. */
void published_sweep(const struct server *server);
/* STATE_DIR/boot, to open files below. */
int published_folder(const struct server *server);

#endif
