/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The serving workers of slipwayd: one front door for the HTTP port and one
 * process for each enabled serving transport.  Starts them, gives them their
 * sockets and the table of published boot files, restarts with back-off those
 * that die, and passes their events on.  Loop thread only.
 *
 * Messages parent -> worker, in `type`: "configure" (first), "plugin",
 * "socket", "boot-table", "peer" (the socket pair between front door and
 * transport), "start", "drain".  Worker -> parent: "ready", "event", "failed".
 */
#ifndef CORE_SERVER_WORKERS_WORKER_H
#define CORE_SERVER_WORKERS_WORKER_H

#include <jansson.h>

#include "core/boot/boot-table.h"
#include "core/util/loop.h"

struct workers;

struct workers_spec {
    struct loop *loop;
    int http_fd;                /* listening socket of the HTTP port; taken */
    int objects_fd;             /* the folder objects/; taken */
    int boot_roots[BOOT_ROOTS]; /* boot-table.h; taken; -1 = there is none */
    struct boot_table *boot_table; /* listened to; outlives the workers */
    /* Something happened: id ("worker-died", "transfer-done") and one JSON
     * object, borrowed, with at least the member `worker`. */
    void (*event)(void *arg, const char *id, const json_t *event);
    void *arg;
};

/* Starts the front door.  Takes the descriptors also when it fails. */
struct workers *workers_new(const struct workers_spec *spec, struct err *err);
/* Ends all workers at once. */
void workers_free(struct workers *workers);

/*
 * A datagram socket (taken) that transports may open by its configured name
 * ("tftp").  Call before the transports are enabled.  Several addresses:
 * several calls with one name, at most 4.
 */
int workers_add_socket(struct workers *workers, const char *name, int fd,
                       struct err *err);

/*
 * Starts the worker of a serving transport, or replaces it: the old one
 * drains.  `memfd` is the sealed copy of the plugin (duplicated), `digest`
 * its SHA-256, `params` its parameters or NULL (borrowed; already checked).
 */
int worker_transport_enable(struct workers *workers, const char *name,
                            int memfd, const struct digest *digest,
                            const json_t *params, struct err *err);
/* Accepts nothing new and ends when its transfers are over; then done(arg),
 * also when it was not enabled.  `done` may be NULL. */
void worker_transport_disable(struct workers *workers, const char *name,
                              void (*done)(void *arg), void *arg);

/* For status: calls fn for each worker process. */
struct worker_status {
    const char *name; /* "http", "unicast" */
    pid_t pid;        /* 0 = waits for its next start */
    bool ready;
    bool draining;
    unsigned restarts;
};
void workers_list(const struct workers *workers,
                  void (*fn)(void *arg, const struct worker_status *status),
                  void *arg);

#endif
