/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sockets that systemd has opened for us (sd_listen_fds(3)), each with its name
 * (FileDescriptorName=), so that slipwayd never needs to be root.
 */
#ifndef CORE_SERVER_SOCKETS_PASSED_H
#define CORE_SERVER_SOCKETS_PASSED_H

#include "core/util/err.h"

#define PASSED_MAX 8
#define PASSED_NAME_BYTES 32

struct passed_sockets {
    size_t count;
    struct {
        char name[PASSED_NAME_BYTES];
        int fd; /* -1 = taken */
    } sockets[PASSED_MAX];
};

/* Reads the environment and removes it there, so that no child reads it too.
 * Before any thread starts.  ERR_INVALID when it contradicts itself. */
int passed_sockets_read(struct passed_sockets *ret, struct err *err);

/* The IPv4 socket of this name and type (SOCK_*), which is the caller's from
 * then on; -1 in *ret_fd = there is none. */
int passed_sockets_take(struct passed_sockets *passed, const char *name,
                        int type, int *ret_fd, struct err *err);

/* ERR_INVALID when one was not taken: its name is wrong, or nothing needs it.
 * Closes what is left. */
int passed_sockets_done(struct passed_sockets *passed, struct err *err);

#endif
