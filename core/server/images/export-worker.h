/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The export worker: a process that opens what is stored of one image and
 * writes its plain content into a pipe.  It sees objects/ and index/ for
 * reading and the pipe; nothing else.
 *
 * Parent -> worker, once, with objects/, index/ and the pipe as descriptors and
 * the site's secret as its bytes:
 *
 *   {"type": "export", "index_root", "epoch", "framed", "offset_bytes",
 *    "length_bytes"}
 *
 * Worker -> parent: {"type": "failed", "code", "message"} if it failed.
 */
#ifndef CORE_SERVER_IMAGES_EXPORT_WORKER_H
#define CORE_SERVER_IMAGES_EXPORT_WORKER_H

#define EXPORT_FD_OBJECTS 0
#define EXPORT_FD_INDEX 1
#define EXPORT_FD_PIPE 2
#define EXPORT_FDS 3

/* The body of `slipwayd worker export`; returns the exit status. */
int export_worker_main(void);

#endif
