/* SPDX-License-Identifier: Apache-2.0 */
/* Parts of the loader: load-file.c, load-callbacks.c. */
#ifndef CORE_PLUGIN_LOAD_INTERNAL_H
#define CORE_PLUGIN_LOAD_INTERNAL_H

#include "core/plugin/load.h"

/* 0, or which callback or member the plugin's kind requires and it lacks. */
int load_check_callbacks(const struct plugin *plugin, struct err *err);

#endif
