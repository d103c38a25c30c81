/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The services that a serving transport sees (<slipway/transport.h>), on a
 * loop, its seam, a table of boot files and the folder of objects.  Used by
 * the transport's worker, and by tests with a simulated seam.
 */
#ifndef CORE_SERVER_WORKERS_SERVE_HOST_H
#define CORE_SERVER_WORKERS_SERVE_HOST_H

#include <jansson.h>
#include <slipway/transport.h>

#include "core/boot/boot-table.h"
#include "core/plugin/loop-services.h"
#include "core/plugin/params.h"
#include "core/server/http/http-files.h"
#include "core/util/loop.h"

struct serve_host;

struct serve_host_spec {
    struct loop *loop;
    const struct boot_table *boot_table; /* borrowed */
    const int *boot_roots;               /* BOOT_ROOTS descriptors, borrowed */
    int objects_fd;                      /* borrowed; -1 = no objects */
    const char *plugin;                  /* name, for the log; borrowed */
    const struct param_values *params;   /* borrowed; NULL = it has none */
    /* The plugin mounts a prefix of the HTTP port: 0, or a code.  NULL = it
     * may not. */
    int (*mount)(void *arg, const char *prefix);
    /* An event of the plugin: an object with the member `event` (stolen). */
    void (*event)(void *arg, json_t *event);
    void (*drained)(void *arg);
    void *arg;
};

struct serve_host *serve_host_new(const struct serve_host_spec *spec,
                                  struct err *err);
/* After the plugin was stopped.  Closes what it left open. */
void serve_host_free(struct serve_host *host);
/* What is handed to the plugin. */
const struct slipway_serve_host *serve_host_services(struct serve_host *host);
/* A socket (taken) that the plugin may open by this name. */
int serve_host_add_socket(struct serve_host *host, const char *name, int fd,
                          struct err *err);
/* True when every name of the plugin's list ("tftp"; NULL = none) has one;
 * otherwise the first missing name is written. */
bool serve_host_has_sockets(const struct serve_host *host, const char *names,
                            char ret_missing[33]);
/* Asks the plugin's handler for a path below a mounted prefix. */
void serve_host_find(struct serve_host *host, const char *path,
                     const struct endpoint *peer, struct http_file *ret);

#endif
