/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Enabled plugins at work: documents "/v1/plugin/KIND/NAME" become entries of
 * the registry, arch plugins publish their files, serving transports get
 * their workers.  Loop thread only.
 */
#ifndef CORE_SERVER_PLUGINS_H
#define CORE_SERVER_PLUGINS_H

#include "core/plugin/registry.h"
#include "core/server/server.h"

#define PLUGIN_KEY_PREFIX "/v1/plugin/"

/* Takes a document over and puts the plugin to work.  On failure the plugin
 * stays listed with its problem. */
int plugins_apply(struct server *server, const json_t *document,
                  struct err *err);
/* Stops using it; transports finish their transfers first. */
void plugins_remove(struct server *server, uint32_t kind, const char *name);

#endif
