/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The import worker: a process that turns one image, read from a pipe, into
 * objects and an index.  It sees the pipe, two folders and, when the import can
 * be interrupted, a file of its own (the journal of a raw image, the spool of
 * another format); nothing else.
 *
 * Parent -> worker, once, with the pipe, objects/, index/ and perhaps that file
 * as descriptors and the site's secret as its bytes:
 *
 *   {"type": "import", "name", "kind", "format", "size_bytes", "sector_bytes",
 *    "epoch"}                               (size_bytes: of what is sent)
 *
 * Worker -> parent: with a file {"type": "begun", "offset_bytes"}, the rest is
 * wanted from there; {"type": "progress", "done_bytes", "stored_bytes",
 * "size_bytes"} from time to time; then one of
 *
 *   {"type": "imported", "manifest": {...}}   (revision and made_s are not set)
 *   {"type": "kept", "offset_bytes", "message": "..."}    (the pipe ended early)
 *   {"type": "failed", "code": -25, "message": "..."}
 */
#ifndef CORE_SERVER_IMAGES_IMPORT_WORKER_H
#define CORE_SERVER_IMAGES_IMPORT_WORKER_H

#include "core/util/macros.h"

#define IMPORT_FD_PIPE 0
#define IMPORT_FD_OBJECTS 1
#define IMPORT_FD_INDEX 2
#define IMPORT_FD_STATE 3 /* only when the import can be interrupted */
#define IMPORT_FDS 4

/* The body of `slipwayd worker import`; returns the exit status. */
int import_worker_main(void);

#endif
