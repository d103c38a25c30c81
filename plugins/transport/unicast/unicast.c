/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The transport plugin `unicast`: objects by HTTP under names that are their
 * digests, so that any cache may stand in between.  No secrecy is needed:
 * objects are sealed.
 */
#include "unicast.h"

static const struct slipway_param params[] = {
    [PARAM_CONNECTIONS] = SLIPWAY_PARAM(
            .type = SLIPWAY_PARAM_NUMBER, .name = "connections",
            .help = "How many objects an engine fetches at the same time.",
            .default_text = "4", .min = 1, .max = 16),
};

SLIPWAY_TRANSPORT_PLUGIN(
        .name = "unicast", .version = PLUGIN_VERSION,
        .summary = "Sends and fetches sealed objects over HTTP.",
        .params = params, .params_count = sizeof(params) / sizeof(params[0]),
        .capabilities = SLIPWAY_TRANSPORT_SERVES_OBJECTS |
                        SLIPWAY_TRANSPORT_FETCHES_OBJECTS,
        .serve_start = unicast_serve_start, .serve_drain = unicast_serve_drain,
        .serve_stop = unicast_serve_stop, .fetch_start = unicast_fetch_start,
        .fetch_wanted = unicast_fetch_wanted, .fetch_stop = unicast_fetch_stop);
