/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Boot files whose text an arch plugin renders.  The text is the same for
 * every client and names files of the current engine builds, so it is made
 * when the plugin is enabled and after each build, and published like any
 * other boot file: workers serve it and know nothing of plugins.  Loop thread
 * only.
 */
#ifndef CORE_SERVER_BOOT_PUBLISH_SCRIPT_H
#define CORE_SERVER_BOOT_PUBLISH_SCRIPT_H

#include "core/plugin/registry.h"
#include "core/server/server.h"

#define SCRIPT_MAX_BYTES (64u * 1024) /* of one rendered text */

/*
 * Has the plugin render the boot file `name` and publishes the text, which is
 * kept in STATE_DIR/boot/<sha256>.  A plugin that has nothing to publish now
 * (SLIPWAY_ENOTAPPLICABLE) takes the name out of the table, and so does one
 * that fails, whose sentence is the error.
 */
int publish_rendered(struct server *server, const struct registry_entry *entry,
                     const char *name, struct err *err);

#endif
