/* SPDX-License-Identifier: Apache-2.0 */
/* What serve.c (start and end) and serve-load.c (reading the state) share. */
#ifndef CORE_SERVER_SERVE_INTERNAL_H
#define CORE_SERVER_SERVE_INTERNAL_H

#include "core/server/dhcp/dhcp.h"
#include "core/server/server.h"
#include "core/server/sockets.h"
#include "core/util/err.h"

struct serve {
    struct server server;
    struct sockets sockets;
    struct loop_timer *hourly;
    size_t step; /* of loading */
    bool deployed;
    bool failed;
    struct err failure;
};

/* Reads the state step by step, then calls serve_ready or serve_failed. */
void serve_load(struct serve *serve);
void serve_ready(struct serve *serve);
void serve_failed(struct serve *serve, const struct err *err);

/* The DHCP server and its policy; needs hosts and tasks. */
int serve_dhcp_start(struct serve *serve, struct err *err);

#endif
