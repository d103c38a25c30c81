/* SPDX-License-Identifier: Apache-2.0 */
/* Between facts.c and facts-ports.c. */
#ifndef CORE_ENGINE_FACTS_INTERNAL_H
#define CORE_ENGINE_FACTS_INTERNAL_H

#include <jansson.h>

#include "core/util/buf.h"

/* The whole of ROOT/PATH, up to the buffer's maximum; -1 when it is absent. */
int facts_read(const char *root, const char *path, struct buf *ret);

/* Adds `ports`: every network port that has a device.  -1 = no memory. */
int facts_add_ports(json_t *facts, const char *root);

#endif
