/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A part of a disk as a block device of the kernel, served by this process: so
 * the kernel's own file systems work on it, cannot leave it, and every byte
 * that they write is known.  The server's side of the network block device
 * protocol (NBD, doc/proto.md, transmission phase with simple replies).
 */
#ifndef CORE_ENGINE_CHANGE_BLOCK_SERVER_H
#define CORE_ENGINE_CHANGE_BLOCK_SERVER_H

#include "core/engine/change/ranges.h"

/* Longest read or write of one request; the kernel's are at most 2 MiB. */
#define BLOCK_SERVER_MAX_BYTES (32u << 20)

struct block_server {
    int disk_fd;     /* borrowed; not opened for direct I/O */
    uint64_t offset; /* of the part on the disk, bytes */
    uint64_t length;
    struct change_ranges *changed; /* gets what is written */
};

/*
 * Answers on `socket` until the other side disconnects: 0, or ERR_IO when it
 * does not keep to the protocol or is gone without a word.  Blocks; has a
 * thread of its own.
 */
int block_server_run(const struct block_server *server, int socket,
                     struct err *err);

#endif
