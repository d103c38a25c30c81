/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a worker process gives up before it looks at anything from outside:
 * new privileges, being traced or dumped, resources without end, files that
 * it was not given, and system calls that it has no use for.  Works without
 * privileges; there is no way back.
 *
 * A forbidden system call that only an attacker would make (executing,
 * tracing, mounting, a socket of another family) kills the process; one that
 * is merely unknown fails with ENOSYS, so that a newer libc falls back.
 */
#ifndef CORE_SERVER_WORKERS_SANDBOX_H
#define CORE_SERVER_WORKERS_SANDBOX_H

#include <stdbool.h>
#include <stdint.h>

#include "core/util/err.h"

struct sandbox_spec {
    /* Folders (descriptors) below which files may be opened for reading, and
     * below which they may be made, written, renamed and removed.  Both end
     * with -1; NULL = none.  Descriptors that are open already stay usable. */
    const int *read_dirs;
    const int *write_dirs;
    bool threads;              /* may start threads */
    bool internet;             /* may make AF_INET sockets */
    uint64_t max_files;        /* open descriptors */
    uint64_t max_memory_bytes; /* address space; 0 = no limit */
};

/* Call while the process has one thread.  Without Landlock in the kernel the
 * file rules are left out, which is logged at debug. */
int sandbox_enter(const struct sandbox_spec *spec, struct err *err) MUST_CHECK;

#endif
