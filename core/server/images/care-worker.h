/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The care worker: a process of low priority that reads the object store, to
 * verify images or to collect what nothing names.  It sees the three folders
 * and nothing else, and when it verifies it may not write.
 *
 * Parent -> worker, once, with objects/, index/, manifests/ and a file with the
 * job as descriptors; a struct care_keys as bytes:
 *
 *   {"type": "verify" | "collect", "epoch", "before_s", "dry_run"}
 *
 * The job is a JSON array: of {"id", "manifest", "size_bytes"} to verify, of
 * digests that something names to collect.
 *
 * Worker -> parent: {"type": "progress", "permille"} and {"type": "damage",
 * "image", "what", "offset_bytes", "length_bytes", "message"} from time to time,
 * then {"type": "done", "result": {...}} or {"type": "failed", "code",
 * "message"}.
 */
#ifndef CORE_SERVER_IMAGES_CARE_WORKER_H
#define CORE_SERVER_IMAGES_CARE_WORKER_H

#include "core/util/crypto.h"

#define CARE_FD_OBJECTS 0
#define CARE_FD_INDEX 1
#define CARE_FD_MANIFESTS 2
#define CARE_FD_JOB 3
#define CARE_FDS 4
#define CARE_JOB_MAX_BYTES ((size_t)64 << 20)

/* The bytes of the one message. */
struct care_keys {
    struct secret_key secret; /* the site's */
    struct verify_key verify[2];
};

/* The body of `slipwayd worker care`; returns the exit status. */
int care_worker_main(void);

#endif
