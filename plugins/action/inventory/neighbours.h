/* SPDX-License-Identifier: Apache-2.0 */
#ifndef INVENTORY_NEIGHBOURS_H
#define INVENTORY_NEIGHBOURS_H

#include <jansson.h>

#include <slipway/action.h>

/*
 * Adds `neighbours` to each of `ports` (the array of the facts) that heard
 * any: what came since the engine brought the port up, and what comes within
 * `wait_ms` from now; it ends sooner when every port with a link has one.
 * A port that cannot be listened on is left as it is.  0, or SLIPWAY_E*.
 */
int neighbours_add(const struct slipway_action_host *host, json_t *ports,
                   uint64_t wait_ms);

#endif
