/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The services that a fetching transport sees (<slipway/transport.h>), on the
 * loop of the pipeline process.
 */
#ifndef CORE_ENGINE_SESSION_FETCH_HOST_H
#define CORE_ENGINE_SESSION_FETCH_HOST_H

#include "core/plugin/load.h"
#include "core/plugin/params.h"
#include "core/util/loop.h"
#include "core/wire/http-get.h"

struct fetch_host;

struct fetch_host_spec {
    struct loop *loop;
    struct http_gets *gets; /* borrowed; shared by all transports */
    const struct plugin *plugin;
    /* What the plugin asks for; all on the loop. */
    int (*next_wanted)(void *arg, struct digest *ret_name,
                       uint64_t *ret_length);
    int (*deliver)(void *arg, const struct digest *name, const void *data,
                   size_t length);
    void (*give_up)(void *arg, const struct digest *name, const char *sentence);
    const char *(*server)(void *arg, size_t index);
    void *arg;
};

/* Starts the transport with its parameters' defaults. */
struct fetch_host *fetch_host_new(const struct fetch_host_spec *spec,
                                  struct err *err);
/* Stops it. */
void fetch_host_free(struct fetch_host *host);
/* There may be something wanted now. */
void fetch_host_wanted(struct fetch_host *host);

#endif
