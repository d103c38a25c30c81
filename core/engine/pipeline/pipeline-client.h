/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PID 1's side of `slipway-engine pipeline`, the process that holds the index
 * and its keys, loads the transports, fetches, checks, opens and writes.  One
 * process for one device and image; it ends with its job.  Loop thread only.
 *
 * Messages to it: "start", "page", "servers".  From it: "want-page",
 * "progress", "note", "checkpoint", "done".
 */
#ifndef CORE_ENGINE_PIPELINE_PIPELINE_CLIENT_H
#define CORE_ENGINE_PIPELINE_PIPELINE_CLIENT_H

#include <stdbool.h>

#include <jansson.h>

#include "core/image/pipeline.h"
#include "core/util/loop.h"

struct pipeline_client;

struct pipeline_job {
    enum pipeline_mode mode;
    int device_fd;        /* readable, and writable to write; duplicated */
    const char *manifest; /* exact bytes, signature already checked */
    size_t manifest_length;
    const char *device;    /* for sentences: "disk 'vda'"; NULL = a file */
    uint64_t device_bytes; /* how much it holds; 0 = a file: as it is */
    uint32_t sector_bytes; /* its logical sectors; 0 = does not matter */
    const struct pipeline_range *excluded; /* verify: not compared */
    size_t excluded_count;
    /* PIPELINE_RESUME: see pipeline_spec; 0 bytes = none. */
    const void *checkpoint;
    size_t checkpoint_length;
    const char *const *transports; /* names in order of preference */
    size_t transport_count;
    const char *const *servers; /* "10.0.0.1:7080": HTTP ports */
    size_t server_count;
    const char *plugin_dir; /* <dir>/<machine>/transport/<name>.so */
};

struct pipeline_client_handlers {
    /* Answer with pipeline_client_page, now or later: the exact plain bytes
     * of the index root or page of this name. */
    void (*want_page)(void *arg, const struct digest *digest);
    void (*progress)(void *arg, const struct pipeline_progress *progress);
    /* A sentence for the console: "server 10.0.0.1 does not answer, trying
     * again". */
    void (*note)(void *arg, unsigned level, const char *text);
    /* What is written and synced by now, every few seconds; borrowed. */
    void (*checkpoint)(void *arg, const void *data, size_t length);
    /* The end, once: 0 and result (borrowed JSON object: bytes_total,
     * bytes_written, bytes_kept, bytes_compared, bytes_fetched,
     * objects_refused), or a code and a sentence.  Free the client from here or
     * later. */
    void (*done)(void *arg, int code, const char *sentence,
                 const json_t *result);
};

/* Starts the process (/proc/self/exe).  Copies what it needs of `job`. */
struct pipeline_client *
pipeline_client_start(struct loop *loop, const struct pipeline_job *job,
                      const struct pipeline_client_handlers *handlers,
                      void *arg, struct err *err);
/* Ends the process when it still runs: a cancel.  The device keeps whole
 * sectors of the old or new content.  `done` is not called. */
void pipeline_client_free(struct pipeline_client *client);
/* code != 0: the page cannot be had; the job fails with `sentence`. */
void pipeline_client_page(struct pipeline_client *client,
                          const struct digest *digest, int code,
                          const char *sentence, const void *data,
                          size_t length);
/* The server list has changed. */
void pipeline_client_servers(struct pipeline_client *client,
                             const char *const *servers, size_t count);

#endif
