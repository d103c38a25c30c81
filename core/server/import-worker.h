/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The import worker: a process that turns one image, read from a pipe, into
 * objects and an index.  It sees the pipe and two folders, nothing else.
 *
 * Parent -> worker, once, with the pipe, objects/ and index/ as descriptors
 * and the site's secret as its bytes:
 *
 *   {"type": "import", "name", "kind", "size_bytes", "sector_bytes", "epoch"}
 *
 * Worker -> parent: {"type": "progress", "done_bytes", "stored_bytes"} from
 * time to time, then one of
 *
 *   {"type": "imported", "manifest": {...}}   (revision and made_s are not set)
 *   {"type": "failed", "code": -25, "message": "..."}
 */
#ifndef CORE_SERVER_IMPORT_WORKER_H
#define CORE_SERVER_IMPORT_WORKER_H

#include "core/util/macros.h"

#define IMPORT_FD_PIPE 0
#define IMPORT_FD_OBJECTS 1
#define IMPORT_FD_INDEX 2
#define IMPORT_FDS 3

/* The body of `slipwayd worker import`; returns the exit status. */
int import_worker_main(void);

#endif
