/* SPDX-License-Identifier: Apache-2.0 */
/* Parts of the registry: registry.c (what is enabled), registry-scan.c (what
 * lies in the folder). */
#ifndef CORE_PLUGIN_REGISTRY_INTERNAL_H
#define CORE_PLUGIN_REGISTRY_INTERNAL_H

#include "core/plugin/registry.h"

uid_t registry_owner(const struct registry *registry);

/* Reads, describes and judges one file.  On failure *ret may still hold what
 * could be described, or NULL; ERR_NOT_FOUND = there is no such file. */
int registry_describe(const struct plugin_place *place,
                      struct plugin_info **ret, struct err *err);

#endif
